"""The process that workers come from: it has read everything they need and does nothing else, so one is there at once.

It is forked from the keeper before that one has an event loop, which no fork may find. It ends with the keeper; without
it the keeper ends too, so that both are started anew.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeAlias

from lazulite.engines.waf.spec import Identity

COMM = "waf-nursery"
"""What the process is called."""
_NUMBERS = struct.Struct("=qq")
_FIRST_FREE, _LAST = 3, 1 << 16
Life: TypeAlias = Callable[[socket.socket, socket.socket, Identity], None]
"""What a worker does with its pair, the door, and the door's identity."""


class Nursery:
    """Forks at once, in a process with one thread. *warm* is done in the nursery before anything else."""

    def __init__(self, life: Life, warm: Callable[[], None]) -> None:
        self.line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """Readable when the nursery has gone."""
        gc.freeze()
        if os.fork() == 0:
            _forked(_raise, theirs, life, warm)
        theirs.close()

    def bear(self, pair: socket.socket, door: socket.socket, identity: Identity) -> None:
        """Start a worker. Raises ``OSError`` where nobody is there to do so."""
        socket.send_fds(self.line, [_NUMBERS.pack(*identity)], [pair.fileno(), door.fileno()])


def _raise(line: socket.socket, life: Life, warm: Callable[[], None]) -> None:
    """Start whatever is asked for until nobody can ask."""
    named(COMM)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Whoever ends is buried at once.
    _keep_only(line)
    warm()
    gc.freeze()
    while True:
        said, held, _, _ = socket.recv_fds(line, _NUMBERS.size, 2)
        if not said:
            return
        pair, door = (socket.socket(fileno=number) for number in held)
        if os.fork() == 0:
            line.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _forked(life, pair, door, _NUMBERS.unpack(said))
        pair.close()
        door.close()


def _keep_only(line: socket.socket) -> None:
    """The keeper holds files that end with it, a lock among them."""
    os.closerange(_FIRST_FREE, line.fileno())
    os.closerange(line.fileno() + 1, _LAST)


def _forked(does: Callable[..., None], *arguments: object) -> NoReturn:
    """Do it and end, whatever happens: nothing of the process that was forked is gone on with."""
    status = 1
    try:
        does(*arguments)
        status = 0
    except Exception:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def named(comm: str) -> None:
    """Have this process called so."""
    Path("/proc/self/comm").write_text(comm)
