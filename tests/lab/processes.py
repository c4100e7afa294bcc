"""Processes of a lab, by what they run."""

from __future__ import annotations

import os
from pathlib import Path

from lazulite.testing import Lab


def anchor_of(one: Lab) -> int:
    """The lab's first process, as the host numbers it."""
    return int(next(p["detail"] for p in one.status()["parts"] if p["name"] == "anchor").split()[1].rstrip(","))


def below(anchor: int, word: str) -> list[int]:
    """Processes in the anchor's process namespace whose command line has *word*."""
    inside = os.readlink(f"/proc/{anchor}/ns/pid")
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and word.encode() in _read(entry / "cmdline") and namespace(entry) == inside
    ]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def namespace(process: Path) -> str:
    """The process namespace of a process, or nothing when it is gone."""
    try:
        return os.readlink(process / "ns/pid")
    except OSError:
        return ""
