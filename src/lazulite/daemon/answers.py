"""What services may ask the model: analysis in the plain values of :class:`lazulite.services.service.Analysis`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lazulite.analysis import Index, Trace, ip_flow_verify, next_hop, round_trip
from lazulite.analysis.routing import guest_exit
from lazulite.forwarding.model import Action, Port, Route
from lazulite.values import Direction, Flow, IPAddress


class Answers:
    """Implements :class:`lazulite.services.service.Analysis` over one index."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def ip_flow(self, port: str, direction: Direction, flow: Flow) -> tuple[bool, str]:
        if not self._knows(port):
            return False, ""
        verdict = ip_flow_verify(self._index, port, direction, flow)
        return verdict.action is Action.ALLOW, verdict.origin if verdict.label else ""

    def next_hop(self, port: str, destination: IPAddress) -> Route | None:
        return next_hop(self._index, port, destination) if self._knows(port) else None

    def exit(self, guest: str, destination: IPAddress) -> str:
        found = guest_exit(self._index, guest, destination)
        return found.name if found is not None else ""

    def conversation(self, port: str, flow: Flow) -> Mapping[str, Any]:
        if not self._knows(port):
            return {}
        trip = round_trip(self._index, port, flow)
        reply = _told(trip.reply) if trip.reply is not None else None
        return {"passes": trip.established, "forward": _told(trip.forward), "reply": reply}

    def _knows(self, port: str) -> bool:
        return self._index.model.get(Port, port) is not None


def _told(trace: Trace) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(trace, enc_hook=str)
    return found
