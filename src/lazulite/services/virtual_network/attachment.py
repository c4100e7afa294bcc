"""Which running machine an interface belongs to."""

from __future__ import annotations

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine


class Attachment(msgspec.Struct, frozen=True):
    guest: str
    """Id key of the machine."""
    slot: int
    """The interface's place in it; 0 is the primary."""


def attachment(nic: ResourceId, view: View) -> Attachment | None:
    """Who the interface carries traffic for, if anybody runs."""
    for machine in view.referrers(nic, VirtualMachine):
        if machine.properties.power_state == "running":
            slots = [a.id.id.lower() for a in machine.properties.network_profile.slots]
            return Attachment(machine.id.key, slots.index(nic.key))
    return None
