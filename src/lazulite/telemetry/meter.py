"""What counters grew by in each minute, kept in memory within a bound. Pure: whoever reads counters says when."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable, Mapping

import msgspec

GRAIN_S = 60
"""Azure's finest grain, PT1M. Source: "Supported metrics with Azure Monitor", time grains."""
KEPT = 24 * 60
"""Minutes; fewer when the bound below is met before."""
MOST_VALUES = 2_000_000
"""Of eight bytes each, of all series: 16 MB. A thousand busy interfaces have four series each, so eight hours."""
LATE_S = 30.0
"""How long after its end a minute may be read: what grew longer ago than that belongs to nobody knows which minute."""


def series(word: str, name: str) -> str:
    """What a counter is called: ``word`` says what is counted, ``name`` of what."""
    return f"{word} {name}"


class Minutes(msgspec.Struct, frozen=True):
    """Growth by the minute: ``first`` is seconds since 1970 of the first, and each series has one value a minute from
    there on, ``None`` where nobody looked or what counts was not there. The last minute may still go on."""

    first: int
    values: dict[str, list[float | None]]


class _Minute:
    def __init__(self, start: int) -> None:
        self.start = start
        self.grown = array("d")
        """By the series' place; what is beyond the end has not grown."""

    def add(self, place: int, growth: float) -> None:
        if place >= len(self.grown):
            self.grown.extend(array("d", bytes(8 * (place + 1 - len(self.grown)))))
        self.grown[place] += growth

    def at(self, place: int) -> float:
        return self.grown[place] if place < len(self.grown) else 0.0


class Meter:
    """Whoever reads counters tells it all of them, at the end of each minute at least."""

    def __init__(self, kept: int = KEPT, most: int = MOST_VALUES) -> None:
        self._kept, self._most = kept, most
        self._minutes: deque[_Minute] = deque()
        """Whole ones, the oldest first."""
        self._held = 0
        """Values in them."""
        self._running: _Minute | None = None
        self._last: dict[str, tuple[int, float]] = {}
        """By series, the minute in which it was seen first, and what it counted last."""
        self._places: dict[str, int] = {}
        """Of series that ever grew."""
        self._grew: dict[str, int] = {}
        """The last minute in which each of these did."""
        self._free: list[int] = []

    @property
    def held(self) -> int:
        """Values that are kept."""
        return self._held + (len(self._running.grown) if self._running is not None else 0)

    def read(self, at: float, counters: Mapping[str, float]) -> None:
        """All *counters* as they stand *at* so many seconds since 1970.

        What is not there any more is forgotten but for its past; what is new counted from nothing, and so did what
        counts less than before. The first reading, and one that comes too late, only say where counting begins.
        """
        start = int(at // GRAIN_S) * GRAIN_S
        running = self._running
        if running is not None and not running.start <= at <= running.start + GRAIN_S + LATE_S:
            running = None
        if running is None:
            self._begin(start, counters)
            return
        for name, value in counters.items():
            _, last = self._last.get(name, (0, 0.0))
            growth = value - last if value >= last else value
            if growth:
                running.add(self._place(name, running.start), growth)
        self._remember(running.start, counters)
        if start > running.start:
            self._keep(running)
            self._running = _Minute(start)

    def minutes(self, names: Iterable[str], first: int, end: int) -> Minutes:
        """Of the series *names* every minute of which some lies between *first* and *end* (seconds since 1970) and
        which are not older than what is kept. A series that nobody knows has ``None`` throughout."""
        known = [*self._minutes, *([self._running] if self._running is not None else [])]
        found = {m.start: m for m in known if first - GRAIN_S < m.start < end}
        if not found:
            return Minutes(first, {name: [] for name in names})
        starts = range(min(found), max(found) + 1, GRAIN_S)
        return Minutes(starts[0], {name: [self._value(found.get(s), name) for s in starts] for name in names})

    def _value(self, minute: _Minute | None, name: str) -> float | None:
        since, _ = self._last.get(name, (math.inf, 0.0))
        place = self._places.get(name)
        if minute is None:
            return None
        grown = minute.at(place) if place is not None else 0.0
        return grown if grown or minute.start >= since else None

    def _begin(self, start: int, counters: Mapping[str, float]) -> None:
        """Nothing before is known to have happened in any minute; a clock that was set back starts history anew."""
        while self._minutes and self._minutes[-1].start >= start:
            self._held -= len(self._minutes.pop().grown)
        self._running = _Minute(start)
        self._remember(start, counters)

    def _remember(self, start: int, counters: Mapping[str, float]) -> None:
        last = self._last
        self._last = {name: (last[name][0] if name in last else start, value) for name, value in counters.items()}

    def _place(self, name: str, start: int) -> int:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._free.pop() if self._free else len(self._places)
        self._grew[name] = start
        return place

    def _keep(self, minute: _Minute) -> None:
        self._minutes.append(minute)
        self._held += len(minute.grown)
        dropped = False
        while len(self._minutes) > self._kept or (self._held > self._most and self._minutes):
            self._held -= len(self._minutes.popleft().grown)
            dropped = True
        if dropped:
            self._release(self._minutes[0].start if self._minutes else minute.start + GRAIN_S)

    def _release(self, oldest: int) -> None:
        """Give the places of series that have not grown since the *oldest* minute to others."""
        for name in [name for name, grew in self._grew.items() if grew < oldest]:
            self._free.append(self._places.pop(name))
            del self._grew[name]
