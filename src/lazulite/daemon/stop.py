"""``python -m lazulite.daemon.stop DIRECTORY``: end a lab, whatever state its parts are in. What it stores stays."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

import msgspec

from lazulite.daemon.places import Connection, Places, started_at
from lazulite.drivers.linux import anchor
from lazulite.drivers.linux.anchor import AnchorError

NOTHING_RAN = 3
_PATIENCE_MS = 15_000
"""How long the controller may take to finish its requests before it is killed."""


def main() -> int:
    """0 when the lab has been stopped, :data:`NOTHING_RAN`, or 1 with the reason on stderr."""
    places = Places(Path(sys.argv[1]).resolve())
    controller, below = _end_controller(places), anchor.find(places.directory)
    try:
        if below is not None:
            anchor.stop(below)
    except AnchorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if controller or below else NOTHING_RAN


def _end_controller(places: Places) -> bool:
    try:
        connection = msgspec.json.decode(places.connection.read_bytes(), type=Connection)
        if started_at(connection.pid) != connection.started:
            return False
        process = os.pidfd_open(connection.pid)
    except (FileNotFoundError, ProcessLookupError, msgspec.DecodeError):
        return False
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(process, number)
            poll = select.poll()
            poll.register(process, select.POLLIN)
            if poll.poll(_PATIENCE_MS):
                break
    finally:
        os.close(process)
        places.connection.unlink(missing_ok=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
