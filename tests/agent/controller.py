"""A controller in few lines: speaks the protocol over a blocking socket."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, TypeVar

from lazulite.agent.protocol import Observed, Reply, Request, frame, reply
from lazulite.agent.server import address

PATIENCE_S = 60.0
M = TypeVar("M")


class Controller:
    """One connection. What was observed accumulates in ``guests``, ``scripts`` and ``reports``."""

    def __init__(self, directory: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        try:
            with address(directory) as path:
                self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self.guests: dict[str, Any] = {}
        self.scripts: dict[str, Any] = {}
        self.reports: dict[str, Any] = {}

    def send(self, message: Request) -> None:
        self._socket.sendall(frame(message))

    def raw(self, content: bytes) -> None:
        self._socket.sendall(content)

    def ask(self, message: Request, kind: type[M]) -> M:
        """The next reply of that kind."""
        self.send(message)
        return self.expect(kind)

    def expect(self, kind: type[M]) -> M:
        while not isinstance(told := self.receive(), kind):
            assert told is not None, "the agent is gone"
        return told

    def receive(self) -> Reply | None:
        """The next reply; ``None`` at the end."""
        head = self._exactly(4)
        if head is None:
            return None
        told = reply(self._exactly(int.from_bytes(head)) or b"")
        if isinstance(told, Observed):
            self.guests.update(told.guests)
            self.scripts.update(told.scripts)
            self.reports.update(told.reports)
        return told

    def _exactly(self, count: int) -> bytes | None:
        found = b""
        while len(found) < count:
            more = self._socket.recv(count - len(found))
            if not more:
                return None
            found += more
        return found

    def close(self) -> None:
        self._socket.close()
