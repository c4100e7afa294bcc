"""Rules of a group with what their tags and application security groups mean in a place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.network_security_group import tags, terms
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.model import NetworkSecurityGroup, SecurityRule
from lazulite.services.network_security_group.place import Place
from lazulite.services.virtual_network.model import IpConfiguration
from lazulite.values import IPAddress, host_prefix

_ALL_PORTS = "0-65535"


def effective_rules(group: Resource[NetworkSecurityGroup], where: Place, view: View) -> Iterator[dict[str, Any]]:
    """The user's rules and Azure's own, as ``effectiveNetworkSecurityGroups`` prints them."""
    for prefix, rules in (
        ("securityRules", group.properties.security_rules),
        ("defaultSecurityRules", DEFAULT_RULES),
    ):
        for rule in rules:
            yield {"name": f"{prefix}/{rule.name}", **_effective_rule(rule.properties, where, view)}


def _effective_rule(rule: SecurityRule, where: Place, view: View) -> dict[str, Any]:
    protocol = "All" if rule.protocol == terms.EVERYTHING else rule.protocol.title()
    return {
        "protocol": protocol,
        **_ports("source", terms.source_ports(rule)),
        **_ports("destination", terms.destination_ports(rule)),
        **_side("Source", terms.source_prefixes(rule), rule.source_application_security_groups, where, view),
        **_side(
            "Destination", terms.destination_prefixes(rule), rule.destination_application_security_groups, where, view
        ),
        "access": rule.access,
        "priority": rule.priority,
        "direction": rule.direction,
    }


def _ports(side: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """Every port range with both ends, as the service prints them: ``80-80``."""
    ranges = [_ALL_PORTS if t == terms.EVERYTHING else t if "-" in t else f"{t}-{t}" for t in texts]
    return {f"{side}PortRange": ranges[0] if ranges else _ALL_PORTS, f"{side}PortRanges": ranges}


def _side(side: str, texts: tuple[str, ...], groups: tuple[Ref, ...], where: Place, view: View) -> dict[str, Any]:
    """One side of a rule: what it says, and what tags and application security groups mean here."""
    wire, members = side.lower(), [str(host_prefix(a)) for ref in groups for a in _members(ref, view)]
    tag_texts = [t for t in texts if terms.read_prefix(t) is None and t != terms.EVERYTHING]
    expanded = members + [str(p) for t in tag_texts for p in where.expand(tags.canonical(t) or "")]
    shown = ["0.0.0.0/0" if t == terms.EVERYTHING else t for t in texts] + members
    return {
        f"{wire}AddressPrefix": shown[0] if len(shown) == 1 else None,
        f"{wire}AddressPrefixes": shown,
        f"expanded{side}AddressPrefix": expanded,
    }


def _members(group: Ref, view: View) -> Iterator[IPAddress]:
    for member in view.referrers(group.target, IpConfiguration):
        if member.properties.private_ip_address is not None:
            yield member.properties.private_ip_address
