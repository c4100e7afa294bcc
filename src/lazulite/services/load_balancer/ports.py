"""Which ports of which frontends a load balancer listens on, and which backend ports an interface gets of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource
from lazulite.services.load_balancer.model import (
    NAT_POOLS,
    NAT_RULES,
    RULES,
    InboundNatPool,
    InboundNatRule,
    LoadBalancer,
    LoadBalancingRule,
)


class Listener(msgspec.Struct, frozen=True):
    """What a rule takes of a frontend: ports from ``first`` to ``last``; ``All`` with port 0 is every port."""

    rule: ResourceId
    frontend: ResourceId
    protocol: str
    first: int
    last: int

    @property
    def everything(self) -> bool:
        return self.protocol == "All" and self.first == 0

    def meets(self, other: Listener) -> bool:
        """Whether the two want one port of one frontend. A rule for a port goes before one for all ports."""
        if self.frontend != other.frontend or self.everything is not other.everything:
            return False
        apart = "All" not in (self.protocol, other.protocol) and self.protocol != other.protocol
        return not apart and self.first <= other.last and other.first <= self.last


def listeners(balancer: Resource[LoadBalancer]) -> Iterator[Listener]:
    """In the order of the document: rules, inbound NAT rules, pools of them."""
    said = balancer.properties
    for rule in said.load_balancing_rules:
        port = rule.properties.frontend_port
        yield from _listener(balancer.id.child(RULES, rule.name), rule.properties, port, port)
    for nat in said.inbound_nat_rules:
        yield from _listener(balancer.id.child(NAT_RULES, nat.name), nat.properties, *span(nat.properties))
    for pool in said.inbound_nat_pools:
        yield from _listener(balancer.id.child(NAT_POOLS, pool.name), pool.properties, *span(pool.properties))


def span(rule: InboundNatRule | InboundNatPool) -> tuple[int, int]:
    """First and last frontend port of an inbound NAT rule or pool."""
    if isinstance(rule, InboundNatRule) and not rule.is_range:
        return rule.frontend_port or 0, rule.frontend_port or 0
    return rule.frontend_port_range_start or 0, rule.frontend_port_range_end or 0


def _listener(
    rule: ResourceId, said: LoadBalancingRule | InboundNatRule | InboundNatPool, first: int, last: int
) -> Iterator[Listener]:
    if said.frontend_ip_configuration is not None:
        yield Listener(rule, said.frontend_ip_configuration.target, said.protocol, first, last)


class Use(msgspec.Struct, frozen=True):
    """A backend port that a rule of a load balancer sends flows to."""

    rule: ResourceId
    internal: bool
    protocol: str
    port: int
    floating: bool

    @property
    def everything(self) -> bool:
        return self.protocol == "All" and self.port == 0

    def clashes(self, other: Use) -> bool:
        """Whether one address cannot serve both: its flows could not be told apart.

        Source: "Multiple frontends for Azure Load Balancer", rule types; "High availability ports overview".
        """
        if self.rule == other.rule or self.internal is not other.internal or (self.floating and other.floating):
            return False
        if self.everything or other.everything:
            return True
        same = self.protocol == other.protocol or "All" in (self.protocol, other.protocol)
        return not (self.floating or other.floating) and same and self.port == other.port


def uses(balancer: Resource[LoadBalancer], targets: Iterable[ResourceId]) -> Iterator[Use]:
    """What *balancer* sends to whoever is in *targets*: pools and inbound NAT rules of it."""
    wanted, said, internal = frozenset(t.key for t in targets), balancer.properties, balancer.properties.internal
    for child in said.load_balancing_rules:
        rule = child.properties
        if rule.backend_address_pool is not None and rule.backend_address_pool.target.key in wanted:
            who = balancer.id.child(RULES, child.name)
            yield Use(who, internal, rule.protocol, rule.backend_port, rule.enable_floating_ip)
    for nat in said.inbound_nat_rules:
        own, pool = balancer.id.child(NAT_RULES, nat.name), nat.properties.backend_address_pool
        if (pool.target if pool is not None else own).key in wanted:
            yield Use(own, internal, nat.properties.protocol, nat.properties.backend_port, _floating(nat))


def _floating(nat: Child[InboundNatRule]) -> bool:
    return nat.properties.enable_floating_ip


def clash(every: Iterable[Use]) -> tuple[Use, Use] | None:
    """The first two of *every* that cannot go to one address."""
    seen: list[Use] = []
    by_port: dict[int, list[Use]] = {}
    for use in every:
        near = seen if use.everything else (*by_port.get(use.port, ()), *by_port.get(0, ()))
        other = next((u for u in near if u.clashes(use)), None)
        if other is not None:
            return other, use
        seen.append(use)
        by_port.setdefault(use.port, []).append(use)
    return None
