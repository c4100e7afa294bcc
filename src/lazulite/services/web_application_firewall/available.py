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
_DEFAULT = ("Microsoft_DefaultRuleSet", "2.1")
"""What az makes a policy with that names no set."""


def listed(context: Context, places: Mapping[str, str]) -> Any:
    """``applicationGatewayAvailableWafRuleSets``."""
    here = f"/subscriptions/{places['subscription']}/providers/{_SETS}"
    return {"value": [_resource(here, *each) for each in rule_sets.SETS]}


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
            "availableRuleSets": [_set(*each) | {"status": "GA"} for each in rule_sets.SETS],
        },
    }


def _set(kind: str, version: str) -> dict[str, Any]:
    groups = [(users, rule_sets.numbers(own)) for users, own in rule_sets.SETS[kind, version].items()]
    return {
        "provisioningState": "Succeeded",
        "ruleSetType": kind,
        "ruleSetVersion": version,
        "tiers": _TIERS,
        "ruleGroups": [{"ruleGroupName": name, "rules": [_rule(n) for n in numbers]} for name, numbers in groups],
    }


def _rule(number: int) -> dict[str, Any]:
    return {"ruleId": number, "ruleIdString": str(number), "state": "Enabled", "action": "AnomalyScoring"}
