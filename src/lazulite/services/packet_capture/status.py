"""Where a capture is written, and how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.packet_capture.blobs import storage_path
from lazulite.services.packet_capture.model import PacketCapture
from lazulite.services.service import Observations


def capture(made: Resource[PacketCapture], view: View, observations: Observations) -> Mapping[str, Any]:
    """The path of the blob that the service chose. As recorded, protocols of filters are in capitals."""
    shown = encode(made.properties.storage_location)
    path = storage_path(made)
    return {"storageLocation": shown | ({"storagePath": path} if path else {})}
