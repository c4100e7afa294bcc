"""What is refused of a packet capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.network_watcher.machines import here, ready
from lazulite.services.packet_capture import terms
from lazulite.services.packet_capture.blobs import blob_of
from lazulite.services.packet_capture.model import MACHINES, MAX_CAPTURES, SCALE_SETS, Filter, PacketCapture, Scope
from lazulite.services.packet_capture.targets import machines
from lazulite.services.service import Lab
from lazulite.services.storage.model import StorageAccount

_TARGET, _LOCATION = "properties.target", "properties.storageLocation"
_TYPES = {"AzureVM": MACHINES, "AzureVMSS": SCALE_SETS}


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """The type of the target follows from the target."""
    said: PacketCapture = new.properties
    kind = said.target.target.kind.lower()
    implied = next((name for name, each in _TYPES.items() if each == kind), None)
    known = said.target_type or implied
    return replace(new, properties=replace(said, target_type=known))


def validate(capture: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    said: PacketCapture = capture.properties
    yield from _count(capture, view)
    yield from _target(capture, view)
    yield from here(capture, said.target, view, _TARGET)
    yield from here(capture, said.storage_location.storage_id, view, f"{_LOCATION}.storageId")
    yield from _where(capture, view)
    yield from _settings(said)
    if 0 < said.session_bytes < said.packet_bytes:
        message = f"{said.packet_bytes} bytes of a packet do not fit into a session of {said.session_bytes} bytes."
        yield Violation("InvalidParameter", message, "properties.bytesToCapturePerPacket")
    seen: list[Filter] = []
    for index, each in enumerate(said.filters):
        yield from _filter(each, f"properties.filters[{index}]")
        if each in seen:
            message = "Two filters of the capture are the same."
            yield Violation("InvalidPacketCaptureFilter", message, f"properties.filters[{index}]")
        seen.append(each)


def _count(capture: Resource[PacketCapture], view: View) -> Iterator[Violation]:
    every = view.all(PacketCapture)
    others = sum(c.id.parent == capture.id.parent and c.id != capture.id for c in every)
    if others >= MAX_CAPTURES:
        message = f"Cannot create more than {MAX_CAPTURES} packet captures for this subscription in this region."
        yield Violation("PacketCaptureCountLimitReached", message)


def _target(capture: Resource[PacketCapture], view: View) -> Iterator[Violation]:
    said = capture.properties
    kind = said.target.target.kind.lower()
    if kind not in _TYPES.values():
        message = f"Packets are captured at a virtual machine or a scale set; {said.target.id} is neither."
        yield Violation("InvalidTargetResource", message, _TARGET)
        return
    if said.target_type is not None and _TYPES[said.target_type] != kind:
        message = f"targetType {said.target_type} and target {said.target.id} contradict each other."
        yield Violation("InvalidTargetResource", message, "properties.targetType")
    if said.scope is not None:
        yield from _scope(said.scope, kind)
    found = machines(said, view)
    if not found and kind == SCALE_SETS:
        message = f"No instance of {said.target.id} is in the scope of the capture."
        yield Violation("InvalidPacketCaptureScope", message, "properties.scope")
    if not any(c.id == capture.id for c in view.all(PacketCapture)):  # what it was made for may since have gone
        for machine in found:
            yield from ready(machine, view, _TARGET)


def _scope(scope: Scope, kind: str) -> Iterator[Violation]:
    if kind == MACHINES and (scope.include or scope.exclude):
        message = "A scope is of the instances of a scale set, and the target is a virtual machine."
        yield Violation("InvalidPacketCaptureScope", message, "properties.scope")
    both = sorted(set(scope.include) & set(scope.exclude))
    if both:
        message = f"The scope includes and excludes {', '.join(both)}."
        yield Violation("InvalidPacketCaptureScope", message, "properties.scope")


def _where(capture: Resource[PacketCapture], view: View) -> Iterator[Violation]:
    """Source: facts/network-watcher.md, packet capture: a storage account or a file at least."""
    said, location = capture.properties, capture.properties.storage_location
    if location.storage_id is None and not said.file:
        message = "A packet capture needs a storage account or a file path."
        yield Violation("StorageLocationMissing", message, _LOCATION)
    if location.file_path and said.continuous_capture is not None:
        message = "filePath is not for captures that say continuousCapture; localPath is."
        yield Violation("InvalidPacketCaptureStorageLocation", message, f"{_LOCATION}.filePath")
    if location.local_path and said.continuous_capture is None:
        message = "localPath is for captures that say continuousCapture; filePath is for the others."
        yield Violation("InvalidPacketCaptureStorageLocation", message, f"{_LOCATION}.localPath")
    yield from _file(said.file, "localPath" if location.local_path else "filePath")
    if location.storage_path:
        yield from _path(capture, view)


def _file(path: str, wire: str) -> Iterator[Violation]:
    parts = path.split("/")
    if path and (not path.endswith(".cap") or not path.isprintable() or parts[0] or ".." in parts):
        message = f"'{path}' is not an absolute path to a file whose name ends in .cap."
        yield Violation("InvalidPacketCaptureFilePath", message, f"{_LOCATION}.{wire}")


def _path(capture: Resource[PacketCapture], view: View) -> Iterator[Violation]:
    location, target = capture.properties.storage_location, f"{_LOCATION}.storagePath"
    if location.storage_id is None:
        yield Violation("InvalidStoragePath", "A storage path needs the id of its storage account.", target)
        return
    account = view.get(location.storage_id, StorageAccount)
    if account is not None and blob_of(capture, account.id.name) is None:
        message = f"'{location.storage_path}' is not the address of a blob of the storage account {account.id.name}."
        yield Violation("InvalidStoragePath", message, target)


def _settings(said: PacketCapture) -> Iterator[Violation]:
    if said.capture_settings is not None and said.continuous_capture is None:
        message = "captureSettings are for captures that say continuousCapture."
        yield Violation("InvalidPacketCaptureSettings", message, "properties.captureSettings")


def _filter(said: Filter, path: str) -> Iterator[Violation]:
    """A filter that cannot be read, or that no packet can match."""
    found = dict(terms.wrong(said))
    for wire, why in found.items():
        yield Violation("InvalidPacketCaptureFilter", f"{why}.", f"{path}.{wire}")
    if not found:
        versions = [{n.version for n in terms.addresses(t)} for t in (said.local_ip_address, said.remote_ip_address)]
        if all(versions) and not versions[0] & versions[1]:
            message = "The filter's local and remote addresses are of different IP versions: no packet has both."
            yield Violation("InvalidPacketCaptureFilter", message, path)
