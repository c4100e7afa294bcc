"""Programs that run for somebody who asked over HTTP: bounded in time, output and number."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from lazulite.arm.errors import ArmError
from lazulite.daemon import programs
from lazulite.daemon.programs import Done, Programs
from tests.waiting import until

T = TypeVar("T")
LONG = 60.0


def ran(*argv: str, stdin: bytes = b"", timeout_s: float = LONG) -> Done:
    return play(Programs().run(argv, stdin, timeout_s))


def play(story: Coroutine[Any, Any, T]) -> T:
    """On the loop that the controller has."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(story)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_code_and_both_outputs_come_back() -> None:
    assert ran("sh", "-c", "cat; echo no >&2; exit 3", stdin=b"yes") == Done(3, b"yes", b"no\n")


def test_who_does_not_read_its_input_is_no_failure() -> None:
    assert ran("true", stdin=b"x" * 1_000_000) == Done(0, b"", b"")


def test_what_a_signal_ended_has_the_code_that_shells_give_it() -> None:
    assert ran("sh", "-c", "kill -9 $$").code == 128 + 9


def test_output_beyond_the_limit_is_read_and_dropped() -> None:
    done = ran("sh", "-c", f"head -c {programs.OUTPUT_LIMIT + 1} /dev/zero; echo end >&2")
    assert (len(done.stdout), done.stderr, done.truncated, done.code) == (programs.OUTPUT_LIMIT, b"end\n", True, 0)


def test_what_takes_too_long_is_ended_with_all_it_started() -> None:
    for limit_s in (0.5, 5, 50):  # the longer ones where the shell does not even begin in time
        done = ran("sh", "-c", "trap '' TERM; sleep 86398 & echo $!; sleep 86398", timeout_s=limit_s)
        if done.stdout:
            break
    assert (done.timed_out, done.code) == (True, programs.TIMED_OUT)
    until(lambda: not runs(int(done.stdout)))


def test_what_a_program_leaves_behind_is_not_waited_for() -> None:
    done = ran("sh", "-c", "sleep 86397 & echo $!")
    os.kill(int(done.stdout), 9)
    assert (done.code, done.timed_out) == (0, False)


def test_who_goes_away_ends_the_program() -> None:
    async def leave(path: str) -> int:
        task = asyncio.create_task(Programs().run(["sh", "-c", f"echo $$ > {path}; sleep 86396"], b"", LONG))
        while not (os.path.exists(path) and (text := Path(path).read_text().strip())):
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        return int(text)

    path = f"/tmp/lazulite-test-{os.getpid()}"
    try:
        pid = play(leave(path))
        until(lambda: not runs(pid))
    finally:
        Path(path).unlink(missing_ok=True)


def test_only_so_many_run_and_only_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "WAITING", 3)
    monkeypatch.setattr(programs, "AT_ONCE", 1)

    async def crowd() -> list[Any]:
        room = Programs()
        wanted: list[Coroutine[Any, Any, Done]] = [room.run(["sleep", "0.2"], b"", LONG) for _ in range(4)]
        return await asyncio.gather(*wanted, return_exceptions=True)

    *passed, refused = play(crowd())
    assert [done.code for done in passed] == [0, 0, 0]
    assert isinstance(refused, ArmError)
    assert (refused.status, refused.code) == (429, "TooManyPrograms")
