"""``stop`` and ``queryStatus`` of a packet capture."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.services.packet_capture.model import PacketCapture
from lazulite.services.packet_capture.targets import machines
from lazulite.services.service import Context, Reply, Write

_ENDED = ("Stopped", "Error")


def stop(made: Resource[PacketCapture], context: Context) -> Write | Reply:
    """Ends it; what has ended stays as it is."""
    if made.properties.stopped:
        return Reply(None, slow=True)
    return Write(replace(made, properties=replace(made.properties, stopped=True)))


def query(made: Resource[PacketCapture], context: Context) -> Reply:
    """``PacketCaptureQueryStatusResult``, from what whoever captures says of this incarnation."""
    return Reply(status_of(made, context), slow=True)


def status_of(made: Resource[PacketCapture], context: Context) -> dict[str, Any]:
    told = context.observations.reports.get(made.id.key, {})
    known = told if told.get("guid", made.guid) == made.guid else {}
    status, reason = known.get("status", "NotStarted"), known.get("stopReason", "")
    if made.properties.stopped and status not in _ENDED:
        status, reason = "Stopped", "Manual"
    if not machines(made.properties, context.view):
        status, reason = "Stopped", reason or "TargetDeleted"
    body = {
        "name": made.id.name,
        "id": made.id.text,
        "captureStartTime": known.get("started") or made.created,
        "packetCaptureStatus": status,
        "packetCaptureError": list(known.get("errors", ())),
    }
    return body | ({"stopReason": reason} if reason else {})
