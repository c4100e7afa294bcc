"""Which site and rule Envoy is told to choose: the model's first, whatever Envoy prefers by itself."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.http import answers, headers, hosts, render, secrets
from lazulite.engines.http.chains import site_of
from lazulite.engines.http.files import file_of
from lazulite.engines.http.render import Place, World
from lazulite.engines.http.routes import routed, virtual_hosts
from lazulite.forwarding.model import (
    Certificate,
    ClientTls,
    HeaderChange,
    HttpBackend,
    HttpProxy,
    HttpRule,
    Redirect,
    Rewrite,
    Server,
    ServerTls,
    Site,
)

HERE = ip_address("10.0.0.4")


def site(
    name: str, *names: str, rules: tuple[HttpRule, ...] = (), tls: ServerTls | None = None, port: int = 80
) -> Site:
    return Site(name, HERE, port, names, rules, tls)


@pytest.mark.parametrize(
    ("pattern", "host", "found"),
    [
        pytest.param("*.contoso.com", "a.contoso.com", True, id="an asterisk stands for a label"),
        pytest.param("*.contoso.com", "a.b.contoso.com", True, id="an asterisk stands for several labels"),
        pytest.param("*.contoso.com", "contoso.com", False, id="the dot after it is needed"),
        pytest.param("shop?.contoso.com", "shop1.contoso.com", True, id="a question mark is one character"),
        pytest.param("shop?.contoso.com", "shop.contoso.com", False, id="a question mark is not none"),
        pytest.param("www.*.com", "www.a.com", True, id="an asterisk in the middle"),
        pytest.param("Shop.Contoso.com", "shop.contoso.COM", True, id="letter case does not count"),
        pytest.param("a.contoso.com", "axcontoso.com", False, id="a dot is a dot"),
    ],
)
def test_host_patterns(pattern: str, host: str, found: bool) -> None:
    assert hosts.matches(site("s", pattern), host) is found


def test_a_site_without_hosts_answers_for_all() -> None:
    assert hosts.matches(site("s"), "whatever.test")


names = st.sampled_from(["a.test", "b.test", "x.a.test", "*.test", "*.a.test", "*.b.test", "*"])
askable = st.sampled_from(["a.test", "b.test", "x.a.test", "y.x.a.test", "z.b.test", "other.net"])


def by_the_longest_name(rows: list[list[str]], sites: list[Site], host: str) -> Site | None:
    """What Envoy does with domains: the name itself, else the longest suffix, else ``*``."""
    found: list[tuple[int, Site]] = []
    for row, each in zip(rows, sites, strict=True):
        for name in row:
            if name == host:
                found.append((1000, each))
            elif name == "*":
                found.append((0, each))
            elif name.startswith("*.") and host.endswith(name[1:]):
                found.append((len(name), each))
    return max(found, key=lambda f: f[0])[1] if found else None


@given(st.lists(st.lists(names, max_size=3), min_size=1, max_size=5), askable)
def test_the_longest_name_finds_the_first_site_that_matches(given_hosts: list[list[str]], host: str) -> None:
    sites = [site(str(i), *(n for n in row if n != "*")) for i, row in enumerate(given_hosts)]
    rows = hosts.domains(sites)
    assert rows is not None
    assert by_the_longest_name(rows, sites, host) == hosts.chosen(sites, host)
    every = [n for row in rows for n in row]
    assert len(every) == len(set(every))  # Envoy takes no name twice


def test_patterns_that_envoy_does_not_know_are_asked_in_turn() -> None:
    sites = [site("one", "shop?.test", rules=(HttpRule("r", "", "b"),)), site("two", "*.test")]
    assert hosts.domains(sites) is None
    (everything,) = virtual_hosts(sites, {})
    asked = [r["match"]["headers"][0]["string_match"]["safe_regex"]["regex"] for r in everything["routes"]]
    assert re.fullmatch(asked[0], "SHOP1.test:8080")
    assert not re.fullmatch(asked[0], "shop12.test")


def route(rule: HttpRule, path: str, **backend: Any) -> str:
    """The path that a server is asked for."""
    (found,) = virtual_hosts([site("s", rules=(rule,))], {"b": HttpBackend("b", "b", "g", 80, **backend)})
    row = found["routes"][1]
    match = row["match"].get("prefix", row["match"].get("path"))
    assert path.lower().startswith(match.lower())
    said = row["route"]
    if "prefix_rewrite" in said:
        return str(said["prefix_rewrite"]) + path[len(match) :]
    if "regex_rewrite" in said:
        rewrite = said["regex_rewrite"]
        return re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], path)
    return path


@pytest.mark.parametrize(
    ("rule", "path", "override", "expected"),
    [
        ("", "/home/", "/override/", "/override/home/"),
        ("", "/home/secondhome/", "/override/", "/override/home/secondhome/"),
        ("/pathrule*", "/pathrule/home/", "/override/", "/override/home/"),
        ("/pathrule*", "/pathrule/home/secondhome/", "/override/", "/override/home/secondhome/"),
        ("/pathrule/home*", "/pathrule/home/", "/override/", "/override/"),
        ("/pathrule/home*", "/pathrule/home/secondhome/", "/override/", "/override/secondhome/"),
        ("/pathrule/", "/pathrule/", "/override/", "/override/"),
        ("/images/*", "/images/a.png", "", "/images/a.png"),
    ],
    ids=lambda v: v or "basic",
)
def test_the_path_override_takes_the_place_of_what_the_rule_matched(
    rule: str, path: str, override: str, expected: str
) -> None:
    """Source: facts/application-gateway.md, "Path override"."""
    assert route(HttpRule("r", rule, "b"), path, prefix=override) == expected


@pytest.mark.parametrize(
    ("redirect", "expected"),
    [
        pytest.param(
            Redirect(301, "https"),
            {"response_code": "MOVED_PERMANENTLY", "strip_query": False, "scheme_redirect": "https"},
            id="to https, path and query kept",
        ),
        pytest.param(
            Redirect(302, "http", "b.test", 8080, "", False, False),
            {
                "response_code": "FOUND",
                "strip_query": True,
                "scheme_redirect": "http",
                "host_redirect": "b.test",
                "port_redirect": 8080,
                "path_redirect": "/",
            },
            id="to another place, nothing kept",
        ),
        pytest.param(
            Redirect(307, host="b.test", path="/new"),
            {
                "response_code": "TEMPORARY_REDIRECT",
                "strip_query": False,
                "host_redirect": "b.test",
                "prefix_rewrite": "/new",
            },
            id="below another path",
        ),
    ],
)
def test_redirects(redirect: Redirect, expected: dict[str, Any]) -> None:
    (found,) = virtual_hosts([site("s", rules=(HttpRule("r", redirect=redirect),))], {})
    assert found["routes"][1]["redirect"] == expected


def test_a_client_may_pause_for_a_minute_and_who_holds_a_websocket_for_ever() -> None:
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""
    backends = {n: HttpBackend(n, n, "g", 80, timeout_s=s) for n, s in (("b", 30), ("slow", 600))}
    (found,) = virtual_hosts([site("s", rules=(HttpRule("r", "/s", "slow"), HttpRule("t", "", "b")))], backends)
    waits = [(len(r["match"].get("headers", ())), r["route"]["idle_timeout"]) for r in found["routes"] if "route" in r]
    assert waits == [(1, "0s"), (0, "601s"), (1, "0s"), (0, "60s")]


def test_a_rule_whose_backend_there_is_not_answers_bad_gateway() -> None:
    (found,) = virtual_hosts([site("s", rules=(HttpRule("r", backend="absent"),))], {})
    assert found["routes"][1]["direct_response"] == {"status": 502}


PLACE = Place("/lab/http", lambda guest: f"/net/{guest}", lambda guest: "10.0.0.4")


def world(*sites: Site, backends: tuple[HttpBackend, ...] = (), certificates: tuple[Certificate, ...] = ()) -> World:
    up = {b.name: list(b.servers) for b in backends}
    proxy = HttpProxy("gw", "gw", "gw", sites)
    held = {c.name: c for c in certificates}
    return World({"gw": proxy}, {b.name: b for b in backends}, held, up, {}, {})


def resources(name: str, of: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(render.files(of, PLACE)[name])["resources"]
    return found


def test_it_listens_and_asks_in_the_namespace_of_its_guest() -> None:
    backend = HttpBackend("b", "b", "gw", 8080, (Server("s", ip_address("10.0.1.4")),))
    of = world(site("s", rules=(HttpRule("r", backend="b"),)), backends=(backend,))
    (listener,) = resources(render.LISTENERS, of)
    assert listener["address"]["socket_address"] == {
        "address": "10.0.0.4",
        "port_value": 80,
        "network_namespace_filepath": "/net/gw",
    }
    cluster = next(c for c in resources(render.CLUSTERS, of) if c["name"] == "b")
    assert cluster["upstream_bind_config"]["source_address"] == {
        "address": "10.0.0.4",
        "port_value": 0,
        "network_namespace_filepath": "/net/gw",
    }


def test_only_servers_that_are_up_are_asked_and_those_that_leave_finish() -> None:
    up, leaving = Server("up", ip_address("10.0.1.4")), Server("leaving", ip_address("10.0.1.5"))
    backend = HttpBackend("b", "b", "gw", 80, (up,), available="b")
    ending = Server("ending", ip_address("10.0.1.6"))
    of = World({}, {"b": backend}, {}, {"b": [up]}, {"b": [leaving]}, {}, ending={"b": [ending]})
    (found,) = resources(file_of("servers", "b"), of)
    rows = found["endpoints"][0]["lb_endpoints"]
    assert [(r["endpoint"]["address"]["socket_address"]["address"], r["health_status"]) for r in rows] == [
        ("10.0.1.4", "HEALTHY"),
        ("10.0.1.5", "DRAINING"),
        ("10.0.1.6", "UNHEALTHY"),
    ]


@pytest.mark.parametrize(("cookie", "asked"), [("", []), ("kept", ["HEALTHY", "DRAINING"])])
def test_only_who_has_a_cookie_is_led_to_a_server_that_leaves(cookie: str, asked: list[str]) -> None:
    """Source: facts/application-gateway.md, "Affinity"."""
    of = World({}, {"b": HttpBackend("b", "b", "gw", 80, affinity=cookie)}, {}, {}, {}, {})
    cluster = next(c for c in resources(render.CLUSTERS, of) if c["name"] == "b")
    assert cluster["common_lb_config"].get("override_host_status", {}).get("statuses", []) == asked


def test_a_server_known_by_name_has_the_addresses_that_were_found() -> None:
    named = Server("web.test", None, "web.test")
    of = World(
        {}, {"b": HttpBackend("b", "b", "gw", 80, (named,))}, {}, {"b": [named]}, {}, {("b", "web.test"): [HERE]}
    )
    (found,) = resources(file_of("servers", "b"), of)
    (row,) = found["endpoints"][0]["lb_endpoints"]
    assert row["endpoint"] == {
        "address": {"socket_address": {"address": "10.0.0.4", "port_value": 80}},
        "hostname": "web.test",
    }


SECURE = ServerTls(("cert",))


def chosen(leads: dict[str, Any]) -> str:
    """The chain that a matcher leads to."""
    return str(leads["action"]["typed_config"]["value"])


def test_each_site_with_a_certificate_has_a_chain_and_routes_of_its_own() -> None:
    """Who came in by one site's rules for clients is not led to another by the name in the request."""
    of = world(site("a", "a.test", tls=SECURE, port=443), site("b", "*.test", tls=SECURE, port=443))
    (listener,) = resources(render.LISTENERS, of)
    secured = [c["name"] for c in listener["filter_chains"] if "transport_socket" in c]
    assert [site_of(name) for name in secured] == ["gw|10.0.0.4|443|a", "gw|10.0.0.4|443|b"]
    names = listener["filter_chain_matcher"]["matcher_tree"]["exact_match_map"]["map"]["tls"]["matcher"]
    exact, ends = names["matcher_tree"]["exact_match_map"]["map"], names["on_no_match"]["matcher"]["matcher_list"]
    assert {name: chosen(leads) for name, leads in exact.items()} == {"a.test": secured[0]}
    (ending,) = ends["matchers"]
    assert ending["predicate"]["single_predicate"]["value_match"] == {"suffix": ".test"}
    assert chosen(ending["on_match"]) == secured[1]
    for name, domains in (("a", ["a.test"]), ("b", ["*.test"])):
        (table,) = resources(file_of("routes", f"gw|10.0.0.4|443|{name}"), of)
        assert [v["domains"] for v in table["virtual_hosts"]] == [domains]


def test_a_certificate_s_key_is_in_a_file_of_its_own() -> None:
    of = world(site("a", tls=SECURE, port=443), certificates=(Certificate("cert", "CHAIN", "KEY"),))
    made = render.files(of, PLACE)
    assert [name for name, text in made.items() if "KEY" in text] == [file_of("secret", "cert")]
    (listener,) = resources(render.LISTENERS, of)
    context = listener["filter_chains"][0]["transport_socket"]["typed_config"]["common_tls_context"]
    assert [c["name"] for c in context["tls_certificate_sds_secret_configs"]] == ["cert"]
    assert context["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"


def test_a_server_s_certificate_is_proven_by_the_roots_that_were_given() -> None:
    backend = HttpBackend("b", "b", "gw", 443, tls=ClientTls("web.test", ("root",)))
    of = world(site("s"), backends=(backend,))
    cluster = next(c for c in resources(render.CLUSTERS, of) if c["name"] == "b")
    said = cluster["transport_socket"]["typed_config"]
    assert said["sni"] == "web.test"
    proof = said["common_tls_context"]["combined_validation_context"]
    assert proof["validation_context_sds_secret_config"]["name"] == "root"
    assert proof["default_validation_context"]["match_typed_subject_alt_names"][0]["matcher"] == {"exact": "web.test"}


def test_a_change_of_a_rule_changes_the_file_of_its_routes_alone() -> None:
    before = render.files(world(site("s", rules=(HttpRule("r", backend="a"),))), PLACE)
    after = render.files(world(site("s", rules=(HttpRule("r", "/x", backend="a"),))), PLACE)
    assert {n for n in after if before[n] != after[n]} == {file_of("routes", "gw|10.0.0.4|80")}


def own_answers(*sites: Site, pages: dict[str, str] | None = None) -> list[tuple[int, int, str, str]]:
    """Rows in the order in which they are asked: Envoy's status, the status shown, the host asked for and the body."""
    rows = []
    for m in answers.mappers(sites, (pages or {}).get)["mappers"]:
        parts = m["filter"].get("and_filter", {"filters": [m["filter"]]})["filters"]
        if "status_code_filter" not in parts[0]:
            continue  # the firewall's own words
        status = parts[0]["status_code_filter"]["comparison"]["value"]["default_value"]
        host = parts[1]["header_filter"]["header"]["string_match"]["safe_regex"]["regex"] if parts[1:] else ""
        rows.append((status, m["status_code"], host, m["body"]["inline_string"]))
    return rows


def own_answer(rows: list[tuple[int, int, str, str]], status: int, host: str) -> tuple[int, str]:
    """What a client gets for Envoy's *status*: the first row that fits."""
    return next((r[1], r[3]) for r in rows if r[0] == status and (not r[2] or re.fullmatch(r[2], host)))


PAGES = {"http://p/none.html": "<p>nothing</p>", "http://p/nobody.html": "<p>nobody</p>"}


def test_pages_stand_for_the_bodies_of_own_errors() -> None:
    rows = own_answers(
        Site("s", HERE, 80, pages=((404, "http://p/none.html"), (502, "http://p/nobody.html"))), pages=PAGES
    )
    assert own_answer(rows, 503, "x") == own_answer(rows, 502, "x") == (502, "<p>nobody</p>")
    assert own_answer(rows, 404, "x") == (404, "<p>nothing</p>")
    assert own_answer(rows, 504, "x") == (504, answers.body(504))


def test_each_listener_of_a_port_has_pages_of_its_own() -> None:
    one = Site("one", HERE, 80, ("one.test",), pages=((404, "http://p/none.html"),))
    other = Site("other", HERE, 80, ("*.test",), pages=((404, "http://p/nobody.html"), (403, "http://p/none.html")))
    rows = own_answers(one, other, pages=PAGES)
    assert own_answer(rows, 404, "one.test:8080") == (404, "<p>nothing</p>")
    assert own_answer(rows, 404, "two.test") == (404, "<p>nobody</p>")
    assert own_answer(rows, 404, "elsewhere.net") == (404, answers.body(404))
    assert own_answer(rows, 403, "two.test") == (403, "<p>nothing</p>")


def test_until_a_page_is_there_the_usual_one_stands() -> None:
    rows = own_answers(Site("s", HERE, 80, pages=((404, "http://p/none.html"), (403, "http://p/none.html"))))
    assert own_answer(rows, 404, "x") == (404, answers.body(404))
    assert 403 not in {r[0] for r in rows}  # what the firewall says stands


def test_headers_that_are_too_long_are_a_bad_request() -> None:
    assert own_answer(own_answers(site("s")), 431, "x") == (400, answers.body(400))


def connections(of: World) -> dict[str, Any]:
    (listener,) = resources(render.LISTENERS, of)
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_a_request_must_be_there_after_a_minute() -> None:
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""
    assert connections(world(site("s")))["stream_idle_timeout"] == "60s"


def test_the_pages_of_a_gateway_are_those_that_its_guest_found() -> None:
    of = world(Site("s", HERE, 80, pages=((404, "http://p/none.html"),)))
    with_page = msgspec.structs.replace(of, pages={("gw", "http://p/none.html"): "<p>mine</p>"})
    elsewhere = msgspec.structs.replace(of, pages={("other", "http://p/none.html"): "<p>mine</p>"})
    assert "<p>mine</p>" in json.dumps(connections(with_page)["local_reply_config"])
    assert "<p>mine</p>" not in json.dumps(connections(elsewhere)["local_reply_config"])


def test_the_number_of_a_request_is_32_digits_that_servers_are_told() -> None:
    """8 of chance, and 24 of time."""
    rows = headers.forwarded()["typed_config"]["mutations"]["request_mutations"]
    told = {r["append"]["header"]["key"]: r["append"]["header"]["value"] for r in rows if "append" in r}
    number = told["X-AppGW-Trace-Id"].replace("%REQ(X-REQUEST-ID):8%", "0b7ac8b5")
    number = number.replace("%START_TIME(%Y%m%d%H%M%S%9f)%", "20261122140000123456789")
    assert re.fullmatch("[0-9a-f]{32}", number)


def test_servers_are_not_told_of_envoy() -> None:
    rows = headers.forwarded()["typed_config"]["mutations"]["request_mutations"]
    assert {r["remove"] for r in rows if "remove" in r} == {"x-envoy-external-address", "x-request-id"}


def test_a_request_passes_only_what_its_route_needs() -> None:
    """Filters for the firewall and for rewrites are off, where no route says otherwise."""
    served = connections(world(site("s", rules=(HttpRule("r", backend="b"),))))["http_filters"]
    assert [f["name"] for f in served if not f.get("disabled")] == ["router"]


WRITTEN = HttpRule("w", "/w*", "b", rewrites=(Rewrite("w", request=(HeaderChange("X-Original-Host", "x"),)),))


def works(table: dict[str, Any]) -> set[str]:
    return set(table.get("typed_per_filter_config", {}))


def test_servers_are_told_of_clients_once_by_a_filter_where_some_site_rewrites() -> None:
    """A rewrite may lead to another site, whose own word would then come again."""
    plain, written = site("s", "a.test"), site("t", "b.test", rules=(WRITTEN,))
    filtered = headers.forwarded()["typed_config"]["mutations"]["request_mutations"]
    by_filter, by_route = routed([plain, written], {}), routed([plain], {})
    assert works(by_filter) == {"forwarded"}
    assert not any("request_headers_to_add" in host for host in by_filter["virtual_hosts"])
    assert "request_headers_to_remove" not in by_filter
    assert works(by_route) == set()
    (host,) = by_route["virtual_hosts"]
    assert host["request_headers_to_add"] == [r["append"] for r in filtered if "append" in r]
    assert by_route["request_headers_to_remove"] == [r["remove"] for r in filtered if "remove" in r]


def test_what_a_number_is_made_of_is_removed_after_it() -> None:
    """Envoy removes first and then adds, and has done with a site before it comes to the place."""
    table = routed([site("s")], {})
    assert "x-request-id" in table["request_headers_to_remove"]
    assert not any("request_headers_to_remove" in host for host in table["virtual_hosts"])


@pytest.mark.parametrize(
    ("cookie", "found"),
    [pytest.param("kept", {"others", "sticky"}, id="by a cookie"), pytest.param("", set(), id="by nothing")],
)
def test_the_filter_that_keeps_clients_works_for_a_place_where_some_route_keeps_them(
    cookie: str, found: set[str]
) -> None:
    backends = {"b": HttpBackend("b", "b", "gw", 80, affinity=cookie), "c": HttpBackend("c", "c", "gw", 80)}
    sites = [site("s", "a.test", rules=(HttpRule("r", backend="b"),)), site("t", rules=(HttpRule("r", backend="c"),))]
    assert works(routed(sites, backends)) == found
    assert works(routed([sites[1], site("u", rules=(HttpRule("r", backend="absent"),))], backends)) == set()


def test_headers_that_are_looked_for_in_each_request_have_a_place_of_their_own() -> None:
    quick = {row["inline_header_name"] for row in json.loads(render.bootstrap(PLACE))["inline_headers"]}
    told = {name.lower() for name in re.findall(r"%REQ\((X-[A-Z-]+)\)", " ".join(headers.TOLD.values()))}
    assert told == quick


def test_a_site_with_rewrites_has_what_they_may_change_kept() -> None:
    changed = Rewrite("w", request=(HeaderChange("X-Original-Host", "x"),))
    (found,) = virtual_hosts([site("s", rules=(HttpRule("r", backend="b", rewrites=(changed,)),))], {})
    assert found["typed_per_filter_config"].keys() == {"rewriting", "keeping"}


def test_what_is_not_the_client_s_to_say_is_overwritten_and_the_way_here_is_added_to() -> None:
    rows = headers.forwarded()["typed_config"]["mutations"]["request_mutations"]
    how = {r["append"]["header"]["key"]: r["append"]["append_action"] for r in rows if "append" in r}
    assert how.pop("X-Forwarded-For") == "APPEND_IF_EXISTS_OR_ADD"
    assert set(how.values()) == {"OVERWRITE_IF_EXISTS_OR_ADD"}


def cluster_of(backend: HttpBackend) -> dict[str, Any]:
    return next(c for c in resources(render.CLUSTERS, world(site("s"), backends=(backend,))) if c["name"] == "b")


def asked_by(found: dict[str, Any]) -> dict[str, Any]:
    options = next(iter(found["typed_extension_protocol_options"].values()))
    said: dict[str, Any] = options.get("upstream_http_protocol_options", {})
    return said


def test_a_server_whose_roots_nobody_gave_is_proven_by_the_authorities_of_the_host() -> None:
    found = cluster_of(HttpBackend("b", "b", "gw", 443, tls=ClientTls("web.test")))
    context = found["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
    assert context["trusted_ca"] == {"filename": secrets.AUTHORITIES}
    assert context["match_typed_subject_alt_names"][0]["matcher"] == {"exact": "web.test"}


def test_a_server_without_a_name_is_asked_for_by_the_host_of_the_request() -> None:
    found = cluster_of(HttpBackend("b", "b", "gw", 443, tls=ClientTls()))
    assert asked_by(found) == {"auto_sni": True, "auto_san_validation": True}


def test_a_server_that_gets_its_own_name_as_host_must_prove_that() -> None:
    found = cluster_of(HttpBackend("b", "b", "gw", 443, own_host=True, tls=ClientTls()))
    said = found["transport_socket"]["typed_config"]
    assert (said["auto_host_sni"], said["auto_sni_san_validation"]) == (True, True)
    assert asked_by(found) == {}


def test_a_server_is_not_proven_where_that_is_turned_off() -> None:
    found = cluster_of(HttpBackend("b", "b", "gw", 443, tls=ClientTls(verify=False)))
    assert found["transport_socket"]["typed_config"]["common_tls_context"] == {}
    assert asked_by(found) == {"auto_sni": True, "auto_san_validation": False}


@pytest.mark.parametrize("found", [ClientTls("web.test", named=False), ClientTls(named=False)])
def test_a_server_may_show_a_certificate_for_another_name(found: ClientTls) -> None:
    """It is proven by the authorities all the same."""
    made = cluster_of(HttpBackend("b", "b", "gw", 443, tls=found))
    context = made["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
    assert context == {"trusted_ca": {"filename": secrets.AUTHORITIES}}
    assert asked_by(made).get("auto_san_validation", False) is False


def test_several_roots_are_trusted_together() -> None:
    backend = HttpBackend("b", "b", "gw", 443, tls=ClientTls("web.test", ("one", "two")))
    held = (Certificate("one", "ONE"), Certificate("two", "TWO"))
    made = render.files(world(site("s"), backends=(backend,), certificates=held), PLACE)
    (found,) = json.loads(made[file_of("secret", "one+two")])["resources"]
    assert found["validation_context"]["trusted_ca"] == {"inline_string": "ONETWO"}


def downstream(tls: ServerTls, *held: Certificate) -> dict[str, Any]:
    (listener,) = resources(render.LISTENERS, world(site("a", tls=tls, port=443), certificates=held))
    found: dict[str, Any] = listener["filter_chains"][0]["transport_socket"]["typed_config"]
    return found


def test_clients_show_a_certificate_that_leads_to_one_of_the_roots() -> None:
    strict = downstream(ServerTls(("cert",), clients=("one", "two")))
    assert strict["require_client_certificate"] is True
    assert strict["common_tls_context"]["validation_context_sds_secret_config"]["name"] == "one+two"
    passing = downstream(ServerTls(("cert",), asks=True))
    assert passing["require_client_certificate"] is False
    assert passing["common_tls_context"]["validation_context"] == {"trust_chain_verification": "ACCEPT_UNTRUSTED"}


def test_who_speaks_no_tls_on_its_port_gets_an_answer() -> None:
    (listener,) = resources(render.LISTENERS, world(site("a", tls=SECURE, port=443)))
    clear = next(c for c in listener["filter_chains"] if site_of(c["name"]) == "clear")
    assert chosen(listener["filter_chain_matcher"]["on_no_match"]) == clear["name"]
    assert "transport_socket" not in clear
    (host,) = clear["filters"][0]["typed_config"]["route_config"]["virtual_hosts"]
    assert [r["direct_response"] for r in host["routes"]] == [{"status": 400}]


def test_http_2_is_spoken_only_where_it_is_enabled() -> None:
    """Source: facts/application-gateway.md, "What it does"; also not by those who do not ask first."""
    of = world(site("s"))
    assert connections(of)["codec_type"] == "HTTP1"
    enabled = {n: msgspec.structs.replace(p, http2=True) for n, p in of.proxies.items()}
    assert connections(msgspec.structs.replace(of, proxies=enabled))["codec_type"] == "AUTO"
