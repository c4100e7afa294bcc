"""Faults in traces: a cut ends a packet, of other faults it is told."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.analysis import Disposition, Index, round_trip, trace
from lazulite.analysis.difference import differences
from lazulite.analysis.faults import words
from lazulite.analysis.reachability import matrix
from lazulite.forwarding.model import Fault
from lazulite.incremental import Delta
from lazulite.values import Direction
from tests.analysis.build import flow, index, model, port, route, table, vrf

ASKED = flow("tcp 10.0.0.4 > 10.0.1.4:80")


def network(*more: Any) -> list[Any]:
    local = table("net", route("10.0.0.0/16 local"))
    return [vrf("net", "10.0.0.0/16"), local, port("a", "10.0.0.4/24"), port("b", "10.0.1.4/24"), *more]


def fault(name: str, **fields: Any) -> Fault:
    return Fault(f"fault of {name}", name, origin=f"fault of {name}", **fields)


@pytest.mark.parametrize(
    ("found", "stage"),
    [
        pytest.param(fault("a", cut=True), "fault-out", id="the sender is cut off"),
        pytest.param(fault("b", cut=True), "fault-in", id="the receiver is cut off"),
        pytest.param(fault("a", cut=True, direction=Direction.EGRESS), "fault-out", id="what the sender sends is"),
        pytest.param(fault("b", cut=True, direction=Direction.INGRESS), "fault-in", id="what the receiver gets is"),
    ],
)
def test_a_packet_that_is_cut_off_is_told_with_the_fault(found: Fault, stage: str) -> None:
    told = trace(index(*network(found)), "a", ASKED)
    assert (told.disposition, told.origin) == (Disposition.CUT_OFF, found.origin)
    assert told.decided_by is not None
    assert (told.decided_by.stage, told.decided_by.detail) == (stage, "cut")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(fault("a", cut=True, direction=Direction.INGRESS), id="the sender gets none"),
        pytest.param(fault("b", cut=True, direction=Direction.EGRESS), id="the receiver sends none"),
    ],
)
def test_a_packet_may_arrive_and_its_answer_be_cut_off(found: Fault) -> None:
    trip = round_trip(index(*network(found)), "a", ASKED)
    assert trip.forward.disposition is Disposition.DELIVERED
    assert trip.reply is not None
    assert (trip.reply.disposition, trip.reply.origin, trip.established) == (Disposition.CUT_OFF, found.origin, False)


def test_loss_delay_and_rate_are_told_and_stop_no_packet() -> None:
    found = fault("b", loss=0.05, delay_ms=20, rate_bit=1_000_000)
    told = trace(index(*network(found)), "a", ASKED)
    assert told.disposition is Disposition.DELIVERED
    [step] = [s for hop in told.hops for s in hop.steps if s.stage == "fault-in"]
    assert (step.origin, step.detail) == (found.origin, "5% lost, 20 ms late, at most 1000000 bit/s")
    assert words(found) == step.detail


def test_a_fault_comes_and_goes_with_the_model() -> None:
    found, one = fault("b", cut=True), Index(model(*network()))
    one.update(Delta({found.key: found}, {}))
    assert trace(one, "a", ASKED).disposition is Disposition.CUT_OFF
    one.update(Delta({}, {found.key: found}))
    assert trace(one, "a", ASKED).disposition is Disposition.DELIVERED


def test_a_machine_that_does_not_run_is_down_whatever_is_wrong_with_its_wire() -> None:
    entries = [*network()[:2], port("a", "10.0.0.4/24", running=False), port("b", "10.0.1.4/24")]
    told = trace(index(*entries, fault("a", cut=True)), "a", ASKED)
    assert told.disposition is Disposition.GUEST_DOWN


def test_a_port_with_a_fault_is_a_class_of_its_own() -> None:
    whole = network(*(port(f"w{i}", f"10.0.2.{4 + i}/24") for i in range(4)))
    assert len(list(matrix(index(*whole)).classes())) == 1
    assert len(list(matrix(index(*whole, fault("w0", cut=True))).classes())) > 1


def test_what_a_cut_closes_is_a_difference() -> None:
    [row] = [
        d
        for d in differences(model(*network()), model(*network(fault("b", cut=True))))
        if "b" in {e.name for e in d.destinations.endpoints}
    ]
    assert {e.name for e in row.sources.endpoints} == {"a"}
    assert [(c.opens, c.then.origin) for c in row.changes] == [(False, "fault of b")]
