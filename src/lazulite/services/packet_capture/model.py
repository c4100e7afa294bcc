"""``Microsoft.Network/networkWatchers/packetCaptures``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    Bounds,
    Kind,
    Link,
    Properties,
    Targets,
    WeakRef,
)

MAX_CAPTURES = 10_000
"""Per region and subscription. Source: "Azure subscription and service limits", Network Watcher."""
MAX_FILTERS, MAX_SECONDS, MAX_BYTES = 10, 18_000, 4_294_967_295
MAX_FILES, MAX_FILE_BYTES, MAX_SESSION_SECONDS = 10_000, 4_294_967_295, 604_800
"""Source: facts/network-watcher.md, packet capture."""
MACHINES, SCALE_SETS = "microsoft.compute/virtualmachines", "microsoft.compute/virtualmachinescalesets"
"""Folded types of what can be captured at."""


class StorageLocation(Properties, frozen=True):
    """Where packets go: a blob of an account, a file in the machine, or both."""

    storage_id: Annotated[Link | None, WeakRef(), Targets("Microsoft.Storage/storageAccounts")] = None
    storage_path: str | None = None
    """Address of the blob; chosen by the service where the client does not."""
    file_path: str | None = None
    local_path: str | None = None
    """What ``filePath`` is called where ``continuousCapture`` is said."""


class Filter(Properties, frozen=True):
    """Addresses and ports are one (``80``), a range (``80-85``) or a list (``80;443;``)."""

    protocol: Literal["TCP", "UDP", "Any"] = "Any"
    local_ip_address: str | None = msgspec.field(default=None, name="localIPAddress")
    remote_ip_address: str | None = msgspec.field(default=None, name="remoteIPAddress")
    local_port: str | None = None
    remote_port: str | None = None


class Scope(Properties, frozen=True):
    """Instances of a scale set, by their numbers."""

    include: Annotated[tuple[str, ...], OMITTED_WHEN_EMPTY] = ()
    exclude: Annotated[tuple[str, ...], OMITTED_WHEN_EMPTY] = ()


class Settings(Properties, frozen=True):
    file_count: Annotated[int, Bounds(1, MAX_FILES)] = 10
    file_bytes: Annotated[int, Bounds(1, MAX_FILE_BYTES)] = msgspec.field(default=104_857_600, name="fileSizeInBytes")
    session_s: Annotated[int, Bounds(1, MAX_SESSION_SECONDS)] = msgspec.field(
        default=86_400, name="sessionTimeLimitInSeconds"
    )


class PacketCapture(Properties, frozen=True):
    """What it is cannot be changed: a capture is made, stopped and deleted."""

    target: Annotated[Link, WeakRef(), IMMUTABLE]
    storage_location: Annotated[StorageLocation, IMMUTABLE]
    target_type: Annotated[Literal["AzureVM", "AzureVMSS"] | None, IMMUTABLE] = None
    scope: Annotated[Scope | None, IMMUTABLE] = None
    packet_bytes: Annotated[int, IMMUTABLE, Bounds(0, MAX_BYTES)] = msgspec.field(
        default=0, name="bytesToCapturePerPacket"
    )
    session_bytes: Annotated[int, IMMUTABLE, Bounds(0, MAX_BYTES)] = msgspec.field(
        default=1_073_741_824, name="totalBytesPerSession"
    )
    limit_s: Annotated[int, IMMUTABLE, Bounds(0, MAX_SECONDS)] = msgspec.field(
        default=MAX_SECONDS, name="timeLimitInSeconds"
    )
    filters: Annotated[tuple[Filter, ...], IMMUTABLE, Bounds(0, MAX_FILTERS)] = ()
    continuous_capture: Annotated[bool | None, IMMUTABLE] = None
    capture_settings: Annotated[Settings | None, IMMUTABLE] = None
    stopped: Annotated[bool, ASSIGNED, SECRET] = False
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def file(self) -> str:
        """Path inside the machine; empty for none."""
        return self.storage_location.local_path or self.storage_location.file_path or ""


KINDS = (Kind("Microsoft.Network/networkWatchers/packetCaptures", PacketCapture, located=False, deleted_status=204),)
