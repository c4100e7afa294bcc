"""Which machine of which network has a name by itself, and in which zones."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.private_dns.model import ASet, PrivateZone, VirtualNetworkLink
from lazulite.services.virtual_network.model import NetworkInterface, Subnet, VirtualNetwork
from lazulite.values import IPAddress

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class Host(msgspec.Struct, frozen=True):
    """A machine by its primary interface. ``label`` is its host name in lower case."""

    label: str
    address: IPAddress
    network: ResourceId
    guid: str
    """Of the network."""
    origin: str


def host(nic: Resource[NetworkInterface], view: View) -> Host | None:
    """The machine that *nic* is the primary interface of, if its name can be one in the DNS.

    Source: "What is the auto registration feature in Azure DNS private zones?"; the name stands until the machine is
    deleted.
    """
    machine = next(iter(view.referrers(nic.id, VirtualMachine)), None)
    if machine is None:
        return None
    primary, profile = machine.properties.network_profile.primary, machine.properties.os_profile
    label = ((profile.computer_name if profile is not None else None) or machine.id.name).lower()
    if primary is None or primary.id.target != nic.id or not _LABEL.fullmatch(label):
        return None
    return _placed(nic, label, machine.id.text, view)


def _placed(nic: Resource[NetworkInterface], label: str, origin: str, view: View) -> Host | None:
    """The subnet knows its network's guid: so an edit of another subnet is no news for this machine."""
    first = nic.properties.primary_configuration
    if first is None or first.private_ip_address is None:
        return None
    subnet = view.get(first.subnet, Subnet)
    if subnet is None:
        return None
    return Host(label, first.private_ip_address, subnet.id.parent, subnet.guid, origin)


def live(link: Resource[VirtualNetworkLink], view: View) -> Resource[VirtualNetwork] | None:
    """The network of a link, if it is still the one that was linked."""
    network = view.get(link.properties.virtual_network, VirtualNetwork)
    guid = link.properties.network_guid
    return network if network is not None and guid in (None, network.guid) else None


def registration(network: ResourceId, guid: str, view: View) -> Resource[PrivateZone] | None:
    """The zone that the machines of a network are registered in."""
    for link in view.referrers(network, VirtualNetworkLink):
        if link.properties.registration_enabled and link.properties.network_guid in (None, guid):
            return view.parent(link, PrivateZone)
    return None


def manual(zone: ResourceId, label: str, view: View) -> bool:
    """Whether the user has written that name, which stands then. Source: the same."""
    return view.get(zone.child("A", label), ASet) is not None


def registered(zone: Resource[PrivateZone], view: View) -> Iterator[Host]:
    """Every machine that has a name in *zone* by itself."""
    found: dict[str, Host] = {}
    for link in view.all(VirtualNetworkLink):
        if link.id.parent == zone.id and link.properties.registration_enabled:
            network = live(link, view)
            for each in _hosts(network, view) if network is not None else ():
                if not manual(zone.id, each.label, view):
                    found.setdefault(each.label, each)
    return iter(sorted(found.values(), key=lambda h: h.label))


def _hosts(network: Resource[VirtualNetwork], view: View) -> Iterator[Host]:
    for nic in view.all(NetworkInterface):
        found = host(nic, view)
        if found is not None and found.network == network.id and found.address.version == 4:
            yield found
