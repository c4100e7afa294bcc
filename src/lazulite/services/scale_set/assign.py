"""What the service decides when a scale set is written: which instances there are, and their addresses."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Child, Resource, Sku
from lazulite.resources.view import View
from lazulite.services.load_balancer.slots import placed
from lazulite.services.public_ip_address import pool
from lazulite.services.scale_set.instances import brought, digest, made
from lazulite.services.scale_set.model import (
    MAX_INSTANCES,
    Instance,
    InstanceConfiguration,
    InstanceInterface,
    ScaleSet,
)
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import free, occupants
from lazulite.services.virtual_network.model import Subnet
from lazulite.values import IPAddress


def resource(new: Resource[ScaleSet], old: Resource[ScaleSet] | None, view: View, lab: Lab) -> Resource[ScaleSet]:
    """Bring the instances to the capacity, and to the profile where the upgrade policy is automatic.

    A write without a profile is about capacity, zones and tags alone: that is how az scales.
    """
    if old is not None and new.properties.virtual_machine_profile is None:
        new = replace(new, properties=replace(old.properties, virtual_machines=new.properties.virtual_machines))
    held, before = new.properties.virtual_machines, old.properties.virtual_machines if old is not None else ()
    removed = len(held) < len(before)
    if removed:  # instances were deleted one by one: the capacity follows
        new = replace(new, sku=replace(new.sku or Sku(), capacity=len(held)))
    new = _scaled(new, len(held) if removed else capacity(new))
    if old is not None and new.properties.upgrade_policy.mode == "Automatic":
        new = upgraded(new, {c.name for c in new.properties.virtual_machines})
    return with_places(Addresses(new, view, lab).given(), view)


def capacity(scale_set: Resource[ScaleSet]) -> int:
    """How many instances are wanted; what is out of bounds is refused later and makes none."""
    wanted = scale_set.sku.capacity if scale_set.sku is not None else None
    if wanted is None:
        return len(scale_set.properties.virtual_machines)
    return wanted if 0 <= wanted <= MAX_INSTANCES else 0


def _scaled(scale_set: Resource[ScaleSet], wanted: int) -> Resource[ScaleSet]:
    said = scale_set.properties
    held, number = said.virtual_machines, said.next_instance
    if wanted < len(held):
        kept = _without(held, len(held) - wanted, said.scale_in_policy.rules)
        return replace(scale_set, properties=replace(said, virtual_machines=kept))
    made_now = tuple(made(scale_set, n) for n in range(number, number + wanted - len(held)))
    said = replace(said, virtual_machines=(*held, *made_now), next_instance=number + len(made_now))
    return replace(scale_set, properties=said)


def _without(held: tuple[Child[Instance], ...], count: int, rules: tuple[str, ...]) -> tuple[Child[Instance], ...]:
    """The oldest go when the policy says so, else those with the highest numbers, from the fullest zone first.

    Source: "Use custom scale-in policies with Azure virtual machine scale sets".
    """
    if "OldestVM" in rules:
        return held[count:]
    left = list(held)
    for _ in range(count):
        full = max(_counts(left).values())
        zones = [zone for zone, number in _counts(left).items() if number == full]
        left.remove(max((c for c in left if c.zones in zones), key=lambda c: int(c.name)))
    return tuple(left)


def _counts(held: list[Child[Instance]]) -> dict[tuple[str, ...], int]:
    counts: dict[tuple[str, ...], int] = {}
    for child in held:
        counts[child.zones] = counts.get(child.zones, 0) + 1
    return counts


def upgraded(scale_set: Resource[ScaleSet], names: Collection[str], *, anew: bool = False) -> Resource[ScaleSet]:
    """The set with the instances called *names* brought to its profile: those that have another one, or with *anew*
    all of them, as fresh machines."""
    said = scale_set.properties
    wanted = digest(said.profile)
    instances = tuple(
        brought(c, scale_set, anew=anew) if c.name in names and (anew or c.properties.model != wanted) else c
        for c in said.virtual_machines
    )
    return replace(scale_set, properties=replace(said, virtual_machines=instances))


class Addresses:
    """Gives every configuration that lacks one a private address, and public ones theirs."""

    def __init__(self, scale_set: Resource[ScaleSet], view: View, lab: Lab) -> None:
        self._set, self._view, self._lab = scale_set, view, lab
        self._free: dict[tuple[str, int], Iterator[IPAddress]] = {}
        every = [c for i in scale_set.properties.virtual_machines for c in configurations(i.properties)]
        self._own = {c.private_ip_address for c in every if c.private_ip_address is not None}
        self._public = [p.properties.held_address for c in every for p in c.public_ip_addresses]

    def given(self) -> Resource[ScaleSet]:
        said = self._set.properties
        instances = tuple(Child(c.name, self._instance(c.properties), c.zones) for c in said.virtual_machines)
        return replace(self._set, properties=replace(said, virtual_machines=instances))

    def _instance(self, instance: Instance) -> Instance:
        if all(_complete(c) for c in configurations(instance)):
            return instance
        interfaces = tuple(Child(c.name, self._interface(c.properties)) for c in instance.network_interfaces)
        return replace(instance, network_interfaces=interfaces)

    def _interface(self, interface: InstanceInterface) -> InstanceInterface:
        every = tuple(Child(c.name, self._configuration(c.properties)) for c in interface.ip_configurations)
        return replace(interface, ip_configurations=every)

    def _configuration(self, said: InstanceConfiguration) -> InstanceConfiguration:
        if said.private_ip_address is None:
            said = replace(said, private_ip_address=self._private(said))
        public = tuple(Child(c.name, self._held(c.properties)) for c in said.public_ip_addresses)
        return replace(said, public_ip_addresses=public)

    def _private(self, said: InstanceConfiguration) -> IPAddress | None:
        subnet = self._view.get(said.subnet, Subnet)
        if subnet is None:
            return None
        key = subnet.id.key, 4 if said.private_ip_address_version == "IPv4" else 6
        if key not in self._free:
            taken = {*occupants(subnet.id, self._view, beside=self._set.id), *self._own}
            self._free[key] = free(subnet, key[1], taken)
        return next(self._free[key], None)

    def _held(self, address: Any) -> Any:
        if address.held_address is not None:
            return address
        version = 4 if address.public_ip_address_version == "IPv4" else 6
        found = pool.free_address(self._lab, self._view, version, [a for a in self._public if a is not None])
        self._public.append(found)
        return replace(address, held_address=found)


def with_places(scale_set: Resource[ScaleSet], view: View) -> Resource[ScaleSet]:
    """The set with a place for every configuration in each pool that it is in."""
    said = scale_set.properties
    every = [c for i in said.virtual_machines for n in i.properties.network_interfaces for c in _configurations(n)]
    found = iter(placed(scale_set.id, every, view))
    instances = tuple(
        Child(i.name, replace(i.properties, network_interfaces=_with(i.properties, found)), i.zones)
        for i in said.virtual_machines
    )
    return replace(scale_set, properties=replace(said, virtual_machines=instances))


def _configurations(interface: Child[InstanceInterface]) -> tuple[Child[InstanceConfiguration], ...]:
    return interface.properties.ip_configurations


def _with(instance: Instance, found: Iterator[Child[InstanceConfiguration]]) -> tuple[Child[InstanceInterface], ...]:
    """The interfaces of *instance* with the next configurations of *found*."""
    return tuple(
        Child(n.name, replace(n.properties, ip_configurations=tuple(next(found) for _ in _configurations(n))))
        for n in instance.network_interfaces
    )


def _complete(said: InstanceConfiguration) -> bool:
    public = (c.properties.held_address for c in said.public_ip_addresses)
    return said.private_ip_address is not None and all(a is not None for a in public)


def configurations(instance: Instance) -> list[InstanceConfiguration]:
    """Every ip configuration of every interface."""
    return [c.properties for n in instance.network_interfaces for c in n.properties.ip_configurations]
