"""Scenarios 25 and 27 to 30 on Application Gateway, with az and the SDK: every request is a real one, from hosts on the
Internet through the gateway's public address. Those on Front Door need Front Door."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.network import models as network

from lazulite.testing import Lab
from tests.clients.az import VISITOR, Az
from tests.clients.sdk import LOCATION, Sdk
from tests.clients.test_application_gateway import KIND as GATEWAY
from tests.clients.test_application_gateway import Site
from tests.json_lines import rows as whole_lines
from tests.waiting import until
from tests.web import curl

covers = pytest.mark.covers
KIND = "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies"
WAF = "network application-gateway waf-policy"
INJECTION, SCRIPT = "/?id=1%27%20or%20%271%27=%271%27--%20", "/?x=%3Cscript%3Ealert(1)%3C/script%3E"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


class Shop:
    """A site behind a gateway with policy waf, which is on, and two visitors."""

    def __init__(self, site: Site, az: Az) -> None:
        self.site, self._az, self.lab = site, az, site.lab
        self("create -g {g} -n waf --type OWASP --version 3.2")
        # az turns the check of bodies off with every change of settings that does not ask for it.
        self(
            "policy-setting update -g {g} --policy-name waf --state Enabled --mode Prevention --request-body-check true"
        )
        az(VISITOR, group=site.group, name="stranger")
        site.gateway([site.pool("all", site.machine("one"))], sku="WAF_v2", firewall_policy=self.policy())
        site.well(1)

    def __call__(self, command: str, **places: str) -> Any:
        """What ``az network application-gateway waf-policy COMMAND`` answers."""
        return self._az(f"{WAF} {command}", g=self.site.group, **places)

    def policy(self, name: str = "waf") -> network.SubResource:
        here = f"/subscriptions/{self.site.sdk.subscription}/resourceGroups/{self.site.group}/providers/{KIND}"
        return network.SubResource(id=f"{here}/{name}")

    def rule(self, name: str, priority: int, action: str, more: str = "--rule-type MatchRule") -> None:
        self(f"custom-rule create -g {{g}} --policy-name waf -n {name} --priority {priority} --action {action} {more}")

    def when(self, name: str, condition: str) -> None:
        self(f"custom-rule match-condition add -g {{g}} --policy-name waf -n {name} {condition}")

    def status(self, path: str = "/", *arguments: str, visitor: str = "visitor") -> int:
        return curl(self.lab, visitor, *arguments, f"http://{self.site.address}{path}")[0]

    def address(self, visitor: str) -> str:
        found: str = self.lab.client.get("/lazulite/names")[visitor]
        return found

    def logged(self, file: str, which: Callable[[Any], bool]) -> list[dict[str, Any]]:
        """Lines of a log of the lab's proxies that are as wanted, once there are any."""

        def found() -> list[dict[str, Any]]:
            path = Path(self.lab.directory, "http", file)
            rows = whole_lines(path)
            return [r for r in rows if which(r["properties"])]

        return until(found)


@pytest.fixture
def site(lab: Lab, sdk: Sdk, group: str) -> Site:
    return Site(lab, sdk, group)


@pytest.fixture
def shop(site: Site, az: Az) -> Shop:
    return Shop(site, az)


@covers(KIND, "create", "managed-rules", "modes", "logs", client="az")
def test_a_firewall_on_a_gateway_stops_attacks_and_lets_the_ordinary_pass(shop: Shop) -> None:
    """Scenario 25."""
    assert [shop.status(path) for path in ("/", "/?q=hello+world&page=2", "/items/12")] == [200, 200, 200]
    assert [shop.status(path) for path in (INJECTION, SCRIPT)] == [403, 403]
    assert shop.status("/", "-d", "comment=<script>alert(1)</script>") == 403
    rows = shop.logged("firewall.log", lambda p: p["requestUri"] == INJECTION and p["action"] == "Blocked")
    told = rows[-1]["properties"]
    assert (told["policyId"], told["policyScope"], told["clientIp"]) == (
        shop.policy().id,
        "Global",
        shop.address("visitor"),
    )
    access = shop.logged("ApplicationGatewayAccessLog.json", lambda p: p["transactionId"] == told["transactionId"])
    (line,) = access
    properties = line["properties"]
    assert (properties["httpStatus"], properties["originalRequestUriWithArgs"]) == (403, INJECTION)
    assert (line["listenerName"], line["ruleName"], properties["serverRouted"]) == ("web", "to-web", "")
    assert (properties["WAFMode"], properties["WAFPolicyID"]) == ("Prevention", shop.policy().id)
    assert float(properties["WAFEvaluationTime"]) <= properties["timeTaken"] + 0.001
    shop("policy-setting update -g {g} --policy-name waf --mode Detection")
    assert [shop.status(path) for path in (INJECTION, SCRIPT)] == [200, 200]
    assert shop.logged("firewall.log", lambda p: p["requestUri"] == SCRIPT and p["action"] == "Detected")
    shop("policy-setting update -g {g} --policy-name waf --state Disabled --mode Prevention")
    assert shop.status(INJECTION) == 200


@covers(KIND, "bots", client="az")
def test_bots_that_are_bad_are_stopped_and_others_are_told_of(shop: Shop) -> None:
    """Scenario 27."""
    shop("managed-rule rule-set add -g {g} --policy-name waf --type Microsoft_BotManagerRuleSet --version 1.1")
    assert shop.status("/", "-A", BROWSER) == 200
    pretender = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert shop.status("/", "-A", pretender) == 403
    assert shop.status("/", "-A", "python-requests/2.31") == 200
    assert shop.logged("firewall.log", lambda p: (p["ruleGroup"], p["action"]) == ("BadBots", "Blocked"))
    assert shop.logged("firewall.log", lambda p: (p["ruleGroup"], p["action"]) == ("UnknownBots", "Log"))
    rows = shop.logged("firewall.log", lambda p: p["ruleSetType"] == "Microsoft_BotManagerRuleSet")
    assert len({(r["properties"]["ruleGroup"], r["properties"]["action"]) for r in rows}) == 2
    shop(
        "managed-rule rule-set add -g {g} --policy-name waf --type Microsoft_BotManagerRuleSet --version 1.1 "
        "--group-name UnknownBots --rule rule-id=Bot300300 action=Block state=Enabled"
    )
    assert shop.status("/", "-A", "python-requests/2.31") == 403
    assert shop.status("/", "-A", BROWSER) == 200


@covers(KIND, "custom-response", client="az")
def test_who_is_stopped_gets_the_status_and_the_page_of_the_policy(shop: Shop) -> None:
    """Scenario 28."""
    assert "403 Forbidden" in curl(shop.lab, "visitor", f"http://{shop.site.address}{INJECTION}")[1]
    page = b64encode(b"<h1>Not today</h1>").decode()
    shop(f"policy-setting update -g {{g}} --policy-name waf --custom-status-code 405 --custom-body {page}")
    shop.rule("admin", 1, "Block")
    shop.when("admin", "--match-variables RequestUri --operator BeginsWith --values /admin")
    for path in (INJECTION, "/admin/users"):
        assert curl(shop.lab, "visitor", f"http://{shop.site.address}{path}") == (405, "<h1>Not today</h1>")
    assert shop.status("/") == 200


@covers(KIND, "ip-restriction", client="az")
def test_addresses_are_let_in_or_kept_out(shop: Shop) -> None:
    """Scenario 29."""
    visitor, stranger = shop.address("visitor"), shop.address("stranger")
    shop.rule("banned", 10, "Block")
    shop.when("banned", f"--match-variables RemoteAddr --operator IPMatch --values {stranger}/32 192.0.2.0/24")
    assert [shop.status(visitor=v) for v in ("visitor", "stranger")] == [200, 403]
    shop("custom-rule delete -g {g} --policy-name waf -n banned")
    assert [shop.status(visitor=v) for v in ("visitor", "stranger")] == [200, 200]
    shop.rule("office", 20, "Block")
    shop.when("office", f"--match-variables RemoteAddr --operator IPMatch --values {stranger} --negate true")
    shop.when("office", "--match-variables RequestUri --operator BeginsWith --values /admin")
    assert [shop.status("/admin", visitor=v) for v in ("visitor", "stranger")] == [403, 200]
    assert shop.status("/") == 200
    shop.rule("trusted", 5, "Allow")
    shop.when("trusted", f"--match-variables RemoteAddr --operator IPMatch --values {visitor}")
    assert shop.status("/admin") == 200
    assert [shop.status(INJECTION, visitor=v) for v in ("visitor", "stranger")] == [200, 403]


@covers(KIND, "rate-limit", client="az")
def test_who_asks_too_often_is_stopped_and_nobody_else(shop: Shop) -> None:
    """Scenario 30: at most five a minute for each client, of what is below /login; five minutes so that no test is slow
    enough to see a window end."""
    limit = "--rule-type RateLimitRule --rate-limit-duration FiveMins --rate-limit-threshold 5"
    by = '--group-by-user-session "[{{group-by-variables:[{{variable-name:ClientAddr}}]}}]"'
    shop.rule("often", 1, "Block", f"{limit} {by}")
    shop.when("often", "--match-variables RequestUri --operator BeginsWith --values /login")
    assert [shop.status("/login") for _ in range(8)] == [200] * 5 + [403] * 3
    assert [shop.status("/") for _ in range(8)] == [200] * 8
    assert [shop.status("/login", visitor="stranger") for _ in range(6)] == [200] * 5 + [403]
    visitor, stranger = shop.address("visitor"), shop.address("stranger")
    assert shop.logged("firewall.log", lambda p: (p["ruleId"], p["clientIp"]) == ("often", visitor))
    assert shop.logged("firewall.log", lambda p: (p["ruleId"], p["clientIp"]) == ("often", stranger))


def described(**more: Any) -> network.WebApplicationFirewallPolicy:
    """Everything that a policy can say, but for what is refused."""
    condition = network.MatchCondition(
        match_variables=[network.MatchVariable(variable_name="RequestHeaders", selector="User-Agent")],
        operator="Contains",
        match_values=["evilbot"],
        transforms=["Lowercase", "Trim"],
        negation_conditon=False,
    )
    uri = network.MatchCondition(
        match_variables=[network.MatchVariable(variable_name="RequestUri")], operator="BeginsWith", match_values=["/x"]
    )
    grouped = network.GroupByUserSession(group_by_variables=[network.GroupByVariable(variable_name="ClientAddr")])
    rules = [
        network.WebApplicationFirewallCustomRule(
            name="bots", priority=1, rule_type="MatchRule", action="Block", match_conditions=[condition]
        ),
        network.WebApplicationFirewallCustomRule(
            name="often",
            priority=2,
            rule_type="RateLimitRule",
            action="Block",
            rate_limit_duration="OneMin",
            rate_limit_threshold=100,
            group_by_user_session=[grouped],
            match_conditions=[uri],
        ),
    ]
    off = network.ManagedRuleOverride(rule_id="942100", state="Disabled")
    group = network.ManagedRuleGroupOverride(rule_group_name="REQUEST-942-APPLICATION-ATTACK-SQLI", rules=[off])
    managed = network.ManagedRulesDefinition(
        managed_rule_sets=[
            network.ManagedRuleSet(rule_set_type="OWASP", rule_set_version="3.2", rule_group_overrides=[group])
        ],
        exclusions=[
            network.OwaspCrsExclusionEntry(
                match_variable="RequestArgNames", selector_match_operator="Equals", selector="text"
            )
        ],
    )
    settings = network.PolicySettings(
        state="Enabled",
        mode="Prevention",
        request_body_check=True,
        max_request_body_size_in_kb=256,
        file_upload_limit_in_mb=50,
        custom_block_response_status_code=405,
        custom_block_response_body=b64encode(b"no").decode(),
    )
    said = {"custom_rules": rules, "managed_rules": managed, "policy_settings": settings, "tags": {"a": "b"}} | more
    return network.WebApplicationFirewallPolicy(location=LOCATION, **said)


def within(found: Any, wanted: Any) -> bool:
    """Whether everything of *wanted* is in *found*: an answer has defaults beside what was written."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(k in found and within(found[k], v) for k, v in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(within, found, wanted))
    return bool(found == wanted)


@covers(KIND, "create", "show", "list", "list-all", "update", "delete", client="sdk")
@covers(GATEWAY, "waf-rule-sets", client="sdk")
def test_the_sdk_reads_what_it_wrote(sdk: Sdk, group: str) -> None:
    policies, written = sdk.network.web_application_firewall_policies, described()
    made = policies.create_or_update(group, "waf", written)
    assert within(made.as_dict(), written.as_dict()), made.as_dict()
    read = policies.get(group, "waf")
    assert read.as_dict() == made.as_dict()
    again = policies.create_or_update(group, "waf", read)
    changing = ("etag", "provisioning_state")
    assert {k: v for k, v in again.as_dict().items() if k not in changing} == {
        k: v for k, v in read.as_dict().items() if k not in changing
    }
    assert [p.name for p in policies.list(group)] == ["waf"]
    assert "waf" in [p.name for p in policies.list_all()]
    read.policy_settings.mode = "Detection"
    assert policies.create_or_update(group, "waf", read).policy_settings.mode == "Detection"
    read.custom_rules[1].priority = 1
    with pytest.raises(HttpResponseError) as refusal:
        policies.create_or_update(group, "waf", read)
    assert refusal.value.status_code == 400
    assert [r.priority for r in policies.get(group, "waf").custom_rules] == [1, 2]
    policies.begin_delete(group, "waf").result()
    with pytest.raises(ResourceNotFoundError):
        policies.get(group, "waf")
    sets = sdk.network.application_gateways.list_available_waf_rule_sets().value
    assert ("OWASP", "3.2") in [(s.rule_set_type, s.rule_set_version) for s in sets]
    manifest = sdk.network.application_gateway_waf_dynamic_manifests_default.get(LOCATION)
    told = manifest.properties
    assert (told.default_rule_set.rule_set_type, told.default_rule_set.rule_set_version) == (
        "Microsoft_DefaultRuleSet",
        "2.1",
    )
    assert len(told.available_rule_sets) == len(sets)
    assert [m.name for m in sdk.network.application_gateway_waf_dynamic_manifests.get(LOCATION)] == ["default"]


@covers(KIND, "associations", client="sdk")
def test_the_policy_of_a_path_counts_before_that_of_a_listener_and_that_before_the_gateway_s(site: Site) -> None:
    """Each blocks one path alone; a policy that is used says where, and stays."""
    policies = site.sdk.network.web_application_firewall_policies

    def blocking(name: str) -> network.SubResource:
        condition = network.MatchCondition(
            match_variables=[network.MatchVariable(variable_name="RequestUri")],
            operator="EndsWith",
            match_values=[f"/{name}"],
        )
        only = network.WebApplicationFirewallCustomRule(
            name=name, priority=1, rule_type="MatchRule", action="Block", match_conditions=[condition]
        )
        none = network.ManagedRulesDefinition(managed_rule_sets=[])
        made = policies.create_or_update(site.group, name, described(custom_rules=[only], managed_rules=none))
        return network.SubResource(id=made.id)

    whole, listened, by_path = (blocking(n) for n in ("gateway", "listener", "path"))
    rules = [network.ApplicationGatewayPathRule(name="deep", paths=["/deep/*"], firewall_policy=by_path, **site.to())]
    paths = network.ApplicationGatewayUrlPathMap(
        name="m",
        default_backend_address_pool=site.part("backendAddressPools", "all"),
        default_backend_http_settings=site.part("backendHttpSettingsCollection", "plain"),
        path_rules=rules,
    )
    routed = {"rule_type": "PathBasedRouting", "url_path_map": site.part("urlPathMaps", "m")}

    def write(listener: network.SubResource | None) -> network.ApplicationGateway:
        return site.gateway(
            pools,
            sku="WAF_v2",
            firewall_policy=whole,
            url_path_maps=[paths],
            http_listeners=[site.listener("web", 80, **({"firewall_policy": listener} if listener else {}))],
            request_routing_rules=[site.rule("web", 10, **routed)],
        )

    pools = [site.pool("all", site.machine("one"))]
    made = write(listened)
    site.well(1)
    names = ("gateway", "listener", "path")

    def blocked(prefix: str) -> list[str]:
        found = {n: curl(site.lab, "visitor", f"http://{site.address}{prefix}/{n}")[0] for n in names}
        assert set(found.values()) <= {200, 405}
        return [n for n, status in found.items() if status == 405]

    assert (blocked(""), blocked("/deep")) == (["listener"], ["path"])
    used = policies.get(site.group, "listener")
    assert [r.id for r in used.http_listeners] == [made.http_listeners[0].id]
    assert [r.id for r in policies.get(site.group, "path").path_based_rules] == [made.url_path_maps[0].path_rules[0].id]
    assert [g.id for g in policies.get(site.group, "gateway").application_gateways] == [made.id]
    write(None)
    assert (blocked(""), blocked("/deep")) == (["gateway"], ["path"])
    with pytest.raises(HttpResponseError) as refusal:
        policies.begin_delete(site.group, "path").result()
    assert refusal.value.status_code in (400, 409)
    policies.begin_delete(site.group, "listener").result()
