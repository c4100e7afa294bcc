"""HTTPS on loopback, and on request plain HTTP for metadata."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from lazulite.arm.pki import Files

HOST = "127.0.0.1"
_GRACE_S = 1
"""For requests under way when the lab ends; a client that stays connected and idle is not waited for longer."""


class PortTakenError(Exception):
    """Another program listens there; the message names the port."""


def listen(port: int, last: int) -> socket.socket:
    """A listening socket on *port*; without one on the *last* port if it is free, else on any.

    Raises :class:`PortTakenError` when *port* was asked for and is taken.
    """
    try:
        return socket.create_server((HOST, port or last), backlog=1024)
    except OSError as error:
        if port:
            raise PortTakenError(f"port {port} of {HOST}: {error.strerror}") from error
        return socket.create_server((HOST, 0), backlog=1024)


class _Server(uvicorn.Server):
    """Signals are the daemon's business: it has more to end than a server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Servers:
    """One application on several sockets, until a signal ends the process."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._serving: list[tuple[_Server, socket.socket]] = []

    def https(self, at: socket.socket, files: Files) -> None:
        self._add(at, lifespan="on", ssl_certfile=str(files.certificate), ssl_keyfile=str(files.key))

    def http(self, at: socket.socket) -> None:
        self._add(at, lifespan="off")

    def _add(self, at: socket.socket, **settings: Any) -> None:
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            **settings,
        )
        self._serving.append((_Server(config), at))

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT; requests under way are finished."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        await asyncio.gather(*(server.serve(sockets=[at]) for server, at in self._serving))

    def _end(self) -> None:
        for server, _ in self._serving:
            server.should_exit = True
