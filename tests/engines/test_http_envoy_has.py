"""What a real Envoy has is what it was told, all of it; and one that was started otherwise gives way."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec

from lazulite.engines.http import admin, render
from lazulite.engines.http.render import World
from lazulite.engines.http.supervise import BOOT
from lazulite.engines.http.wording import CLUSTER, LISTENER, ROUTES
from lazulite.forwarding.model import (
    Certificate,
    ClientTls,
    Condition,
    HeaderChange,
    HttpBackend,
    HttpProxy,
    HttpRule,
    Redirect,
    Rewrite,
    Server,
    ServerTls,
    Site,
    ValueMatch,
    WafPolicy,
)
from tests.engines.test_http_envoy import HERE, Served, story
from tests.services.gateways import opened, pfx

BESIDE = ip_address("127.0.0.2")
CHANGE = HeaderChange("X-One", "{var_host}", only=ValueMatch("a.*"))
REWRITE = Rewrite("w", (Condition("http_req_X-Two", "b+"),), (CHANGE,), (CHANGE,), path="/new", again=True)
RULES = (
    HttpRule("moved", "/moved/*", redirect=Redirect(303, "https", "b.test", 8443, "/there", keep_query=False)),
    HttpRule("kept", "/kept", redirect=Redirect(301, path="/x", keep_path=False)),
    HttpRule("cookies", "/cookies/*", backend="sticky", policy="strict"),
    HttpRule("written", "/written*", backend="plain", rewrites=(REWRITE,)),
    HttpRule("all", backend="secure"),
)


def everything(port: int) -> World:
    """What has all that is ever said to Envoy."""
    tls = ServerTls(("c", "d"), "1.2", ("ECDHE-RSA-AES128-GCM-SHA256",), clients=("root",))
    sites = (
        Site("one", HERE, port, ("*.x?.test",), rules=RULES, pages=((404, "http://p/"),)),
        Site("two", HERE, port, rules=RULES, policy="strict"),
        Site("a", BESIDE, port, ("a.test",), rules=RULES, tls=tls),
        Site("b", BESIDE, port, ("*.test",), rules=RULES[:2], tls=ServerTls(("c",), "1.3", asks=True)),
    )
    servers = (Server("one", HERE), Server("named", host="n.test"))
    known = {"label": "b/s", "guest": "gw", "port": 80, "servers": servers}
    backends = {
        "plain": HttpBackend("plain", **known, prefix="/below/", host="h.test"),
        "sticky": HttpBackend("sticky", **known, affinity="kept", own_host=True, prefix="/below"),
        "secure": HttpBackend("secure", **known, tls=ClientTls("h.test", ("root",))),
    }
    chain, key = opened(pfx("a.test"))
    certificates = [Certificate("c", chain, key), Certificate("d", chain, key), Certificate("root", chain)]
    return World(
        {"gw": HttpProxy("gw", "gw", "gw", sites, http2=True)},
        backends,
        {c.name: c for c in certificates},
        {n: servers for n in backends},
        {"plain": [Server("gone", ip_address("127.0.0.9"))], "sticky": [Server("left", ip_address("127.0.0.7"))]},
        {(n, "n.test"): [ip_address("127.0.0.8")] for n in backends},
        {("gw", "http://p/"): "<p>mine</p>"},
        {"strict": WafPolicy("strict", "strict")},
        {"sticky": [Server("ended", ip_address("127.0.0.6"))]},
    )


def said(dumped: Any) -> Any:
    """Of what Envoy shows, or was given, what both say: structures for what they stand for, nothing that is unset."""
    if isinstance(dumped, list):
        return [said(each) for each in dumped]
    if isinstance(dumped, str) and re.fullmatch("[0-9.]+s", dumped):
        return float(dumped.removesuffix("s"))
    if not isinstance(dumped, dict):
        return dumped
    if dumped.get("@type", "").endswith("TypedStruct"):
        return said({"@type": dumped["type_url"]} | dumped.get("value", {}))
    rows = {k: said(v) for k, v in dumped.items()}
    return {k: v for k, v in rows.items() if v not in UNSET}


"""What stands for itself when it is not said: the first word of a list of words, and nothing."""
UNSET: tuple[Any, ...] = (
    False,
    0,
    "",
    None,
    [],
    "MOVED_PERMANENTLY",
    "APPEND_IF_EXISTS_OR_ADD",
    "AUTO",
    "STRING",
    "EQ",
)
KINDS = {
    LISTENER: ("dynamic_listeners", "active_state", "listener"),
    CLUSTER: ("dynamic_active_clusters", "cluster"),
    ROUTES: ("dynamic_route_configs", "route_config"),
}


def test_what_envoy_says_it_has_is_what_was_rendered(tmp_path: Path) -> None:
    """Every field that is ever said arrives as what it is."""

    async def told(here: Served) -> None:
        whole = everything(here.port)
        given = render.files(whole, here.envoy.place)
        assert await here.envoy.serve(given) == {}
        dump = json.loads(await admin.ask(str(here.envoy.directory / render.ADMIN), "/config_dump"))
        rows = [r for part in dump["configs"] for path in KINDS.values() for r in _below(part, path)]
        has = {(r["@type"], r["name"]): said(r) for r in rows}
        texts = [(here.envoy.directory / name).read_text() for name in given]
        meant = [r for text in texts for r in json.loads(text)["resources"] if r["@type"] in KINDS]
        for one in meant:
            found = has[one["@type"], one["name"]]
            assert found == said(one)

    story(tmp_path, told)


def _below(part: dict[str, Any], path: tuple[str, ...]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = part.get(path[0], [])
    for step in path[1:]:
        rows = [r[step] for r in rows]
    return rows


def test_an_envoy_that_was_started_otherwise_gives_way(tmp_path: Path) -> None:
    """By another version of this program, which spoke to it in another way."""

    async def told(here: Served) -> None:
        first = here.envoy._pid()
        here.envoy.close()
        boot = here.envoy.directory / BOOT
        boot.write_text(boot.read_text().replace("DELTA_GRPC", "DELTA_GRPC "))
        assert await here.serve() == {}
        assert here.envoy._pid() not in (None, first)
        whole = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert (await here.answer(whole)).startswith(b"HTTP/1.1 200 ")

    story(tmp_path, told)


def test_a_certificate_that_envoy_does_not_take_is_told_by_its_name(tmp_path: Path) -> None:
    """One with the key of another."""

    async def told(here: Served) -> None:
        whole = everything(here.port)
        (chain, _), (_, key) = opened(pfx("a.test")), opened(pfx("b.test"))
        wrong = whole.certificates | {"c": Certificate("c", chain, key)}
        assert await here.envoy.serve(render.files(whole, here.envoy.place)) == {}
        files = render.files(msgspec.structs.replace(whole, certificates=wrong), here.envoy.place)
        refused = await here.envoy.serve(files)
        assert refused.keys() == {"c"}
        assert "match" in refused["c"].lower()

    story(tmp_path, told)
