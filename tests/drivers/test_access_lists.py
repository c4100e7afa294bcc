"""Rendered access lists decide as the model says, whatever the splitter did to them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.drivers.linux import acl, names
from lazulite.forwarding.model import Action, Rule
from lazulite.values import Flow, PortRange, Protocol
from tests.drivers.nft_interpreter import Ruleset

MEMBERS = {"asg": frozenset({IPv4Address("10.0.0.5"), IPv4Address("10.0.1.7"), IPv6Address("fd00::5")})}
LAST = Rule(65500, Action.DENY, origin="last")

networks = st.builds(
    lambda number, length: IPv4Network((0x0A000000 | number, length), strict=False),
    st.integers(0, 0x3FF),
    st.integers(20, 32),
)
networks6 = st.builds(
    lambda number, length: IPv6Network((0xFD << 120 | number, length), strict=False),
    st.integers(0, 15),
    st.integers(120, 128),
)
ranges = st.builds(lambda a, b: PortRange(min(a, b), max(a, b)), st.integers(0, 40), st.integers(0, 40)) | st.just(
    PortRange()
)
sides = st.lists(networks | networks6, max_size=3).map(tuple)
rules = st.builds(
    Rule,
    st.just(0),
    st.sampled_from(Action),
    sides,
    sides,
    st.sampled_from([(), (), ("asg",)]),
    st.sampled_from([(), (), ("asg",), ("absent",)]),
    st.sampled_from([None, *Protocol]),
    st.lists(ranges, max_size=2).map(tuple),
    st.lists(ranges, max_size=2).map(tuple),
)
flows = st.builds(
    Flow,
    st.integers(0, 0x3FF).map(lambda n: IPv4Address(0x0A000000 | n)),
    st.integers(0, 0x3FF).map(lambda n: IPv4Address(0x0A000000 | n)),
    st.sampled_from(Protocol),
    st.integers(0, 45),
    st.integers(0, 45),
) | st.builds(
    Flow,
    st.integers(0, 15).map(lambda n: IPv6Address(0xFD << 120 | n)),
    st.integers(0, 15).map(lambda n: IPv6Address(0xFD << 120 | n)),
    st.sampled_from(Protocol),
    st.integers(0, 45),
    st.integers(0, 45),
)


def listed(own: list[Rule]) -> list[Rule]:
    from msgspec.structs import replace

    return [*(replace(r, origin=f"r{i}") for i, r in enumerate(own)), LAST]


def modelled(rule_list: list[Rule], flow: Flow) -> Rule:
    return next(r for r in rule_list if r.matches(flow, MEMBERS))


def rendered(rule_list: list[Rule], flow: Flow) -> tuple[str, str]:
    body = acl.body(rule_list, flow.version)
    sets = {names.address_set(n): members for n, members in MEMBERS.items()}
    return Ruleset(body.create, sets).verdict(f"{body.name}_0", flow)


def agree(rule_list: list[Rule], flow: Flow) -> None:
    rule = modelled(rule_list, flow)
    expected = "return" if rule.action is Action.ALLOW else "drop"
    assert rendered(rule_list, flow) == (expected, names.counter(rule.origin))


@given(st.lists(rules, max_size=8), flows)
def test_a_short_list_decides_as_the_model_does(own: list[Rule], flow: Flow) -> None:
    agree(listed(own), flow)


@given(st.lists(rules, min_size=acl.LEAF + 1, max_size=60), st.lists(flows, min_size=1, max_size=5))
def test_a_split_list_decides_as_the_model_does(own: list[Rule], some: list[Flow]) -> None:
    for flow in some:
        agree(listed(own), flow)


def port_rules(count: int) -> list[Rule]:
    return listed(
        [Rule(0, Action.ALLOW, protocol=Protocol.TCP, destination_ports=(PortRange(p, p),)) for p in range(count)]
    )


def prefix_rules(count: int) -> list[Rule]:
    return listed([Rule(0, Action.DENY, (IPv4Network((0x0A000000 + (n << 8), 24)),)) for n in range(count)])


def nested_rules(count: int) -> list[Rule]:
    actions = list(Action)
    return listed([Rule(0, actions[n % 2], (IPv4Network((0x0A000000, 32 - n % 24)),)) for n in range(count)])


def test_rules_evaluated_for_a_packet_stay_few_however_long_the_list() -> None:
    for make in (port_rules, prefix_rules, nested_rules):
        body = acl.body(make(1000), 4)
        longest = max(len(chain) for chain in Ruleset(body.create, {}).chains.values())
        assert longest <= 2 * acl.LEAF, make.__name__


def test_equal_lists_are_one_body_and_an_edit_is_another() -> None:
    assert acl.body(port_rules(20), 4) == acl.body(port_rules(20), 4)
    assert acl.body(port_rules(20), 4).name != acl.body(port_rules(21), 4).name


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            Rule(0, Action.ALLOW, origin="o"), "counter name {k} return", id="no condition matches everything"
        ),
        pytest.param(
            Rule(0, Action.DENY, protocol=Protocol.ICMP, origin="o"),
            "meta l4proto icmp counter name {k} drop",
            id="a protocol without ports is matched by its number",
        ),
        pytest.param(
            Rule(0, Action.ALLOW, destination_ports=(PortRange(80, 90), PortRange(443, 443)), origin="o"),
            "meta l4proto {{ tcp, udp }} th dport {{ 80-90, 443 }} counter name {k} return",
            id="a port of any protocol is one of TCP or UDP",
        ),
        pytest.param(
            Rule(0, Action.ALLOW, (IPv4Network("10.0.0.0/25"), IPv4Network("10.0.0.128/25")), origin="o"),
            "ip saddr {{ 10.0.0.0-10.0.0.255 }} counter name {k} return",
            id="adjacent prefixes are one interval",
        ),
    ],
)
def test_a_rule_as_text(rule: Rule, expected: str) -> None:
    body = acl.body([rule], 4)
    chain = Ruleset(body.create, {}).chains[f"{body.name}_0"]
    assert chain[0] == expected.format(k=names.counter("o"))


def test_a_rule_for_addresses_of_one_version_is_absent_from_the_other() -> None:
    only_six = [Rule(0, Action.ALLOW, (IPv6Network("fd00::/64"),), origin="six")]
    assert names.counter("six") not in acl.body(only_six, 4).create
    assert names.counter("six") in acl.body(only_six, 6).create
