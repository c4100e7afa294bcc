"""``start``, ``stop`` and ``query`` of a connection monitor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from lazulite.forwarding.model import Monitor
from lazulite.resources.model import Resource
from lazulite.services.connection_monitor.model import ConnectionMonitor
from lazulite.services.service import Context, Reply, Write

_STATES = {"Pass": "Reachable", "Warning": "Reachable", "Fail": "Unreachable"}
_ROUND_TRIPS = ("minLatencyInMs", "avgLatencyInMs", "maxLatencyInMs")


def turned(*, off: bool) -> Callable[[Resource[ConnectionMonitor], Context], Write | Reply]:
    """``stop`` or ``start``; one that is so already stays so."""

    def turn(made: Resource[ConnectionMonitor], context: Context) -> Write | Reply:
        if made.properties.is_stopped is off:
            return Reply(None, slow=True)
        return Write(replace(made, properties=replace(made.properties, stopped=off)))

    return turn


def query(made: Resource[ConnectionMonitor], context: Context) -> Reply:
    """``ConnectionMonitorQueryResult``: what each check found, from what the agent says of this incarnation.

    ``checkName`` and ``testResult`` tell the tests of a monitor of the second version apart.
    """
    told: Mapping[str, Any] = context.observations.reports.get(made.id.key, {})
    told = told if told.get("guid", made.guid) == made.guid else {}
    entry, found = context.model.get(Monitor, made.id.key), told.get("checks", {})
    names = [c.name for c in entry.checks] if entry is not None else []
    active = any(found.get(n, {}).get("sent") for n in names)
    status = "Inactive" if made.properties.is_stopped else "Active" if active else "Unknown"
    states = [_state(n, found.get(n, {}), told) for n in names]
    return Reply({"sourceStatus": status, "states": states}, slow=True)


def _state(name: str, check: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    sent, result = check.get("sent", 0), check.get("state", "Indeterminate")
    last = check.get("last") or []
    state: dict[str, Any] = {
        "checkName": name,
        "testResult": result,
        "connectionState": _STATES.get(result, "Unknown"),
        "evaluationState": "Completed" if sent else "NotStarted",
        "startTime": told.get("started"),
        "endTime": last[-1][0] if last else None,
        "probesSent": sent,
        "probesFailed": check.get("failed", 0),
        "hops": [],
    }
    shown = {k: v for k, v in state.items() if v is not None}
    trips = dict(zip(_ROUND_TRIPS, check.get("rtt") or (), strict=False))
    if check.get("reason"):
        shown["reason"] = check["reason"]
    return shown | {k: round(v) for k, v in trips.items() if v is not None}
