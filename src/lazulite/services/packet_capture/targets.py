"""The machines that a packet capture is of."""

from __future__ import annotations

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.network_watcher.machines import instances
from lazulite.services.packet_capture.model import SCALE_SETS, PacketCapture, Scope


def machines(said: PacketCapture, view: View) -> list[Resource[VirtualMachine]]:
    """The machine, or those of a scale set that the scope does not leave out."""
    target = said.target.target
    if target.kind.lower() == SCALE_SETS:
        return [m for m in instances(target, view) if _in_scope(m.id.name, said.scope)]
    found = view.get(target, VirtualMachine)
    return [found] if found is not None else []


def _in_scope(name: str, scope: Scope | None) -> bool:
    """Source: "Packet Captures - Create", PacketCaptureMachineScope: none included means all."""
    named = scope or Scope()
    return (not named.include or name in named.include) and name not in named.exclude
