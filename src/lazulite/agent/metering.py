"""Counters read once a minute, for questions about the past.

Here and not in the controller: what it has seen must not go with a controller that is killed. It goes with the agent,
whose successor begins anew; the minutes between are gaps.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from lazulite.agent.protocol import Observed, ProbeCounts
from lazulite.drivers.driver import Driver, ModelDelta
from lazulite.telemetry.meter import GRAIN_S, Meter, Minutes, series

_LOG = logging.getLogger(__name__)
FRESH_S = 1.0
"""A question gets what was read so long ago at most, and so costs a reading in that time."""
_AFTER_S = 0.02
"""So long after the end of a minute it is read: the clocks that say when are two."""
LINK_WORDS = "sent-bytes", "got-bytes", "sent-packets", "got-packets"
RULE_WORDS = "packets", "bytes"
PROBE_WORDS = "probes", "failed-probes"
T = TypeVar("T")


class Counting(Protocol):
    """Who knows how often members of pools were probed."""

    def counts(self) -> Mapping[str, Mapping[str, ProbeCounts]]:
        """By pool and member."""


async def readings(
    in_driver: Callable[[Callable[[], Any]], Awaitable[Any]], driver: Driver, health: Counting
) -> dict[str, float]:
    """Everything that is counted, by series."""
    links, rules = await in_driver(lambda: (driver.link_counts(), driver.counters()))
    found: dict[str, float] = {}
    for words, rows in ((LINK_WORDS, links), (RULE_WORDS, rules)):
        for name, counted in rows.items():
            found.update((series(word, name), count) for word, count in zip(words, counted, strict=True))
    for pool, members in health.counts().items():
        for member, (sent, failed, _) in members.items():
            name = f"{pool} {member}"
            found |= {series(PROBE_WORDS[0], name): sent, series(PROBE_WORDS[1], name): failed}
    return found


class Metering:
    """Implements :class:`lazulite.agent.loop.Follower`: reads from when the network is there for the first time."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Mapping[str, float]]],
        now: Callable[[], float] = time.time,
        meter: Meter | None = None,
    ) -> None:
        self._read, self._now, self._meter = read, now, meter or Meter()
        self._reading = asyncio.Lock()
        self._fresh = -1.0
        """Until when, by the loop's clock, the last reading will do."""
        self._task: asyncio.Task[None] | None = None

    def settle(self, delta: ModelDelta) -> None:
        """What comes and goes is seen by the readings."""

    def replace(self, entries: Iterable[Any]) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._keep_reading())

    def news(self) -> Observed:
        return Observed()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def minutes(self, names: Iterable[str], first: int, end: int) -> Minutes:
        """As :meth:`lazulite.telemetry.meter.Meter.minutes`, up to now."""
        if self._task is not None:
            await self._look(asyncio.get_running_loop().time())
        return self._meter.minutes(names, first, end)

    async def _keep_reading(self) -> None:
        while True:
            await self._look(float("inf"))
            await asyncio.sleep(GRAIN_S - self._now() % GRAIN_S + _AFTER_S)

    async def _look(self, wanted: float) -> None:
        """Read, unless what was read last is good until *wanted*."""
        async with self._reading:
            if wanted <= self._fresh:
                return
            try:
                counters = await self._read()
            except Exception:  # the driver's fault, of any kind: the next minute may be better, this one is a gap
                _LOG.exception("counters cannot be read")
                return
            self._meter.read(self._now(), counters)
            self._fresh = asyncio.get_running_loop().time() + FRESH_S
