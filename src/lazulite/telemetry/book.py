"""Flows as their log tells them: begun, going on, ended, denied; each with what passed since it was told last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

CONTINUES_S = 300
"""How often a flow that goes on is told. Source: facts/network-watcher.md, "NSG flow logs" (C every 5 minutes)."""
HALF_CLOSED_S = 30
"""After the FIN of one end alone: as long as the filters know the flow from then on."""
DENIED_S = 60
"""A refused flow that is tried again within this time of the last try is the same attempt."""
QUIET_S = 0.2
"""A closed flow has ended when nothing more came for this long: last acknowledgements are part of it."""

Key = bytes
"""What tells one flow of a network from all others; opaque here."""
Counts = tuple[int, int, int, int]
"""Packets and bytes sent by the port, packets and bytes it received."""
NOTHING: Counts = (0, 0, 0, 0)


class State(StrEnum):
    """As tuples write it. Source: facts/network-watcher.md, "NSG flow logs"; D of virtual network flow logs."""

    BEGUN = "B"
    CONTINUES = "C"
    ENDED = "E"
    DENIED = "D"


class Opening(NamedTuple):
    """A decision about the first packet of a flow. ``attempt`` tells two connections of the same ports apart."""

    key: Key
    attempt: int
    rule: int
    denied: bool
    at: float
    """Seconds since the epoch."""


class Sight(NamedTuple):
    """What happened to the flows of one network since the sight before."""

    at: float
    openings: Iterable[Opening]
    counts: Mapping[Key, tuple[Counts, float]]
    """What passed, and when the last packet did."""
    closed: Mapping[Key, tuple[int, float]]
    """Flows of which an end said that it is done: bit 1 for the port, 2 for the other end; and when it did."""


class Record(NamedTuple):
    """One line of the log: ``counts`` is what passed since the last one of this flow."""

    at: float
    key: Key
    rule: int
    state: State
    counts: Counts = NOTHING


BOTH = 3
"""Both ends are done."""
OVER = -1
"""Attempt of a saved flow that has ended since."""
_JITTER_S = 0.01
"""By how much two moments of the same sight may be wrong."""
Saved = tuple[Key, int, int, float, float, float, Counts, int]
"""Key, attempt and rule of a flow that is open; when it began, was told of last and had its last packet; what passed
since it was told of; which ends are done."""


class _Flow:
    """One that is open."""

    __slots__ = ("attempt", "begun", "changed", "closed", "counts", "rule", "since")

    def __init__(self, attempt: int, rule: int, begun: float) -> None:
        self.attempt, self.rule, self.begun = attempt, rule, begun
        self.since = self.changed = begun
        self.counts, self.closed = NOTHING, 0


class Book:
    """The flows of one network. What it says depends on what happened alone, however often it was looked."""

    def __init__(self, idle_s: float) -> None:
        self.idle_s = idle_s
        """How long a flow may be silent before it is over."""
        self._flows: dict[Key, _Flow] = {}
        self._denied: dict[tuple[Key, int, int], float] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def saved(self, keys: Iterable[Key] | None = None) -> list[Saved]:
        """What another book needs to go on: of all flows, or of some, ended ones included."""
        return [_saved(key, self._flows.get(key)) for key in (self._flows if keys is None else keys)]

    def resume(self, saved: Iterable[Saved]) -> None:
        """Go on where another one was; what is said last of a flow is what holds."""
        for key, attempt, rule, begun, since, changed, counts, closed in saved:
            if attempt == OVER:
                self._flows.pop(key, None)
                continue
            self._flows[key] = flow = _Flow(attempt, rule, begun)
            flow.since, flow.changed, flow.counts, flow.closed = since, changed, counts, closed

    def fold(self, sight: Sight) -> list[Record]:
        """The records that this sight adds."""
        records: list[Record] = []
        for opening in sorted(sight.openings, key=_moment):
            if opening.denied:
                self._deny(opening, sight.at, records)
            else:
                self._open(opening, records)
        for key, (counts, at) in sight.counts.items():
            flow = self._flows.get(key)
            if flow is not None:
                flow.counts, flow.changed = _sum(flow.counts, counts), max(flow.changed, at)
        for key, (closed, at) in sight.closed.items():
            flow = self._flows.get(key)
            if flow is not None and at >= flow.begun - _JITTER_S:
                flow.closed |= closed
        self._advance(sight.at, records)
        if self._denied:
            self._denied = {k: at for k, at in self._denied.items() if sight.at - at < DENIED_S}
        return records

    def _open(self, opening: Opening, records: list[Record]) -> None:
        key, known = opening.key, self._flows.get(opening.key)
        if known is not None:
            if known.attempt == opening.attempt:  # the same packet, asked again after an edit
                return
            records.append(Record(opening.at, key, known.rule, State.ENDED, known.counts))
        self._flows[key] = _Flow(opening.attempt, opening.rule, opening.at)
        records.append(Record(opening.at, key, opening.rule, State.BEGUN))

    def _deny(self, opening: Opening, now: float, records: list[Record]) -> None:
        what = opening.key, opening.attempt, opening.rule
        if what not in self._denied:
            records.append(Record(opening.at, opening.key, opening.rule, State.DENIED))
        self._denied[what] = max(now, opening.at)

    def _advance(self, now: float, records: list[Record]) -> None:
        """End what is over, and tell of what goes on for long."""
        bounds = (self.idle_s, HALF_CLOSED_S, HALF_CLOSED_S, QUIET_S)
        over = []
        for key, flow in self._flows.items():
            if now - flow.changed >= bounds[flow.closed]:
                records.append(Record(now, key, flow.rule, State.ENDED, flow.counts))
                over.append(key)
            elif now - flow.since >= CONTINUES_S:
                records.append(Record(now, key, flow.rule, State.CONTINUES, flow.counts))
                flow.since, flow.counts = now, NOTHING
        for key in over:
            del self._flows[key]

    def end(self, at: float, gone: Callable[[Key], bool] = lambda key: True) -> list[Record]:
        """All flows end, or those that *gone* chooses: their port does, or is recorded no more."""
        over = [(k, f) for k, f in self._flows.items() if gone(k)]
        for key, _ in over:
            del self._flows[key]
        return [Record(at, k, f.rule, State.ENDED, f.counts) for k, f in over]


def _moment(opening: Opening) -> float:
    return opening.at


def _saved(key: Key, flow: _Flow | None) -> Saved:
    if flow is None:
        return key, OVER, 0, 0.0, 0.0, 0.0, NOTHING, 0
    return key, flow.attempt, flow.rule, flow.begun, flow.since, flow.changed, flow.counts, flow.closed


def _sum(one: Counts, other: Counts) -> Counts:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]
