"""Flows as they happen: what is asked with ``POST /lazulite/flows``, told to whoever listens."""

from __future__ import annotations

import asyncio
from typing import Any

from lazulite.arm.access.sight import Sight
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Response
from lazulite.daemon.flows import Watching, flows
from lazulite.daemon.guests import UnknownGuestError, find
from lazulite.daemon.network import Network
from lazulite.daemon.streams import Hub, Places, frame

BEAT_S = 1.0
MOST_ROWS = 500
"""Of one frame: the newest; a table that moves faster is not read by anybody."""
MOST_CHOICES = 32
"""Different choices of machines that are watched at a time: each is a question of its own to the agent."""


class Flows:
    """Implements :class:`lazulite.daemon.streams.Source` for some machines, or for all when none is named."""

    def __init__(
        self, network: Network, names: tuple[str, ...], beat_s: float = BEAT_S, sight: Sight | None = None
    ) -> None:
        """*sight*: of who may read a part of the network."""
        self._network, self._names, self._beat_s, self._sight = network, names, beat_s, sight

    def caught_up(self, missed: int, waiting: list[bytes]) -> bytes:
        """What was missed is gone; it is said how much that is."""
        return _frame([], missed) + b"".join(waiting)

    async def follow(self, hub: Hub) -> None:
        """Ask once a beat; while there is no agent, or nothing to watch, there are no flows."""
        after = 0
        hub.ready()
        while True:
            try:
                sees = self._sight.eyes() if self._sight is not None else None
                seen = await flows(self._network, Watching(self._names, after), sees)
            except (UnknownGuestError, ConnectionError):
                seen = {"last": after, "value": []}
            rows = seen["value"]
            after = seen["last"]
            if rows:
                left = max(0, len(rows) - MOST_ROWS)
                hub.tell(_frame(rows[left:], left), len(rows))
            await asyncio.sleep(self._beat_s)


class FlowStreams:
    """A hub for each choice of machines that somebody watches; for who does not see all, of its own."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._hubs: dict[tuple[str, ...], Hub] = {}

    def response(self, network: Network, machines: str, sight: Sight | None = None) -> Response:
        """*machines*: names with commas between, none for all.

        Raises :class:`UnknownGuestError`, and :class:`ArmError` when too much is watched already."""
        wanted = {n.strip() for n in machines.split(",")} - {""}
        sees = sight.eyes() if sight is not None else None
        names = tuple(sorted({f"{m.group}/{m.entry.label}" for m in (find(network.model, n, sees) for n in wanted)}))
        choice = (sight.whose if sight is not None else "", *names)
        if len(self._hubs) >= MOST_CHOICES:
            self._hubs = {held: hub for held, hub in self._hubs.items() if hub.listeners}
        if choice not in self._hubs and len(self._hubs) >= MOST_CHOICES:
            message = f"{MOST_CHOICES} different choices of machines are being watched; close one of these streams."
            raise ArmError(429, "TooManyStreams", message)
        hub = self._hubs.setdefault(choice, Hub(Flows(network, names, BEAT_S, sight), self._places))
        return hub.response()


def _frame(rows: list[dict[str, Any]], left: int) -> bytes:
    return frame({"type": "flows", "rows": rows, "left": left})
