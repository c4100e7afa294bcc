"""What a virtual network can resolve: linked zones, its own machines, addresses the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from lazulite.forwarding.domain import encode, reverse
from lazulite.forwarding.model import PlatformResolver, RecordSet, Zone, ZoneLink
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.naming import owner
from lazulite.services.dns.platform import infrastructure
from lazulite.services.dns.records import PrivateSoa
from lazulite.services.private_dns.assign import HOST
from lazulite.services.private_dns.model import REGISTERED_TTL_S, PrivateZone, VirtualNetworkLink
from lazulite.services.private_dns.registration import Host, host, live, manual, registration
from lazulite.services.virtual_network.model import NetworkInterface, VirtualNetwork, internal_domain

_RESOLVER = ip_address("168.63.129.16")
_REVERSE = {4: "in-addr.arpa", 6: "ip6.arpa"}
_SOA_TTL_S = 3600


def network(vnet: Resource[VirtualNetwork], view: View) -> Iterator[Any]:
    """The platform's resolver, and the zones that every network has. Source: "What is IP address 168.63.129.16?";
    "Name resolution for resources in Azure virtual networks", Azure-provided name resolution."""
    view.demand(infrastructure)
    key, origin = vnet.id.key, vnet.id.text
    yield PlatformResolver(key, key, _RESOLVER, vnet.properties.default_outbound_address, origin)
    for kind, fqdn in (("internal", internal_domain(vnet.guid)), *(("reverse", r) for r in _REVERSE.values())):
        name = f"{kind}|{fqdn}|{key}"
        yield Zone(name, fqdn, origin=origin)
        yield RecordSet(f"{name}|SOA", name, "", "SOA", _SOA_TTL_S, (PrivateSoa(host=HOST).rdata(),), origin=origin)
        yield ZoneLink(name, key, name, fallback=kind == "reverse", origin=origin)


def zone(found: Resource[PrivateZone], view: View) -> Iterable[Zone]:
    yield Zone(found.id.key, found.id.name.lower(), origin=found.id.text)


def link(found: Resource[VirtualNetworkLink], view: View) -> Iterable[ZoneLink]:
    """Source: "Fallback to internet for Azure Private DNS zones", for the resolution policy."""
    vnet = live(found, view)
    if vnet is not None:
        fallback = found.properties.resolution_policy == "NxDomainRedirect"
        yield ZoneLink(found.id.key, vnet.id.key, found.id.parent.key, fallback, found.id.text)


def record_set(found: Resource[Any], view: View) -> Iterable[RecordSet]:
    properties = found.properties
    records = tuple(r.rdata() for r in properties.held)
    if records:
        name, of = found.id.key, found.id.parent.key
        ttl = properties.ttl or 0
        yield RecordSet(name, of, owner(found.id), properties.rtype, ttl, records, origin=found.id.text)


def machine(nic: Resource[NetworkInterface], view: View) -> Iterator[RecordSet]:
    """The names of a machine: the platform's, that of the registration zone, and both for its address.

    Source: "Azure DNS private zones scenarios", name resolution within a virtual network and across them.
    """
    found = host(nic, view)
    if found is None:
        return
    domain = internal_domain(found.guid)
    names = [f"{found.label}.{domain}"]
    yield _address(f"internal|{domain}|{found.network.key}", found)
    private = registration(found.network, found.guid, view)
    if private is not None:
        names.append(f"{found.label}.{private.id.name}")
        if found.address.version == 4 and not manual(private.id, found.label, view):
            yield _address(private.id.key, found)
    suffix = _REVERSE[found.address.version]
    of, label = f"reverse|{suffix}|{found.network.key}", reverse(found.address).removesuffix(f".{suffix}")
    pointers = tuple(encode(n) for n in names)
    yield RecordSet(f"{of}|{label}", of, label, "PTR", REGISTERED_TTL_S, pointers, origin=found.origin)


def _address(of: str, found: Host) -> RecordSet:
    rtype, records = "A" if found.address.version == 4 else "AAAA", (found.address.packed,)
    name = f"{of}|registered|{found.label}|{rtype}"
    return RecordSet(name, of, found.label, rtype, REGISTERED_TTL_S, records, origin=found.origin)
