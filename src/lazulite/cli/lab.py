"""Where a lab lives on this host, and how to reach it once it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from lazulite.cli.errors import Failure


class Connection(NamedTuple):
    """What the controller writes when it answers, readable by the lab's owner alone."""

    endpoint: str
    metadata: str
    ca: str
    token: str
    tenant: str
    subscription: str
    pid: int
    started: int
    """Start time of that process: another one that got its id later has another."""
    portal: str = ""

    @property
    def alive(self) -> bool:
        return alive(self.pid, self.started)


def home() -> Path:
    """The directory that holds every lab's directory: ``LAZULITE_HOME``, or the place XDG gives for state."""
    if "LAZULITE_HOME" in os.environ:
        return Path(os.environ["LAZULITE_HOME"])
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "lazulite"


def directory(lab: str) -> Path:
    """The lab's own directory. Raises :class:`Failure` for a name that is none."""
    if not lab or not all(c.isalnum() or c in "-_." for c in lab) or lab[0] == ".":
        raise Failure(f"{lab!r} is no name for a lab.", "Use letters, digits, '-', '_' and '.'.")
    return home() / lab


def connection(lab: str) -> Connection:
    """How to reach the running *lab*. Raises :class:`Failure` when it does not run."""
    found = stored_connection(directory(lab))
    if found is None or not found.alive:
        raise Failure(f"The lab {lab!r} does not run.", f"Start it: lazulite up{option(lab)} --detach", code=3)
    return found


def stored_connection(where: Path) -> Connection | None:
    """What the controller left, or ``None`` when that is nothing to go by."""
    try:
        return Connection(**json.loads((where / "connection.json").read_bytes()))
    except (FileNotFoundError, TypeError, ValueError):
        return None


def alive(pid: int, started: int) -> bool:
    """Whether the process that started then (clock ticks since boot) still runs; a zombie does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in "ZX" and int(fields[19]) == started


def option(lab: str) -> str:
    """The option that a suggested command needs for *lab*."""
    return "" if lab == "default" else f" --lab {lab}"
