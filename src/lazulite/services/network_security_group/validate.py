"""What Azure refuses in a security group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lazulite.resources.model import Child, Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.network_security_group import terms
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.model import (
    ApplicationSecurityGroup,
    NetworkSecurityGroup,
    SecurityRule,
)
from lazulite.services.network_security_group.tags import canonical
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import IpConfiguration

PRIORITIES = range(100, 4097)
RULES_PER_GROUP = 1000
PREFIXES_PER_SIDE = 4000
GROUPS_PER_SIDE = 10
GROUPS_PER_NSG = 100
"""Source: "Azure subscription and service limits", networking limits."""

_DEFAULT_NAMES = {rule.name.lower() for rule in DEFAULT_RULES}


def validate(resource: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if not isinstance(resource.properties, NetworkSecurityGroup):
        return
    rules = resource.properties.security_rules
    yield from _limits(resource)
    yield from _conflicts(rules)
    for index, rule in enumerate(rules):
        path = f"properties.securityRules[{index}].properties"
        yield from _rule(rule, str(resource.id.child("securityRules", rule.name)), path)
        yield from _memberships(rule.properties, resource, view, path)


def _limits(group: Resource[NetworkSecurityGroup]) -> Iterator[Violation]:
    rules = [rule.properties for rule in group.properties.security_rules]
    if len(rules) > RULES_PER_GROUP:
        yield Violation(
            "NumberOfSecurityRulesInNetworkSecurityGroupLimitReached",
            f"Network security group {group.id} has {len(rules)} security rules. "
            f"At most {RULES_PER_GROUP} are allowed.",
            "properties.securityRules",
        )
    for side, read in (("source", terms.source_prefixes), ("destination", terms.destination_prefixes)):
        count = sum(len(read(rule)) for rule in rules)
        if count > PREFIXES_PER_SIDE:
            yield Violation(
                "NetworkSecurityGroupAddressPrefixLimitReached",
                f"Network security group {group.id} has {count} {side} addresses and ranges in its rules. "
                f"At most {PREFIXES_PER_SIDE} are allowed.",
                "properties.securityRules",
            )
    named = {ref.id.lower() for rule in rules for ref in _groups(rule)}
    if len(named) > GROUPS_PER_NSG:
        yield Violation(
            "NumberOfApplicationSecurityGroupsReferencedInNetworkSecurityGroupLimitReached",
            f"Network security group {group.id} references {len(named)} application security groups. "
            f"At most {GROUPS_PER_NSG} are allowed.",
            "properties.securityRules",
        )


def _conflicts(rules: tuple[Child[SecurityRule], ...]) -> Iterator[Violation]:
    first: dict[tuple[str, int], str] = {}
    for index, rule in enumerate(rules):
        place = rule.properties.direction, rule.properties.priority
        other = first.setdefault(place, rule.name)
        if other != rule.name:
            yield Violation(
                "SecurityRuleConflict",
                f"Security rule {rule.name} conflicts with rule {other}. Rules cannot have the same Priority and "
                "Direction. To learn more, see aka.ms/nsgrules.",
                f"properties.securityRules[{index}].properties.priority",
            )


def _rule(rule: Child[SecurityRule], rule_id: str, path: str) -> Iterator[Violation]:
    said = rule.properties
    if rule.name.lower() in _DEFAULT_NAMES:
        message = f"Security rule {rule.name} conflicts with rule {rule.name}. The name is that of a default rule."
        yield Violation("SecurityRuleConflict", message, path.removesuffix(".properties") + ".name")
    if said.priority not in PRIORITIES:
        yield Violation(
            "SecurityRuleInvalidPriority",
            f"Security rule has invalid Priority. Value provided: {said.priority} Allowed range "
            f"{PRIORITIES[0]}-{PRIORITIES[-1]}.",
            f"{path}.priority",
        )
    if said.protocol.lower() not in terms.PROTOCOLS:
        yield Violation(
            "SecurityRuleParameterContainsUnsupportedValue",
            f"Security rule parameter Protocol for rule with Id {rule_id} has the unsupported value {said.protocol}. "
            "Supported values: Tcp, Udp, Icmp, Esp, Ah, *.",
            f"{path}.protocol",
        )
    for side, prefixes, groups in _sides(said):
        yield from _addresses(side, prefixes, groups, rule_id, path)
    yield from _families(said, path)
    yield from _ports("source", said.source_port_range, said.source_port_ranges, said, rule_id, path)
    yield from _ports("destination", said.destination_port_range, said.destination_port_ranges, said, rule_id, path)


def _sides(rule: SecurityRule) -> Iterable[tuple[str, tuple[str | None, tuple[str, ...]], tuple[Ref, ...]]]:
    return (
        (
            "source",
            (rule.source_address_prefix, rule.source_address_prefixes),
            rule.source_application_security_groups,
        ),
        (
            "destination",
            (rule.destination_address_prefix, rule.destination_address_prefixes),
            rule.destination_application_security_groups,
        ),
    )


def _addresses(
    side: str, written: tuple[str | None, tuple[str, ...]], groups: tuple[Ref, ...], rule_id: str, path: str
) -> Iterator[Violation]:
    texts, field = terms.either(*written), f"{side.title()}AddressPrefix"
    if written[0] and written[1]:
        yield _twice(field, "es", rule_id, f"{path}.{side}AddressPrefix")
    if not texts and not groups:
        yield _missing(field, rule_id, f"{path}.{side}AddressPrefix")
    if texts and groups:
        yield Violation(
            "SecurityRuleParameterConflict",
            f"Security rule {rule_id} cannot specify both {field} and {side.title()}ApplicationSecurityGroups.",
            f"{path}.{side}ApplicationSecurityGroups",
        )
    if len(groups) > GROUPS_PER_SIDE:
        yield Violation(
            "NumberOfApplicationSecurityGroupsReferencedInSecurityRuleLimitReached",
            f"A security rule may have up to {GROUPS_PER_SIDE} Application Security Group in the source or "
            f"destination fields. The requested configuration has {len(groups)} in the "
            f"{side.title()}ApplicationSecurityGroups field.",
            f"{path}.{side}ApplicationSecurityGroups",
        )
    for text in texts:
        yield from _address(text, len(texts) > 1, field, rule_id, f"{path}.{side}AddressPrefix")


def _address(text: str, listed: bool, field: str, rule_id: str, target: str) -> Iterator[Violation]:
    if text == terms.EVERYTHING:
        if listed:
            yield Violation(
                "SecurityRuleParameterContainsUnsupportedValue",
                f"Security rule parameter {field} for rule with Id {rule_id} cannot specify '*' beside other values. "
                f"Unsupported value used: {text}.",
                target,
            )
    elif terms.read_prefix(text) is None and canonical(text) is None:
        yield Violation(
            "SecurityRuleInvalidAddressPrefix",
            f"Security rule {rule_id} has invalid Address prefix. Value provided: {text}",
            target,
        )


def _families(rule: SecurityRule, path: str) -> Iterator[Violation]:
    texts = terms.source_prefixes(rule) + terms.destination_prefixes(rule)
    if len({prefix.version for text in texts if (prefix := terms.read_prefix(text)) is not None}) > 1:
        yield Violation(
            "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies",
            f"{rule.direction} contains IP addresses or prefixes that belong to different address families. All IP "
            "addresses or prefixes in the resource should belong to the same address family.",
            path,
        )


def _ports(
    side: str, singular: str | None, plural: tuple[str, ...], rule: SecurityRule, rule_id: str, path: str
) -> Iterator[Violation]:
    texts, field, target = terms.either(singular, plural), f"{side.title()}PortRange", f"{path}.{side}PortRange"
    if singular and plural:
        yield _twice(field, "s", rule_id, target)
    if not texts:
        yield _missing(field, rule_id, target)
    for text in texts:
        if terms.read_ports(text) is None:
            yield Violation(
                "SecurityRuleInvalidPortRange",
                f"Security rule has invalid Port range. Value provided: {text}. Value should be an integer OR integer "
                "range with '-' delimiter. Valid range 0-65535.",
                target,
            )
    if rule.protocol.lower() == "icmp" and any(t != terms.EVERYTHING for t in texts):
        yield Violation(
            "SecurityRuleParameterContainsUnsupportedValue",
            f"Security rule parameter {field} for rule with Id {rule_id} must be '*' when Protocol is Icmp.",
            target,
        )


def _twice(field: str, plural: str, rule_id: str, target: str) -> Violation:
    message = f"Security rule {rule_id} cannot specify both {field} and {field}{plural}."
    return Violation("SecurityRuleParameterConflict", message, target)


def _missing(field: str, rule_id: str, target: str) -> Violation:
    message = f"Required security rule parameter {field} is missing for security rule with Id: {rule_id}."
    return Violation("SecurityRuleParameterMissing", message, target)


def _groups(rule: SecurityRule) -> tuple[Ref, ...]:
    return rule.source_application_security_groups + rule.destination_application_security_groups


def _memberships(
    rule: SecurityRule, group: Resource[NetworkSecurityGroup], view: View, path: str
) -> Iterator[Violation]:
    """The application security groups of a rule: in the group's region, their members in one virtual network."""
    networks: dict[str, str] = {}
    for ref in _groups(rule):
        named = view.get(ref, ApplicationSecurityGroup)
        if named is not None and named.location != group.location:
            yield Violation(
                "InvalidResourceReference",
                f"Resource {ref.id} referenced by resource {group.id} was not found. Please make sure that the "
                "referenced resource exists, and that both resources are in the same region.",
                path,
            )
        members = view.referrers(ref.target, IpConfiguration)
        homes = (m.properties.subnet.target.parent for m in members if m.properties.subnet)
        networks |= {home.key: home.text for home in homes}
    if len(networks) > 1:
        yield Violation(
            "AllApplicationSecurityGroupsInSecurityRuleMustBeFromSameVnet",
            f"Security Rule of {group.id} has Application Security Groups (ASGs) from multiple virtual networks "
            f"({', '.join(sorted(networks.values()))}). All ASGs on the Security Rule must be from the same virtual "
            "network.",
            path,
        )
