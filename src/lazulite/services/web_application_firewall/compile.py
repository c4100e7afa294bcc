"""A policy as an entry that knows nothing of Azure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.model import (
    WafBody,
    WafCondition,
    WafExclusion,
    WafLimit,
    WafManaged,
    WafPolicy,
    WafRule,
    WafScrub,
    WafTarget,
)
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.traffic_manager.whereabouts import places
from lazulite.services.web_application_firewall import rule_sets
from lazulite.services.web_application_firewall.model import (
    CustomRule,
    Exclusion,
    LogScrubbing,
    ManagedRules,
    ManagedRuleSet,
    MatchCondition,
    PolicySettings,
    WebApplicationFirewallPolicy,
)

FORBIDDEN = 403
"""Source: facts/web-application-firewall.md, W7."""
_PARTS = {
    "RemoteAddr": "address",
    "RequestMethod": "method",
    "QueryString": "query",
    "PostArgs": "post",
    "RequestUri": "uri",
    "RequestHeaders": "header",
    "RequestBody": "body",
    "RequestCookies": "cookie",
}
_OPERATORS = {
    "IPMatch": "network",
    "Equal": "equal",
    "Contains": "contains",
    "LessThan": "lt",
    "GreaterThan": "gt",
    "LessThanOrEqual": "le",
    "GreaterThanOrEqual": "ge",
    "BeginsWith": "begins",
    "EndsWith": "ends",
    "Regex": "regex",
    "GeoMatch": "country",
    "Any": "any",
}
_TRANSFORMS = {
    "Uppercase": "upper",
    "Lowercase": "lower",
    "Trim": "trim",
    "UrlDecode": "url-decode",
    "UrlEncode": "url-encode",
    "RemoveNulls": "remove-nulls",
    "HtmlEntityDecode": "html-decode",
}
_GROUPS = {
    "ClientAddr": "address",
    "GeoLocation": "country",
    "None": "none",
    "ClientAddrXFFHeader": "forwarded-address",
    "GeoLocationXFFHeader": "forwarded-country",
}
_SECONDS = {"OneMin": 60, "FiveMins": 300}
_SELECTORS = {
    "Equals": "equal",
    "Contains": "contains",
    "StartsWith": "begins",
    "EndsWith": "ends",
    "EqualsAny": "any",
}
_EXCLUDED = {"Header": "headers", "Cookie": "cookies", "Arg": "args"}
_SCRUBBED = {
    "RequestHeaderNames": "header",
    "RequestCookieNames": "cookie",
    "RequestArgNames": "arg",
    "RequestPostArgNames": "post",
    "RequestJSONArgNames": "json",
    "RequestIPAddress": "address",
}


def policy(resource: Resource[WebApplicationFirewallPolicy], view: View) -> Iterator[Any]:
    said, settings = resource.properties, resource.properties.policy_settings
    view.demand(places)
    rules = sorted((r for r in said.custom_rules if r.state == "Enabled"), key=lambda r: r.priority)
    yield WafPolicy(
        resource.id.key,
        resource.id.name,
        settings.state == "Enabled",
        settings.mode == "Detection",
        tuple(map(_rule, rules)),
        tuple(m for m in map(_managed, said.managed_rules.managed_rule_sets) if m is not None),
        tuple(_exclusions(said.managed_rules)),
        _body(settings),
        settings.custom_block_response_status_code or FORBIDDEN,
        page(settings.custom_block_response_body),
        tuple(_scrubs(settings.log_scrubbing)),
        resource.id.text,
    )


def page(text: str | None) -> str:
    """What stands in base64; nothing where it does not."""
    try:
        return b64decode(text or "", validate=True).decode()
    except ValueError:
        return ""


def _body(settings: PolicySettings) -> WafBody:
    return WafBody(
        settings.request_body_check,
        settings.request_body_inspect_limit_in_kb << 10,
        settings.max_request_body_size_in_kb << 10,
        settings.request_body_enforcement,
        settings.file_upload_limit_in_mb << 20,
        settings.file_upload_enforcement,
    )


def _rule(rule: CustomRule) -> WafRule:
    limit = None
    if rule.rule_type == "RateLimitRule":
        group = next((v.variable_name for g in rule.group_by_user_session for v in g.group_by_variables), "ClientAddr")
        seconds = _SECONDS[rule.rate_limit_duration or "OneMin"]
        limit = WafLimit(rule.rate_limit_threshold or 0, seconds, _GROUPS[group])
    return WafRule(rule.name, rule.action.lower(), tuple(map(_condition, rule.match_conditions)), limit)


def _condition(said: MatchCondition) -> WafCondition:
    return WafCondition(
        tuple(WafTarget(_PARTS[v.variable_name], v.selector or "") for v in said.match_variables),
        _OPERATORS[said.operator],
        tuple(v.upper() for v in said.match_values) if said.operator == "GeoMatch" else said.match_values,
        tuple(_TRANSFORMS[t] for t in said.transforms),
        said.negation_conditon,
    )


def _managed(said: ManagedRuleSet) -> WafManaged | None:
    groups = rule_sets.found(said.rule_set_type, said.rule_set_version)
    if groups is None:
        return None
    disabled, blocking = set[int](), set[int]()
    for override in said.rule_group_overrides:
        if not override.rules:
            disabled |= set(rule_sets.numbers(rule_sets.group(groups, override.rule_group_name) or ""))
        disabled |= {int(r.rule_id) for r in override.rules if r.state == "Disabled"}
        blocking |= {int(r.rule_id) for r in override.rules if r.state == "Enabled" and r.action == "Block"}
    return WafManaged(
        said.rule_set_type,
        said.rule_set_version,
        tuple(sorted(groups.items())),
        tuple(sorted(disabled)),
        tuple(sorted(blocking)),
    )


def _exclusions(said: ManagedRules) -> Iterator[WafExclusion]:
    for exclusion in said.exclusions:
        part = next(own for name, own in _EXCLUDED.items() if exclusion.match_variable.startswith(f"Request{name}"))
        everything = exclusion.selector_match_operator == "EqualsAny"
        yield WafExclusion(
            part,
            exclusion.match_variable.endswith("Keys"),
            _SELECTORS[exclusion.selector_match_operator],
            "" if everything else exclusion.selector,
            tuple(sorted(_scope(exclusion))),
        )


def _scope(exclusion: Exclusion) -> Iterator[int]:
    """The rules that it is for; none where it is for all."""
    for each in exclusion.exclusion_managed_rule_sets:
        groups = rule_sets.found(each.rule_set_type, each.rule_set_version) or {}
        named = {g.rule_group_name: g.rules for g in each.rule_groups} or dict.fromkeys(groups, ())
        for name, rules in named.items():
            own = rule_sets.group(groups, name)
            if rules or own is not None:
                yield from (int(r.rule_id) for r in rules) if rules else rule_sets.numbers(own or "")


def _scrubs(said: LogScrubbing | None) -> Iterator[WafScrub]:
    if said is None or said.state == "Disabled":
        return
    for rule in said.scrubbing_rules:
        if rule.state == "Enabled":
            everything = rule.selector_match_operator == "EqualsAny"
            yield WafScrub(_SCRUBBED[rule.match_variable], "" if everything else rule.selector or "")
