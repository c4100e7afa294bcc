"""What the service fills in of a TAP."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.service import Lab
from lazulite.services.virtual_network_tap.model import DEFAULT_PORT, VirtualNetworkTap


def port(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """Port 0 is stored as the default one. Source: wire-recordings.md, vTAP."""
    if isinstance(new.properties, VirtualNetworkTap) and new.properties.destination_port == 0:
        return replace(new, properties=replace(new.properties, destination_port=DEFAULT_PORT))
    return new
