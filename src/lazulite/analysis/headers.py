"""Header space over protocol and ports: what a row of access lists lets through, as disjoint regions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import TypeVar

import msgspec

from lazulite.analysis.answers import Disposition
from lazulite.analysis.matcher import Matcher, cuts
from lazulite.forwarding.model import Action
from lazulite.values import ALL_PORTS, PortRange, Protocol

EPHEMERAL = 49152
"""Source port of a witness wherever its region allows it: the first of the dynamic range (RFC 6335)."""


class Region(msgspec.Struct, frozen=True):
    """Flows between two endpoints that end in one way for one reason. Protocols without ports hold all ports."""

    protocol: Protocol
    src_ports: PortRange
    dst_ports: PortRange
    disposition: Disposition
    origin: str

    @property
    def witness_ports(self) -> tuple[int, int]:
        """Source and destination port of a flow of the region."""
        if not self.protocol.has_ports:
            return EPHEMERAL, 0
        return EPHEMERAL if EPHEMERAL in self.src_ports else self.src_ports.first, self.dst_ports.first


class Gate(msgspec.Struct, frozen=True):
    """An access list on the way, narrowed to the rules that can decide between the addresses of the flow."""

    access_list: str
    selected: int
    denied: Disposition


class End(msgspec.Struct, frozen=True):
    """How a packet ends that no gate denies."""

    disposition: Disposition
    origin: str
    explains: bool
    """Whether ``origin`` stands; else it is the last gate that let the packet pass, if there was one."""


Gated = tuple[tuple[Gate, Matcher], ...]
_Outcome = tuple[Disposition, str]
T = TypeVar("T")


def regions(gates: Gated, end: End) -> tuple[Region, ...]:
    """Every protocol and port, each in exactly one region, through *gates* in order to *end*."""
    return tuple(region for protocol in Protocol for region in _of_protocol(protocol, gates, end))


def settle(gates: Gated, end: End) -> tuple[Gated, End]:
    """The same with fewer gates: those that say one thing of all ports are taken into the end or left out."""
    unsettled: list[tuple[Gate, Matcher]] = []
    for gate, matcher in gates:
        verdict = matcher.settled(gate.selected)
        if verdict is None:
            unsettled.append((gate, matcher))
        elif verdict.action is Action.DENY:
            return tuple(unsettled), End(gate.denied, verdict.origin, explains=True)
        elif gate is gates[-1][0] and not end.explains:
            end = End(end.disposition, verdict.origin, explains=True)
    return tuple(unsettled), end


def _of_protocol(protocol: Protocol, gates: Gated, end: End) -> Iterator[Region]:
    if not protocol.has_ports:
        yield Region(protocol, ALL_PORTS, ALL_PORTS, *_outcome(protocol, EPHEMERAL, 0, gates, end))
        return
    chosen = [r for gate, matcher in gates for r in matcher.chosen(gate.selected) if r.protocol in (None, protocol)]
    dst_ports = _intervals(p for r in chosen for p in r.destination_ports)
    rows = (
        (src, tuple(_merged((d, _outcome(protocol, src.first, d.first, gates, end)) for d in dst_ports)))
        for src in _intervals(p for r in chosen for p in r.source_ports)
    )
    for src, row in _merged(rows):
        yield from (Region(protocol, src, dst, *outcome) for dst, outcome in row)


def _outcome(protocol: Protocol, src_port: int, dst_port: int, gates: Gated, end: End) -> _Outcome:
    """What becomes of one flow: the first gate to deny, else the end."""
    origin = end.origin
    for gate, matcher in gates:
        verdict = matcher.first(gate.selected, protocol, src_port, dst_port)
        if verdict.action is Action.DENY:
            return gate.denied, verdict.origin
        if not end.explains:
            origin = verdict.origin
    return end.disposition, origin


def _intervals(ranges: Iterable[PortRange]) -> list[PortRange]:
    """All ports cut wherever a range begins or ends."""
    inner = [cut for cut in cuts(ranges) if 0 < cut <= ALL_PORTS.last]
    return [PortRange(first, after - 1) for first, after in pairwise([0, *inner, ALL_PORTS.last + 1])]


def _merged(parts: Iterable[tuple[PortRange, T]]) -> Iterator[tuple[PortRange, T]]:
    """Neighbouring intervals with equal contents as one."""
    for content, run in groupby(parts, key=lambda part: part[1]):
        intervals = [interval for interval, _ in run]
        yield PortRange(intervals[0].first, intervals[-1].last), content
