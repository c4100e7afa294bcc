"""The process that makes Azure's access log: ``python -m lazulite.engines.http --directory D --admin S``.

It takes what requests leave of the processors: little at a time at once, much only while nobody else wants to run, but
so much that files would grow without bound like any other process.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lazulite.engines.http import conversion
from lazulite.engines.http.conversion import LOCK, Follower

PAUSE_S = 0.5
LITTLE = 1 << 16
"""Bytes behind that are taken at once."""
MOST = 64 << 20
"""Bytes behind that are not left for later."""
GROUP = Path("/proc/self/autogroup")
"""Where processors are shared among sessions, what a process says of itself counts within its session only. Source:
sched(7), "The autogroup feature"."""


class Effort:
    """How much this process asks for."""

    def __init__(self) -> None:
        self._idle = ThreadPoolExecutor(1, initializer=_idle)
        self._group = 0

    def spend(self, take: Callable[[], int], behind: int) -> int:
        """What *take* returns, with so many bytes left."""
        self._say(0 if behind > MOST else 19)
        return self._idle.submit(take).result() if LITTLE < behind <= MOST else take()

    def _say(self, nice: int) -> None:
        """For this process's session, if it has one of its own; it may not be said often, and not everywhere."""
        if nice != self._group and os.getsid(0) == os.getpid():
            with contextlib.suppress(OSError):
                GROUP.write_text(str(nice))
                self._group = nice


def _idle() -> None:
    """Of this thread: it cannot be taken back."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


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
        while (behind := follower.behind()) and effort.spend(follower.take, behind):
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
