"""A policy as an entry that knows nothing of Azure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.model import (
    WafBody,
    WafBot,
    WafBots,
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
CLEARANCE_MIN = 30
"""Minutes. Source: "Azure Web Application Firewall JavaScript challenge" (default lifetime of the cookie)."""
_ACTIONS = {"Allow": "allow", "Block": "block", "Log": "log", "JSChallenge": "challenge"}
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
    # az makes a rule before its conditions: until it has one, there is nothing that it matches.
    counting = (r for r in said.custom_rules if r.state == "Enabled" and r.match_conditions)
    rules = sorted(counting, key=lambda r: r.priority)
    sets = said.managed_rules.managed_rule_sets
    yield WafPolicy(
        resource.id.key,
        resource.id.name,
        settings.state == "Enabled",
        settings.mode == "Detection",
        tuple(map(_rule, rules)),
        tuple(m for m in map(_managed, sets) if m is not None),
        tuple(_exclusions(said.managed_rules)),
        _body(settings),
        settings.custom_block_response_status_code or FORBIDDEN,
        page(settings.custom_block_response_body),
        tuple(_scrubs(settings.log_scrubbing)),
        next((b for b in map(_bots, sets) if b is not None), None),
        (settings.js_challenge_cookie_expiration_in_mins or CLEARANCE_MIN) * 60,
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
    return WafRule(rule.name, _ACTIONS[rule.action], tuple(map(_condition, rule.match_conditions)), limit)


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
    off, on = set[int](), dict[int, str | None]()
    for override in said.rule_group_overrides:
        if not override.rules:
            off |= set(rule_sets.numbers(rule_sets.group(groups, override.rule_group_name) or ""))
        off |= {int(r.rule_id) for r in override.rules if r.state == "Disabled"}
        on |= {int(r.rule_id): r.action for r in override.rules if r.state == "Enabled"}
    told = {n for n, action in on.items() if action == "Log"}
    more = rule_sets.BEYOND & (on.keys() - told)
    if more:
        off |= {n for own in groups.values() for n in rule_sets.numbers(own)} & rule_sets.BEYOND - more
    return WafManaged(
        said.rule_set_type,
        said.rule_set_version,
        tuple(sorted(groups.items())),
        tuple(sorted(off)),
        tuple(sorted(n for n, action in on.items() if action == "Block")),
        tuple(sorted(told)),
        rule_sets.MOST if more else 1,
    )


def _bots(said: ManagedRuleSet) -> WafBots | None:
    rules = rule_sets.bots(said.rule_set_type, said.rule_set_version)
    if rules is None:
        return None
    named = {r.rule_id.lower(): r for o in said.rule_group_overrides for r in o.rules}
    off = {o.rule_group_name.lower() for o in said.rule_group_overrides if not o.rules}
    found = []
    for rule in rules:
        override = named.get(rule.rule.lower())
        if rule.group.lower() in off or (override is not None and override.state == "Disabled"):
            continue
        action = (override.action if override is not None else None) or rule.action
        found += [WafBot(rule.rule, rule.group, sort, _ACTIONS[action], rule.message) for sort in rule.sorts]
    return WafBots(said.rule_set_type, said.rule_set_version, tuple(found))


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
