"""What rewrites make of a request, told beforehand: row by row, and against the Lua that Envoy runs."""

from __future__ import annotations

import random
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import Condition, HeaderChange, HttpRule, Rewrite, Site, ValueMatch
from lazulite.forwarding.requests import HttpRequest, read
from lazulite.forwarding.rewritten import Outcome, rewritten
from tests.engines.lua import Exchange

HERE, CLIENT = ip_address("10.0.0.4"), ip_address("203.0.113.7")


def site(*rules: HttpRule) -> Site:
    return Site("s", HERE, 8080, rules=rules)


def told(url: str, *rewrites: Rewrite, **headers: str) -> Outcome:
    said = tuple((k.replace("_", "-"), v) for k, v in headers.items())
    asked = replace(read(url), client=CLIENT, headers=said)
    rule = HttpRule("r", "", "b", rewrites=rewrites)
    return rewritten(site(rule), rule, asked)


def on(variable: str, pattern: str, **more: Any) -> tuple[Condition, ...]:
    return (Condition(variable, pattern, **more),)


def test_parts_of_a_path_become_a_query() -> None:
    """Source: facts/application-gateway.md, "Gold tests"."""
    value = "category={var_uri_path_1}&product={var_uri_path_2}"
    shirts = Rewrite("shirts", on("var_uri_path", "/(.+)/(.+)"), path="/buy.aspx", query=value)
    found = told("http://a.test/fashion/shirts", shirts)
    assert found.request.target == "/buy.aspx?category=fashion&product=shirts"
    assert found.done[0].changes == ("/fashion/shirts becomes /buy.aspx?category=fashion&product=shirts",)
    assert told("http://a.test/fashion", shirts).done == ()


def test_headers_are_set_removed_and_told() -> None:
    changes = (HeaderChange("X-Client", "{var_client_ip}"), HeaderChange("Accept", ""), HeaderChange("Host", "b.test"))
    found = told("http://a.test/", Rewrite("h", request=changes, response=(HeaderChange("Server", ""),)), Accept="*/*")
    assert found.request.headers == (("X-Client", "203.0.113.7"),)
    assert found.request.host == "b.test"
    assert found.done[0].changes == (
        "X-Client becomes 203.0.113.7",
        "Accept goes",
        "Host becomes b.test",
        "Server of the answer goes",
    )


def test_of_several_headers_those_that_match_are_changed() -> None:
    change = HeaderChange("X-Tag", "seen", ValueMatch("^a"))
    headers = (("x-tag", "ab"), ("Accept", "a"), ("X-Tag", "b"), ("X-Tag", "ac"))
    rule = HttpRule("r", "", "b", rewrites=(Rewrite("h", request=(change,)),))
    found = rewritten(site(rule), rule, replace(read("http://a.test/"), headers=headers)).request
    assert [v for _, v in found.headers] == ["seen", "a", "b", "seen"]
    gone = replace(rule, rewrites=(Rewrite("h", request=(HeaderChange("X-Tag", "", ValueMatch("^a", negate=True)),)),))
    found = rewritten(site(gone), gone, replace(read("http://a.test/"), headers=headers)).request
    assert [v for _, v in found.headers] == ["ab", "a", "ac"]


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        pytest.param("http_resp_Location", "location of the answer", id="what the server says"),
        pytest.param("var_http_status", "http_status", id="its status"),
        pytest.param("var_client_port", "client_port", id="the port of the client"),
        pytest.param("http_req_X-Forwarded-For", "x-forwarded-for", id="a header with that port"),
    ],
)
def test_what_nobody_knows_before_is_named_and_not_done(variable: str, named: str) -> None:
    found = told("http://a.test/", Rewrite("late", on(variable, "x"), request=(HeaderChange("A", "b"),)))
    assert [(d.unknown, d.changes) for d in found.done] == [(named, ())]
    assert found.request.headers == ()


def test_what_the_proxy_says_itself_is_not_what_the_client_says() -> None:
    change = HeaderChange("X-Seen", "{http_req_X-Forwarded-Proto} {http_req_X-Original-Host}")
    found = told("http://a.test:8080/", Rewrite("h", request=(change,)), X_Forwarded_Proto="https")
    assert found.request.headers == (("X-Seen", "http a.test:8080"),)


def test_a_rule_is_chosen_anew_and_not_for_ever() -> None:
    again = Rewrite("again", on("var_uri_path", "^/list$"), path="/listing", again=True)
    first, second = HttpRule("first", "/list", "b", rewrites=(again,)), HttpRule("second", "/listing", "c")
    asked = read("http://a.test/list")
    found = rewritten(site(first, second), first, asked)
    assert (found.rule, found.request.path, found.endless) == (second, "/listing", False)
    assert rewritten(site(first), first, asked).rule is None
    turning = HttpRule("turning", "", "b", rewrites=(Rewrite("on", path="/x{var_uri_path}", again=True),))
    assert rewritten(site(turning), turning, asked).endless


TEXTS = ("", "x", "{var_uri_path_1}", "{http_req_X-Name}", "{var_host}", "{var_query_string} ü?", "{http_req_Host}")
VARIABLES = ("var_uri_path", "var_query_string", "http_req_X-Name", "var_host", "var_cookie_id", "var_http_method")
PATTERNS = ("(.*)", "/(a+)", "^/b", "([^/]+)$", "x|y", "=(.)")


def drawn(dice: random.Random, number: int) -> Rewrite:
    """Texts name groups only of conditions that there are."""
    conditions = tuple(
        Condition(v, dice.choice(PATTERNS), dice.random() < 0.3, dice.random() < 0.2)
        for v in dice.sample(VARIABLES, dice.randint(0, 2))
    )
    grouped = {c.variable for c in conditions if "(" in c.pattern}

    def text() -> str:
        return dice.choice([t for t in TEXTS if "uri_path_1" not in t or "var_uri_path" in grouped])

    headers = tuple(HeaderChange(n, text()) for n in dice.sample(("X-Name", "X-Other", "Host"), dice.randint(0, 2)))
    path = f"/{text()}" if dice.random() < 0.4 else None
    query = text() if dice.random() < 0.3 else None
    return Rewrite(f"w{number}", conditions, headers, (), path, query, dice.random() < 0.3)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_told_is_what_envoy_s_lua_does(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(10):
        rules = tuple(
            HttpRule(n, p, "b", rewrites=tuple(drawn(dice, i) for i in range(dice.randint(0, 3))))
            for n, p in (("a", "/a*"), ("b", "/b/c"), ("rest", ""))
        )
        where = site(*rules)
        target = dice.choice(["/a/aa?x=y", "/b/c", "/", "/z?a=b&c=d", "/aa"])
        headers = {"x-name": dice.choice(["one", "x/y"]), "cookie": "id=7; other=8"}
        asked = HttpRequest("http", "a.test", 8080, *target.partition("?")[::2], headers=tuple(headers.items()))
        asked = replace(asked, client=CLIENT)
        chosen = next(r for r in rules if not r.path or target.partition("?")[0].startswith(r.path.rstrip("*")))
        found = rewritten(where, chosen, asked)
        lua = Exchange(where, {":path": target, ":authority": asked.authority} | headers)
        assert found.endless == bool(lua.answered)
        if found.endless:
            continue
        left = {k.lower(): v for k, v in found.request.headers}
        expected = {k: v for k, v in lua.request.items() if not k.startswith(":")}
        assert (found.request.target, left) == (lua.request[":path"], expected)
        assert found.request.authority.partition(":")[0] == lua.request[":authority"].partition(":")[0]
