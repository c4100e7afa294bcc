"""What the platform needs of a gateway's subnet: a gateway of version 2 is reached on ports of its own.

Source: "Application Gateway infrastructure configuration", network security groups; facts/application-gateway.md,
"Limits".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.application_gateway.model import ApplicationGateway, is_v2
from lazulite.services.network_security_group import tags, terms
from lazulite.services.network_security_group.model import NetworkSecurityGroup, SecurityRule
from lazulite.services.network_security_group.terms import Peers
from lazulite.services.virtual_network.model import Subnet
from lazulite.values import IPAddress, IPNetwork, host_prefix

PORTS = range(65_200, 65_536)
MANAGER = "GatewayManager"
_WIDER = {MANAGER, "Internet", "AzureCloud"}
"""Tags that the gateway manager's addresses are among, all of them."""
DEFAULT = "DenyAllInBound"


def refusals(new: Resource[ApplicationGateway], view: View) -> Iterator[Violation]:
    """A subnet whose security group stops the gateway manager."""
    for index, child in enumerate(new.properties.gateway_ip_configurations if is_v2(new) else ()):
        subnet = view.get(child.properties.subnet, Subnet)
        group = view.get(subnet.properties.network_security_group, NetworkSecurityGroup) if subnet is not None else None
        if subnet is None or group is None:
            continue
        by = blocking(group.properties.security_rules, child.properties.private_ip_address)
        if by:
            message = (
                f"Network security group {group.id} blocks incoming internet traffic on ports 65200 - 65535 to subnet "
                f"{subnet.id}, associated with application gateway {new.id}, by rule {by}. This is not permitted for "
                "application gateways that have V2 sku."
            )
            yield Violation(
                "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup",
                message,
                f"properties.gatewayIPConfigurations[{index}].properties.subnet",
            )


def blocking(rules: Iterable[Child[SecurityRule]], address: IPAddress | None) -> str:
    """The rule that keeps the gateway manager from a port of :data:`PORTS`; empty when none does."""
    waiting = set(PORTS)
    for rule in sorted(rules, key=lambda r: r.properties.priority):
        said = rule.properties
        hit = waiting.intersection(_ports(said)) if _inbound(said, address) else ()
        if hit and said.access == "Deny" and _some(terms.sources(said)):
            return rule.name
        if said.access == "Allow" and _every(terms.sources(said)):
            waiting.difference_update(hit)
    return DEFAULT if waiting else ""


def _inbound(rule: SecurityRule, address: IPAddress | None) -> bool:
    """Whether TCP to the gateway is what the rule is about, from whatever port."""
    return (
        rule.direction == "Inbound"
        and rule.protocol.lower() in (terms.EVERYTHING, "tcp")
        and terms.source_ports(rule) == (terms.EVERYTHING,)
        and _reaches(terms.destinations(rule), address)
    )


def _ports(rule: SecurityRule) -> Iterator[int]:
    for ports in filter(None, map(terms.read_ports, terms.destination_ports(rule))):
        yield from (p for p in PORTS if p in ports)


def _reaches(peers: Peers, address: IPAddress | None) -> bool:
    if peers.everyone or "VirtualNetwork" in peers.tags:
        return True
    return address is not None and any(_within(host_prefix(address), p) for p in peers.prefixes)


def _every(peers: Peers) -> bool:
    """Whether all of the gateway manager's addresses are among *peers*."""
    if peers.everyone or _WIDER.intersection(peers.tags):
        return True
    return all(any(_within(each, p) for p in peers.prefixes) for each in _manager())


def _some(peers: Peers) -> bool:
    """Whether any of them is."""
    named = [t for t in peers.tags if t in _WIDER or t.startswith((f"{MANAGER}.", "AzureCloud."))]
    overlaps = any(one.overlaps(p) for one in _manager() for p in peers.prefixes if one.version == p.version)
    return peers.everyone or bool(named) or overlaps


def _manager() -> Iterator[IPNetwork]:
    return (p for p in tags.prefixes(MANAGER) if p.version == 4)


def _within(one: IPNetwork, other: IPNetwork) -> bool:
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]
