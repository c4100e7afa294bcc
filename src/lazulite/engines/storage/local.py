"""The way to the storage accounts that is open to the lab's own programs alone: a unix socket that speaks HTTP."""

from __future__ import annotations

import http.client
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path

SOCKET = "storage.sock"
"""In the lab's directory."""
_CREDENTIALS = struct.calcsize("3i")


class Local(http.client.HTTPConnection):
    """A connection; requests raise ``OSError`` and ``http.client.HTTPException``."""

    def __init__(self, directory: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._directory, self._timeout_s = directory, timeout_s

    def connect(self) -> None:
        """By a path that fits a socket address, however long the directory's name is."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._timeout_s)
        opened = os.open(self._directory, os.O_PATH | os.O_CLOEXEC)
        try:
            self.sock.connect(f"/proc/self/fd/{opened}/{SOCKET}")
        finally:
            os.close(opened)

    def server(self) -> int:
        """The process that listens."""
        found: tuple[int, int, int] = struct.unpack(
            "3i", self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS)
        )
        return found[0]

    def ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self.request(method, path, body, headers)
        answer = self.getresponse()
        return answer.status, answer.read()
