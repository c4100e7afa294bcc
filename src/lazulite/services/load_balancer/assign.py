"""What the service chooses: private addresses of frontends, places, incarnations, and what a list leaves out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from lazulite.resources.model import Child, Ref, Resource, Sku
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import address_name, pool_members
from lazulite.services.load_balancer.model import (
    POOLS,
    BackendAddress,
    BackendAddressPool,
    FrontendIPConfiguration,
    InboundNatRule,
    LoadBalancer,
    LoadBalancingRule,
    is_basic,
    is_global,
)
from lazulite.services.load_balancer.slots import moved
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import free, occupants
from lazulite.services.virtual_network.model import Subnet
from lazulite.values import IPAddress

_Children = tuple[Child[Any], ...]


def resource(
    new: Resource[LoadBalancer], old: Resource[LoadBalancer] | None, view: View, lab: Lab
) -> Resource[LoadBalancer]:
    new = replace(new, sku=_spelled(new.sku))
    said, before = new.properties, old.properties if old is not None else LoadBalancer()
    pools = tuple(_pool(new, old, c, view) for c in said.backend_address_pools)
    found = replace(
        said,
        frontend_ip_configurations=_frontends(new, before, view),
        backend_address_pools=pools,
        load_balancing_rules=_each(said.load_balancing_rules, before.load_balancing_rules, _with_pool),
        inbound_nat_pools=tuple(_incarnated(new, old, c) for c in said.inbound_nat_pools),
    )
    new = replace(new, properties=found)
    rules = tuple(_nat_rule(new, old, c, view) for c in said.inbound_nat_rules)
    return replace(new, properties=replace(found, inbound_nat_rules=rules))


_SPELLINGS = {s.lower(): s for s in ("Basic", "Standard", "Gateway", "Regional", "Global")}


def _spelled(sku: Sku | None) -> Sku | None:
    """In Azure's own case, as enumerations are everywhere."""
    if sku is None or sku.name is None:
        return sku
    tier = sku.tier and _SPELLINGS.get(sku.tier.lower(), sku.tier)
    return replace(sku, name=_SPELLINGS.get(sku.name.lower(), sku.name), tier=tier)


def _each(new: _Children, old: _Children, change: Any) -> _Children:
    """Every child of *new* changed, in sight of what it was."""
    before = {c.name.lower(): c.properties for c in old}
    return tuple(Child(c.name, change(c.properties, before.get(c.name.lower())), c.zones) for c in new)


def _frontends(new: Resource[LoadBalancer], before: LoadBalancer, view: View) -> _Children:
    """Every dynamic frontend with a private address, the one it had if that still fits."""
    known = before.frontend_ip_configurations
    kept = _each(new.properties.frontend_ip_configurations, known, lambda n, o: _kept(n, o, view))
    own = {c.properties.private_ip_address for c in kept if c.properties.private_ip_address is not None}
    found = []
    for child in kept:
        properties = child.properties
        if properties.private_ip_address is None and properties.private_ip_allocation_method == "Dynamic":
            properties = replace(properties, private_ip_address=_free(properties, new, own, view))
            own |= {properties.private_ip_address} - {None}
        found.append(Child(child.name, properties, child.zones))
    return tuple(found)


def _kept(new: FrontendIPConfiguration, old: FrontendIPConfiguration | None, view: View) -> FrontendIPConfiguration:
    if new.private_ip_allocation_method == "Static" and new.subnet is not None:
        return new
    subnet = view.get(new.subnet, Subnet)
    address = old.private_ip_address if old is not None else None
    stays = subnet is not None and address is not None and subnet.properties.prefix_of(address) is not None
    return replace(new, private_ip_address=address if stays else None)


def _free(
    frontend: FrontendIPConfiguration, balancer: Resource[LoadBalancer], own: set[IPAddress], view: View
) -> IPAddress | None:
    subnet = view.get(frontend.subnet, Subnet)
    if subnet is None:
        return None
    version = 4 if frontend.private_ip_address_version == "IPv4" else 6
    return next(free(subnet, version, {*occupants(subnet.id, view, beside=balancer.id), *own}), None)


def _incarnated(new: Resource[LoadBalancer], old: Resource[LoadBalancer] | None, child: Child[Any]) -> Child[Any]:
    """A child that tells itself from an earlier one of its name."""
    if child.properties.incarnation is not None:
        return child
    made = uuid5(NAMESPACE_OID, f"{new.guid}/{child.name.lower()}/{old.revision if old is not None else 0}")
    return Child(child.name, replace(child.properties, incarnation=str(made)), child.zones)


def _pool(
    new: Resource[LoadBalancer], old: Resource[LoadBalancer] | None, child: Child[BackendAddressPool], view: View
) -> Child[BackendAddressPool]:
    child = _incarnated(new, old, child)
    stored = view.get(new.id.child(POOLS, child.name), BackendAddressPool)
    joined = [m for m in pool_members(view, stored) if m.nic is not None] if stored is not None else []
    names = {address_name(m.id).lower() for m in joined}
    before = stored.properties.load_balancer_backend_addresses if stored is not None else ()
    told = {c.name.lower() for c in before} - names
    echoed = () if child.properties.by_address else told
    sent = child.properties.load_balancer_backend_addresses
    kept = [c for c in sent if _is_frontend(c) or is_global(new) or _is_said(child.properties, c, names, echoed)]
    found = replace(
        child.properties,
        load_balancer_backend_addresses=_with_slots(kept, {m.slot for m in joined}),
        takes_default=not is_basic(new),
        closes=not is_basic(new) and not new.properties.internal,
    )
    return Child(child.name, found, child.zones)


def _is_frontend(child: Child[BackendAddress]) -> bool:
    return child.properties.load_balancer_frontend_ip_configuration is not None


def _is_said(
    pool: BackendAddressPool, child: Child[BackendAddress], joined: Iterable[str], gone: Iterable[str]
) -> bool:
    """Whether an address is more than the echo of a member that an interface brought, or had brought.

    az does not send back which interface it was.
    """
    said, name = child.properties, child.name.lower()
    if said.ip_address is not None or pool.by_address:
        return said.network_interface_ip_configuration is None or said.ip_address is not None
    if name in joined:
        return said.admin_state in ("Up", "Down")
    return said.network_interface_ip_configuration is None and said.admin_state in ("Up", "Down") and name not in gone


def _with_slots(children: list[Child[BackendAddress]], taken: set[int]) -> tuple[Child[BackendAddress], ...]:
    held = taken | {c.properties.slot for c in children if c.properties.slot is not None}
    found = []
    for child in children:
        said, slot = child.properties, child.properties.slot
        if slot is None and said.ip_address is not None:
            slot = next(s for s in range(len(held) + 1) if s not in held)
            held.add(slot)
        said = replace(said, slot=slot, network_interface_ip_configuration=None)
        found.append(Child(child.name, said, child.zones))
    return tuple(found)


def _with_pool(new: LoadBalancingRule, old: LoadBalancingRule | None) -> LoadBalancingRule:
    """One pool in both of its places. Clients that read both may write either: the one they changed counts."""
    one, every = new.backend_address_pool, new.backend_address_pools
    if len(every) > 1 or (one is None and not every):
        return new
    other = every[0] if every else one
    chosen = one if one is not None and (old is None or not _same(one, old.backend_address_pool)) else other
    return replace(new, backend_address_pool=chosen, backend_address_pools=(chosen,) if chosen is not None else ())


def _same(one: Ref, other: Ref | None) -> bool:
    return other is not None and one.target == other.target


def _nat_rule(
    new: Resource[LoadBalancer], old: Resource[LoadBalancer] | None, child: Child[InboundNatRule], view: View
) -> Child[InboundNatRule]:
    """With a port for whoever is in the pool at a place that the range does not reach."""
    child = _incarnated(new, old, child)
    rule = child.properties
    if not rule.is_range:
        return Child(child.name, replace(rule, moved={}), child.zones)
    pools = {new.id.child(POOLS, c.name): c for c in new.properties.backend_address_pools}
    pool = pools.get(rule.backend_address_pool.target) if rule.backend_address_pool is not None else None
    if pool is None:
        return child
    members = pool_members(view, Resource(new.id.child(POOLS, pool.name), pool.properties))
    found = replace(rule, moved=moved((m.slot for m in members), rule.size, rule.moved))
    return Child(child.name, found, child.zones)
