"""What is said of a request that reached a proxy, row by row."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.analysis.requests import HttpAnswer, Judged, answer
from lazulite.forwarding.model import (
    ClientTls,
    Condition,
    Contents,
    ForwardingModel,
    HeaderChange,
    HttpBackend,
    HttpProxy,
    HttpRule,
    Redirect,
    Rewrite,
    Server,
    ServerTls,
    Site,
    WafPolicy,
)
from lazulite.forwarding.requests import read

HERE, INSIDE = ip_address("10.0.0.4"), ip_address("10.0.0.100")
SERVERS = tuple(Server(f"10.0.1.{n}", ip_address(f"10.0.1.{n}"), origin="pool") for n in (4, 5))
ALL = HttpBackend("all", "all/plain", "gw", 8080, SERVERS, "all", origin="/settings/plain")
TLS = ServerTls(("certificate",))
UP = Contents("all", ("10.0.1.4", "10.0.1.5"), since="2026-01-01T00:00:00Z")
TO_ALL = HttpRule("r", backend="all", origin="/rules/r")


def site(name: str = "web", *hosts: str, rules: tuple[HttpRule, ...] = (TO_ALL,), **more: Any) -> Site:
    return Site(name, **({"address": HERE, "port": 80, "hosts": hosts, "rules": rules, "origin": f"/l/{name}"} | more))


def told(url: str, *entries: Any, at: Any = HERE) -> HttpAnswer:
    sites = tuple(e for e in entries if isinstance(e, Site)) or (site(),)
    rest = [e for e in entries if not isinstance(e, Site)] or [ALL, UP]
    found = answer(ForwardingModel([HttpProxy("gw", "gw", "gw", sites), *rest]), "gw", at, read(url))
    assert found is not None
    return found


def steps(found: HttpAnswer) -> list[tuple[str, str]]:
    return [(s.stage, s.name) for s in found.steps]


def test_a_request_is_led_by_listener_rule_and_pool() -> None:
    found = told("http://shop.test/a?b=c")
    assert steps(found) == [("listener", "web"), ("rule", "r"), ("pool", "all/plain")]
    assert [s.origin for s in found.steps] == ["/l/web", "/rules/r", "/settings/plain"]
    assert found.steps[-1].detail == "2 of 2 up since 2026-01-01T00:00:00Z: 10.0.1.4, 10.0.1.5"
    assert (found.forwarded, found.url) == (True, "http://shop.test:8080/a?b=c")
    assert [(str(s.address), s.port, s.available) for s in found.servers] == [
        ("10.0.1.4", 8080, True),
        ("10.0.1.5", 8080, True),
    ]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        pytest.param("http://shop.test/", "exact", id="the first of several that match"),
        pytest.param("http://SHOP.test/", "exact", id="whatever the case of its letters"),
        pytest.param("http://a.test/", "wild", id="a pattern"),
        pytest.param("http://a.b.test/", "wild", id="a pattern for several labels"),
        pytest.param("http://other.example/", "any", id="who takes all the others"),
        pytest.param("http://10.0.0.4/", "any", id="who asks for an address names no host of theirs"),
    ],
)
def test_the_listener_is(url: str, name: str) -> None:
    sites = site("exact", "shop.test"), site("wild", "*.test"), site("any")
    assert told(url, *sites, ALL, UP).steps[0].name == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param("/images/a.png", "images", id="what is below"),
        pytest.param("/IMAGES/A.PNG", "images", id="letter case does not count"),
        pytest.param("/images", "rest", id="not what it is below of"),
        pytest.param("/imagesx", "rest", id="not what begins alike"),
        pytest.param("/old", "exact", id="exactly the path"),
        pytest.param("/old/", "rest", id="exactly, to the last slash"),
        pytest.param("/older", "rest", id="exactly, and no letter more"),
        pytest.param("/images/late", "images", id="the first that matches, not the longest"),
        pytest.param("/", "rest", id="all else"),
    ],
)
def test_the_rule_is(path: str, name: str) -> None:
    rules = tuple(
        HttpRule(n, p, "all") for n, p in (("images", "/images/*"), ("exact", "/old"), ("late", "/images/late"))
    )
    found = told(f"http://shop.test{path}", site(rules=(*rules, replace(TO_ALL, name="rest"))), ALL, UP)
    assert found.steps[1].name == name


REDIRECTS = {
    "to another host, path and query kept": (
        Redirect(301, "https", "new.test"),
        "http://old.test/p?q=1",
        "https://new.test/p?q=1",
    ),
    "the scheme alone": (Redirect(301, "https"), "http://old.test/p", "https://old.test/p"),
    "to another port": (Redirect(302, "https", port=8443), "http://old.test/", "https://old.test:8443/"),
    "without the path": (
        Redirect(307, "https", "n.test", keep_path=False),
        "http://o.test/p?q=1",
        "https://n.test/?q=1",
    ),
    "without the query": (Redirect(303, "https", "n.test", keep_query=False), "http://o.test/p?q", "https://n.test/p"),
    "to a path of its own": (
        Redirect(301, "https", "n.test", path="/start", keep_path=False, keep_query=False),
        "http://o.test/p?q=1",
        "https://n.test/start",
    ),
    "below a path of its own": (
        Redirect(301, "https", "n.test", path="/v2/"),
        "http://o.test/p",
        "https://n.test/v2/p",
    ),
}


@pytest.mark.parametrize(("to", "url", "location"), list(REDIRECTS.values()), ids=list(REDIRECTS))
def test_a_redirect_leads(to: Redirect, url: str, location: str) -> None:
    found = told(url, site(rules=(HttpRule("away", redirect=to, origin="/rules/away"),)))
    assert (found.status, found.location, found.forwarded) == (to.status, location, False)
    assert steps(found)[-1] == ("redirect", "")
    assert found.servers == ()


def test_a_redirect_from_a_port_of_its_own_keeps_it() -> None:
    rules = (HttpRule("away", redirect=Redirect(301, path="/x", keep_path=False)),)
    assert told("http://old.test:8080/", site(rules=rules, port=8080)).location == "http://old.test:8080/x"


PREFIXES = [
    ("", "/home/", "/override/", "/override/home/"),
    ("", "/home/secondhome/", "/override/", "/override/home/secondhome/"),
    ("/pathrule*", "/pathrule/home/", "/override/", "/override/home/"),
    ("/pathrule*", "/pathrule/home/secondhome/", "/override/", "/override/home/secondhome/"),
    ("/pathrule/home*", "/pathrule/home/", "/override/", "/override/"),
    ("/pathrule/home*", "/pathrule/home/secondhome/", "/override/", "/override/secondhome/"),
    ("/pathrule/", "/pathrule/", "/override/", "/override/"),
]
"""Source: facts/application-gateway.md, "Path override"; its row that the rule does not match is left out."""


@pytest.mark.parametrize(("rule", "asked", "prefix", "forwarded"), PREFIXES)
def test_a_path_override_replaces_what_the_rule_matched(rule: str, asked: str, prefix: str, forwarded: str) -> None:
    rules = (replace(TO_ALL, path=rule),)
    found = told(f"http://shop.test{asked}", site(rules=rules), replace(ALL, prefix=prefix), UP)
    assert found.url == f"http://shop.test:8080{forwarded}"


@pytest.mark.parametrize(
    ("backend", "url"),
    [
        pytest.param(ALL, "http://shop.test:8080/", id="what the client named"),
        pytest.param(replace(ALL, host="own.test"), "http://own.test:8080/", id="the host of the settings"),
        pytest.param(replace(ALL, own_host=True), "http://{server}:8080/", id="the server's own name"),
        pytest.param(replace(ALL, tls=ClientTls(), port=443), "https://shop.test/", id="with TLS"),
    ],
)
def test_servers_are_asked_for(backend: HttpBackend, url: str) -> None:
    assert told("http://shop.test/", site(), backend, UP).url == url


@pytest.mark.parametrize(
    ("entries", "status", "detail", "up"),
    [
        pytest.param([ALL], 502, "0 of 2 up: no probe has said anything yet", [], id="nobody has been asked yet"),
        pytest.param([ALL, Contents("all", ())], 502, "0 of 2 up: none", [], id="everybody is down"),
        pytest.param(
            [ALL, Contents("all", ("10.0.1.5",))], 0, "1 of 2 up: 10.0.1.5", ["10.0.1.5"], id="one of two is up"
        ),
        pytest.param([replace(ALL, servers=())], 502, "it is empty", [], id="an empty pool"),
        pytest.param(
            [replace(ALL, available="")], 0, "2 of 2 up: 10.0.1.4, 10.0.1.5", ["10.0.1.4", "10.0.1.5"], id="unwatched"
        ),
    ],
)
def test_health_decides_who_is_asked(entries: list[Any], status: int, detail: str, up: list[str]) -> None:
    found = told("http://shop.test/", site(), *entries)
    assert (found.status, found.steps[-1].detail) == (status, detail)
    assert [s.name for s in found.servers if s.available] == up
    assert bool(found.url) is (status == 0)


@pytest.mark.parametrize(
    ("url", "sites", "status", "detail"),
    [
        pytest.param(
            "http://no.test/", [site("one", "a.test")], 404, "no listener of port 80 is for no.test, only for a.test",
            id="a host that no listener has",
        ),
        pytest.param("http://a.test/x", [site(rules=())], 404, "no rule is for /x", id="a path that no rule has"),
        pytest.param("http://a.test/", [site(tls=TLS)], 400, "port 80 speaks TLS", id="plain HTTP where TLS is spoken"),
        pytest.param(
            "https://a.test/", [site(port=443)], 400, "port 443 speaks no TLS", id="TLS where plain HTTP is spoken"
        ),
        pytest.param(
            "http://a.test/", [site(rules=(HttpRule("r", backend="gone"),))], 502, "the rule leads to no pool",
            id="a rule that leads nowhere",
        ),
    ],
)  # fmt: skip
def test_the_proxy_itself_answers(url: str, sites: list[Site], status: int, detail: str) -> None:
    found = told(url, *sites)
    assert (found.status, found.steps[-1].detail, found.location) == (status, detail, "")


def test_each_frontend_and_port_has_its_own_listeners() -> None:
    sites = site("public"), site("inside", address=INSIDE), site("secure", port=443, tls=TLS)
    assert told("http://a.test/", *sites, ALL, UP).steps[0].name == "public"
    assert told("http://a.test/", *sites, ALL, UP, at=INSIDE).steps[0].name == "inside"
    assert told("https://a.test/", *sites, ALL, UP).steps[0].name == "secure"


MODEL = ForwardingModel([HttpProxy("gw", "gw", "gw", (site(),), origin="/gw"), ALL, UP])


def test_of_a_machine_that_is_no_proxy_nothing_is_said() -> None:
    assert answer(MODEL, "other", HERE, read("http://a.test/")) is None


@pytest.mark.parametrize(
    ("address", "url", "said"),
    [
        pytest.param(HERE, "http://a.test:81/", "none is on port 81 of 10.0.0.4", id="another port"),
        pytest.param(INSIDE, "http://a.test/", "none is on port 80 of 10.0.0.100", id="another frontend"),
    ],
)
def test_where_nothing_listens_the_port_is_closed(address: Any, url: str, said: str) -> None:
    found = answer(MODEL, "gw", address, read(url))
    assert found is not None
    assert (found.closed, found.forwarded, found.status) == (True, False, 0)
    assert [(s.detail, s.origin) for s in found.steps] == [(said, "/gw")]


@pytest.mark.parametrize(
    ("rule", "listener", "proxy", "policy"),
    [
        pytest.param("rule", "site", "all", "rule", id="the rule's before the listener's"),
        pytest.param("", "site", "all", "site", id="the listener's before the gateway's"),
        pytest.param("", "", "all", "all", id="the gateway's"),
        pytest.param("", "", "", "", id="none"),
    ],
)
def test_the_firewall_policy_on_the_way_is_named(rule: str, listener: str, proxy: str, policy: str) -> None:
    one = site(rules=(replace(TO_ALL, policy=rule),), policy=listener)
    found = answer(
        ForwardingModel([HttpProxy("gw", "gw", "gw", (one,), policy=proxy), ALL, UP]),
        "gw",
        HERE,
        read("http://a.test/"),
    )
    assert found is not None
    assert found.policy == policy


@pytest.mark.parametrize("text", ["ftp://a.test/", "http://", "a.test", "http://a:b/", "https:///x", ""])
def test_what_is_no_url_of_http_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["http://a.test/", "https://a.test/b?c=d", "http://a.test:8080/", "https://[2001:db8::1]/", "http://[::1]:81/x?y"],
)
def test_a_url_is_read_and_told_alike(text: str) -> None:
    assert read(text).url == text


WAF = WafPolicy("waf", "waf", detect=False, origin="/waf")


def guarded(policy: WafPolicy | None, judged: Judged | None, **more: Any) -> HttpAnswer:
    entries = [HttpProxy("gw", "gw", "gw", (site(**more),), policy="waf"), ALL, UP, *([policy] if policy else [])]
    found = answer(ForwardingModel(entries), "gw", HERE, read("http://a.test/a"), judged)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("policy", "judged", "status", "said"),
    [
        pytest.param(
            WAF,
            Judged(403, ("Blocked by rule bots",)),
            403,
            "prevention: blocked with 403 (Blocked by rule bots)",
            id="who is blocked",
        ),
        pytest.param(WAF, Judged(), 0, "prevention: passes", id="who passes"),
        pytest.param(
            replace(WAF, detect=True),
            Judged(200, ("Detected by rule bots",)),
            0,
            "detection: passes (Detected by rule bots)",
            id="who is only told of",
        ),
        pytest.param(replace(WAF, enabled=False), None, 0, "off", id="a policy that is off"),
        pytest.param(
            WAF, None, 0, "prevention: it looks at the request, and could not be asked", id="nobody who could be asked"
        ),
        pytest.param(None, None, 503, "its policy is not there: nothing passes", id="a policy that is not there"),
    ],
)
def test_the_firewall_s_verdict_is(policy: WafPolicy | None, judged: Judged | None, status: int, said: str) -> None:
    found = guarded(policy, judged)
    step = next(s for s in found.steps if s.stage == "firewall")
    assert (found.status, step.detail, step.origin) == (status, said, "/waf" if policy else "")
    assert [s.stage for s in found.steps][:3] == ["listener", "rule", "firewall"]
    assert bool(found.servers) == (status == 0)


def test_a_trace_is_refused_before_anything_else_is_asked() -> None:
    asked = replace(read("http://a.test/"), method="TRACE")
    found = answer(ForwardingModel([HttpProxy("gw", "gw", "gw", (site(),), policy="waf"), WAF]), "gw", HERE, asked)
    assert found is not None
    assert (found.status, found.policy) == (405, "")


def test_who_is_redirected_has_passed_the_firewall() -> None:
    away = replace(TO_ALL, redirect=Redirect(302, "https"))
    assert guarded(WAF, Judged(403), rules=(away,)).status == 403
    assert guarded(WAF, Judged(), rules=(away,)).status == 302


def test_rewrites_are_told_and_the_servers_are_asked_for_what_came_of_them() -> None:
    moved = Rewrite("moved", path="/b", query="x=y", origin="/sets/moved")
    late = Rewrite("late", (Condition("http_resp_Server", "x"),), response=(HeaderChange("Server", ""),))
    found = told("http://a.test/a", site(rules=(replace(TO_ALL, rewrites=(moved, late)),)), ALL, UP)
    rows = [(s.name, s.detail, s.origin) for s in found.steps if s.stage == "rewrite"]
    assert rows == [
        ("moved", "/a becomes /b?x=y", "/sets/moved"),
        ("late", "depends on server of the answer, which is not known before", ""),
    ]
    assert found.url == "http://a.test:8080/b?x=y"


def test_a_rewrite_leads_to_another_rule_to_none_or_round_and_round() -> None:
    again = replace(TO_ALL, name="from", path="/a", rewrites=(Rewrite("on", path="/b", again=True),))
    other = replace(TO_ALL, name="to", path="/b")
    found = told("http://a.test/a", site(rules=(again, other)), ALL, UP)
    assert steps(found)[1:4] == [("rule", "from"), ("rewrite", "on"), ("rule", "to")]
    assert told("http://a.test/a", site(rules=(again,)), ALL, UP).status == 404
    turning = replace(TO_ALL, rewrites=(Rewrite("on", path="/{var_uri_path}", again=True),))
    assert told("http://a.test/a", site(rules=(turning,)), ALL, UP).status == 500
