"""Which managed rule sets there are: by group, with the numbers of their rules.

Azure adds a sentence to each group and rule; those are Microsoft's, and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.services.service import Context
from lazulite.services.web_application_firewall import rule_sets

_SETS = "Microsoft.Network/applicationGatewayAvailableWafRuleSets"
_MANIFESTS = "Microsoft.Network/applicationGatewayWafDynamicManifests"
_TIERS = ["WAF_v2"]
_ALL = (*rule_sets.SETS, *rule_sets.BOT_SETS)
_DEFAULT = ("Microsoft_DefaultRuleSet", "2.1")
"""What az makes a policy with that names no set."""


def listed(context: Context, places: Mapping[str, str]) -> Any:
    """``applicationGatewayAvailableWafRuleSets``."""
    here = f"/subscriptions/{places['subscription']}/providers/{_SETS}"
    return {"value": [_resource(here, *each) for each in _ALL]}


def _resource(here: str, kind: str, version: str) -> dict[str, Any]:
    name = f"{kind}_{version}"
    return {"id": f"{here}/{name}", "name": name, "type": _SETS, "properties": _set(kind, version)}


def manifests(context: Context, places: Mapping[str, str]) -> Any:
    """``locations/{location}/applicationGatewayWafDynamicManifests``: one."""
    return {"value": [manifest(context, places)]}


def manifest(context: Context, places: Mapping[str, str]) -> Any:
    """The one of a region; the last word of its path is spelled ``dafault``."""
    kind, version = _DEFAULT
    place = f"/subscriptions/{places['subscription']}/providers/Microsoft.Network/locations/{places['location']}"
    return {
        "id": f"{place}/applicationGatewayWafDynamicManifests/default",
        "name": "default",
        "type": _MANIFESTS,
        "properties": {
            "defaultRuleSet": {"ruleSetType": kind, "ruleSetVersion": version},
            "availableRuleSets": [_set(*each) | {"status": "GA"} for each in _ALL],
        },
    }


def _set(kind: str, version: str) -> dict[str, Any]:
    bots, rules = rule_sets.bots(kind, version) or (), dict[str, list[dict[str, Any]]]()
    for users, own in (rule_sets.found(kind, version) or {}).items():
        rules[users] = [_rule(n) for n in rule_sets.numbers(own)]
    for rule in bots:
        rules.setdefault(rule.group, []).append(_of_bots(rule))
    return {
        "provisioningState": "Succeeded",
        "ruleSetType": kind,
        "ruleSetVersion": version,
        "tiers": _TIERS,
        "ruleGroups": [{"ruleGroupName": name, "rules": each} for name, each in rules.items()],
    }


def _rule(number: int) -> dict[str, Any]:
    """Those of higher paranoia levels are off by themselves."""
    state = "Disabled" if number in rule_sets.BEYOND else "Enabled"
    return {"ruleId": number, "ruleIdString": str(number), "state": state, "action": "AnomalyScoring"}


def _of_bots(rule: rule_sets.BotRule) -> dict[str, Any]:
    """Those that mean nobody here are off."""
    number = int(rule.rule.removeprefix("Bot"))
    state = "Enabled" if rule.sorts else "Disabled"
    return {"ruleId": number, "ruleIdString": rule.rule, "state": state, "action": rule.action}
