"""What Azure refuses of load balancing rules, probes and inbound NAT."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import nat_members, parts, pool_members
from lazulite.services.load_balancer.model import (
    NAT_POOLS,
    NAT_RULES,
    PROBES,
    RULES,
    BackendAddressPool,
    InboundNatPool,
    InboundNatRule,
    LoadBalancer,
    LoadBalancingRule,
    Probe,
    is_basic,
    is_gateway,
)
from lazulite.services.load_balancer.ports import listeners
from lazulite.services.load_balancer.sharing import no_port_left
from lazulite.services.load_balancer.slots import offset

MAX_IDLE_MINUTES_BASIC = 30
"""Source: "Load Balancer TCP reset and idle timeout"; rules of the Standard SKU go to 100."""
REFUSED_HTTP_PORTS = frozenset((19, 21, 25, 70, 110, 119, 143, 220, 993))
"""Source: "Load Balancer health probes", limitations."""


def rules(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    said = new.properties
    for index, rule in enumerate(said.load_balancing_rules):
        yield from _rule(new, rule, f"properties.{RULES}[{index}].properties")
    for index, probe in enumerate(said.probes):
        yield from _probe(new, probe, f"properties.{PROBES}[{index}].properties")
    yield from _nat(new, view)
    yield from _listeners(new)
    for place in ("load_balancing_rules", "inbound_nat_rules", "inbound_nat_pools"):
        yield from _frontend(new, place)


def _frontend(new: Resource[LoadBalancer], attribute: str) -> Iterator[Violation]:
    """Every rule listens somewhere, and a prefix is for outbound rules alone."""
    prefixes = {f.id for f in parts(new, "frontend_ip_configurations") if f.properties.public_ip_prefix is not None}
    for index, rule in enumerate(parts(new, attribute)):
        ref = rule.properties.frontend_ip_configuration
        path = f"properties.{rule.id.kind.rpartition('/')[2]}[{index}].properties.frontendIPConfiguration"
        if ref is None:
            message = f"Rule {rule.id} needs a frontendIPConfiguration."
            yield Violation("FrontendIPConfigurationRequired", message, path)
        elif ref.target in prefixes:
            message = (
                f"Frontend IP configuration {ref.id} of rule {rule.id} has a prefix, which only outbound rules use."
            )
            yield Violation("FrontendIPConfigurationWithPublicIPPrefixIsForOutboundRules", message, path)


def _rule(new: Resource[LoadBalancer], child: Child[LoadBalancingRule], path: str) -> Iterator[Violation]:
    said, who = child.properties, new.id.child(RULES, child.name)
    if said.protocol == "Quic":
        message = f"{path}.protocol Quic is not supported here: the lab does not act on it."
        yield Violation("FeatureNotSupported", message, f"{path}.protocol")
    if len(said.backend_address_pools) > 1 and not is_gateway(new):
        message = f"Load balancing rule {who} can have one backend address pool: only Gateway load balancers use two."
        yield Violation("LoadBalancingRuleCanHaveOneBackendAddressPool", message, f"{path}.backendAddressPools")
    every = said.protocol == "All"
    if every is not (said.frontend_port == 0) or (every and said.backend_port != 0):
        message = (
            f"Load balancing rule {who}: protocol All goes with frontendPort 0 and backendPort 0, and they with it."
        )
        yield Violation("LoadBalancingRuleHAPortsMismatch", message, f"{path}.frontendPort")
    if not every and said.backend_port == 0:
        message = f"Load balancing rule {who} needs a backendPort from 1 to 65535."
        yield Violation("InvalidParameter", message, f"{path}.backendPort")
    if every and (is_basic(new) or not new.properties.internal):
        message = f"Load balancing rule {who} for all ports needs an internal load balancer of the Standard SKU."
        yield Violation("HAPortsNeedInternalStandardLoadBalancer", message, f"{path}.protocol")
    if is_basic(new):
        yield from _basic(child, who.text, path)


def _basic(child: Child[LoadBalancingRule], who: str, path: str) -> Iterator[Violation]:
    """Source: "Azure Load Balancer SKUs", SKU comparison."""
    said = child.properties
    for wrong, wire in (
        (said.enable_tcp_reset, "enableTcpReset"),
        (said.disable_outbound_snat, "disableOutboundSnat"),
        (said.idle_timeout > MAX_IDLE_MINUTES_BASIC, "idleTimeoutInMinutes"),
    ):
        if wrong:
            message = f"{wire} of rule {who} needs a load balancer of the Standard SKU."
            yield Violation("PropertyNotAllowedForBasicSku", message, f"{path}.{wire}")


def _probe(new: Resource[LoadBalancer], child: Child[Probe], path: str) -> Iterator[Violation]:
    """Source: "Load Balancer health probes", probe protocol."""
    said, who = child.properties, new.id.child(PROBES, child.name)
    http = said.protocol != "Tcp"
    if http and not said.request_path:
        message = f"Probe {who} of protocol {said.protocol} needs a requestPath."
        yield Violation("ProbeRequestPathRequired", message, f"{path}.requestPath")
    if not http and said.request_path:
        message = f"Probe {who} of protocol Tcp cannot have a requestPath."
        yield Violation("ProbeRequestPathNotAllowed", message, f"{path}.requestPath")
    if http and said.port in REFUSED_HTTP_PORTS:
        message = f"Probe {who} of protocol {said.protocol} cannot use port {said.port}."
        yield Violation("ProbePortNotAllowed", message, f"{path}.port")
    if said.protocol == "Https" and is_basic(new):
        message = f"Probe {who} of protocol Https needs a load balancer of the Standard SKU."
        yield Violation("PropertyNotAllowedForBasicSku", message, f"{path}.protocol")


def _nat(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    said = new.properties
    if said.inbound_nat_rules and said.inbound_nat_pools:
        message = f"Load balancer {new.id} cannot have both inbound NAT rules and inbound NAT pools."
        yield Violation("InboundNatRulesAndInboundNatPoolsAreMutuallyExclusive", message, f"properties.{NAT_POOLS}")
    pools = {p.id: p for p in parts(new, "backend_address_pools")}
    for index, rule in enumerate(parts(new, "inbound_nat_rules")):
        path = f"properties.{NAT_RULES}[{index}].properties"
        yield from _nat_rule(new, rule, path)
        pool = pools.get(rule.properties.backend_address_pool.target) if rule.properties.is_range else None
        if pool is not None:
            yield from fits(rule.properties, rule.id.text, pool, view, f"{path}.frontendPortRangeEnd")
        if rule.properties.is_range and nat_members(view, rule):
            message = f"Inbound NAT rule {rule.id} is bound to a network interface and cannot get a backendAddressPool."
            yield Violation("InboundNatRuleAlreadyBound", message, f"{path}.backendAddressPool")
    for index, nat_pool in enumerate(parts(new, "inbound_nat_pools")):
        yield from _nat_pool(nat_pool, f"properties.{NAT_POOLS}[{index}].properties")


def _nat_rule(new: Resource[LoadBalancer], rule: Resource[InboundNatRule], path: str) -> Iterator[Violation]:
    """One port and no pool, or a range and a pool. Source: "Inbound NAT rules", types."""
    said = rule.properties
    bounds = [b for b in (said.frontend_port_range_start, said.frontend_port_range_end) if b]
    if said.is_range and (len(bounds) != 2 or said.frontend_port):
        message = f"Inbound NAT rule {rule.id} with a pool needs frontendPortRangeStart and -End, and no frontendPort."
        yield Violation("InboundNatRulePortRangeRequired", message, f"{path}.frontendPortRangeStart")
    elif said.is_range and said.size == 0:
        message = f"Inbound NAT rule {rule.id}: frontend port range {bounds[0]}-{bounds[1]} is empty."
        yield Violation("InvalidFrontendPortRange", message, f"{path}.frontendPortRangeEnd")
    if not said.is_range and (bounds or not said.frontend_port):
        message = f"Inbound NAT rule {rule.id} without a pool needs a frontendPort, and no port range."
        yield Violation("InboundNatRuleFrontendPortRequired", message, f"{path}.frontendPort")
    if said.backend_port == 0:
        message = f"Inbound NAT rule {rule.id} needs a backendPort from 1 to 65535."
        yield Violation("InvalidParameter", message, f"{path}.backendPort")
    if said.is_range and is_basic(new):
        message = f"Inbound NAT rule {rule.id} with a pool needs a load balancer of the Standard SKU."
        yield Violation("PropertyNotAllowedForBasicSku", message, f"{path}.backendAddressPool")


def fits(
    rule: InboundNatRule, who: str, pool: Resource[BackendAddressPool], view: View, path: str
) -> Iterator[Violation]:
    """Each member of the pool has a port of the rule. Source: "Manage inbound NAT rules", ranges."""
    beyond = [m for m in pool_members(view, pool) if offset(rule, m.slot) >= rule.size]
    if rule.size and beyond:
        yield no_port_left(rule, who, beyond[0].id.text, path)


def _nat_pool(pool: Resource[InboundNatPool], path: str) -> Iterator[Violation]:
    said = pool.properties
    if said.size == 0:
        message = (
            f"Inbound NAT pool {pool.id}: frontend port range {said.frontend_port_range_start}-"
            f"{said.frontend_port_range_end} is empty."
        )
        yield Violation("InvalidFrontendPortRange", message, f"{path}.frontendPortRangeEnd")


def _listeners(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    """Two rules that want one port of one frontend."""
    every = sorted(listeners(new), key=lambda x: (x.frontend.key, x.first))
    for index, one in enumerate(every):
        for other in every[index + 1 :]:
            if other.frontend != one.frontend or other.first > one.last:
                break
            if one.meets(other):
                message = (
                    f"Load balancer rules {one.rule} and {other.rule} use the same frontend port {other.first} and "
                    f"protocol {other.protocol} of frontend IP configuration {one.frontend}."
                )
                yield Violation("RulesUseSameFrontendPortProtocolAndIPConfig", message, _path(new, other.rule))


def _path(new: Resource[LoadBalancer], rule: ResourceId) -> str:
    """The JSON path of a rule."""
    for attribute in ("load_balancing_rules", "inbound_nat_rules", "inbound_nat_pools"):
        for index, part in enumerate(parts(new, attribute)):
            if part.id == rule:
                return f"properties.{rule.kind.rpartition('/')[2]}[{index}]"
    return "properties"
