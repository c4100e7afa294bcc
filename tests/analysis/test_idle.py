"""Rules that decide nothing, against every packet of small header spaces."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.analysis.idle import Idle, Kind, idle_rules
from lazulite.forwarding.model import AccessList, Action, Rule
from lazulite.values import Direction, Flow, IPAddress, PortRange, Protocol
from tests.analysis.build import access_list

PREFIXES = [ip_network(p) for p in ("10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31", "10.0.0.1/32", "0.0.0.0/0", "::/0")]
ADDRESSES = [ip_address(a) for a in ("10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "fd00::1")]
"""One of every part that the prefixes cut the address space into."""
PORTS = [PortRange(0, 1), PortRange(1, 2), PortRange(1, 1), PortRange(), PortRange(2, 65535)]
NUMBERS = [0, 1, 2, 3]
MEMBERS = {"web": frozenset({ip_address("10.0.0.1"), ip_address("10.0.0.2")}), "none": frozenset[IPAddress]()}


def few(strategy: st.SearchStrategy[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


rules = st.builds(
    Rule,
    st.just(100),
    st.sampled_from(Action),
    few(st.sampled_from(PREFIXES)),
    few(st.sampled_from(PREFIXES), 1),
    few(st.sampled_from(sorted(MEMBERS)), 1),
    st.just(()),
    st.none() | st.sampled_from([Protocol.TCP, Protocol.ICMP]),
    few(st.sampled_from(PORTS), 1),
    few(st.sampled_from(PORTS)),
)


@st.composite
def access_lists(draw: st.DrawFn) -> AccessList:
    """A few rules; some origins stand behind two of them, which then say the same."""
    named: list[Rule] = []
    for i, rule in enumerate(draw(st.lists(rules, min_size=1, max_size=6))):
        other = draw(st.sampled_from(named)) if named and draw(st.integers(0, 3)) == 0 else None
        origin, action = (f"rule {i}", rule.action) if other is None else (other.origin, other.action)
        named.append(msgspec.structs.replace(rule, origin=origin, action=action))
    return AccessList("l", "l", Direction.INGRESS, tuple(named))


FLOWS = [
    Flow(src, dst, protocol, dst_port, src_port)
    for src, dst in product(ADDRESSES, repeat=2)
    if src.version == dst.version
    for protocol in (Protocol.TCP, Protocol.UDP, Protocol.ICMP, Protocol.ESP)
    for src_port, dst_port in (product(NUMBERS, repeat=2) if protocol.has_ports else [(0, 0)])
]


def decider(found: AccessList, flow: Flow) -> tuple[Action, int]:
    """What the list says, and which of its rules does."""
    matching = (i for i, r in enumerate(found.rules) if r.matches(flow, MEMBERS))
    first = next(matching, len(found.rules))
    return (found.rules[first].action if first < len(found.rules) else Action.DENY), first


def without(found: AccessList, origins: set[str]) -> AccessList:
    return msgspec.structs.replace(found, rules=tuple(r for r in found.rules if r.origin not in origins))


def verdicts(found: AccessList) -> list[Action]:
    return [decider(found, flow)[0] for flow in FLOWS]


def idle(*lists: AccessList) -> list[Idle]:
    return idle_rules(lists, lambda _: MEMBERS, lambda _: True)


thorough = settings(deadline=None, max_examples=150)


@thorough
@given(access_lists())
def test_what_is_shadowed_or_empty_is_what_never_comes_first_for_any_packet(found: AccessList) -> None:
    deciding = {found.rules[i].origin for _, i in (decider(found, f) for f in FLOWS) if i < len(found.rules)}
    told = {each.origin for each in idle(found) if each.kind is not Kind.REDUNDANT}
    assert told == {r.origin for r in found.rules} - deciding


@thorough
@given(access_lists())
def test_empty_is_what_matches_no_packet_at_all(found: AccessList) -> None:
    matching = {r.origin for r in found.rules for f in FLOWS if r.matches(f, MEMBERS)}
    told = {each.origin for each in idle(found) if each.kind is Kind.EMPTY}
    assert told == {r.origin for r in found.rules} - matching


@thorough
@given(access_lists())
def test_all_that_is_idle_may_go_at_once_and_nothing_else_may(found: AccessList) -> None:
    told = {each.origin for each in idle(found)}
    left = without(found, told)
    assert verdicts(left) == verdicts(found)
    for origin in {r.origin for r in left.rules}:
        assert verdicts(without(left, {origin})) != verdicts(found)


@thorough
@given(access_lists())
def test_those_who_decide_instead_do_so_for_every_packet_of_the_rule(found: AccessList) -> None:
    told = idle(found)
    gone = {each.origin for each in told}
    for each in (each for each in told if each.kind is Kind.SHADOWED):
        mine = [f for f in FLOWS if any(r.origin == each.origin and r.matches(f, MEMBERS) for r in found.rules)]
        others = without(found, {each.origin})
        firsts = {others.rules[decider(others, f)[1]].origin for f in mine}
        assert firsts <= {*each.by, *gone}


@thorough
@given(access_lists(), access_lists())
def test_a_rule_that_has_a_say_in_one_place_is_idle_in_none(one: AccessList, other: AccessList) -> None:
    told = {each.origin for each in idle(one, other)}
    for place in (one, other):
        assert verdicts(without(place, told)) == verdicts(place)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        pytest.param(
            ["100 allow tcp * > * :0-1023", "110 deny tcp * > * :80"],
            [Idle("rule 110", Kind.SHADOWED, ("rule 100",))],
            id="a rule behind a wider one is shadowed by it",
        ),
        pytest.param(
            ["100 allow tcp * > * :0-80", "110 allow tcp * > * :81-90", "120 deny tcp * > * :70-85"],
            [Idle("rule 120", Kind.SHADOWED, ("rule 100", "rule 110"))],
            id="two rules shadow one together",
        ),
        pytest.param(
            ["100 allow tcp 10.0.0.0/8 > * :80", "110 allow tcp * > * :80"],
            [Idle("rule 100", Kind.REDUNDANT, ("rule 110",))],
            id="a rule before a wider one that says the same is redundant",
        ),
        pytest.param(
            ["100 allow tcp 10.0.0.0/9 > * :80", "105 deny tcp 10.0.0.0/8 > * :80", "110 allow tcp * > * :80"],
            [],
            id="not with a rule between them that says otherwise",
        ),
        pytest.param(
            ["100 allow tcp * > * :80", "110 allow tcp * > * :80"],
            [Idle("rule 110", Kind.SHADOWED, ("rule 100",))],
            id="of two that are the same the later one is told",
        ),
        pytest.param(
            ["100 allow tcp none > * :80", "110 allow tcp web > * :80"],
            [Idle("rule 100", Kind.EMPTY, ())],
            id="a rule about a group without members matches nothing",
        ),
        pytest.param(
            ["100 deny tcp * > * :80"], [Idle("rule 100", Kind.REDUNDANT, ())], id="what no rule takes is denied anyway"
        ),
        pytest.param(
            ["100 allow * 0.0.0.0/0 > * *", "110 allow * * > * *"],
            [Idle("rule 100", Kind.REDUNDANT, ("rule 110",))],
            id="both IP versions count",
        ),
        pytest.param(["100 allow * 0.0.0.0/0 > * *", "110 deny * * > * *", "120 allow icmp * > * *"],
            [Idle("rule 120", Kind.SHADOWED, ("rule 100", "rule 110")),
             Idle("rule 110", Kind.REDUNDANT, ("rule 100",))],
            id="a shadowed rule shields nothing",
        ),
    ],
)  # fmt: skip
def test_idle_rules_are_told_with_those_that_decide_instead(lines: list[str], found: list[Idle]) -> None:
    assert idle(access_list("l", *lines)) == found


def test_rules_of_others_are_never_told() -> None:
    found = access_list("l", "100 allow tcp * > * :80", "110 allow tcp * > * :80")
    assert idle_rules([found], lambda _: MEMBERS, lambda r: r.origin == "rule 100") == [
        Idle("rule 100", Kind.REDUNDANT, ("rule 110",))
    ]


def test_a_thousand_rules_are_compared() -> None:
    lines = [f"{i} allow tcp 10.{i // 250}.{i % 250}.0/24 > * :{i}" for i in range(1, 1000)]
    found = access_list("l", *lines, "1000 deny tcp 10.3.7.0/24 > * :757", "1001 allow tcp 10.0.0.0/8 > * *")
    told = idle(found)
    assert told[0] == Idle("rule 1000", Kind.SHADOWED, ("rule 757",))
    assert len(told) == 1000
