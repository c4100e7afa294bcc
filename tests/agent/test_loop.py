"""The loop with a driver and guests that write down what they are asked, in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lazulite.agent.loop import Loop
from lazulite.agent.protocol import Applied, Change, Load, LoadWanted, Observed, Reply
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.forwarding.model import Contents, EntryKey, Pool, Probe, ProbeProtocol
from tests.agent.entries import guest, vrf


class Recorder:
    """Driver and workloads in one. ``hold`` keeps the driver at its call until it is set."""

    capabilities: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.entered = threading.Event()
        self.threads: set[int] = set()
        self.refusals: list[Refusal] = []
        self.failures: list[str] = []
        """Calls to fail."""
        self.others: list[Any] = []
        """Guests that retire finds to have become others."""

    def _call(self, text: str) -> list[Refusal]:
        self.calls.append(text)
        self.threads.add(threading.get_ident())
        self.entered.set()
        assert self.hold.wait(60)
        if text in self.failures:
            self.failures.remove(text)
            raise RuntimeError(f"{text} broke")
        return self.refusals

    def adopt(self, entries: list[Any]) -> list[Refusal]:
        return self._call(f"adopt {' '.join(e.name for e in entries)}".strip())

    def apply(self, delta: ModelDelta) -> list[Refusal]:
        words = [f"+{e.name}" for e in delta.changed.values()] + [f"-{e.name}" for e in delta.removed.values()]
        return self._call(f"apply {' '.join(words)}")

    def counters(self) -> Mapping[str, tuple[int, int]]:
        return {}

    def close(self) -> None:
        """Nothing is held."""

    async def retire(self, entries: Mapping[EntryKey, Any], among: Iterable[Any] | None = None) -> list[Any]:
        self.calls.append("retire" if among is None else f"retire {' '.join(e.name for e in among)}".strip())
        others, self.others = self.others, []
        return others

    def settle(self, delta: ModelDelta) -> None:
        self.calls.append(f"settle {' '.join(e.name for e in delta.changed.values())}".strip())

    def news(self) -> Observed:
        return Observed()

    async def enter(self, name: str) -> Any:
        raise NotImplementedError

    async def run(self, name: str, script: str) -> Any:
        raise NotImplementedError


class Sets:
    """Dynamic sets that hold what a test says, and write down when they are kept and what they are told."""

    def __init__(self, calls: list[str], known: dict[str, Contents]) -> None:
        self._calls, self.known = calls, known
        self._found: dict[str, Contents | None] = {}
        self.wake: Callable[[], None] = lambda: None
        self.told: list[str] = []

    def hold(self, **found: Contents | None) -> None:
        self._found |= found
        self.wake()

    def take(self) -> Mapping[str, Contents | None]:
        found, self._found = self._found, {}
        return found

    async def save(self) -> None:
        self._calls.append("save")

    def settle(self, delta: ModelDelta) -> None:
        self.told.append(" ".join(["settle", *(f"+{e.name}" for e in delta.changed.values()), *delta_removed(delta)]))

    def replace(self, entries: Iterable[Any]) -> None:
        self.told.append(" ".join(["replace", *(e.name for e in entries)]))


def delta_removed(delta: ModelDelta) -> list[str]:
    return [f"-{e.name}" for e in delta.removed.values()]


class Scene:
    """A loop at work, and all it said."""

    def __init__(self, known: dict[str, Contents]) -> None:
        self.recorder = Recorder()
        self.sets = Sets(self.recorder.calls, known)
        self.said: asyncio.Queue[Reply] = asyncio.Queue()
        self.thread = ThreadPoolExecutor(1)
        self.loop = Loop(self.recorder, self.recorder, self.sets, self.thread, self.said.put_nowait)

    async def told(self) -> Reply:
        return await asyncio.wait_for(self.said.get(), 60)

    async def reaches(self, revision: int) -> Applied:
        told = await self.told()
        assert isinstance(told, Applied)
        assert told.revision == revision
        return told


def play(scenario: Callable[[Scene], Coroutine[Any, Any, None]], **known: Contents) -> Recorder:
    """Run *scenario* beside a loop; an earlier agent knew what sets hold."""

    async def played() -> Recorder:
        scene = Scene(known)
        following = asyncio.create_task(scene.loop.run())
        try:
            await scenario(scene)
        finally:
            scene.recorder.hold.set()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            scene.thread.shutdown()
        return scene.recorder

    return asyncio.run(played())


async def loaded(scene: Scene) -> None:
    """Revision 1: the network a."""
    scene.loop.offer(Load("e", 1, [vrf("a")]))
    await scene.reaches(1)
    scene.recorder.calls.clear()


def test_after_a_start_everything_is_adopted() -> None:
    async def scenario(scene: Scene) -> None:
        scene.loop.offer(Load("e", 1, [vrf("a")]))
        assert await scene.told() == Applied("e", 1, [])

    assert play(scenario).calls == ["retire", "adopt a", "settle a"]


def test_then_differences_are_applied_guests_end_first_and_start_last() -> None:
    async def scenario(scene: Scene) -> None:
        await loaded(scene)
        scene.loop.offer(Change(1, 2, [vrf("b")], [("Vrf", "a")]))
        assert await scene.told() == Applied("e", 2, [])

    assert play(scenario).calls == ["retire b a", "apply +b -a", "settle b"]


def test_a_controller_that_comes_back_changes_nothing() -> None:
    async def scenario(scene: Scene) -> None:
        await loaded(scene)
        scene.loop.offer(Load("another", 1, [vrf("a")]))
        assert await scene.told() == Applied("another", 1, [])

    assert play(scenario).calls == ["retire", "settle"]


def test_changes_that_come_while_the_driver_works_are_one() -> None:
    async def scenario(scene: Scene) -> None:
        await loaded(scene)
        scene.recorder.hold.clear()
        scene.recorder.entered.clear()
        scene.loop.offer(Change(1, 2, [vrf("b")], []))
        await asyncio.to_thread(scene.recorder.entered.wait, 10)
        scene.loop.offer(Change(2, 3, [vrf("c")], []))
        scene.loop.offer(Change(3, 4, [vrf("d")], [("Vrf", "c")]))
        scene.recorder.hold.set()
        await scene.reaches(2)
        await scene.reaches(4)

    calls = [c for c in play(scenario).calls if c.startswith("apply")]
    assert calls == ["apply +b", "apply +d"]


def test_a_change_that_does_not_fit_asks_for_a_load() -> None:
    async def scenario(scene: Scene) -> None:
        scene.loop.offer(Change(1, 2, [vrf("b")], []))
        assert await scene.told() == LoadWanted(None)
        await loaded(scene)
        scene.loop.offer(Change(7, 8, [vrf("b")], []))
        assert await scene.told() == LoadWanted(1)

    assert play(scenario).calls == []


def test_what_is_refused_is_told_until_it_is_mended() -> None:
    """The driver tries again with every difference; without one, what it said last stands."""

    async def scenario(scene: Scene) -> None:
        scene.recorder.refusals = [Refusal("/vnets/a", "no")]
        scene.loop.offer(Load("e", 1, [vrf("a")]))
        assert (await scene.reaches(1)).refusals == [Refusal("/vnets/a", "no")]
        scene.recorder.refusals = []
        scene.loop.offer(Change(1, 2, [vrf("a")], []))
        assert (await scene.reaches(2)).refusals == [Refusal("/vnets/a", "no")]
        scene.loop.offer(Change(2, 3, [vrf("b")], []))
        assert (await scene.reaches(3)).refusals == []

    play(scenario)


def test_a_driver_that_fails_is_given_everything_again() -> None:
    async def scenario(scene: Scene) -> None:
        await loaded(scene)
        scene.recorder.failures = ["apply +b"]
        scene.loop.offer(Change(1, 2, [vrf("b")], []))
        assert (await scene.reaches(2)).refusals == []

    assert play(scenario).calls == ["retire b", "apply +b", "retire", "adopt a b", "settle a b"]


def test_a_driver_that_fails_again_is_told_of_and_tried_at_the_next_revision() -> None:
    async def scenario(scene: Scene) -> None:
        scene.recorder.failures = ["adopt a"]
        scene.loop.offer(Load("e", 1, [vrf("a")]))
        assert (await scene.reaches(1)).refusals == [Refusal("", "the driver failed: adopt a broke")]
        scene.loop.offer(Change(1, 2, [vrf("b")], []))
        assert (await scene.reaches(2)).refusals == []

    assert play(scenario).calls == ["retire", "adopt a", "retire", "adopt a b", "settle a b"]


def test_another_guest_of_the_same_name_gets_another_namespace() -> None:
    async def scenario(scene: Scene) -> None:
        scene.loop.offer(Load("e", 1, [guest("web", "1")]))
        await scene.reaches(1)
        scene.recorder.calls.clear()
        scene.recorder.others = [guest("web", "2")]
        scene.loop.offer(Change(1, 2, [guest("web", "2")], []))
        await scene.reaches(2)

    assert play(scenario).calls == ["retire /vms/web", "apply -/vms/web", "apply +/vms/web", "settle /vms/web"]


def test_the_driver_lives_in_one_thread_that_is_not_the_loops() -> None:
    async def scenario(scene: Scene) -> None:
        await loaded(scene)
        for revision in range(1, 5):
            scene.loop.offer(Change(revision, revision + 1, [vrf(str(revision))], []))
            await scene.reaches(revision + 1)

    threads = play(scenario).threads
    assert len(threads) == 1
    assert threading.get_ident() not in threads


POOL = Pool("p", "p", "a", (), Probe(ProbeProtocol.TCP, 80))


def holding(*members: str) -> Contents:
    return Contents("p", members, "test", "now")


async def pooled(scene: Scene) -> None:
    """Revision 1: the network a with the pool p."""
    scene.loop.offer(Load("e", 1, [vrf("a"), POOL]))
    await scene.reaches(1)
    scene.recorder.calls.clear()


def test_what_a_set_holds_is_kept_then_given_to_the_driver_then_told() -> None:
    async def scenario(scene: Scene) -> None:
        await pooled(scene)
        scene.recorder.refusals = [Refusal("/pools/p", "no")]
        scene.sets.hold(p=holding("m"))
        assert await scene.told() == Observed(contents={"p": holding("m")})
        assert (await scene.reaches(1)).refusals == [Refusal("/pools/p", "no")]

    assert play(scenario).calls == ["save", "retire p", "apply +p", "settle p"]


def test_what_an_earlier_agent_knew_is_in_the_first_that_the_driver_gets() -> None:
    """So that no pool is empty, however short, after an agent died."""

    async def scenario(scene: Scene) -> None:
        scene.loop.offer(Load("e", 1, [vrf("a"), POOL]))
        await scene.reaches(1)
        assert scene.sets.told == ["replace a p p"]

    assert play(scenario, p=holding("m")).calls[1] == "adopt a p p"


def test_what_a_set_holds_that_nobody_declares_is_kept_from_the_driver() -> None:
    async def scenario(scene: Scene) -> None:
        await loaded(scene)
        scene.sets.hold(p=holding("m"))
        await scene.told()
        await scene.reaches(1)
        scene.recorder.calls.clear()
        scene.loop.offer(Change(1, 2, [POOL], []))
        await scene.reaches(2)
        assert scene.sets.told[-1] == "settle +p +p"
        scene.loop.offer(Change(2, 3, [], [POOL.key]))
        await scene.reaches(3)
        assert scene.sets.told[-1] == "settle -p -p"

    calls = [c for c in play(scenario, p=holding("m")).calls if c.startswith("apply")]
    assert calls == ["apply +p +p", "apply -p -p"]


def test_what_sets_hold_before_there_is_a_model_waits_for_one() -> None:
    async def scenario(scene: Scene) -> None:
        scene.sets.hold(p=holding("m"))
        scene.loop.offer(Load("e", 1, [POOL]))
        assert await scene.told() == Observed(contents={"p": holding("m")})
        await scene.reaches(1)

    assert play(scenario).calls == ["save", "retire", "adopt p p", "settle p p"]
