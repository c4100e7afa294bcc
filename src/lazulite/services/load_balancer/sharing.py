"""What interfaces and load balancers are refused for alike: full pools, and rules that meet at one backend."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer.allocation import BLOCK, Share
from lazulite.services.load_balancer.model import (
    MAX_BASIC_POOL,
    MAX_POOL,
    MAX_RULES_PER_NIC,
    InboundNatRule,
    LoadBalancer,
    OutboundRule,
    is_basic,
)
from lazulite.services.load_balancer.outbound import addresses, lost_blocks
from lazulite.services.load_balancer.ports import Use, clash, uses
from lazulite.services.virtual_network.model import IpConfiguration


def overfull(balancer: Resource[LoadBalancer], pool: ResourceId, count: int, path: str) -> Iterator[Violation]:
    """Source: "Azure subscription and service limits", load balancer, backend pool size."""
    limit = MAX_BASIC_POOL if is_basic(balancer) else MAX_POOL
    if count > limit:
        message = f"Backend address pool {pool} has {count} members. It can have {limit}."
        yield Violation("BackendAddressPoolMemberCountLimitReached", message, path)


def joined_targets(configuration: IpConfiguration) -> Iterator[ResourceId]:
    """Pools and inbound NAT rules that the configuration refers to."""
    for ref in (
        *configuration.load_balancer_backend_address_pools,
        *configuration.load_balancer_inbound_nat_rules,
    ):
        yield ref.target


def uses_of(targets: frozenset[ResourceId], new: Resource[LoadBalancer] | None, view: View) -> Iterator[Use]:
    """All that the load balancers of *targets* send there; *new* stands for what is stored of it."""
    for parent in sorted({t.parent for t in targets}):
        found = new if new is not None and new.id == parent else view.get(parent, LoadBalancer)
        if found is not None:
            yield from uses(found, (t for t in targets if t.parent == parent))


def clashing(member: ResourceId, every: list[Use], path: str) -> Iterator[Violation]:
    """Source: "Troubleshoot common Azure deployment errors with Azure Load Balancer"."""
    found = clash(every)
    if found is not None:
        one, other = found
        message = (
            f"Load balancer rules {one.rule} and {other.rule} belong to load balancers of the same type, and with "
            f"floating IP disabled use the same backend port {other.port} and protocol {other.protocol}. They must not "
            f"be used with the same backend IP {member}."
        )
        yield Violation("RulesOfSameLoadBalancerTypeUseSameBackendPortProtocolAndIPConfig", message, path)


def too_many_rules(nic: ResourceId, count: int, path: str) -> Iterator[Violation]:
    """Source: "Azure subscription and service limits", load balancer, rules per NIC."""
    if count > MAX_RULES_PER_NIC:
        message = (
            f"Network interface {nic} cannot be associated to more than {MAX_RULES_PER_NIC} load balancer rules: it "
            f"would be to {count}. Reduce the number of rules or use another load balancer."
        )
        yield Violation("LoadBalancerRuleCountLimitReachedForNic", message, path)


def shares_of(balancer: Resource[LoadBalancer], rule: OutboundRule, view: View) -> Iterator[Share]:
    """The addresses of the rule's frontends, with what listens on them."""
    for ref in rule.frontend_ip_configurations:
        lost = lost_blocks(balancer, ref.target)
        yield from (Share(a, lost) for a in addresses(view, balancer, ref.target))


def exhausted(rule: OutboundRule, who: ResourceId, members: int, ports: int, path: str) -> Iterator[Violation]:
    """The refusal of more members than there are ports for."""
    if rule.allocated_outbound_ports * members > ports:
        each = ports // members // BLOCK * BLOCK
        message = (
            f"Specified allocated outbound ports {rule.allocated_outbound_ports} for outbound rule {who} exceeds total "
            f"number of available ports per backend instance of {each} based upon desired pool size {members}. Reduce "
            "allocated ports or increase number of IP addresses for outbound rule."
        )
        code = "SpecifiedAllocatedOutboundPortsForOutboundRuleExceedsTotalNumberOfAvailablePorts"
        yield Violation(code, message, path)


def no_port_left(rule: InboundNatRule, who: str, member: str, path: str) -> Violation:
    message = (
        f"Inbound NAT rule {who} has {rule.size} frontend ports, {rule.frontend_port_range_start} to "
        f"{rule.frontend_port_range_end}, and none is left for {member}."
    )
    return Violation("InboundNatRuleFrontendPortRangeExhausted", message, path)
