"""The index against the plain reading of the model, and against itself built anew."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.analysis import Index, trace
from lazulite.analysis.lookup import LongestPrefix
from lazulite.analysis.matcher import Matcher
from lazulite.forwarding.model import (
    AccessList,
    Action,
    AddressSet,
    AnswerPolicy,
    AnyEntry,
    Capture,
    Certificate,
    Contents,
    Countries,
    Country,
    Detour,
    Doorway,
    Fault,
    FlowLog,
    FlowLogFormat,
    ForwardingModel,
    ForwardRuleset,
    GlobalMember,
    GlobalRule,
    HttpBackend,
    HttpProxy,
    Monitor,
    NameServer,
    Nearness,
    ObjectStore,
    Peering,
    Place,
    PlatformResolver,
    PortForward,
    Probe,
    ProbeProtocol,
    RecordSet,
    ResolverEndpoint,
    Route,
    RouteSource,
    RouteTable,
    Script,
    Sink,
    Tap,
    TapSource,
    Tunnel,
    WafPolicy,
    Watch,
    Zone,
    ZoneLink,
)
from lazulite.incremental import Delta
from lazulite.values import Flow, IPAddress, Protocol
from tests.analysis.build import (
    access_list,
    balance,
    flow,
    frontend,
    gateway,
    group,
    host,
    index,
    model,
    pool,
    port,
    route,
    table,
    vrf,
)
from tests.analysis.networks import (
    PRIVATE,
    SETS,
    access_lists,
    addresses,
    flows,
    networks,
    patient,
    route_tables,
    sources,
)


def naive_route(routes: tuple[Route, ...], address: IPAddress) -> Route | None:
    """Longest prefix, then user over gateway over system, then the first written."""
    held = [r for r in routes if r.active and address in r.prefix]
    return min(held, key=lambda r: (-r.prefix.prefixlen, list(RouteSource).index(r.source)), default=None)


@given(route_tables("n0/0", PRIVATE), addresses)
def test_the_longest_active_prefix_decides(found: RouteTable, address: IPAddress) -> None:
    assert LongestPrefix(found.routes).find(address) == naive_route(found.routes, address)


def test_of_equal_prefixes_the_user_s_route_wins_then_the_gateway_s_then_the_system_s() -> None:
    rows = [msgspec.structs.replace(route("10.0.0.0/8 local"), source=s, origin=s) for s in reversed(RouteSource)]
    for wanted in RouteSource:
        found = LongestPrefix(rows).find(flow("tcp ::1 > 10.0.0.1").dst)
        assert found is not None
        assert found.source is wanted
        rows.pop()


def test_prefix_lengths_of_the_two_versions_do_not_mix() -> None:
    rows = (route("::/0 local"), route("0.0.0.0/0 internet"), route("fd00::/8 none"), route("253.0.0.0/8 none"))
    found = LongestPrefix(rows)
    wanted = {"tcp 1.2.3.4 > 253.0.0.1": "253.0.0.0/8 none", "tcp ::1 > fd00::1": "fd00::/8 none"}
    for line, origin in (wanted | {"tcp ::1 > fc00::1": "::/0 local"}).items():
        hit = found.find(flow(line).dst)
        assert hit is not None
        assert hit.origin == origin


def naive_verdict(found: AccessList, of: dict[str, frozenset[IPAddress]], asked: Flow) -> tuple[Action, str]:
    """The first rule that matches, as :meth:`Rule.matches` reads it."""
    for rule in found.rules:
        if rule.matches(asked, of):
            return rule.action, rule.origin
    return Action.DENY, f"{found.label}/no rule"


members = st.fixed_dictionaries({}, optional={s: st.frozensets(addresses, max_size=3) for s in SETS})


@given(access_lists("l"), members, st.lists(flows, max_size=5))
def test_bit_vectors_agree_with_the_first_match(
    found: AccessList, of: dict[str, frozenset[IPAddress]], asked: list[Flow]
) -> None:
    matcher = Matcher(found, of)
    for each in asked * 2:
        verdict = matcher.first(matcher.select(each.src, each.dst), each.protocol, each.src_port, each.dst_port)
        assert (verdict.action, verdict.origin) == naive_verdict(found, of, each)


def difference(old: ForwardingModel, new: ForwardingModel) -> Delta[Any, Any]:
    was, now = {e.key: e for e in old}, {e.key: e for e in new}
    changed = {k: e for k, e in now.items() if was.get(k) != e}
    return Delta(changed, {k: e for k, e in was.items() if k not in now})


@patient
@given(st.lists(networks(), min_size=2, max_size=3), st.lists(flows, min_size=4, max_size=8))
def test_an_index_that_followed_answers_like_one_built_anew(path: list[ForwardingModel], asked: list[Flow]) -> None:
    followed = Index(path[0])
    for old, new in pairwise(path):
        for each in asked:  # fill every cache that an update has to empty
            for source in sources(old):
                trace(followed, source, each)
        followed.update(difference(old, new))
    fresh = Index(path[-1])
    assert followed.model == path[-1]
    for each in asked:
        for source in sources(path[-1]):
            assert trace(followed, source, each) == trace(fresh, source, each)


def test_an_address_may_move_from_one_port_to_another_in_one_delta() -> None:
    net, routes = vrf("net", "10.0.0.0/16"), table("net", route("10.0.0.0/16 local"))
    old = model(net, routes, port("a", "10.0.0.4/24"), port("b", "10.0.0.5/24"), port("c", "10.0.0.6/24"))
    new = model(net, routes, port("a", "10.0.0.5/24"), port("b", "10.0.0.4/24"), port("c", "10.0.0.6/24"))
    followed = Index(old)
    followed.update(difference(old, new))
    found = trace(followed, "c", flow("tcp 10.0.0.6 > 10.0.0.4:80"))
    assert found.destination == "b"


def test_a_list_follows_the_members_of_its_sets() -> None:
    followed = index(
        vrf("net", "10.0.0.0/16"),
        table("net", route("10.0.0.0/16 local")),
        access_list("l", "1 allow * * > web :*"),
        port("a", "10.0.0.4/24"),
        port("b", "10.0.0.5/24", ingress=("l",)),
    )
    asked = flow("tcp 10.0.0.4 > 10.0.0.5:80")
    assert not trace(followed, "a", asked).disposition.arrives
    web = group("web", "10.0.0.5")
    followed.update(Delta({web.key: web}))
    assert trace(followed, "a", asked).disposition.arrives
    followed.update(Delta({}, {web.key: web}))
    assert not trace(followed, "a", asked).disposition.arrives


EXAMPLES: list[Any] = [
    vrf("net", "10.0.0.0/16"),
    *port("a", "10.0.0.4/24"),
    group("web", "10.0.0.5"),
    access_list("l", "1 allow * * > web :*"),
    table("net", route("10.0.0.0/16 local")),
    Peering("link", vrf="net", remote="far", prefixes=()),
    Script("s", label="s", guest="a", body=""),
    host("visitor", "198.18.0.9"),
    pool("pool", "10.0.0.4"),
    Contents("pool", ("10.0.0.4",), "prober", "2026-01-01T00:00:00Z"),
    frontend("fe", "198.18.0.8"),
    balance("rule fe pool tcp 80>8080"),
    Detour("d", "d", "net", ip_address("10.0.0.9"), "pool", Tunnel(10800, 800), Tunnel(10801, 801)),
    GlobalRule("g", "g", ip_address("198.18.0.6"), Protocol.TCP, 80, (GlobalMember("rule", "westeurope"),)),
    Nearness("visitor", ("westeurope",)),
    PortForward("nat", "nat", "fe", Protocol.TCP, 22, PRIVATE[0], 22),
    gateway("nat", "10.0.0.0/24", "198.18.0.7"),
    Zone("z", "contoso.com", 1),
    RecordSet("z|www|A", "z", "www", "A", 300, (b"\x0a\0\0\4",)),
    AnswerPolicy("p", "p", "priority", 60, ()),
    ZoneLink("l", "net", "z"),
    PlatformResolver("net", "net", ip_address("168.63.129.16")),
    NameServer("root", "visitor", "root", ()),
    ResolverEndpoint("in", "a", "net", inbound=True),
    ForwardRuleset("r", (), (), ()),
    Watch("w", "w", ("visitor",), (), Probe(ProbeProtocol.TCP, 80)),
    Tap("t", "t", "net", PRIVATE[0], 4789, 17),
    TapSource("a", "a", "t"),
    ObjectStore("lablogs", "storage", (), ()),
    Doorway("vault", "vault", 443, "vault.sock"),
    FlowLog("f", ("a",), (), FlowLogFormat.NETWORK, "NET", "", Sink("lablogs", "logs", "")),
    Capture("c", "c", ("a",)),
    Monitor("m", "m", ()),
    Fault("a", "a", cut=True),
    Certificate("cert", "PEM", "KEY"),
    HttpBackend("pool", "pool", "gateway", 80),
    HttpProxy("gateway", "gateway", "gateway"),
    WafPolicy("waf", "waf"),
    Countries("c", ("westeurope",), (Country("DE", ("DE", "GEO-EU", "WORLD"), (9.5,)),)),
    Place("germany", ip_network("198.18.49.0/24"), ("DE", "GEO-EU", "WORLD")),
]


def test_there_is_an_example_of_every_type_of_entry() -> None:
    assert {type(e) for e in EXAMPLES} == set(get_args(AnyEntry))


@pytest.mark.parametrize("entry", [pytest.param(e, id=type(e).__name__) for e in EXAMPLES])
def test_an_entry_of_any_type_comes_changes_and_goes(entry: Any) -> None:
    followed = index()
    for _ in range(2):
        followed.update(Delta({entry.key: entry}))
    assert list(followed.model) == [entry]
    followed.update(Delta({}, {entry.key: entry}))
    assert list(followed.model) == []


def test_an_index_does_not_change_with_the_model_it_was_built_from() -> None:
    source = model(vrf("net", "10.0.0.0/16"), group("web", "10.0.0.5"))
    followed = Index(source)
    source.put([group("web")])
    found = followed.model.get(AddressSet, "web")
    assert found is not None
    assert found.members
