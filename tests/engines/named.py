"""A name server of our own on the loopback address, told by the test what an agent would tell it."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lazulite.engines.dns import spec
from lazulite.engines.dns.control import reachable
from lazulite.engines.dns.spec import AnyItem, Change, Done, Listener, Load, Members
from lazulite.engines.dns.tables import Set, packed
from tests.ports import LOOPBACK

_ids = itertools.count(1)


class Named:
    """A running server. Every method returns once the server is at it."""

    def __init__(self, directory: Path, process: subprocess.Popen[bytes]) -> None:
        self.directory, self.process = directory, process
        self._link = self._connected()

    def _connected(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        while True:
            try:
                with reachable(self.directory) as path:
                    link.connect(path)
                return link
            except (FileNotFoundError, ConnectionRefusedError):
                assert self.process.poll() is None, "the server has ended"

    def close(self) -> None:
        self._link.close()

    def load(self, items: Iterable[AnyItem], zones: dict[str, list[Set]]) -> Done:
        return self.say(Load(next(_ids), list(items), {z: packed(s) for z, s in zones.items()}))

    def change(
        self,
        put: Iterable[AnyItem] = (),
        drop: Iterable[tuple[str, str]] = (),
        sets: dict[str, list[Set]] | None = None,
        gone: dict[str, list[tuple[str, str]]] | None = None,
    ) -> Done:
        parts = {zone: packed(each) for zone, each in (sets or {}).items()}
        return self.say(Change(next(_ids), list(put), list(drop), parts, gone or {}))

    def members(self, available: str, up: list[str], down: list[str]) -> Done:
        return self.say(Members(next(_ids), available, up, down))

    def status(self) -> Done:
        return self.say(spec.Status(next(_ids)))

    def say(self, message: Any) -> Done:
        self._link.sendall(spec.frame(message))
        buffer = bytearray()
        while (body := spec.unframe(buffer)) is None:
            data = self._link.recv(1 << 16)
            assert data, "the server has gone"
            buffer += data
        done = spec.done_of.decode(body)
        assert done.id == message.id
        return done


@contextmanager
def named(directory: Path) -> Iterator[Named]:
    command = [sys.executable, "-m", "lazulite.engines.dns", "--directory", str(directory)]
    with (directory / "dns.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ})
    server = None
    try:
        server = Named(directory, process)
        yield server
    finally:
        if server is not None:
            server.close()
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def listener(key: str, port: int, **fields: Any) -> Listener:
    return Listener(key, LOOPBACK, port=port, **fields)
