"""Keeps the machine at the latest revision: one difference after the other through the driver, guests around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

from lazulite.agent.desired import Desired
from lazulite.agent.protocol import Applied, Change, Load, LoadWanted, Observed, Reply
from lazulite.agent.workloads import Workloads
from lazulite.drivers.driver import Driver, ModelDelta, Refusal
from lazulite.forwarding.model import Contents, EntryKey
from lazulite.incremental import Delta

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class DynamicSets(Protocol):
    """Who finds out what sets hold that the model only declares."""

    wake: Callable[[], None]
    """Called when there is something to take."""

    @property
    def known(self) -> Mapping[str, Contents]:
        """What was taken last, by name; after a start, what an earlier agent took last."""

    def take(self) -> Mapping[str, Contents | None]:
        """The contents that are others than when they were taken last; ``None``: no set any more."""

    async def save(self) -> None:
        """Keep what was taken for the next agent: before the driver has it, so that what is kept never lags behind."""

    def settle(self, delta: ModelDelta) -> None:
        """The network of *delta* is there."""

    def replace(self, entries: Iterable[Any]) -> None:
        """The network is that of *entries*, whatever it was before."""


class Follower(Protocol):
    """Who works for some of the entries beside the driver: captures, logs, monitors, stores. Never raises."""

    def settle(self, delta: ModelDelta) -> None:
        """The network of *delta* is there."""

    def replace(self, entries: Iterable[Any]) -> None:
        """The network is that of *entries*, whatever it was before."""

    def news(self) -> Observed:
        """All that is known by now, for a controller that knows nothing."""

    async def close(self) -> None:
        """Stop; what must outlive an agent stays."""


class Engine(Protocol):
    """Who serves entries beside the driver: a revision counts as followed when it does. What it returns is all that it
    refuses by then."""

    async def release(self, delta: ModelDelta) -> None:
        """Stop listening where *delta* takes the namespace away, and asking whoever ends with it."""

    async def follow(self, delta: ModelDelta) -> list[Refusal]:
        """Serve what is in *delta*, whose network is there by now."""

    async def load(self, entries: Iterable[Any]) -> list[Refusal]:
        """Serve exactly *entries*."""


class Loop:
    """Belongs to one event loop. The driver is called in *thread*, which must be a single one."""

    def __init__(
        self,
        driver: Driver,
        workloads: Workloads,
        sets: DynamicSets,
        thread: Executor,
        tell: Callable[[Reply], None],
        engines: Sequence[Engine] = (),
        followers: Sequence[Follower] = (),
    ) -> None:
        self._driver, self._workloads, self._thread, self._tell = driver, workloads, thread, tell
        self._engines = engines
        self._desired = Desired()
        self._desired.fill(sets.known)
        self._sets, self._followers = sets, followers
        self._refusals: list[Refusal] = []
        self._unserved: list[Refusal] = []
        """What the engines refuse."""
        self._adopted = False
        """Whether driver and machine are known to agree with what was given."""
        self._wake = asyncio.Event()
        sets.wake = self._wake.set
        self.applied: int | None = None

    def offer(self, message: Load | Change) -> None:
        """Take a new revision; it is applied in its turn."""
        if isinstance(message, Load):
            self._desired.load(message)
        elif not self._desired.change(message):
            self._tell(LoadWanted(self._desired.revision))
            return
        self._wake.set()

    def wake(self) -> None:
        """Have a round: somebody refuses something else by now."""
        self._wake.set()

    async def in_driver(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call *function* where the driver lives, after what it is at."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def lend(self, entries: Mapping[EntryKey, Any]) -> None:
        """Have the driver follow entries that no controller gave; ``None``: not any more."""
        self._desired.lend(entries)
        self._wake.set()

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._desired.revision is not None:
                await self._round()

    async def _round(self) -> None:
        """Follow the latest revision and the latest contents, and tell of both."""
        contents = self._sets.take()
        if contents:
            await self._sets.save()
            self._desired.fill(contents)
        epoch, revision = self._desired.epoch, self._desired.revision
        await self._follow()
        self.applied = revision
        if contents:
            self._tell(Observed(contents=contents))
        self._tell(Applied(epoch, revision or 0, [*self._refusals, *self._unserved]))

    async def _follow(self) -> None:
        """Bring the machine to the latest revision. A driver that fails is given everything again, as after a start."""
        try:
            await (self._apply() if self._adopted else self._adopt())
            self._adopted = True
        except Exception as error:  # the driver's own fault, of any kind: the loop must outlive it, the user must know
            _LOG.exception("driver failed")
            self._refusals = [Refusal("", f"the driver failed: {error}")]
            if self._adopted:
                self._adopted = False
                await self._follow()

    async def _adopt(self) -> None:
        entries = self._desired.take_all()
        given = {e.key: e for e in entries}
        await self._workloads.retire(given)
        self._refusals = await self.in_driver(self._driver.adopt, entries)
        self._unserved = await self._served(lambda engine: engine.load(entries))
        self._workloads.settle(Delta(changed=given))
        self._sets.replace(entries)
        for follower in self._followers:
            follower.replace(entries)

    async def _apply(self) -> None:
        delta = self._desired.take()
        suspects = [*delta.changed.values(), *delta.removed.values()]
        await asyncio.gather(*(engine.release(delta) for engine in self._engines))
        again = await self._workloads.retire(self._desired.given, suspects)
        if again:  # another guest of the same name: it must not find the namespace of the first
            gone: ModelDelta = Delta(removed={e.key: delta.before.get(e.key, e) for e in again})
            await self.in_driver(self._driver.apply, gone)
        if delta:
            self._refusals = await self.in_driver(self._driver.apply, delta)
        self._unserved = await self._served(lambda engine: engine.follow(delta))
        self._workloads.settle(delta)
        self._sets.settle(delta)
        for follower in self._followers:
            follower.settle(delta)

    async def _served(self, call: Callable[[Engine], Awaitable[list[Refusal]]]) -> list[Refusal]:
        """All that the engines refuse."""
        return [r for refused in await asyncio.gather(*map(call, self._engines)) for r in refused]
