"""Power, upgrade and removal of instances, one by one or together; what is read of all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar

from msgspec.structs import replace

from lazulite.resources.model import Child, Resource, Sku, Violation
from lazulite.resources.schema import encode
from lazulite.services.compute.model import PowerState
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.scale_set.assign import upgraded
from lazulite.services.scale_set.model import MAX_INSTANCES, Instance, InstanceInterface, ScaleSet
from lazulite.services.scale_set.status import summary
from lazulite.services.service import Action, Context, Reply, Write
from lazulite.services.virtual_network.model import mac_address

P = TypeVar("P")
Change: TypeAlias = Callable[[Resource[ScaleSet], set[str]], Resource[ScaleSet]]


def of_set(change: Change, *, named: bool = False) -> Action:
    """A verb of the set: ``{"instanceIds": […]}`` names the instances, none (unless *named*) or ``*`` means all."""

    def action(resource: Resource[ScaleSet], context: Context) -> Write | Iterable[Violation]:
        held = {c.name for c in resource.properties.virtual_machines}
        body = context.body if isinstance(context.body, dict) else {}
        wanted = body.get("instanceIds") or ()
        refused = tuple(_refusals(wanted, held, required=named))
        if refused:
            return refused
        return Write(change(resource, held if not wanted or "*" in wanted else set(wanted)))

    return action


def _refusals(wanted: Any, held: set[str], *, required: bool) -> Iterator[Violation]:
    if not isinstance(wanted, list | tuple) or not all(isinstance(name, str) for name in wanted):
        yield Violation("InvalidParameter", "instanceIds must be a list of instance ids.", "instanceIds")
        return
    if required and not wanted:
        yield Violation("InvalidParameter", "Required parameter 'instanceIds' is missing (null).", "instanceIds")
    for name in wanted:
        if name != "*" and name not in held:
            message = f"The provided instanceId {name} is not an active Virtual Machine Scale Set VM instanceId."
            yield Violation("InvalidParameter", message, "instanceIds")


def of_instance(change: Change) -> Action:
    """The same verb of one instance."""

    def action(resource: Resource[Instance], context: Context) -> Write:
        parent = context.view.get(resource.id.parent.text, ScaleSet)
        assert parent is not None, "an instance is a part of its set"
        return Write(change(parent, {resource.id.name}))

    return action


def powered(state: PowerState, *, boot: bool = False) -> Change:
    """Instances in another power state; *boot* starts those again that run already."""

    def switch(instance: Instance) -> Instance:
        again = state == "running" and (boot or instance.power_state != "running")
        return replace(instance, power_state=state, boots=instance.boots + again)

    return lambda resource, names: _changed(resource, names, switch)


def _changed(
    resource: Resource[ScaleSet], names: set[str], change: Callable[[Instance], Instance]
) -> Resource[ScaleSet]:
    held = resource.properties.virtual_machines
    changed = tuple(Child(c.name, change(c.properties), c.zones) if c.name in names else c for c in held)
    return replace(resource, properties=replace(resource.properties, virtual_machines=changed))


def reimaged(resource: Resource[ScaleSet], names: set[str]) -> Resource[ScaleSet]:
    return upgraded(resource, names, anew=True)


def without(resource: Resource[ScaleSet], names: set[str]) -> Resource[ScaleSet]:
    """Deleted instances take their share of the capacity along."""
    kept = tuple(c for c in resource.properties.virtual_machines if c.name not in names)
    sku = replace(resource.sku or Sku(), capacity=len(kept))
    return replace(resource, sku=sku, properties=replace(resource.properties, virtual_machines=kept))


def view(resource: Resource[ScaleSet], context: Context) -> Reply:
    return Reply(summary(resource))


def skus(resource: Resource[ScaleSet], context: Context) -> Reply:
    sku = {"name": resource.sku.name, "tier": resource.sku.tier} if resource.sku is not None else {}
    scale = {"minimum": 0, "maximum": MAX_INSTANCES, "defaultCapacity": 1, "scaleType": "Automatic"}
    row = {"resourceType": "Microsoft.Compute/virtualMachineScaleSets", "sku": sku, "capacity": scale}
    return Reply({"value": [row]})


def interfaces(resource: Resource[ScaleSet], context: Context) -> Reply:
    """``GET …/networkInterfaces``: those of every instance."""
    return Reply({"value": [_interface(r) for r in _parts(resource, context, InstanceInterface)]})


def public_addresses(resource: Resource[ScaleSet], context: Context) -> Reply:
    """``GET …/publicIPAddresses``: those of every instance."""
    found = _parts(resource, context, PublicIPAddress)
    return Reply({"value": [_shown(r) | {"location": r.location} for r in found]})


def _parts(resource: Resource[ScaleSet], context: Context, model: type[P]) -> Iterator[Resource[P]]:
    """The children of *model*, at any depth."""
    below = resource.id.key + "/"
    yield from (r for r in context.view.all(model) if r.id.key.startswith(below))


def _interface(resource: Resource[InstanceInterface]) -> dict[str, Any]:
    shown = _shown(resource)
    machine = {"virtualMachine": {"id": resource.id.parent.text}, "macAddress": mac_address(resource)}
    for child in shown["properties"]["ipConfigurations"]:
        child["id"] = resource.id.child("ipConfigurations", child["name"]).text
    return shown | {"properties": shown["properties"] | machine, "location": resource.location}


def _shown(resource: Resource[Any]) -> dict[str, Any]:
    state = {"provisioningState": "Succeeded", "resourceGuid": resource.guid}
    held = getattr(resource.properties, "held_address", None)
    state |= {"ipAddress": str(held)} if held is not None else {}
    return {"name": resource.id.name, "id": resource.id.text, "properties": state | encode(resource.properties)}
