"""What Azure refuses in machines and their extensions."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute import custom_script
from lazulite.services.compute.model import AvailabilitySet, Extension, OSProfile, VirtualMachine
from lazulite.services.load_balancer.availability import apart
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import NetworkInterface

CUSTOM_DATA_BYTES = 65535
"""Source: "Custom data and cloud-init on Azure Virtual Machines", limits."""
_NAME_LENGTH = 64
_COMPUTER_NAME = re.compile(r"(?!\d+$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
"""Source: "Naming rules and restrictions for Azure resources", virtualMachines (host name part)."""
_NICS = "properties.networkProfile.networkInterfaces"


def validate(resource: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(resource.properties, VirtualMachine):
        yield from _machine(resource, view)
    elif isinstance(resource.properties, Extension):
        yield from custom_script.validate(resource.properties)


def _machine(machine: Resource[VirtualMachine], view: View) -> Iterator[Violation]:
    said = machine.properties
    if not said.network_profile.network_interfaces:
        message = "Required parameter 'networkProfile.networkInterfaces' is missing (null)."
        yield Violation("InvalidParameter", message, _NICS)
    if said.os_profile is not None:
        yield from _profile(said.os_profile)
    yield from _one_primary(machine)
    yield from _unchanged_while_running(machine, view)
    yield from _interfaces(machine, view)
    yield from _balanced(machine, view)
    placed = view.get(said.availability_set, AvailabilitySet)
    if placed is not None and placed.location != machine.location:
        yield _elsewhere(placed.id.text, machine, "properties.availabilitySet.id")


def _balanced(machine: Resource[VirtualMachine], view: View) -> Iterator[Violation]:
    """Machines behind one load balancer have something to do with each other."""
    for index, attached in enumerate(machine.properties.network_profile.network_interfaces):
        nic = view.get(attached.id, NetworkInterface)
        configurations = nic.properties.ip_configurations if nic is not None else ()
        pools = [p for c in configurations for p in c.properties.load_balancer_backend_address_pools]
        yield from apart(machine, attached.id.target, pools, view, f"{_NICS}[{index}]")


def _profile(profile: OSProfile) -> Iterator[Violation]:
    name = profile.computer_name or ""
    if len(name) > _NAME_LENGTH or not _COMPUTER_NAME.fullmatch(name):
        yield Violation(
            "InvalidParameter",
            f"The supplied computer name '{name}' is invalid: at most {_NAME_LENGTH} letters, digits and hyphens, not "
            "only digits, and no hyphen at either end.",
            "properties.osProfile.computerName",
        )
    if profile.custom_data is not None and not _is_base64(profile.custom_data):
        message = "Custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters."
        yield Violation("InvalidParameter", message, "properties.osProfile.customData")


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) <= CUSTOM_DATA_BYTES
    except ValueError:  # not ASCII, or not Base64
        return False


def _one_primary(machine: Resource[VirtualMachine]) -> Iterator[Violation]:
    nics = machine.properties.network_profile.network_interfaces
    marked = sum(bool(nic.properties.primary) for nic in nics)
    if marked > 1 or (len(nics) > 1 and not marked):
        yield Violation(
            "VirtualMachineMustHaveOneNetworkInterfaceAsPrimary",
            f"Virtual machine {machine.id.name} must have one network interface set as the primary.",
            _NICS,
        )


def _unchanged_while_running(machine: Resource[VirtualMachine], view: View) -> Iterator[Violation]:
    """Source: "Add network interfaces to or remove network interfaces from virtual machines"."""
    before = view.get(machine.id, VirtualMachine)
    if before is None or before.properties.power_state == "deallocated":
        return
    if _ids(before) != _ids(machine):
        yield Violation(
            "AddingOrDeletingNetworkInterfacesOnARunningVirtualMachineNotSupported",
            f"Network interfaces cannot be added to or removed from virtual machine {machine.id.name} while it is "
            "allocated. Stop and deallocate it first.",
            _NICS,
        )


def _ids(machine: Resource[VirtualMachine]) -> set[str]:
    return {nic.id.id.lower() for nic in machine.properties.network_profile.network_interfaces}


def _interfaces(machine: Resource[VirtualMachine], view: View) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, attached in enumerate(machine.properties.network_profile.network_interfaces):
        path, nic = f"{_NICS}[{index}].id", view.get(attached.id, NetworkInterface)
        if attached.id.id.lower() in seen:
            yield Violation("InvalidParameter", f"Network interface {attached.id.id} is listed twice.", path)
        seen.add(attached.id.id.lower())
        if nic is None:
            continue
        if nic.location != machine.location:
            yield _elsewhere(nic.id.text, machine, path)
        for other in view.referrers(nic.id, VirtualMachine):
            if other.id != machine.id:
                yield _taken(nic, other, path)
    yield from _one_network(machine, view)


def _one_network(machine: Resource[VirtualMachine], view: View) -> Iterator[Violation]:
    attached = machine.properties.network_profile.network_interfaces
    nics = [nic for a in attached if (nic := view.get(a.id, NetworkInterface)) is not None]
    first = [c for nic in nics if (c := nic.properties.primary_configuration) is not None]
    networks = {c.subnet.target.parent.key: c.subnet.target.parent.text for c in first if c.subnet is not None}
    if len(networks) > 1:
        yield Violation(
            "SubnetsNotInSameVnet",
            f"The network interfaces of virtual machine {machine.id.name} are in different virtual networks: "
            f"{', '.join(sorted(networks.values()))}.",
            _NICS,
        )


def _taken(nic: Resource[NetworkInterface], owner: Resource[VirtualMachine], path: str) -> Violation:
    message = f"Network Interface {nic.id} is used by existing resource {owner.id}."
    return Violation("NicInUse", message, path)


def _elsewhere(other: str, machine: Resource[VirtualMachine], path: str) -> Violation:
    return Violation(
        "InvalidResourceReference",
        f"Resource {other} referenced by resource {machine.id} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region.",
        path,
    )
