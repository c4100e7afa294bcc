"""``lazulite trace URL``: what the model says of a request, and what the real one comes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from lazulite.cli import asking
from lazulite.testing import Lab
from tests.lab.test_application_gateway import (
    _child,
    address,
    front,
    gateway,
    healthy,
    here,  # noqa: F401
    leads,
    listener,
    part,
    rule,
    served,  # noqa: F401
    told,
    well,
)
from tests.services.gateways import PASSWORD, pfx
from tests.waiting import until
from tests.web import serve, stop


def traced(one: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent), "LAZULITE_LAB": one.directory.name}
    command = [sys.executable, "-c", "from lazulite.cli.main import main; main()", "trace", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def asked(one: Lab, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the answer with the real request."""
    done = traced(one, *words, "--packet", "--json")
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def test_what_comes_as_an_option_is_asked_of_both(served: Lab) -> None:  # noqa: F811
    url = f"http://{front(served)}/"
    done = traced(served, "visitor", url, "--packet", "-X", "TRACE", "-H", "X-Name: a")
    assert (done.returncode, "405" in done.stdout) == (0, True), done.stdout + done.stderr
    assert traced(served, "visitor", url, "-H", "nonsense").returncode == 2
    assert traced(served, "visitor", url, "-X", "NO GOOD").returncode != 0


def test_a_request_is_followed_to_its_servers(served: Lab) -> None:  # noqa: F811
    done = traced(served, "visitor", f"http://{front(served)}/a?b=c", "--packet")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "listener l: for any host  (gw/l)",
        "rule r: for any path  (gw/r)",
        "pool b/s: 2 of 2 up",
        f"server {address(served, 'one')}:8080: up, passes:",
        ":8080/a?b=c",
        "the real request: 200, as the model says",
    ):
        assert said in done.stdout


@pytest.fixture
def shop(served: Lab) -> Lab:  # noqa: F811
    """Listeners for shop.test with TLS and by path, for old.test, and one on port 80 that leads to TLS."""
    paths = _child(
        "m",
        pathRules=[
            _child("img", paths=["/images/*"], **leads(served, "first")),
            _child("gone", paths=["/gone"], redirectConfiguration=part(served, "redirectConfigurations", "away")),
        ],
        defaultBackendAddressPool=part(served, "backendAddressPools", "b"),
        defaultBackendHttpSettings=part(served, "backendHttpSettingsCollection", "s"),
    )
    up = _child(
        "up",
        redirectType="Permanent",
        targetListener=part(served, "httpListeners", "secure"),
        includePath=True,
        includeQueryString=True,
    )
    away = _child("away", redirectType="Found", targetUrl="https://new.test/start", includeQueryString=True)
    listeners = [
        listener(
            served,
            "secure",
            port=443,
            protocol="Https",
            sslCertificate=part(served, "sslCertificates", "cert"),
            hostName="shop.test",
        ),
        listener(served, "plain", hostName="shop.test"),
        listener(served, "old", hostNames=["*.old.test"]),
    ]
    rules = [
        rule(served, "s", "secure", 10, ruleType="PathBasedRouting", urlPathMap=part(served, "urlPathMaps", "m")),
        rule(served, "p", "plain", 20, redirectConfiguration=part(served, "redirectConfigurations", "up")),
        rule(served, "o", "old", 30, redirectConfiguration=part(served, "redirectConfigurations", "away")),
    ]
    gateway(
        served,
        sslCertificates=[_child("cert", data=pfx("shop.test"), password=PASSWORD)],
        urlPathMaps=[paths],
        redirectConfigurations=[up, away],
        httpListeners=listeners,
        requestRoutingRules=rules,
    )
    named = f"{front(served)} shop.test a.old.test nobody.test"
    assert served.exec("visitor", ["sh", "-c", f"echo {named} >> /etc/hosts"]).returncode == 0
    well(served)
    return served


ROWS = {
    "the default of the path map": ("https://{}/", 0, 200, ""),
    "a path of the path map": ("https://{}/IMAGES/a", 0, 200, ""),
    "a path that is redirected": ("https://{}/gone?x=y", 302, 302, "https://new.test/start?x=y"),
    "a host that is redirected to TLS": ("http://{}/cart?x=y", 301, 301, "https://shop.test/cart?x=y"),
}


def request(one: Lab, url: str) -> dict[str, Any]:
    """What the lab says of a request from the visitor, whatever names the visitor knows."""
    found: dict[str, Any] = one.client.post("/lazulite/request", {"from": "visitor", "url": url, "to": front(one)})
    return found


def really(one: Lab, url: str) -> tuple[int, str]:
    found = asking.send(one.client, "visitor", url, front(one))
    return found["status"], found["location"]


@pytest.mark.parametrize(("url", "status", "real", "location"), list(ROWS.values()), ids=list(ROWS))
def test_the_model_and_the_gateway_agree(shop: Lab, url: str, status: int, real: int, location: str) -> None:
    asking_for = url.format("shop.test")
    http = request(shop, asking_for)["http"]
    assert (http["status"], http["location"]) == (status, location)
    assert really(shop, asking_for) == (real, location)


def test_hosts_that_nobody_has_are_404_and_wildcards_are_found(shop: Lab) -> None:
    for host, status in (("nobody.test", 404), ("a.old.test", 302), ("old.test", 404), ("a.b.old.test", 302)):
        assert request(shop, f"http://{host}/")["http"]["status"] == status
        assert really(shop, f"http://{host}/")[0] == status


def test_the_origin_of_each_step_is_the_users_resource(shop: Lab) -> None:
    steps = request(shop, "https://shop.test/images/a")["http"]["steps"]
    assert [s["origin"].rpartition("/applicationGateways/gw/")[2] for s in steps] == [
        "httpListeners/secure",
        "urlPathMaps/m/pathRules/img",
        "backendHttpSettingsCollection/s",
    ]


def test_a_server_that_is_down_is_not_asked_and_none_is_502(served: Lab) -> None:  # noqa: F811
    one = address(served, "one")
    url = f"http://{front(served)}/"
    stop(served, "one")
    try:
        until(lambda: healthy(served)[one] == "Down")
        code, answer = asked(served, "visitor", url)
        assert (code, answer["http"]["status"], answer["packet"]["status"]) == (0, 0, 200)
        assert {s["name"]: s["available"] for s in answer["http"]["servers"]}[one] is False
        stop(served, "two")
        until(lambda: set(healthy(served).values()) == {"Down"})
        code, answer = asked(served, "visitor", url)
        assert (code, answer["http"]["status"], answer["packet"]["status"]) == (0, 502, 502)
    finally:
        for name in ("one", "two"):
            serve(served, name)
    well(served)


def test_a_port_without_a_listener_is_closed(served: Lab) -> None:  # noqa: F811
    code, answer = asked(served, "visitor", f"http://{front(served)}:81/")
    assert (code, answer["http"]["closed"], answer["packet"]["status"]) == (1, True, 0)
    said = traced(served, "visitor", f"http://{front(served)}:81/").stdout
    assert "nobody takes the connection" in said


def test_of_a_machine_that_is_no_gateway_the_connection_alone_is_told(served: Lab) -> None:  # noqa: F811
    code, answer = asked(served, "inside", f"http://{address(served, 'two')}:8080/")
    assert (code, answer["http"], answer["packet"]["status"]) == (0, None, 200)
    assert (
        "what answers is no proxy of the lab"
        in traced(served, "inside", f"http://{address(served, 'two')}:8080/").stdout
    )


def test_what_stops_the_gateway_on_its_way_to_a_server_is_named(served: Lab) -> None:  # noqa: F811
    """A security group at the servers that lets only the Internet in."""
    closed = {"protocol": "Tcp", "access": "Deny", "direction": "Inbound", "priority": 100}
    sides = {"sourceAddressPrefix": "10.0.0.0/24", "destinationAddressPrefix": "*", "sourcePortRange": "*"}
    guard = _child("no-gateways", **(closed | sides | {"destinationPortRange": "8080"}))
    served.put("networkSecurityGroups/guard", {"properties": {"securityRules": [guard]}})
    nic = served.get("networkInterfaces/one")
    group = {"networkSecurityGroup": served.ref("networkSecurityGroups/guard")}
    served.put("networkInterfaces/one", {"properties": nic["properties"] | group})
    try:
        one = address(served, "one")
        until(lambda: healthy(served)[one] == "Down")
        _, answer = asked(served, "visitor", f"http://{front(served)}/")
        row = next(s for s in answer["http"]["servers"] if s["name"] == one)
        assert (row["available"], row["passes"]) == (False, False)
        assert row["decided"]["origin"].endswith("/guard/securityRules/no-gateways")
    finally:
        served.put("networkInterfaces/one", {"properties": nic["properties"]})
        served.delete("networkSecurityGroups/guard")
    well(served)


def test_what_is_no_url_is_refused(served: Lab) -> None:  # noqa: F811
    done = traced(served, "visitor", "http://")
    assert done.returncode == 2
    assert "no URL" in done.stderr


def test_rewrites_are_told_and_the_server_gets_what_was_told(served: Lab) -> None:  # noqa: F811
    """By path with parts of it, by header, by method, to another rule, and what only the answer decides."""

    def changed(name: str, variable: str, pattern: str, url: Any, *headers: tuple[str, str]) -> dict[str, Any]:
        found = [{"headerName": n, "headerValue": v} for n, v in headers]
        return {
            "name": name,
            "ruleSequence": 100,
            "conditions": [{"variable": variable, "pattern": pattern, "ignoreCase": True}],
            "actionSet": {"requestHeaderConfigurations": found} | ({"urlConfiguration": url} if url else {}),
        }

    shirts = {"modifiedPath": "/buy", "modifiedQueryString": "c={var_uri_path_1}&p={var_uri_path_2}"}
    named = [
        changed("shirts", "var_uri_path", "^/(.+)/(.+)$", shirts, ("X-From", "{var_client_ip} {http_req_Host}")),
        changed("mobile", "http_req_User-Agent", "phone", {"modifiedPath": "/m{var_uri_path}"}),
        changed("posted", "var_http_method", "POST", None, ("X-Posted", "yes")),
    ]
    rules = _child("w", rewriteRules=named)
    part_of = part(served, "rewriteRuleSets", "w")
    gateway(
        served,
        rewriteRuleSets=[rules],
        requestRoutingRules=[rule(served, "r", "l", 10, rewriteRuleSet=part_of, ruleType="Basic", **leads(served))],
    )
    try:
        well(served)
        rows = [
            ("/fashion/shirts", [], "GET", ["shirts"], "/buy?c=fashion&p=shirts"),
            ("/a", ["User-Agent: a Phone"], "GET", ["mobile"], "/m/a"),
            ("/a/b?c=d", ["User-Agent: phone"], "GET", ["shirts", "mobile"], "/m/buy?c=a&p=b"),
            ("/a?c=d", [], "GET", [], "/a?c=d"),
            ("/", [], "POST", ["posted"], "/"),
        ]
        for path, headers, method, wanted, asked_for in rows:
            url, how = f"http://{front(served)}{path}", asking.wish(method, headers)
            http = asking.ask(served.client, "visitor", url, front(served), how)["http"]
            assert [s["name"] for s in http["steps"] if s["stage"] == "rewrite"] == wanted
            assert http["url"].partition(":8080")[2] == asked_for
            if method == "GET":
                seen = told(served, "visitor", url, *[w for h in headers for w in ("-H", h)])
                assert seen["path"] == asked_for
                origins = [s["origin"] for s in http["steps"] if s["stage"] == "rewrite"]
                assert [o.partition("/rewriteRuleSets/")[2] for o in origins] == ["w"] * len(wanted)
    finally:
        gateway(served)
    well(served)
