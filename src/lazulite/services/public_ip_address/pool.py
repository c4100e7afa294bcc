"""Where public addresses come from: the lowest free one of the lab's pool, so that equal labs look equal.

One pool serves public addresses and prefixes, the default outbound address of each virtual network and the lab's
clients. Everything here is a pure question to the stored resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias

from lazulite.resources.view import View
from lazulite.services.geography import SERVICES_4, SERVICES_6
from lazulite.services.lab.model import Client
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import VirtualNetwork
from lazulite.values import IPAddress, IPNetwork, host_prefix

_Range: TypeAlias = tuple[int, int]
"""First and last address, as numbers."""


def free_address(lab: Lab, view: View, version: int, beside: Iterable[IPAddress] = ()) -> IPAddress | None:
    """The lowest public address that nobody holds and is not in *beside*; ``None`` when the pool is used up."""
    block = free_prefix(lab, view, version, 32 if version == 4 else 128, beside)
    return block.network_address if block is not None else None


def free_prefix(lab: Lab, view: View, version: int, length: int, beside: Iterable[IPAddress] = ()) -> IPNetwork | None:
    """The lowest aligned prefix of *length* in which nobody holds an address and none of *beside* is."""
    taken = sorted(_range(p) for p in (*_held(view), *map(host_prefix, beside)) if p.version == version)
    for space in (p for p in map(ip_network, lab.public_pool) if p.version == version):
        edges = [(int(e), int(e)) for e in (space.network_address, space.broadcast_address)]
        found = _gap(space, sorted([*taken, *edges]), length)
        if found is not None:
            return found
    return None


def free_within(prefix: IPNetwork, view: View) -> IPAddress | None:
    """The lowest address of a public prefix that no public address of it holds."""
    held = (a for a in _addresses(view) if a in prefix)
    found = _gap(prefix, sorted((int(a), int(a)) for a in held), prefix.max_prefixlen)
    return found.network_address if found is not None else None


def _held(view: View) -> Iterator[IPNetwork]:
    """Everything that is not to be given out, among it the half of the pool where simulated services answer."""
    yield from (SERVICES_4, SERVICES_6)
    yield from map(host_prefix, _addresses(view))
    yield from (p.properties.held_prefix for p in view.all(PublicIPPrefix) if p.properties.held_prefix is not None)


def _addresses(view: View) -> Iterator[IPAddress]:
    public = (a.properties.held_address for a in view.all(PublicIPAddress))
    clients = (c.properties.ip_address for c in view.all(Client))
    outbound = (v.properties.default_outbound_address for v in view.all(VirtualNetwork))
    return (a for every in (public, clients, outbound) for a in every if a is not None)


def _range(prefix: IPNetwork) -> _Range:
    return int(prefix.network_address), int(prefix.broadcast_address)


def _gap(space: IPNetwork, taken: Iterable[_Range], length: int) -> IPNetwork | None:
    """The lowest prefix of *length* in *space* that meets none of the sorted ranges."""
    size = 1 << (space.max_prefixlen - length)
    first = int(space.network_address)
    for low, high in taken:
        if first + size <= low:
            break
        if high >= first:
            first = -(-(high + 1) // size) * size
    if length < space.prefixlen or first + size - 1 > int(space.broadcast_address):
        return None
    if isinstance(space, IPv4Network):
        return IPv4Network((IPv4Address(first), length))
    return IPv6Network((IPv6Address(first), length))
