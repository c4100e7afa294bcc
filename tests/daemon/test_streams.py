"""A hub: everybody is told the same, nobody holds anybody up, and without listeners nothing is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from lazulite.arm.errors import ArmError
from lazulite.daemon import streams
from lazulite.daemon.streams import COMMENT, QUEUED, Hub, Places, frame

Stream = AsyncGenerator[bytes, None]


class Counting:
    """A source whose frames are numbers; the first piece is how far it is."""

    def __init__(self) -> None:
        self.at, self.starts, self.running = 0, 0, False
        self.failing: Exception | None = None
        self.hub: Hub | None = None

    def caught_up(self, missed: int, waiting: list[bytes]) -> bytes:
        return f"missed {missed}, ".encode() + b",".join(waiting) if missed else f"at {self.at}".encode()

    async def follow(self, hub: Hub) -> None:
        self.starts, self.running, self.hub = self.starts + 1, True, hub
        try:
            hub.ready()
            while self.failing is None:
                await asyncio.sleep(0.001)
            raise self.failing
        finally:
            self.running = False

    def tell(self, count: int = 1) -> None:
        assert self.hub is not None
        for _ in range(count):
            self.at += 1
            self.hub.tell(b"%d" % self.at)


def played(story: Callable[[Counting, Hub], Awaitable[None]], places: Places | None = None) -> None:
    async def within() -> None:
        source = Counting()
        await story(source, Hub(source, places or Places()))

    asyncio.run(asyncio.wait_for(within(), 60))


def test_who_comes_is_told_all_and_then_what_is_new() -> None:
    async def story(source: Counting, hub: Hub) -> None:
        async with aclosing(hub.stream()) as one:
            assert await anext(one) == b"at 0"
            source.tell()
            assert await anext(one) == b"1"
            async with aclosing(hub.stream()) as other:
                assert await anext(other) == b"at 1"
                source.tell(2)
                assert [await anext(one), await anext(other)] == [b"23", b"23"], "what waits comes in one piece"

    played(story)


def test_the_source_works_only_while_somebody_listens() -> None:
    async def story(source: Counting, hub: Hub) -> None:
        assert source.starts == 0
        for turn in (1, 2):
            async with aclosing(hub.stream()) as one, aclosing(hub.stream()) as other:
                await anext(one)
                await anext(other)
                await one.aclose()
                assert (source.starts, source.running, hub.listeners) == (turn, True, 1)
            await asyncio.sleep(0)
            assert (source.running, hub.listeners) == (False, 0)

    played(story)


def test_one_who_does_not_read_misses_the_oldest_and_nobody_else_does() -> None:
    async def story(source: Counting, hub: Hub) -> None:
        async with aclosing(hub.stream()) as slow, aclosing(hub.stream()) as quick:
            await anext(slow)
            await anext(quick)
            for number in range(1, QUEUED + 4):
                source.tell()
                assert await anext(quick) == b"%d" % number
            kept = ",".join(str(n) for n in range(4, QUEUED + 4))
            assert await anext(slow) == f"missed 3, {kept}".encode()
            source.tell()
            assert await anext(slow) == b"%d" % source.at, "and is told everything again from then on"

    played(story)


def test_a_source_that_fails_ends_every_stream_and_is_started_anew_by_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(source: Counting, hub: Hub) -> None:
        async with aclosing(hub.stream()) as one, aclosing(hub.stream()) as other:
            await anext(one)
            await anext(other)
            source.failing = RuntimeError("out of paper")
            assert [p async for p in one] + [p async for p in other] == []
        source.failing = None
        async with aclosing(hub.stream()) as one:
            assert await anext(one) == b"at 0"

    played(story)
    assert "out of paper" in caplog.text


def test_a_source_that_never_gets_ready_ends_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Counting):
        async def follow(self, hub: Hub) -> None:
            raise RuntimeError("no picture")

    async def story() -> None:
        assert [p async for p in Hub(Broken(), Places()).stream()] == []

    asyncio.run(asyncio.wait_for(story(), 60))
    assert "no picture" in caplog.text


def test_silence_is_broken_by_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SILENCE_S", 0.01)

    async def story(source: Counting, hub: Hub) -> None:
        async with aclosing(hub.stream()) as one:
            await anext(one)
            assert await anext(one) == COMMENT
            source.tell()
            assert await anext(one) in (b"1", COMMENT)

    played(story)
    assert COMMENT.startswith(b":")
    assert COMMENT.endswith(b"\n\n")


def test_a_stream_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LONGEST_S", 0.0)

    async def story(source: Counting, hub: Hub) -> None:
        assert [p async for p in hub.stream()] == [b"at 0"]
        assert hub.listeners == 0

    played(story)


def test_there_is_a_bound_to_streams_and_a_place_is_free_again_at_once() -> None:
    places = Places(2)

    async def story(source: Counting, hub: Hub) -> None:
        async with aclosing(hub.stream()) as one, aclosing(hub.stream()) as other:
            await anext(one)
            await anext(other)
            with pytest.raises(ArmError) as refused:
                hub.response()
            assert (refused.value.status, refused.value.code) == (429, "TooManyStreams")
            await other.aclose()
            answer = hub.response()
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            assert answer.stream is not None
            assert await anext(answer.stream) == b"at 0"
            await answer.stream.aclose()
        assert places.taken == 0

    played(story, places)


def test_who_leaves_before_the_first_piece_takes_no_place() -> None:
    places = Places(1)

    async def story(source: Counting, hub: Hub) -> None:
        answer = hub.response()
        assert answer.stream is not None
        await answer.stream.aclose()
        assert (places.taken, source.starts) == (0, 0)

    played(story, places)


def test_a_frame_is_one_event_whatever_is_in_it() -> None:
    told = frame({"name": "a\n\nb\r\ndata: x"})
    assert told.startswith(b"data: ")
    assert told.endswith(b"\n\n")
    assert b"\n" not in told[:-2]
    assert b"\r" not in told
