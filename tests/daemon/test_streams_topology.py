"""The topology as it is told: everything, then what changed; kept by a reader, it is the picture of the moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from lazulite.daemon import streams_topology
from lazulite.daemon.controller import Controller
from lazulite.daemon.memory import MemoryFabric, MemoryParts
from lazulite.daemon.network import Network
from lazulite.daemon.picture import picture
from lazulite.daemon.streams import QUEUED, Hub, Places
from lazulite.daemon.streams_topology import Topology, _flat, _rates
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import ForwardingModel, Guest
from lazulite.services import SERVICES
from tests.build import Lab, resource_id
from tests.daemon.test_condition import balanced

BEAT_S = 0.01


class Fabric(MemoryFabric):
    """Links that count what the test says; ``lost`` while nobody answers."""

    def __init__(self) -> None:
        super().__init__()
        self.octets: dict[str, tuple[int, int]] = {}
        self.sending: dict[str, int] = {}
        """What each sends more until it is asked for again."""
        self.asked = 0
        self.lost = False

    async def traffic(self) -> dict[str, tuple[int, int]]:
        self.asked += 1
        if self.lost:
            raise ConnectionError("gone")
        for key, more in self.sending.items():
            self.octets[key] = (self.octets.get(key, (0, 0))[0] + more, 0)
        return dict(self.octets)


class Parts(MemoryParts):
    """Guests are as the test says."""

    def __init__(self) -> None:
        self.guests: Mapping[str, str] = {}


class Stage:
    """A controller, its stream, and the resources of a lab of the tests' own."""

    def __init__(self, directory: Path) -> None:
        self.fabric, self.parts = Fabric(), Parts()

        @asynccontextmanager
        async def connect() -> AsyncIterator[Fabric]:
            yield self.fabric

        self.network = Network(SERVICES, connect)
        self.controller = Controller(f"sqlite:///{directory}/store.db", self.network, self.parts)
        self.source = Topology("here", self.controller, self.parts, self.frozen, BEAT_S)
        self.hub = Hub(self.source, Places())

    def frozen(self) -> ForwardingModel:
        return ForwardingModel([*self.network.model, *self.network.contents.values()])

    def commit(self, lab: Lab, *gone: str) -> None:
        """What is in *lab* and not here, or other than here; and away with ids that end so."""
        held = self.controller.store.snapshot.resources
        top = {k: r for k, r in lab.snapshot.resources.items() if type(r.properties) in self.controller.registry.models}
        news: dict[str, Any] = {k: r for k, r in top.items() if k not in held or held[k].properties != r.properties}
        news |= {k: None for k in held if any(k.endswith(g.lower()) for g in gone)}
        self.controller.committed(*self.controller.store.commit(news))

    def drawn(self) -> dict[str, Any]:
        """The picture of the moment, as nodes by key."""
        found = picture(self.frozen(), self.controller.store.snapshot)
        return {
            b.key: [b.kind, b.name, parent, list(b.details), b.id, list(b.flags)] for b, parent in _flat(found.boxes)
        }


class Reader:
    """What a page keeps of the frames it got."""

    def __init__(self, stream: AsyncGenerator[bytes, None]) -> None:
        self._stream = stream
        self.nodes: dict[str, dict[str, Any]] = {}
        self.joints: list[Any] = []
        self.revision: dict[str, int] = {}
        self.kinds: list[str] = []
        self.bytes = 0

    async def read(self) -> None:
        piece = await anext(self._stream)
        self.bytes += len(piece)
        for event in piece.decode().split("\n\n"):
            if event.startswith("data: "):
                self._take(json.loads(event[6:]))

    async def until(self, met: Callable[[Reader], bool]) -> None:
        async with asyncio.timeout(60):
            while not met(self):
                await self.read()

    def _take(self, frame: dict[str, Any]) -> None:
        self.kinds.append(frame["type"])
        if frame["type"] == "state":
            assert frame["nodes"], "nothing new is not told"
            for key, state in frame["nodes"].items():
                self.nodes[key] |= state
            return
        if frame["type"] == "all":
            self.nodes = {}
        for node in frame["nodes"]:
            self.nodes[node["key"]] = self.nodes.get(node["key"], {}) | node
        for key in frame.get("gone", ()):
            del self.nodes[key]
        self.joints, self.revision = frame.get("joints", self.joints), frame["revision"]

    def boxes(self) -> dict[str, Any]:
        return {k: [n[f] for f in ("kind", "name", "parent", "details", "id", "flags")] for k, n in self.nodes.items()}

    def named(self, name: str) -> dict[str, Any]:
        [found] = [n for n in self.nodes.values() if n["name"] == name]
        return found


def played(directory: Path, story: Callable[[Stage, Reader], Awaitable[None]], lab: Lab | None = None) -> None:
    """*story* with a reader that has been told of *lab*."""

    async def within() -> None:
        stage = Stage(directory)
        stage.commit(lab or balanced())
        following = asyncio.create_task(stage.network.follow())
        await stage.network.settled(stage.network.wanted)
        try:
            async with aclosing(stage.hub.stream()) as stream:
                reader = Reader(stream)
                await reader.until(lambda r: bool(r.nodes))
                await story(stage, reader)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            stage.controller.store.close()

    asyncio.run(asyncio.wait_for(within(), 60))


def test_the_first_frame_is_everything(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        assert reader.kinds[0] == "all"
        assert reader.boxes() == stage.drawn()
        assert reader.revision == {"stored": stage.network.wanted, "applied": stage.network.applied}
        assert {j["kind"] for j in reader.joints} == {"serves"}
        assert (reader.named("one")["health"], reader.named("idle")["health"]) == ("ok", "stopped")

    played(tmp_path, story)


def test_a_commit_is_told_by_what_changed_alone(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        size, lab = reader.bytes, balanced()
        lab.vnet("other", "10.9.0.0/16", subnets={"s": "10.9.0.0/24"})
        lab.peer("v", "other")
        stage.commit(lab)
        await reader.until(lambda r: any(n["name"] == "other" for n in r.nodes.values()))
        assert reader.boxes() == stage.drawn()
        assert {j["kind"] for j in reader.joints} == {"serves", "peering"}
        assert reader.bytes - size < size, "less than everything again"
        assert set(reader.kinds[1:]) <= {"change", "state"}

    played(tmp_path, story)


def test_what_is_deleted_is_gone(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        stage.commit(balanced(), "/clients/anna")
        await reader.until(lambda r: not any(n["name"] == "anna" for n in r.nodes.values()))
        assert reader.boxes() == stage.drawn()

    played(tmp_path, story)


def test_how_far_the_network_follows_is_told_though_nothing_else_changed(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        lab = balanced()
        lab.put("routeTables", "t", {})
        stage.commit(lab)
        wanted = stage.network.wanted
        await reader.until(lambda r: r.revision == {"stored": wanted, "applied": wanted})
        assert reader.boxes() == stage.drawn()

    played(tmp_path, story)


def test_rates_are_bytes_a_second_and_end_with_the_traffic(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        key = reader.named("one")["key"]
        stage.fabric.sending = {key: 1000}
        await reader.until(lambda r: r.nodes[key].get("out", 0) > 1000)
        stage.fabric.sending = {}
        assert reader.nodes[key]["in"] == 0
        await reader.until(lambda r: r.nodes[key]["out"] == 0)
        assert all("out" not in n for k, n in reader.nodes.items() if k != key)

    played(tmp_path, story)


def test_rates_are_those_between_two_looks() -> None:
    before, now = {"a": (100, 10), "b": (5, 5), "c": (9, 9)}, {"a": (1100, 10), "b": (5, 5), "c": (1, 0), "d": (7, 7)}
    assert _rates(before, now, 0.5) == {"a": (2000, 0)}, "new links, and those made anew, count from nothing"


def test_health_is_told_when_it_changes(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        key = reader.named("beside")["key"]
        [guest] = [n for n in stage.network.model.all(Guest) if n.endswith("/beside")]
        stage.parts.guests = {guest: "it has crashed"}
        await reader.until(lambda r: r.nodes[key]["health"] == "down")
        stage.parts.guests = {guest: "running"}
        await reader.until(lambda r: r.nodes[key]["health"] == "ok")
        stage.network.refused([Refusal(reader.nodes[key]["id"], "no room")])
        await reader.until(lambda r: r.nodes[key]["health"] == "down")
        assert "all" not in reader.kinds[1:]

    played(tmp_path, story)


def test_a_fabric_that_is_lost_leaves_the_map_and_takes_the_rates(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        key = reader.named("one")["key"]
        stage.fabric.sending = {key: 1000}
        await reader.until(lambda r: r.nodes[key].get("out", 0) > 1000)
        stage.network._patience_s = 0.01  # an agent that does not come back within it
        stage.fabric.lost = True
        await reader.until(lambda r: r.nodes[key]["out"] == 0)
        stage.fabric.lost = False
        asked = stage.fabric.asked
        while stage.fabric.asked <= asked + 1:
            await asyncio.sleep(BEAT_S)
        assert reader.boxes() == stage.drawn()

    played(tmp_path, story)


def test_who_missed_frames_is_told_everything_again(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        async with aclosing(stage.hub.stream()) as stream:
            slow = Reader(stream)
            await slow.read()
            lab = balanced()
            for number in range(QUEUED + 2):
                lab.vnet(f"v{number}", f"10.{100 + number}.0.0/16")
                stage.commit(lab)
                wanted = stage.network.wanted
                await reader.until(lambda r, wanted=wanted: r.revision["applied"] == wanted)  # type: ignore[misc]
            await slow.until(lambda r: r.revision == reader.revision)
            assert slow.kinds[:2] == ["all", "all"]
            assert slow.boxes() == reader.boxes() == stage.drawn()

    played(tmp_path, story)


def test_nobody_is_asked_for_rates_when_nobody_listens(tmp_path: Path) -> None:
    async def within() -> None:
        stage = Stage(tmp_path)
        following = asyncio.create_task(stage.network.follow())
        await stage.network.settled(stage.network.wanted)
        assert stage.network.watchers == set()
        async with aclosing(stage.hub.stream()) as stream:
            await anext(stream)
            async with asyncio.timeout(60):
                while not stage.fabric.asked:
                    await asyncio.sleep(BEAT_S)
        await asyncio.sleep(0)
        asked = stage.fabric.asked
        await asyncio.sleep(3 * BEAT_S)
        assert (stage.fabric.asked, stage.network.watchers) == (asked, set())
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        stage.controller.store.close()

    asyncio.run(asyncio.wait_for(within(), 60))


def test_a_large_lab_is_not_drawn_all_the_time() -> None:
    """A second picture waits for a multiple of what the first one took."""
    assert streams_topology.LEAST_S > 0
    assert streams_topology._SHARE >= 2


def test_a_node_says_what_the_page_needs_even_where_it_is_empty(tmp_path: Path) -> None:
    async def story(stage: Stage, reader: Reader) -> None:
        wanted = {"key", "kind", "name", "parent", "details", "id", "flags", "health"}
        assert all(wanted <= set(n) for n in reader.nodes.values())
        assert resource_id("virtualNetworks", "v").text in {n["id"] for n in reader.nodes.values()}

    played(tmp_path, story)
