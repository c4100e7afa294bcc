"""What a fault is about."""

from __future__ import annotations

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.virtual_network.model import NetworkInterface


def interfaces(target: ResourceId, view: View) -> list[Resource[NetworkInterface]]:
    """The interface at *target*, or all of the machine there; none where it is neither."""
    nic = view.get(target, NetworkInterface)
    if nic is not None:
        return [nic]
    machine = view.get(target, VirtualMachine)
    slots = machine.properties.network_profile.slots if machine is not None else ()
    found = (view.get(slot.id, NetworkInterface) for slot in slots)
    return [nic for nic in found if nic is not None]
