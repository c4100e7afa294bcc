"""Flows as their log tells them: begun, going on, ended, denied; each with what passed since it was told last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

CONTINUES_S = 300
"""How often a flow that goes on is told. Source: facts/network-watcher.md, "NSG flow logs" (C every 5 minutes)."""
HALF_CLOSED_S = 30
"""After the FIN of one end alone: as long as the filters know the flow from then on."""
DENIED_S = 60
"""A refused flow that is tried again within this time of the last try is the same attempt."""
QUIET_S = 1.0
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
    """What stands about the flows of one network at a moment."""

    at: float
    openings: Iterable[Opening]
    counts: Mapping[Key, Counts]
    closed: Mapping[Key, bool]
    """Flows of which an end said that it is done; whether both have."""


class Record(NamedTuple):
    """One line of the log: ``counts`` is what passed since the last one of this flow."""

    at: float
    key: Key
    rule: int
    state: State
    counts: Counts = NOTHING


class _Flow:
    """One that is open."""

    __slots__ = ("attempt", "begun", "changed", "counts", "rule", "since", "told")

    def __init__(self, opening: Opening, told: Counts) -> None:
        self.attempt, self.rule, self.begun = opening.attempt, opening.rule, opening.at
        self.since = self.changed = opening.at
        self.counts = self.told = told


class Spent(NamedTuple):
    """What need not stand any more: decisions that were told, and flows that are over."""

    openings: list[Opening]
    flows: list[Key]


class Book:
    """The flows of one network. What it says depends on what was seen alone, however often it was looked."""

    def __init__(self, idle_s: float) -> None:
        self.idle_s = idle_s
        """How long a flow may be silent before it is over."""
        self._flows: dict[Key, _Flow] = {}
        self._resumed: dict[Key, tuple[int, int, float, Counts]] = {}
        self._denied: dict[tuple[Key, int, int], float] = {}
        self._strays: set[Key] = set()

    def __len__(self) -> int:
        return len(self._flows)

    def saved(self) -> list[tuple[Key, int, int, float, Counts]]:
        """What another book needs to go on: of each flow key, attempt, rule, when it was told last, and what of it."""
        return [(k, f.attempt, f.rule, f.since, f.told) for k, f in self._flows.items()]

    def standing(self, keys: Iterable[Key]) -> list[tuple[Key, int, int, float, Counts]]:
        """The same of some flows, if they are open."""
        found = ((key, self._flows[key]) for key in keys if key in self._flows)
        return [(k, f.attempt, f.rule, f.since, f.told) for k, f in found]

    def resume(self, saved: Iterable[tuple[Key, int, int, float, Counts]]) -> None:
        """Go on where another one was: these flows have begun already, if they still stand."""
        self._resumed |= {key: (attempt, rule, since, told) for key, attempt, rule, since, told in saved}

    def fold(self, sight: Sight) -> tuple[list[Record], Spent]:
        """The records that this sight adds."""
        records: list[Record] = []
        spent = Spent([], [])
        for opening in sorted(sight.openings, key=lambda o: o.at):
            self._open(opening, sight, records, spent)
        self._resumed = {}
        for key, flow in list(self._flows.items()):
            self._advance(key, flow, sight, records, spent)
        self._sweep(sight, spent)
        return records, spent

    def _open(self, opening: Opening, sight: Sight, records: list[Record], spent: Spent) -> None:
        if opening.denied:
            self._deny(opening, sight.at, records)
            spent.openings.append(opening)
            return
        key, known = opening.key, self._flows.get(opening.key)
        if known is not None and (known.attempt == opening.attempt or known.begun > opening.at):
            if known.rule != opening.rule or known.attempt != opening.attempt:
                spent.openings.append(opening)  # asked again after an edit, or too late to be told apart
            return
        told = NOTHING
        if known is not None:
            told = known.counts
            records.append(Record(opening.at, key, known.rule, State.ENDED, _less(told, known.told)))
            spent.openings.append(Opening(key, known.attempt, known.rule, False, known.begun))
        self._flows[key] = flow = _Flow(opening, told)
        if not self._resume(key, flow):
            records.append(Record(opening.at, key, opening.rule, State.BEGUN))

    def _resume(self, key: Key, flow: _Flow) -> bool:
        attempt, rule, since, told = self._resumed.get(key, (-1, -1, 0.0, NOTHING))
        if (attempt, rule) != (flow.attempt, flow.rule):
            return False
        flow.since, flow.told, flow.counts = since, told, told
        return True

    def _deny(self, opening: Opening, now: float, records: list[Record]) -> None:
        what = opening.key, opening.attempt, opening.rule
        if what not in self._denied:
            records.append(Record(opening.at, opening.key, opening.rule, State.DENIED))
        self._denied[what] = max(now, opening.at)

    def _advance(self, key: Key, flow: _Flow, sight: Sight, records: list[Record], spent: Spent) -> None:
        counts = sight.counts.get(key, flow.counts)
        if counts != flow.counts:
            flow.counts, flow.changed = counts, sight.at
        quiet, closed = sight.at - flow.changed, sight.closed.get(key)
        bound = self.idle_s if closed is None else QUIET_S if closed else HALF_CLOSED_S
        if quiet >= bound:
            records.append(Record(sight.at, key, flow.rule, State.ENDED, _less(counts, flow.told)))
            del self._flows[key]
            spent.openings.append(Opening(key, flow.attempt, flow.rule, False, flow.begun))
            spent.flows.append(key)
        elif sight.at - flow.since >= CONTINUES_S:
            records.append(Record(sight.at, key, flow.rule, State.CONTINUES, _less(counts, flow.told)))
            flow.since, flow.told = sight.at, counts

    def _sweep(self, sight: Sight, spent: Spent) -> None:
        """What belongs to no flow twice in a row goes: a late acknowledgement, say. And attempts that were given up."""
        strays = {k for part in (sight.counts, sight.closed) for k in part if k not in self._flows}
        strays.difference_update(spent.flows)
        spent.flows.extend(strays & self._strays)
        self._strays = strays - self._strays
        if self._denied:
            self._denied = {k: at for k, at in self._denied.items() if sight.at - at < DENIED_S}

    def end(self, at: float, gone: Any = None) -> list[Record]:
        """All flows end: their network, or whoever records them, does. *gone* chooses by key."""
        over = [(k, f) for k, f in self._flows.items() if gone is None or gone(k)]
        for key, _ in over:
            del self._flows[key]
        return [Record(at, k, f.rule, State.ENDED, _less(f.counts, f.told)) for k, f in over]


def _less(counts: Counts, told: Counts) -> Counts:
    """What is new; a counter that began again counts from nothing."""
    a, b, c, d = (x - y if x >= y else x for x, y in zip(counts, told, strict=True))
    return a, b, c, d
