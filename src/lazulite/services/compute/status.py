"""The read-only properties of machines and what belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.custom_script import is_custom_script
from lazulite.services.compute.model import AvailabilitySet, Disk, Extension, VirtualMachine
from lazulite.services.service import Observations

_POWER = {"running": "VM running", "stopped": "VM stopped", "deallocated": "VM deallocated"}
"""Display texts. Source: "States and billing status of Azure Virtual Machines"."""


def machine_status(machine: Resource[VirtualMachine], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"vmId": machine.guid, "instanceView": instance_view(machine, observations)}


def instance_view(machine: Resource[VirtualMachine], observations: Observations) -> dict[str, Any]:
    """``GET …/instanceView``: power state, and what the agent says of the guest."""
    said = machine.properties
    profile = said.os_profile
    return {
        "computerName": profile.computer_name if profile is not None else machine.id.name,
        "osName": "Linux",
        "hyperVGeneration": "V2",
        "vmAgent": {"vmAgentVersion": "1", "statuses": [_guest(machine, observations)]},
        "disks": [],
        "statuses": [
            status("ProvisioningState/succeeded", "Provisioning succeeded"),
            status(f"PowerState/{said.power_state}", _POWER[said.power_state]),
        ],
    }


def _guest(machine: Resource[VirtualMachine], observations: Observations) -> dict[str, Any]:
    seen = observations.guests.get(machine.id.key)
    if machine.properties.power_state != "running" or seen is None:
        return status("ProvisioningState/Unavailable", "Not Ready", "The machine has not been seen running.")
    if seen != "running":
        return status("ProvisioningState/failed", "Not Ready", seen, "Error")
    return status("ProvisioningState/succeeded", "Ready", "The machine is running.")


def extension_status(extension: Resource[Extension], view: View, observations: Observations) -> Mapping[str, Any]:
    said = extension.properties
    return {
        "instanceView": {
            "name": extension.id.name,
            "type": f"{said.publisher}.{said.type}",
            "typeHandlerVersion": said.type_handler_version,
            "statuses": [_outcome(extension, observations)],
        }
    }


def _outcome(extension: Resource[Extension], observations: Observations) -> dict[str, Any]:
    if not is_custom_script(extension.properties):
        message = "Recorded. The lab runs the custom script extension for Linux alone."
        return status("ProvisioningState/succeeded", "Provisioning succeeded", message)
    result = observations.scripts.get(extension.id.key)
    if result is None:
        return status("ProvisioningState/transitioning", "Transitioning", "The script has not ended yet.")
    exit_code, out, err = result
    if exit_code:
        message = f"Enable failed: failed to execute command: command terminated with exit status={exit_code}\n"
        return status("ProvisioningState/failed", "Provisioning failed", message + output(out, err), "Error")
    return status("ProvisioningState/succeeded", "Provisioning succeeded", f"Enable succeeded: \n{output(out, err)}")


def output(out: str, err: str) -> str:
    """Both streams, as the Linux agent prints them."""
    return f"[stdout]\n{out}\n[stderr]\n{err}"


def status(code: str, shown: str, message: str | None = None, level: str = "Info") -> dict[str, Any]:
    """``InstanceViewStatus``."""
    said = {"code": code, "level": level, "displayStatus": shown}
    return said if message is None else said | {"message": message}


def availability_set_status(
    group: Resource[AvailabilitySet], view: View, observations: Observations
) -> Mapping[str, Any]:
    return {"virtualMachines": [{"id": machine.id.text} for machine in view.referrers(group.id, VirtualMachine)]}


def disk_status(disk: Resource[Disk], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"diskState": "Unattached", "uniqueId": disk.guid}
