"""Header space over protocol and ports: what a row of access lists lets through, as disjoint regions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import TypeVar

import msgspec

from lazulite.analysis.answers import Disposition
from lazulite.analysis.matcher import Matcher, cuts
from lazulite.analysis.transport import Band
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
    src_port: int | None = None
    dst_port: int | None = None
    """What translation made of the ports before the list was asked; ``None`` is what the sender wrote."""

    def sees(self, src_port: int, dst_port: int) -> tuple[int, int]:
        """The ports that the list is asked about."""
        return (
            src_port if self.src_port is None else self.src_port,
            dst_port if self.dst_port is None else self.dst_port,
        )


class End(msgspec.Struct, frozen=True):
    """How a packet ends that no gate denies."""

    disposition: Disposition
    origin: str
    explains: bool
    """Whether ``origin`` stands; else it is the last gate that let the packet pass, if there was one."""


Gated = tuple[tuple[Gate, Matcher], ...]
_Outcome = tuple[Disposition, str]
T = TypeVar("T")


def regions(gates: Gated, end: End, band: Band) -> tuple[Region, ...]:
    """Every protocol and port of *band*, each in exactly one region, through *gates* in order to *end*."""
    return tuple(region for protocol in band.protocols for region in _of_protocol(protocol, band.dst_ports, gates, end))


def joined(bands: Sequence[Sequence[Sequence[Region]]]) -> tuple[Region, ...]:
    """One division of all flows from one for each band, which has one for each backend that its flows may go to."""
    if len(bands) == 1 and len(bands[0]) == 1:
        return tuple(bands[0][0])
    return tuple(region for protocol in Protocol for region in _joined(protocol, bands))


def _joined(protocol: Protocol, bands: Sequence[Sequence[Sequence[Region]]]) -> Iterator[Region]:
    ways = [[r for r in way if r.protocol is protocol] for band in bands for way in band]
    if not protocol.has_ports:
        found = [region for way in ways for region in way]
        yield Region(protocol, ALL_PORTS, ALL_PORTS, *_together([(r.disposition, r.origin) for r in found]))
        return
    every = [region for way in ways for region in way]
    dst_ports = _intervals(r.dst_ports for r in every)
    rows = (
        (src, tuple(_merged((dst, _together(list(_of_cell(every, src, dst)))) for dst in dst_ports)))
        for src in _intervals(r.src_ports for r in every)
    )
    for src, row in _merged(rows):
        yield from (Region(protocol, src, dst, *outcome) for dst, outcome in row)


def _of_cell(every: Iterable[Region], src: PortRange, dst: PortRange) -> Iterator[_Outcome]:
    return ((r.disposition, r.origin) for r in every if src.first in r.src_ports and dst.first in r.dst_ports)


def _together(outcomes: Sequence[_Outcome]) -> _Outcome:
    """What is true of flows that any of several backends may get. What stops some of them explains it best."""
    stopped = [outcome for outcome in outcomes if not outcome[0].arrives]
    if stopped and len(stopped) < len(outcomes):
        return Disposition.DEPENDS_ON_BACKEND, stopped[0][1]
    return outcomes[0]


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


def deciders(gates: Gated, band: Band) -> Iterator[tuple[str, int]]:
    """Each rule, by its list and number, that decides about some flow of *band* which gets to its list."""
    for protocol in band.protocols:
        for src_port, dst_port in _corners(protocol, band.dst_ports, gates):
            for gate, matcher in gates:
                number = matcher.number(gate.selected, protocol, *gate.sees(src_port, dst_port))
                yield gate.access_list, number
                if matcher.says(number).action is Action.DENY:
                    break


def _corners(protocol: Protocol, within: PortRange, gates: Gated) -> Iterator[tuple[int, int]]:
    """Source and destination port of a flow of every rectangle that the gates tell apart."""
    if not protocol.has_ports:
        yield EPHEMERAL, 0
        return
    src_ports, dst_ports = _divided(protocol, within, gates)
    yield from ((src.first, dst.first) for src in src_ports for dst in dst_ports)


def _divided(protocol: Protocol, within: PortRange, gates: Gated) -> tuple[list[PortRange], list[PortRange]]:
    """Source and destination ports cut wherever a rule of a gate cuts them."""
    asked = [(gate, r) for gate, m in gates for r in m.chosen(gate.selected) if r.protocol in (None, protocol)]
    dst_ports = _intervals((p for gate, r in asked if gate.dst_port is None for p in r.destination_ports), within)
    return _intervals(p for gate, r in asked if gate.src_port is None for p in r.source_ports), dst_ports


def _of_protocol(protocol: Protocol, within: PortRange, gates: Gated, end: End) -> Iterator[Region]:
    if not protocol.has_ports:
        yield Region(protocol, ALL_PORTS, ALL_PORTS, *_outcome(protocol, EPHEMERAL, 0, gates, end))
        return
    src_ports, dst_ports = _divided(protocol, within, gates)
    rows = (
        (src, tuple(_merged((d, _outcome(protocol, src.first, d.first, gates, end)) for d in dst_ports)))
        for src in src_ports
    )
    for src, row in _merged(rows):
        yield from (Region(protocol, src, dst, *outcome) for dst, outcome in row)


def _outcome(protocol: Protocol, src_port: int, dst_port: int, gates: Gated, end: End) -> _Outcome:
    """What becomes of one flow: the first gate to deny, else the end."""
    origin = end.origin
    for gate, matcher in gates:
        verdict = matcher.first(gate.selected, protocol, *gate.sees(src_port, dst_port))
        if verdict.action is Action.DENY:
            return gate.denied, verdict.origin
        if not end.explains:
            origin = verdict.origin
    return end.disposition, origin


def _intervals(ranges: Iterable[PortRange], within: PortRange = ALL_PORTS) -> list[PortRange]:
    """The ports of *within* cut wherever a range begins or ends."""
    inner = [cut for cut in cuts(ranges) if within.first < cut <= within.last]
    return [PortRange(first, after - 1) for first, after in pairwise([within.first, *inner, within.last + 1])]


def _merged(parts: Iterable[tuple[PortRange, T]]) -> Iterator[tuple[PortRange, T]]:
    """Neighbouring intervals with equal contents as one."""
    for content, run in groupby(parts, key=lambda part: part[1]):
        intervals = [interval for interval, _ in run]
        yield PortRange(intervals[0].first, intervals[-1].last), content
