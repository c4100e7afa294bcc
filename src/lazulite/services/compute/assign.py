"""What Azure fills in when a machine is created."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import OSDisk, OSProfile, VirtualMachine
from lazulite.services.service import Lab


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    if not isinstance(new.properties, VirtualMachine):
        return new
    machine = new.properties
    storage = replace(machine.storage_profile, os_disk=_os_disk(new, old))
    profile = machine.os_profile and replace(
        machine.os_profile, computer_name=machine.os_profile.computer_name or new.id.name
    )
    return replace(new, properties=replace(machine, storage_profile=storage, os_profile=profile))


def _os_disk(new: Resource[Any], old: Resource[Any] | None) -> OSDisk:
    machine: VirtualMachine = new.properties
    disk = machine.storage_profile.os_disk or OSDisk()
    before = old.properties.storage_profile.os_disk if old is not None else None
    name = disk.name or (before and before.name) or f"{new.id.name}_OsDisk_1_{new.guid.replace('-', '')}"
    return replace(disk, name=name, os_type=disk.os_type or ("Windows" if is_windows(machine) else "Linux"))


def is_windows(machine: VirtualMachine) -> bool:
    """Whether the recorded image is one of Windows. The machine is a Linux one all the same."""
    image, profile = machine.storage_profile.image_reference, machine.os_profile or OSProfile()
    publisher = (image.publisher or "") if image is not None else ""
    return publisher.lower().startswith("microsoftwindows") or profile.windows_configuration is not None
