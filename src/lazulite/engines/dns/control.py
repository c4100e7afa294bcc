"""The server's control: a unix socket of the lab's user, and frames of :mod:`lazulite.engines.dns.spec` on it."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from lazulite.engines.dns import spec
from lazulite.engines.dns.server import Loop

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 20


def listen(directory: Path) -> socket.socket:
    """The control socket of the lab in *directory*, in place of one that an earlier server left."""
    (directory / spec.SOCKET).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        with reachable(directory) as path:
            listening.bind(path)
    finally:
        os.umask(before)
    listening.listen()
    listening.setblocking(False)
    return listening


@contextlib.contextmanager
def reachable(directory: Path):  # type: ignore[no-untyped-def]
    """The socket's path in a form that fits a socket address, however long the directory's name is."""
    opened = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{spec.SOCKET}"
    finally:
        os.close(opened)


class Control:
    """Takes what is said and answers when it is done."""

    def __init__(self, loop: Loop, listening: socket.socket, take: Callable[[spec.AnyMessage], spec.Done]) -> None:
        self._loop, self._listening, self._take = loop, listening, take
        loop.add(listening, self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            taken, _ = self._listening.accept()
            buffer = bytearray()
            self._loop.add(taken, lambda: self._ready(taken, buffer))

    def _ready(self, taken: socket.socket, buffer: bytearray) -> None:
        try:
            data = taken.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffer += data
        try:
            while (body := spec.unframe(buffer)) is not None:
                taken.sendall(spec.frame(self._take(spec.message_of.decode(body))))
        except (msgspec.DecodeError, OSError) as error:
            _LOG.warning("control: %s", error)
            data = b""
        if not data:
            self._loop.remove(taken)
            taken.close()
