"""``lazulite trace URL`` through a firewall: what it is said to do is what it does, request by request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lazulite.cli import asking
from lazulite.testing import Lab
from tests.lab.test_application_gateway import _child, front, leads, part, rule
from tests.lab.test_gateway_traces import traced
from tests.lab.test_web_application_firewall import (
    ATTACK,
    BOTS,
    POLICY,
    SCRIPT,
    custom,
    guarded,
    here,  # noqa: F401
    policy,
    tells,
    told,
)
from tests.waiting import until

OFFICE = custom("office", 2, "Allow", "RequestHeaders", "Equal", "yes", selector="X-Office")
LOGGED = custom("logged", 3, "Log", "RequestUri", "Contains", "logged")
OLD = custom("old", 4, "Block", "RequestUri", "Contains", "/blocked")
FLOOD = {
    **custom("flood", 5, "Block", "RequestUri", "Contains", "/login"),
    "ruleType": "RateLimitRule",
    "rateLimitDuration": "FiveMins",
    "rateLimitThreshold": 1000,
    "groupByUserSession": [{"groupByVariables": [{"variableName": "ClientAddr"}]}],
}


@pytest.fixture(scope="module")
def shop(here: Lab) -> Lab:  # noqa: F811
    """Everything has the policy waf, below /watched one that only detects, below /free one that is off; /old is led
    elsewhere."""
    policy(here, "waf", BOTS, OFFICE, LOGGED, OLD, FLOOD)
    policy(here, "watch", OLD, mode="Detection")
    policy(here, "free", OLD, state="Disabled")
    paths = _child(
        "m",
        pathRules=[
            _child("watched", paths=["/watched/*"], firewallPolicy=here.ref(f"{POLICY}/watch"), **leads(here)),
            _child("free", paths=["/free/*"], firewallPolicy=here.ref(f"{POLICY}/free"), **leads(here)),
            _child("gone", paths=["/old/*"], redirectConfiguration=part(here, "redirectConfigurations", "away")),
        ],
        defaultBackendAddressPool=part(here, "backendAddressPools", "b"),
        defaultBackendHttpSettings=part(here, "backendHttpSettingsCollection", "s"),
    )
    away = _child("away", redirectType="Found", targetUrl="https://new.test/")
    by_path = {"ruleType": "PathBasedRouting", "urlPathMap": part(here, "urlPathMaps", "m")}
    guarded(
        here,
        urlPathMaps=[paths],
        redirectConfigurations=[away],
        requestRoutingRules=[rule(here, "r", "l", 10, **by_path)],
    )
    until(lambda: both(here, "/")[1] == 200)
    return here


def both(one: Lab, path: str, *headers: str, method: str = "", body: str = "") -> tuple[dict[str, Any], int]:
    """What is said of a request, and the status of the real one."""
    how, url = asking.wish(method, headers, body), f"http://{front(one)}{path}"
    said = asking.ask(one.client, "visitor", url, front(one), how)
    really = asking.send(one.client, "visitor", url, front(one), how)
    assert asking.agrees(said | {"packet": really}), (said["http"], really)
    return said["http"], really["status"]


ROWS = {
    "what is ordinary passes": ("/?q=hello+world", (), 200, "prevention: passes"),
    "an attack in the query is blocked": (f"/{ATTACK}", (), 403, "Blocked by rule 949110"),
    "and another one": (f"/{SCRIPT}", (), 403, "REQUEST-941-APPLICATION-ATTACK-XSS"),
    "a header that a rule names": ("/", ("User-Agent: EvilBot/1.0",), 403, "Blocked by rule bots"),
    "who is let in by a rule, whatever the query": (f"/{ATTACK}", ("X-Office: yes",), 200, "Allowed by rule office"),
    "the same from elsewhere": (f"/{ATTACK}", ("X-Office: no",), 403, "Blocked by rule 949110"),
    "what is only logged": ("/logged", (), 200, "Log by rule logged"),
    "a path that a rule blocks": ("/blocked", (), 403, "Blocked by rule old"),
    "the same where the path's policy only detects": ("/watched/blocked", (), 200, "detection: passes (Detected by"),
    "the same where the path's policy is off": ("/free/blocked", (), 200, "off"),
    "a rule that counts, far from its limit": ("/login", (), 200, "counts for flood: 1000 in 300 s"),
    "an attack on what is led elsewhere": (f"/old/{ATTACK}", (), 403, "Blocked by rule 949110"),
    "what is led elsewhere": ("/old/a", (), 302, "prevention: passes"),
}


@pytest.mark.parametrize(("path", "headers", "status", "said"), list(ROWS.values()), ids=list(ROWS))
def test_verdict_and_request_agree(shop: Lab, path: str, headers: tuple[str, ...], status: int, said: str) -> None:
    http, real = both(shop, path, *headers)
    step = next(s for s in http["steps"] if s["stage"] == "firewall")
    assert said in step["detail"], step
    assert (http["status"] or 200, real) == (status, status)
    assert step["origin"].rpartition("/")[2] in ("waf", "watch", "free")


BODIES = {
    "a form": ("name=Anna&city=Berlin", (), 200),
    "an attack in a form": ("comment=<script>alert(1)</script>", (), 403),
    "an attack in JSON": ('{"a": "<script>alert(1)</script>"}', ("Content-Type: application/json",), 403),
    "a body that is no JSON": ("{", ("Content-Type: application/json",), 403),
    "a body that is too long": ("a=" + "b" * (130 << 10), (), 413),
    "an attack from somebody who is let in": ("c=<script>alert(1)</script>", ("X-Office: yes",), 200),
}


@pytest.mark.parametrize(("body", "headers", "status"), list(BODIES.values()), ids=list(BODIES))
def test_bodies_agree(shop: Lab, body: str, headers: tuple[str, ...], status: int) -> None:
    http, real = both(shop, "/", *headers, body=body)
    assert (http["status"] or 200, real) == (status, status)


def test_who_a_proxy_names_agrees(shop: Lab) -> None:
    """Headers that the firewall is told in another way, and such as nobody may send."""
    named = custom("named", 1, "Block", "RequestHeaders", "Contains", "192.0.2.7", selector="X-Forwarded-For")
    hidden = custom("hidden", 2, "Block", "RequestHeaders", "Contains", "x", selector="X-Lazulite-Client")
    policy(shop, "waf", named, hidden)
    try:
        assert both(shop, "/", "X-Forwarded-For: 192.0.2.7")[1] == 403
        assert both(shop, "/", "X-Forwarded-For: 192.0.2.8")[1] == 200
        assert both(shop, "/", "X-Lazulite-Client: x", "X-Envoy-Original-Path: /")[1] == 200
    finally:
        policy(shop, "waf", BOTS, OFFICE, LOGGED, OLD, FLOOD)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "TRACE", "HEAD", "OPTIONS", "PROPFIND"])
def test_methods_agree(shop: Lab, method: str) -> None:
    both(shop, "/", method=method)


def test_to_ask_is_not_logged_and_not_counted(shop: Lab) -> None:
    once = {**FLOOD, "name": "once", "rateLimitThreshold": 1}  # under a name that nothing was counted for
    policy(shop, "waf", once)
    path = "/login/asked"
    url = f"http://{front(shop)}{path}"
    try:
        for _ in range(3):
            assert asking.ask(shop.client, "visitor", url, front(shop))["http"]["status"] == 0
        bot = asking.wish("GET", ["User-Agent: '; drop table users --"])
        assert asking.ask(shop.client, "visitor", f"{url}{ATTACK}", front(shop), bot)["http"]["status"] == 403
        assert [asking.send(shop.client, "visitor", url, front(shop))["status"] for _ in range(2)] == [200, 403]
        tells(shop, path, ("once", "Blocked"))  # the log is in order: whatever came before is there
        assert {row for row in told(shop, path) if row[1] == "Blocked"} == {("once", "Blocked")}
    finally:
        policy(shop, "waf", BOTS, OFFICE, LOGGED, OLD, FLOOD)


def test_the_command_names_policy_mode_and_rule(shop: Lab) -> None:
    done = traced(shop, "visitor", f"http://{front(shop)}/", "-H", "User-Agent: evilbot", "--packet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "firewall waf: prevention: blocked with 403 (Blocked by rule bots)  (waf)" in done.stdout
    assert "the real request: 403, as the model says" in done.stdout
    shown = json.loads(traced(shop, "visitor", f"http://{front(shop)}/", "--json").stdout)
    assert shown["http"]["policy"].endswith("/waf")


@pytest.mark.parametrize(
    ("url", "more"),
    [
        pytest.param("/a b", {}, id="a blank in a URL"),
        pytest.param("/", {"method": "GET / HTTP/1.1"}, id="a method that is more"),
        pytest.param("/", {"headers": [["X-A", "1\r\nX-B: 2"]]}, id="a header that is two"),
        pytest.param("/", {"headers": [["X A", "1"]]}, id="a name that is none"),
    ],
)
def test_what_would_be_more_than_one_request_is_refused(shop: Lab, url: str, more: dict[str, Any]) -> None:
    asked = {"from": "visitor", "url": f"http://{front(shop)}{url}", "to": front(shop)} | more
    answer = shop.client.exchange("POST", "/lazulite/request", asked)
    assert answer.status == 400, answer.body
