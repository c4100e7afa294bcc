"""When a member turns, and when it is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.probe.standing import SPACING_S, Pace, Standing, following

results = st.lists(st.booleans(), max_size=40)
WHY = "connection refused"


def after(path: str, threshold: int, healthy: bool = False) -> Standing:
    """The standing after good (``+``) and bad (``-``) probes."""
    standing = Standing(healthy)
    for sign in path:
        standing.learn("" if sign == "+" else WHY, threshold)
    return standing


CASES = [
    pytest.param("", 1, False, False, id="a new member is not healthy before its first good probe"),
    pytest.param("+", 1, False, True, id="with a threshold of one it turns at once"),
    pytest.param("+-", 1, False, False, id="and at once back"),
    pytest.param("+", 2, False, False, id="with a threshold of two one good probe is not enough"),
    pytest.param("++", 2, False, True, id="two in a row are"),
    pytest.param("+-+", 2, False, False, id="two that are not in a row are none"),
    pytest.param("-", 2, True, True, id="one bad probe does not turn a healthy member"),
    pytest.param("--", 2, True, False, id="two in a row do"),
    pytest.param("-+-+-+-", 2, True, True, id="a member that flaps stays what it was"),
    pytest.param("--+", 2, True, False, id="and needs as many to come back"),
    pytest.param("--++", 2, True, True, id="as it took to go"),
    pytest.param("+", 0, False, True, id="a threshold of none is one"),
]


@pytest.mark.parametrize(("path", "threshold", "before", "healthy"), CASES)
def test_consecutive_results_turn_a_member(path: str, threshold: int, before: bool, healthy: bool) -> None:
    assert after(path, threshold, before).healthy is healthy


@given(results, st.integers(1, 5), st.booleans())
def test_it_turns_exactly_when_the_last_results_all_say_otherwise(path: list[bool], threshold: int, at: bool) -> None:
    standing, since = Standing(at), 0
    for number, good in enumerate(path, 1):
        turned = standing.learn("" if good else WHY, threshold)
        last = path[since:number][-threshold:]
        otherwise = len(last) == threshold and all(r is not at for r in last)
        assert turned is otherwise
        if turned:
            at, since = not at, number
        assert standing.healthy is at
    assert (standing.sent, standing.failed) == (len(path), path.count(False))
    assert standing.reason == ("" if not path or path[-1] else WHY)


def test_members_that_come_together_are_asked_one_after_the_other() -> None:
    pace = Pace()
    times = [pace.first(100.0, 5) for _ in range(3)]
    assert times == pytest.approx([100, 100 + SPACING_S, 100 + 2 * SPACING_S])


@given(st.integers(1, 12000), st.sampled_from([5, 15]), st.floats(0, 1e6))
def test_nobody_waits_longer_than_an_interval_for_the_first_probe(count: int, interval_s: int, now: float) -> None:
    pace = Pace()
    assert all(0 <= pace.first(now, interval_s) - now < interval_s for _ in range(count))


@given(st.floats(0, 1e6), st.floats(0, 100), st.integers(1, 60))
def test_a_delay_neither_adds_up_nor_is_made_up_for(due: float, late_s: float, interval_s: int) -> None:
    now = due + late_s
    found = following(due, now, interval_s)
    assert found >= now
    assert found == (due + interval_s if now <= due + interval_s else now)
