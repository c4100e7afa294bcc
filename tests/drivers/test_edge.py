"""What an edge holds for public frontends and source translation: rendered whole, read back, and incremental."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lazulite.drivers.linux import filled, forgetting, names, nftext, payloads
from lazulite.drivers.linux.netfilter import RawElement
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Chain, Element, FilledMap, Item, KernelRoute, key, towards
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    Distribution,
    ForwardingModel,
    Frontend,
    Member,
    Pool,
    PortBlock,
    PortForward,
    Probe,
    ProbeProtocol,
    SourceNat,
)
from lazulite.values import PortRange, Protocol
from tests.drivers.worlds import vrf

EDGE = names.edge("/one")
VIP, NAT, NAT_2, A, B = map(ip_address, ("198.18.5.1", "198.18.6.1", "198.18.6.2", "10.0.0.4", "10.0.0.5"))
World = dict[Any, Any]


def front(**fields: Any) -> Frontend:
    return Frontend("f", **({"label": "f", "vrf": "/one", "address": VIP, "public": True, "origin": "f"} | fields))


def among(*addresses: Any, **fields: Any) -> Pool:
    members = tuple(Member(f"m{a}", a) for a in addresses or (A, B))
    return Pool("p", "p", "/one", members, origin="p", **fields)


def rule(**fields: Any) -> BalancingRule:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 80, "backend_port": 8080} | fields
    return BalancingRule("r", "r", "f", "p", origin="r", **said)


def forward(**fields: Any) -> PortForward:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 5000, "target": A, "target_port": 22} | fields
    return PortForward("w", "w", "f", origin="w", **said)


def gateway(*addresses: Any, **fields: Any) -> SourceNat:
    said: dict[str, Any] = {"prefixes": (ip_network("10.0.0.0/24"),), "origin": "nat"} | fields
    return SourceNat("nat", "nat", "/one", addresses or (NAT,), **said)


def blocks(*said: tuple[Any, Any, int], **fields: Any) -> SourceNat:
    made = tuple(PortBlock(p, a, PortRange(first, first + 63)) for p, a, first in said)
    return SourceNat("nat", "nat", "/one", tuple({b.public: 0 for b in made}), blocks=made, origin="nat", **fields)


def wanted(*entries: Any) -> dict[Any, Item]:
    realiser = Realiser()
    realiser.advance([vrf("/one"), *entries], ())
    return realiser.wanted


def text(*entries: Any) -> list[str]:
    """The nft commands by which an edge gets what *entries* add to it."""
    without = wanted()
    items = {k: i for k, i in wanted(*entries).items() if k not in without and k[0] == EDGE}
    nft = [(k, None, i) for k, i in items.items() if k[1] in ("Declared", "FilledMap", "Chain", "Element")]
    return nftext.transaction(nftext.ordered(nft)).splitlines()


def chain(name: str, *entries: Any) -> list[str]:
    start = f"add rule ip lz {name} "
    return [line.removeprefix(start) for line in text(*entries) if line.startswith(start)]


RULE, GATEWAY = f"l{names.digest('r')}", f"g{names.digest('nat')}"
BUCKETS = names.filled_map(filled.BUCKET_ADDRESS, "p")
FIELDS = "ip saddr . ip daddr . meta l4proto . th sport . th dport"


def test_a_rule_whole() -> None:
    mark, k = hex(names.flow_mark("r")), names.flow_counter
    lines = [line for line in text(front(), among(), rule()) if not line.startswith(f"add element ip lz {BUCKETS}")]
    assert sorted(lines) == sorted(
        [
            *(f"add counter ip lz {k(what, 'r')}" for what in ("new", "received", "sent")),
            f"add map ip lz {BUCKETS} {{ typeof symhash mod 4096 : ip daddr; }}",
            f"add chain ip lz {RULE}",
            f"add rule ip lz {RULE} counter name {k('new', 'r')}",
            f"add rule ip lz {RULE} ct mark set {mark}",
            f"add rule ip lz {RULE} meta l4proto {{ tcp, udp }} dnat ip to "
            f"jhash {FIELDS} mod 256 seed 0x1a2b3c4d map @{BUCKETS}:8080",
            f"add rule ip lz {RULE} counter name drop_no_backend drop",
            f"add element ip lz balanced {{ 198.18.5.1 . 6 . 80 : goto {RULE} }}",
            f"add element ip lz received {{ {mark} : {k('received', 'r')} }}",
            f"add element ip lz sent {{ {mark} : {k('sent', 'r')} }}",
        ]
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"backend_port": 0}, f"map @{BUCKETS}", id="backend port 0 keeps the port"),
        pytest.param({"distribution": Distribution.SOURCE}, "jhash ip saddr . ip daddr mod", id="by source"),
        pytest.param({"idle_timeout_s": 1800}, 'meta l4proto tcp ct timeout set "t_tcp_1800"', id="an idle time"),
    ],
)
def test_what_a_rules_words_become(fields: dict[str, Any], expected: str) -> None:
    lines = chain(RULE, front(), among(), rule(**fields))
    assert any(line.endswith(expected) or expected in line for line in lines)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([rule(), among()], id="without a frontend"),
        pytest.param([front(vrf="/two"), rule(), among()], id="in a network that is not there"),
        pytest.param([front(), among(), rule(port=0, backend_port=0)], id="of every port"),
        pytest.param([front(), forward(target=ip_address("fd00::4"))], id="forward to the other IP version"),
    ],
)
def test_no_chain_of_the_edge_for_a_rule(entries: list[Any]) -> None:
    found = wanted(*entries)
    assert not [k for k in found if k[0] == EDGE and k[2].partition("|")[2].startswith(("balanced", "forwarded"))]


def test_a_rule_of_both_protocols_has_both_elements() -> None:
    lines = text(front(), among(), rule(protocol=None))
    assert [line for line in lines if " balanced " in line] == [
        f"add element ip lz balanced {{ 198.18.5.1 . {n} . 80 : goto {RULE} }}" for n in (17, 6)
    ]


def test_resets_are_told_of_frontend_and_members() -> None:
    lines = [line for line in text(front(), among(), rule(resets=True)) if " late_" in line]
    assert lines == [
        "add element ip lz late_frontend { 198.18.5.1 . 80 : goto send_reset }",
        "add element ip lz late_member { 10.0.0.4 . 8080 : goto send_reset }",
        "add element ip lz late_member { 10.0.0.5 . 8080 : goto send_reset }",
    ]


def test_forwards_of_one_idle_time_share_a_chain() -> None:
    other = replace(forward(port=5001), name="w2", origin="w2")
    lines = text(front(), forward(), other)
    assert [line for line in lines if line.startswith("add chain")] == ["add chain ip lz w240"]
    assert "add element ip lz forwards { 198.18.5.1 . 6 . 5001 : 10.0.0.4 . 22 }" in lines
    assert "add element ip lz forwarded { 198.18.5.1 . 6 . 5000 : goto w240 }" in lines


def test_a_gateway_whole() -> None:
    start, k = hex(names.flow_mark("nat") - 1), names.flow_counter
    assert chain(GATEWAY, gateway(tcp_idle_s=600)) == [
        "meta l4proto != { tcp, udp } return",
        "meta mark 1 counter name drop_translated_fragment drop",
        f"counter name {k('tried', 'nat')}",
        f"ct mark set {start}",
        'meta l4proto tcp ct timeout set "t_tcp_600"',
        "meta l4proto { tcp, udp } snat ip to 198.18.6.1:1024-65535 random",
        "drop",
    ]
    lines = text(gateway())
    assert f"add element ip lz gateways {{ 10.0.0.0/24 : jump {GATEWAY} }}" in lines
    assert "add element ip lz late_network { 10.0.0.0/24 : goto send_reset }" in lines
    assert f"add element netdev lz done {{ {start} : {k('done', 'nat')} }}" in lines
    assert 'add chain netdev lz departing { type filter hook egress device "outside" priority 0; }' in lines


def test_a_gateway_of_several_addresses_chooses_one() -> None:
    assert chain(GATEWAY, gateway(NAT, NAT_2))[-2] == (
        "meta l4proto { tcp, udp } snat ip to "
        "numgen random mod 2 map { 0 : 198.18.6.1, 1 : 198.18.6.2 }:1024-65535 random"
    )


def test_blocks_of_several_addresses_are_taken_in_turns_by_chance() -> None:
    nat = blocks((A, NAT, 1024), (A, NAT_2, 1024), (B, NAT, 1088))
    first, second = (names.filled_map(filled.PORT_BLOCK, f"nat|{n}") for n in (0, 1))
    assert chain(GATEWAY, nat)[-3:-1] == [
        f"numgen random mod 2 0 meta l4proto {{ tcp, udp }} snat ip to ip saddr map @{second}",
        f"meta l4proto {{ tcp, udp }} snat ip to ip saddr map @{first}",
    ]
    lines = text(nat)
    assert any(
        f"{first} {{ 10.0.0.4 : 198.18.6.1 . 1024-1087, 10.0.0.5 : 198.18.6.1 . 1088-1151 }}" in t for t in lines
    )
    assert any(f"{second} {{ 10.0.0.4 : 198.18.6.2 . 1024-1087 }}" in t for t in lines)


@pytest.mark.parametrize(
    "entry", [front(), gateway(VIP), blocks((A, VIP, 1024))], ids=["frontend", "gateway", "blocks"]
)
def test_the_internet_knows_the_way(entry: Any) -> None:
    route = wanted(entry)[names.INTERNET, "KernelRoute", "254|198.18.5.1/32"]
    assert route.spec == towards(names.uplink("/one"))


def test_marks_tell_whose_a_flow_is() -> None:
    marks = [names.flow_mark(f"rule {n}") for n in range(2000)]
    assert len(set(marks)) == len(marks)
    assert all(m & 1 and 0x40000000 < m < 0x80000000 for m in marks)


ELEMENTS = [
    ("balanced", "198.18.5.1 . 6 . 80", "goto l0"),
    ("forwards", "198.18.5.1 . 17 . 5000", "10.0.0.4 . 22"),
    ("forward_marks", "198.18.5.1 . 6 . 5000", "0x40000001"),
    ("received", "0x40000001", "k0"),
    ("port_blocks", "10.0.0.4 . 6", "jump g0"),
    ("late_member", "fd00::4 . 8080", "goto send_reset"),
    ("late_address", "198.18.6.1", "goto send_reset"),
]


@pytest.mark.parametrize(("place", "at", "value"), ELEMENTS)
def test_an_element_is_read_back_as_it_was_written(place: str, at: str, value: str) -> None:
    raw = payloads.element_key(at, place)
    data = {"forwards": ip_address("10.0.0.4").packed + b"\0\x16\0\0", "forward_marks": b"\1\0\0\x40"}.get(place, b"")
    found, item = payloads.element(RawElement(raw, data, "" if data else value), EDGE, "ip", place)
    assert (found, item.spec) == (key(EDGE, Element(value), "ip", place, at), Element(value))


def ends(prefix: Any) -> Iterator[RawElement]:
    yield RawElement(prefix.network_address.packed, verdict=f"jump {prefix.prefixlen}")
    past = int(prefix.broadcast_address) + 1
    if past >> prefix.max_prefixlen == 0:
        yield RawElement(past.to_bytes(prefix.max_prefixlen // 8), ends=True)


@given(st.lists(st.integers(0, 63), unique=True), st.sampled_from(["10.0.0.0/18", "255.255.192.0/18", "fd00::/58"]))
def test_prefixes_are_read_back_as_they_were_written(numbers: list[int], space: str) -> None:
    """Neighbours too, and the last one of all addresses, whose end the kernel cannot name."""
    subnets = list(ip_network(space).subnets(6))
    chosen = [subnets[n] for n in numbers]
    raws = [raw for prefix in chosen for raw in ends(prefix)]
    found = dict(payloads.prefixes(raws, EDGE, "ip", "gateways"))
    assert {k[2] for k in found} == {f"ip|gateways|{p}" for p in chosen}
    assert all(i.spec == Element(f"jump {p.prefixlen}") for p in chosen for i in found.values())


def buckets(*addresses: Any) -> Item:
    return Item(FilledMap(filled.BUCKET_ADDRESS, filled.bucket_addresses(addresses)))


PROBED = among(probe=Probe(ProbeProtocol.TCP, 80))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([PROBED, Contents("p", (f"m{A}",))], {B}, id="a member that failed"),
        pytest.param([PROBED], {A, B}, id="all of them"),
        pytest.param([among(A)], set(), id="one that left the pool drains"),
        pytest.param([], set(), id="and so does one of a pool that is gone"),
    ],
)
def test_who_is_to_get_no_datagrams(entries: list[Any], expected: set[Any]) -> None:
    change = (key(EDGE, buckets().spec, "ip", BUCKETS), buckets(A, B), buckets(*([A] if expected != {A, B} else [])))
    found = list(forgetting.unfit([change], ForwardingModel(entries)))
    assert [(place, gone) for place, _, gone in found] == ([(EDGE, expected)] if expected else [])


def test_a_public_address_that_leads_elsewhere_is_moved() -> None:
    where = key(names.INTERNET, KernelRoute(1), 254, "198.18.5.1/32")
    uplinks = {names.uplink_of(names.edge(v)): names.edge(v) for v in ("/one", "/two")}
    assert list(uplinks) == [names.uplink("/one"), names.uplink("/two")]
    old, new = (Item(towards(names.uplink(v))) for v in ("/one", "/two"))
    model = ForwardingModel()
    assert forgetting.moved([(where, old, new)], uplinks, model) == {EDGE: {VIP}}
    assert forgetting.moved([(where, old, None)], uplinks, model) == {EDGE: {VIP}}
    assert forgetting.moved([(where, None, new), (where, old, old)], uplinks, model) == {}


def test_a_frontend_that_lost_one_of_its_rules_keeps_its_flows() -> None:
    gone = (key(EDGE, Element("goto x"), "ip", "balanced", "198.18.5.1 . 6 . 80"), Item(Element("goto x")), None)
    assert forgetting.moved([gone], {}, ForwardingModel([front()])) == {EDGE: set()}
    assert forgetting.moved([gone], {}, ForwardingModel()) == {EDGE: {VIP}}


PARTS: dict[str, list[Any]] = {
    "front": [None, front(), front(address=NAT_2), front(public=False, address=ip_address("10.0.0.99"))],
    "pool": [None, among(), among(A), among(*(ip_address(f"10.0.0.{n}") for n in range(4, 24))), PROBED],
    "contents": [None, Contents("p", ()), Contents("p", (f"m{A}",)), Contents("p", (f"m{A}", f"m{B}"))],
    "rule": [None, rule(), rule(resets=True), rule(protocol=None, idle_timeout_s=600), rule(floating=True)],
    "forward": [None, forward(), forward(target=B), forward(port=80, resets=True), forward(protocol=Protocol.UDP)],
    "nat": [
        None,
        gateway(),
        gateway(NAT, NAT_2, resets=False),
        blocks((A, NAT, 1024)),
        blocks((A, NAT, 1024), (A, NAT_2, 1024)),
    ],
    "network": [vrf("/one"), vrf("/one", 600), None],
}
worlds = st.fixed_dictionaries({k: st.sampled_from(v) for k, v in PARTS.items()}).map(
    lambda parts: {e.key: e for e in parts.values() if e is not None}
)


@settings(max_examples=80, deadline=None)
@given(st.lists(worlds, min_size=2, max_size=6))
def test_incremental_equals_full(path: list[World]) -> None:
    realiser, before = Realiser(), {}
    for after in path:
        changed = [e for k, e in after.items() if before.get(k) != e]
        realiser.advance(changed, [e for k, e in before.items() if k not in after])
        before, full = after, Realiser()
        full.advance(after.values(), ())
        assert realiser.wanted == full.wanted


def test_a_thousand_balancers_cost_an_edit_what_one_costs() -> None:
    """Contents of one pool: its map, and nothing else."""
    entries: list[Any] = [vrf("/one")]
    for n in range(200):
        entries += [replace(PROBED, name=f"p{n}"), replace(front(address=VIP + n), name=f"f{n}")]
        entries += [replace(rule(), name=f"r{n}", frontend=f"f{n}", pool=f"p{n}", origin=f"r{n}")]
    realiser = Realiser()
    realiser.advance(entries, ())
    delta = realiser.advance([Contents("p7", (f"m{A}",))], ())
    assert [k[1] for k in delta.changed] == ["FilledMap"]
    assert not delta.removed
    moved = realiser.advance([replace(rule(backend_port=81), name="r7", frontend="f7", pool="p7", origin="r7")], ())
    assert [k[1] for k in moved.changed] == ["Chain"]
    assert isinstance(next(iter(moved.changed.values())).spec, Chain)
