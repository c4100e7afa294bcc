"""Rules of access lists that decide nothing: exact, over all addresses, protocols and ports there are.

A rule is a union of boxes: sources, destinations and ports are intervals. Which other rules would decide its packets is
found by cutting one dimension after the other where any of them begins or ends, until the first of those left takes all
that remains of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from lazulite.forwarding.model import AccessList, Action, Rule
from lazulite.values import IPAddress, IPNetwork, PortRange, Protocol

_Interval: TypeAlias = tuple[int, int]
"""The first and the last."""
_Box: TypeAlias = tuple[tuple[_Interval, ...], ...]
"""Sources, destinations, source ports, destination ports: each in order and disjoint."""
Members: TypeAlias = Mapping[str, frozenset[IPAddress]]

_ADDRESSES: dict[int, tuple[_Interval, ...]] = {4: ((0, (1 << 32) - 1),), 6: ((0, (1 << 128) - 1),)}
_PORTS: tuple[_Interval, ...] = ((0, 65535),)


class Kind(StrEnum):
    """Why a rule decides nothing, or nothing that others would not."""

    SHADOWED = "shadowed"
    """Rules before it take all its packets."""
    REDUNDANT = "redundant"
    """Without it other rules would say the same of all its packets."""
    EMPTY = "empty"
    """There is no packet that it could match: its address sets have no members."""


class Idle(msgspec.Struct, frozen=True):
    """A rule, by its origin, that could go. ``by`` are the origins of those that decide instead, in their order."""

    origin: str
    kind: Kind
    by: tuple[str, ...]


def idle_rules(
    lists: Sequence[AccessList], members: Callable[[AccessList], Members], mine: Callable[[Rule], bool]
) -> list[Idle]:
    """Of the rules that are *mine*, those that could go from all of *lists*, all of them together, and no packet would
    fare otherwise. *lists* are one group's for one direction, each in another place.

    Of two rules that say the same the one that comes later is told.
    """
    places = [_Place(each, members(each)) for each in lists]
    origins = list(dict.fromkeys(r.origin for each in lists for r in each.rules if mine(r)))
    found = [_told(origin, places, _shadowed) for origin in origins]
    gone = {each.origin for each in found if each is not None}
    for place in places:
        place.without(gone)
    for origin in reversed([o for o in origins if o not in gone]):
        idle = _told(origin, places, _redundant)
        if idle is not None:
            found.append(idle)
            for place in places:
                place.without({origin})
    return [each for each in found if each is not None]


class _Place:
    """One list, and what is left of it."""

    def __init__(self, access_list: AccessList, members: Members) -> None:
        self._members = members
        self.rules = access_list.rules
        self._boxes: dict[tuple[int, Protocol], dict[int, _Box]] = {}
        self._left = set(range(len(self.rules)))

    def without(self, origins: set[str]) -> None:
        self._left = {i for i in self._left if self.rules[i].origin not in origins}

    def lines(self, origin: str) -> Iterator[int]:
        return (i for i in sorted(self._left) if self.rules[i].origin == origin)

    def heirs(self, line: int) -> set[int]:
        """Which rules come first for the packets of one without those of its origin; past the last is none."""
        origin = self.rules[line].origin
        found: set[int] = set()
        for version in (4, 6):
            for protocol in Protocol:
                boxes = self._boxes_of(version, protocol)
                mine = boxes.get(line)
                if mine is not None:
                    others = {
                        i: box
                        for i, box in boxes.items()
                        if i in self._left and self.rules[i].origin != origin and _meet(mine, box)
                    }
                    everything = (_ADDRESSES[version], _ADDRESSES[version], _PORTS, _PORTS)
                    found |= _first(mine, others | {len(self.rules): everything})
        return found

    def _boxes_of(self, version: int, protocol: Protocol) -> dict[int, _Box]:
        """What each rule matches of one IP version and protocol, where it matches anything."""
        key = version, protocol
        if key not in self._boxes:
            every = ((i, _box(rule, version, protocol, self._members)) for i, rule in enumerate(self.rules))
            self._boxes[key] = {i: box for i, box in every if box is not None}
        return self._boxes[key]

    def action(self, line: int) -> Action:
        return self.rules[line].action if line < len(self.rules) else Action.DENY

    def origin(self, line: int) -> str:
        return self.rules[line].origin if line < len(self.rules) else ""


def _told(origin: str, places: Sequence[_Place], judge: Callable[[_Place, int, set[int]], Kind | None]) -> Idle | None:
    """What *judge* says of all lines of a rule in all places, if it says something of each."""
    kinds: set[Kind] = set()
    by: dict[str, None] = {}
    for place in places:
        for line in place.lines(origin):
            heirs = place.heirs(line)
            kind = judge(place, line, heirs)
            if kind is None:
                return None
            kinds.add(kind)
            by |= dict.fromkeys(place.origin(h) for h in sorted(heirs))
    worst = next((k for k in (Kind.REDUNDANT, Kind.SHADOWED, Kind.EMPTY) if k in kinds), None)
    return Idle(origin, worst, tuple(filter(None, by))) if worst is not None else None


def _shadowed(place: _Place, line: int, heirs: set[int]) -> Kind | None:
    if not heirs:
        return Kind.EMPTY
    return Kind.SHADOWED if max(heirs) < line else None


def _redundant(place: _Place, line: int, heirs: set[int]) -> Kind | None:
    later = (h for h in heirs if h > line)
    return Kind.REDUNDANT if all(place.action(h) is place.action(line) for h in later) else None


def _first(mine: _Box, others: Mapping[int, _Box]) -> set[int]:
    """Which of *others*, of which the last takes everything, come first for some packet of *mine*."""
    order = sorted(others)
    covered = {i: [_within(m, o) for m, o in zip(mine, others[i], strict=True)] for i in order}
    known: dict[tuple[int, tuple[int, ...]], frozenset[int]] = {}

    def search(depth: int, left: tuple[int, ...]) -> frozenset[int]:
        head = left[0]
        if all(covered[head][depth:]):
            return frozenset({head})
        found = known.get((depth, left))
        if found is None:
            parts = set(_parts(mine[depth], [(i, others[i][depth]) for i in left]))
            found = known[depth, left] = frozenset().union(*(search(depth + 1, part) for part in parts))
        return found

    return set(search(0, tuple(order)))


def _parts(mine: Sequence[_Interval], others: Iterable[tuple[int, Sequence[_Interval]]]) -> Iterator[tuple[int, ...]]:
    """For each stretch of *mine* that none of *others* divides, those that hold it, in order."""
    cuts: list[tuple[int, int, int]] = []
    for number, intervals in others:
        cuts += [cut for first, last in intervals for cut in ((first, 1, number), (last + 1, -1, number))]
    cuts.sort()
    holders: set[int] = set()
    ends = [*(position for position, _, _ in cuts[1:]), None]
    at = iter(mine)
    current = next(at, None)
    for (position, change, number), end in zip(cuts, ends, strict=True):
        (holders.add if change > 0 else holders.discard)(number)
        while current is not None and current[1] < position:
            current = next(at, None)
        if current is None or end is None:
            return
        if end > position and current[0] < end:
            yield tuple(sorted(holders))


def _meet(one: _Box, other: _Box) -> bool:
    """Whether the hulls of two boxes have a packet in common."""
    sides = zip(one, other, strict=True)
    return all(mine[0][0] <= theirs[-1][1] and theirs[0][0] <= mine[-1][1] for mine, theirs in sides)


def _within(inner: Sequence[_Interval], outer: Sequence[_Interval]) -> bool:
    return all(any(o[0] <= i[0] and i[1] <= o[1] for o in outer) for i in inner)


def _box(rule: Rule, version: int, protocol: Protocol, members: Members) -> _Box | None:
    """What the rule matches of one IP version and protocol; ``None`` where that is nothing."""
    if rule.protocol not in (None, protocol) or (rule.needs_ports and not protocol.has_ports):
        return None
    sources = _addresses(rule.sources, rule.source_sets, version, members)
    destinations = _addresses(rule.destinations, rule.destination_sets, version, members)
    if not sources or not destinations:
        return None
    if not protocol.has_ports:
        return sources, destinations, _PORTS, _PORTS
    return sources, destinations, _port_intervals(rule.source_ports), _port_intervals(rule.destination_ports)


def _addresses(
    prefixes: Sequence[IPNetwork], sets: Sequence[str], version: int, members: Members
) -> tuple[_Interval, ...]:
    if not prefixes and not sets:
        return _ADDRESSES[version]
    found = [(int(p.network_address), int(p.broadcast_address)) for p in prefixes if p.version == version]
    found += [(int(a), int(a)) for s in sets for a in members.get(s, ()) if a.version == version]
    return _merged(found)


def _port_intervals(ranges: Sequence[PortRange]) -> tuple[_Interval, ...]:
    return _merged([(r.first, r.last) for r in ranges]) if ranges else _PORTS


def _merged(intervals: Iterable[_Interval]) -> tuple[_Interval, ...]:
    """In order; overlapping and neighbouring ones as one."""
    found: list[_Interval] = []
    for first, last in sorted(intervals):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)
