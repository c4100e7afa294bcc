"""A firewall policy at a gateway, with real requests: custom and managed rules, modes, sizes, scopes, and deaths."""

from __future__ import annotations

import contextlib
import os
import signal
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lazulite.engines.http.lines import SHOWN
from lazulite.engines.waf import nursery, worker
from lazulite.engines.waf.challenge import COOKIE
from lazulite.testing import Lab, lab
from tests.engines.test_waf_bots import solved
from tests.json_lines import rows as whole_lines
from tests.lab.test_application_gateway import (
    STATIC,
    _child,
    curl,
    front,
    gateway,
    leads,
    listener,
    part,
    rule,
)
from tests.waiting import until

POLICY = "ApplicationGatewayWebApplicationFirewallPolicies"
ATTACK = "?id=1%27%20or%20%271%27=%271%27--%20"
SCRIPT = "?x=%3Cscript%3Ealert(1)%3C/script%3E"
MANAGED = {"managedRuleSets": [{"ruleSetType": "OWASP", "ruleSetVersion": "3.2"}]}


_SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")
    do_POST = do_GET
    def log_message(self, *said):
        pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""


def serve(here: Lab, machine: str) -> None:
    """A server that reads what it is sent, and hangs up after each answer."""
    started = ["sh", "-c", "cat > /tmp/s.py; setsid -f python3 /tmp/s.py < /dev/null > /tmp/log 2>&1"]
    assert here.exec(machine, started, stdin=_SERVER).returncode == 0


@pytest.fixture(scope="module")
def here() -> Iterator[Lab]:
    """Network net with machines one and two that serve, and visitor in Germany."""
    with lab() as made:
        space = {"addressPrefixes": ["10.0.0.0/16"]}
        subnets = [_child(n, addressPrefix=p) for n, p in (("gw", "10.0.0.0/24"), ("web", "10.0.1.0/24"))]
        made.put("virtualNetworks/net", {"properties": {"addressSpace": space, "subnets": subnets}})
        for name in ("one", "two"):
            subnet = made.ref("virtualNetworks/net/subnets/web")
            made.put(f"networkInterfaces/{name}", {"properties": {"ipConfigurations": [_child("i", subnet=subnet)]}})
            attached = [made.ref(f"networkInterfaces/{name}")]
            profile = {"hardwareProfile": {"vmSize": "Standard_B1s"}, "networkProfile": {"networkInterfaces": attached}}
            made.put(f"Microsoft.Compute/virtualMachines/{name}", {"properties": profile})
            serve(made, name)
        made.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        made.put("publicIPAddresses/front", {"sku": {"name": "Standard"}, "properties": STATIC})
        policy(made)
        guarded(made)
        until(lambda: curl(made, "visitor", f"http://{front(made)}/")[0] == 200)
        yield made


def policy(here: Lab, name: str = "waf", *rules: Any, managed: Any = MANAGED, **settings: Any) -> Any:
    said = {"state": "Enabled", "mode": "Prevention"} | settings
    properties = {"policySettings": said, "managedRules": managed, "customRules": list(rules)}
    return here.put(f"{POLICY}/{name}", {"properties": properties})


def guarded(here: Lab, **parts: Any) -> Any:
    return gateway(here, **({"sku": {"name": "WAF_v2"}, "firewallPolicy": here.ref(f"{POLICY}/waf")} | parts))


def custom(name: str, priority: int, action: str, variable: str, operator: str, *values: str, **more: Any) -> Any:
    variables = [{"variableName": variable, "selector": more.pop("selector", None)}]
    condition = {"matchVariables": variables, "operator": operator, "matchValues": list(values)} | more
    return {
        "name": name,
        "priority": priority,
        "ruleType": "MatchRule",
        "action": action,
        "matchConditions": [condition],
    }


BOTS = custom(
    "bots", 1, "Block", "RequestHeaders", "Contains", "evilbot", selector="User-Agent", transforms=["Lowercase"]
)


def status(here: Lab, path: str = "/", *arguments: str) -> int:
    return curl(here, "visitor", *arguments, f"http://{front(here)}{path}")[0]


def test_a_custom_rule_blocks_what_it_names_and_nothing_else(here: Lab) -> None:
    policy(here, "waf", BOTS)
    assert status(here, "/", "-A", "EvilBot/2.0") == 403
    assert status(here, "/", "-A", "chrome") == 200


def test_managed_rules_block_attacks_in_queries_and_bodies_and_let_the_ordinary_pass(here: Lab) -> None:
    policy(here)
    assert [status(here, f"/{attack}") for attack in (ATTACK, SCRIPT)] == [403, 403]
    assert status(here, "/", "-d", "comment=<script>alert(1)</script>") == 403
    ordinary = ("/?q=hello+world&page=2", "/shop/items/12?sort=price")
    assert [status(here, path) for path in ordinary] == [200, 200]
    assert status(here, "/", "-d", "name=Anna&city=Berlin") == 200
    assert status(here, "/", "-H", "Transfer-Encoding: chunked", "-d", "name=Anna") == 200


def test_a_rule_of_higher_priority_spares_the_managed_ones(here: Lab) -> None:
    policy(here, "waf", custom("office", 1, "Allow", "RequestHeaders", "Equal", "yes", selector="X-Office"))
    assert status(here, f"/{ATTACK}", "-H", "X-Office: yes") == 200
    assert status(here, f"/{ATTACK}", "-H", "X-Office: no") == 403


def test_the_country_of_a_client_is_where_the_lab_has_it(here: Lab) -> None:
    policy(here, "waf", custom("de", 1, "Block", "RemoteAddr", "GeoMatch", "DE"))
    assert status(here) == 403
    policy(here, "waf", custom("us", 1, "Block", "RemoteAddr", "GeoMatch", "US"))
    assert status(here) == 200
    policy(here, "waf", custom("not-us", 1, "Block", "RemoteAddr", "GeoMatch", "US", negationConditon=True))
    assert status(here) == 403


def test_what_is_blocked_gets_the_status_and_the_page_of_the_policy(here: Lab) -> None:
    page = b64encode(b"sorry").decode()
    policy(here, customBlockResponseStatusCode=405, customBlockResponseBody=page)
    assert curl(here, "visitor", f"http://{front(here)}/{ATTACK}") == (405, "sorry")


def test_detection_lets_all_pass_and_tells(here: Lab) -> None:
    policy(here, "waf", BOTS, mode="Detection")
    assert status(here, f"/detected{ATTACK}") == 200
    assert status(here, "/detected-bot", "-A", "evilbot") == 200
    tells(here, "/detected?", ("949110", "Detected"))
    tells(here, "/detected-bot", ("bots", "Detected"))
    assert told(here, "/detected-bot") == {("bots", "Detected")}


def told(here: Lab, path: str) -> set[tuple[str, str]]:
    """Rule and action of the lines of the log about *path*."""
    return {(p["ruleId"], p["action"]) for p in lines(here, "firewall.log") if p["requestUri"].startswith(path)}


def tells(here: Lab, path: str, *rows: tuple[str, str]) -> None:
    """The log comes to have these of *path*; it is written beside the answer."""
    until(lambda: told(here, path), lambda found: found >= set(rows))


def test_a_block_is_told_with_the_rules_that_led_to_it(here: Lab) -> None:
    policy(here, "waf", BOTS)
    assert status(here, f"/blocked{ATTACK}") == 403
    tells(here, "/blocked?", ("942100", "Matched"), ("949110", "Blocked"))


def test_long_bodies_are_refused_where_that_is_enforced(here: Lab) -> None:
    send = ["--data-binary", "@/tmp/long", "-H", "Content-Type: application/octet-stream", "-H", "Expect:"]
    here.exec("visitor", ["sh", "-c", "head -c 20000 /dev/zero | tr '\\0' a > /tmp/long"])
    office = custom("office", 1, "Allow", "RequestHeaders", "Equal", "yes", selector="X-Office")
    settings = {"maxRequestBodySizeInKb": 16, "requestBodyInspectLimitInKB": 8}
    managed = {"managedRuleSets": []}
    policy(here, "waf", office, managed=managed, **settings)
    assert status(here, "/", *send) == 413
    assert status(here, "/", *send, "-H", "X-Office: yes") == 200
    policy(here, "waf", managed=managed, **settings, requestBodyEnforcement=False)
    assert status(here, "/", *send) == 200


def test_the_policy_of_a_path_counts_before_that_of_a_site_and_of_the_gateway(here: Lab) -> None:
    policy(here, "waf", BOTS)
    policy(here, "site", custom("never", 1, "Block", "RequestUri", "Contains", "never"))
    policy(here, "path", custom("all", 1, "Block", "RequestMethod", "Equal", "GET"), managed={"managedRuleSets": []})
    policy(here, "off", state="Disabled")
    rows = [("api", "/api/*", "path"), ("free", "/free/*", "off")]
    rules = [_child(n, paths=[p], firewallPolicy=here.ref(f"{POLICY}/{of}"), **leads(here)) for n, p, of in rows]
    paths = _child(
        "m",
        pathRules=rules,
        defaultBackendAddressPool=part(here, "backendAddressPools", "b"),
        defaultBackendHttpSettings=part(here, "backendHttpSettingsCollection", "s"),
    )
    routed = rule(here, "r", urlPathMap=part(here, "urlPathMaps", "m"), ruleType="PathBasedRouting")
    sites = [listener(here, firewallPolicy=here.ref(f"{POLICY}/site"))]
    guarded(here, urlPathMaps=[paths], httpListeners=sites, requestRoutingRules=[routed])
    try:
        asked = ["/", "/never", "/api/x", f"/free/{ATTACK}", f"/{ATTACK}"]
        assert [status(here, path) for path in asked] == [200, 403, 403, 200, 403]
        assert status(here, "/", "-A", "evilbot") == 200
    finally:
        guarded(here)


def test_a_browser_that_runs_the_script_is_let_go_on(here: Lab) -> None:
    policy(here, "waf", custom("check", 1, "JSChallenge", "RequestUri", "BeginsWith", "/checked"))
    found, page = curl(here, "visitor", f"http://{front(here)}/checked")
    assert (found, "<script>" in page) == (403, True)
    cookie = f"{COOKIE}={solved(page)}"
    assert curl(here, "visitor", "-H", f"Cookie: {cookie}", f"http://{front(here)}/checked") == (200, "served")
    assert status(here, "/checked", "-H", f"Cookie: {cookie}1") == 403
    assert status(here) == 200


def test_bots_are_told_and_those_who_pretend_are_blocked(here: Lab) -> None:
    bots = {"ruleSetType": "Microsoft_BotManagerRuleSet", "ruleSetVersion": "1.1"}
    policy(here, managed={"managedRuleSets": [*MANAGED["managedRuleSets"], bots]})
    assert status(here, "/tool", "-A", "curl/8.5.0") == 200
    assert status(here, "/pretends", "-A", "Mozilla/5.0 (compatible; Googlebot/2.1)") == 403
    tells(here, "/tool", ("Bot300300", "Log"))
    tells(here, "/pretends", ("Bot100200", "Blocked"))
    assert status(here, f"/{ATTACK}") == 403


def test_a_rule_that_is_only_told_lets_pass(here: Lab) -> None:
    rules = [{"ruleId": "942100", "state": "Enabled", "action": "Log"}]
    only = {"ruleGroupName": "REQUEST-942-APPLICATION-ATTACK-SQLI", "rules": rules}
    policy(here, managed={"managedRuleSets": [MANAGED["managedRuleSets"][0] | {"ruleGroupOverrides": [only]}]})
    assert status(here, f"/only-told{ATTACK}") == 200
    tells(here, "/only-told", ("942100", "Log"))
    assert status(here, f"/{SCRIPT}") == 403


def test_a_limit_counts_over_all_processes(here: Lab) -> None:
    limit = custom("limit", 1, "Block", "RequestUri", "Contains", "/limited") | {
        "ruleType": "RateLimitRule",
        "rateLimitDuration": "FiveMins",
        "rateLimitThreshold": 5,
        "groupByUserSession": [{"groupByVariables": [{"variableName": "ClientAddr"}]}],
    }
    policy(here, "waf", limit)
    assert [status(here, "/limited") for _ in range(8)] == [200] * 5 + [403] * 3
    assert status(here, "/other") == 200


def processes(here: Lab, comm: str = "") -> set[int]:
    """The firewall's, as the host numbers them; those that are called *comm*."""
    found = set()
    for each in Path("/proc").glob("[0-9]*"):
        try:
            told = (each / "cmdline").read_bytes().decode().split("\0")
            named = (each / "comm").read_text().strip()
        except OSError:
            continue
        if str(Path(here.directory, "http")) in told and "lazulite.engines.waf" in told and comm in ("", named):
            found.add(int(each.name))
    return found


def roles(here: Lab) -> tuple[set[int], set[int], set[int]]:
    """Workers, what they come from, and who keeps them."""
    workers, nurseries = processes(here, worker.COMM), processes(here, nursery.COMM)
    return workers, nurseries, processes(here) - workers - nurseries


@pytest.mark.parametrize("role", [0, 1, 2], ids=["a worker", "what workers come from", "who keeps them"])
def test_a_process_that_dies_is_not_missed(here: Lab, role: int) -> None:
    """Nobody gets an answer that the policy did not give."""
    policy(here, "waf", BOTS)
    assert status(here, "/", "-A", "evilbot") == 403
    victim, answers = min(roles(here)[role]), set[int]()
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        answers.add(status(here, "/", "-A", "evilbot"))
        return another(here, {victim})

    until(replaced)
    assert answers == {403}
    assert status(here) == 200


def ended(here: Lab) -> set[int]:
    """Who is killed: all, some of whom end by themselves when the first ones are gone."""
    found = processes(here)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def another(here: Lab, before: set[int]) -> bool:
    """Whether a whole firewall is there, of none of the processes *before*."""
    now = roles(here)
    return not before & set().union(*now) and [len(some) for some in now] == [2, 1, 1]


def test_while_the_whole_firewall_is_dead_nothing_passes_and_another_one_comes(here: Lab) -> None:
    policy(here, "waf", BOTS)
    before, answers = ended(here), set()

    def back() -> bool:
        answers.add(status(here))
        return another(here, before) and status(here) == 200

    until(back)
    assert answers <= {200, 503}
    assert status(here, "/", "-A", "evilbot") == 403


def test_who_only_detects_is_passed_by_while_the_whole_firewall_is_dead(here: Lab) -> None:
    policy(here, "waf", BOTS, mode="Detection")
    before, answers = ended(here), set()

    def back() -> bool:
        answers.add(status(here, "/", "-A", "evilbot"))
        return another(here, before)

    until(back)
    assert answers == {200}


def test_a_request_has_one_number_in_both_logs(here: Lab) -> None:
    policy(here, "waf", BOTS)
    assert status(here, "/numbered", "-A", "evilbot") == 403
    blocked = until(lambda: [p for p in lines(here, "firewall.log") if p["requestUri"] == "/numbered"])[0]
    until(lambda: any(p.get("transactionId") == blocked["transactionId"] for p in lines(here, SHOWN)))


def lines(here: Lab, name: str) -> list[Any]:
    log = Path(here.directory, "http", name)
    return [row["properties"] for row in whole_lines(log)]


def test_the_machine_is_as_the_model_has_it(here: Lab) -> None:
    assert here.drift() == []
