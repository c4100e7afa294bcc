"""Rewrite sets of a gateway: what they come to, and what is refused of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lazulite.forwarding.model import Condition, HeaderChange, Rewrite, ValueMatch
from lazulite.forwarding.rewriting import fault
from lazulite.resources.model import Child, Ref, Violation
from lazulite.resources.view import View
from lazulite.services.application_gateway.model import (
    ApplicationGateway,
    HeaderConfiguration,
    RewriteRule,
    RewriteRuleSet,
    UrlConfiguration,
)

SETS = "rewriteRuleSets"
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,256}")
_FIXED = ("connection", "upgrade")
"""Source: facts/application-gateway.md, "Rewrite": neither is rewritten, and Host is not removed."""
_PRINTABLE = re.compile(r"[\t -~]*")


def rewrites(ref: Ref | None, view: View) -> tuple[Rewrite, ...]:
    """In the order of their sequence, those of one number as they are listed."""
    found = view.get(ref, RewriteRuleSet)
    if found is None:
        return ()
    rules = sorted(found.properties.rewrite_rules, key=lambda r: r.rule_sequence)
    return tuple(_rewrite(r, found.id.text) for r in rules)


def _rewrite(rule: RewriteRule, origin: str) -> Rewrite:
    said = rule.action_set
    url = said.url_configuration or UrlConfiguration()
    return Rewrite(
        rule.name,
        tuple(Condition(c.variable, c.pattern, c.ignore_case, c.negate) for c in rule.conditions),
        _changes(said.request_header_configurations),
        _changes(said.response_header_configurations),
        url.modified_path,
        url.modified_query_string,
        url.reroute,
        origin,
    )


def _changes(said: tuple[HeaderConfiguration, ...]) -> tuple[HeaderChange, ...]:
    return tuple(HeaderChange(c.header_name, c.header_value, _only(c)) for c in said)


def _only(said: HeaderConfiguration) -> ValueMatch | None:
    found = said.header_value_matcher
    return ValueMatch(found.pattern, found.ignore_case, found.negate) if found is not None else None


def faults(gateway: ApplicationGateway) -> Iterator[Violation]:
    for index, child in enumerate(gateway.rewrite_rule_sets):
        path = f"properties.{SETS}[{index}].properties.rewriteRules"
        for place, rule in enumerate(child.properties.rewrite_rules):
            yield from _rule(child, rule, f"{path}[{place}]")
    yield from _again(gateway)


def _rule(child: Child[RewriteRuleSet], rule: RewriteRule, path: str) -> Iterator[Violation]:
    why = fault(_rewrite(rule, ""))
    if why:
        message = f"Rewrite rule {rule.name} of set {child.name} is invalid: {why}."
        yield Violation("ApplicationGatewayRewriteRuleInvalid", message, path)
    changes = (*rule.action_set.request_header_configurations, *rule.action_set.response_header_configurations)
    for change in changes:
        why = _header(change)
        if not why and change.header_value_matcher is not None and not _matched(change, rule):
            why = "cannot have a headerValueMatcher: only Set-Cookie of the response can"
        if why:
            message = f"Header {change.header_name} of rewrite rule {rule.name} of set {child.name} {why}."
            yield Violation("ApplicationGatewayRewriteRuleHeaderInvalid", message, f"{path}.actionSet")
    url = rule.action_set.url_configuration
    texts = (url.modified_path, url.modified_query_string) if url is not None else ()
    if not all(_PRINTABLE.fullmatch(t or "") for t in texts):
        message = f"The URL of rewrite rule {rule.name} of set {child.name} has signs that no URL has."
        yield Violation("ApplicationGatewayRewriteRuleInvalid", message, f"{path}.actionSet.urlConfiguration")


def _header(change: HeaderConfiguration) -> str:
    """Why a header cannot be changed so; empty when it can."""
    name = change.header_name.lower()
    if not _TOKEN.fullmatch(name):
        return "is no name of a header"
    if name in _FIXED:
        return "cannot be rewritten"
    if name == "host" and not change.header_value:
        return "cannot be removed"
    return "" if _PRINTABLE.fullmatch(change.header_value) else "has signs that no header has"


def _matched(change: HeaderConfiguration, rule: RewriteRule) -> bool:
    """Whether it is a header that can be there several times. Source: REST API, HeaderValueMatcher."""
    return change.header_name.lower() == "set-cookie" and change in rule.action_set.response_header_configurations


def _again(gateway: ApplicationGateway) -> Iterator[Violation]:
    """Where a path map cannot be asked again. Source: facts/application-gateway.md, "Rewrite", reroute."""
    again = {
        c.name.lower()
        for c in gateway.rewrite_rule_sets
        for r in c.properties.rewrite_rules
        if r.action_set.url_configuration is not None and r.action_set.url_configuration.reroute
    }

    def asks(ref: Ref | None) -> bool:
        return ref is not None and ref.target.name.lower() in again

    for index, rule in enumerate(gateway.request_routing_rules):
        if rule.properties.rule_type == "Basic" and asks(rule.properties.rewrite_rule_set):
            message = f"Request routing rule {rule.name} is basic: it has no URL path map to be evaluated again."
            path = f"properties.requestRoutingRules[{index}].properties.rewriteRuleSet"
            yield Violation("ApplicationGatewayRewriteRerouteOnBasicRule", message, path)
    for index, found in enumerate(gateway.url_path_maps):
        sets = [found.properties.default_rewrite_rule_set]
        sets += [r.properties.rewrite_rule_set for r in found.properties.path_rules]
        if all(map(asks, sets)):
            message = (
                f"Every rule of URL path map {found.name} has it evaluated again: no request would come to an end."
            )
            yield Violation("ApplicationGatewayRewriteRerouteLoop", message, f"properties.urlPathMaps[{index}]")
