"""What the map of the network is drawn from: all of it first, then what changed, then health and rates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.access.sight import Eyes, Sight
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Response
from lazulite.daemon.condition import conditions
from lazulite.daemon.controller import Controller
from lazulite.daemon.narrowing import narrowed
from lazulite.daemon.network import Network
from lazulite.daemon.parts import Parts
from lazulite.daemon.picture import Box, Joint, Picture, picture
from lazulite.daemon.streams import Hub, Places, frame
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.view import Snapshot

BEAT_S = 1.0
"""Between two looks at health and rates."""
LEAST_S = 0.1
"""Between two pictures; and four times what the last one took, so that a large lab does not draw all the time."""
_SHARE = 4
MOST_VIEWS = 16
"""Principals who follow a part of the network at a time: each has it drawn and measured of its own."""


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """A box without those in it, which name it as their ``parent``. Rates are bytes a second, sent (``out``) and got
    (``in``), and only said in a frame with everything."""

    key: str
    kind: str
    name: str
    parent: str
    details: tuple[str, ...]
    id: str
    flags: tuple[str, ...]
    health: str
    out: int = 0
    into: int = msgspec.field(default=0, name="in")


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a node changes all the time; what is not said is as it was."""

    health: str | None = None
    out: int | None = None
    into: int | None = msgspec.field(default=None, name="in")


Traffic = Mapping[str, tuple[int, int]]


class Topology:
    """Implements :class:`lazulite.daemon.streams.Source`. Belongs to the controller's event loop."""

    def __init__(
        self,
        lab: str,
        controller: Controller,
        parts: Parts,
        frozen: Callable[[], ForwardingModel],
        beat_s: float = BEAT_S,
        sight: Sight | None = None,
    ) -> None:
        """*sight*: of who may read a part of the network."""
        self._lab, self._controller, self._parts = lab, controller, parts
        self._frozen, self._beat_s, self._sight = frozen, beat_s, sight
        self._forget()

    @property
    def _network(self) -> Network:
        return self._controller.network

    def _forget(self) -> None:
        self._drawn = -1
        """Revision of the last picture."""
        self._eyes: Eyes | None = None
        """What it was drawn for."""
        self._boxes: dict[str, Box] = {}
        self._parents: dict[str, str] = {}
        self._joints: tuple[Joint, ...] = ()
        self._health: dict[str, str] = {}
        self._known: Any = None
        """What health was found from."""
        self._rates: Traffic = {}
        self._counted: tuple[float, Traffic] = (0.0, {})
        self._told = {"stored": 0, "applied": 0}
        self._first: bytes | None = None

    def caught_up(self, missed: int, waiting: list[bytes]) -> bytes:
        """Everything, whatever was missed; encoded once for all who come before something changes."""
        if self._first is None:
            said = {"type": "all", "lab": self._lab, "revision": self._told, "joints": self._joints}
            self._first = frame(said | {"nodes": [self._node(key, rated=True) for key in self._boxes]})
        return self._first

    async def follow(self, hub: Hub) -> None:
        """Draw at once, then whenever the network is another; look at health and rates once a beat."""
        self._forget()
        moved = asyncio.Event()
        self._network.watchers.add(moved)
        try:
            await self._draw(hub)
            hub.ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_drawing(hub, moved))
                group.create_task(self._keep_beating(hub, moved))
        finally:
            self._network.watchers.discard(moved)

    async def _keep_drawing(self, hub: Hub, moved: asyncio.Event) -> None:
        while True:
            await moved.wait()
            moved.clear()
            started = time.monotonic()
            await self._draw(hub)
            await asyncio.sleep(max(LEAST_S, _SHARE * (time.monotonic() - started)))

    async def _draw(self, hub: Hub) -> None:
        """Tell which boxes and joints are others than they were, and how far the network follows."""
        snapshot = self._controller.store.snapshot
        boxes, parents, joints = self._boxes, self._parents, self._joints
        eyes = self._sight.eyes() if self._sight is not None else None
        if snapshot.revision != self._drawn or eyes is not self._eyes:
            drawn = await asyncio.to_thread(_pictured, self._frozen(), snapshot, eyes)
            self._eyes, self._drawn, self._joints = eyes, snapshot.revision, drawn.joints
            self._boxes, self._parents, self._known = {}, {}, None
            for box, parent in _flat(drawn.boxes):
                self._boxes[box.key], self._parents[box.key] = box, parent
        states = self._look()
        changed = [k for k, box in self._boxes.items() if boxes.get(k) != box or parents[k] != self._parents[k]]
        gone = [key for key in boxes if key not in self._boxes]
        revision = {"stored": self._network.wanted, "applied": self._network.applied}
        if changed or gone or joints != self._joints or revision != self._told:
            self._told = revision
            said = {"type": "change", "revision": revision, "nodes": [self._node(k) for k in changed], "gone": gone}
            self._tell(hub, said | ({"joints": self._joints} if joints != self._joints else {}))
        self._tell_states(hub, {key: state for key, state in states.items() if key not in changed})

    async def _keep_beating(self, hub: Hub, moved: asyncio.Event) -> None:
        """Also notice that rights are others than what was drawn is for."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            if self._sight is not None and self._sight.eyes() is not self._eyes:
                moved.set()
            states = await self._measure()
            for key, state in self._look().items():
                states[key] = msgspec.structs.replace(states.get(key, State()), health=state.health)
            self._tell_states(hub, states)
            await asyncio.sleep(max(0.0, started + self._beat_s - loop.time()))

    def _look(self) -> dict[str, State]:
        """The health of all whose health is another than it was."""
        network, guests = self._network, self._parts.guests
        known = dict(network.contents), dict(guests), list(network.refusals), self._drawn
        if known == self._known:
            return {}
        self._known, before = known, self._health
        self._health = conditions(self._boxes, network.model, known[0], known[1], known[2])
        changed = (k for k in self._boxes if self._health.get(k, "") != before.get(k, ""))
        return {key: State(health=self._health.get(key, "")) for key in changed}

    async def _measure(self) -> dict[str, State]:
        """The rates of all whose rates are others than they were."""
        try:
            counted = await self._network.traffic()
        except ConnectionError:
            counted = {}
        now, (then, before), rates = time.monotonic(), self._counted, self._rates
        self._counted, self._rates = (now, counted), _rates(before, counted, now - then)
        changed = (k for k in {**rates, **self._rates} if rates.get(k) != self._rates.get(k) and k in self._boxes)
        return {key: State(None, *self._rates.get(key, (0, 0))) for key in changed}

    def _tell_states(self, hub: Hub, states: Mapping[str, State]) -> None:
        if states:
            self._tell(hub, {"type": "state", "time": round(time.time(), 3), "nodes": states})

    def _tell(self, hub: Hub, said: dict[str, Any]) -> None:
        self._first = None
        hub.tell(frame(said))

    def _node(self, key: str, *, rated: bool = False) -> Node:
        box, rates = self._boxes[key], self._rates.get(key, (0, 0)) if rated else (0, 0)
        health = self._health.get(key, "")
        return Node(key, box.kind, box.name, self._parents[key], box.details, box.id, box.flags, health, *rates)


class Topologies:
    """The hub of those who see everything, and one for each who does not."""

    def __init__(self, places: Places, source: Callable[[Sight | None], Topology]) -> None:
        self._places, self._source = places, source
        self._whole = Hub(source(None), places)
        self._parts: dict[str, Hub] = {}

    def response(self, sight: Sight | None) -> Response:
        """Raises :class:`ArmError` when too many are open."""
        if sight is None:
            return self._whole.response()
        self._parts = {whose: hub for whose, hub in self._parts.items() if hub.listeners or whose == sight.whose}
        if sight.whose not in self._parts and len(self._parts) >= MOST_VIEWS:
            raise ArmError(429, "TooManyStreams", f"{MOST_VIEWS} principals follow their part of the map already.")
        return self._parts.setdefault(sight.whose, Hub(self._source(sight), self._places)).response()


def _pictured(model: ForwardingModel, snapshot: Snapshot, eyes: Eyes | None) -> Picture:
    drawn = picture(model, snapshot)
    return drawn if eyes is None else narrowed(drawn, model, snapshot, eyes)


def _flat(boxes: Iterable[Box], parent: str = "") -> Iterator[tuple[Box, str]]:
    """Every box without what is in it, after the one that it is in; and the key of that."""
    for box in boxes:
        yield msgspec.structs.replace(box, children=()), parent
        yield from _flat(box.children, box.key)


def _rates(before: Traffic, now: Traffic, passed_s: float) -> dict[str, tuple[int, int]]:
    """Bytes a second of all that had traffic. A link that was made anew counts from nothing."""
    found = {}
    for name, (out, into) in now.items():
        last = before.get(name)
        if last is not None and (out, into) != last and out >= last[0] and into >= last[1]:
            found[name] = (round((out - last[0]) / passed_s), round((into - last[1]) / passed_s))
    return found
