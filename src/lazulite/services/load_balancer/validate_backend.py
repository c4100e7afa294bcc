"""What Azure refuses of pools, their addresses, and of rules that meet at one backend."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import PoolMember, nat_members, networks, parts, pool_members
from lazulite.services.load_balancer.model import (
    ADDRESSES,
    NAT_RULES,
    POOLS,
    BackendAddressPool,
    LoadBalancer,
    is_basic,
)
from lazulite.services.load_balancer.ports import Use, clash, uses
from lazulite.services.load_balancer.sharing import clashing, joined_targets, overfull, too_many_rules, uses_of
from lazulite.services.virtual_network.model import IpConfiguration, VirtualNetwork
from lazulite.values import IPAddress

_PATH = f"properties.{POOLS}"


def pools(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    for index, pool in enumerate(parts(new, "backend_address_pools")):
        yield from _pool(new, pool, view, f"{_PATH}[{index}].properties")
    homes = dict.fromkeys(networks(view, new))
    if len(homes) > 1:
        first, second, *_ = homes
        message = (
            f"Load balancer {new.id} has backends or frontends in virtual network {first} and in virtual network "
            f"{second}. They must be in the same one."
        )
        yield Violation("LoadBalancerBackendsNotInSameVnet", message, _PATH)


def _pool(
    new: Resource[LoadBalancer], pool: Resource[BackendAddressPool], view: View, path: str
) -> Iterator[Violation]:
    members = pool_members(view, pool)
    for index, child in enumerate(pool.properties.load_balancer_backend_addresses):
        if child.properties.load_balancer_frontend_ip_configuration is not None:
            message = f"Backend address {child.name} of pool {pool.id} can be a frontend only in the Global tier."
            target = f"{path}.{ADDRESSES}[{index}].properties.loadBalancerFrontendIPConfiguration"
            yield Violation("LoadBalancerFrontendsNeedGlobalTier", message, target)
    yield from overfull(new, pool.id, len(members), path)
    if not pool.properties.by_address:
        yield from _nameless(pool, members, path)
        return
    if is_basic(new):
        message = f"Backend address pool {pool.id} of the Basic SKU cannot have IP addresses as members."
        yield Violation("BasicLoadBalancerCannotHaveIPBasedBackendPool", message, f"{path}.{ADDRESSES}")
    joined = next((m for m in members if m.nic is not None), None)
    if joined is not None:
        message = (
            f"Backend address pool {pool.id} has network interfaces as members ({joined.id}) and cannot have IP "
            "addresses too."
        )
        yield Violation("BackendAddressPoolCannotMixIPAddressesAndNetworkInterfaces", message, f"{path}.{ADDRESSES}")
    yield from _addresses(new, pool, view, path)


def _nameless(pool: Resource[BackendAddressPool], members: tuple[PoolMember, ...], path: str) -> Iterator[Violation]:
    """Addresses of a pool of interfaces only say how a member is to be treated."""
    from_user = pool.properties.load_balancer_backend_addresses
    for index, child in enumerate(from_user):
        if not any(m.nic is not None for m in members) or child.properties.admin_state is None:
            message = f"Backend address {child.name} of pool {pool.id} needs an ipAddress."
            target = f"{path}.{ADDRESSES}[{index}].properties.ipAddress"
            yield Violation("BackendAddressIPAddressRequired", message, target)


def _addresses(
    new: Resource[LoadBalancer], pool: Resource[BackendAddressPool], view: View, path: str
) -> Iterator[Violation]:
    seen: dict[IPAddress, str] = {}
    for index, child in enumerate(pool.properties.load_balancer_backend_addresses):
        said, target = child.properties, f"{path}.{ADDRESSES}[{index}].properties"
        ref = said.virtual_network or pool.properties.virtual_network
        if said.ip_address is None:
            message = f"Backend address {child.name} of pool {pool.id} needs an ipAddress."
            yield Violation("BackendAddressIPAddressRequired", message, f"{target}.ipAddress")
            continue
        if seen.setdefault(said.ip_address, child.name) != child.name:
            message = (
                f"Found duplicate IP address {said.ip_address} on backend addresses {seen[said.ip_address]} and "
                f"{child.name} of backend address pool {pool.id}."
            )
            yield Violation("DuplicateIpAddressReferenceOnBackendAddressPool", message, f"{target}.ipAddress")
        home = said.subnet.target.parent if said.subnet is not None else ref.target if ref is not None else None
        network = view.get(home, VirtualNetwork)
        if home is None:
            message = f"Backend address {child.name} of pool {pool.id} needs a virtualNetwork."
            yield Violation("BackendAddressVirtualNetworkRequired", message, f"{target}.virtualNetwork")
        elif network is not None and not any(said.ip_address in p for p in network.properties.prefixes):
            message = f"IP address {said.ip_address} of backend address {child.name} is not in {home}."
            yield Violation("BackendAddressIPAddressNotInVnet", message, f"{target}.ipAddress")
        elif network is not None and network.location != new.location:
            yield _other_region(network.id, new, f"{target}.virtualNetwork")


def _other_region(found: ResourceId, new: Resource[LoadBalancer], path: str) -> Violation:
    message = (
        f"Resource {found} referenced by resource {new.id} was not found. Please make sure that the referenced "
        "resource exists, and that both resources are in the same region."
    )
    return Violation("InvalidResourceReference", message, path)


def ports(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    """Rules that send flows to one port of one member. Members of the same pools are judged once."""
    yield from _same_pool(new)
    told: set[frozenset[ResourceId]] = set()
    counted: dict[ResourceId, int] = {}
    for member in _members(new, view):
        part = view.get(member, IpConfiguration)
        targets = frozenset(joined_targets(part.properties)) if part is not None else frozenset()
        every = list(uses_of(targets, new, view))
        counted[member.parent] = counted.get(member.parent, 0) + len(every)
        if targets not in told:
            told.add(targets)
            yield from clashing(member, every, "properties")
    for nic, count in counted.items():
        yield from too_many_rules(nic, count, "properties")


def _members(new: Resource[LoadBalancer], view: View) -> list[ResourceId]:
    """Ip configurations in any pool or rule of the load balancer."""
    found = [m for pool in parts(new, "backend_address_pools") for m in pool_members(view, pool)]
    found += [m for rule in parts(new, "inbound_nat_rules") for m in nat_members(view, rule)]
    return list(dict.fromkeys(m.id for m in found if m.nic is not None))


def _same_pool(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    """Two rules to one port of one pool, whether anybody is in it or not."""
    for pool in new.properties.backend_address_pools:
        who = new.id.child(POOLS, pool.name)
        found = clash(uses(new, [who]))
        if found is not None:
            one, other = found
            message = (
                f"Load balancing rules {one.rule} and {other.rule} with floating IP disabled use the same protocol "
                f"{other.protocol} and backend port {other.port}, and must not be used with the same backend address "
                f"pool {who}."
            )
            yield Violation("RulesUseSameBackendPortProtocolAndPool", message, _wire(new, other))


def _wire(new: Resource[LoadBalancer], use: Use) -> str:
    """The JSON path of the rule of *use*."""
    wire = NAT_RULES if use.rule.kind.lower().endswith(NAT_RULES.lower()) else "loadBalancingRules"
    said = new.properties
    rules: tuple[Child[object], ...] = said.inbound_nat_rules if wire == NAT_RULES else said.load_balancing_rules
    index = next((i for i, c in enumerate(rules) if c.name == use.rule.name), 0)
    return f"properties.{wire}[{index}]"
