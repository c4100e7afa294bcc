"""A NAT gateway as the forwarding model sees it: source translation for the prefixes of its subnets."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from lazulite.forwarding.model import SourceNat
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.nat_gateway.model import UDP_IDLE_MINUTES, NatGateway
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.virtual_network.model import Subnet
from lazulite.values import IPNetwork


def gateway(resource: Resource[NatGateway], view: View) -> Iterable[SourceNat]:
    """One translation for each network that has a subnet with it, which validation holds to one.

    A gateway without an address translates nothing.
    """
    found = addresses(resource, view)
    served: dict[str, list[IPNetwork]] = {}
    for subnet in view.referrers(resource.id, Subnet):
        served.setdefault(subnet.id.parent.key, []).extend(p for p in subnet.properties.prefixes if p.version == 4)
    for vnet, prefixes in sorted(served.items()) if found else ():
        yield SourceNat(
            f"{resource.id.key}|{vnet}",
            resource.id.name,
            vnet,
            found,
            prefixes=tuple(sorted(prefixes, key=lambda p: (int(p.network_address), p.prefixlen))),
            tcp_idle_s=resource.properties.idle_timeout * 60,
            udp_idle_s=UDP_IDLE_MINUTES * 60,
            origin=resource.id.text,
        )


def addresses(resource: Resource[NatGateway], view: View) -> tuple[IPv4Address, ...]:
    """The gateway's public addresses; a prefix is used whole. Source: "NAT gateway resource", public IP prefixes."""
    single = (view.get(ref, PublicIPAddress) for ref in resource.properties.public_ip_addresses)
    whole = (view.get(ref, PublicIPPrefix) for ref in resource.properties.public_ip_prefixes)
    found = [a.properties.held_address for a in single if a is not None]
    found += [a for p in whole if p is not None for a in p.properties.held_prefix or ()]
    return tuple(a for a in found if isinstance(a, IPv4Address))
