"""``topology``: resources of a group, a network or a subnet, and how they hang together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Properties, Ref, Resource, Violation
from lazulite.resources.view import View, children
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.network_security_group.model import NetworkSecurityGroup, SecurityRule
from lazulite.services.network_watcher import question
from lazulite.services.network_watcher.machines import interfaces, owner, within
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.route_table.model import RouteTable, UserRoute
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.model import NetworkInterface, Subnet, VirtualNetwork

_CONTAINS, _ASSOCIATED = "Contains", "Associated"


class TopologyQuestion(Properties, frozen=True):
    """Exactly one of the three."""

    target_resource_group_name: str | None = None
    target_virtual_network: Ref | None = None
    target_subnet: Ref | None = None


def topology(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """Resources of one group in the watcher's region; the answer is there at once.

    Source: "View the topology of an Azure virtual network"; facts/network-watcher.md, topology.
    """
    asked, view = question.read(TopologyQuestion, context), context.view
    given = [asked.target_resource_group_name, asked.target_virtual_network, asked.target_subnet]
    if sum(g is not None for g in given) != 1:
        message = "A topology is of one target: targetResourceGroupName, targetVirtualNetwork or targetSubnet."
        raise question.WrongQuestionError(Violation("InvalidTopologyTarget", message, "targetResourceGroupName"))
    if asked.target_resource_group_name is not None:
        found = list(_in_group(watcher, asked.target_resource_group_name, view))
    else:
        found = list(_around(watcher, asked, view))
    shown = {r.id.key: r for r in found if r.location == watcher.location}
    changed = max((r.changed for r in shown.values()), default="") or context.now
    return Reply(
        {
            "id": str(uuid5(NAMESPACE_URL, f"{watcher.guid} {sorted(shown)}")),
            "createdDateTime": context.now,
            "lastModified": changed,
            "resources": [_row(r, view, shown.keys()) for r in shown.values()],
        }
    )


def _in_group(watcher: Resource[NetworkWatcher], name: str, view: View) -> Iterator[Resource[Any]]:
    """Raises :class:`question.WrongQuestionError` for a group that is not there."""
    scope = f"/subscriptions/{watcher.id.subscription}/resourceGroups/{name}".lower()
    if view.snapshot.get(scope) is None:
        message = f"Resource group '{name}' could not be found."
        raise question.WrongQuestionError(Violation("ResourceGroupNotFound", message, "targetResourceGroupName"))
    for model in _LINKS:
        every: Iterator[Resource[Any]] = view.all(model)
        yield from (r for r in every if r.id.key.startswith(scope + "/"))


def _around(watcher: Resource[NetworkWatcher], asked: TopologyQuestion, view: View) -> Iterator[Resource[Any]]:
    """A network or subnet, with all that hangs on it."""
    ref = asked.target_virtual_network or asked.target_subnet
    target = "targetVirtualNetwork" if asked.target_virtual_network is not None else "targetSubnet"
    network = view.get(asked.target_virtual_network, VirtualNetwork)
    subnet = view.get(asked.target_subnet, Subnet)
    start: Resource[Any] | None = network or subnet
    if start is None or ref is None:
        message = f"Resource {ref.id if ref is not None else ''} was not found."
        raise question.WrongQuestionError(Violation("ResourceNotFound", message, target))
    wrong = list(question.elsewhere(watcher, start, target))
    if wrong:
        raise question.WrongQuestionError(*wrong)
    seen: dict[str, Resource[Any]] = {}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        if here.id.key not in seen:
            seen[here.id.key] = here
            linked = (view.get(who, Properties) for who, _ in links(here, view))
            waiting += [r for r in linked if r is not None]
            machine = owner(here.id, view) if isinstance(here.properties, NetworkInterface) else None
            waiting += [machine] if machine is not None else []
    yield from seen.values()


def _row(resource: Resource[Any], view: View, shown: Iterable[str]) -> dict[str, Any]:
    return {
        "name": resource.id.name,
        "id": resource.id.text,
        "location": resource.location,
        "associations": [
            {"name": who.name, "resourceId": who.text, "associationType": kind}
            for who, kind in links(resource, view)
            if who.key in shown
        ],
    }


def links(resource: Resource[Any], view: View) -> Iterator[tuple[ResourceId, str]]:
    """What a resource contains, and what it is associated with."""
    for model, function in _LINKS.items():
        if isinstance(resource.properties, model):
            yield from function(resource, view)


def _of_network(network: Resource[VirtualNetwork], view: View) -> Iterator[tuple[ResourceId, str]]:
    yield from ((network.id.child("subnets", c.name), _CONTAINS) for c in network.properties.subnets)


def _of_subnet(subnet: Resource[Subnet], view: View) -> Iterator[tuple[ResourceId, str]]:
    yield from ((nic.id, _CONTAINS) for nic in within(subnet.id, view))
    said = subnet.properties
    yield from ((r.target, _ASSOCIATED) for r in (said.network_security_group, said.route_table) if r is not None)


def _of_interface(nic: Resource[NetworkInterface], view: View) -> Iterator[tuple[ResourceId, str]]:
    machine = owner(nic.id, view)
    if machine is not None:
        yield machine.id, _ASSOCIATED
    addresses = (c.properties.public_ip_address for c in nic.properties.ip_configurations)
    refs = (*addresses, nic.properties.network_security_group)
    yield from ((r.target, _ASSOCIATED) for r in refs if r is not None)


def _of_machine(machine: Resource[VirtualMachine], view: View) -> Iterator[tuple[ResourceId, str]]:
    yield from ((nic.id, _CONTAINS) for nic in interfaces(machine, view))


def _of_parts(holder: Resource[Any], view: View) -> Iterator[tuple[ResourceId, str]]:
    yield from ((holder.id.child(wire, child.name), _CONTAINS) for wire, child in children(holder.properties))


def _none(part: Resource[Any], view: View) -> Iterator[tuple[ResourceId, str]]:
    return iter(())


_LINKS: dict[type, Callable[[Resource[Any], View], Iterator[tuple[ResourceId, str]]]] = {
    VirtualNetwork: _of_network,
    Subnet: _of_subnet,
    NetworkInterface: _of_interface,
    VirtualMachine: _of_machine,
    NetworkSecurityGroup: _of_parts,
    SecurityRule: _none,
    RouteTable: _of_parts,
    UserRoute: _none,
    PublicIPAddress: _none,
}
