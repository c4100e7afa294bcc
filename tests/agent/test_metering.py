"""Who reads counters once a minute: when it begins, how often it looks, and what it does when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from lazulite.agent.metering import LINK_WORDS, Metering, readings
from lazulite.agent.protocol import Observed
from lazulite.telemetry.meter import GRAIN_S, Meter
from tests.waiting import until_async

NOW = 1_700_000_055.0
FIRST = 1_700_000_040


class Counters:
    """Of one series, which grows by one with each reading."""

    def __init__(self) -> None:
        self.reads, self.failing = 0, False

    async def read(self) -> Mapping[str, float]:
        self.reads += 1
        if self.failing:
            raise OSError("no buffer space")
        return {"a": float(self.reads)}


def metered(act: Callable[[Counters, Metering], Awaitable[None]], now: Callable[[], float] = lambda: NOW) -> None:
    async def within() -> None:
        counters = Counters()
        metering = Metering(counters.read, now, Meter())
        try:
            await act(counters, metering)
        finally:
            await metering.close()

    asyncio.run(asyncio.wait_for(within(), 60))


async def asked(metering: Metering) -> list[float | None]:
    return (await metering.minutes(["a"], FIRST - 120, FIRST + 600)).values["a"]


def test_nothing_is_read_before_the_network_is_there() -> None:
    async def act(counters: Counters, metering: Metering) -> None:
        assert await asked(metering) == []
        assert counters.reads == 0

    metered(act)


def test_a_network_that_is_there_is_read_at_once_and_only_by_one() -> None:
    async def act(counters: Counters, metering: Metering) -> None:
        for _ in range(3):
            metering.replace([])
        await until_async(lambda: counters.reads)
        assert await asked(metering) == [0.0]
        assert counters.reads == 1

    metered(act)


def test_a_minute_that_ends_is_read() -> None:
    """The clock says: read, how long to sleep, read, and sleep for long."""
    end = float(FIRST + GRAIN_S)
    later = iter([end - 1, end - 0.001, end + 0.1, *[end + 0.2] * 1000])

    async def act(counters: Counters, metering: Metering) -> None:
        metering.replace([])
        await until_async(lambda: counters.reads >= 2)
        assert (await metering.minutes(["a"], FIRST, FIRST + 60)).values["a"] == [1.0]

    metered(act, lambda: next(later))


def test_a_question_has_what_grew_since_but_costs_no_more_than_a_reading_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(counters: Counters, metering: Metering) -> None:
        metering.replace([])
        await until_async(lambda: counters.reads)
        monkeypatch.setattr("lazulite.agent.metering.FRESH_S", -1.0)
        metering._fresh = -1.0
        assert [await asked(metering) for _ in range(3)] == [[1.0], [2.0], [3.0]]
        monkeypatch.setattr("lazulite.agent.metering.FRESH_S", 1e6)
        await asked(metering)
        assert [await asked(metering) for _ in range(3)] == [[4.0]] * 3
        assert counters.reads == 5

    metered(act)


def test_many_who_ask_at_once_wait_for_one_reading() -> None:
    async def act(counters: Counters, metering: Metering) -> None:
        metering.replace([])
        answers = await asyncio.gather(*(asked(metering) for _ in range(20)))
        assert (counters.reads, answers) == (1, [[0.0]] * 20)

    metered(act)


def test_counters_that_cannot_be_read_are_a_gap_and_not_the_end() -> None:
    async def act(counters: Counters, metering: Metering) -> None:
        counters.failing = True
        metering.replace([])
        await until_async(lambda: counters.reads)
        assert await asked(metering) == []
        counters.failing = False
        assert await asked(metering) == [0.0]

    metered(act)


def test_it_follows_the_network_and_has_no_news() -> None:
    async def act(counters: Counters, metering: Metering) -> None:
        delta: Any = None
        metering.settle(delta)
        assert metering.news() == Observed()

    metered(act)


class Machine:
    """Driver and prober, as far as counting goes."""

    def link_counts(self) -> Mapping[str, tuple[int, int, int, int]]:
        return {"/nic": (100, 20, 3, 2)}

    def counters(self) -> Mapping[str, tuple[int, int]]:
        return {"/rule": (5, 400), "drop:spoofed": (1, 60)}

    def counts(self) -> Mapping[str, Mapping[str, tuple[int, int, str]]]:
        return {"/pool": {"web": (9, 2, "refused")}}


def test_what_is_counted_of_links_rules_and_probes_is_read_in_one_go() -> None:
    machine: Any = Machine()
    calls = []

    async def in_driver(ask: Callable[[], Any]) -> Any:
        calls.append(ask)
        return ask()

    assert asyncio.run(readings(in_driver, machine, machine)) == {
        **dict(zip((f"{word} /nic" for word in LINK_WORDS), (100, 20, 3, 2), strict=True)),
        "packets /rule": 5,
        "bytes /rule": 400,
        "packets drop:spoofed": 1,
        "bytes drop:spoofed": 60,
        "probes /pool web": 9,
        "failed-probes /pool web": 2,
    }
    assert len(calls) == 1
