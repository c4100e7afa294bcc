"""Who is in a pool: the ip configurations that joined it, and addresses that the pool itself names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import label
from lazulite.services.load_balancer.model import (
    ADDRESSES,
    BackendAddressPool,
    FrontendIPConfiguration,
    InboundNatPool,
    InboundNatRule,
    LoadBalancer,
)
from lazulite.services.virtual_network.model import IpConfiguration
from lazulite.values import IPAddress

_NAME_LENGTH = 80


def pool_name(pool: str, probe: str | None) -> str:
    """Of the entry for a pool under one probe: rules may watch the same backends differently."""
    return f"{pool.lower()}|{(probe or '').lower()}"


class PoolMember(msgspec.Struct, frozen=True):
    """A backend with its place, which it keeps while the pool changes around it."""

    id: ResourceId
    address: IPAddress
    slot: int
    network: str
    """Id key of its virtual network."""
    nic: ResourceId | None = None
    primary: bool = True
    admin: str = "None"

    @property
    def name(self) -> str:
        return self.id.key


def pool_members(view: View, pool: Resource[BackendAddressPool]) -> tuple[PoolMember, ...]:
    """All members, by place. Whatever joins by an ip configuration is among the first."""
    given = {c.name.lower(): c.properties.admin_state for c in pool.properties.load_balancer_backend_addresses}
    joined = _joined(view, pool.id, pool.properties.incarnation)
    if given:
        joined = (msgspec.structs.replace(m, admin=given.get(address_name(m.id).lower()) or "None") for m in joined)
    return tuple(sorted((*joined, *_addresses(pool)), key=lambda m: (m.slot, m.name)))


def nat_members(view: View, rule: Resource[InboundNatRule] | Resource[InboundNatPool]) -> tuple[PoolMember, ...]:
    """Who is bound to an inbound NAT rule of its own, or to a pool of them."""
    bound = _joined(view, rule.id, rule.properties.incarnation)
    return tuple(sorted(bound, key=lambda m: (m.slot, m.name)))


def _joined(view: View, target: ResourceId, incarnation: str | None) -> Iterator[PoolMember]:
    for part in view.referrers(target, IpConfiguration):
        found = part.properties
        slot = found.places.get(incarnation or "")
        if slot is not None and found.subnet is not None and found.private_ip_address is not None:
            network = found.subnet.target.parent.key
            nic = part.id.parent
            yield PoolMember(part.id, found.private_ip_address, slot, network, nic, bool(found.primary))


def _addresses(pool: Resource[BackendAddressPool]) -> Iterator[PoolMember]:
    for child in pool.properties.load_balancer_backend_addresses:
        found = child.properties
        network = found.virtual_network or pool.properties.virtual_network
        if found.ip_address is not None:
            home = network.target.key if network is not None else ""
            if found.subnet is not None:
                home = found.subnet.target.parent.key
            member = pool.id.child(ADDRESSES, child.name)
            yield PoolMember(member, found.ip_address, found.slot or 0, home, admin=found.admin_state or "None")


def address_name(configuration: ResourceId) -> str:
    """What an interface's member is called among the addresses of a pool: ``{group}_{interface}{configuration}``."""
    nic = configuration.parent
    return f"{nic.group}_{label(nic)}{configuration.name}"[-_NAME_LENGTH:].lstrip("-._")


def network_of_pool(view: View, pool: Resource[BackendAddressPool]) -> str | None:
    """Id key of the virtual network of a pool; ``None`` while it has none."""
    first = next(iter(pool_members(view, pool)), None)
    if first is not None and first.network:
        return first.network
    named = pool.properties.virtual_network
    return named.target.key if named is not None else None


def network_of_frontend(frontend: Resource[FrontendIPConfiguration]) -> str | None:
    subnet = frontend.properties.subnet
    return subnet.target.parent.key if subnet is not None else None


def network_of(view: View, balancer: Resource[LoadBalancer]) -> str | None:
    """Id key of the one network that a load balancer works in; ``None`` while nothing says which."""
    return next(networks(view, balancer), None)


def networks(view: View, balancer: Resource[LoadBalancer], *, beside: ResourceId | None = None) -> Iterator[str]:
    """Id keys of every network that its frontends and backends are in, some more than once; parts of *beside* are
    left out."""
    for frontend in balancer.properties.frontend_ip_configurations:
        if frontend.properties.subnet is not None:
            yield frontend.properties.subnet.target.parent.key
    for pool in parts(balancer, "backend_address_pools"):
        if pool.properties.virtual_network is not None:
            yield pool.properties.virtual_network.target.key
        members = chain(_joined(view, pool.id, pool.properties.incarnation), _addresses(pool))
        yield from (m.network for m in members if m.network and not _is_within(m, beside))
    for attribute in ("inbound_nat_rules", "inbound_nat_pools"):
        for rule in parts(balancer, attribute):
            yield from (m.network for m in nat_members(view, rule) if not _is_within(m, beside))


def _is_within(member: PoolMember, owner: ResourceId | None) -> bool:
    return owner is not None and member.id.within(owner)


_WIRES = {
    "frontend_ip_configurations": "frontendIPConfigurations",
    "backend_address_pools": "backendAddressPools",
    "load_balancing_rules": "loadBalancingRules",
    "inbound_nat_rules": "inboundNatRules",
    "inbound_nat_pools": "inboundNatPools",
    "outbound_rules": "outboundRules",
    "probes": "probes",
}


def parts(balancer: Resource[LoadBalancer], attribute: str) -> Iterator[Resource]:  # type: ignore[type-arg]
    """Children of *balancer* as resources, from this very document and not from a view."""
    for child in getattr(balancer.properties, attribute):
        yield Resource(balancer.id.child(_WIRES[attribute], child.name), child.properties, balancer.location)
