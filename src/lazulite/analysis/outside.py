"""The Internet in parts that no rule and no route tells apart, each with a host that stands for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, collapse_addresses, ip_network, summarize_address_range
from typing import Any, TypeAlias

import msgspec

from lazulite.forwarding.model import (
    AccessList,
    ForwardingModel,
    Frontend,
    GlobalRule,
    InternetHost,
    Port,
    RouteTable,
    SourceNat,
    Vrf,
)
from lazulite.values import IPAddress, IPNetwork, host_prefix

_INTERNET: dict[int, tuple[IPNetwork, ...]] = {4: (ip_network("0.0.0.0/0"),), 6: (ip_network("2000::/3"),)}
_NOT_INTERNET: tuple[IPNetwork, ...] = (
    ip_network("0.0.0.0/8"),
    ip_network("10.0.0.0/8"),
    ip_network("100.64.0.0/10"),
    ip_network("127.0.0.0/8"),
    ip_network("169.254.0.0/16"),
    ip_network("172.16.0.0/12"),
    ip_network("192.0.0.0/24"),
    ip_network("192.168.0.0/16"),
    ip_network("224.0.0.0/3"),
    ip_network("168.63.129.16/32"),
)
"""Never a host out there: special-purpose addresses (RFC 6890) and the platform's own
("What is IP address 168.63.129.16?")."""
_OUT = -1

_Cut: TypeAlias = tuple[int, int, int]
"""Position, +1 or -1, and which side begins or ends there."""


class Part(msgspec.Struct, frozen=True):
    """Addresses that all fare alike, and one of them as a host."""

    prefixes: tuple[IPNetwork, ...]
    host: InternetHost

    @property
    def size(self) -> int:
        return sum(p.num_addresses for p in self.prefixes)


def parts(models: Sequence[ForwardingModel]) -> list[Part]:
    """The Internet as all of *models* see it, the largest part first. A host that all have stands for its part."""
    versions = sorted({a.version for m in models for p in m.all(Port).values() for a in p.addresses})
    sides = set().union(*map(_sides, models))
    taken = [*_NOT_INTERNET, *(p for m in models for p in _inside(m))]
    shared = _shared_hosts(models)
    found = [
        part
        for version in versions
        for prefixes in _alike(version, sides, taken)
        if (part := _represented(prefixes, shared)) is not None
    ]
    return sorted(found, key=lambda part: (part.prefixes[0].version, -part.size, part.host.addresses[0]))


def _sides(model: ForwardingModel) -> set[tuple[IPNetwork, ...]]:
    """Every set of prefixes that something of the model asks an address about."""
    rules = [r for a in model.all(AccessList).values() for r in a.rules]
    routes = [r.prefix for t in model.all(RouteTable).values() for r in t.routes]
    return {r.sources for r in rules} | {r.destinations for r in rules} | {(p,) for p in routes}


def _inside(model: ForwardingModel) -> Iterator[IPNetwork]:
    """What is a network's own: its prefixes and the public addresses that lead into it."""
    for vrf in model.all(Vrf).values():
        yield from vrf.prefixes
        if vrf.default_snat is not None:
            yield host_prefix(vrf.default_snat)
    yield from (host_prefix(pair.public) for port in model.all(Port).values() for pair in port.public)
    yield from (host_prefix(found.address) for found in model.all(Frontend).values())
    yield from (host_prefix(found.address) for found in model.all(GlobalRule).values())
    yield from (host_prefix(address) for nat in model.all(SourceNat).values() for address in nat.addresses)


def _shared_hosts(models: Sequence[ForwardingModel]) -> dict[IPAddress, InternetHost]:
    first, *rest = (m.all(InternetHost) for m in models)
    same = (h for name, h in sorted(first.items()) if all(m.get(name) == h for m in rest))
    return {h.addresses[0]: h for h in same if h.addresses}


def _alike(
    version: int, sides: Iterable[tuple[IPNetwork, ...]], taken: Iterable[IPNetwork]
) -> Iterator[tuple[IPNetwork, ...]]:
    """The Internet's addresses of that version, by which of *sides* hold them."""
    cuts: list[_Cut] = []
    for number, side in enumerate(sorted(sides, key=str)):
        cuts += _cuts(number, [p for p in side if p.version == version])
    cuts += _cuts(_OUT, [p for p in taken if p.version == version])
    whole = _cuts(len(cuts), _INTERNET[version])
    groups: dict[frozenset[int], list[tuple[int, int]]] = {}
    for first, last, holders in _intervals(sorted([*cuts, *whole])):
        if len(cuts) in holders and _OUT not in holders:
            groups.setdefault(holders, []).append((first, last))
    yield from (tuple(_prefixes(version, intervals)) for intervals in groups.values())


def _cuts(number: int, prefixes: Iterable[Any]) -> list[_Cut]:
    found = list(collapse_addresses(prefixes))
    return [
        cut for p in found for cut in ((int(p.network_address), 1, number), (int(p.broadcast_address) + 1, -1, number))
    ]


def _intervals(cuts: Sequence[_Cut]) -> Iterator[tuple[int, int, frozenset[int]]]:
    """First and last address between neighbouring cuts, and the sides that hold them."""
    open_sides: set[int] = set()
    at = 0
    for position, change, number in cuts:
        if position > at and open_sides:
            yield at, position - 1, frozenset(open_sides)
        at = position
        (open_sides.add if change > 0 else open_sides.discard)(number)


def _prefixes(version: int, intervals: Iterable[tuple[int, int]]) -> Iterator[IPNetwork]:
    address: type[IPv4Address] | type[IPv6Address] = IPv4Address if version == 4 else IPv6Address
    for first, last in intervals:
        yield from summarize_address_range(address(first), address(last))


def _represented(prefixes: tuple[IPNetwork, ...], hosts: dict[IPAddress, InternetHost]) -> Part | None:
    """The part with a host for it: one of *hosts* that is in it, else one made up in its largest prefix."""
    known = next((h for a, h in hosts.items() if any(a in p for p in prefixes)), None)
    if known is not None:
        return Part(prefixes, known)
    largest = max(prefixes, key=lambda p: p.num_addresses)
    address = largest.network_address + (largest.num_addresses > 1)
    return Part(prefixes, InternetHost(f"internet|{address}", "Internet", "", (address,)))
