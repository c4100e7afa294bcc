"""The process that makes Azure's access log: ``python -m lazulite.engines.http --directory D --admin S``.

It takes what requests leave of the processors: little at a time at once, much only while others leave some, but
so much that files would grow without bound like any other process.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import NamedTuple

from lazulite.engines.http import conversion
from lazulite.engines.http.conversion import LOCK, Follower

PAUSE_S = 0.5
LITTLE = 1 << 16
"""Bytes behind that are taken at once."""
MOST = 64 << 20
"""Bytes behind that are not left for later."""
LOOK_S = 0.1
"""Seconds of processors from which on it is known how much of them is left."""
QUIET = 0.2
"""Of the processors, what others have to leave."""
LONG_S = 5.0
"""After so long a piece is made, whatever others leave: some milliseconds, and no line is left for ever."""
PROCESSORS = Path("/proc/stat")
_TICKS_S = os.sysconf("SC_CLK_TCK")
GROUP = Path("/proc/self/autogroup")
"""Where processors are shared among sessions, what a process says of itself counts within its session only. Source:
sched(7), "The autogroup feature"."""


class _Used(NamedTuple):
    """Seconds of processors."""

    all: float
    left: float


class Effort:
    """How much this process asks for."""

    def __init__(self) -> None:
        self._since: _Used | None = None
        self._quiet = False
        self._granted = time.monotonic()
        self._group = 0

    def grants(self, behind: int) -> bool:
        """Whether the next piece is to be made now, with so many bytes left."""
        self._say(0 if behind > MOST else 19)
        if not LITTLE < behind <= MOST:
            self._since = None
        elif not self._is_quiet() and time.monotonic() - self._granted < LONG_S:
            return False
        self._granted = time.monotonic()
        return True

    def _is_quiet(self) -> bool:
        """Whether others have left some of the processors since much is behind: what was before tells nothing of the
        requests that it is behind with. Giving way while it runs would not be enough: a turn of the processor is some
        milliseconds, whoever has it, and a request would wait for them."""
        now, before = _used(), self._since
        if before is None:
            self._since, self._quiet = now, False
        elif (whole := now.all - before.all) >= LOOK_S:
            self._since, self._quiet = now, now.left - before.left >= QUIET * whole
        return self._quiet

    def _say(self, nice: int) -> None:
        """For this process's session, if it has one of its own; it may not be said often, and not everywhere."""
        if nice != self._group and os.getsid(0) == os.getpid():
            with contextlib.suppress(OSError):
                GROUP.write_text(str(nice))
                self._group = nice


def _used() -> _Used:
    """Of all processors so far, and of that what nobody or this process used; see proc_stat(5)."""
    try:
        ticks = [int(word) for word in PROCESSORS.read_text().split("\n", 1)[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
    except (OSError, ValueError, IndexError):  # Who cannot know does not wait.
        return _Used(time.monotonic(), time.monotonic())
    return _Used(sum(ticks) / _TICKS_S, idle / _TICKS_S + time.process_time())


def held(directory: Path) -> int | None:
    """The lock, with this process's number in it; ``None``: another has it."""
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.pwrite(lock, f"{os.getpid():<10}".encode(), 0)  # Of one length, so that nobody reads half of it.
    return lock


def follow(directory: Path, admin: Path, effort: Effort) -> None:
    """Until nothing is served any more, or there is no such directory."""
    follower = Follower(directory, lambda: conversion.reopened(admin))
    while directory.exists():
        follower.begin_another()
        while effort.grants(behind := follower.behind()) or not follower.known.serving:
            if not behind or not follower.take():
                break
            follower.begin_another()
        if not follower.known.serving:
            return
        time.sleep(PAUSE_S)


def main() -> None:
    """Run beside Envoy, one in a directory."""
    parser = argparse.ArgumentParser(prog="lazulite.engines.http")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--admin", type=Path, required=True, help="the socket at which Envoy answers")
    chosen = parser.parse_args()
    if held(chosen.directory) is not None:
        follow(chosen.directory, chosen.admin, Effort())


if __name__ == "__main__":
    main()
