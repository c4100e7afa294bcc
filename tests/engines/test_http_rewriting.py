"""What becomes of requests and responses by rewrites, in the Lua that Envoy runs."""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.engines.http import rewriting
from lazulite.engines.http.routes import virtual_hosts
from lazulite.forwarding.model import (
    Condition,
    HeaderChange,
    HttpBackend,
    HttpRule,
    Redirect,
    Rewrite,
    Site,
    ValueMatch,
)
from lazulite.forwarding.rewriting import fault
from tests.engines.lua import Exchange

HERE = ip_address("10.0.0.4")


def site(*rewrites: Rewrite) -> Site:
    return Site("s", HERE, 80, rules=(HttpRule("r", "", "b", rewrites=rewrites),))


def sent(*rewrites: Rewrite, path: str = "/", **headers: str) -> dict[str, str]:
    """The request that leaves."""
    return Exchange(site(*rewrites), {":path": path} | {k.replace("_", "-"): v for k, v in headers.items()}).request


def on(variable: str, pattern: str, **more: Any) -> tuple[Condition, ...]:
    return (Condition(variable, pattern, **more),)


SHIRTS = Rewrite(
    "shirts",
    on("var_uri_path", "/(.+)/(.+)"),
    path="/buy.aspx",
    query="category={var_uri_path_1}&product={var_uri_path_2}",
)


def test_parts_of_a_path_become_a_query() -> None:
    """Source: facts/application-gateway.md, "Gold tests"."""
    assert sent(SHIRTS, path="/fashion/shirts")[":path"] == "/buy.aspx?category=fashion&product=shirts"
    assert sent(SHIRTS, path="/fashion")[":path"] == "/fashion"


def test_a_server_s_location_becomes_that_of_the_gateway() -> None:
    """Source: facts/application-gateway.md, "Gold tests"."""
    value = "{http_resp_Location_1}://contoso.com{http_resp_Location_2}"
    located = Rewrite(
        "location",
        on("http_resp_Location", r"(https?):\/\/.*azurewebsites\.net(.*)$"),
        response=(HeaderChange("Location", value),),
    )
    exchange = Exchange(site(located), {":path": "/"})
    moved = {"location": "https://shop.azurewebsites.net/cart?x=1"}
    assert exchange.response(moved) == {"location": "https://contoso.com/cart?x=1"}
    assert exchange.response({"location": "https://other.test/"}) == {"location": "https://other.test/"}
    assert exchange.response(moved, of_server=False) == moved


VALUES = {
    "host": "contoso.com",
    "uri_path": "/article.aspx",
    "query_string": "id=123&title=fabrikam",
    "request_query": "id=123&title=fabrikam",
    "request_uri": "/article.aspx?id=123&title=fabrikam",
    "http_method": "GET",
    "http_version": "HTTP/1.1",
    "request_scheme": "http",
    "client_ip": "203.0.113.7",
    "client_port": "4711",
    "server_port": "8080",
    "ssl_enabled": "",
    "cookie_taste": "sweet",
    "add_x_forwarded_for_proxy": "192.0.2.1, 203.0.113.7",
}


@pytest.mark.parametrize("name", VALUES)
def test_server_variables(name: str) -> None:
    """Source: facts/application-gateway.md, "Rewrite", example URL."""
    shown = Rewrite("show", request=(HeaderChange("X-Shown", f"<{{var_{name}}}>"),))
    asked = {
        ":path": "/article.aspx?id=123&title=fabrikam",
        ":authority": "contoso.com:8080",
        "x-forwarded-for": "192.0.2.1, 203.0.113.7:4711",
        "cookie": "a=b; taste=sweet",
    }
    assert Exchange(site(shown), asked).request["x-shown"] == f"<{VALUES[name]}>"


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (None, "NONE||"),
        ({"validated": True, "subject": "CN=me", "pem": "-----BEGIN%0Ax"}, "SUCCESS|CN=me|-----BEGINx"),
        ({"validated": False, "subject": "CN=me", "pem": ""}, "FAILED:certificate verify failed|CN=me|"),
    ],
    ids=["none shown", "one that leads to a root", "one that does not"],
)
def test_the_client_s_certificate(certificate: dict[str, Any] | None, expected: str) -> None:
    value = "{var_client_certificate_verification}|{var_client_certificate_subject}|{var_client_certificate}"
    shown = Rewrite("show", request=(HeaderChange("X-Shown", value),))
    request = Exchange(site(shown), {":path": "/"}, certificate=certificate).request
    assert request["x-shown"] == expected


def test_a_header_is_set_replaced_and_removed() -> None:
    changes = (HeaderChange("X-New", "n"), HeaderChange("X-Old", "o"), HeaderChange("X-Gone", ""))
    found = sent(Rewrite("r", request=changes), x_old="before", x_gone="here")
    assert (found["x-new"], found["x-old"], found.get("x-gone")) == ("n", "o", None)


def test_host_is_the_authority_and_never_removed() -> None:
    assert sent(Rewrite("r", request=(HeaderChange("Host", "b.test"),)))[":authority"] == "b.test"
    assert sent(Rewrite("r", request=(HeaderChange("Host", "{http_req_None}"),)))[":authority"] == "a.test"


@pytest.mark.parametrize(
    ("conditions", "headers", "expected"),
    [
        (on("http_req_User-Agent", "mobile"), {"user_agent": "a mobile thing"}, True),
        (on("http_req_User-Agent", "MOBILE"), {"user_agent": "a mobile thing"}, False),
        (on("http_req_User-Agent", "MOBILE", ignore_case=True), {"user_agent": "a mobile thing"}, True),
        (on("http_req_User-Agent", "mobile", negate=True), {"user_agent": "a mobile thing"}, False),
        (on("http_req_User-Agent", "mobile", negate=True), {}, True),
        (on("http_req_A", "1") + on("http_req_B", "2"), {"a": "1", "b": "2"}, True),
        (on("http_req_A", "1") + on("http_req_B", "2"), {"a": "1", "b": "3"}, False),
        (on("var_cookie_c", "^v$"), {"cookie": "b=1; c=v"}, True),
    ],
    ids=["met", "letter case", "no letter case", "negated", "negated, not there", "both", "one of two", "a cookie"],
)
def test_all_conditions_must_hold(conditions: tuple[Condition, ...], headers: dict[str, str], expected: bool) -> None:
    found = sent(Rewrite("r", conditions, (HeaderChange("X-Met", "yes"),)), **headers)
    assert ("x-met" in found) is expected


def test_later_rewrites_see_what_earlier_ones_did() -> None:
    first = Rewrite("a", request=(HeaderChange("X-A", "1"),))
    second = Rewrite("b", on("http_req_X-A", "1"), (HeaderChange("X-B", "{http_req_X-A}2"),))
    assert sent(first, second)["x-b"] == "12"
    assert "x-b" not in sent(second, first)


def test_responses_are_rewritten_by_what_the_request_said() -> None:
    told = Rewrite(
        "r",
        on("http_req_X-Kind", "(.)-(.)"),
        response=(HeaderChange("X-Told", "{http_req_X-Kind_2}{http_req_X-Kind_1} {var_uri_path} {http_resp_X-Own}"),),
    )
    exchange = Exchange(site(told), {":path": "/p?q", "x-kind": "a-b"})
    assert exchange.response({"x-own": "o"})["x-told"] == "ba /p o"
    assert "x-told" not in Exchange(site(told), {":path": "/"}).response({})


COOKIES = "a=1; Path=/\nb=2\na=3"


@pytest.mark.parametrize(
    ("value", "only", "expected"),
    [
        pytest.param("n=1", ValueMatch("^a="), "n=1\nb=2\nn=1", id="those that match are replaced, each in its place"),
        pytest.param("", ValueMatch("^a="), "b=2", id="or removed"),
        pytest.param("n=1", ValueMatch("^A=", ignore_case=True), "n=1\nb=2\nn=1", id="in any letter case"),
        pytest.param("", ValueMatch("^a=", negate=True), "a=1; Path=/\na=3", id="or those that do not match"),
        pytest.param("n=1", ValueMatch("^c="), COOKIES, id="where none matches nothing changes"),
        pytest.param("n=1", None, "n=1", id="without a match one is left"),
    ],
)
def test_of_several_headers_of_one_name_some_are_changed(value: str, only: ValueMatch | None, expected: str) -> None:
    rewrite = Rewrite("r", response=(HeaderChange("Set-Cookie", value, only),))
    found = Exchange(site(rewrite), {":path": "/"})
    assert found.response({"set-cookie": COOKIES})["set-cookie"] == expected


def test_a_pattern_for_values_can_be_none() -> None:
    wrong = Rewrite("r", response=(HeaderChange("Set-Cookie", "x", ValueMatch("(")),))
    assert fault(wrong).startswith("a pattern is invalid")


def test_a_status_is_known_with_the_response() -> None:
    sick = Rewrite("r", on("var_http_status", "^5"), response=(HeaderChange("X-Sick", "{var_http_status}"),))
    exchange = Exchange(site(sick), {":path": "/"})
    assert exchange.response({":status": "503"})["x-sick"] == "503"
    assert "x-sick" not in exchange.response({":status": "200"})


@pytest.mark.parametrize(
    ("path", "query", "asked", "expected"),
    [
        ("/new", None, "/old?a=b", "/new?a=b"),
        (None, "c=d", "/old?a=b", "/old?c=d"),
        ("/new", "", "/old?a=b", "/new"),
        ("new", None, "/old", "/new"),
        ("/{http_req_X}", None, "/old", "/a%20HTTP/1.1%23%3Fb"),
        ("/x", "{http_req_X}", "/old", "/x?a%20HTTP/1.1%23?b"),
    ],
    ids=["path alone", "query alone", "no query", "a slash is added", "signs no path has", "signs no query has"],
)
def test_the_url(path: str | None, query: str | None, asked: str, expected: str) -> None:
    """What a header holds cannot end the request's first line."""
    assert sent(Rewrite("r", path=path, query=query), path=asked, x="a HTTP/1.1#?b")[":path"] == expected


def listing(*default: Rewrite) -> Site:
    shoes = HttpRule("shoes", "/Listing1*", "b", rewrites=(Rewrite("s", request=(HeaderChange("X-Rule", "shoes"),)),))
    return Site("s", HERE, 80, rules=(shoes, HttpRule("r", "", "b", rewrites=default)))


AGAIN = Rewrite("again", on("var_query_string", "category=shoes"), path="/listing1", again=True)


def test_a_new_path_chooses_its_rule_anew() -> None:
    """Source: facts/application-gateway.md, "Gold tests"."""
    exchange = Exchange(listing(AGAIN), {":path": "/listing?category=shoes"})
    assert exchange.request[":path"] == "/listing1?category=shoes"
    assert exchange.request["x-rule"] == "shoes"
    assert exchange.routed == ["/listing1?category=shoes"]
    assert not exchange.answered


def test_a_path_that_is_not_rewritten_keeps_its_rule() -> None:
    exchange = Exchange(listing(AGAIN), {":path": "/listing?category=any"})
    assert exchange.request[":path"] == "/listing?category=any"
    assert not exchange.routed


def test_without_reevaluation_the_rule_stays() -> None:
    exchange = Exchange(listing(Rewrite("r", path="/listing1")), {":path": "/listing"})
    assert (exchange.request[":path"], exchange.request.get("x-rule")) == ("/listing1", None)
    assert not exchange.routed


def test_a_loop_is_500() -> None:
    exchange = Exchange(listing(Rewrite("loop", path="/other", again=True)), {":path": "/"})
    assert exchange.answered == ["500"]


def test_letter_case_of_paths_does_not_count_when_rules_are_chosen() -> None:
    assert Exchange(listing(), {":path": "/LISTING1/a?b"}).request["x-rule"] == "shoes"


def test_the_mark_of_a_client_is_not_believed() -> None:
    assert rewriting.MARK not in sent(SHIRTS, **{rewriting.MARK: "1"})


@pytest.mark.parametrize(
    ("rewrite", "why"),
    [
        (Rewrite("r", on("var_uri_path", "(")), "a pattern is invalid"),
        (Rewrite("r", on("uri_path", "x")), "is no variable"),
        (Rewrite("r", on("var_client_tcp_rtt", "x")), "not supported"),
        (Rewrite("r", request=(HeaderChange("X", "{var_nonsense}"),)), "not supported"),
        (Rewrite("r", request=(HeaderChange("X", "{nonsense}"),)), "is no variable"),
        (Rewrite("r", on("var_uri_path", "(.)"), path="/{var_uri_path_2}"), "has 1 groups, not 2"),
        (Rewrite("r", path="/{http_resp_X}"), "known with the response"),
        (Rewrite("r", on("http_resp_X", "1"), (HeaderChange("X", "1"),)), "known with the response"),
        (Rewrite("r", on("var_host", "x"), path="/{var_host}"), ""),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_cannot_be_done_is_said(rewrite: Rewrite, why: str) -> None:
    found = fault(rewrite)
    assert why in found if why else not found


def test_routes_mark_answers_of_servers_only_where_there_are_rewrites() -> None:
    backends = {"b": HttpBackend("b", "b", "g", 80)}
    (plain,) = virtual_hosts([site()], backends)
    assert rewriting.MARK not in json.dumps(plain)
    (found,) = virtual_hosts([site(SHIRTS)], backends)
    marked = [r for r in found["routes"] if "response_headers_to_add" in r]
    assert {r["route"]["cluster"] for r in marked} == {"b"}
    assert rewriting.FILTER in found["typed_per_filter_config"]


def test_redirects_are_not_marked() -> None:
    both = (HttpRule("a", "/a", redirect=Redirect(301, "https")), HttpRule("r", "", "b", rewrites=(SHIRTS,)))
    (found,) = virtual_hosts([Site("s", HERE, 80, rules=both)], {"b": HttpBackend("b", "b", "g", 80)})
    assert {r["match"]["prefix"] for r in found["routes"] if "response_headers_to_add" in r} == {"/"}


def test_texts_in_lua_are_texts() -> None:
    assert rewriting.lua('a"]]\n\\') == '"a\\"]]\\010\\092"'.replace('\\"', "\\034")
