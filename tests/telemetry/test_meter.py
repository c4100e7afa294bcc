"""Counters by the minute: what grew in which one, what nobody knows, and how much is kept."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.telemetry.meter import GRAIN_S, KEPT, MOST_VALUES, Meter, series

T0 = 1_700_000_040
"""The beginning of a minute."""
assert T0 % GRAIN_S == 0


def minute(number: int) -> int:
    return T0 + number * GRAIN_S


def read(meter: Meter, *rows: tuple[float, dict[str, float]]) -> Meter:
    """Minutes after the first, and what the counters say then."""
    for at, counters in rows:
        meter.read(T0 + at * GRAIN_S, counters)
    return meter


def of(meter: Meter, name: str, first: int = 0, end: int = 60) -> list[float | None]:
    return meter.minutes([name], minute(first), minute(end)).values[name]


GROWN = [
    pytest.param([(0, 5), (1, 8), (2, 8), (3, 20)], [3, 0, 12, 0], id="what a counter grew by is of the minute before"),
    pytest.param([(0, 5), (0.5, 8), (0.9, 9), (1, 10)], [5, 0], id="several looks at a minute add up"),
    pytest.param([(0, 5), (0.5, 8)], [3], id="the minute that goes on has what grew so far"),
    pytest.param([(0, 5), (1, 8), (2, 2), (3, 4)], [3, 2, 2, 0], id="what counts less began anew, from nothing"),
    pytest.param([(0, None), (1, 7), (2, 9)], [7, 2, 0], id="what is new has counted since the last look"),
    pytest.param([(0, 5), (1, 8), (4, 99), (5, 100)], [3, None, None, None, 1, 0], id="minutes nobody saw are gaps"),
    pytest.param([(0, 5), (1.4, 8), (2, 9)], [3, 1, 0], id="a look that is a little late is still of its minute"),
    pytest.param([(0, 5), (1, 8), (2, None), (3, None)], [3, None, None, None], id="what is gone keeps its past"),
    pytest.param([(0, 5), (1, 8), (2, None), (3, 4)], [3, None, 4, 0], id="what comes back counts from nothing"),
    pytest.param([(0, 5), (1, 8), (2, 9), (1, 30), (2, 31)], [3, 1, 0], id="a clock set back begins anew there"),
]


@pytest.mark.parametrize(("said", "expected"), GROWN)
def test_a_minute_has_what_grew_in_it(said: list[tuple[float, float | None]], expected: list[float | None]) -> None:
    meter = read(Meter(), *((at, {} if value is None else {"a": value}) for at, value in said))
    assert of(meter, "a") == expected


def test_what_was_not_there_yet_has_no_value_and_what_rests_has_nought() -> None:
    meter = read(Meter(), (0, {"a": 1}), (1, {"a": 1}), (2, {"a": 1, "b": 0}), (3, {"a": 1, "b": 0}))
    assert of(meter, "a") == [0, 0, 0, 0]
    assert of(meter, "b") == [None, 0, 0, 0]
    assert of(meter, "nobody") == [None] * 4


def test_minutes_are_those_that_meet_the_time_that_is_asked_for() -> None:
    meter = read(Meter(), *((n, {"a": n}) for n in range(10)))
    found = meter.minutes(["a"], minute(2) + 30, minute(5))
    assert (found.first, found.values["a"]) == (minute(2), [1, 1, 1])
    assert meter.minutes(["a"], minute(50), minute(60)).values == {"a": []}
    assert Meter().minutes(["a"], minute(0), minute(60)).values == {"a": []}


def test_a_series_says_what_is_counted_and_of_what() -> None:
    assert series("sent", "/nic") != series("sen", "t /nic").replace(" ", "")
    assert series("sent", "/nic") == "sent /nic"


def test_only_as_many_minutes_are_kept() -> None:
    meter = read(Meter(kept=5), *((n, {"a": 2 * n}) for n in range(20)))
    assert of(meter, "a") == [2, 2, 2, 2, 2, 0]
    assert meter.minutes(["a"], T0, minute(60)).first == minute(14)


def test_only_as_many_values_are_kept_and_what_never_grew_is_none() -> None:
    meter, idle = Meter(most=100), {f"idle{n}": 7.0 for n in range(1000)}
    for at in range(50):
        read(meter, (at, {**idle, **{f"busy{n}": float(at) for n in range(10)}}))
        assert meter.held <= 100 + 10
    assert of(meter, "busy3") == [1.0] * 10 + [0.0]
    assert of(meter, "idle3") == [0.0] * 11


def test_the_places_of_what_is_gone_are_given_to_others() -> None:
    meter = Meter(kept=3)
    for at in range(200):
        read(meter, (at, {f"of a minute {at}": 1.0, "always": float(at)}))
    assert meter.held <= 4 * 6
    assert of(meter, "of a minute 199", 197, 200) == [None, 1.0, 0.0]
    assert of(meter, "of a minute 3", 0, 200) == [None] * 4
    assert of(meter, "always", 196, 200) == [1.0, 1.0, 1.0, 0.0]


def test_the_bound_is_sixteen_megabytes_and_a_day() -> None:
    assert (8 * MOST_VALUES, KEPT * GRAIN_S) == (16_000_000, 86_400)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.lists(st.floats(0.05, 0.95), max_size=8))
def test_nothing_that_grew_is_lost_however_often_one_looks(grown: list[int], looks: list[float]) -> None:
    totals = list(accumulate([0, *grown]))
    meter, whole = Meter(), Meter()
    for number, total in enumerate(totals):
        read(whole, (number, {"a": total}))
        read(meter, (number, {"a": total}))
        for at in sorted(looks) if number < len(grown) else ():
            read(meter, (number + at, {"a": total + at * grown[number]}))
    assert of(whole, "a") == [float(g) for g in grown] + [0.0]
    assert of(meter, "a") == pytest.approx(of(whole, "a"))
