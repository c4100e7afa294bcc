"""Which blob a packet capture is written to."""

from __future__ import annotations

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.services.packet_capture.model import PacketCapture

CONTAINER = "network-watcher-logs"
"""Source: facts/network-watcher.md, blob path."""
_DOMAIN = "blob.core.windows.net"


def blob_of(made: Resource[PacketCapture], account: str) -> str | None:
    """``{container}/{blob}`` of a capture; ``None`` where the path that was sent is not one of the account."""
    said = made.properties.storage_location.storage_path
    if not said:
        return f"{CONTAINER}/{_default_name(made.properties.target.target, made.created)}"
    prefix = f"https://{account}.{_DOMAIN}/".lower()
    rest = said[len(prefix) :] if said.lower().startswith(prefix) else ""
    container, _, blob = rest.partition("/")
    return rest if container and blob else None


def _default_name(target: ResourceId, made: str) -> str:
    """``subscriptions/{s}/resourcegroups/{g}/providers/…/{yyyy}/{MM}/{dd}/packetcapture_{HH}_{mm}_{ss}_{fff}.cap``."""
    day, _, clock = made.partition("T")
    hour, minute, second = (clock.rstrip("Z").split("+")[0] or "00:00:00").split(":")
    whole, _, fraction = second.partition(".")
    name = f"packetcapture_{hour}_{minute}_{whole}_{fraction[:3].ljust(3, '0')}.cap"
    return f"{target.key.strip('/')}/{(day or '1970-01-01').replace('-', '/')}/{name}"


def storage_path(made: Resource[PacketCapture]) -> str | None:
    """The blob's address as it is shown."""
    location = made.properties.storage_location
    if location.storage_path or location.storage_id is None:
        return location.storage_path
    account = location.storage_id.target.name
    return f"https://{account}.{_DOMAIN}/{blob_of(made, account)}"
