"""Machines and their interfaces, as those who watch them see them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Properties, Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import Extension, VirtualMachine
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.scale_set.model import Instance, ScaleSet
from lazulite.services.virtual_network.model import IpConfiguration, NetworkInterface, Subnet, VirtualNetwork

_PUBLISHER, _AGENTS = "microsoft.azure.networkwatcher", ("networkwatcheragentlinux", "networkwatcheragentwindows")
NO_AGENT = "NetworkWatcherAgentNotInstalled"


def interfaces(machine: Resource[VirtualMachine], view: View) -> list[Resource[NetworkInterface]]:
    """Of a machine, its primary one first."""
    found = (view.get(slot.id, NetworkInterface) for slot in machine.properties.network_profile.slots)
    return [nic for nic in found if nic is not None]


def instances(scale_set: ResourceId, view: View) -> list[Resource[Instance]]:
    """The machines of a scale set."""
    found = view.get(scale_set, ScaleSet)
    every = found.properties.virtual_machines if found is not None else ()
    machines = (view.get(scale_set.child("virtualMachines", c.name), Instance) for c in every)
    return [m for m in machines if m is not None]


def owner(nic: ResourceId, view: View) -> Resource[VirtualMachine] | None:
    """The machine that has the interface."""
    return next(iter(view.referrers(nic, VirtualMachine)), None)


def within(subnet: ResourceId, view: View) -> list[Resource[NetworkInterface]]:
    """The interfaces whose primary configuration is in a subnet, in id order."""
    nics = (view.get(c.id.parent, NetworkInterface) for c in view.referrers(subnet, IpConfiguration))
    found = {n.id.key: n for n in nics if n is not None and _is_in(n, subnet)}
    return list(found.values())


def within_network(network: Resource[VirtualNetwork], view: View) -> list[Resource[NetworkInterface]]:
    return [n for c in network.properties.subnets for n in within(network.id.child("subnets", c.name), view)]


def _is_in(nic: Resource[NetworkInterface], subnet: ResourceId) -> bool:
    first = nic.properties.primary_configuration
    return first is not None and first.subnet is not None and first.subnet.target == subnet


def subnet_of(nic: Resource[NetworkInterface], view: View) -> Resource[Subnet] | None:
    first = nic.properties.primary_configuration
    return view.get(first.subnet, Subnet) if first is not None else None


def runs(machine: Resource[VirtualMachine]) -> bool:
    return machine.properties.power_state == "running"


def has_agent(machine: Resource[VirtualMachine], view: View) -> bool:
    """Whether the Network Watcher agent is among its extensions.

    Source: "Manage packet captures with Azure Network Watcher", prerequisites.
    """
    if isinstance(machine.properties, Instance):
        return any(_is_agent(c.properties) for c in machine.properties.extensions)
    prefix = machine.id.key + "/extensions/"
    return any(_is_agent(e.properties) for e in view.all(Extension) if e.id.key.startswith(prefix))


def _is_agent(extension: Extension) -> bool:
    return extension.publisher.lower() == _PUBLISHER and extension.type.lower() in _AGENTS


def without_agent(machine: Resource[VirtualMachine], target: str) -> Violation:
    message = (
        f"The AzureNetworkWatcherExtension is not installed on {machine.id}. Add an extension with the publisher "
        "Microsoft.Azure.NetworkWatcher and the type NetworkWatcherAgentLinux."
    )
    return Violation(NO_AGENT, message, target)


def ready(machine: Resource[VirtualMachine], view: View, target: str) -> Iterator[Violation]:
    """What speaks against work in the machine."""
    if not runs(machine):
        message = f"The virtual machine {machine.id} must be running, and is not."
        yield Violation("TargetVirtualMachineNotRunning", message, target)
    if not has_agent(machine, view):
        yield without_agent(machine, target)


def watcher_of(part: Resource[Any], view: View) -> Resource[NetworkWatcher] | None:
    return view.get(part.id.parent, NetworkWatcher)


def here(part: Resource[Any], ref: Ref | None, view: View, target: str) -> Iterator[Violation]:
    """What a watcher is asked about is in its own region.

    Source: "Network Watcher frequently asked questions"; facts/network-watcher.md, one per region.
    """
    watcher = watcher_of(part, view)
    found = located(ref.target, view) if ref is not None else None
    if watcher is None or found is None or found.location == watcher.location:
        return
    message = (
        f"Resource {found.id} is in {found.location}, and the network watcher {watcher.id.name} watches "
        f"{watcher.location}."
    )
    yield Violation("ResourceNotInNetworkWatcherRegion", message, target)


def same_place(part: Resource[Any], view: View) -> Iterator[Violation]:
    """What a watcher holds is where the watcher is."""
    watcher = watcher_of(part, view)
    if watcher is not None and part.location != watcher.location:
        message = f"{part.id.name} must be in {watcher.location}, where its network watcher is, not in {part.location}."
        yield Violation("InvalidResourceLocation", message, "location")


def located(who: ResourceId, view: View) -> Resource[Any] | None:
    """The resource at *who*, whatever it is."""
    return view.get(who, Properties)
