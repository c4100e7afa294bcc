"""Ways out: which machines leave by which ports of which address."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.forwarding.model import PortBlock, SourceNat
from lazulite.services.load_balancer.allocation import (
    Share,
    after,
    allocate,
    available,
    default_ports,
    listening,
)
from lazulite.values import PortRange, Protocol
from tests.build import Lab, ref, resource_id, subnet_ref
from tests.services.balancers import (
    NAT_RULES,
    OUTBOUND,
    POOLS,
    RULES,
    backend,
    balancer,
    child,
    nat_range,
    network,
    outbound,
    part,
    part_id,
    pool,
    private,
    public,
    rule,
)

VNET = resource_id("virtualNetworks", "v").key
ONE, TWO = ip_address("198.18.0.2"), ip_address("198.18.0.3")


@pytest.fixture
def lab() -> Lab:
    lab = network(Lab())
    lab.public_ip("q")
    return lab


def leaves(lab: Lab) -> dict[str, list[str]]:
    """By entry, its blocks as ``10.0.0.4 198.18.0.2:1024-2047``."""
    return {
        name.rpartition("/loadbalancers/lb/")[2].partition("|/sub")[0]: [_block(b) for b in entry.blocks]
        for name, entry in lab.compile().all(SourceNat).items()
    }


def _block(block: PortBlock) -> str:
    return f"{block.private} {block.public}:{block.ports}"


def members(lab: Lab, *names: str, **more: Any) -> None:
    for name in names:
        backend(lab, name, "b", **more)


# Who leaves by what.


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        pytest.param("Tcp", (Protocol.TCP,), id="a TCP rule gives a way out for TCP"),
        pytest.param("Udp", (Protocol.UDP,), id="a UDP rule for UDP"),
    ],
)
def test_a_rule_gives_its_own_protocol_a_way_out(lab: Lab, protocol: str, expected: tuple[Protocol, ...]) -> None:
    balancer(lab, **{RULES: [rule(protocol=protocol, idleTimeoutInMinutes=7, enableTcpReset=True)]})
    members(lab, "one")
    (entry,) = lab.compile().all(SourceNat).values()
    assert entry == SourceNat(
        f"{part_id(RULES, 'r').key}|outbound",
        "r",
        VNET,
        (ONE,),
        expected,
        blocks=(PortBlock(ip_address("10.0.0.4"), ONE, PortRange(1024, 2047)),),
        tcp_idle_s=420,
        udp_idle_s=240,
        resets=True,
        origin=part_id(RULES, "r").text,
    )


def test_an_outbound_rule_gives_every_protocol_it_names_one(lab: Lab) -> None:
    balancer(lab, **{OUTBOUND: [outbound(idleTimeoutInMinutes=15)]})
    members(lab, "one")
    (entry,) = lab.compile().all(SourceNat).values()
    assert (entry.name, entry.protocols, entry.tcp_idle_s) == (
        f"{part_id(OUTBOUND, 'o').key}|{VNET}",
        (Protocol.TCP, Protocol.UDP),
        900,
    )


@pytest.mark.parametrize(
    ("children", "expected"),
    [
        pytest.param({RULES: [rule(disableOutboundSnat=True)]}, set(), id="a rule that leaves it to others gives none"),
        pytest.param({RULES: [rule("r", 80), rule("s", 443)]}, {"loadbalancingrules/r|outbound"}, id="two are as one"),
        pytest.param(
            {RULES: [rule("r", 80), rule("s", 53, protocol="Udp")]},
            {"loadbalancingrules/r|outbound", "loadbalancingrules/s|outbound"},
            id="each protocol has its own",
        ),
        pytest.param({}, set(), id="no rule, no way"),
    ],
)
def test_ways_out(lab: Lab, children: dict[str, Any], expected: set[str]) -> None:
    balancer(lab, **children)
    members(lab, "one")
    assert set(leaves(lab)) == expected


def test_an_outbound_rule_goes_before_a_rule_on_another_frontend(lab: Lab) -> None:
    said = {RULES: [rule(frontend="g"), rule("s", 53, protocol="Udp", frontend="g")]}
    balancer(lab, public("f"), public("g", "q"), **said, **{OUTBOUND: [outbound(protocol="Tcp")]})
    members(lab, "one")
    assert leaves(lab) == {
        "outboundrules/o": ["10.0.0.4 198.18.0.2:1024-2047"],
        "loadbalancingrules/s|outbound": ["10.0.0.4 198.18.0.3:1024-2047"],
    }


def test_an_internal_load_balancer_has_no_way_out(lab: Lab) -> None:
    balancer(lab, private(), **{RULES: [rule()]})
    members(lab, "one")
    assert leaves(lab) == {}


def test_members_by_address_leave_by_outbound_rules_alone(lab: Lab) -> None:
    addresses = {POOLS: [pool("b", {"one": "10.0.0.9", "two": "10.0.0.8"})]}
    balancer(lab, **addresses, **{RULES: [rule()]})
    before = leaves(lab)
    balancer(lab, **addresses, **{OUTBOUND: [outbound()]})
    assert (before, leaves(lab)) == (
        {},
        {"outboundrules/o": ["10.0.0.9 198.18.0.2:1024-2047", "10.0.0.8 198.18.0.2:2048-3071"]},
    )


def test_only_the_primary_ipv4_configuration_leaves(lab: Lab) -> None:
    lab.vnet("d", "10.5.0.0/16", "fd00:5::/48", subnets={"a": {"addressPrefixes": ["10.5.0.0/24", "fd00:5::/64"]}})
    balancer(lab, **{POOLS: [pool("b"), pool("c")], OUTBOUND: [outbound(), outbound("u", pool="c")]})
    every = [
        child("i", subnet=subnet_ref("d/a"), primary=True, loadBalancerBackendAddressPools=[part(POOLS, "b")]),
        child("j", subnet=subnet_ref("d/a"), loadBalancerBackendAddressPools=[part(POOLS, "b")]),
        child(
            "k",
            subnet=subnet_ref("d/a"),
            privateIPAddressVersion="IPv6",
            loadBalancerBackendAddressPools=[part(POOLS, "c")],
        ),
    ]
    lab.put("networkInterfaces", "one", {"ipConfigurations": every})
    assert leaves(lab) == {"outboundrules/o": ["10.5.0.4 198.18.0.2:1024-2047"]}


def test_a_stopped_machine_keeps_its_ports(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    members(lab, "one", runs=False)
    assert leaves(lab) == {"loadbalancingrules/r|outbound": ["10.0.0.4 198.18.0.2:1024-2047"]}


# How many ports.


@pytest.mark.parametrize(
    ("size", "ports"),
    [
        pytest.param(1, 1024, id="1 member: 1024"),
        pytest.param(50, 1024, id="50: 1024"),
        pytest.param(51, 512, id="51: 512"),
        pytest.param(100, 512, id="100: 512"),
        pytest.param(101, 256, id="101: 256"),
        pytest.param(200, 256, id="200: 256"),
        pytest.param(201, 128, id="201: 128"),
        pytest.param(400, 128, id="400: 128"),
        pytest.param(401, 64, id="401: 64"),
        pytest.param(800, 64, id="800: 64"),
        pytest.param(801, 32, id="801: 32"),
        pytest.param(1000, 32, id="1000: 32"),
        pytest.param(1001, 16, id="beyond the table it halves on"),
        pytest.param(5000, 8, id="as far as a block"),
    ],
)
def test_ports_by_size_of_pool(size: int, ports: int) -> None:
    assert default_ports(size) == ports
    assert size * ports <= 64_000


def test_a_pool_that_grows_past_50_halves_everyones_ports(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    members(lab, *(f"n{number}" for number in range(50)), runs=False)
    before = leaves(lab)["loadbalancingrules/r|outbound"][1]
    members(lab, "last", runs=False)
    after_ = leaves(lab)["loadbalancingrules/r|outbound"][1]
    assert (before, after_) == ("10.0.0.5 198.18.0.2:2048-3071", "10.0.0.5 198.18.0.2:1536-2047")


def test_every_frontend_of_a_rule_gives_as_many_the_first_one_first(lab: Lab) -> None:
    balancer(lab, public("f"), public("g", "q"), **{OUTBOUND: [outbound("o", "g", "f")]})
    members(lab, "one", "two")
    assert leaves(lab)["outboundrules/o"] == [
        "10.0.0.4 198.18.0.3:1024-2047",
        "10.0.0.5 198.18.0.3:2048-3071",
        "10.0.0.4 198.18.0.2:1024-2047",
        "10.0.0.5 198.18.0.2:2048-3071",
    ]


def test_given_ports_are_taken_from_the_addresses_in_order(lab: Lab) -> None:
    balancer(lab, public("f"), public("g", "q"), **{OUTBOUND: [outbound("o", "f", "g", allocatedOutboundPorts=40000)]})
    members(lab, "one", "two", "three")
    assert leaves(lab)["outboundrules/o"] == [
        "10.0.0.4 198.18.0.2:1024-41023",
        "10.0.0.5 198.18.0.2:41024-65023",
        "10.0.0.5 198.18.0.3:1024-17023",
        "10.0.0.6 198.18.0.3:17024-57023",
    ]


def test_all_addresses_of_a_prefix_serve(lab: Lab) -> None:
    lab.put("publicIPPrefixes", "x", {"prefixLength": 31})
    frontend = child("f", publicIPPrefix=ref("publicIPPrefixes", "x"))
    balancer(lab, frontend, **{OUTBOUND: [outbound(allocatedOutboundPorts=64000)]})
    members(lab, "one", "two")
    (entry,) = lab.compile().all(SourceNat).values()
    assert [str(a) for a in entry.addresses] == ["198.18.0.4", "198.18.0.5"]
    assert leaves(lab)["outboundrules/o"] == ["10.0.0.4 198.18.0.4:1024-65023", "10.0.0.5 198.18.0.5:1024-65023"]


def test_two_pools_share_an_address_and_no_port(lab: Lab) -> None:
    balancer(lab, **{POOLS: [pool("b"), pool("c")], RULES: [rule("r", 80), rule("s", 81, pool="c")]})
    backend(lab, "one", "b")
    backend(lab, "two", "c")
    assert leaves(lab) == {
        "loadbalancingrules/r|outbound": ["10.0.0.4 198.18.0.2:1024-2047"],
        "loadbalancingrules/s|outbound": ["10.0.0.5 198.18.0.2:2048-3071"],
    }


def test_who_is_in_two_pools_leaves_by_the_first_rule(lab: Lab) -> None:
    balancer(lab, **{POOLS: [pool("b"), pool("c")], RULES: [rule("r", 80), rule("s", 81, pool="c")]})
    backend(lab, "one", "b", "c")
    assert set(leaves(lab)) == {"loadbalancingrules/r|outbound"}


# Ports that rules listen on.


@pytest.mark.parametrize(
    ("ports", "lost"),
    [
        pytest.param((80, 85), 8, id="two ports of one block of 8 cost it once"),
        pytest.param((80, 88), 16, id="two of two blocks cost both"),
        pytest.param((), 0, id="nobody listens"),
    ],
)
def test_a_port_that_is_listened_on_costs_its_block(ports: tuple[int, ...], lost: int) -> None:
    assert available([Share(ONE, listening(ports))]) == 64_000 - lost


def test_a_spare_block_stands_in_for_one_that_is_listened_in(lab: Lab) -> None:
    balancer(lab, **{NAT_RULES: [nat_range("n", 1032, 1032)], RULES: [rule()]})
    members(lab, "one")
    assert leaves(lab)["loadbalancingrules/r|outbound"] == [
        "10.0.0.4 198.18.0.2:1024-1031",
        "10.0.0.4 198.18.0.2:1040-2047",
        "10.0.0.4 198.18.0.2:65528-65535",
    ]


def test_a_rule_that_comes_moves_nobody_elses_ports(lab: Lab) -> None:
    balancer(lab, **{RULES: [rule()]})
    members(lab, "one", "two")
    before = set(leaves(lab)["loadbalancingrules/r|outbound"])
    balancer(lab, **{RULES: [rule(), rule("s", 1500)]})
    now = set(leaves(lab)["loadbalancingrules/r|outbound"])
    assert "10.0.0.5 198.18.0.2:2048-3071" in before & now


# What always holds.

MEMBERS = st.lists(st.integers(0, 300), unique=True, max_size=60)
LISTENED = st.lists(st.integers(1, 65535), max_size=40)
SHARES = st.lists(st.tuples(LISTENED, st.integers(0, 500)), min_size=1, max_size=3)
PORTS = st.integers(1, 400).map(lambda n: n * 8)


def _shares(drawn: list[tuple[list[int], int]]) -> list[Share]:
    return [Share(ip_address(f"198.18.1.{i}"), listening(ports), used) for i, (ports, used) in enumerate(drawn)]


def _wanted(slots: list[int]) -> list[tuple[Any, int]]:
    return [(ip_address("10.0.0.0") + slot, slot) for slot in slots]


def _overlaps(blocks: tuple[PortBlock, ...]) -> list[tuple[PortBlock, PortBlock]]:
    return [
        (a, b)
        for a, b in combinations(blocks, 2)
        if a.public == b.public and a.ports.first <= b.ports.last and b.ports.first <= a.ports.last
    ]


@given(MEMBERS, SHARES, PORTS)
def test_blocks_never_overlap_and_are_inside_and_apart_from_listeners(
    slots: list[int], drawn: list[tuple[list[int], int]], ports: int
) -> None:
    shares = _shares(drawn)
    blocks = allocate(_wanted(slots), shares, ports)
    listened = {s.address: {p for b in s.lost for p in range(b * 8, b * 8 + 8)} for s in shares}
    assert _overlaps(blocks) == []
    assert all(1024 <= b.ports.first <= b.ports.last <= 65535 for b in blocks)
    assert all(not listened[b.public] & set(range(b.ports.first, b.ports.last + 1)) for b in blocks)


@given(MEMBERS, SHARES, PORTS)
def test_everyone_has_all_his_ports_or_none(slots: list[int], drawn: list[tuple[list[int], int]], ports: int) -> None:
    shares, got = _shares(drawn), dict[Any, int]()
    for block in allocate(_wanted(slots), shares, ports):
        got[block.private] = got.get(block.private, 0) + block.ports.last - block.ports.first + 1
    assert set(got.values()) <= {ports}
    assert len(got) == min(len(slots), available(shares) // ports)


@given(MEMBERS, SHARES, PORTS, st.data())
def test_who_stays_keeps_his_ports(
    slots: list[int], drawn: list[tuple[list[int], int]], ports: int, data: st.DataObject
) -> None:
    shares = _shares(drawn)
    room = available(shares) // ports
    slots = [s for s in slots if s < room]
    left = data.draw(st.lists(st.sampled_from(slots), unique=True)) if slots else []
    before, now = (set(allocate(_wanted(s), shares, ports)) for s in (slots, left))
    assert now == {b for b in before if int(b.private) - int(ip_address("10.0.0.0")) in left}


@given(MEMBERS, MEMBERS, SHARES, PORTS, PORTS)
def test_who_comes_after_others_meets_none_of_them(
    first: list[int], second: list[int], drawn: list[tuple[list[int], int]], ports: int, others: int
) -> None:
    shares = _shares(drawn)
    blocks = allocate(_wanted(first), shares, ports)
    rest = after(_wanted(first), shares, ports)
    assert _overlaps((*blocks, *allocate(_wanted(second), rest, others))) == []


@given(st.lists(st.tuples(st.sampled_from("bc"), st.booleans()), max_size=12), st.booleans())
def test_compiled_blocks_never_overlap_however_a_pool_came_about(steps: list[tuple[str, bool]], two: bool) -> None:
    lab = network(Lab())
    rules = [rule("r", 80), rule("s", 81, pool="c"), rule("u", 53, protocol="Udp")]
    balancer(lab, **{POOLS: [pool("b"), pool("c")], RULES: rules if two else rules[:1]})
    for number, (name, joins) in enumerate(steps):
        backend(lab, f"n{number % 5}", *([name] if joins else []), runs=False)
    for protocol in (Protocol.TCP, Protocol.UDP):
        every = [e for e in lab.compile().all(SourceNat).values() if protocol in e.protocols]
        assert _overlaps(tuple(b for e in every for b in e.blocks)) == []
