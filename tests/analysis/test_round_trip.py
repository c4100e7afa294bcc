"""Answers, and the flow state they live on."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.analysis import Disposition, Index, StepAction, Trace, round_trip
from tests.analysis.build import access_list, flow, host, index, peered, port, route, table, vrf

NET = vrf("net", "10.0.0.0/16", snat="198.18.0.9")
SYSTEM = (route("10.0.0.0/16 local"), route("0.0.0.0/0 internet"))
OUT_ONLY = [access_list("out", "1 allow * * > * :*"), access_list("in")]
IN_ONLY = [access_list("rout"), access_list("rin", "1 allow * * > * :80", "2 allow icmp * > * :*")]
CLIENT = host("client", "198.18.1.1")


def pair(*extra: Any, of_a: dict[str, Any] | None = None, of_b: dict[str, Any] | None = None) -> Index:
    """a may only send, b may only be sent to; whatever comes back lives on state."""
    return index(
        NET,
        table("net", *SYSTEM),
        OUT_ONLY,
        IN_ONLY,
        port("a", "10.0.0.4/24", egress=("out",), ingress=("in",), **(of_a or {})),
        port("b", "10.0.1.4/24", egress=("rout",), ingress=("rin",), **(of_b or {})),
        CLIENT,
        *extra,
    )


def known(found: Trace | None) -> list[tuple[str, StepAction]]:
    """What each flow table on the way said."""
    assert found is not None
    return [(h.port, s.action) for h in found.hops for s in h.steps if s.stage.startswith("flow-table")]


@pytest.mark.parametrize(
    "line", ["tcp 10.0.0.4 > 10.0.1.4:80", "udp 10.0.0.4 > 10.0.1.4:80", "icmp 10.0.0.4 > 10.0.1.4"]
)
def test_an_answer_needs_no_rule(line: str) -> None:
    trip = round_trip(pair(), "a", flow(line))
    assert trip.established
    assert known(trip.forward) == [("a", StepAction.NEW), ("b", StepAction.NEW)]
    assert known(trip.reply) == [("b", StepAction.ESTABLISHED), ("a", StepAction.ESTABLISHED)]


def test_a_packet_that_did_not_arrive_has_no_answer() -> None:
    trip = round_trip(pair(), "b", flow("tcp 10.0.1.4 > 10.0.0.4:80"))
    assert (trip.forward.disposition, trip.reply, trip.established) == (Disposition.DENIED_OUT, None, False)


PUBLIC = {"public": {"10.0.1.4": "198.18.0.5"}}


def test_default_outbound_access_is_undone_on_the_way_back() -> None:
    trip = round_trip(pair(), "a", flow("tcp 10.0.0.4:1025 > 198.18.1.1:80"))
    assert trip.established
    assert trip.forward.arrived == flow("tcp 198.18.0.9:1025 > 198.18.1.1:80")
    assert trip.reply is not None
    assert trip.reply.arrived == flow("tcp 198.18.1.1:80 > 10.0.0.4:1025")


def test_and_so_it_is_towards_a_public_address_of_the_lab() -> None:
    trip = round_trip(pair(of_b=PUBLIC), "a", flow("tcp 10.0.0.4 > 198.18.0.5:80"))
    assert trip.established
    assert trip.reply is not None
    assert trip.reply.destination == "a"


def test_a_client_of_a_public_address_gets_its_answer_from_there() -> None:
    trip = round_trip(pair(of_b=PUBLIC), "client", flow("tcp 198.18.1.1 > 198.18.0.5:80"))
    assert trip.established


def appliance(forward_only: bool, **of_appliance: Any) -> Index:
    """a sends to b through an appliance; b answers through it too, or straight when *forward_only*."""
    steered = route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net")
    back = route("10.0.0.0/24 appliance user", via="10.0.2.4", target="net")
    return index(
        NET,
        table("net", *SYSTEM),
        table("net", *SYSTEM, steered, name="a"),
        table("net", *SYSTEM, *(() if forward_only else (back,)), name="b"),
        OUT_ONLY,
        IN_ONLY,
        access_list("one", "1 allow tcp 10.0.0.0/24 > 10.0.1.0/24 :*"),
        port("a", "10.0.0.4/24", egress=("out",), ingress=("in",), routes="net|a"),
        port("b", "10.0.1.4/24", egress=("rout",), ingress=("rin",), routes="net|b"),
        port("nva", "10.0.2.4/24", forwards=True, **of_appliance),
    )


LISTED = {"egress": ("one",), "ingress": ("one",)}
TCP = flow("tcp 10.0.0.4 > 10.0.1.4:80")


def test_an_appliance_keeps_both_of_its_crossings() -> None:
    trip = round_trip(appliance(forward_only=False, **LISTED), "a", TCP)
    assert trip.established
    assert [p for p, _ in known(trip.reply)] == ["b", "nva", "nva", "a"]
    assert {action for _, action in known(trip.reply)} == {StepAction.ESTABLISHED}


def test_an_answer_around_the_appliance_still_finds_the_state_of_both_ends() -> None:
    trip = round_trip(appliance(forward_only=True, **LISTED), "a", TCP)
    assert trip.established
    assert [p for p, _ in known(trip.reply)] == ["b", "a"]


def only_back(*extra: Any, **of_appliance: Any) -> Index:
    """a reaches b straight; b answers through an appliance that never saw the question."""
    return index(
        NET,
        table("net", *SYSTEM),
        table("net", *SYSTEM, route("10.0.0.0/24 appliance user", via="10.0.2.4", target="net"), name="b"),
        port("a", "10.0.0.4/24"),
        port("b", "10.0.1.4/24", routes="net|b"),
        port("nva", "10.0.2.4/24", forwards=True, **of_appliance),
        *extra,
    )


def test_an_appliance_that_did_not_see_the_question_takes_the_answer_for_a_new_flow() -> None:
    trip = round_trip(only_back(access_list("l", "1 allow tcp * > * :80"), ingress=("l",)), "a", TCP)
    assert trip.reply is not None
    assert (trip.reply.disposition, trip.reply.origin) == (Disposition.DENIED_IN, "l/no rule")
    assert not trip.established


def test_and_lets_it_pass_where_its_lists_do() -> None:
    trip = round_trip(only_back(access_list("l", "1 allow tcp 10.0.1.0/24 > * :*"), ingress=("l",)), "a", TCP)
    assert trip.established


def test_the_state_of_an_appliance_is_no_state_of_the_receiver() -> None:
    """The mirrored packet of a peer that denies everything meets its own lists, not what the appliance remembers."""
    network = index(
        NET,
        table("net", *SYSTEM),
        table("net", *SYSTEM, route("10.0.1.0/24 appliance user", via="10.0.2.4", target="net"), name="a"),
        access_list("shut"),
        port("a", "10.0.0.4/24", routes="net|a"),
        port("b", "10.0.1.4/24", egress=("shut",), ingress=("shut",)),
        port("nva", "10.0.2.4/24", forwards=True),
    )
    forward = round_trip(network, "a", flow("udp 10.0.0.4:53 > 10.0.1.4:53")).forward
    mirrored = round_trip(network, "b", flow("udp 10.0.1.4:53 > 10.0.0.4:53")).forward
    assert (forward.disposition, mirrored.disposition) == (Disposition.DENIED_IN, Disposition.DENIED_OUT)


def test_spokes_need_forwarded_traffic_on_both_sides() -> None:
    spokes = [vrf("s1", "10.1.0.0/16"), vrf("s2", "10.2.0.0/16")]
    hub = (*SYSTEM, route("10.1.0.0/16 peering", target="s1"), route("10.2.0.0/16 peering", target="s2"))

    def network(**flags: dict[str, bool]) -> Index:
        return index(
            NET,
            spokes,
            *(peered(NET, s, **flags) for s in spokes),
            table("net", *hub),
            table("s1", route("10.2.0.0/16 appliance user", via="10.0.2.4", target="net")),
            table("s2", route("10.1.0.0/16 appliance user", via="10.0.2.4", target="net")),
            port("nva", "10.0.2.4/24", forwards=True),
            port("x", "10.1.0.4/24", "s1"),
            port("y", "10.2.0.4/24", "s2"),
        )

    on, question = {"forwarded": True}, flow("tcp 10.1.0.4 > 10.2.0.4:80")
    assert round_trip(network(s1=on, s2=on), "x", question).established
    halfway = round_trip(network(s2=on), "x", question)
    assert halfway.forward.disposition is Disposition.DELIVERED
    assert halfway.reply is not None
    assert halfway.reply.disposition is Disposition.PEERING_REFUSED


def test_an_answer_from_another_address_is_no_answer() -> None:
    """b is asked at its private address and answers through the Internet: the sender does not know that address."""
    network = index(
        NET,
        table("net", *SYSTEM),
        table("net", route("0.0.0.0/0 internet user"), name="b"),
        port("a", "10.0.0.4/24", public={"10.0.0.4": "198.18.0.4"}),
        port("b", "10.0.1.4/24", routes="net|b"),
    )
    trip = round_trip(network, "a", flow("tcp 10.0.0.4 > 10.0.1.4:80"))
    assert trip.forward.disposition is Disposition.DELIVERED
    assert not trip.established


def test_a_second_port_answers_by_the_primary_whose_own_lists_know_nothing() -> None:
    network = index(
        NET,
        table("net", *SYSTEM),
        port("a", "10.0.0.4/24"),
        port("first", "10.0.3.4/24", guest="two"),
        port("second", "10.0.4.4/24", guest="two", slot=1),
    )
    trip = round_trip(network, "a", flow("tcp 10.0.0.4 > 10.0.4.4:80"))
    assert trip.forward.destination == "second"
    assert trip.reply is not None
    assert (trip.reply.disposition, trip.reply.origin) == (Disposition.SOURCE_REFUSED, "first itself")
