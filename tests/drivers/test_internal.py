"""What a router holds for private frontends: rendered whole, read back, and incremental."""

from __future__ import annotations

import struct
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.drivers.linux import departed, filled, forgetting, names, nftext, payloads, skeleton_internal
from lazulite.drivers.linux.conntrack import Binding, End
from lazulite.drivers.linux.netfilter import RawElement
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Chain, Element, Item, KernelRoute, key
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    Distribution,
    ForwardingModel,
    Frontend,
    Member,
    NextHop,
    Peering,
    Pool,
    PortForward,
    Probe,
    ProbeProtocol,
    Route,
    RouteTable,
)
from lazulite.values import Protocol
from tests.drivers.worlds import VRFS, port, vrf

ROUTER, EDGE = names.router("/one"), names.edge("/one")
VIP, VIP_6, PUBLIC = map(ip_address, ("10.0.0.100", "fd00::100", "198.18.5.1"))
A, B, A_6 = map(ip_address, ("10.0.0.4", "10.0.0.5", "fd00::4"))
NIC = names.nic("guid /one/nic0")
World = dict[Any, Any]


def front(**fields: Any) -> Frontend:
    return Frontend("f", **({"label": "f", "vrf": "/one", "address": VIP, "origin": "f"} | fields))


def among(*addresses: Any, **fields: Any) -> Pool:
    members = tuple(Member(f"m{a}", a) for a in addresses or (A, B))
    return Pool("p", "p", "/one", members, origin="p", **fields)


def rule(name: str = "r", **fields: Any) -> BalancingRule:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 80, "backend_port": 8080} | fields
    return BalancingRule(name, name, "f", "p", origin=name, **said)


def every(**fields: Any) -> BalancingRule:
    return rule(**({"protocol": None, "port": 0, "backend_port": 0} | fields))


def forward(**fields: Any) -> PortForward:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 5000, "target": A, "target_port": 22} | fields
    return PortForward("w", "w", "f", origin="w", **said)


def wanted(*entries: Any) -> dict[Any, Item]:
    realiser = Realiser()
    realiser.advance([vrf("/one"), *port(0, "/one", routes="t"), *entries], ())
    return realiser.wanted


def added(*entries: Any, to: tuple[Any, ...] = (), where: str = ROUTER) -> dict[Any, Item]:
    """What a namespace gets by *entries*, beside what it has by *to*."""
    without = wanted(*to)
    return {k: i for k, i in wanted(*to, *entries).items() if k not in without and k[0] == where}


def text(items: dict[Any, Item]) -> list[str]:
    """As nft commands; the elements of bucket maps left out."""
    nft = [(k, None, i) for k, i in items.items() if k[1] in ("Declared", "FilledMap", "Chain", "Element")]
    return [
        line
        for line in nftext.transaction(nftext.ordered(nft)).splitlines()
        if not line.startswith("add element ip lz h")
    ]


HASH = "jhash ip saddr . ip daddr . meta l4proto . th sport . th dport mod 256 seed 0x1a2b3c4d"
BUCKETS, MARKS = (names.filled_map(shape, "p") for shape in (filled.BUCKET_ADDRESS, filled.BUCKET_MARK))
R, F = f"lb_r{names.digest('r')}", names.digest("f")


def chain(items: dict[Any, Item], name: str, word: str = "ip") -> tuple[str, ...]:
    spec = items[ROUTER, "Chain", f"{word}|{name}"].spec
    assert isinstance(spec, Chain)
    return spec.rules


def test_a_rule_is_a_chain_and_what_leads_there() -> None:
    counter = names.flow_counter("new", "r")
    assert text(added(rule(idle_timeout_s=600), to=(front(), among()))) == [
        f"add chain ip lz {R}",
        f"add counter ip lz {counter}",
        "add ct timeout ip lz lb_idle_600_tcp "
        "{ protocol tcp; l3proto ip; policy = { established : 600, close_wait : 600, time_wait : 30 }",
        "}",
        f"add map ip lz {BUCKETS} {{ typeof symhash mod 4096 : ip daddr; }}",
        f"add rule ip lz {R} counter name {counter}",
        f'add rule ip lz {R} meta l4proto tcp ct timeout set "lb_idle_600_tcp"',
        f"add rule ip lz {R} ct mark set 0x30000000",
        f"add rule ip lz {R} meta l4proto {{ 6 }} dnat ip to {HASH} map @{BUCKETS}:8080",
        f"add rule ip lz {R} counter name lb_nobody drop",
        f"add element ip lz lb_rules {{ 10.0.0.100 . 6 . 80 : goto {R} }}",
    ]


def test_a_rule_for_every_port_is_reached_by_address_and_keeps_the_port() -> None:
    items = added(every(), to=(front(), among()))
    assert text(items)[-1] == f"add element ip lz lb_every_port {{ 10.0.0.100 : goto {R} }}"
    assert f"meta l4proto {{ 6, 17 }} dnat ip to {HASH} map @{BUCKETS}" in chain(items, R)


@pytest.mark.parametrize(
    ("given", "end"), [(0, "accept"), (80, "accept"), (8080, "dnat to :8080")], ids=["kept", "the same", "another"]
)
def test_a_floating_rule_marks_the_flow_and_translates_at_most_the_port(given: int, end: str) -> None:
    items = added(rule(floating=True, backend_port=given), to=(front(), among()))
    marked = f"{HASH} map @{MARKS} ct mark set ct mark or 0x10000000 meta mark set ct mark and 0xfffffff"
    assert f"meta l4proto {{ 6 }} ct mark set {marked} {end}" in chain(items, R)
    assert (ROUTER, "Element", f"ip|own|{NIC} . 10.0.0.100") in items


def test_a_floating_rule_leads_to_members_by_mark() -> None:
    items = added(rule(floating=True), to=(front(), among(A)))
    number = names.steering_table("/one", str(A))
    assert items[ROUTER, "MarkRule", f"4|{number}"].spec.table == number  # type: ignore[union-attr]
    assert items[ROUTER, "KernelRoute", f"{number}|0.0.0.0/0"].spec == KernelRoute(1, NIC, str(A))


def test_a_port_of_a_frontend_is_a_chain_of_its_own() -> None:
    items, name = added(forward(), to=(front(),)), f"lb_r{names.digest('w')}"
    assert "meta l4proto { 6 } dnat ip to 10.0.0.4:22" in chain(items, name)
    six = added(forward(target=A_6), to=(front(address=VIP_6),))
    assert "meta l4proto { 6 } dnat ip6 to [fd00::4]:22" in chain(six, name, "ip6")


def test_a_frontend_is_known_by_address_and_by_a_route_to_a_sign() -> None:
    items = added(front())
    assert (ROUTER, "Element", "ip|lb_vips|10.0.0.100") in items
    assert items[ROUTER, "KernelRoute", "254|10.0.0.100/32"].spec == KernelRoute(1, names.LOOP_IN)
    assert not [k for k in wanted(front()) if k[0] == EDGE and "10.0.0.100" in k[2]]


def test_a_router_without_frontends_has_nothing_of_all_this() -> None:
    public = [front(public=True, address=PUBLIC), among(), rule(), forward()]
    assert not [k for k in wanted(*public) if k[0] == ROUTER and ("lb_" in k[2] or "loop" in k[2])]


@pytest.mark.parametrize("entry", [rule(), forward()], ids=["a rule", "a port"])
@pytest.mark.parametrize("missing", [(), (front(vrf="/two"),)], ids=["no frontend", "a frontend of no network"])
def test_what_belongs_to_nothing_is_nowhere(entry: Any, missing: tuple[Any, ...]) -> None:
    assert added(entry, *missing) == {}


@pytest.mark.parametrize("version", [4, 6])
def test_what_every_packet_of_a_balancing_router_meets(version: int) -> None:
    """The words that decide, in their order; the whole text is the kernel's to check."""
    chains = {n: spec for n, spec in skeleton_internal.ruleset(version) if isinstance(spec, Chain)}
    order = [int(spec.hook.rsplit(" ", 1)[1]) for spec in chains.values() if "prerouting" in spec.hook]
    assert order == sorted(order)
    assert order[0] > -450  # after the sender's own stages
    assert order[0] < -400  # before fragments are put together
    first = "\n".join(chains["lb_first"].rules)
    steps = ("@lb_hops", "@lb_vips", "@lb_balanced", "destination-unreachable", "notrack")
    assert [first.index(s) for s in steps] == sorted(first.index(s) for s in steps)
    assert chains["lb_last"].hook.endswith("postrouting priority 310")  # past the receiver's stages


@pytest.mark.parametrize(
    ("idle_s", "kept_s"), [(240, 240), (241, 480), (1800, 1920), (6000, 7680), (9999, 7680)], ids=str
)
def test_answers_are_known_for_at_least_as_long_as_the_flow(idle_s: int, kept_s: int) -> None:
    bits = skeleton_internal.idle_class(idle_s)
    assert skeleton_internal.CLASSES_S[(bits >> 28) - 1] == kept_s
    assert bits & skeleton_internal.MARK == 0


def hop(*entries: Any, where: str = "/one", via: Any = VIP) -> RouteTable:
    prefix = ip_network("0.0.0.0/0" if via.version == 4 else "::/0")
    return RouteTable("t", where, (Route(prefix, NextHop.APPLIANCE, via=via, target="/one"),))


def test_a_frontend_as_next_hop_is_a_choice_that_is_kept() -> None:
    items = wanted(front(), among(), every(), hop())
    number = names.steering_table("/one", str(VIP))
    assert items[ROUTER, "KernelRoute", f"{names.table('t')}|0.0.0.0/0"].spec == KernelRoute(
        1, names.LOOP_OUT, str(VIP)
    )
    assert items[ROUTER, "Element", f"ip|lb_hops|{number:#x}"].spec == Element(f"goto lb_h{F}")
    assert (ROUTER, "MarkRule", f"4|{number}") not in items
    key_, back = ("ip saddr . tcp sport . ip daddr . tcp dport", "ip daddr . tcp dport . ip saddr . tcp sport")
    kept = " ".join(f"update @lb_t{F} {{ {k} timeout 240s : meta mark }}" for k in (key_, back))
    rules = chain(items, f"lb_h{F}")
    assert f"meta mark set {key_} map @lb_t{F} {kept} goto lb_n{F}" in rules
    assert f"meta l4proto tcp meta mark set symhash mod 256 map @{MARKS} {kept} goto lb_n{F}" in rules
    assert rules[-1] == "counter name lb_nobody drop"


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param((front(), among(), hop()), id="no rule"),
        pytest.param((front(), among(), rule(), hop()), id="a rule for one port"),
        pytest.param((front(), every(), hop()), id="a rule without a pool"),
    ],
)
def test_a_next_hop_that_balances_nothing_drops_all_but_what_is_for_itself(entries: tuple[Any, ...]) -> None:
    assert chain(wanted(*entries), f"lb_h{F}") == (f"ip daddr {VIP} goto lb_vip", "counter name lb_nobody drop")


def test_a_peered_network_names_the_frontend_on_the_link() -> None:
    links = [Peering(f"{h} {t}", h, t, vrf(t).prefixes) for h, t in (VRFS, VRFS[::-1])]
    entries = [vrf("/two"), *links, *port(0, "/two", routes="t"), front(), among(), every(), hop(where="/two")]
    items = wanted(*entries)
    mac = names.steering_mac("/one", str(VIP))
    neighbour = items[names.router("/two"), "Neighbour", f"{names.peer('/one')}|{VIP}"].spec
    assert neighbour.mac == mac  # type: ignore[union-attr]
    number = names.steering_table("/one", str(VIP))
    assert items[ROUTER, "Element", f"netdev|steer|{mac}"].spec == Element(hex(number))


READ = [
    ("lb_rules", A.packed + bytes((6, 0, 0, 0)) + struct.pack(">HH", 80, 0), "10.0.0.4 . 6 . 80"),
    ("lb_rules", A_6.packed + bytes((17, 0, 0, 0)) + struct.pack(">HH", 65535, 0), "fd00::4 . 17 . 65535"),
    ("lb_hops", struct.pack("I", 0x2ABCDEF), "0x2abcdef"),
    ("lb_vips", A.packed, "10.0.0.4"),
]


@pytest.mark.parametrize(("where", "raw", "expected"), READ)
def test_a_key_is_read_as_it_is_written(where: str, raw: bytes, expected: str) -> None:
    what, _ = payloads.element(RawElement(raw, verdict="goto x"), ROUTER, "ip", where)
    assert what == key(ROUTER, Element(), "ip", where, expected)
    assert payloads.element_key(expected, where) == raw


def udp(target: Any, mark: int = 0, to_port: int = 80, protocol: int = 17) -> Binding:
    client = ip_address("10.0.0.9")
    return Binding(protocol, End(client, VIP, 5000, to_port), End(target, client, 8080, 5000), mark=mark)


PROBED = {"probe": Probe(ProbeProtocol.TCP, 80)}


def test_of_a_member_that_fails_only_what_rules_of_its_pool_made_ends() -> None:
    """Its name in the bindings is an address or a mark."""
    model = ForwardingModel(
        [front(), among(**PROBED), rule(protocol=Protocol.UDP, floating=True), Contents("p", ("m10.0.0.5",))]
    )
    pool = model.get(Pool, "p")
    assert pool is not None
    (number,) = marks = departed.marks(pool, {A}, model) - {
        departed.mark_of(rule(), pool.members[0]) & skeleton_internal.MARK
    }
    assert number == names.steering_table("/one", str(A))
    assert forgetting.left_out(pool, model) == {A}
    assert forgetting.datagram_ports(pool, model) == {(VIP, 80)}
    assert marks <= {udp(VIP, number).mark}


def test_flows_of_a_frontend_that_goes_are_known_by_its_element() -> None:
    gone = (key(ROUTER, Element(), "ip", "lb_vips", VIP), Item(Element()), None)
    kept = (key(ROUTER, Element(), "ip", "lb_vips", A), None, Item(Element()))
    assert list(departed.frontends([gone, kept])) == [(ROUTER, VIP)]


def test_a_pools_kept_choices_are_those_of_its_rule_for_every_port() -> None:
    model = ForwardingModel([front(), among(), every(), rule("other")])
    pool = model.get(Pool, "p")
    assert pool is not None
    assert list(departed.datagram_pins(pool, model)) == [f"lb_u{F}"]


def test_a_member_that_comes_changes_one_map_and_nothing_else() -> None:
    realiser = Realiser()
    realiser.advance([vrf("/one"), *port(0, "/one"), front(), among(A), rule()], ())
    delta = realiser.advance([among(A, B)], ())
    assert {k[1] for k in delta.changed} == {"FilledMap"}
    assert not delta.removed


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Private frontends of one network or two that are peered, rules of every kind, and routes by way of them."""
    entries: list[Any] = [vrf(v) for v in VRFS]
    if draw(st.booleans()):
        entries += [Peering(f"{h} {t}", h, t, vrf(t).prefixes, origin=h) for h, t in (VRFS, VRFS[::-1])]
    for network in VRFS:
        for number in draw(st.sets(st.integers(0, 2))):
            entries += port(number, network, running=draw(st.booleans()), routes=f"t{network}", forwards=True)
        entries.append(_table(draw, network))
    for number in draw(st.sets(st.integers(0, 2))):
        entries += _balancer(draw, number)
    return {e.key: e for e in entries}


def _table(draw: st.DrawFn, network: str) -> RouteTable:
    routes = [Route(p, NextHop.LOCAL) for p in vrf(network).prefixes]
    for prefix, via in (("0.0.0.0/0", "10.0.0.100"), ("10.0.0.64/26", "10.0.0.101"), ("::/0", "fd00::102")):
        if draw(st.booleans()):
            hop_address = ip_address(via)
            routes.append(Route(ip_network(prefix), NextHop.APPLIANCE, via=hop_address, target="/one"))
    return RouteTable(f"t{network}", network, tuple(routes))


def _balancer(draw: st.DrawFn, number: int) -> list[Any]:
    name, version = str(number), 6 if number == 2 else 4
    home = draw(st.sampled_from(["/one", "/one", "/two"]))
    second = VRFS.index(home)
    vip, hosts = (
        (f"10.{second}.0.10{number}", f"10.{second}.0.") if version == 4 else (f"fd0{second}::102", f"fd0{second}::")
    )
    public = draw(st.sampled_from([False, False, True]))
    if public:
        vip = f"198.18.5.{number}" if version == 4 else "2001:db8::5"
    members = tuple(Member(f"m{n}", ip_address(f"{hosts}{4 + n}")) for n in draw(st.sets(st.integers(0, 3))))
    probe = Probe(ProbeProtocol.TCP, 80) if draw(st.booleans()) else None
    entries: list[Any] = [
        Frontend(name, name, home, ip_address(vip), public, name),
        Pool(name, name, home, members, probe, origin=name),
    ]
    if draw(st.booleans()):
        entries.append(Contents(name, tuple(draw(st.sets(st.sampled_from(["m0", "m1", "m2"]))))))
    for kind in draw(st.sets(st.sampled_from(["tcp", "udp", "every"]))):
        entries.append(_rule(draw, name, kind))
    if draw(st.booleans()):
        target = ip_address(f"{hosts}4")
        floating = draw(st.booleans())
        entries.append(PortForward(name, name, name, Protocol.TCP, 5000, target, 22, floating, origin=name))
    return entries


def _rule(draw: st.DrawFn, name: str, kind: str) -> BalancingRule:
    protocol = None if kind == "every" else Protocol(kind)
    ports = (0, 0) if kind == "every" else (80, draw(st.sampled_from([0, 80, 8080])))
    distribution, idle_s = draw(st.sampled_from(Distribution)), draw(st.sampled_from([240, 900]))
    floating = draw(st.booleans())
    return BalancingRule(
        f"{name} {kind}", kind, name, name, protocol, *ports, distribution, floating, idle_s, origin=name
    )


def everything(world: World) -> Any:
    realiser = Realiser()
    realiser.advance(world.values(), ())
    return realiser.wanted


@settings(max_examples=60, deadline=None)
@given(st.lists(worlds(), min_size=2, max_size=4))
def test_incremental_equals_full(path: list[World]) -> None:
    realiser, before = Realiser(), {}
    for after in path:
        changed = [e for k, e in after.items() if before.get(k) != e]
        realiser.advance(changed, [e for k, e in before.items() if k not in after])
        before = after
        assert realiser.wanted == everything(after)
