"""Policies of the firewall: what becomes of one in the model, who uses it, and every refusal."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lazulite.forwarding.model import (
    HttpProxy,
    Place,
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
from lazulite.services.web_application_firewall import available, patterns, rule_sets
from tests.build import Lab, Refused, ref, resource_id
from tests.services.gateways import (
    LISTENERS,
    PATHS,
    RULES,
    by_path,
    gateway,
    listener,
    network,
    part,
    rule,
)

POLICIES = "ApplicationGatewayWebApplicationFirewallPolicies"
SQLI = "REQUEST-942-APPLICATION-ATTACK-SQLI"
METHODS = "REQUEST-911-METHOD-ENFORCEMENT"
KEY = resource_id(POLICIES, "waf").key
OWASP = {"ruleSetType": "OWASP", "ruleSetVersion": "3.2"}
WAF = {"name": "WAF_v2"}


@pytest.fixture
def lab() -> Lab:
    return network(Lab())


def settings(**said: Any) -> dict[str, Any]:
    return {"state": "Enabled", "mode": "Prevention"} | said


def condition(variable: str = "RequestUri", operator: str = "Contains", *values: str, **more: Any) -> dict[str, Any]:
    return {
        "matchVariables": [{"variableName": variable}],
        "operator": operator,
        "matchValues": list(values or ("x",)),
    } | more


def own(priority: int = 1, *conditions: dict[str, Any], **said: Any) -> dict[str, Any]:
    """A custom rule called after its priority."""
    return {
        "name": f"r{priority}",
        "priority": priority,
        "ruleType": "MatchRule",
        "action": "Block",
        "matchConditions": list(conditions or (condition(),)),
    } | said


def limited(**said: Any) -> dict[str, Any]:
    rate = {
        "ruleType": "RateLimitRule",
        "rateLimitDuration": "FiveMins",
        "rateLimitThreshold": 50,
        "groupByUserSession": [{"groupByVariables": [{"variableName": "None"}]}],
    }
    return own(1, **(rate | said))


def put(lab: Lab, *rules: dict[str, Any], name: str = "waf", managed: Any = None, **said: Any) -> Any:
    sets = managed if managed is not None else {"managedRuleSets": [OWASP]}
    body = {"policySettings": settings(**said), "customRules": list(rules), "managedRules": sets}
    return lab.put(POLICIES, name, body)


def compiled(lab: Lab) -> WafPolicy:
    found = lab.compile().get(WafPolicy, KEY)
    assert found is not None
    return found


def test_a_policy_that_says_nothing_is_off_and_only_detects(lab: Lab) -> None:
    lab.put(POLICIES, "waf", {"managedRules": {"managedRuleSets": []}})
    found = compiled(lab)
    assert (found.enabled, found.detect, found.status, found.page) == (False, True, 403, "")
    assert found.body == WafBody(True, 128 << 10, 128 << 10, True, 100 << 20, True)
    assert lab.status(lab.get(POLICIES, "waf"))["resourceState"] == "Disabled"


def test_rules_stand_by_priority_and_those_that_are_off_do_not(lab: Lab) -> None:
    put(lab, own(30), own(10, action="Allow"), own(20, state="Disabled"))
    assert [(r.name, r.action) for r in compiled(lab).rules] == [("r10", "allow"), ("r30", "block")]


def test_a_rule_without_conditions_is_kept_and_matches_nothing(lab: Lab) -> None:
    put(lab, own(1, matchConditions=[]), own(2))
    assert [r.name for r in compiled(lab).rules] == ["r2"]
    put(lab, limited(matchConditions=[]))
    assert compiled(lab).rules == ()


def test_a_rule_becomes_conditions_that_know_nothing_of_azure(lab: Lab) -> None:
    agent = condition("RequestHeaders", "Contains", "evilbot", negationConditon=True, transforms=["Lowercase", "Trim"])
    agent["matchVariables"] = [{"variableName": "RequestHeaders", "selector": "User-Agent"}]
    put(lab, own(1, agent, condition("RemoteAddr", "GeoMatch", "us"), action="Log"))
    (found,) = compiled(lab).rules
    assert found == WafRule(
        "r1",
        "log",
        (
            WafCondition((WafTarget("header", "User-Agent"),), "contains", ("evilbot",), ("lower", "trim"), True),
            WafCondition((WafTarget("address"),), "country", ("US",)),
        ),
    )


@pytest.mark.parametrize(
    ("azure", "group"),
    [
        pytest.param("ClientAddr", "address", id="each client"),
        pytest.param("GeoLocation", "country", id="each country"),
        pytest.param("None", "none", id="all together"),
        pytest.param("ClientAddrXFFHeader", "forwarded-address", id="each client that a proxy names"),
        pytest.param("GeoLocationXFFHeader", "forwarded-country", id="the country of that"),
    ],
)
def test_a_rate_limit_counts_by(lab: Lab, azure: str, group: str) -> None:
    put(lab, limited(groupByUserSession=[{"groupByVariables": [{"variableName": azure}]}]))
    assert compiled(lab).rules[0].limit == WafLimit(50, 300, group)


def test_settings_become_sizes_in_bytes_a_status_and_a_page(lab: Lab) -> None:
    put(
        lab,
        requestBodyInspectLimitInKB=64,
        maxRequestBodySizeInKb=256,
        requestBodyEnforcement=False,
        fileUploadLimitInMb=2,
        customBlockResponseStatusCode=405,
        customBlockResponseBody=b64encode(b"sorry").decode(),
    )
    found = compiled(lab)
    assert found.body == WafBody(True, 64 << 10, 256 << 10, False, 2 << 20, True)
    assert (found.status, found.page) == (405, "sorry")


def test_what_logs_do_not_show(lab: Lab) -> None:
    rules = [
        {"matchVariable": "RequestArgNames", "selectorMatchOperator": "Equals", "selector": "password"},
        {"matchVariable": "RequestIPAddress", "selectorMatchOperator": "EqualsAny"},
        {"matchVariable": "RequestCookieNames", "selectorMatchOperator": "EqualsAny", "state": "Disabled"},
    ]
    put(lab, logScrubbing={"state": "Enabled", "scrubbingRules": rules})
    assert compiled(lab).scrubs == (WafScrub("arg", "password"), WafScrub("address"))
    put(lab, logScrubbing={"state": "Disabled", "scrubbingRules": rules})
    assert compiled(lab).scrubs == ()


def overridden(*groups: dict[str, Any], **of: str) -> dict[str, Any]:
    return {"managedRuleSets": [OWASP | of | {"ruleGroupOverrides": list(groups)}]}


def test_groups_and_rules_can_be_off_and_rules_can_block_alone(lab: Lab) -> None:
    sqli = {
        "ruleGroupName": SQLI,
        "rules": [
            {"ruleId": "942100", "state": "Disabled"},
            {"ruleId": "942140", "state": "Enabled", "action": "Block"},
            {"ruleId": "942160", "state": "Enabled", "action": "AnomalyScoring"},
            {"ruleId": "942170", "state": "Enabled", "action": "Log"},
        ],
    }
    put(lab, managed=overridden(sqli, {"ruleGroupName": "REQUEST-911-METHOD-ENFORCEMENT"}))
    (found,) = compiled(lab).managed
    assert (found.disabled, found.blocking, found.logging) == ((911100, 942100), (942140,), (942170,))
    assert found.level == 1


def test_rules_of_a_higher_paranoia_level_are_on_where_a_policy_says_so_and_the_others_of_it_are_not(lab: Lab) -> None:
    sqli = {"ruleGroupName": SQLI, "rules": [{"ruleId": "942110", "state": "Enabled"}]}
    put(lab, managed=overridden(sqli))
    (found,) = compiled(lab).managed
    there = {n for _, own in found.groups for n in rule_sets.numbers(own)}
    assert found.level == rule_sets.MOST
    assert set(found.disabled) == there & rule_sets.BEYOND - {942110}
    sqli = {"ruleGroupName": SQLI, "rules": [{"ruleId": "942110", "state": "Enabled", "action": "Log"}]}
    put(lab, managed=overridden(sqli))
    (found,) = compiled(lab).managed
    assert (found.level, found.disabled, found.logging) == (1, (), (942110,))


def bots(version: str, *groups: dict[str, Any]) -> dict[str, Any]:
    set_ = {"ruleSetType": rule_sets.BOTS, "ruleSetVersion": version, "ruleGroupOverrides": list(groups)}
    return {"managedRuleSets": [OWASP, set_]}


@pytest.mark.parametrize(
    ("version", "crawler"),
    [
        pytest.param("1.0", ("Bot200200", "log"), id="in 1.0 as one that is not proved"),
        pytest.param("1.1", ("Bot300700", "log"), id="in 1.1 as any other bot"),
    ],
)
def test_a_set_about_bots_stands_beside_one_against_attacks(lab: Lab, version: str, crawler: Any) -> None:
    put(lab, managed=bots(version))
    found = compiled(lab)
    assert found.bots is not None
    assert len(found.managed) == 1
    assert {b.sort: (b.rule, b.action) for b in found.bots.rules} == {
        "pretender": ("Bot100200", "block"),
        "crawler": crawler,
        "unnamed": ("Bot300100", "log"),
        "tool": ("Bot300200", "log"),
        "library": ("Bot300300", "log"),
        "monitor": ("Bot300500", "log"),
        "bot": ("Bot300700", "log"),
    }


def test_rules_about_bots_can_be_off_and_have_other_actions(lab: Lab) -> None:
    unknown = {
        "ruleGroupName": "unknownbots",
        "rules": [
            {"ruleId": "Bot300100", "state": "Enabled", "action": "JSChallenge"},
            {"ruleId": "Bot300200", "state": "Enabled", "action": "Block"},
            {"ruleId": "Bot300300", "state": "Enabled", "action": "Allow"},
            {"ruleId": "Bot300600"},
            {"ruleId": "Bot300700"},
        ],
    }
    put(lab, managed=bots("1.0", unknown, {"ruleGroupName": "BadBots"}))
    found = compiled(lab).bots
    assert found is not None
    assert [(b.rule, b.action) for b in found.rules] == [
        ("Bot200200", "log"),
        ("Bot300100", "challenge"),
        ("Bot300200", "block"),
        ("Bot300300", "allow"),
        ("Bot300500", "log"),
    ]


def test_a_challenge_has_a_rule_and_a_lifetime(lab: Lab) -> None:
    put(lab, own(1, action="JSChallenge"))
    assert (compiled(lab).rules[0].action, compiled(lab).clearance_s) == ("challenge", 1800)
    put(lab, own(1, action="JSChallenge"), jsChallengeCookieExpirationInMins=5)
    assert compiled(lab).clearance_s == 300


def test_a_set_that_azure_no_longer_gives_is_refused_with_that(lab: Lab) -> None:
    with pytest.raises(Refused, match="no longer supported"):
        put(lab, managed=overridden(ruleSetVersion="2.2.9"))


def test_microsoft_s_names_of_groups_stand_for_those_of_the_core_rule_set(lab: Lab) -> None:
    put(lab, managed=overridden({"ruleGroupName": "xss"}, ruleSetType="Microsoft_DefaultRuleSet", ruleSetVersion="2.1"))
    (found,) = compiled(lab).managed
    assert ("XSS", "REQUEST-941-APPLICATION-ATTACK-XSS") in found.groups
    assert set(found.disabled) == set(rule_sets.numbers("REQUEST-941-APPLICATION-ATTACK-XSS"))


def test_older_sets_have_fewer_groups(lab: Lab) -> None:
    java = "REQUEST-944-APPLICATION-ATTACK-JAVA"
    put(lab, managed=overridden(ruleSetVersion="3.0"))
    assert java not in dict(compiled(lab).managed[0].groups)
    put(lab, managed=overridden(ruleSetVersion="3.1"))
    assert java in dict(compiled(lab).managed[0].groups)


def excluded(variable: str = "RequestArgNames", operator: str = "Equals", selector: str = "a", *sets: Any) -> Any:
    said = {"matchVariable": variable, "selectorMatchOperator": operator, "selector": selector}
    return {"managedRuleSets": [OWASP], "exclusions": [said | {"exclusionManagedRuleSets": list(sets)}]}


@pytest.mark.parametrize(
    ("variable", "operator", "found"),
    [
        pytest.param("RequestArgKeys", "Equals", WafExclusion("args", True, "equal", "a"), id="keys of arguments"),
        pytest.param("RequestArgNames", "Contains", WafExclusion("args", False, "contains", "a"), id="names: values"),
        pytest.param("RequestArgValues", "StartsWith", WafExclusion("args", False, "begins", "a"), id="values"),
        pytest.param("RequestHeaderKeys", "EndsWith", WafExclusion("headers", True, "ends", "a"), id="header keys"),
        pytest.param("RequestHeaderValues", "EqualsAny", WafExclusion("headers", False, "any"), id="all headers"),
        pytest.param("RequestCookieNames", "Equals", WafExclusion("cookies", False, "equal", "a"), id="cookies"),
    ],
)
def test_an_exclusion_of(lab: Lab, variable: str, operator: str, found: WafExclusion) -> None:
    put(lab, managed=excluded(variable, operator))
    assert compiled(lab).exclusions == (found,)


def test_exclusions_are_for_a_set_a_group_or_a_rule(lab: Lab) -> None:
    name = "REQUEST-913-SCANNER-DETECTION"
    put(lab, managed=excluded("RequestArgNames", "Equals", "a", OWASP | {"ruleGroups": [{"ruleGroupName": name}]}))
    assert compiled(lab).exclusions[0].rules == (913100, 913101, 913102, 913110, 913120)
    one = {"ruleGroupName": name, "rules": [{"ruleId": "913110"}]}
    put(lab, managed=excluded("RequestArgNames", "Equals", "a", OWASP | {"ruleGroups": [one]}))
    assert compiled(lab).exclusions[0].rules == (913110,)
    put(lab, managed=excluded("RequestArgNames", "Equals", "a", OWASP))
    assert set(compiled(lab).exclusions[0].rules) >= {911100, 942100, 944300}


def test_the_most_specific_policy_is_named_where_it_counts(lab: Lab) -> None:
    for name in ("waf", "site", "path"):
        put(lab, name=name)
    paths = by_path(api=("/api/*",))
    paths["properties"]["pathRules"][0]["properties"]["firewallPolicy"] = ref(POLICIES, "path")
    gateway(
        lab,
        sku=WAF,
        firewallPolicy=ref(POLICIES, "waf"),
        **{
            LISTENERS: [listener(firewallPolicy=ref(POLICIES, "site"))],
            PATHS: [paths],
            "backendAddressPools": [{"name": n, "properties": {}} for n in ("b", "yes", "api")],
            RULES: [rule(ruleType="PathBasedRouting", urlPathMap=part(PATHS, "m"))],
        },
    )
    model = lab.compile()
    proxy = model.get(HttpProxy, resource_id("applicationGateways", "gw").key)
    assert proxy is not None
    (site,) = proxy.sites
    named = [Path(n).name for n in (proxy.policy, site.policy, *(r.policy for r in site.rules))]
    assert named == ["waf", "site", "path", ""]
    shown = {n: lab.status(lab.get(POLICIES, n)) for n in ("waf", "site", "path")}
    assert shown["waf"]["applicationGateways"] == [ref("applicationGateways", "gw")]
    assert shown["site"]["httpListeners"] == [part(LISTENERS, "l")]
    assert [Path(r["id"]).name for r in shown["path"]["pathBasedRules"]] == ["api"]
    assert "applicationGateways" not in shown["path"]


def test_where_clients_are_is_known_once_there_is_a_policy(lab: Lab) -> None:
    lab.put("Lazulite.Lab/clients", "visitor", {"country": "DE"})
    assert not list(lab.compile().all(Place))
    put(lab)
    assert [p.codes[0] for p in lab.compile().all(Place).values() if "visitor" in p.name] == ["DE"]


def test_a_policy_in_use_cannot_be_deleted(lab: Lab) -> None:
    put(lab)
    gateway(lab, sku=WAF, firewallPolicy=ref(POLICIES, "waf"))
    with pytest.raises(Refused):
        lab.delete(POLICIES, "waf")


def test_a_gateway_without_a_firewall_has_no_policies(lab: Lab) -> None:
    put(lab)
    with pytest.raises(Refused) as refused:
        gateway(
            lab, firewallPolicy=ref(POLICIES, "waf"), **{LISTENERS: [listener(firewallPolicy=ref(POLICIES, "waf"))]}
        )
    assert refused.value.codes == ["ApplicationGatewayFirewallNotSupportedForSku"] * 2


def bad(rule: str, **said: str) -> dict[str, Any]:
    return {"ruleGroupName": "BadBots", "rules": [{"ruleId": rule, "state": "Enabled"} | said]}


UNNAMED = {"matchVariable": "RequestArgNames", "selectorMatchOperator": "Equals"}
PREFIX = "ApplicationGatewayWebApplicationFirewallPolicy"
Put = Callable[[Lab], Any]


@pytest.mark.parametrize(
    ("write", "code", "target"),
    [
        pytest.param(
            lambda lab: put(lab, own(1), own(1)),
            "CustomRulePriorityConflict",
            "properties.customRules[1].priority",
            id="two rules of one priority",
        ),
        pytest.param(
            lambda lab: put(lab, limited(groupByUserSession=[])),
            "CustomRuleRateLimitInvalid",
            "properties.customRules[0].groupByUserSession",
            id="a rate limit of nobody",
        ),
        pytest.param(
            lambda lab: put(lab, limited(rateLimitThreshold=None)),
            "CustomRuleRateLimitInvalid",
            "properties.customRules[0].rateLimitThreshold",
            id="a rate limit without a threshold",
        ),
        pytest.param(
            lambda lab: put(lab, limited(rateLimitDuration=None)),
            "CustomRuleRateLimitInvalid",
            "properties.customRules[0].rateLimitDuration",
            id="a rate limit without a duration",
        ),
        pytest.param(
            lambda lab: put(lab, limited(ruleType="MatchRule", groupByUserSession=[], rateLimitDuration=None)),
            "CustomRuleRateLimitInvalid",
            "properties.customRules[0].rateLimitThreshold",
            id="a threshold without a rate limit",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("RequestUri", "IPMatch", "10.0.0.0/8"))),
            "CustomRuleInvalidOperator",
            "properties.customRules[0].matchConditions[0].matchVariables[0].variableName",
            id="IPMatch on what is no address",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("QueryString", "GeoMatch", "DE"))),
            "CustomRuleInvalidOperator",
            "properties.customRules[0].matchConditions[0].matchVariables[0].variableName",
            id="GeoMatch on what is no address",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("RemoteAddr", "Contains", "10."))),
            "CustomRuleInvalidOperator",
            "properties.customRules[0].matchConditions[0].matchVariables[0].variableName",
            id="an address by its text",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("RemoteAddr", "IPMatch", "10.0.0.300"))),
            "CustomRuleInvalidMatchValue",
            "properties.customRules[0].matchConditions[0].matchValues[0]",
            id="an address that is none",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("RemoteAddr", "GeoMatch", "DE", "XX"))),
            "CustomRuleInvalidMatchValue",
            "properties.customRules[0].matchConditions[0].matchValues[1]",
            id="a country that is none",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("RequestUri", "GreaterThan", "long"))),
            "CustomRuleInvalidMatchValue",
            "properties.customRules[0].matchConditions[0].matchValues[0]",
            id="a size that is no number",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition("RequestUri", "Regex", "(a"))),
            "CustomRuleInvalidMatchValue",
            "properties.customRules[0].matchConditions[0].matchValues[0]",
            id="an expression that cannot be",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition(matchValues=[]))),
            "CustomRuleInvalidMatchValue",
            "properties.customRules[0].matchConditions[0].matchValues",
            id="no values",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition(matchVariables=[]))),
            "CustomRuleInvalidMatchVariable",
            "properties.customRules[0].matchConditions[0].matchVariables",
            id="no variables",
        ),
        pytest.param(
            lambda lab: put(lab, own(1, condition(matchVariables=[{"variableName": "RequestUri", "selector": "x"}]))),
            "CustomRuleInvalidMatchVariable",
            "properties.customRules[0].matchConditions[0].matchVariables[0].selector",
            id="a selector of what has no parts",
        ),
        pytest.param(
            lambda lab: put(lab, managed=overridden(ruleSetVersion="2.2.9")),
            "ManagedRuleSetNotSupported",
            "properties.managedRules.managedRuleSets[0].ruleSetVersion",
            id="a rule set that is not installed",
        ),
        pytest.param(
            lambda lab: put(lab, managed=overridden({"ruleGroupName": "MS-ThreatIntel-CVEs"})),
            "ManagedRuleGroupNotSupported",
            "properties.managedRules.managedRuleSets[0].ruleGroupOverrides[0].ruleGroupName",
            id="a group that is not installed",
        ),
        pytest.param(
            lambda lab: put(
                lab,
                managed=overridden({"ruleGroupName": METHODS, "rules": [{"ruleId": "99031001"}]}),
            ),
            "ManagedRuleNotSupported",
            "properties.managedRules.managedRuleSets[0].ruleGroupOverrides[0].rules[0].ruleId",
            id="a rule that is not installed",
        ),
        pytest.param(
            lambda lab: put(lab, managed={"managedRuleSets": [OWASP, OWASP]}),
            "ManagedRuleSetConflict",
            "properties.managedRules.managedRuleSets[1]",
            id="two rule sets against attacks",
        ),
        pytest.param(
            lambda lab: put(lab, managed={"managedRuleSets": bots("1.0")["managedRuleSets"][1:] * 2}),
            "ManagedRuleSetConflict",
            "properties.managedRules.managedRuleSets[1]",
            id="two rule sets about bots",
        ),
        pytest.param(
            lambda lab: put(lab, managed=bots("0.1")),
            "ManagedRuleSetNotSupported",
            "properties.managedRules.managedRuleSets[1].ruleSetVersion",
            id="a set about bots that is only a list of Microsoft's",
        ),
        pytest.param(
            lambda lab: put(lab, managed=bots("1.0", {"ruleGroupName": "KnownBadBots"})),
            "ManagedRuleGroupNotSupported",
            "properties.managedRules.managedRuleSets[1].ruleGroupOverrides[0].ruleGroupName",
            id="a group of bots that is not",
        ),
        pytest.param(
            lambda lab: put(lab, managed=bots("1.0", bad("Bot100300"))),
            "ManagedRuleNotSupported",
            "properties.managedRules.managedRuleSets[1].ruleGroupOverrides[0].rules[0].ruleId",
            id="a rule about bots that its version has not",
        ),
        pytest.param(
            lambda lab: put(lab, managed=bots("1.1", bad("Bot100300"))),
            "ManagedRuleNotSupported",
            "properties.managedRules.managedRuleSets[1].ruleGroupOverrides[0].rules[0].ruleId",
            id="a rule about bots on lists that nobody has here, on",
        ),
        pytest.param(
            lambda lab: put(lab, managed=bots("1.1", bad("Bot100200", action="AnomalyScoring"))),
            "ManagedRuleActionNotSupported",
            "properties.managedRules.managedRuleSets[1].ruleGroupOverrides[0].rules[0].action",
            id="a score for bots",
        ),
        *(
            pytest.param(
                lambda lab, action=action: put(
                    lab,
                    managed=overridden(
                        {
                            "ruleGroupName": METHODS,
                            "rules": [{"ruleId": "911100", "state": "Enabled", "action": action}],
                        }
                    ),
                ),
                "ManagedRuleActionNotSupported",
                "properties.managedRules.managedRuleSets[0].ruleGroupOverrides[0].rules[0].action",
                id=f"{action} for a rule against attacks",
            )
            for action in ("Allow", "JSChallenge")
        ),
        pytest.param(
            lambda lab: put(lab, managed=excluded(selector="")),
            "ExclusionInvalid",
            "properties.managedRules.exclusions[0].selector",
            id="an exclusion of nothing",
        ),
        pytest.param(
            lambda lab: put(
                lab,
                managed=excluded(
                    "RequestArgNames",
                    "Equals",
                    "a",
                    OWASP | {"ruleSetVersion": "3.1", "ruleGroups": [{"ruleGroupName": METHODS}]},
                ),
            ),
            "ExclusionInvalid",
            "properties.managedRules.exclusions[0].exclusionManagedRuleSets[0].ruleGroups",
            id="an exclusion for rules of an old set",
        ),
    ],
)
def test_refused(lab: Lab, write: Put, code: str, target: str) -> None:
    with pytest.raises(Refused) as refused:
        write(lab)
    assert (PREFIX + code, target) in {(v.code, v.target) for v in refused.value.violations}


@pytest.mark.parametrize(
    ("said", "target"),
    [
        pytest.param({"customBlockResponseStatusCode": 99}, "customBlockResponseStatusCode", id="no status"),
        pytest.param({"customBlockResponseBody": "not base64!"}, "customBlockResponseBody", id="a page not in base64"),
        pytest.param(
            {"customBlockResponseBody": b64encode(b"x" * 40_000).decode()}, "customBlockResponseBody", id="a long page"
        ),
        pytest.param({"maxRequestBodySizeInKb": 2001}, "maxRequestBodySizeInKb", id="a body beyond the limit"),
        pytest.param({"fileUploadLimitInMb": 4001}, "fileUploadLimitInMb", id="a file beyond the limit"),
        pytest.param({"mode": "Sleep"}, "mode", id="a mode that is none"),
        pytest.param(
            {
                "logScrubbing": {
                    "scrubbingRules": [{"matchVariable": "RequestArgNames", "selectorMatchOperator": "Equals"}]
                }
            },
            "logScrubbing.scrubbingRules[0].selector",
            id="scrubbing of nothing",
        ),
        pytest.param(
            {
                "logScrubbing": {
                    "scrubbingRules": [
                        {"matchVariable": "RequestIPAddress", "selectorMatchOperator": "Equals", "selector": "10.0.0.4"}
                    ]
                }
            },
            "logScrubbing.scrubbingRules[0].selectorMatchOperator",
            id="scrubbing of one address",
        ),
    ],
)
def test_refused_settings(lab: Lab, said: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as refused:
        put(lab, **said)
    assert f"properties.policySettings.{target}" in {v.target for v in refused.value.violations}


@pytest.mark.parametrize(
    ("write", "wire"),
    [
        pytest.param(lambda lab: put(lab, own(1, action="CAPTCHA")), "action", id="a challenge"),
        pytest.param(lambda lab: put(lab, own(101)), "priority", id="a priority beyond 100"),
        pytest.param(lambda lab: put(lab, own(0)), "priority", id="a priority below 1"),
        pytest.param(lambda lab: put(lab, *(own(n % 100 + 1) for n in range(101))), "customRules", id="101 rules"),
        pytest.param(lambda lab: lab.put(POLICIES, "waf", {}), "managedRules", id="no managed rules"),
        pytest.param(
            lambda lab: put(lab, managed={"managedRuleSets": [OWASP], "exceptions": [{"matchVariable": "RequestURI"}]}),
            "exceptions",
            id="exceptions",
        ),
    ],
)
def test_refused_by_the_declaration(lab: Lab, write: Put, wire: str) -> None:
    with pytest.raises(Refused) as refused:
        write(lab)
    assert any(wire in v.target for v in refused.value.violations)


def test_everything_that_is_wrong_is_said_at_once(lab: Lab) -> None:
    long = condition("QueryString", "LessThan", "many")
    with pytest.raises(Refused) as refused:
        put(lab, own(1, long), own(1, condition("RequestUri", "IPMatch", "x")), mode="Prevention")
    assert len(refused.value.violations) == 4


@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        pytest.param(r"^/a(b|c)*\d{3}$", True, id="what every engine knows"),
        pytest.param(r"(?i)evil", True, id="flags"),
        pytest.param(r"\\1", True, id="a backslash and a digit"),
        pytest.param(r"[[a]", True, id="a bracket in brackets"),
        pytest.param(r"[(?=]", True, id="signs in brackets"),
        pytest.param(r"(a)\1", False, id="a back reference"),
        pytest.param(r"a(?=b)", False, id="looking ahead"),
        pytest.param(r"(?<!a)b", False, id="looking behind"),
        pytest.param(r"(?>a)b", False, id="an atomic group"),
        pytest.param(r"a++", False, id="possessive"),
        pytest.param(r"(?R)", False, id="recursion"),
        pytest.param(r"a{2,1}", False, id="bounds the wrong way round"),
        pytest.param("(?a)b", False, id="a flag of other engines"),
        pytest.param("[a", False, id="an open bracket"),
    ],
)
def test_expressions(pattern: str, good: bool) -> None:
    assert (patterns.fault(pattern) == "") is good


INSTALLED = Path("/usr/share/modsecurity-crs/rules")
GROUPS = sorted({g for s in rule_sets.SETS.values() for g in s.values()} - {"GENERAL"})


def test_the_rules_that_are_off_by_themselves_are_those_of_higher_paranoia_levels() -> None:
    found = set[int]()
    for group in GROUPS:
        text = re.sub(r"(?m)^\s*#.*$", "", (INSTALLED / f"{group}.conf").read_text())
        for number, rest in re.findall(r"(?s)\bid:(9\d{5}),(.*?)(?=\bid:9|\Z)", text):
            level = re.search(r"paranoia-level/([2-4])", rest)
            found |= {int(number)} if level and int(number) % 1000 >= 100 else set()
    assert found == rule_sets.BEYOND


@pytest.mark.parametrize("group", GROUPS)
def test_the_rules_that_are_declared_are_those_that_are_installed(group: str) -> None:
    found = {int(n) for n in re.findall(r"\bid:(9\d{5})", (INSTALLED / f"{group}.conf").read_text())}
    assert {n for n in found if n % 1000 >= 100} == set(rule_sets.numbers(group))


def test_sets_are_found_whatever_the_case_of_their_names() -> None:
    assert rule_sets.found("owasp", "3.2") == rule_sets.SETS["OWASP", "3.2"]
    assert rule_sets.found("OWASP", "9") is None
    assert rule_sets.numbers("NONE") == ()
    assert rule_sets.group(rule_sets.SETS["Microsoft_DefaultRuleSet", "2.1"], "sqli") is not None


def test_a_set_names_groups_that_there_are(lab: Lab) -> None:
    put(lab)
    (found,) = compiled(lab).managed
    assert found == WafManaged("OWASP", "3.2", found.groups)
    assert all(own == "GENERAL" or own.startswith("REQUEST-") for _, own in found.groups)


def test_every_set_that_a_policy_can_have_is_listed_with_its_rules_and_what_they_do_by_themselves() -> None:
    found = {each: available._set(*each)["ruleGroups"] for each in available._ALL}
    assert found.keys() == rule_sets.SETS.keys() | rule_sets.BOT_SETS.keys()
    rules = {r["ruleIdString"]: r for groups in found.values() for g in groups for r in g["rules"]}
    assert (rules["942100"]["state"], rules["942110"]["state"]) == ("Enabled", "Disabled")
    assert rules["Bot100200"] == {
        "ruleId": 100200,
        "ruleIdString": "Bot100200",
        "state": "Enabled",
        "action": "Block",
    }
    assert rules["Bot100100"]["state"] == "Disabled"
    assert {g["ruleGroupName"] for g in found[rule_sets.BOTS, "1.1"]} == {"BadBots", "GoodBots", "UnknownBots"}
