"""Which site and rule Envoy is told to choose: the model's first, whatever Envoy prefers by itself."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.http import hosts, render
from lazulite.engines.http.render import Place, World
from lazulite.engines.http.routes import virtual_hosts
from lazulite.forwarding.model import (
    Certificate,
    ClientTls,
    HttpBackend,
    HttpProxy,
    HttpRule,
    Redirect,
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
    (cluster,) = resources(render.CLUSTERS, of)
    assert cluster["upstream_bind_config"]["source_address"] == {
        "address": "10.0.0.4",
        "port_value": 0,
        "network_namespace_filepath": "/net/gw",
    }


def test_only_servers_that_are_up_are_asked_and_those_that_leave_finish() -> None:
    up, leaving = Server("up", ip_address("10.0.1.4")), Server("leaving", ip_address("10.0.1.5"))
    backend = HttpBackend("b", "b", "gw", 80, (up,), available="b")
    of = World({}, {"b": backend}, {}, {"b": [up]}, {"b": [leaving]}, {})
    (found,) = resources(render.file_of("servers", "b"), of)
    rows = found["endpoints"][0]["lb_endpoints"]
    assert [(r["endpoint"]["address"]["socket_address"]["address"], r["health_status"]) for r in rows] == [
        ("10.0.1.4", "HEALTHY"),
        ("10.0.1.5", "DRAINING"),
    ]


def test_a_server_known_by_name_has_the_addresses_that_were_found() -> None:
    named = Server("web.test", None, "web.test")
    of = World(
        {}, {"b": HttpBackend("b", "b", "gw", 80, (named,))}, {}, {"b": [named]}, {}, {("b", "web.test"): [HERE]}
    )
    (found,) = resources(render.file_of("servers", "b"), of)
    (row,) = found["endpoints"][0]["lb_endpoints"]
    assert row["endpoint"] == {
        "address": {"socket_address": {"address": "10.0.0.4", "port_value": 80}},
        "hostname": "web.test",
    }


SECURE = ServerTls(("cert",))


def test_each_site_with_a_certificate_has_a_chain_and_routes_of_its_own() -> None:
    """Who came in by one site's rules for clients is not led to another by the name in the request."""
    of = world(site("a", "a.test", tls=SECURE, port=443), site("b", "*.test", tls=SECURE, port=443))
    (listener,) = resources(render.LISTENERS, of)
    chains = {c["name"]: c["filter_chain_match"]["server_names"] for c in listener["filter_chains"]}
    assert chains == {"gw|10.0.0.4|443|a": ["a.test"], "gw|10.0.0.4|443|b": ["*.test"]}
    for name, domains in (("a", ["a.test"]), ("b", ["*.test"])):
        (table,) = resources(render.file_of("routes", f"gw|10.0.0.4|443|{name}"), of)
        assert [v["domains"] for v in table["virtual_hosts"]] == [domains]


def test_a_certificate_s_key_is_in_a_file_of_its_own() -> None:
    of = world(site("a", tls=SECURE, port=443), certificates=(Certificate("cert", "CHAIN", "KEY"),))
    made = render.files(of, PLACE)
    assert [name for name, text in made.items() if "KEY" in text] == [render.file_of("secret", "cert")]
    (listener,) = resources(render.LISTENERS, of)
    context = listener["filter_chains"][0]["transport_socket"]["typed_config"]["common_tls_context"]
    assert [c["name"] for c in context["tls_certificate_sds_secret_configs"]] == ["cert"]
    assert context["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"


def test_a_server_s_certificate_is_proven_by_the_roots_that_were_given() -> None:
    backend = HttpBackend("b", "b", "gw", 443, tls=ClientTls("web.test", ("root",)))
    (cluster,) = resources(render.CLUSTERS, world(site("s"), backends=(backend,)))
    said = cluster["transport_socket"]["typed_config"]
    assert said["sni"] == "web.test"
    proof = said["common_tls_context"]["combined_validation_context"]
    assert proof["validation_context_sds_secret_config"]["name"] == "root"
    assert proof["default_validation_context"]["match_typed_subject_alt_names"][0]["matcher"] == {"exact": "web.test"}


def test_a_change_of_a_rule_changes_the_file_of_its_routes_alone() -> None:
    before = render.files(world(site("s", rules=(HttpRule("r", backend="a"),))), PLACE)
    after = render.files(world(site("s", rules=(HttpRule("r", "/x", backend="a"),))), PLACE)
    assert {n for n in after if before[n] != after[n]} == {render.file_of("routes", "gw|10.0.0.4|80")}


def test_pages_stand_for_the_bodies_of_own_errors() -> None:
    of = world(Site("s", HERE, 80, pages=((404, "<p>nothing</p>"), (502, "<p>nobody</p>"))))
    (listener,) = resources(render.LISTENERS, of)
    mappers = listener["filter_chains"][0]["filters"][0]["typed_config"]["local_reply_config"]["mappers"]
    told = {
        m["filter"]["status_code_filter"]["comparison"]["value"]["default_value"]: (
            m["status_code"],
            m["body"]["inline_string"],
        )
        for m in mappers
    }
    assert told[503] == (502, "<p>nobody</p>")
    assert told[404] == (404, "<p>nothing</p>")
