"""Which flows one network lets through and another does not: the effect of a change before it is made.

Both networks are asked about the same conversations: among the private addresses of all ports of either, from those to
the Internet and from the Internet to the public ones. The Internet comes in parts (:mod:`.outside`), whether or not it
has a host. Pairs that nothing of the change can reach are not asked at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TypeAlias

import msgspec

from lazulite.analysis.affected import affected
from lazulite.analysis.answers import Disposition
from lazulite.analysis.ends import Ends, Group, Side, classed, joined, witness
from lazulite.analysis.headers import Region
from lazulite.analysis.lookup import Index
from lazulite.analysis.reachability import Endpoint, Matrix
from lazulite.analysis.tracing import trace
from lazulite.forwarding.model import ForwardingModel, Frontend, InternetHost, Port
from lazulite.values import ALL_PORTS, Flow, PortRange, Protocol

TRIED = 256
"""Source ports tried for a witness that the backends of a flow decide about."""
_ABSENT = tuple(Region(p, ALL_PORTS, ALL_PORTS, Disposition.GUEST_DOWN, "") for p in Protocol)
"""What becomes of flows from or to what is not there."""


class Outcome(msgspec.Struct, frozen=True):
    """How flows end, and the user's rule or route behind it; ``""`` where the workload itself is not there."""

    disposition: Disposition
    origin: str


class Change(msgspec.Struct, frozen=True):
    """Flows that end otherwise: a rectangle of ports. Protocols without ports hold all of them."""

    protocols: tuple[Protocol, ...]
    src_ports: PortRange
    dst_ports: PortRange
    now: Outcome
    then: Outcome

    @property
    def opens(self) -> bool:
        """Whether the flows become allowed, or get to more of their backends; else they become denied, or to fewer."""
        return self.then.disposition.share > self.now.disposition.share


class Difference(msgspec.Struct, frozen=True):
    """Flows between any of the sources and any other of the destinations that change alike."""

    sources: Side
    destinations: Side
    changes: tuple[Change, ...]
    senders: tuple[str, ...]
    """For each change the port or host that sends its witness."""
    witnesses: tuple[Flow, ...]
    """For each change a flow of it."""


def differences(now: ForwardingModel, then: ForwardingModel) -> list[Difference]:
    """Everything that is let through in one of the two networks and not in the other; disjoint.

    Who is healthy in each is what its contents of pools say, and with none of them nobody who is probed.
    """
    touched = affected(now, then)
    if touched is not None and not touched:
        return []
    return list(_Comparison(now, then, touched).differences())


_Pair: TypeAlias = tuple[Endpoint, Endpoint]


class _World:
    """One of the two networks, and those of the endpoints that it has."""

    def __init__(self, model: ForwardingModel, hosts: Iterable[InternetHost], sources: Group, targets: Group) -> None:
        self._index = Index([*model, *hosts])
        self._there = {e for e in {*sources, *targets} if self._has(e)}
        own = [[e for e in side if e in self._there] for side in (sources, targets)]
        self._matrix = Matrix(self._index, own[0], own[1])

    def _has(self, endpoint: Endpoint) -> bool:
        port = self._index.model.get(Port, endpoint.name)
        if port is None:
            frontend = self._index.model.get(Frontend, endpoint.name)
            if frontend is not None:
                return frontend.address == endpoint.address
            return self._index.model.get(InternetHost, endpoint.name) is not None
        return endpoint.address in (*port.addresses, *(p.public for p in port.public))

    def sender(self, endpoint: Endpoint) -> Hashable:
        return self._matrix.sender(endpoint) if endpoint in self._there else None

    def receiver(self, endpoint: Endpoint) -> Hashable:
        return self._matrix.receiver(endpoint) if endpoint in self._there else None

    def arrives(self, source: Endpoint, flow: Flow) -> bool:
        return source in self._there and trace(self._index, source.name, flow).disposition.arrives

    def together(self, source: Endpoint, target: Endpoint) -> bool:
        return self._matrix.together(source, target)

    def between(self, source: Endpoint, target: Endpoint) -> tuple[Region, ...]:
        if source not in self._there or target not in self._there:
            return _ABSENT
        return self._matrix.between(source, target)


class _Comparison:
    """Two networks side by side. *touched*: names of the ports that the change can reach, ``None`` for all."""

    def __init__(self, now: ForwardingModel, then: ForwardingModel, touched: frozenset[str] | None) -> None:
        self._touched = touched
        self._ends = ends = Ends((now, then))
        self._worlds = [_World(m, ends.hosts, ends.sources, ends.targets) for m in (now, then)]
        self._known: dict[tuple[int, int], tuple[Change, ...]] = {}
        self._kept: list[tuple[Region, ...]] = []

    def differences(self) -> Iterator[Difference]:
        rows: dict[tuple[Change, ...], list[tuple[Group, Group]]] = {}
        for senders in self._senders:
            for receivers in self._receivers:
                pair = self._pair(senders, receivers)
                changes = self._changes(*pair) if pair is not None else ()
                if changes:
                    rows.setdefault(changes, []).append((senders, receivers))
        for changes, found in rows.items():
            for senders, receivers in joined(found):
                yield self._difference(senders, receivers, changes)

    @cached_property
    def _senders(self) -> list[Group]:
        return classed((self._key(e, tuple(w.sender(e) for w in self._worlds)), e) for e in self._ends.sources)

    @cached_property
    def _receivers(self) -> list[Group]:
        return classed((self._key(e, tuple(w.receiver(e) for w in self._worlds)), e) for e in self._ends.targets)

    def _key(self, endpoint: Endpoint, told: Hashable) -> Hashable:
        return told, self._reached(endpoint), self._ends.kind(endpoint)

    def _reached(self, endpoint: Endpoint) -> bool:
        return self._touched is None or endpoint.name in self._touched

    def _pair(self, senders: Group, receivers: Group) -> _Pair | None:
        """One pair of the two classes, if there is one that the change can concern."""
        source, target = senders[0], receivers[0]
        if not self._ends.talk(source, target) or not (self._reached(source) or self._reached(target)):
            return None
        return next(((s, t) for s in senders for t in receivers if not self._together(s, t)), None)

    def _together(self, source: Endpoint, target: Endpoint) -> bool:
        return any(w.together(source, target) for w in self._worlds)

    def _changes(self, source: Endpoint, target: Endpoint) -> tuple[Change, ...]:
        now, then = (w.between(source, target) for w in self._worlds)
        key = id(now), id(then)
        if key not in self._known:
            self._kept += [now, then]  # an id speaks of one thing only as long as the thing is there
            self._known[key] = changes(now, then)
        return self._known[key]

    def _difference(self, senders: Group, receivers: Group, found: tuple[Change, ...]) -> Difference:
        pair = next((s, t) for s in senders for t in receivers if not self._together(s, t))
        flows = tuple(self._witness(*pair, change) for change in found)
        return Difference(
            self._ends.side(senders), self._ends.side(receivers), found, (pair[0].name,) * len(found), flows
        )

    def _witness(self, source: Endpoint, target: Endpoint, change: Change) -> Flow:
        """A flow of the change; of those that fare by their backend, one of the first that both networks part on."""
        flow = witness(source, target, change.protocols[0], change.src_ports, change.dst_ports)
        if Disposition.DEPENDS_ON_BACKEND not in (change.now.disposition, change.then.disposition):
            return flow
        for port in range(flow.src_port, min(flow.src_port + TRIED, change.src_ports.last + 1)):
            tried = msgspec.structs.replace(flow, src_port=port)
            if self._worlds[0].arrives(source, tried) is not self._worlds[1].arrives(source, tried):
                return tried
        return flow


def changes(now: Sequence[Region], then: Sequence[Region]) -> tuple[Change, ...]:
    """Where two divisions of all flows differ in what arrives."""
    if now == then:
        return ()
    found: dict[tuple[PortRange, PortRange, Outcome, Outcome], list[Protocol]] = {}
    for protocol in Protocol:
        mine, theirs = ([r for r in regions if r.protocol is protocol] for regions in (now, then))
        for one in mine:
            for other in (r for r in theirs if r.disposition.share != one.disposition.share):
                src, dst = _common(one.src_ports, other.src_ports), _common(one.dst_ports, other.dst_ports)
                if src is not None and dst is not None:
                    ends = Outcome(one.disposition, one.origin), Outcome(other.disposition, other.origin)
                    found.setdefault((src, dst, *ends), []).append(protocol)
    return tuple(Change(tuple(protocols), *rest) for rest, protocols in found.items())


def _common(one: PortRange, other: PortRange) -> PortRange | None:
    first, last = max(one.first, other.first), min(one.last, other.last)
    return PortRange(first, last) if first <= last else None
