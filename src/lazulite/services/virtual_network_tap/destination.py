"""Where the copies of a TAP arrive: what its two kinds of destination have in common."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.model import FrontendIPConfiguration
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface, Subnet, VirtualNetwork
from lazulite.services.virtual_network.peering import peers
from lazulite.services.virtual_network_tap.model import TapConfiguration, VirtualNetworkTap
from lazulite.values import IPAddress


class Destination(msgspec.Struct, frozen=True):
    """An address in a virtual network."""

    network: Resource[VirtualNetwork]
    address: IPAddress


def destination(tap: VirtualNetworkTap, view: View) -> Destination | None:
    """``None`` while there is none, or one without a private address."""
    collector = view.get(tap.destination_configuration, IpConfiguration)
    frontend = view.get(tap.destination_frontend, FrontendIPConfiguration)
    found = collector or frontend
    if found is None or found.properties.private_ip_address is None:
        return None
    network = _network(found.properties.subnet, view)
    return Destination(network, found.properties.private_ip_address) if network is not None else None


def network_of(nic: Resource[NetworkInterface], view: View) -> Resource[VirtualNetwork] | None:
    """The virtual network that an interface is in."""
    first = nic.properties.primary_configuration
    return _network(first.subnet, view) if first is not None else None


def _network(subnet: Ref | None, view: View) -> Resource[VirtualNetwork] | None:
    found = view.get(subnet, Subnet)
    return view.parent(found, VirtualNetwork) if found is not None else None


def reaches(source: Resource[VirtualNetwork], target: Resource[VirtualNetwork], view: View) -> bool:
    """Whether copies may go from one network to the other: it is the same one, or a peer."""
    return source.id == target.id or any(p.remote.id == target.id for p in peers(source, view))


def configurations(nic: Resource[NetworkInterface], view: View) -> Iterator[Resource[TapConfiguration]]:
    """The tap configurations of an interface, which stand below it."""
    return (c for c in view.all(TapConfiguration) if c.id.parent == nic.id)
