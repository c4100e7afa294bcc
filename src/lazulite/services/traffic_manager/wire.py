"""One list of endpoints for clients, three lists of children by their types here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.resources.model import Violation

TYPES = {t.lower(): t for t in ("azureEndpoints", "externalEndpoints", "nestedEndpoints")}
_PREFIX = "Microsoft.Network/trafficManagerProfiles/"


def inward(properties: Mapping[str, Any]) -> tuple[dict[str, Any], list[Violation]]:
    """``endpoints`` by type. Those without a priority get their place in the list, when none has one.

    Source: "Traffic Manager routing methods", priority: configuring endpoints.
    """
    shown = {k: v for k, v in properties.items() if k.lower() != "endpoints"}
    given: Any = next((v for k, v in properties.items() if k.lower() == "endpoints" and v is not None), [])
    found = list(_refused(shown, given))
    if found:
        return shown, found
    ranked = [e for e in given if _priority(e) is not None]
    if ranked and len(ranked) < len(given):
        message = "Either every endpoint of a profile has a priority, or none has."
        return shown, [Violation("BadRequest", message, "properties.endpoints")]
    for place, endpoint in enumerate(given, 1):
        listed = endpoint if ranked else _with_priority(endpoint, place)
        shown.setdefault(_type(endpoint), []).append(listed)
    return shown, []


def _refused(shown: Mapping[str, Any], given: Any) -> Iterator[Violation]:
    for name in shown:
        if name.lower() in TYPES:
            message = f"Could not find member '{name}' on object of type 'Profile'. Path 'properties.{name}'."
            yield Violation("InvalidRequestFormat", message, f"properties.{name}")
    if not isinstance(given, list):
        yield Violation("InvalidRequestFormat", "properties.endpoints is not a list.", "properties.endpoints")
        return
    names = [str(e.get("name")).lower() for e in given if isinstance(e, dict)]
    for index, endpoint in enumerate(given):
        place = f"properties.endpoints[{index}]"
        if not isinstance(endpoint, dict) or not isinstance(endpoint.get("properties", {}), dict):
            yield Violation("InvalidRequestFormat", f"{place} is not an endpoint with a name and a type.", place)
        elif _type(endpoint) not in TYPES.values():
            message = f"{place}.type is not one of {', '.join(_PREFIX + t for t in TYPES.values())}."
            yield Violation("BadRequest", message, f"{place}.type")
        elif str(endpoint.get("name")).lower() in names[:index]:
            message = f"The name {endpoint.get('name')} is used more than once in properties.endpoints."
            yield Violation("DuplicateResourceName", message, f"{place}.name")


def _type(endpoint: Mapping[str, Any]) -> str:
    said = next((v for k, v in endpoint.items() if k.lower() == "type"), "")
    return TYPES.get(str(said).rsplit("/", 1)[-1].lower(), "")


def _priority(endpoint: Mapping[str, Any]) -> Any:
    held = endpoint.get("properties") or {}
    return next((v for k, v in held.items() if k.lower() == "priority"), None)


def _with_priority(endpoint: Mapping[str, Any], place: int) -> dict[str, Any]:
    return {**endpoint, "properties": {**(endpoint.get("properties") or {}), "priority": place}}


def outward(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The children in one list, in the order of their priorities."""
    shown = {k: v for k, v in properties.items() if k not in TYPES.values()}
    every = [{"type": _PREFIX + t, **e} for t in TYPES.values() for e in properties.get(t, ())]
    every.sort(key=lambda e: (e["properties"].get("priority") or 0, e["name"].lower()))
    return shown | {"endpoints": every}
