"""Flows as their log tells them, whatever the moments at which somebody looked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.telemetry.book import BOTH, DENIED_S, NOTHING, Book, Counts, Opening, Record, Sight, State

K, RULE, NO = b"flow", 7, 5
ONE = (1, 60, 1, 60)


def opening(at: float, *, key: bytes = K, attempt: int = 1, rule: int = RULE, denied: bool = False) -> Opening:
    return Opening(key, attempt, rule, denied, at)


class Told:
    """A book, and all that it has said."""

    def __init__(self, idle_s: float = 240) -> None:
        self.book, self.records = Book(idle_s), list[Record]()

    def at(self, moment: float, counts: Counts = NOTHING, *, closed: int = 0, new: Sequence[Opening] = ()) -> list[str]:
        """What a sight adds in which these bytes passed and ends were closed, as ``state counts``."""
        passed = {K: (counts, moment)} if counts != NOTHING else {}
        records = self.book.fold(Sight(moment, new, passed, {K: (closed, moment)} if closed else {}))
        self.records += records
        return [f"{r.state} {r.counts}" for r in records]


def test_a_flow_begins_when_it_did() -> None:
    told = Told()
    assert told.at(1, new=[opening(0.5)]) == [f"B {NOTHING}"]
    assert told.at(2) == []
    assert told.records[0].at == 0.5


def test_it_continues_every_five_minutes_with_what_passed_since() -> None:
    told = Told(idle_s=10_000)
    told.at(0, new=[opening(0)])
    assert told.at(299, (1, 100, 1, 100)) == []
    assert told.at(300, (1020, 587996, 8004, 4610780)) == ["C (1021, 588096, 8005, 4610880)"]
    assert told.at(599, (9, 11904, 5, 9120)) == []
    assert told.at(600, (10, 100, 10, 100)) == ["C (19, 12004, 15, 9220)"]


def test_the_worked_conversation_adds_up_to_the_documented_total() -> None:
    """Source: facts/network-watcher.md, "NSG flow logs": C and E of 185.170.185.105:35370 > 10.2.0.4:23."""
    told = Told(idle_s=10_000)
    told.at(0, new=[opening(0)])
    assert told.at(300, (1021, 588096, 8005, 4610880)) == ["C (1021, 588096, 8005, 4610880)"]
    told.at(310, (52, 29952, 47, 27072), closed=BOTH)
    assert told.at(312) == ["E (52, 29952, 47, 27072)"]
    assert sum(r.counts[0] + r.counts[2] for r in told.records) == 9125
    assert sum(r.counts[1] + r.counts[3] for r in told.records) == 5256000


CLOSED = [
    pytest.param(BOTH, 0.2, id="closed by both ends, it ends when nothing more comes"),
    pytest.param(1, 30.0, id="closed by one end, it ends after thirty seconds of silence"),
    pytest.param(2, 30.0, id="whichever it is"),
    pytest.param(0, 240.0, id="closed by none, it ends with the idle time of the network"),
]


@pytest.mark.parametrize(("closed", "quiet_s"), CLOSED)
def test_a_flow_ends(closed: int, quiet_s: float) -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(1, ONE, closed=closed)
    assert told.at(0.9 + quiet_s) == []
    assert told.at(1.01 + quiet_s) == [f"E {ONE}"]
    assert told.at(2 + quiet_s, ONE) == []


def test_ends_that_close_one_after_the_other_are_both_closed() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(1, ONE, closed=1)
    told.at(2, ONE, closed=2)
    assert told.at(2.5) == ["E (2, 120, 2, 120)"]


def test_a_denied_flow_is_told_once_an_attempt() -> None:
    told = Told()
    assert told.at(1, new=[opening(1, denied=True)]) == [f"D {NOTHING}"]
    assert told.at(2, new=[opening(2, denied=True)]) == []
    assert told.at(3, new=[opening(3, denied=True, attempt=2)]) == [f"D {NOTHING}"]
    assert told.at(3 + DENIED_S) == []
    assert told.at(4 + DENIED_S, new=[opening(4 + DENIED_S, denied=True, attempt=2)]) == [f"D {NOTHING}"]


def test_a_connection_with_the_ports_of_another_ends_that_one() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(4, (4, 400, 4, 400))
    assert told.at(5, ONE, new=[opening(4.5, attempt=2)]) == ["E (4, 400, 4, 400)", f"B {NOTHING}"]
    told.at(6, ONE, closed=BOTH)
    assert told.at(8) == ["E (2, 120, 2, 120)"]


def test_the_end_of_one_is_not_the_end_of_the_next_one_with_its_ports() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    records = told.book.fold(Sight(2, [opening(1.5, attempt=2)], {K: (ONE, 2)}, {K: (BOTH, 1.0)}))
    assert [r.state for r in records] == [State.ENDED, State.BEGUN]
    assert told.at(3) == []


def test_two_connections_of_one_sight_both_begin_and_end() -> None:
    told = Told()
    both = [opening(0.6, attempt=2), opening(0.1)]
    assert told.at(1, ONE, closed=BOTH, new=both) == [f"B {NOTHING}", f"E {NOTHING}", f"B {NOTHING}"]
    assert told.at(2) == [f"E {ONE}"]


def test_a_retransmission_after_an_edit_of_the_rule_begins_nothing() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    assert told.at(2, new=[opening(1, rule=RULE + 8)]) == []


def test_what_belongs_to_no_flow_is_not_told() -> None:
    told = Told()
    assert told.at(0, ONE, closed=BOTH) == []
    assert len(told.book) == 0


def test_another_book_goes_on_where_the_first_one_was() -> None:
    first = Told(idle_s=10_000)
    first.at(0, new=[opening(0)])
    first.at(300, ONE)
    first.at(301, ONE, closed=1)
    second = Told(idle_s=10_000)
    second.book.resume(first.book.saved())
    assert second.book.saved() == first.book.saved()
    assert second.at(310, ONE, closed=2) == []
    assert second.at(311) == ["E (2, 120, 2, 120)"]


def test_what_was_said_last_of_a_flow_holds() -> None:
    first = Told()
    first.at(0, new=[opening(0)])
    saved = first.book.saved([K])
    first.at(1, ONE)
    saved += first.book.saved([K])
    second = Book(240)
    second.resume(saved)
    assert second.saved() == first.book.saved()
    first.at(300)
    second.resume(first.book.saved([K]))
    assert len(second) == 0


def test_when_its_port_is_no_more_recorded_a_flow_ends_with_what_is_known() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(1, (1, 60, 0, 0))
    assert told.book.end(2, lambda key: key != K) == []
    assert [(r.state, r.counts) for r in told.book.end(2)] == [(State.ENDED, (1, 60, 0, 0))]
    assert len(told.book) == 0


def total(counts: Sequence[Counts]) -> tuple[int, ...]:
    return tuple(map(sum, zip(NOTHING, *counts, strict=True)))


STEPS = st.lists(st.tuples(st.floats(0.1, 400), st.tuples(*[st.integers(0, 50)] * 4)), min_size=1, max_size=30)


@given(STEPS)
def test_what_is_told_of_a_flow_adds_up_to_what_passed(steps: list[tuple[float, Counts]]) -> None:
    told, now = Told(idle_s=1_000_000), 0.0
    told.at(now, new=[opening(0)])
    for pause, more in steps:
        now += pause
        told.at(now, more)
    told.at(now + 2_000_000)
    assert total([r.counts for r in told.records]) == total([more for _, more in steps])
    assert told.records[0].state == State.BEGUN
    assert told.records[-1].state == State.ENDED
    assert {r.state for r in told.records[1:-1]} <= {State.CONTINUES}


EVENTS = st.lists(st.tuples(st.floats(0, 200), st.integers(0, 2), st.booleans()), max_size=15)


@given(EVENTS, st.lists(st.floats(0, 200), max_size=10))
def test_when_somebody_looks_changes_no_total(events: list[tuple[float, int, bool]], looks: list[float]) -> None:
    """Packets, connections and refusals of three flows: as many begin, end and are denied, and all bytes are told."""
    told, events = Told(idle_s=100_000), sorted(events)
    for number, moment in enumerate([*sorted(looks), 201.0]):
        start = ([float("-inf"), *sorted(looks)])[number]
        part = [(n, e) for n, e in enumerate(events) if start < e[0] <= moment or (number == 0 and e[0] <= moment)]
        new = [opening(at, key=bytes([flow]), attempt=n, denied=denied) for n, (at, flow, denied) in part]
        passed = {bytes([flow]): (ONE, at) for _, (at, flow, denied) in part if not denied}
        told.records += told.book.fold(Sight(moment, new, passed, {}))
    told.records += told.book.end(202)
    states = [r.state for r in told.records]
    allowed = sum(not denied for *_, denied in events)
    assert states.count(State.BEGUN) == states.count(State.ENDED) == allowed
    assert states.count(State.DENIED) == len(events) - allowed
    assert all(r.counts[0] >= 0 for r in told.records)


@pytest.mark.parametrize(
    ("early_s", "ends"),
    [
        pytest.param(0.0, True, id="at the moment it began"),
        pytest.param(0.01, True, id="as early as moments of one sight may be wrong"),
        pytest.param(0.5, False, id="before: that was the connection before it, of the same ports"),
    ],
)
def test_a_close_counts_for_the_connection_that_was_closed(early_s: float, ends: bool) -> None:
    told = Told(idle_s=100)
    records = told.book.fold(Sight(11, [opening(10)], {}, {K: (BOTH, 10 - early_s)}))
    assert [str(r.state) for r in records] == (["B", "E"] if ends else ["B"])
    assert len(told.book) == (0 if ends else 1)


@pytest.mark.parametrize(("moment", "over"), [(99.9, False), (100.0, True)], ids=["just before", "to the moment"])
def test_the_idle_time_is_up_when_it_is(moment: float, over: bool) -> None:
    told = Told(idle_s=100)
    told.at(0, new=[opening(0)])
    assert bool(told.at(moment)) is over


def test_another_attempt_ends_the_one_before_it() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(1, ONE)
    assert told.at(2, new=[opening(2, attempt=2)]) == [f"E {ONE}", f"B {NOTHING}"]


def test_the_same_attempt_is_asked_again_after_an_edit_and_told_once() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    assert told.at(1, new=[opening(1, rule=NO)]) == []
    assert told.at(500) == [f"E {NOTHING}"]
    assert told.records[-1].rule == RULE, "it is told by the rule that let it begin"


def test_a_refusal_by_another_rule_is_another_refusal() -> None:
    told = Told()
    assert told.at(0, new=[opening(0, denied=True)]) == [f"D {NOTHING}"]
    assert told.at(1, new=[opening(1, denied=True), opening(1, rule=NO, denied=True)]) == [f"D {NOTHING}"]
    assert len(told.book) == 0, "what is refused is no flow"


@pytest.mark.parametrize(
    ("pause", "again"), [(DENIED_S - 1, False), (DENIED_S, True)], ids=["a retry", "a new attempt"]
)
def test_what_is_tried_again_is_the_same_attempt_for_a_while(pause: float, again: bool) -> None:
    told = Told()
    told.at(0, new=[opening(0, denied=True)])
    told.at(pause)
    assert bool(told.at(pause, new=[opening(pause, denied=True)])) is again


def test_openings_of_one_sight_are_told_in_the_order_they_happened() -> None:
    told = Told()
    told.at(5, new=[opening(3, attempt=2), opening(1)])
    assert [(r.at, str(r.state)) for r in told.records] == [(1, "B"), (3, "E"), (3, "B")]
