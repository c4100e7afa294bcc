"""The processes of a lab, told by the lab's lock and by the namespaces they are in: never by name."""

from __future__ import annotations

import os
from pathlib import Path

from lazulite.drivers.linux import anchor
from tests.waiting import until

KINDS = ("net", "mnt", "pid")


def agent(directory: Path) -> int:
    """The agent of the lab in *directory*, once there is one."""
    return until(lambda: holder(directory) or 0)


def holder(directory: Path) -> int | None:
    """Who holds the agent's lock (one that finds it held ends at once). Where others lock and let go meanwhile, the
    kernel's list may lack it for a moment."""
    lock = (directory / "agent.lock").stat()
    wanted = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return next((int(row[4]) for row in rows if row[1] == "FLOCK" and row[5] == wanted), None)


def namespaces(directory: Path) -> set[str]:
    """The namespaces of the lab's first process, and of all below it."""
    found = anchor.find(directory)
    assert found is not None
    first = _namespaces(found.pid)
    inside = first - _namespaces(os.getpid())
    below = {n for pid in _processes() if (own := _namespaces(pid)) & inside for n in own}
    return (first | below) - _namespaces(os.getpid())


def inhabitants(spaces: set[str]) -> list[int]:
    """Processes in any of those namespaces."""
    return [pid for pid in _processes() if _namespaces(pid) & spaces]


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _namespaces(pid: int) -> set[str]:
    """Empty for a process that has ended."""
    try:
        return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}
    except OSError:
        return set()
