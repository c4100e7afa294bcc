"""``Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies``, API 2018-12-01 to 2025-01-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from lazulite.resources.model import INERT, READ_ONLY, UNSUPPORTED, Bounds, Kind, Properties, Ref

POLICY = "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies"
MAX_RULES, MAX_PRIORITY, MAX_EXCLUSIONS = 100, 100, 40
MAX_BODY_KB, MAX_UPLOAD_MB = 2000, 4000
"""Source: facts/web-application-firewall.md, "Limits"; "Application Gateway limits" (file uploads)."""

State: TypeAlias = Literal["Disabled", "Enabled"]


class ScrubbingRule(Properties, frozen=True):
    match_variable: Literal[
        "RequestHeaderNames",
        "RequestCookieNames",
        "RequestArgNames",
        "RequestPostArgNames",
        "RequestJSONArgNames",
        "RequestIPAddress",
    ]
    selector_match_operator: Literal["Equals", "EqualsAny"]
    selector: str | None = None
    state: State = "Enabled"


class LogScrubbing(Properties, frozen=True):
    state: State = "Disabled"
    scrubbing_rules: tuple[ScrubbingRule, ...] = ()


class PolicySettings(Properties, frozen=True):
    """Sizes with the defaults of facts/web-application-firewall.md, "Resource types"."""

    state: State = "Disabled"
    mode: Literal["Prevention", "Detection"] = "Detection"
    request_body_check: bool = True
    request_body_inspect_limit_in_kb: Annotated[int, Bounds(0, MAX_BODY_KB)] = msgspec.field(
        default=128, name="requestBodyInspectLimitInKB"
    )
    request_body_enforcement: bool = True
    max_request_body_size_in_kb: Annotated[int, Bounds(8, MAX_BODY_KB)] = 128
    file_upload_enforcement: bool = True
    file_upload_limit_in_mb: Annotated[int, Bounds(0, MAX_UPLOAD_MB)] = 100
    custom_block_response_status_code: int | None = None
    custom_block_response_body: str | None = None
    log_scrubbing: LogScrubbing | None = None
    js_challenge_cookie_expiration_in_mins: Annotated[int | None, Bounds(5, 1440)] = None
    captcha_expiration_in_mins: Annotated[int | None, INERT, Bounds(5, 1440)] = None


class MatchVariable(Properties, frozen=True):
    variable_name: Literal[
        "RemoteAddr",
        "RequestMethod",
        "QueryString",
        "PostArgs",
        "RequestUri",
        "RequestHeaders",
        "RequestBody",
        "RequestCookies",
    ]
    selector: str | None = None


class MatchCondition(Properties, frozen=True):
    """``negationConditon`` is Azure's spelling."""

    match_variables: tuple[MatchVariable, ...]
    operator: Literal[
        "IPMatch",
        "Equal",
        "Contains",
        "LessThan",
        "GreaterThan",
        "LessThanOrEqual",
        "GreaterThanOrEqual",
        "BeginsWith",
        "EndsWith",
        "Regex",
        "GeoMatch",
        "Any",
    ]
    match_values: tuple[str, ...] = ()
    negation_conditon: bool = False
    transforms: tuple[
        Literal["Uppercase", "Lowercase", "Trim", "UrlDecode", "UrlEncode", "RemoveNulls", "HtmlEntityDecode"], ...
    ] = ()


class GroupByVariable(Properties, frozen=True):
    variable_name: Literal["ClientAddr", "GeoLocation", "None", "ClientAddrXFFHeader", "GeoLocationXFFHeader"]


class GroupByUserSession(Properties, frozen=True):
    group_by_variables: tuple[GroupByVariable, ...]


class CustomRule(Properties, frozen=True):
    priority: Annotated[int, Bounds(1, MAX_PRIORITY)]
    rule_type: Literal["MatchRule", "RateLimitRule"]
    action: Literal["Allow", "Block", "Log", "JSChallenge"]
    match_conditions: tuple[MatchCondition, ...] = ()
    name: str = ""
    state: State = "Enabled"
    rate_limit_duration: Literal["OneMin", "FiveMins"] | None = None
    rate_limit_threshold: Annotated[int | None, Bounds(1, 5000)] = None
    group_by_user_session: tuple[GroupByUserSession, ...] = ()
    etag: Annotated[str | None, READ_ONLY] = None


class RuleOverride(Properties, frozen=True):
    rule_id: str
    state: State = "Disabled"
    action: Literal["AnomalyScoring", "Allow", "Block", "Log", "JSChallenge"] | None = None
    sensitivity: Annotated[str | None, UNSUPPORTED] = None


class GroupOverride(Properties, frozen=True):
    """Without ``rules`` the whole group is off."""

    rule_group_name: str
    rules: tuple[RuleOverride, ...] = ()


class ManagedRuleSet(Properties, frozen=True):
    rule_set_type: str
    rule_set_version: str
    rule_group_overrides: tuple[GroupOverride, ...] = ()
    computed_disabled_rules: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()


class ExcludedRule(Properties, frozen=True):
    rule_id: str


class ExcludedGroup(Properties, frozen=True):
    rule_group_name: str
    rules: tuple[ExcludedRule, ...] = ()


class ExcludedSet(Properties, frozen=True):
    rule_set_type: str
    rule_set_version: str
    rule_groups: tuple[ExcludedGroup, ...] = ()


class Exclusion(Properties, frozen=True):
    match_variable: Literal[
        "RequestHeaderNames",
        "RequestCookieNames",
        "RequestArgNames",
        "RequestHeaderKeys",
        "RequestHeaderValues",
        "RequestCookieKeys",
        "RequestCookieValues",
        "RequestArgKeys",
        "RequestArgValues",
    ]
    selector_match_operator: Literal["Equals", "Contains", "StartsWith", "EndsWith", "EqualsAny"]
    selector: str
    exclusion_managed_rule_sets: tuple[ExcludedSet, ...] = ()


class ManagedRules(Properties, frozen=True):
    managed_rule_sets: tuple[ManagedRuleSet, ...]
    exclusions: Annotated[tuple[Exclusion, ...], Bounds(0, MAX_EXCLUSIONS)] = ()
    exceptions: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED] = ()


class WebApplicationFirewallPolicy(Properties, frozen=True):
    managed_rules: ManagedRules
    policy_settings: PolicySettings = PolicySettings()
    custom_rules: Annotated[tuple[CustomRule, ...], Bounds(0, MAX_RULES)] = ()
    tier: Annotated[Literal["Standard", "Basic"] | None, INERT] = None
    application_gateways: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    http_listeners: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    path_based_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    application_gateway_for_containers: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    resource_state: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (Kind(POLICY, WebApplicationFirewallPolicy, asynchronous=False),)
"""Clients do not poll a write of a policy, so its answer comes when it counts."""
