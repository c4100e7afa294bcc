"""Packet captures to entries: whose packets, which of them, and where they go."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.forwarding.model import Capture, CaptureFilter, Sink
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.network_watcher.machines import interfaces
from lazulite.services.packet_capture import terms
from lazulite.services.packet_capture.blobs import blob_of
from lazulite.services.packet_capture.model import Filter, PacketCapture
from lazulite.services.packet_capture.targets import machines
from lazulite.services.storage.model import StorageAccount
from lazulite.values import Protocol

_PROTOCOLS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP, "Any": None}


def capture(made: Resource[PacketCapture], view: View) -> Iterator[Capture]:
    """Nothing of a capture that has no machine left."""
    said, settings = made.properties, made.properties.capture_settings
    ports = tuple(nic.id.key for m in machines(said, view) for nic in interfaces(m, view))
    if not ports:
        return
    limit_bytes, limit_s, ring = said.session_bytes, said.limit_s, (0, 0)
    if said.continuous_capture is not None and settings is not None:
        ring, limit_s = (settings.file_bytes, settings.file_count), settings.session_s
        limit_bytes = 0 if said.continuous_capture else settings.file_bytes * settings.file_count
    yield Capture(
        made.id.key,
        made.id.name,
        ports,
        tuple(_filter(f) for f in said.filters),
        said.packet_bytes,
        limit_bytes,
        limit_s,
        *ring,
        sink(made, view),
        said.file,
        made.guid,
        said.stopped,
        made.id.text,
    )


def _filter(said: Filter) -> CaptureFilter:
    """A filter that validation let pass."""
    return CaptureFilter(
        _PROTOCOLS[said.protocol],
        terms.addresses(said.local_ip_address),
        terms.addresses(said.remote_ip_address),
        terms.ports(said.local_port),
        terms.ports(said.remote_port),
    )


def sink(made: Resource[PacketCapture], view: View) -> Sink | None:
    account = view.get(made.properties.storage_location.storage_id, StorageAccount)
    if account is None:
        return None
    container, _, blob = (blob_of(made, account.id.name) or "").partition("/")
    return Sink(account.id.key, container, blob)
