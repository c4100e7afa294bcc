"""What Azure refuses of interfaces for the sake of the load balancers they join."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.load_balancer.allocation import available
from lazulite.services.load_balancer.availability import apart
from lazulite.services.load_balancer.members import nat_members, networks, pool_members
from lazulite.services.load_balancer.model import (
    NAT_RULES,
    OUTBOUND,
    BackendAddressPool,
    FrontendIPConfiguration,
    InboundNatRule,
    LoadBalancer,
    is_basic,
    is_global,
)
from lazulite.services.load_balancer.outbound import leavers
from lazulite.services.load_balancer.sharing import (
    clashing,
    exhausted,
    joined_targets,
    no_port_left,
    overfull,
    shares_of,
    too_many_rules,
    uses_of,
)
from lazulite.services.load_balancer.slots import offset
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.virtual_network.model import IpConfiguration
from lazulite.services.virtual_network.references import elsewhere


class Joining(msgspec.Struct, frozen=True):
    """An ip configuration that a write leaves behind, and where it stands in the body."""

    id: ResourceId
    said: IpConfiguration
    path: str

    @property
    def pools(self) -> tuple[Ref, ...]:
        return self.said.load_balancer_backend_address_pools

    @property
    def rules(self) -> tuple[Ref, ...]:
        return self.said.load_balancer_inbound_nat_rules


def joining(owner: Resource[object], every: Iterable[Joining], view: View) -> Iterator[Violation]:
    """Whatever speaks against all configurations of the document *owner* being where they say."""
    held = [j for j in every if j.pools or j.rules]
    told: set[frozenset[ResourceId]] = set()
    counted: dict[ResourceId, int] = {}
    for one in held:
        yield from _balancers(owner, one, view)
        yield from (v for ref in one.rules for v in _nat_rule(owner, one, ref, view))
        targets = frozenset(joined_targets(one.said))
        uses = list(uses_of(targets, None, view))
        counted[one.id.parent] = counted.get(one.id.parent, 0) + len(uses)
        if targets not in told:
            told.add(targets)
            yield from clashing(one.id, uses, f"{one.path}.loadBalancerBackendAddressPools")
    for nic, count in counted.items():
        yield from too_many_rules(nic, count, "properties")
    for key in sorted({r.target for j in held for r in j.pools}):
        pool = view.get(key, BackendAddressPool)
        balancer = view.get(key.parent, LoadBalancer)
        if pool is not None and balancer is not None:
            yield from _pool(owner, [j for j in held if key in {r.target for r in j.pools}], pool, balancer, view)


def _balancers(owner: Resource[object], one: Joining, view: View) -> Iterator[Violation]:
    """One region, one network and one SKU for all that meets in a configuration."""
    path, subnet = f"{one.path}.loadBalancerBackendAddressPools", one.said.subnet
    parents = sorted({t.parent for t in joined_targets(one.said)})
    balancers = [b for b in (view.get(p, LoadBalancer) for p in parents) if b is not None]
    for balancer in balancers:
        yield from elsewhere(owner, Ref(balancer.id.text), view, path)
        if is_global(balancer):
            message = f"IP configuration {one.id} cannot join {balancer.id}: backends of the Global tier are frontends."
            yield Violation("GlobalBackendAddressPoolNeedsLoadBalancerFrontends", message, path)
        beside = next((n for n in networks(view, balancer, beside=owner.id)), None)
        if subnet is not None and beside is not None and beside != subnet.target.parent.key:
            message = (
                f"IP configuration {one.id} is in virtual network {subnet.target.parent} and cannot be a backend of "
                f"load balancer {balancer.id}, which is in {beside}."
            )
            yield Violation("LoadBalancerBackendsNotInSameVnet", message, path)
    for machine in view.referrers(one.id.parent, VirtualMachine):
        yield from apart(machine, one.id.parent, one.pools, view, path)
    yield from _skus(one, balancers, view, path)
    internal = [b.id.text for b in balancers if is_basic(b) and b.properties.internal]
    if len(internal) > 1:
        message = f"IP configuration {one.id} cannot be a backend of more than one internal load balancer: {internal}."
        yield Violation("AnotherInternalLoadBalancerExists", message, path)


def _skus(one: Joining, balancers: list[Resource[LoadBalancer]], view: View, path: str) -> Iterator[Violation]:
    """Source: "Public IP addresses", SKU; "Azure Load Balancer SKUs", limitations."""
    address = view.get(one.said.public_ip_address, PublicIPAddress)
    basic = {b.id.text: is_basic(b) for b in balancers}
    if address is not None:
        basic[address.id.text] = address.sku is None or address.sku.name == "Basic"
    if len(set(basic.values())) > 1:
        listed = ", ".join(f"{k} ({'Basic' if v else 'Standard'})" for k, v in basic.items())
        message = (
            "Different sku load balancers and public IP addresses are not allowed: IP configuration "
            f"{one.id} would have {listed}."
        )
        yield Violation("DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed", message, path)


def _nat_rule(owner: Resource[object], one: Joining, ref: Ref, view: View) -> Iterator[Violation]:
    rule, path = view.get(ref, InboundNatRule), f"{one.path}.loadBalancerInboundNatRules"
    if rule is None:
        return
    if rule.properties.is_range:
        message = f"Inbound NAT rule {rule.id} leads to a backend address pool and cannot be bound to {one.id}."
        yield Violation("InboundNatRuleLeadsToBackendAddressPool", message, path)
    other = next((m for m in nat_members(view, rule) if not m.id.within(owner.id)), None)
    if other is not None:
        message = f"Inbound NAT rule {rule.id} is already bound to {other.id} and cannot be bound to {one.id}."
        yield Violation("InboundNatRuleAlreadyBound", message, path)


def _pool(
    owner: Resource[object],
    here: list[Joining],
    pool: Resource[BackendAddressPool],
    balancer: Resource[LoadBalancer],
    view: View,
) -> Iterator[Violation]:
    path = f"{here[0].path}.loadBalancerBackendAddressPools"
    beside = [m for m in pool_members(view, pool) if not m.id.within(owner.id)]
    if pool.properties.by_address:
        message = f"Backend address pool {pool.id} has IP addresses as members and cannot have {here[0].id} too."
        yield Violation("BackendAddressPoolCannotMixIPAddressesAndNetworkInterfaces", message, path)
    yield from overfull(balancer, pool.id, len(beside) + len(here), path)
    for rule in balancer.properties.load_balancing_rules:
        ref = rule.properties.backend_address_pool
        if ref is not None and ref.target == pool.id:
            yield from _versions(here, rule.properties.frontend_ip_configuration, pool.id, view)
    yield from _ports(here, pool, balancer, path)
    yield from _outbound(owner, here, pool, balancer, view)


def _ports(
    here: list[Joining], pool: Resource[BackendAddressPool], balancer: Resource[LoadBalancer], path: str
) -> Iterator[Violation]:
    """Every NAT range on the pool has a port for each. Source: "Manage inbound NAT rules", ranges."""
    for nat in balancer.properties.inbound_nat_rules:
        ref, size = nat.properties.backend_address_pool, nat.properties.size
        for one in here if ref is not None and ref.target == pool.id else ():
            slot = one.said.places.get(pool.properties.incarnation or "", 0)
            if offset(nat.properties, slot) >= size:
                who = balancer.id.child(NAT_RULES, nat.name).text
                yield no_port_left(nat.properties, who, one.id.text, path)


def _outbound(
    owner: Resource[object],
    here: list[Joining],
    pool: Resource[BackendAddressPool],
    balancer: Resource[LoadBalancer],
    view: View,
) -> Iterator[Violation]:
    for rule in balancer.properties.outbound_rules:
        ref = rule.properties.backend_address_pool
        if ref is not None and ref.target == pool.id and rule.properties.allocated_outbound_ports:
            new = sum(bool(j.said.primary) and j.said.private_ip_address_version == "IPv4" for j in here)
            members = new + sum(not m.id.within(owner.id) for m in leavers(view, pool))
            ports = available(shares_of(balancer, rule.properties, view))
            path = f"{here[0].path}.loadBalancerBackendAddressPools"
            yield from exhausted(rule.properties, balancer.id.child(OUTBOUND, rule.name), members, ports, path)


def _versions(here: list[Joining], frontend: Ref | None, pool: ResourceId, view: View) -> Iterator[Violation]:
    found = view.get(frontend, FrontendIPConfiguration)
    for one in here if found is not None else ():
        if found is not None and found.properties.private_ip_address_version != one.said.private_ip_address_version:
            message = (
                f"IP configuration {one.id} of version {one.said.private_ip_address_version} cannot be in backend "
                f"address pool {pool}, which serves frontend IP configuration {found.id} of the other version."
            )
            target = f"{one.path}.loadBalancerBackendAddressPools"
            yield Violation("BackendAndFrontendIPVersionMismatch", message, target)
            return
