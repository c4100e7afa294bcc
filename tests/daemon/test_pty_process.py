"""A program on a terminal of the controller's, here on the host: what it writes, takes and leaves behind."""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lazulite.daemon import pty_process
from lazulite.daemon.pty_process import PtyProcess
from tests.daemon.test_programs import play as on_loop
from tests.daemon.test_programs import runs
from tests.waiting import until, until_async

T = TypeVar("T")
BOUND_S = 60.0


def on(*argv: str, do: Callable[[PtyProcess], Awaitable[T]], rows: int = 24, columns: int = 80) -> T:
    """What *do* gives, with *argv* on a terminal that is ended afterwards."""

    async def main() -> T:
        process = await PtyProcess.start(argv, rows, columns)
        process.watched = True
        try:
            async with asyncio.timeout(BOUND_S):
                return await do(process)
        finally:
            await process.end()

    return on_loop(main())


async def read(process: PtyProcess, wanted: bytes) -> bytes:
    """All output, once it has *wanted*."""
    while True:
        heard = process.news()
        _, content = process.since(0)
        if wanted in content:
            return content
        assert process.ended is None, content
        await heard


async def ended(process: PtyProcess) -> int:
    while process.ended is None:
        await process.news()
    return process.ended


def test_it_is_a_terminal_of_the_size_that_was_asked_for() -> None:
    assert b"31 97" in on("sh", "-c", "stty size; cat", do=lambda p: read(p, b"97"), rows=31, columns=97)


def test_a_new_size_is_told_to_the_program() -> None:
    async def resize(process: PtyProcess) -> bytes:
        await read(process, b"ready")
        process.resize(50, 120)
        return await read(process, b"50 120")

    on("bash", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done", do=resize)


def test_what_is_typed_arrives_and_is_not_shown_twice() -> None:
    async def type_it(process: PtyProcess) -> bytes:
        assert process.write(b"hello\n")
        return await read(process, b"got hello")

    assert on("sh", "-c", "read x; echo got $x", do=type_it).count(b"hello") == 1


def test_the_code_is_known_once_all_output_is() -> None:
    async def follow(process: PtyProcess) -> tuple[int, bytes]:
        return await ended(process), process.since(0)[1]

    assert on("sh", "-c", "echo last words; exit 5", do=follow) == (5, b"last words\r\n")


def test_what_is_left_behind_does_not_keep_it_open() -> None:
    async def follow(process: PtyProcess) -> int:
        return await ended(process)

    assert on("sh", "-c", "sleep 5 & exit 4", do=follow) == 4


def test_old_output_is_forgotten_and_offsets_stay_true() -> None:
    async def fill(process: PtyProcess) -> None:
        await ended(process)
        start, content = process.since(0)
        assert (process.written, start) == (400_000, 400_000 - pty_process.KEPT)
        assert process.since(399_999) == (399_999, b"x")
        assert process.since(10**9) == (400_000, b"")
        assert set(content) == {ord("x")}

    on("sh", "-c", "head -c 400000 /dev/zero | tr '\\0' x", do=fill)


def test_who_reads_nothing_is_not_typed_to_without_end() -> None:
    async def flood(process: PtyProcess) -> None:
        await read(process, b"ready")
        taken = [process.write(b"x" * 65536) for _ in range(8)]
        assert taken[0]
        assert not taken[-1]

    on("sh", "-c", "stty raw; echo ready; sleep 86395", do=flood)


def test_whoever_ignores_that_the_line_was_cut_is_killed_with_all_it_started() -> None:
    async def stubborn(process: PtyProcess) -> list[int]:
        text = await read(process, b"end")
        return [process.pid, int(text.split()[0])]

    pids = on("sh", "-c", "trap '' HUP; sleep 86394 & echo $! end; wait", do=stubborn)
    until(lambda: [pid for pid in pids if runs(pid)], operator.not_)


def test_a_program_that_never_stops_writing_lets_others_work() -> None:
    """It is read ten times a second, 64 KiB at most each time: unhindered it would be read in a few milliseconds."""

    async def busy(process: PtyProcess) -> float:
        process.watched = False
        before, begun = process.written, time.monotonic()
        await until_async(lambda: process.written - before > 200_000)
        return time.monotonic() - begun

    assert on("yes", do=busy) >= 0.2
