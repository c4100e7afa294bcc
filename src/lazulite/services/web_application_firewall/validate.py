"""What Azure refuses of a policy. Source: facts/web-application-firewall.md, "Rules", "Limits" and "Errors".

Codes that nobody recorded are ours; the README says which.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from ipaddress import ip_network

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services import geography
from lazulite.services.service import Lab
from lazulite.services.web_application_firewall import patterns, rule_sets
from lazulite.services.web_application_firewall.model import (
    CustomRule,
    Exclusion,
    LogScrubbing,
    ManagedRules,
    ManagedRuleSet,
    MatchCondition,
    PolicySettings,
    RuleOverride,
    WebApplicationFirewallPolicy,
)

PREFIX = "ApplicationGatewayWebApplicationFirewallPolicy"
INVALID = "InvalidParameter"
STATUSES = range(200, 600)
MAX_PAGE = 32 << 10
SCORED = ("AnomalyScoring", "Block", "Log")
OF_BOTS = ("Allow", "Block", "Log", "JSChallenge")
"""Actions of rules. Source: "DRS and CRS rule groups and rules", tuning; "JavaScript challenge" (bot rules)."""
_SELECTED = ("RequestHeaders", "RequestCookies", "PostArgs")
_SIZES = ("LessThan", "GreaterThan", "LessThanOrEqual", "GreaterThanOrEqual")


def resource(new: Resource[WebApplicationFirewallPolicy], view: View, lab: Lab) -> Iterator[Violation]:
    said = new.properties
    yield from _settings(said.policy_settings)
    yield from _rules(said.custom_rules)
    yield from _managed(said.managed_rules)


def _settings(said: PolicySettings) -> Iterator[Violation]:
    path, code = "properties.policySettings", said.custom_block_response_status_code
    if code and code not in STATUSES:
        message = f"The custom block response status code {code} is not a status from 200 to 599."
        yield Violation(INVALID, message, f"{path}.customBlockResponseStatusCode")
    body = said.custom_block_response_body
    try:
        if len(b64decode(body or "", validate=True).decode()) > MAX_PAGE:
            yield Violation(INVALID, "The custom block response body is too long.", f"{path}.customBlockResponseBody")
    except ValueError:
        message = "The custom block response body must be text in base64."
        yield Violation(INVALID, message, f"{path}.customBlockResponseBody")
    yield from _scrubbing(said.log_scrubbing, f"{path}.logScrubbing")


def _scrubbing(said: LogScrubbing | None, path: str) -> Iterator[Violation]:
    for index, rule in enumerate(said.scrubbing_rules if said is not None else ()):
        everything = rule.selector_match_operator == "EqualsAny"
        if rule.match_variable == "RequestIPAddress" and not everything:
            message = "A scrubbing rule of RequestIPAddress can only have the operator EqualsAny."
            yield Violation(INVALID, message, f"{path}.scrubbingRules[{index}].selectorMatchOperator")
        elif not everything and not rule.selector:
            message = "A scrubbing rule with the operator Equals needs a selector."
            yield Violation(INVALID, message, f"{path}.scrubbingRules[{index}].selector")


def _rules(rules: tuple[CustomRule, ...]) -> Iterator[Violation]:
    seen: dict[int, str] = {}
    for index, rule in enumerate(rules):
        path = f"properties.customRules[{index}]"
        if rule.priority in seen:
            message = f"Custom rules {seen[rule.priority]} and {rule.name} have the same priority {rule.priority}."
            yield Violation(f"{PREFIX}CustomRulePriorityConflict", message, f"{path}.priority")
        seen.setdefault(rule.priority, rule.name)
        yield from _limit(rule, path)
        for number, condition in enumerate(rule.match_conditions):
            yield from _condition(rule, condition, f"{path}.matchConditions[{number}]")


def _limit(rule: CustomRule, path: str) -> Iterator[Violation]:
    variables = [v for g in rule.group_by_user_session for v in g.group_by_variables]
    has = {
        "rateLimitDuration": rule.rate_limit_duration is not None,
        "rateLimitThreshold": rule.rate_limit_threshold is not None,
        "groupByUserSession": bool(variables),
    }
    limited = rule.rule_type == "RateLimitRule"
    for wire, there in has.items():
        if there != limited:
            message = (
                f"Custom rule {rule.name} of type {rule.rule_type} {'needs' if limited else 'cannot have'} {wire}."
            )
            yield Violation(f"{PREFIX}CustomRuleRateLimitInvalid", message, f"{path}.{wire}")
    if len(variables) > 1:
        message = f"Custom rule {rule.name} can be grouped by one variable, not {len(variables)}."
        yield Violation(f"{PREFIX}CustomRuleRateLimitInvalid", message, f"{path}.groupByUserSession")


def _condition(rule: CustomRule, said: MatchCondition, path: str) -> Iterator[Violation]:
    if not said.match_variables:
        message = f"A match condition of custom rule {rule.name} needs a match variable."
        yield Violation(f"{PREFIX}CustomRuleInvalidMatchVariable", message, f"{path}.matchVariables")
    for index, variable in enumerate(said.match_variables):
        place = f"{path}.matchVariables[{index}]"
        if (variable.variable_name == "RemoteAddr") != (said.operator in ("IPMatch", "GeoMatch")):
            message = (
                f"Operator {said.operator} of custom rule {rule.name} cannot be used with {variable.variable_name}: "
                "IPMatch and GeoMatch are for RemoteAddr, and it takes no other."
            )
            yield Violation(f"{PREFIX}CustomRuleInvalidOperator", message, f"{place}.variableName")
        if variable.selector and variable.variable_name not in _SELECTED:
            message = f"{variable.variable_name} in custom rule {rule.name} has no selector."
            yield Violation(f"{PREFIX}CustomRuleInvalidMatchVariable", message, f"{place}.selector")
    if not said.match_values and said.operator != "Any":
        message = f"Operator {said.operator} of custom rule {rule.name} needs match values."
        yield Violation(f"{PREFIX}CustomRuleInvalidMatchValue", message, f"{path}.matchValues")
    for index, value in enumerate(said.match_values):
        fault = _value(said.operator, value)
        if fault:
            message = f"Match value '{value}' of custom rule {rule.name} is invalid: {fault}."
            yield Violation(f"{PREFIX}CustomRuleInvalidMatchValue", message, f"{path}.matchValues[{index}]")


def _value(operator: str, value: str) -> str:
    """What is wrong with it, or nothing."""
    if operator == "IPMatch":
        try:
            ip_network(value, strict=False)
        except ValueError:
            return "it is neither an address nor a prefix"
    if operator == "GeoMatch" and value.upper() not in {"ZZ", *(c for c in geography.regions() if len(c) == 2)}:
        return "it is not the code of a country"
    if operator in _SIZES and not (value.isascii() and value.isdecimal() and len(value) < 10):
        return "it is not a number of bytes"
    if operator == "Regex":
        return patterns.fault(value)
    return ""


def _managed(said: ManagedRules) -> Iterator[Violation]:
    path, seen = "properties.managedRules", set[str]()
    for index, each in enumerate(said.managed_rule_sets):
        place = f"{path}.managedRuleSets[{index}]"
        groups = rule_sets.found(each.rule_set_type, each.rule_set_version)
        bots = rule_sets.bots(each.rule_set_type, each.rule_set_version)
        if groups is None and bots is None:
            yield _unknown(each.rule_set_type, each.rule_set_version, place)
            continue
        purpose = "about bots" if groups is None else "against attacks"
        if purpose in seen:
            message = f"A policy can have one managed rule set {purpose}; {each.rule_set_type} is another."
            yield Violation(f"{PREFIX}ManagedRuleSetConflict", message, place)
        seen.add(purpose)
        yield from _overrides(each, groups, place) if groups is not None else _of_bots(each, bots or (), place)
    for index, exclusion in enumerate(said.exclusions):
        yield from _exclusion(exclusion, f"{path}.exclusions[{index}]")


def _unknown(kind: str, version: str, path: str) -> Violation:
    known = ", ".join(f"{k} {v}" for k, v in (*rule_sets.SETS, *rule_sets.BOT_SETS))
    message = f"Managed rule set {kind} {version} is not supported; there are {known}."
    if (kind, version) == rule_sets.OLD:
        message = f"Managed rule set {kind} {version} is no longer supported for WAF policies; there are {known}."
    return Violation(f"{PREFIX}ManagedRuleSetNotSupported", message, f"{path}.ruleSetVersion")


def _overrides(said: ManagedRuleSet, groups: dict[str, str], path: str) -> Iterator[Violation]:
    for index, override in enumerate(said.rule_group_overrides):
        place = f"{path}.ruleGroupOverrides[{index}]"
        yield from _named(groups, override.rule_group_name, [r.rule_id for r in override.rules], place)
        for number, rule in enumerate(override.rules):
            if rule.action not in (None, *SCORED):
                yield _inapplicable(rule, said.rule_set_type, SCORED, f"{place}.rules[{number}].action")


def _of_bots(said: ManagedRuleSet, rules: tuple[rule_sets.BotRule, ...], path: str) -> Iterator[Violation]:
    groups = dict.fromkeys(r.group for r in rules)
    for index, override in enumerate(said.rule_group_overrides):
        place, name = f"{path}.ruleGroupOverrides[{index}]", override.rule_group_name
        if name.lower() not in map(str.lower, groups):
            message = f"Rule group {name} is not supported; there are {', '.join(groups)}."
            yield Violation(f"{PREFIX}ManagedRuleGroupNotSupported", message, f"{place}.ruleGroupName")
            continue
        known = {r.rule.lower(): r for r in rules if r.group.lower() == name.lower()}
        for number, rule in enumerate(override.rules):
            found, where = known.get(rule.rule_id.lower()), f"{place}.rules[{number}]"
            if found is None or (rule.state == "Enabled" and not found.sorts):
                why = "there is no such rule" if found is None else "what it looks for are lists of Microsoft's"
                message = f"Rule {rule.rule_id} of group {name} is not supported: {why}."
                yield Violation(f"{PREFIX}ManagedRuleNotSupported", message, f"{where}.ruleId")
            if rule.action not in (None, *OF_BOTS):
                yield _inapplicable(rule, said.rule_set_type, OF_BOTS, f"{where}.action")


def _inapplicable(rule: RuleOverride, kind: str, actions: tuple[str, ...], path: str) -> Violation:
    message = f"Rule {rule.rule_id} of {kind} cannot have the action {rule.action}, only {', '.join(actions)}."
    return Violation(f"{PREFIX}ManagedRuleActionNotSupported", message, path)


def _named(groups: dict[str, str], name: str, rules: list[str], path: str) -> Iterator[Violation]:
    """Groups and rules that are there."""
    own = rule_sets.group(groups, name)
    if own is None:
        message = f"Rule group {name} is not supported; there are {', '.join(groups)}."
        yield Violation(f"{PREFIX}ManagedRuleGroupNotSupported", message, f"{path}.ruleGroupName")
        return
    there = {str(n) for n in rule_sets.numbers(own)}
    for index, rule in enumerate(rules):
        if rule not in there:
            message = f"Rule {rule} of group {name} is not supported: it is not among those that are installed."
            yield Violation(f"{PREFIX}ManagedRuleNotSupported", message, f"{path}.rules[{index}].ruleId")


def _exclusion(said: Exclusion, path: str) -> Iterator[Violation]:
    if not said.selector and said.selector_match_operator != "EqualsAny":
        message = f"An exclusion with operator {said.selector_match_operator} needs a selector."
        yield Violation(f"{PREFIX}ExclusionInvalid", message, f"{path}.selector")
    for index, each in enumerate(said.exclusion_managed_rule_sets):
        place = f"{path}.exclusionManagedRuleSets[{index}]"
        groups = rule_sets.found(each.rule_set_type, each.rule_set_version)
        if groups is None:
            yield _unknown(each.rule_set_type, each.rule_set_version, place)
            continue
        if each.rule_groups and (each.rule_set_type, each.rule_set_version) not in rule_sets.RULE_EXCLUSIONS:
            message = f"Exclusions for groups and rules need OWASP 3.2 or newer, not {each.rule_set_version}."
            yield Violation(f"{PREFIX}ExclusionInvalid", message, f"{place}.ruleGroups")
        for number, group in enumerate(each.rule_groups):
            rules = [r.rule_id for r in group.rules]
            yield from _named(groups, group.rule_group_name, rules, f"{place}.ruleGroups[{number}]")
