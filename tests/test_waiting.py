"""The tests' own waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from tests.waiting import until, until_async


@pytest.fixture
def numbers() -> Iterator[int]:
    return count()


def test_what_is_waited_for_is_given(numbers: Iterator[int]) -> None:
    assert until(lambda: next(numbers), pause_s=0) == 1
    assert until(lambda: next(numbers), lambda n: n > 5, pause_s=0) == 6
    assert asyncio.run(until_async(lambda: next(numbers), lambda n: n > 8, pause_s=0)) == 9


def test_what_may_fail_meanwhile_is_asked_again(numbers: Iterator[int]) -> None:
    assert until(lambda: 6 // next(numbers), pause_s=0, despite=(ZeroDivisionError,)) == 6


def test_what_may_not_fail_is_not(numbers: Iterator[int]) -> None:
    with pytest.raises(ZeroDivisionError):
        until(lambda: 6 // next(numbers), pause_s=0, despite=(KeyError,))


def test_what_never_comes_fails_with_what_was_seen_last_and_the_state_of_the_world() -> None:
    with pytest.raises(AssertionError, match=r"after 0 s it is still \[\]\. the road is shut"):
        until(list, limit_s=0, told=lambda: "the road is shut")
    with pytest.raises(AssertionError, match=r"after 0 s it is still 7\. the road is shut"):
        asyncio.run(until_async(lambda: 7, lambda n: n > 7, limit_s=0, told=lambda: "the road is shut"))


def test_what_failed_to_the_end_is_told() -> None:
    with pytest.raises(AssertionError, match=r"after 0 s it is still ZeroDivisionError"):
        until(lambda: 1 // 0, limit_s=0, despite=(ZeroDivisionError,))


def test_who_slept_through_the_time_looks_once_more(numbers: Iterator[int], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 1e9])
    monkeypatch.setattr("tests.waiting.time.monotonic", lambda: next(clock))
    assert until(lambda: next(numbers), pause_s=0) == 1
