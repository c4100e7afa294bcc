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
    if found is None or not alive(found.pid):
        raise Failure(f"The lab {lab!r} does not run.", f"Start it: lazulite up{option(lab)} --detach", code=3)
    return found


def stored_connection(where: Path) -> Connection | None:
    try:
        return Connection(**json.loads((where / "connection.json").read_bytes()))
    except FileNotFoundError:
        return None


def alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def option(lab: str) -> str:
    """The option that a suggested command needs for *lab*."""
    return "" if lab == "default" else f" --lab {lab}"
