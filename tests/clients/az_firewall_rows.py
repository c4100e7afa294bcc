"""Rows for ``test_az_commands``: ``az network application-gateway waf-policy`` and ``waf-config``, every command.

Kept apart from the other rows of the network because a session at a firewall is one long story.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.az_table import SUCCEEDED, Fails

covers = pytest.mark.covers

POLICY = "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies"
GATEWAY = "Microsoft.Network/applicationGateways"
HERE = "network application-gateway waf-policy"
OLDER = "network application-gateway waf-config"
OF = "-g {g} --policy-name waf"
_SQLI, _LFI = "REQUEST-942-APPLICATION-ATTACK-SQLI", "REQUEST-930-APPLICATION-ATTACK-LFI"

Rows = list[tuple[Any, ...]]


def az(verb: str, command: str, expected: Any, sentence: str) -> tuple[Any, ...]:
    return covers(POLICY, verb, client="az"), command, expected, sentence


def gateway(verb: str, command: str, expected: Any, sentence: str) -> tuple[Any, ...]:
    return covers(GATEWAY, verb, client="az"), command, expected, sentence


WHOLE: Rows = [
    az(
        "create",
        f"{HERE} create -g {{g}} -n waf",
        {
            "name": "waf",
            "type": POLICY,
            "customRules": [],
            "managedRules": {
                "managedRuleSets": [
                    {
                        "ruleSetType": "Microsoft_DefaultRuleSet",
                        "ruleSetVersion": "2.1",
                        "ruleGroupOverrides": [],
                    }
                ],
                "exclusions": [],
            },
            "policySettings": {
                "state": "Disabled",
                "mode": "Detection",
                "requestBodyCheck": True,
                "fileUploadLimitInMb": 100,
                "maxRequestBodySizeInKb": 128,
                "requestBodyInspectLimitInKB": 128,
            },
            "resourceState": "Disabled",
            **SUCCEEDED,
        },
        "a policy has the default rule set, is off, and would only detect",
    ),
    az("show", f"{HERE} show -g {{g}} -n waf --query name", "waf", "it is shown"),
    az("list", f"{HERE} list -g {{g}} --query [].name", ["waf"], "it is listed"),
    az("list-all", HERE + """ list --query "[?resourceGroup=='{g}'].name" """, ["waf"], "it is listed everywhere"),
    az("update", f"{HERE} update -g {{g}} -n waf --tags a=b --query tags", {"a": "b"}, "it gets a tag"),
    az(
        "update",
        f"{HERE} update -g {{g}} -n waf --set policySettings.mode=Prevention --query policySettings.mode",
        "Prevention",
        "it prevents from now on",
    ),
    az("wait", f"{HERE} wait -g {{g}} -n waf --updated --timeout 20", None, "one waits for it"),
    az("show", f"{HERE} show -g {{g}} -n absent", Fails(3, "ResourceNotFound", "absent"), "one that is not there"),
    az(
        "create",
        f"{HERE} create -g {{g}} -n second --type OWASP --version 9.9",
        Fails(1, "ManagedRuleSetNotSupported", "OWASP 9.9"),
        "a version of a rule set that there is not",
    ),
]
"""A policy as a whole."""

SETTINGS: Rows = [
    az(
        "update",
        f"{HERE} policy-setting update {OF} --state Enabled --mode Prevention --request-body-check true "
        "--max-request-body-size-in-kb 256 --file-upload-limit-in-mb 64 --request-body-inspect-limit-in-kb 64 "
        "--request-body-enforcement false --file-upload-enforcement true --query policySettings",
        {
            "state": "Enabled",
            "mode": "Prevention",
            "requestBodyCheck": True,
            "maxRequestBodySizeInKb": 256,
            "fileUploadLimitInMb": 64,
            "requestBodyInspectLimitInKB": 64,
            "requestBodyEnforcement": False,
            "fileUploadEnforcement": True,
        },
        "modes and sizes",
    ),
    az(
        "update",
        f"{HERE} policy-setting update {OF} --custom-status-code 405 --custom-body c29ycnk= "
        "--query policySettings.[customBlockResponseStatusCode,customBlockResponseBody]",
        [405, "c29ycnk="],
        "who is blocked gets a status and a page",
    ),
    az(
        "update",
        f"{HERE} policy-setting update {OF} --log-scrubbing-state Enabled --scrubbing-rule "
        '"{{match-variable:RequestArgNames,selector-match-operator:Equals,selector:password,state:Enabled}}" '
        "--query policySettings.logScrubbing",
        {"state": "Enabled", "scrubbingRules": [{"matchVariable": "RequestArgNames", "selector": "password"}]},
        "logs do not show a password",
    ),
    az(
        "update",
        f"{HERE} policy-setting update {OF} --custom-status-code 600",
        Fails(1),
        "600 is no status",
    ),
    az(
        "update",
        f"{HERE} policy-setting update {OF} --max-request-body-size-in-kb 9000",
        Fails(1),
        "a body of 9 MB is too long",
    ),
    az(
        "show",
        f"{HERE} policy-setting list {OF}",
        {"mode": "Prevention", "fileUploadLimitInMb": 64, "customBlockResponseStatusCode": 405},
        "settings are listed, and what was refused changed nothing",
    ),
]

RULES: Rows = [
    az(
        "create",
        f"{HERE} custom-rule create {OF} -n bots --priority 50 --action log --rule-type MatchRule",
        {"name": "bots", "priority": 50, "action": "Log", "ruleType": "MatchRule", "matchConditions": []},
        "a rule comes before its conditions",
    ),
    az(
        "create",
        f"{HERE} custom-rule match-condition add {OF} -n bots --match-variables RequestHeaders.User-Agent "
        "--operator contains --values evilbot badbot --transforms lowercase",
        {
            "operator": "Contains",
            "matchValues": ["evilbot", "badbot"],
            "transforms": ["Lowercase"],
            "matchVariables": [{"variableName": "RequestHeaders", "selector": "User-Agent"}],
        },
        "a condition about a header",
    ),
    az(
        "create",
        f"{HERE} custom-rule match-condition add {OF} -n bots --match-variables RemoteAddr --operator IPMatch "
        "--values 192.168.5.0/24 --negate true --query negationConditon",
        True,
        "a condition that must not hold",
    ),
    az(
        "create",
        f"{HERE} custom-rule match-condition add {OF} -n bots --match-variables RequestUri --operator IPMatch "
        "--values 10.0.0.0/8",
        Fails(1, "CustomRuleInvalidOperator"),
        "only who asks has an address",
    ),
    az(
        "list",
        f"{HERE} custom-rule match-condition list {OF} -n bots --query [].operator",
        ["Contains", "IPMatch"],
        "conditions are listed",
    ),
    az("update", f"{HERE} custom-rule match-condition remove {OF} -n bots --index 1", None, "a condition goes"),
    az(
        "update",
        f'{HERE} custom-rule update {OF} -n bots --priority 10 --action Block --query "[priority,action]"',
        [10, "Block"],
        "a rule is asked earlier, and blocks",
    ),
    az(
        "create",
        f"{HERE} custom-rule create {OF} -n flood --priority 20 --action Block --rule-type RateLimitRule "
        "--rate-limit-duration OneMin --rate-limit-threshold 15 --group-by-user-session "
        '"[{{group-by-variables:[{{variable-name:GeoLocation}}]}}]" --match-conditions '
        '"[{{variables:[{{variable-name:RequestUri}}],operator:Contains,values:[/login]}}]"',
        {
            "rateLimitDuration": "OneMin",
            "rateLimitThreshold": 15,
            "groupByUserSession": [{"groupByVariables": [{"variableName": "GeoLocation"}]}],
            "matchConditions": [{"operator": "Contains", "matchValues": ["/login"]}],
        },
        "a rule that counts",
    ),
    az(
        "create",
        f"{HERE} custom-rule create {OF} -n again --priority 20 --action Block --rule-type MatchRule",
        Fails(1, "CustomRulePriorityConflict"),
        "no two rules have one priority",
    ),
    az(
        "create",
        f"{HERE} custom-rule create {OF} -n late --priority 500 --action Block --rule-type MatchRule",
        Fails(1, "customRules[2].priority"),
        "priorities end at 100",
    ),
    az("list", f"{HERE} custom-rule list {OF} --query [].name", ["bots", "flood"], "rules are listed"),
    az("show", f"{HERE} custom-rule show {OF} -n bots --query priority", 10, "a rule is shown"),
    az("show", f"{HERE} custom-rule show {OF} -n absent", Fails(1), "one that is not there"),
    az("update", f"{HERE} custom-rule delete {OF} -n flood", None, "a rule goes"),
]

SETS: Rows = [
    az(
        "create",
        f"{HERE} create -g {{g}} -n crs --type OWASP --version 3.2 --query managedRules.managedRuleSets[].ruleSetType",
        ["OWASP"],
        "a policy with the core rule set",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set add -g {{g}} --policy-name crs --type OWASP --version 3.2 --group-name {_SQLI} "
        "--rule rule-id=942100 state=Disabled --rule rule-id=942110 state=Enabled action=Block "
        "--query managedRules.managedRuleSets[0].ruleGroupOverrides",
        [
            {
                "ruleGroupName": _SQLI,
                "rules": [
                    {"ruleId": "942100", "state": "Disabled"},
                    {"ruleId": "942110", "state": "Enabled", "action": "Block"},
                ],
            }
        ],
        "rules of a group are off, or block alone",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set add -g {{g}} --policy-name crs --type OWASP --version 3.2 --group-name {_LFI} "
        "--query managedRules.managedRuleSets[0].ruleGroupOverrides[].ruleGroupName",
        [_SQLI, _LFI],
        "a whole group is off",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set add -g {{g}} --policy-name crs --type OWASP --version 3.2 --group-name {_LFI} "
        "--rule rule-id=1",
        Fails(1, "ManagedRuleNotSupported", "Rule 1 of group"),
        "a rule that there is not",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set update -g {{g}} --policy-name crs --type OWASP --version 3.2 "
        f"--group-name {_SQLI} --rule rule-id=942120 state=Disabled "
        "--query managedRules.managedRuleSets[0].ruleGroupOverrides[0].rules[].ruleId",
        ["942120"],
        "the rules of a group are written anew",
    ),
    az(
        "list",
        f"{HERE} managed-rule rule-set list -g {{g}} --policy-name crs --query managedRuleSets[].ruleSetVersion",
        ["3.2"],
        "rule sets are listed",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set remove -g {{g}} --policy-name crs --type OWASP --version 3.2 "
        f"--group-name {_LFI} --query managedRules.managedRuleSets[0].ruleGroupOverrides[].ruleGroupName",
        [_SQLI],
        "a group is as it was",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set update -g {{g}} --policy-name crs --type OWASP --version 3.1 "
        "--query managedRules.managedRuleSets[].ruleSetVersion",
        ["3.1"],
        "another version takes the place of one",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set remove -g {{g}} --policy-name crs --type OWASP --version 3.1 "
        "--query managedRules.managedRuleSets",
        [],
        "a rule set goes",
    ),
    az(
        "update",
        f"{HERE} managed-rule rule-set add -g {{g}} --policy-name crs --type OWASP --version 3.2 "
        "--query managedRules.managedRuleSets[].ruleSetVersion",
        ["3.2"],
        "and comes again",
    ),
]

EXCLUSIONS: Rows = [
    az(
        "update",
        f"{HERE} managed-rule exclusion add -g {{g}} --policy-name crs --match-variable RequestHeaderNames "
        "--selector-match-operator StartsWith --selector Bing",
        {"matchVariable": "RequestHeaderNames", "selectorMatchOperator": "StartsWith", "selector": "Bing"},
        "what no rule looks at",
    ),
    az(
        "update",
        f"{HERE} managed-rule exclusion rule-set add -g {{g}} --policy-name crs --match-variable RequestArgNames "
        f"--match-operator Equals --selector text --type OWASP --version 3.2 --group-name {_SQLI} --rule-ids 942100 "
        "942110 --query managedRules.exclusions[1].exclusionManagedRuleSets",
        [
            {
                "ruleSetType": "OWASP",
                "ruleGroups": [{"ruleGroupName": _SQLI, "rules": [{"ruleId": "942100"}, {"ruleId": "942110"}]}],
            }
        ],
        "what two rules do not look at",
    ),
    az(
        "update",
        f"{HERE} managed-rule exclusion rule-set add -g {{g}} --policy-name crs --match-variable RequestArgNames "
        "--match-operator Equals --selector text --type OWASP --version 3.2 --group-name REQUEST-1-NONE",
        Fails(1, "ManagedRuleGroupNotSupported"),
        "a group that there is not",
    ),
    az(
        "list",
        f"{HERE} managed-rule exclusion rule-set list -g {{g}} --policy-name crs --query exclusions[].selector",
        ["Bing", "text"],
        "exclusions are listed by rule sets",
    ),
    az(
        "update",
        f"{HERE} managed-rule exclusion rule-set remove -g {{g}} --policy-name crs --match-variable RequestArgNames "
        f"--match-operator Equals --selector text --type OWASP --version 3.2 --group-name {_SQLI} "
        "--query managedRules.exclusions[].selector",
        ["Bing"],
        "an exclusion for rules goes",
    ),
    az(
        "list",
        f"{HERE} managed-rule exclusion list -g {{g}} --policy-name crs --query exclusions[].selector",
        ["Bing"],
        "exclusions are listed",
    ),
    az(
        "update",
        f"{HERE} managed-rule exclusion remove -g {{g}} --policy-name crs --query managedRules.exclusions",
        [],
        "all exclusions go",
    ),
    az(
        "update",
        f"{HERE} managed-rule exception add -g {{g}} --policy-name crs --match-variable RequestURI "
        "--value-match-operator Contains --values /health",
        Fails(1, "exceptions"),
        "exceptions are not supported, and said to be",
    ),
    az(
        "list",
        f"{HERE} managed-rule exception list -g {{g}} --policy-name crs --query exceptions",
        [],
        "so there are none",
    ),
    az("update", f"{HERE} managed-rule exception remove -g {{g}} --policy-name crs", {}, "to remove all is no fault"),
]

KNOWN: Rows = [
    az(
        "rule-sets",
        f'{OLDER} list-rule-sets --type OWASP --version 3.2 --query "[].ruleGroups[].ruleGroupName | length(@)"',
        13,
        "groups of the core rule set",
    ),
    az(
        "rule-sets",
        f"{OLDER} list-rule-sets --type OWASP --version 3.1 --group {_SQLI} "
        '--query "[0].ruleGroups[0].rules[0].[ruleId,state]"',
        [942100, "Enabled"],
        "rules of a group",
    ),
    az(
        "dynamic-rule-sets",
        f'{OLDER} list-dynamic-rule-sets -l westeurope --query "[].[ruleSetType,ruleSetVersion]"',
        [["Microsoft_DefaultRuleSet", "2.1"]],
        "the rule sets of a region, and which is the default",
    ),
]

USED: Rows = [
    (
        covers("Microsoft.Network/virtualNetworks", "create", client="az"),
        "network vnet create -g {g} -n v --address-prefixes 10.0.0.0/16 --subnet-name gw --subnet-prefixes 10.0.0.0/24",
        {},
        "a network for a gateway with a firewall",
    ),
    (
        covers("Microsoft.Network/publicIPAddresses", "create", client="az"),
        "network public-ip create -g {g} -n p --sku Standard",
        {},
        "an address for it",
    ),
    gateway(
        "create",
        "network application-gateway create -g {g} -n plain --sku Standard_v2 --vnet-name v --subnet gw "
        "--public-ip-address p --priority 1 --waf-policy waf",
        Fails(1, "ApplicationGatewayFirewallNotSupportedForSku"),
        "a gateway without a firewall takes no policy",
    ),
    gateway(
        "create",
        "network application-gateway create -g {g} -n gw --sku WAF_v2 --vnet-name v --subnet gw --public-ip-address p "
        "--servers 10.0.1.4 --priority 1 --waf-policy waf --query applicationGateway.firewallPolicy.resourceGroup",
        "{g}",
        "a gateway with a policy comes from a template",
    ),
    az(
        "show",
        f'{HERE} show -g {{g}} -n waf --query "[resourceState, applicationGateways[].resourceGroup]"',
        ["Enabled", ["{g}"]],
        "a policy says who uses it",
    ),
    gateway(
        "update",
        "network application-gateway http-listener update -g {g} --gateway-name gw -n appGatewayHttpListener "
        "--waf-policy crs --query firewallPolicy.resourceGroup",
        "{g}",
        "a listener has a policy of its own",
    ),
    gateway(
        "update",
        "network application-gateway url-path-map create -g {g} --gateway-name gw -n m --rule-name img "
        "--paths /images/* --address-pool appGatewayBackendPool --http-settings appGatewayBackendHttpSettings "
        "--default-address-pool appGatewayBackendPool --default-http-settings appGatewayBackendHttpSettings "
        "--waf-policy crs --query pathRules[].firewallPolicy.resourceGroup",
        ["{g}"],
        "a path has a policy of its own",
    ),
    az(
        "show",
        f'{HERE} show -g {{g}} -n crs --query "[length(httpListeners), length(pathBasedRules)]"',
        [1, 1],
        "a policy says which listeners and paths use it",
    ),
    gateway(
        "update",
        f"{OLDER} set -g {{g}} --gateway-name gw --enabled false --firewall-mode Detection --rule-set-version 3.2",
        {},
        "the older configuration, off",
    ),
    gateway(
        "show",
        f"{OLDER} show -g {{g}} --gateway-name gw",
        {"enabled": False, "ruleSetType": "OWASP", "ruleSetVersion": "3.2"},
        "the older configuration is shown",
    ),
    az("delete", f"{HERE} delete -g {{g}} -n waf", Fails(1, "CannotDeleteResource"), "a policy that is used stays"),
    gateway("delete", "network application-gateway delete -g {g} -n gw", None, "the gateway goes"),
    az("delete", f"{HERE} delete -g {{g}} -n waf", None, "then the policy goes"),
    az("list", f"{HERE} list -g {{g}} --query [].name", ["crs"], "the other one is left"),
]

FIREWALLS: Rows = [*WHOLE, *SETTINGS, *RULES, *SETS, *EXCLUSIONS, *KNOWN, *USED]
