"""Flows as they happen: what is asked with ``POST /lazulite/flows``, told to whoever listens."""

from __future__ import annotations

import asyncio
from typing import Any

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

    def __init__(self, network: Network, names: tuple[str, ...], beat_s: float = BEAT_S) -> None:
        self._network, self._names, self._beat_s = network, names, beat_s

    def caught_up(self, missed: int, waiting: list[bytes]) -> bytes:
        """What was missed is gone; it is said how much that is."""
        return _frame([], missed) + b"".join(waiting)

    async def follow(self, hub: Hub) -> None:
        """Ask once a beat; while there is no agent, or nothing to watch, there are no flows."""
        after = 0
        hub.ready()
        while True:
            try:
                seen = await flows(self._network, Watching(self._names, after))
            except (UnknownGuestError, ConnectionError):
                seen = {"last": after, "value": []}
            rows = seen["value"]
            after = seen["last"]
            if rows:
                left = max(0, len(rows) - MOST_ROWS)
                hub.tell(_frame(rows[left:], left), len(rows))
            await asyncio.sleep(self._beat_s)


class FlowStreams:
    """A hub for each choice of machines that somebody watches."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._hubs: dict[tuple[str, ...], Hub] = {}

    def response(self, network: Network, machines: str) -> Response:
        """*machines*: names with commas between, none for all.

        Raises :class:`UnknownGuestError`, and :class:`ArmError` when too much is watched already."""
        wanted = {n.strip() for n in machines.split(",")} - {""}
        names = tuple(sorted({f"{m.group}/{m.entry.label}" for m in (find(network.model, n) for n in wanted)}))
        if len(self._hubs) >= MOST_CHOICES:
            self._hubs = {choice: hub for choice, hub in self._hubs.items() if hub.listeners}
        if names not in self._hubs and len(self._hubs) >= MOST_CHOICES:
            message = f"{MOST_CHOICES} different choices of machines are being watched; close one of these streams."
            raise ArmError(429, "TooManyStreams", message)
        hub = self._hubs.setdefault(names, Hub(Flows(network, names), self._places))
        return hub.response()


def _frame(rows: list[dict[str, Any]], left: int) -> bytes:
    return frame({"type": "flows", "rows": rows, "left": left})
