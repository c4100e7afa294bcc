"""Questions to Traffic Manager as a whole: is a name free, and which regions are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Violation
from lazulite.services.geography import hierarchy
from lazulite.services.service import Context
from lazulite.services.traffic_manager.model import SUFFIX
from lazulite.services.traffic_manager.validate import BAD, holders, wrong

_TYPE = "Microsoft.Network/trafficManagerProfiles"


def check_name(context: Context, places: Mapping[str, str]) -> Any:
    """``checkTrafficManagerNameAvailability``; a name that cannot be one is not free."""
    body = context.body if isinstance(context.body, dict) else {}
    name, kind = body.get("name"), body.get("type")
    if not isinstance(name, str) or not isinstance(kind, str):
        return [Violation(BAD, "The request content has no 'name' and 'type'.")]
    shown: dict[str, Any] = {"name": name, "type": kind, "nameAvailable": True, "reason": None, "message": None}
    if kind.lower() != _TYPE.lower():
        return [Violation(BAD, f"The type is {_TYPE}, not {kind}.", "type")]
    if wrong(name):
        message = f"The relative name '{name}' is invalid: it has 1 to 63 letters, digits, hyphens and dots."
        return shown | {"nameAvailable": False, "reason": "Invalid", "message": message}
    if next(holders(name, context.view), None) is not None:
        message = f"Domain name {name}.{SUFFIX} already exists. Please choose a different DNS prefix."
        return shown | {"nameAvailable": False, "reason": "AlreadyExists", "message": message}
    return shown


def regions(context: Context, places: Mapping[str, str]) -> Any:
    """``trafficManagerGeographicHierarchies/default``."""
    return {
        "id": "/providers/Microsoft.Network/trafficManagerGeographicHierarchies/default",
        "name": "default",
        "type": "Microsoft.Network/trafficManagerGeographicHierarchies",
        "properties": {"geographicHierarchy": hierarchy()},
    }
