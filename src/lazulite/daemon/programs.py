"""Programs that run to their end for somebody who asked over HTTP: so long, so much output, so many at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Any

import msgspec

from lazulite.arm.errors import ArmError

AT_ONCE = 16
WAITING = 64
"""Beyond these nobody waits: who asks is told to come again."""
OUTPUT_LIMIT = 1 << 18
"""Bytes of each stream that are kept, the first ones."""
TIMED_OUT = 124
"""The exit code of what was ended for its time, as ``timeout`` of coreutils has it."""
_CHUNK = 1 << 16
_LEFT_S = 0.5
"""How long the output of a program that has ended is read: what it left behind may hold the pipe for ever."""
_GRACE_S = 2.0
_KILLED_S = 60.0
"""What is killed ends at once; on a busy machine it takes a while until that is known, and its code with it."""


class Done(msgspec.Struct, frozen=True):
    """How a program ended. ``truncated``: there was more output than is kept."""

    code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    truncated: bool = False


class _Kept:
    """The first bytes of a stream; the rest is read, so that whoever writes goes on, and dropped."""

    def __init__(self) -> None:
        self.content, self.truncated = bytearray(), False

    async def read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(_CHUNK):
            room = OUTPUT_LIMIT - len(self.content)
            self.content += chunk[:room]
            self.truncated |= len(chunk) > room


class Programs:
    """Runs them."""

    def __init__(self) -> None:
        self._free, self._waiting = asyncio.Semaphore(AT_ONCE), 0

    async def run(self, argv: Sequence[str], stdin: bytes, timeout_s: float) -> Done:
        """Raises :class:`ArmError` when too many run."""
        if self._waiting >= WAITING:
            raise ArmError(429, "TooManyPrograms", f"{WAITING} programs wait to be run.", headers={"Retry-After": "1"})
        self._waiting += 1
        try:
            async with self._free:
                return await _run(argv, stdin, timeout_s)
        finally:
            self._waiting -= 1


async def _run(argv: Sequence[str], stdin: bytes, timeout_s: float) -> Done:
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    process = await started(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=path, start_new_session=True)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Kept(), _Kept()
    talking = [
        asyncio.ensure_future(each)
        for each in (_feed(process, stdin), out.read(process.stdout), err.read(process.stderr))
    ]
    timed_out = False
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
        await asyncio.wait(talking, timeout=_LEFT_S)
    except TimeoutError:
        timed_out = True
    finally:
        await end(process, signal.SIGTERM)
        for each in talking:
            each.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
        process._transport.close()  # type: ignore[attr-defined] # what was left behind may hold the other ends
    code = TIMED_OUT if timed_out else exit_code(process)
    return Done(code, bytes(out.content), bytes(err.content), timed_out, out.truncated or err.truncated)


async def started(*argv: str, **settings: Any) -> Process:
    """As ``asyncio.create_subprocess_exec``, but nothing is left running when whoever waits for it goes away."""
    making = asyncio.ensure_future(asyncio.create_subprocess_exec(*argv, **settings))
    try:
        return await asyncio.shield(making)
    except asyncio.CancelledError:
        await end(await making, signal.SIGKILL)
        raise


def exit_code(process: Process) -> int:
    """As a shell has it: 128 and the signal's number for what a signal ended."""
    code = process.returncode
    assert code is not None
    return code if code >= 0 else 128 - code


async def _feed(process: Process, stdin: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it did not want to hear all of that
        process.stdin.write(stdin)
        await process.stdin.drain()
    process.stdin.close()


async def end(process: Process, gently: signal.Signals, grace_s: float = _GRACE_S) -> None:
    """Have the process and its group end: *gently* first, then at once."""
    for number, patience_s in ((gently, grace_s), (signal.SIGKILL, _KILLED_S)):
        if process.returncode is not None:
            return
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:  # its group is not made yet
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await process.wait()
