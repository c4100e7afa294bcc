"""What Azure refuses of outbound rules."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.allocation import BLOCK, PORTS_PER_ADDRESS, available
from lazulite.services.load_balancer.members import parts
from lazulite.services.load_balancer.model import (
    OUTBOUND,
    RULES,
    LoadBalancer,
    OutboundRule,
    is_basic,
)
from lazulite.services.load_balancer.outbound import leavers
from lazulite.services.load_balancer.sharing import exhausted, shares_of

_PATH = f"properties.{OUTBOUND}"


def outbound_rules(new: Resource[LoadBalancer], view: View) -> Iterator[Violation]:
    if new.properties.outbound_rules and (is_basic(new) or new.properties.internal):
        message = f"Outbound rules need a public load balancer of the Standard SKU; {new.id} is not one."
        yield Violation("OutboundRulesNeedPublicStandardLoadBalancer", message, _PATH)
        return
    for index, rule in enumerate(parts(new, "outbound_rules")):
        path = f"{_PATH}[{index}].properties"
        yield from _shape(rule, path)
        yield from _ports(new, rule, view, path)
    yield from _own_ways_out(new)
    yield from _overlapping(new)


def _shape(rule: Resource[OutboundRule], path: str) -> Iterator[Violation]:
    said = rule.properties
    if not said.frontend_ip_configurations:
        message = f"Outbound rule {rule.id} needs frontendIPConfigurations."
        yield Violation("FrontendIPConfigurationRequired", message, f"{path}.frontendIPConfigurations")
    if said.backend_address_pool is None:
        message = f"Outbound rule {rule.id} needs a backendAddressPool."
        yield Violation("BackendAddressPoolRequired", message, f"{path}.backendAddressPool")
    if said.allocated_outbound_ports % BLOCK:
        message = (
            f"Specified allocated outbound ports {said.allocated_outbound_ports} for outbound rule {rule.id} is not a "
            f"multiple of {BLOCK}."
        )
        target = f"{path}.allocatedOutboundPorts"
        yield Violation("SpecifiedAllocatedOutboundPortsForOutboundRuleIsNotAMultipleOfEight", message, target)


def _ports(new: Resource[LoadBalancer], rule: Resource[OutboundRule], view: View, path: str) -> Iterator[Violation]:
    """Source: "Outbound rules Azure Load Balancer", limitations; "Troubleshoot common Azure deployment errors"."""
    wanted, target = rule.properties.allocated_outbound_ports, f"{path}.allocatedOutboundPorts"
    shares = list(shares_of(new, rule.properties, view))
    allowed = PORTS_PER_ADDRESS * len(shares)
    if wanted > allowed:
        message = (
            f"Specified allocated outbound ports {wanted} for outbound rule {rule.id} exceeds total number of allowed "
            f"ports per rule {allowed}."
        )
        code = "SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAllowedPortsPerRule"
        yield Violation(code, message, target)
        return
    ref = rule.properties.backend_address_pool
    pool = next((p for p in parts(new, "backend_address_pools") if ref is not None and p.id == ref.target), None)
    members = len(leavers(view, pool)) if pool is not None else 0
    yield from exhausted(rule.properties, rule.id, members, available(shares), target)


def _own_ways_out(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    """A load balancing rule on a frontend with an outbound rule leaves the way out to that.

    Source: "Outbound rules Azure Load Balancer", disableOutboundSnat.
    """
    used = {r.target for c in new.properties.outbound_rules for r in c.properties.frontend_ip_configurations}
    for index, child in enumerate(new.properties.load_balancing_rules):
        ref = child.properties.frontend_ip_configuration
        if ref is not None and ref.target in used and not child.properties.disable_outbound_snat:
            message = (
                f"SNAT must be disabled for load balancing rule {new.id.child(RULES, child.name)} because the frontend "
                f"IP configuration {ref.id} it references is used by an outbound rule."
            )
            code = "LoadBalancingRuleMustDisableSNATSinceSameFrontendIPConfigurationIsReferencedByOutboundRule"
            yield Violation(code, message, f"properties.{RULES}[{index}].properties.disableOutboundSnat")


def _overlapping(new: Resource[LoadBalancer]) -> Iterator[Violation]:
    """A pool leaves on a protocol by one outbound rule."""
    seen: dict[tuple[ResourceId, str], str] = {}
    for index, child in enumerate(new.properties.outbound_rules):
        said = child.properties
        for protocol in ("Tcp", "Udp") if said.protocol == "All" else (said.protocol,):
            if said.backend_address_pool is None:
                continue
            first = seen.setdefault((said.backend_address_pool.target, protocol), child.name)
            if first != child.name:
                message = (
                    f"Outbound rules {first} and {child.name} use the same protocol {protocol} and backend "
                    f"address pool {said.backend_address_pool.id}."
                )
                target = f"{_PATH}[{index}].properties.backendAddressPool"
                yield Violation("OutboundRulesUseSameProtocolAndBackendAddressPool", message, target)
                break
