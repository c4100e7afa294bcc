"""Who reaches whom in one network, as disjoint sets of flows with a witness each and the rules that the witness met.

Like :mod:`.difference` it asks about conversations among private addresses, from those to the Internet and from the
Internet to public ones, whether or not the lab has a host in a part of the Internet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec

from lazulite.analysis.answers import Disposition, StepAction, Trace
from lazulite.analysis.ends import Ends, Group, Side, classed, joined, witness
from lazulite.analysis.headers import Gate, Gated, Region, deciders
from lazulite.analysis.lookup import Index
from lazulite.analysis.outside import Part
from lazulite.analysis.reachability import Endpoint, Matrix
from lazulite.analysis.tracing import round_trip
from lazulite.analysis.transport import Band
from lazulite.forwarding.model import ForwardingModel
from lazulite.values import Flow, IPNetwork, PortRange, Protocol, overlap

_LISTS = (StepAction.ALLOWED, StepAction.DENIED)


class Service(msgspec.Struct, frozen=True):
    """Flows of a protocol to a port; 0 where the protocol has none."""

    protocol: Protocol
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class Decision(msgspec.Struct, frozen=True):
    """A rule that a witness met: at which port, in which of its lists."""

    port: str
    stage: str
    action: StepAction
    origin: str


class Reached(msgspec.Struct, frozen=True):
    """Flows between any of the sources and any other of the destinations that end alike: a rectangle of ports.

    Protocols without ports hold all of them.
    """

    sources: Side
    destinations: Side
    protocols: tuple[Protocol, ...]
    src_ports: PortRange
    dst_ports: PortRange
    disposition: Disposition
    origin: str
    sender: str
    """Port or Internet host that sends the witness."""
    witness: Flow
    rules: tuple[Decision, ...]
    """On the witness's way, in order: those of both ends among them."""
    answered: bool
    """Whether the witness's sender gets an answer."""


class Wanted(msgspec.Struct, frozen=True):
    """Whose flows are asked about: ports and frontends by name, addresses by prefix, the Internet; with none of these,
    everybody's."""

    names: frozenset[str] = frozenset()
    prefixes: tuple[IPNetwork, ...] = ()
    internet: bool = False

    def holds(self, endpoint: Endpoint, part: Part | None) -> bool:
        if endpoint.name in self.names or not (self.names or self.prefixes or self.internet):
            return True
        if self.internet and part is not None:
            return True
        if part is not None:
            return any(overlap(p, mine) for p in self.prefixes for mine in part.prefixes)
        return any(endpoint.address in p for p in self.prefixes)


EVERYBODY = Wanted()
_Cell = tuple[tuple[Protocol, ...], PortRange, PortRange, Disposition, str]


class Reach:
    """The flows of one network between *sources* and *targets*."""

    def __init__(self, model: ForwardingModel, sources: Wanted = EVERYBODY, targets: Wanted = EVERYBODY) -> None:
        self.ends = ends = Ends([model])
        self.index = Index([*model, *ends.hosts])
        self._gates: dict[tuple[tuple[Gate, ...], tuple[Protocol, ...], PortRange], tuple[Gated, Band]] = {}
        own = [
            [e for e in side if wanted.holds(e, ends.parts.get(e))]
            for side, wanted in ((ends.sources, sources), (ends.targets, targets))
        ]
        self._matrix = matrix = Matrix(self.index, own[0], own[1], seen=self._see)
        self._senders = classed(((matrix.sender(e), ends.kind(e)), e) for e in own[0])
        self._receivers = classed(((matrix.receiver(e), ends.kind(e)), e) for e in own[1])

    def flows(self, services: Sequence[Service] = (), *, denied: bool = False) -> Iterator[Reached]:
        """Disjoint sets of flows: those that arrive or may, and with *denied* the others too; of *services* alone
        where any are named."""
        rows: dict[tuple[Region, ...], list[tuple[Group, Group]]] = {}
        for senders, receivers, regions in self.pairs():
            rows.setdefault(regions, []).append((senders, receivers))
        for regions, found in rows.items():
            cells = [c for c in cells_of(regions, services) if denied or c[3].share > 0]
            for senders, receivers in joined(found) if cells else ():
                yield from (self._told(senders, receivers, cell) for cell in cells)

    def pairs(self) -> Iterator[tuple[Group, Group, tuple[Region, ...]]]:
        """Every class of senders with every class of receivers that it may talk to."""
        for senders in self._senders:
            for receivers in self._receivers:
                pair = self.pair(senders, receivers)
                if pair is not None:
                    yield senders, receivers, self._matrix.between(*pair)

    def met(self) -> set[tuple[str, int]]:
        """The rules, by list and number, that decide about some of the flows."""
        for _ in self.pairs():
            pass
        return {found for gates, band in self._gates.values() for found in deciders(gates, band)}

    def _see(self, gates: Gated, band: Band) -> None:
        self._gates[tuple(gate for gate, _ in gates), band.protocols, band.dst_ports] = gates, band

    def pair(self, senders: Group, receivers: Group) -> tuple[Endpoint, Endpoint] | None:
        """One of each that are not the same workload."""
        if not self.ends.talk(senders[0], receivers[0]):
            return None
        together = self._matrix.together
        return next(((s, t) for s in senders for t in receivers if not together(s, t)), None)

    def size(self, senders: Group) -> int:
        """How many addresses they are."""
        parts = self.ends.parts
        return sum(parts[e].size if e in parts else 1 for e in senders)

    def side(self, endpoints: Group) -> Side:
        return self.ends.side(endpoints)

    def outside(self, endpoint: Endpoint) -> bool:
        """Whether it is a part of the Internet."""
        return endpoint in self.ends.parts

    def _told(self, senders: Group, receivers: Group, cell: _Cell) -> Reached:
        protocols, src_ports, dst_ports, disposition, origin = cell
        pair = self.pair(senders, receivers)
        assert pair is not None, "rows have a pair, and joining them takes none away"
        flow = witness(*pair, protocols[0], src_ports, dst_ports)
        trip = round_trip(self.index, pair[0].name, flow)
        sides = self.ends.side(senders), self.ends.side(receivers)
        met = tuple(decisions(trip.forward))
        return Reached(
            *sides, protocols, src_ports, dst_ports, disposition, origin, pair[0].name, flow, met, trip.established
        )


def decisions(trace: Trace) -> Iterator[Decision]:
    """Every rule of an access list that a packet met, in order."""
    for hop in trace.hops:
        yield from (Decision(hop.port, s.stage, s.action, s.origin) for s in hop.steps if s.action in _LISTS)


def cells_of(regions: Sequence[Region], services: Sequence[Service]) -> list[_Cell]:
    """Rectangles of ports, protocols that fare alike as one; cut down to *services* where there are any."""
    found: dict[tuple[PortRange, PortRange, Disposition, str], list[Protocol]] = {}
    for region in regions:
        for ports in _asked(region, services):
            found.setdefault((region.src_ports, ports, region.disposition, region.origin), []).append(region.protocol)
    return [(tuple(protocols), *rest) for rest, protocols in found.items()]


def _asked(region: Region, services: Sequence[Service]) -> Iterator[PortRange]:
    """The ports of the region that are asked about."""
    if not services:
        yield region.dst_ports
    for service in services:
        if service.protocol is not region.protocol:
            continue
        if not service.protocol.has_ports:
            yield region.dst_ports
        elif service.port in region.dst_ports:
            yield PortRange(service.port, service.port)


def of_names(*names: str) -> Wanted:
    """These ports, frontends or hosts."""
    return Wanted(frozenset(names))
