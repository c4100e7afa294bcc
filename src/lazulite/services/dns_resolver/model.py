"""DNS Private Resolver: ``dnsResolvers``, their endpoints, ``dnsForwardingRulesets``, API 2022-07-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    READ_ONLY,
    SECRET,
    Bounds,
    Kind,
    Properties,
    Quota,
    Ref,
    Targets,
    WeakRef,
)
from lazulite.values import IPAddress

MAX_RESOLVERS, MAX_ENDPOINTS, MAX_RULES, MAX_LINKS, MAX_TARGETS, MAX_OUTBOUND = 15, 5, 1000, 500, 6, 2
"""Resolvers of a subscription, inbound and outbound endpoints of a resolver each, rules and links of a ruleset, targets
of a rule, outbound endpoints of a ruleset. Source: "Azure subscription and service limits", private resolver limits."""
SMALLEST_SUBNET = 28
"""Source: "What is Azure DNS Private Resolver?", subnet restrictions."""
DELEGATION = "Microsoft.Network/dnsResolvers"

_NETWORK = Targets("Microsoft.Network/virtualNetworks")
_SUBNET = Targets("Microsoft.Network/virtualNetworks/subnets")


class Resolver(Properties, frozen=True):
    virtual_network: Annotated[Ref, _NETWORK, IMMUTABLE]
    dns_resolver_state: Annotated[str | None, READ_ONLY] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class EndpointConfiguration(Properties, frozen=True):
    subnet: Annotated[Ref, _SUBNET]
    private_ip_address: IPAddress | None = None
    private_ip_allocation_method: Literal["Dynamic", "Static"] = "Dynamic"


class InboundEndpoint(Properties, frozen=True):
    ip_configurations: Annotated[tuple[EndpointConfiguration, ...], Bounds(1, 1)]
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def subnet(self) -> Ref:
        return self.ip_configurations[0].subnet

    @property
    def private_ip_address(self) -> IPAddress | None:
        """What makes it an occupant of its subnet."""
        return self.ip_configurations[0].private_ip_address if self.ip_configurations else None


class OutboundEndpoint(Properties, frozen=True):
    subnet: Annotated[Ref, _SUBNET, IMMUTABLE]
    held_address: Annotated[IPAddress | None, ASSIGNED, SECRET] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def private_ip_address(self) -> IPAddress | None:
        return self.held_address


class Ruleset(Properties, frozen=True):
    dns_resolver_outbound_endpoints: Annotated[
        tuple[Ref, ...], Bounds(1, MAX_OUTBOUND), Targets("Microsoft.Network/dnsResolvers/outboundEndpoints")
    ]
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class Target(Properties, frozen=True):
    ip_address: IPAddress
    port: Annotated[int, Bounds(1, 65535)] = 53


class ForwardingRule(Properties, frozen=True):
    domain_name: Annotated[str, IMMUTABLE]
    target_dns_servers: Annotated[tuple[Target, ...], Bounds(1, MAX_TARGETS)]
    metadata: Annotated[dict[str, Any] | None, INERT] = None
    forwarding_rule_state: Literal["Enabled", "Disabled"] = "Enabled"
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class RulesetLink(Properties, frozen=True):
    virtual_network: Annotated[Ref, WeakRef(), IMMUTABLE, _NETWORK]
    metadata: Annotated[dict[str, Any] | None, INERT] = None
    network_guid: Annotated[str | None, ASSIGNED, SECRET] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


_RESOLVER, _RULESET = "Microsoft.Network/dnsResolvers", "Microsoft.Network/dnsForwardingRulesets"
_HELD = (
    "CannotDeleteResource",
    "Can not delete resource before nested resources are deleted. {id} is used by {users}.",
)

KINDS = (
    Kind(_RESOLVER, Resolver, quota=Quota(MAX_RESOLVERS, "DnsResolverCountLimitReached")),
    Kind(f"{_RESOLVER}/inboundEndpoints", InboundEndpoint),
    Kind(f"{_RESOLVER}/outboundEndpoints", OutboundEndpoint, in_use=_HELD),
    Kind(_RULESET, Ruleset),
    Kind(f"{_RULESET}/forwardingRules", ForwardingRule, located=False, tracked=False, asynchronous=False),
    Kind(f"{_RULESET}/virtualNetworkLinks", RulesetLink, located=False, tracked=False),
)
