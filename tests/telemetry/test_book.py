"""Flows as their log tells them, whatever the moments at which somebody looked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.telemetry.book import CONTINUES_S, DENIED_S, NOTHING, Book, Counts, Opening, Record, Sight, State

K, RULE, NO = b"flow", 7, 5


def opening(at: float, *, key: bytes = K, attempt: int = 1, rule: int = RULE, denied: bool = False) -> Opening:
    return Opening(key, attempt, rule, denied, at)


class Told:
    """A book, and all that it has said as ``state counts``."""

    def __init__(self, idle_s: float = 240) -> None:
        self.book, self.records = Book(idle_s), list[Record]()
        self.openings: list[Opening] = []
        self.spent_flows: list[bytes] = []

    def at(self, moment: float, counts: Counts = NOTHING, *, closed: bool | None = None, new: Any = ()) -> list[str]:
        self.openings += new
        marks = {} if closed is None else {K: closed}
        records, spent = self.book.fold(Sight(moment, list(self.openings), {K: counts}, marks))
        self.openings = [o for o in self.openings if o not in spent.openings]
        self.spent_flows += spent.flows
        self.records += records
        return [f"{r.state} {r.counts}" for r in records]


def test_a_flow_begins_once_however_often_it_is_seen() -> None:
    told = Told()
    assert told.at(1, new=[opening(0.5)]) == [f"B {NOTHING}"]
    assert told.at(2) == []
    assert told.records[0].at == 0.5


def test_it_continues_every_five_minutes_with_what_passed_since() -> None:
    told = Told(idle_s=10_000)
    told.at(0, new=[opening(0)])
    assert told.at(299, (1, 100, 1, 100)) == []
    assert told.at(300, (1021, 588096, 8005, 4610880)) == ["C (1021, 588096, 8005, 4610880)"]
    assert told.at(599, (1030, 600000, 8010, 4620000)) == []
    assert told.at(600, (1040, 600100, 8020, 4620100)) == ["C (19, 12004, 15, 9220)"]


def test_the_worked_conversation_adds_up_to_the_documented_total() -> None:
    """Source: facts/network-watcher.md, "NSG flow logs": C and E of 185.170.185.105:35370 > 10.2.0.4:23."""
    told = Told(idle_s=10_000)
    told.at(0, new=[opening(0)])
    told.at(300, (1021, 588096, 8005, 4610880))
    end = (1021 + 52, 588096 + 29952, 8005 + 47, 4610880 + 27072)
    told.at(310, end, closed=True)
    assert told.at(312, end, closed=True) == ["E (52, 29952, 47, 27072)"]
    assert sum(r.counts[0] + r.counts[2] for r in told.records) == 9125
    assert sum(r.counts[1] + r.counts[3] for r in told.records) == 5256000


CLOSED = [
    pytest.param(True, 1.0, id="closed by both ends, it ends when nothing more comes"),
    pytest.param(False, 30.0, id="closed by one end, it ends after thirty seconds of silence"),
    pytest.param(None, 240.0, id="closed by none, it ends with the idle time of the network"),
]


@pytest.mark.parametrize(("closed", "quiet_s"), CLOSED)
def test_a_flow_ends(closed: bool | None, quiet_s: float) -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(1, (1, 60, 1, 60), closed=closed)
    assert told.at(1 + quiet_s - 0.1, (1, 60, 1, 60), closed=closed) == []
    assert told.at(1 + quiet_s, (1, 60, 1, 60), closed=closed) == ["E (1, 60, 1, 60)"]
    assert told.spent_flows == [K]


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
    assert told.at(5, (5, 500, 5, 500), new=[opening(4.5, attempt=2)]) == [
        f"E {NOTHING}",
        f"B {NOTHING}",
    ]
    told.at(6, (6, 600, 6, 600), closed=True)
    assert told.at(8, (6, 600, 6, 600), closed=True) == ["E (6, 600, 6, 600)"]


def test_a_retransmission_after_an_edit_of_the_rule_begins_nothing() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    assert told.at(2, new=[opening(1, rule=RULE + 8)]) == []
    assert told.openings == [opening(0)]


def test_another_book_goes_on_where_the_first_one_was() -> None:
    first = Told(idle_s=10_000)
    first.at(0, new=[opening(0)])
    first.at(300, (10, 1000, 10, 1000))
    second = Told(idle_s=10_000)
    second.book.resume(first.book.saved())
    assert second.at(310, (11, 1100, 12, 1200), new=first.openings) == []
    assert second.at(600, (12, 1200, 12, 1200)) == ["C (2, 200, 2, 200)"]


def test_a_book_that_knows_nothing_begins_what_stands() -> None:
    assert Told().at(310, (11, 1100, 12, 1200), new=[opening(0)]) == ["B (0, 0, 0, 0)", "C (11, 1100, 12, 1200)"]


def test_what_belongs_to_no_flow_goes_when_it_was_seen_twice() -> None:
    told = Told()
    told.at(0, (1, 1, 1, 1))
    assert told.spent_flows == []
    told.at(1, (1, 1, 1, 1))
    assert told.spent_flows == [K]


def test_when_its_port_is_no_more_recorded_a_flow_ends_with_what_is_known() -> None:
    told = Told()
    told.at(0, new=[opening(0)])
    told.at(1, (1, 60, 0, 0))
    assert [(r.state, r.counts) for r in told.book.end(2)] == [(State.ENDED, (1, 60, 0, 0))]
    assert len(told.book) == 0


STEPS = st.lists(st.tuples(st.floats(0.1, 400), st.tuples(*[st.integers(0, 50)] * 4)), min_size=1, max_size=30)


@given(STEPS)
def test_what_is_told_of_a_flow_adds_up_to_what_passed(steps: list[tuple[float, Counts]]) -> None:
    told, now, total = Told(idle_s=1000), 0.0, NOTHING
    told.at(now, new=[opening(0)])
    for pause, more in steps:
        now += pause
        total = tuple(a + b for a, b in zip(total, more, strict=True))  # type: ignore[assignment]
        told.at(now, total)
    told.at(now + 1001, total)
    assert tuple(map(sum, zip(*(r.counts for r in told.records), strict=True))) == total
    assert told.records[0].state == State.BEGUN
    assert told.records[-1].state == State.ENDED
    assert {r.state for r in told.records[1:-1]} <= {State.CONTINUES}


@given(st.lists(st.floats(0.01, 700), max_size=20).map(sorted), st.integers(0, 3))
def test_how_often_somebody_looks_changes_no_total(moments: list[float], attempts: int) -> None:
    """The same connections, seen at other moments: as many begin and end, and the same bytes pass."""
    openings = [opening(100.0 * n, attempt=n) for n in range(attempts)]
    told = Told(idle_s=100_000)
    for moment in [*moments, 1000.0]:
        fresh = [o for o in openings if o.at <= moment and o not in told.openings and not _told(told, o)]
        counts = (int(moment), int(moment) * 100, 0, 0) if fresh or told.openings else NOTHING
        told.at(moment, counts, new=fresh)
    states = [r.state for r in told.records]
    assert states.count(State.BEGUN) == attempts
    assert states.count(State.ENDED) == max(attempts - 1, 0)
    assert sum(r.counts[0] for r in told.records) <= 1000
    assert CONTINUES_S == 300


def _told(told: Told, one: Opening) -> bool:
    return any(r.state is State.BEGUN and r.at == one.at for r in told.records)
