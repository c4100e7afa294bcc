"""A trace as a user reads it."""

from __future__ import annotations

from lazulite.analysis import round_trip, trace
from lazulite.analysis.explain import explain, explain_round_trip
from tests.analysis.build import access_list, flow, index, port, route, table, vrf

NETWORK = index(
    vrf("net", "10.0.0.0/16"),
    table("net", route("10.0.0.0/16 local")),
    access_list("web-nsg", "100 allow tcp * > * :80"),
    port("a", "10.0.0.4/24"),
    port("b", "10.0.1.4/24", ingress=("web-nsg",)),
)


def test_every_place_and_every_stage_with_a_say_has_a_line() -> None:
    assert explain(trace(NETWORK, "a", flow("tcp 10.0.0.4 > 10.0.1.4:80"))) == [
        "tcp 10.0.0.4:49152 > 10.0.1.4:80",
        "  a in net: 10.0.0.4 > 10.0.1.4",
        "    source-address-check       passes       its own address",
        "    flow-table-out             new flow",
        "    route                      routed       10.0.0.0/16 VnetLocal: 10.0.0.0/16 local",
        "  b in net: 10.0.0.4 > 10.0.1.4",
        "    destination-address-check  passes       its own address",
        "    flow-table-in              new flow",
        "    subnet-access-list-in      allowed      web-nsg: rule 100",
        "delivered by subnet-access-list-in: web-nsg: rule 100",
    ]


def test_a_dropped_packet_ends_with_its_reason() -> None:
    lines = explain(trace(NETWORK, "a", flow("tcp 10.0.0.4 > 10.0.1.4:22")))
    assert lines[-1] == "denied in by subnet-access-list-in: web-nsg: web-nsg/no rule"


def test_a_round_trip_shows_the_answer_and_whether_it_is_one() -> None:
    lines = explain_round_trip(round_trip(NETWORK, "a", flow("tcp 10.0.0.4 > 10.0.1.4:80")))
    assert "    flow-table-in              established" in lines
    assert lines[-1] == "established"


def test_a_round_trip_that_never_arrived_shows_no_answer() -> None:
    lines = explain_round_trip(round_trip(NETWORK, "a", flow("tcp 10.0.0.4 > 10.0.1.4:22")))
    assert "reply:" not in lines
    assert lines[-1] == "not established"


def test_a_guest_that_talks_to_itself_needs_no_reason() -> None:
    assert explain(trace(NETWORK, "a", flow("tcp 10.0.0.4 > 10.0.0.4:80")))[-1] == "delivered"
