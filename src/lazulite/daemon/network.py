"""Keeps the network at the last commit: compiles what a commit touched, pushes what came out different."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import Any, Protocol, TypeVar

from lazulite.analysis import Index
from lazulite.compiler.engine import Compiler
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.forwarding.model import Contents, EntryKey, ForwardingModel, Pool, Watch
from lazulite.incremental import Delta
from lazulite.resources.view import Snapshot
from lazulite.services.service import Service
from lazulite.telemetry.meter import Minutes

V = TypeVar("V")
_LOG = logging.getLogger(__name__)
PAUSE_S = 0.1
"""Between a lost fabric and the attempt to bring it up again."""
PATIENCE_S = 20.0
"""How long those who need the fabric wait for one that is being brought up."""


class Listener(Protocol):
    """Is told what the fabric does with no call under way."""

    def filled(self, contents: Mapping[str, Contents | None]) -> None:
        """These dynamic sets hold something else by now; ``None``: they are gone."""

    def refused(self, refusals: list[Refusal]) -> None:
        """The machine refuses something else by now."""


class Fabric(Protocol):
    """Whoever makes packets follow the model. Every method raises ``ConnectionError`` once it is lost.

    Refusals are everything the machine refuses by then, not only what this call brought.
    """

    def report_to(self, listener: Listener) -> None:
        """Tell *listener* from now on, and at once all that dynamic sets hold."""

    async def adopt(self, revision: int, entries: list[Any]) -> list[Refusal]:
        """Become the model that *entries* are, leaving alone what is right already."""

    async def apply(self, revision: int, delta: ModelDelta) -> list[Refusal]: ...

    async def run(self, guest: str, script: str) -> tuple[int, str, str]: ...

    async def gone(self) -> None:
        """Return once the fabric is lost."""

    async def counters(self) -> Mapping[str, tuple[int, int]]: ...

    async def probes(self) -> Mapping[str, Mapping[str, tuple[int, int, str]]]:
        """By pool and member: probes sent, probes failed, and why the last one did, or nothing when it did not."""

    async def traffic(self) -> Mapping[str, tuple[int, int]]:
        """By port and host on the Internet, bytes it has sent and got since its link is there."""

    async def minutes(self, names: list[str], first: int, end: int) -> Minutes:
        """As :meth:`lazulite.telemetry.meter.Meter.minutes`: kept by the fabric, which outlives who asks."""

    async def ports(self) -> list[tuple[str, str, str, str, int]]:
        """VRF, public address, protocol, private address, and how many ports of the public one flows of it hold."""

    async def flows(
        self, ports: list[str], after: int, summary: bool, log: str = ""
    ) -> tuple[int, list[dict[str, Any]]]:
        """Have the ports recorded for some seconds: the number of the last record, and those after number *after*.

        *summary*: those there are, summed up; *log*: a flow log's rows of analytics instead.
        """

    async def differences(self) -> list[str]:
        """Everything that is not as it was given, in words: a full read-back."""


class Network:
    """The compiled model, and how far the fabric follows it. Belongs to one event loop."""

    def __init__(
        self,
        services: Iterable[Service],
        connect: Callable[[], AbstractAsyncContextManager[Fabric]],
        *,
        pause_s: float = PAUSE_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._compiler = Compiler(services)
        self._connect, self._pause_s, self._patience_s = connect, pause_s, patience_s
        self._fabric: asyncio.Future[Fabric] = asyncio.Future()
        """The fabric that follows; awaited by those who need one while there is none."""
        self._lost = asyncio.Event()
        """Set once that fabric follows no more."""
        self._pending: dict[EntryKey, Any] = {}
        """What the fabric has not been told; ``None`` for what is gone."""
        self._sent: dict[EntryKey, Any] = {}
        """What the fabric has been told last."""
        self._wake = asyncio.Event()
        self._progress = asyncio.Condition()
        self.wanted = 0
        self.applied = -1
        self.refusals: list[Refusal] = []
        self.turned: Callable[[], None] = lambda: None
        """Called when the fabric refuses something else without having been told anything."""
        self.news = asyncio.Event()
        """Set by every commit, and when a dynamic set holds something else."""
        self.watchers: set[asyncio.Event] = set()
        """Set whenever anything here becomes another: what is stored, followed, refused, or held by a dynamic set."""
        self._contents: dict[str, Contents] = {}
        """What dynamic sets hold, as a fabric last said; also of sets that the model does not declare any more."""

    @property
    def model(self) -> ForwardingModel:
        return self._compiler.model

    @cached_property
    def index(self) -> Index:
        """The model and what its sets hold, arranged for questions; kept up to date from the first question on."""
        return Index([*self.model, *self.contents.values()])

    @property
    def contents(self) -> Mapping[str, Contents]:
        """What the sets that the model declares hold now, by name."""
        return _Declared(self.model, self._contents)

    def filled(self, contents: Mapping[str, Contents | None]) -> None:
        for name, found in contents.items():
            if found is None:
                self._contents.pop(name, None)
            else:
                self._contents[name] = found
        self._index_contents(contents)
        self.news.set()
        self._stir()

    def refused(self, refusals: list[Refusal]) -> None:
        self.refusals = refusals
        self.turned()
        self._stir()

    def _stir(self) -> None:
        for watcher in self.watchers:
            watcher.set()

    def _index_contents(self, names: Iterable[str]) -> None:
        """Have the index hold what the sets of these names do."""
        if "index" not in self.__dict__:
            return
        step: ModelDelta = Delta()
        for name in names:
            old, new = self.index.model.get(Contents, name), self.contents.get(name)
            if new is not None and new != old:
                step.changed[new.key] = new
            elif new is None and old is not None:
                step.removed[old.key] = old
        if step:
            self.index.update(step)

    def load(self, snapshot: Snapshot) -> None:
        """Compile everything: the first snapshot after a start."""
        self._compiler.advance(snapshot)
        self.wanted = snapshot.revision

    def committed(self, snapshot: Snapshot, touched: Collection[Any]) -> None:
        """Compile what *touched* can reach. Several commits may go out as one push."""
        delta = self._compiler.advance(snapshot, touched)
        if "index" in self.__dict__:
            self.index.update(delta)
            self._index_contents(name for kind, name in (*delta.changed, *delta.removed) if kind in _DECLARING)
        self._pending |= delta.changed
        self._pending |= dict.fromkeys(delta.removed)
        self.wanted = snapshot.revision
        self._wake.set()
        self.news.set()
        self._stir()

    async def settled(self, revision: int) -> list[Refusal]:
        """Everything the fabric refuses, once it follows *revision* or a later one."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.applied >= revision)
        return self.refusals

    async def asked(self, ask: Callable[[Fabric], Awaitable[V]]) -> V:
        """The answer of the fabric, or of the one after it when that is lost meanwhile: for what changes nothing.

        Raises ``ConnectionError`` as :meth:`run` does.
        """
        fabric, lost = await self._reached(), self._lost
        try:
            return await ask(fabric)
        except ConnectionError:
            await self._patiently(lost.wait())
        return await ask(await self._reached())

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        """Raises ``ConnectionError`` when there is no fabric for longer than it takes to bring one up."""
        return await (await self._reached()).run(guest, script)

    async def counters(self) -> Mapping[str, tuple[int, int]]:
        """Packets and bytes by the origin of the deciding rule. Raises ``ConnectionError`` as :meth:`run` does."""
        return await self.asked(lambda fabric: fabric.counters())

    async def probes(self) -> Mapping[str, Mapping[str, tuple[int, int, str]]]:
        """Probes sent and failed, by pool and member. Raises ``ConnectionError`` as :meth:`run` does."""
        return await self.asked(lambda fabric: fabric.probes())

    async def traffic(self) -> Mapping[str, tuple[int, int]]:
        """As :meth:`Fabric.traffic`. Raises ``ConnectionError`` as :meth:`run` does."""
        return await self.asked(lambda fabric: fabric.traffic())

    async def minutes(self, names: list[str], first: int, end: int) -> Minutes:
        """As :meth:`Fabric.minutes`. Raises ``ConnectionError`` as :meth:`run` does."""
        return await self.asked(lambda fabric: fabric.minutes(names, first, end))

    async def ports(self) -> list[tuple[str, str, str, str, int]]:
        """As :meth:`Fabric.ports`. Raises ``ConnectionError`` as :meth:`run` does."""
        return await self.asked(lambda fabric: fabric.ports())

    async def differences(self) -> list[str]:
        """What the machine has otherwise than the model, in words. Raises ``ConnectionError`` as :meth:`run` does."""
        return await self.asked(lambda fabric: fabric.differences())

    async def _reached(self) -> Fabric:
        return await self._patiently(asyncio.shield(self._fabric))

    async def _patiently(self, event: Awaitable[V]) -> V:
        try:
            async with asyncio.timeout(self._patience_s):  # and not wait_for, which may swallow that one gives up
                return await event
        except TimeoutError:
            raise ConnectionError("the agent does not answer") from None

    async def follow(self) -> None:
        """Push for ever; a fabric that is lost is connected to again and told everything.

        Raises ``ConnectionError`` when there was none from the start.
        """
        while True:
            try:
                async with self._connect() as fabric:
                    fabric.report_to(self)
                    await self._adopt(fabric)
                    await self._push_until_gone(fabric)
            except ConnectionError as error:
                if self.applied < 0:
                    raise
                _LOG.warning("fabric lost: %s", error)
                await asyncio.sleep(self._pause_s)

    async def _push_until_gone(self, fabric: Fabric) -> None:
        """Raises ``ConnectionError`` when the fabric is lost, at once and not only when there is something to push."""
        self._lost = asyncio.Event()
        self._fabric.set_result(fabric)
        pushing, leaving = asyncio.ensure_future(self._push_all(fabric)), asyncio.ensure_future(fabric.gone())
        try:
            await asyncio.wait({pushing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._fabric = asyncio.Future()
            self._lost.set()
            pushing.cancel()
            leaving.cancel()
            await asyncio.gather(pushing, leaving, return_exceptions=True)
        if not pushing.cancelled():
            pushing.result()
        raise ConnectionError("it has gone")

    async def _push_all(self, fabric: Fabric) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._push(fabric, self.wanted, self._take())

    async def _adopt(self, fabric: Fabric) -> None:
        entries, revision = list(self.model), self.wanted
        self._pending.clear()
        self._sent = {e.key: e for e in entries}
        await self._reached_revision(revision, await fabric.adopt(revision, entries))

    def _take(self) -> ModelDelta:
        """What is pending, against what the fabric knows: changes that cancelled out are not in it."""
        delta: ModelDelta = Delta()
        for key, now in self._pending.items():
            was = self._sent.get(key)
            if now is None and was is not None:
                delta.removed[key] = self._sent.pop(key)
            elif now is not None and now != was:
                delta.changed[key] = self._sent[key] = now
                if was is not None:
                    delta.before[key] = was
        self._pending.clear()
        return delta

    async def _push(self, fabric: Fabric, revision: int, delta: ModelDelta) -> None:
        refusals = await fabric.apply(revision, delta) if delta else self.refusals
        await self._reached_revision(revision, refusals)

    async def _reached_revision(self, revision: int, refusals: list[Refusal]) -> None:
        async with self._progress:
            self.applied, self.refusals = revision, refusals
            self._progress.notify_all()
        self._stir()


_DECLARING = frozenset({Pool.__name__, Watch.__name__})
"""Types of entries that declare dynamic sets."""


class _Declared(Mapping[str, Contents]):
    """Of *contents* those whose pool or watch is in the model, with a probe: read when asked, not kept."""

    def __init__(self, model: ForwardingModel, contents: Mapping[str, Contents]) -> None:
        self._model, self._contents = model, contents

    def __getitem__(self, name: str) -> Contents:
        pool = self._model.get(Pool, name) or self._model.get(Watch, name)
        if pool is None or pool.probe is None:
            raise KeyError(name)
        return self._contents[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._contents if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
