"""What is said to be wrong with a network, and its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given

from lazulite.analysis import Index, StepAction, round_trip, trace
from lazulite.analysis.answers import Trace
from lazulite.analysis.findings import AT_LARGE, MANAGEMENT, Concern, Finding, Severity, findings
from lazulite.analysis.reach import Reach
from lazulite.analysis.unmet import unmet_rules
from lazulite.forwarding.model import AccessList, Fault, ForwardingModel
from tests.analysis.build import (
    access_list,
    balance,
    forward,
    frontend,
    group,
    host,
    model,
    peered,
    pool,
    port,
    route,
    table,
    vrf,
)
from tests.analysis.networks import by_backend, networks, patient

NET = vrf("net", "10.0.0.0/16", snat="198.18.0.1")
LOCAL = route("10.0.0.0/16 local")
OUT = route("0.0.0.0/0 internet")


def found(*entries: Any) -> list[Finding]:
    return list(findings(model(*_flat(entries)), lambda origin: origin.startswith("rule")))


def _flat(entries: Any) -> Iterator[Any]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield entry


def of(concern: Concern, *entries: Any) -> list[Finding]:
    return [f for f in found(*entries) if f.concern is concern]


def listed(name: str, *lines: str) -> AccessList:
    """A list that is a group of its own."""
    return msgspec.structs.replace(access_list(name, *lines), origin=f"group {name}")


def decided(one: Trace) -> set[str]:
    """Origins of the rules that said something of a packet."""
    verdicts = (StepAction.ALLOWED, StepAction.DENIED)
    return {s.origin for hop in one.hops for s in hop.steps if s.action in verdicts}


@patient
@given(networks())
def test_no_witness_of_any_flows_meets_a_rule_that_is_said_to_be_met_by_none(network: ForwardingModel) -> None:
    reach = Reach(network)
    unmet = {found.origin for found in unmet_rules(reach, lambda _: True)}
    for row in reach.flows(denied=True):
        assert unmet.isdisjoint(decided(trace(reach.index, row.sender, row.witness)))


@patient
@given(networks())
def test_without_all_the_rules_that_no_packet_meets_every_flow_fares_as_before(network: ForwardingModel) -> None:
    unmet = {found.origin for found in unmet_rules(Reach(network), lambda _: True)}
    less = ForwardingModel(network)
    less.put([_without(each, unmet) for each in network.all(AccessList).values()])
    before, after = Reach(network), Index([*less, *Reach(network).ends.hosts])
    for row in before.flows(denied=True):
        now = trace(after, row.sender, row.witness)
        if not by_backend(now):
            assert (now.disposition, now.origin) == (row.disposition, row.origin)


def _without(found: AccessList, origins: set[str]) -> AccessList:
    return msgspec.structs.replace(found, rules=tuple(r for r in found.rules if r.origin not in origins))


@patient
@given(networks())
def test_a_witness_of_a_lost_or_crooked_answer_shows_it(network: ForwardingModel) -> None:
    for each in findings(network, lambda _: False):
        if each.concern in (Concern.LOST_ANSWER, Concern.ASYMMETRIC_ROUTE):
            assert each.witness is not None
            trip = round_trip(Reach(network).index, each.sender, each.witness)
            assert trip.forward.disposition.arrives
            assert trip.established is (each.concern is Concern.ASYMMETRIC_ROUTE)


@patient
@given(networks())
def test_every_kind_of_finding_has_a_severity_and_a_message(network: ForwardingModel) -> None:
    for each in findings(network, lambda _: True):
        assert each.severity in Severity
        assert each.message


def pair(**rest: Any) -> list[Any]:
    """Two machines in a network, the second behind the list ``l``."""
    return [
        NET,
        table("net", LOCAL, OUT),
        port("a", "10.0.0.4/24"),
        port("b", "10.0.1.4/24", ingress=("l",), **rest),
    ]


def test_a_shadowed_rule_is_told_with_the_rules_before_it() -> None:
    [one] = of(Concern.SHADOWED_RULE, pair(), listed("l", "100 allow tcp * > * :0-90", "110 deny tcp * > * :80"))
    assert (one.origin, one.by, one.severity) == ("rule 110", ("rule 100",), Severity.WARNING)


def test_a_rule_about_a_group_without_members_is_told_as_such() -> None:
    [one] = found(pair(), group("none"), listed("l", "100 allow tcp none > * :80", "110 allow tcp * > * :81"))
    assert (one.concern, one.origin) == (Concern.EMPTY_RULE, "rule 100")


@pytest.mark.parametrize(
    ("line", "public", "met"),
    [
        pytest.param("100 allow tcp 10.0.0.0/24 > * :80", {}, True, id="a rule about a machine that is there is met"),
        pytest.param("100 allow tcp 10.0.9.0/24 > * :80", {}, False, id="nobody has the address it names"),
        pytest.param("100 allow tcp 203.0.113.0/24 > * :80", {}, False, id="the Internet knows no address of it"),
        pytest.param("100 allow tcp 203.0.113.0/24 > * :80", {"10.0.1.4": "198.18.0.9"}, True, id="or it knows one"),
        pytest.param("100 allow tcp * > 10.0.1.5/32 :80", {}, False, id="the machine behind the list has another"),
    ],
)
def test_a_rule_is_unreachable_where_no_packet_can_come(line: str, public: dict[str, str], met: bool) -> None:
    told = of(Concern.UNREACHABLE_RULE, pair(public=public), listed("l", line, "110 allow tcp * > * :81"))
    assert [f.origin for f in told] == ([] if met else ["rule 100"])


def test_a_rule_that_another_list_never_lets_a_packet_come_to_is_told_with_that_lists_rule() -> None:
    entries = [
        NET,
        table("net", LOCAL),
        port("a", "10.0.0.4/24", egress=("out",)),
        port("b", "10.0.1.4/24", ingress=("l",)),
        msgspec.structs.replace(listed("out", "200 deny tcp * > * :22", "210 allow * * > * *"), origin="group out"),
        listed("l", "100 allow tcp 10.0.0.0/24 > * :22", "110 allow tcp * > * :80"),
    ]
    [one] = of(Concern.UNREACHABLE_RULE, entries)
    assert (one.origin, one.by) == ("rule 100", ("rule 200",))
    assert str(one.witness) == "tcp 10.0.0.4:49152 > 10.0.1.4:22"
    assert one.message.endswith("denied out by subnet-access-list-out")


def test_a_rule_behind_a_route_that_drops_is_told_with_the_route() -> None:
    drop = route("10.0.1.0/24 none user")
    entries = [
        NET,
        table("net", LOCAL, drop),
        port("a", "10.0.0.4/24"),
        port("b", "10.0.1.4/24", ingress=("l",)),
        listed("l", "100 allow tcp 10.0.0.0/24 > * :22"),
    ]
    [one] = of(Concern.UNREACHABLE_RULE, entries)
    assert (one.by, one.sender) == ((drop.origin,), "a")
    assert "null routed by route" in one.message


def detour(**rest: Any) -> list[Any]:
    """From ``a`` to ``b`` the way leads by an appliance; back it does not."""
    via = route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net")
    return [
        NET,
        table("net", LOCAL, via, name="a"),
        table("net", LOCAL),
        port("a", "10.0.0.4/24", routes="net|a"),
        port("b", "10.0.1.4/24", **rest),
        port("nva", "10.0.2.4/24", forwards=True),
    ]


def test_an_answer_that_does_not_pass_the_appliance_is_told_with_the_routes_of_both_ways() -> None:
    [one] = of(Concern.ASYMMETRIC_ROUTE, detour())
    assert one.by == ("10.0.1.0/24 appliance user", "10.0.0.0/16 local")
    assert one.message == "the packet goes by vm-nva, its answer goes directly"
    assert str(one.witness).startswith("tcp 10.0.0.4")


def test_an_answer_that_a_list_drops_because_it_never_saw_the_question_is_an_error() -> None:
    """The answer comes to ``a`` through the appliance, whose list knows no such flow."""
    back = route("10.0.0.0/24 appliance user", via="10.0.2.4", target="net")
    entries = [
        NET,
        table("net", LOCAL),
        table("net", LOCAL, back, name="b"),
        port("a", "10.0.0.4/24"),
        port("b", "10.0.1.4/24", routes="net|b"),
        port("nva", "10.0.2.4/24", forwards=True, ingress=("l",)),
        listed("l", "100 deny * 10.0.1.0/24 > * *", "110 allow * * > * *"),
    ]
    [one] = of(Concern.LOST_ANSWER, entries)
    assert (one.origin, one.severity) == ("rule 100", Severity.ERROR)
    assert one.message == "the packet goes directly, its answer goes by vm-nva and ends denied in"


@pytest.mark.parametrize(
    ("more", "target", "said"),
    [
        pytest.param([], "net", "no interface has the address", id="nobody has the address"),
        pytest.param([], None, "in no network", id="it is in no network within reach"),
        pytest.param([port("nva", "10.0.2.4/24")], "net", "IP forwarding of nva is off", id="it does not forward"),
        pytest.param(
            [port("nva", "10.0.2.4/24", forwards=True, running=False)], "net", "no machine runs", id="nobody runs there"
        ),
        pytest.param([frontend("fe", "10.0.2.4")], "net", "no rule for all ports", id="a balancer of single ports"),
        pytest.param([port("nva", "10.0.2.4/24", forwards=True)], "net", None, id="an appliance that forwards is well"),
        pytest.param(
            [frontend("fe", "10.0.2.4"), pool("p", "10.0.0.4"), balance("r fe p * 0")], "net", None, id="so is a pool"
        ),
    ],
)
def test_a_route_to_an_appliance_is_told_when_that_can_not_pass_packets_on(
    more: list[Any], target: str | None, said: str | None
) -> None:
    via = route("10.9.0.0/16 appliance user", via="10.0.2.4", target=target)
    told = of(Concern.DEAD_NEXT_HOP, NET, table("net", LOCAL, via), port("a", "10.0.0.4/24"), *more)
    assert [said in f.message for f in told if said] == ([True] if said else [])
    assert bool(told) is bool(said)


def test_a_peering_of_one_end_is_told() -> None:
    other = vrf("other", "10.1.0.0/16")
    ends = peered(NET, other)
    assert of(Concern.ONE_SIDED_PEERING, NET, other, ends) == []
    [one] = of(Concern.ONE_SIDED_PEERING, NET, other, ends[0])
    assert one.origin == "end in net"


def test_a_fault_is_told_as_long_as_it_lasts() -> None:
    [one] = of(Concern.FAULT, pair(), listed("l"), Fault("f", "b", cut=True, origin="fault f"))
    assert (one.origin, one.message) == ("fault f", "packets of b are disturbed on purpose: cut")


def public(line: str) -> list[Any]:
    entries = [
        NET,
        table("net", LOCAL, OUT),
        port("b", "10.0.1.4/24", ingress=("l",), public={"10.0.1.4": "198.18.0.9"}),
    ]
    return [*entries, listed("l", line), host("me", "198.18.7.7")]


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        pytest.param("100 allow tcp * > * :22", [22], id="SSH for the world"),
        pytest.param("100 allow * * > * *", sorted(MANAGEMENT), id="everything for the world"),
        pytest.param("100 allow tcp 198.18.7.0/24 > * :22", [], id="SSH for one office is meant"),
        pytest.param("100 allow tcp * > * :443", [], id="the Web is meant"),
    ],
)
def test_management_ports_that_the_internet_at_large_gets_to_are_told(line: str, ports: list[int]) -> None:
    told = of(Concern.EXPOSED_MANAGEMENT, public(line))
    assert sorted(f.witness.dst_port for f in told if f.witness) == ports
    for each in told:
        assert (each.origin, each.by) == ("public 198.18.0.9", ("rule 100",))
        assert each.sources is not None
        assert sum(p.num_addresses for p in each.sources.prefixes) >= AT_LARGE


def test_a_management_port_behind_another_public_port_is_told_with_that_one() -> None:
    entries = [
        NET,
        table("net", LOCAL, OUT),
        port("b", "10.0.1.4/24", ingress=("l",)),
        listed("l", "100 allow tcp * > * :22"),
        frontend("fe", "198.18.0.8"),
        forward("nat fe tcp 50001>10.0.1.4:22"),
    ]
    [one] = of(Concern.EXPOSED_MANAGEMENT, entries)
    assert one.witness is not None
    assert (one.witness.dst_port, one.message) == (50001, "SSH answers the Internet at 198.18.0.8:50001")


def test_of_a_sound_network_nothing_is_told() -> None:
    entries = [
        NET,
        table("net", LOCAL, OUT),
        port("a", "10.0.0.4/24"),
        port("b", "10.0.1.4/24", ingress=("l",)),
        listed("l", "100 allow tcp 10.0.0.0/24 > * :5432"),
    ]
    assert found(entries) == []
