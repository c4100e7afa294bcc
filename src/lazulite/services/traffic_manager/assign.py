"""What Traffic Manager fills in: priorities by place, a timeout by the interval, a path."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services.service import Lab
from lazulite.services.traffic_manager.model import DEFAULT_RETURNS, TIMEOUTS_S, Endpoint, MonitorConfig, Profile

_LISTS = ("azure_endpoints", "external_endpoints", "nested_endpoints")


def resource(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    if not isinstance(new.properties, Profile):
        return new
    said: Profile = new.properties
    returns = said.max_return
    if returns is None and said.traffic_routing_method == "MultiValue":
        returns = DEFAULT_RETURNS
    changes = {"monitor_config": _monitor(said.monitor_config), "max_return": returns}
    return replace(new, properties=replace(said, **changes, **_ranked(said, old.properties if old else None)))


def _monitor(said: MonitorConfig) -> MonitorConfig:
    """Source: "Traffic Manager endpoint monitoring", configure endpoint monitoring (defaults)."""
    changes: dict[str, Any] = {}
    if said.timeout_in_seconds is None and said.interval_in_seconds in TIMEOUTS_S:
        changes["timeout_in_seconds"] = TIMEOUTS_S[said.interval_in_seconds][-1]
    if said.path is None and said.protocol != "TCP":
        changes["path"] = "/"
    return replace(said, **changes)


def _ranked(said: Profile, old: Profile | None) -> dict[str, tuple[Child[Endpoint], ...]]:
    """Who comes without a priority keeps the one it had, or comes last."""
    former = {(e.properties.kind, e.name.lower()): e.properties.priority for e in (old.endpoints if old else ())}
    taken = [e.properties.priority or 0 for e in said.endpoints]
    ranked: dict[str, tuple[Child[Endpoint], ...]] = {}
    for name in _LISTS:
        held: list[Child[Endpoint]] = []
        for child in getattr(said, name):
            rank = child.properties.priority or former.get((child.properties.kind, child.name.lower()))
            rank = rank or max(taken, default=0) + 1
            taken.append(rank)
            held.append(Child(child.name, replace(child.properties, priority=rank), child.zones))
        ranked[name] = tuple(held)
    return ranked
