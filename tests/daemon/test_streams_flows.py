"""The stream of flows: what is new once a beat, for each choice of machines that somebody watches."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from lazulite.arm.access.caller import Caller
from lazulite.arm.access.sight import Sight
from lazulite.arm.errors import ArmError
from lazulite.daemon import streams_flows
from lazulite.daemon.guests import UnknownGuestError
from lazulite.daemon.streams import QUEUED, Hub, Places
from lazulite.daemon.streams_flows import MOST_ROWS, Flows, FlowStreams
from tests.daemon.test_flows_named import ROW, Asked

BEAT_S = 0.01


class Fabric(Asked):
    """Tells each record once; ``lost`` while nobody answers."""

    lost = False

    async def flows(self, ports: list[str], after: int, summary: bool) -> tuple[int, list[dict[str, Any]]]:
        self.questions.append((ports, after, summary))
        if self.lost:
            raise ConnectionError("gone")
        return len(self.rows), [r for r in self.rows[after:] if r["port"] in ports]

    def happen(self, count: int) -> None:
        self.rows += [ROW | {"number": len(self.rows) + n} for n in range(count)]


async def heard(stream: AsyncGenerator[bytes, None], rows: int) -> tuple[list[int], int]:
    """Numbers of that many rows, or of as many as are told with those left out, and how many were."""
    numbers: list[int] = []
    left = 0
    async with asyncio.timeout(60):
        while len(numbers) + left < rows:
            for event in (await anext(stream)).decode().split("\n\n"):
                if event.startswith("data: "):
                    frame = json.loads(event[6:])
                    assert frame["type"] == "flows"
                    numbers += [r["number"] for r in frame["rows"]]
                    left += frame["left"]
    return numbers, left


def played(network: Fabric, story: Any) -> None:
    async def within() -> None:
        async with aclosing(Hub(Flows(network, (), BEAT_S), Places()).stream()) as stream:  # type: ignore[arg-type]
            await story(stream)

    asyncio.run(asyncio.wait_for(within(), 60))


def test_what_is_new_is_told_once_and_with_names() -> None:
    network = Fabric()
    network.happen(3)

    async def story(stream: AsyncGenerator[bytes, None]) -> None:
        assert await heard(stream, 3) == ([0, 1, 2], 0)
        network.happen(2)
        assert await heard(stream, 2) == ([3, 4], 0)

    played(network, story)
    assert {after for _, after, _ in network.questions} >= {0, 3}


def test_of_more_than_anybody_reads_the_newest_are_told_and_how_many_were_not() -> None:
    network = Fabric()
    network.happen(MOST_ROWS + 7)

    async def story(stream: AsyncGenerator[bytes, None]) -> None:
        numbers, left = await heard(stream, MOST_ROWS + 7)
        assert (numbers[0], numbers[-1], left) == (7, MOST_ROWS + 6, 7)

    played(network, story)


def test_one_who_does_not_read_is_told_how_much_was_missed() -> None:
    network = Fabric()

    async def story(stream: AsyncGenerator[bytes, None]) -> None:
        await anext(stream)
        for _ in range(QUEUED + 3):
            network.happen(2)
            asked = len(network.questions)
            while len(network.questions) < asked + 2:
                await asyncio.sleep(BEAT_S)
        numbers, left = await heard(stream, 2 * (QUEUED + 3))
        assert (len(numbers), left) == (2 * QUEUED, 6)
        assert numbers == list(range(6, 2 * (QUEUED + 3)))

    played(network, story)


def test_a_lost_agent_or_nobody_to_watch_means_no_flows_and_not_the_end() -> None:
    network = Fabric()
    network.lost = True

    async def story(stream: AsyncGenerator[bytes, None]) -> None:
        while len(network.questions) < 3:
            await asyncio.sleep(BEAT_S)
        network.lost = False
        network.happen(1)
        assert await heard(stream, 1) == ([0], 0)

    async def with_reader(stream: AsyncGenerator[bytes, None]) -> None:
        await anext(stream)
        await story(stream)

    played(network, with_reader)


def test_the_same_choice_of_machines_is_asked_for_once() -> None:
    async def story() -> None:
        network, streams = Fabric(), FlowStreams(Places())
        said = ("shop/web, db", "db,shop/Web,,", "db")
        found = [streams.response(network, names).stream for names in said]  # type: ignore[arg-type]
        answers = [stream for stream in found if stream is not None]
        for answer in answers:
            await anext(answer)
        assert len({tuple(ports) for ports, _, _ in network.questions}) == len(streams._hubs) == 2
        network.happen(1)
        for answer in answers[:2]:
            assert await heard(answer, 1) == ([0], 0)
        for answer in answers:
            await answer.aclose()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_machine_that_is_not_there_is_not_watched() -> None:
    with pytest.raises(UnknownGuestError, match="nobody"):
        FlowStreams(Places()).response(Fabric(), "db,nobody")  # type: ignore[arg-type]


def test_there_is_a_bound_to_choices_and_it_is_free_again_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_flows, "MOST_CHOICES", 1)

    async def story() -> None:
        network, streams = Fabric(), FlowStreams(Places())
        first = streams.response(network, "db")  # type: ignore[arg-type]
        assert first.stream is not None
        await anext(first.stream)
        with pytest.raises(ArmError) as refused:
            streams.response(network, "shop/web")  # type: ignore[arg-type]
        assert refused.value.status == 429
        await first.stream.aclose()
        again = streams.response(network, "shop/web")  # type: ignore[arg-type]
        assert again.stream is not None
        await anext(again.stream)
        await again.stream.aclose()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_who_does_not_see_all_has_a_stream_of_their_own() -> None:
    """Of the same choice of machines, whoever asked for it first."""

    async def story() -> None:
        network, streams = Fabric(), FlowStreams(Places())
        sights = [None, *(Sight(Caller(oid, oid), lambda: (_Everything(),)) for oid in ("one", "other", "one"))]
        found = [streams.response(network, "db", sight).stream for sight in sights]  # type: ignore[arg-type]
        assert sorted(choice[0] for choice in streams._hubs) == ["", "one", "other"]
        for stream in found:
            assert stream is not None
            await stream.aclose()

    asyncio.run(asyncio.wait_for(story(), 60))


class _Everything:
    def gives(self, action: str, scope: str) -> bool:
        return True
