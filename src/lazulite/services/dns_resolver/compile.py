"""Endpoints as interfaces in their subnets, rulesets as what networks forward."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lazulite.forwarding.model import ForwardRule, ForwardRuleset, Guest, Port, ResolverEndpoint, Upstream
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns_resolver.model import ForwardingRule, InboundEndpoint, Ruleset, RulesetLink
from lazulite.services.network_security_group.names import list_names
from lazulite.services.route_table.model import table_name
from lazulite.services.virtual_network.model import Subnet, VirtualNetwork
from lazulite.values import Direction

_MAC_PREFIX = "00-0D-3A-"


def endpoint(found: Resource[Any], view: View) -> Iterator[Any]:
    """An interface like any other: security groups and routes of its subnet are asked."""
    subnet, address = view.get(found.properties.subnet, Subnet), found.properties.private_ip_address
    prefix = subnet.properties.prefix_of(address) if subnet is not None and address is not None else None
    if subnet is None or address is None or prefix is None:
        return
    key, name, origin = found.id.key, f"{found.id.parent.name}-{found.id.name}", found.id.text
    vnet, table = subnet.id.parent.key, subnet.properties.route_table
    group = subnet.properties.network_security_group
    tail = found.guid.replace("-", "")[-6:].upper().rjust(6, "0")
    yield Guest(key, name, name, guid=found.guid, platform=True, origin=origin)
    yield Port(
        key,
        label=name,
        guid=found.guid,
        vrf=vnet,
        mac=f"{_MAC_PREFIX}{tail[:2]}-{tail[2:4]}-{tail[4:]}",
        addresses=(address,),
        gateways=(prefix,),
        guest=key,
        egress=list_names(group, subnet.id.key, Direction.EGRESS),
        ingress=list_names(group, subnet.id.key, Direction.INGRESS),
        routes=table_name(vnet, table.id.lower() if table is not None else None),
        default_outbound=False,
        origin=origin,
    )
    inbound = isinstance(found.properties, InboundEndpoint)
    yield ResolverEndpoint(key, key, vnet, inbound, address, found.guid, origin)


def ruleset(found: Resource[Ruleset], view: View) -> Iterable[ForwardRuleset]:
    """Rules are documents below the ruleset, so an edit of one compiles this alone."""
    prefix = found.id.key + "/"
    rules = [r for r in view.all(ForwardingRule) if r.id.key.startswith(prefix)]
    links = [r for r in view.all(RulesetLink) if r.id.key.startswith(prefix)]
    networks = [(view.get(r.properties.virtual_network, VirtualNetwork), r.properties.network_guid) for r in links]
    yield ForwardRuleset(
        found.id.key,
        tuple(_rule(r) for r in rules),
        tuple(ref.target.key for ref in found.properties.dns_resolver_outbound_endpoints),
        tuple(n.id.key for n, guid in networks if n is not None and n.guid == guid),
        found.id.text,
    )


def _rule(found: Resource[ForwardingRule]) -> ForwardRule:
    said = found.properties
    targets = tuple(Upstream(t.ip_address, t.port) for t in said.target_dns_servers)
    domain = said.domain_name.rstrip(".").lower()
    return ForwardRule(domain, targets, said.forwarding_rule_state == "Enabled", found.id.text)
