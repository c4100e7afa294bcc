"""Who has a public address or prefix: what sends and receives with it, not what merely names it."""

from __future__ import annotations

from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View

_NAMING = ("microsoft.network/dnszones", "microsoft.network/trafficmanagerprofiles")
"""Types whose answers lead to an address that somebody else has."""


def users(address: ResourceId, view: View) -> tuple[Resource[Any], ...]:
    """The resources and children that the address is allocated to; one at most, but for prefixes."""
    return tuple(r for r in view.referrers(address, object) if not r.id.kind.lower().startswith(_NAMING))
