"""Where a security group is applied, and what the tags that depend on it mean there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, summarize_address_range

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.network_security_group import tags
from lazulite.services.network_security_group.terms import read_prefix
from lazulite.services.route_table.model import RouteTable
from lazulite.services.virtual_network.model import Subnet, VirtualNetwork
from lazulite.services.virtual_network.peering import peers
from lazulite.values import EVERYWHERE_4, EVERYWHERE_6, IPNetwork

NOWHERE = tuple(
    IPv4Network(p)
    for p in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
"""Private and special space, which is not the Internet whoever has it. Source: "Diagnose a virtual machine network
traffic filter problem", the prefixes of AllowInternetOutBound and the denial of 172.31.0.100."""


class Place(msgspec.Struct, frozen=True):
    """A subnet, seen by the rules that guard it."""

    network: str
    """Id key of the virtual network."""
    virtual_network: tuple[IPNetwork, ...]
    """The tag ``VirtualNetwork``."""
    internet: tuple[IPNetwork, ...]
    """The tag ``Internet``."""

    def expand(self, tag: str) -> tuple[IPNetwork, ...]:
        """The prefixes of a tag in Azure's spelling."""
        if tag == tags.VIRTUAL_NETWORK:
            return self.virtual_network
        return self.internet if tag == tags.INTERNET else tags.prefixes(tag)


def place(view: View, subnet_key: str) -> Place:
    """The tag ``VirtualNetwork`` is the network's own space, that of the connected peers it may reach, the platform's
    address and every prefix of the subnet's user routes; ``Internet`` is all the rest but :data:`NOWHERE`.
    Source: "Virtual network service tags", notes on VirtualNetwork and Internet."""
    subnet = view.get(subnet_key, Subnet)
    network = view.get(ResourceId(subnet_key).parent, VirtualNetwork)
    inside = [tags.WIRE_SERVER, *_routed(subnet, view)]
    if network is not None:
        inside += network.properties.prefixes
        inside += [prefix for peer in peers(network, view) if peer.access for prefix in peer.prefixes]
    own = collapsed(inside)
    return Place(ResourceId(subnet_key).parent.key, own, tuple(complement((*own, *NOWHERE))))


def _routed(subnet: Resource[Subnet] | None, view: View) -> Iterator[IPNetwork]:
    table = view.get(subnet.properties.route_table, RouteTable) if subnet is not None else None
    for route in table.properties.routes if table is not None else ():
        text = route.properties.address_prefix or ""
        prefix = read_prefix(text)
        yield from (prefix,) if prefix is not None else tags.prefixes(tags.canonical(text) or "")


def collapsed(prefixes: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    """The fewest prefixes that cover the same addresses, IPv4 first."""
    every = tuple(prefixes)
    four = collapse_addresses(p for p in every if isinstance(p, IPv4Network))
    six = collapse_addresses(p for p in every if isinstance(p, IPv6Network))
    return (*four, *six)


def complement(prefixes: Iterable[IPNetwork]) -> Iterator[IPNetwork]:
    """The fewest prefixes that cover all other addresses of both IP versions."""
    every = tuple(prefixes)
    for first, last in _gaps((p for p in every if p.version == 4), EVERYWHERE_4):
        yield from summarize_address_range(IPv4Address(first), IPv4Address(last))
    for first, last in _gaps((p for p in every if p.version == 6), EVERYWHERE_6):
        yield from summarize_address_range(IPv6Address(first), IPv6Address(last))


def _gaps(prefixes: Iterable[IPNetwork], whole: IPNetwork) -> Iterator[tuple[int, int]]:
    """First and last address of every stretch of *whole* that no prefix covers."""
    free = int(whole.network_address)
    for first, last in sorted((int(p.network_address), int(p.broadcast_address)) for p in prefixes):
        if free < first:
            yield free, first - 1
        free = max(free, last + 1)
    if free <= int(whole.broadcast_address):
        yield free, int(whole.broadcast_address)
