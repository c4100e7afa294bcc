"""The read-only properties of a TAP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.service import Observations
from lazulite.services.virtual_network_tap.model import TapConfiguration, VirtualNetworkTap


def tap(resource: Resource[VirtualNetworkTap], view: View, observations: Observations) -> Mapping[str, Any]:
    sources = [{"id": c.id.text} for c in view.referrers(resource.id, TapConfiguration)]
    return {"resourceGuid": resource.guid} | ({"networkInterfaceTapConfigurations": sources} if sources else {})
