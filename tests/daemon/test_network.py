"""The push loop, against a fabric that records what it is told and can be lost at any point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.daemon.network import Listener, Network
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.memory import MemoryDriver
from lazulite.forwarding.model import Contents, ForwardingModel, InternetHost, Pool, Probe, ProbeProtocol
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Properties, Resource
from lazulite.resources.view import Snapshot, View
from lazulite.services.service import Service

POOL = "Poolland"


class Thing(Properties, frozen=True):
    country: str = ""


def compile_thing(thing: Resource[Thing], view: View) -> list[Any]:
    if thing.properties.country == POOL:
        return [Pool(thing.id.name, thing.id.name, "", (), Probe(ProbeProtocol.TCP, 80))]
    return [InternetHost(thing.id.key, thing.id.name, "", (), thing.properties.country, origin=thing.id.text)]


SERVICE = Service("things", (), compile={Thing: compile_thing})


class Fabric:
    """A driver in memory that follows when it is let, and counts what it was told."""

    def __init__(self) -> None:
        self.driver = MemoryDriver(lambda entry: "no such country" if getattr(entry, "country", "") == "XX" else "")
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.lost = False
        self.left = asyncio.Event()
        self.holds: dict[str, Contents | None] = {}
        """What dynamic sets hold when a controller comes."""
        self.listener: Listener | None = None

    def report_to(self, listener: Listener) -> None:
        self.listener = listener
        listener.filled(self.holds)

    async def adopt(self, revision: int, entries: list[Any]) -> list[Refusal]:
        self.calls.append(f"adopt {revision}")
        return await self._do(lambda: self.driver.adopt(entries))

    async def apply(self, revision: int, delta: ModelDelta) -> list[Refusal]:
        self.calls.append(f"apply {revision}: {len(delta.changed)} changed, {len(delta.removed)} removed")
        return await self._do(lambda: self.driver.apply(delta))

    async def _do(self, work: Callable[[], list[Refusal]]) -> list[Refusal]:
        await self.gate.wait()
        if self.lost:
            raise ConnectionError("lost")
        return work()

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        return 0, script, ""

    async def gone(self) -> None:
        await self.left.wait()

    async def counters(self) -> dict[str, tuple[int, int]]:
        return {}

    async def probes(self) -> dict[str, dict[str, tuple[int, int, str]]]:
        return {"pool": {"member": (2, 1, "connection refused")}}


class Lab:
    """A network over snapshots of things."""

    def __init__(self, fabric: Fabric, patience_s: float = 20) -> None:
        self.snapshot = Snapshot()
        self.fabric = fabric
        self.network = Network([SERVICE], self._connect, pause_s=0, patience_s=patience_s)
        self.network.load(self.snapshot)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[Fabric]:
        self.fabric.lost = False
        self.fabric.left.clear()
        yield self.fabric

    def write(self, **countries: str | None) -> None:
        changes: dict[str, Resource[Any] | None] = {}
        for name, country in countries.items():
            id_ = ResourceId(f"/subscriptions/s/resourceGroups/g/providers/Test/things/{name}")
            changes[id_.key] = None if country is None else Resource(id_, Thing(country))
        self.snapshot, touched = self.snapshot.with_changes(self.snapshot.revision + 1, changes)
        self.network.committed(self.snapshot, touched)

    async def settled(self) -> list[Refusal]:
        return await self.network.settled(self.snapshot.revision)


def run(story: Callable[[Lab], Awaitable[None]]) -> Lab:
    """Play *story* on a fresh lab that is being followed."""

    async def play() -> Lab:
        lab = Lab(Fabric())
        following = asyncio.create_task(lab.network.follow())
        await lab.settled()
        await story(lab)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return lab

    return asyncio.run(play())


def test_a_commit_reaches_the_fabric_as_a_delta() -> None:
    async def story(lab: Lab) -> None:
        lab.write(a="CH")
        await lab.settled()

    assert run(story).fabric.calls == ["adopt 0", "apply 1: 1 changed, 0 removed"]


def test_commits_during_a_push_go_out_as_one() -> None:
    async def story(lab: Lab) -> None:
        lab.fabric.gate.clear()
        lab.write(a="CH")
        while len(lab.fabric.calls) < 2:
            await asyncio.sleep(0)
        lab.write(b="FR")
        lab.write(c="DE")
        lab.fabric.gate.set()
        await lab.settled()

    assert run(story).fabric.calls[1:] == ["apply 1: 1 changed, 0 removed", "apply 3: 2 changed, 0 removed"]


def test_what_was_changed_and_changed_back_is_not_sent() -> None:
    async def story(lab: Lab) -> None:
        lab.write(a="CH")
        lab.write(a=None)
        await lab.settled()

    lab = run(story)
    assert lab.fabric.calls == ["adopt 0"]
    assert lab.network.applied == 2


def test_a_lost_fabric_is_told_everything_again() -> None:
    async def story(lab: Lab) -> None:
        lab.write(a="CH")
        await lab.settled()
        lab.fabric.lost = True
        lab.write(b="FR")
        await lab.settled()

    lab = run(story)
    assert lab.fabric.calls[-1] == "adopt 2"
    assert lab.fabric.driver.model == lab.network.model


def test_a_fabric_that_leaves_is_noticed_with_nothing_to_push() -> None:
    async def story(lab: Lab) -> None:
        lab.write(a="CH")
        await lab.settled()
        lab.fabric.left.set()
        while lab.fabric.calls[-1] != "adopt 1":
            await asyncio.sleep(0)
        assert await lab.network.run("guest", "echo") == (0, "echo", "")

    assert run(story).network.applied == 1


def test_a_question_that_is_lost_with_the_fabric_is_asked_of_the_next() -> None:
    asked: list[Any] = []

    async def story(lab: Lab) -> None:
        await lab.settled()

        async def ask(fabric: Any) -> str:
            asked.append(fabric)
            if len(asked) == 1:
                lab.fabric.left.set()
                raise ConnectionError("lost")
            return "answer"

        assert await lab.network.asked(ask) == "answer"

    run(story)
    assert len(asked) == 2


def test_no_fabric_from_the_start_is_an_error() -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Fabric]:
        raise ConnectionError("no namespaces here")
        yield

    async def follow() -> None:
        await Network([SERVICE], connect).follow()

    with pytest.raises(ConnectionError, match="no namespaces here"):
        asyncio.run(follow())


def test_refusals_name_the_origin_and_stop_nothing_else() -> None:
    refusals: list[Refusal] = []

    async def story(lab: Lab) -> None:
        lab.write(bad="XX", good="CH")
        refusals.extend(await lab.settled())

    lab = run(story)
    assert [(r.origin.rsplit("/", 1)[1], r.message) for r in refusals] == [("bad", "no such country")]
    assert [h.label for h in lab.fabric.driver.model.all(InternetHost).values()] == ["good"]


def test_a_script_cannot_run_while_there_is_no_fabric() -> None:
    async def ask() -> None:
        await Lab(Fabric(), patience_s=0.01).network.run("guest", "true")

    with pytest.raises(ConnectionError):
        asyncio.run(ask())


EDITS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["CH", "FR", POOL, None]),
        st.sampled_from(["", "wait", "lose", "fill", "empty", "index"]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(EDITS)
def test_the_fabric_ends_at_the_model_whatever_happens(edits: list[tuple[str, str | None, str]]) -> None:
    known: list[str] = []

    async def story(lab: Lab) -> None:
        for name, country, event in edits:
            lab.write(**{name: country})
            lab.fabric.lost = lab.fabric.lost or event == "lose"
            if event == "wait":
                await lab.settled()
            elif event in ("fill", "empty"):
                lab.network.filled({name: holding(name, str(len(known))) if event == "fill" else None})
                known.append(event)
            elif event == "index":
                assert lab.network.index
        await lab.settled()

    lab = run(story)
    assert lab.fabric.driver.model == lab.network.model
    assert lab.network.index.model == ForwardingModel([*lab.network.model, *lab.network.contents.values()])


def holding(name: str, *members: str) -> Contents:
    return Contents(name, members, "test", "now")


def test_what_sets_hold_is_seen_while_the_model_declares_them() -> None:
    async def story(lab: Lab) -> None:
        lab.write(p=POOL, q="CH")
        assert lab.network.index.model.get(Contents, "p") is None
        lab.network.filled({"p": holding("p", "m"), "q": holding("q", "m"), "none": holding("none", "m")})
        assert dict(lab.network.contents) == {"p": holding("p", "m")}
        assert lab.network.index.model.all(Contents) == {"p": holding("p", "m")}
        lab.write(p="CH", q=POOL)
        assert list(lab.network.contents) == ["q"]
        assert lab.network.index.model.all(Contents) == {"q": holding("q", "m")}
        lab.network.filled({"q": None})
        assert len(lab.network.contents) == 0
        assert lab.network.index.model.all(Contents) == {}

    assert run(story).fabric.driver.model.all(Contents) == {}


def test_a_controller_that_starts_is_told_what_sets_hold() -> None:
    async def story() -> None:
        lab = Lab(Fabric())
        lab.fabric.holds = {"p": holding("p", "m")}
        lab.write(p=POOL)
        following = asyncio.create_task(lab.network.follow())
        await lab.settled()
        assert lab.network.contents["p"].members == ("m",)
        lab.fabric.holds = {}  # another fabric, which knows nothing yet
        lab.fabric.lost = True
        lab.write(q=POOL)
        await lab.settled()
        assert lab.network.contents["p"].members == ("m",)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(story())


def test_what_the_machine_refuses_by_itself_is_told() -> None:
    async def story(lab: Lab) -> None:
        lab.write(p=POOL)
        await lab.settled()
        assert lab.fabric.listener is not None
        lab.fabric.listener.refused([Refusal("p", "no room")])
        assert lab.network.refusals == [Refusal("p", "no room")]
        lab.write(a="CH")
        assert await lab.settled() == []

    run(story)


def test_probes_are_counted_by_pool_and_member() -> None:
    async def story(lab: Lab) -> None:
        assert (await lab.network.probes())["pool"]["member"] == (2, 1, "connection refused")

    run(story)
