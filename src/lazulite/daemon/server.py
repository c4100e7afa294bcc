"""HTTPS on loopback or where one is told to, and plain HTTP on loopback for managed identities."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator, MutableMapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lazulite.arm.app import HEAD_LIMIT, NEAR, PRIVATE
from lazulite.arm.pki import Files
from lazulite.daemon.nearness import is_near
from lazulite.values import IPAddress

HOST = ip_address("127.0.0.1")
_GRACE_S = 1
"""For requests under way when the lab ends; a client that stays connected and idle is not waited for longer."""


class PortTakenError(Exception):
    """Another program listens there, or the address is none of this host; the message names both."""


def bindable(text: str) -> IPAddress:
    """The address of *text*, to listen on. Raises ``ValueError`` saying why it is none.

    Clients are sent back to it by links, tokens and certificates, so it is one address and not all of them.
    """
    address = ip_address(text)
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"{text} is not one address of this host: clients are sent back to the address by name")
    return address


def host_name(address: IPAddress) -> str:
    """How URLs name *address*."""
    if address == HOST:
        return "localhost"
    return f"[{address}]" if address.version == 6 else str(address)


def listen(port: int, last: int, address: IPAddress = HOST) -> socket.socket:
    """A listening socket on *port*; without one on the *last* port if it is free, else on any.

    Raises :class:`PortTakenError` when *port* was asked for and is taken, or *address* is not of this host.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    at = partial(socket.create_server, family=family, backlog=1024)
    for choice in [port] if port else dict.fromkeys((last, 0)):
        try:
            return at((str(address), choice))
        except OSError as error:
            refused = PortTakenError(f"port {choice} of {address}: {error.strerror}")
    raise refused


def listen_inside(directory: Path, name: str) -> socket.socket:
    """A listening unix socket in *directory*, by a path that fits a socket address however long that is."""
    at = socket.socket(socket.AF_UNIX)
    opened = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        (directory / name).unlink(missing_ok=True)
        at.bind(f"/proc/self/fd/{opened}/{name}")
    finally:
        os.close(opened)
    at.listen(128)
    return at


class _Protocol(HttpToolsProtocol):
    """Ends connections whose requests do not end: neither they nor what was read of them is kept for ever."""

    patience_s = 60.0
    """For a whole request, its body too; what has been answered may stay idle as long as uvicorn lets it."""
    _deadline: asyncio.TimerHandle | None = None
    _open = False
    _read = 0
    """Bytes since the headers began, without those that came along with their beginning."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        began = self._open
        super().data_received(data)
        self._read = self._read + len(data) if began and self._open else 0
        if self._read > HEAD_LIMIT and not self.transport.is_closing():
            self.send_400_response(f"The headers have more than {HEAD_LIMIT} bytes.")

    def on_message_begin(self) -> None:
        self._open = True
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._open = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        super().on_message_complete()

    def _wait(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.patience_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


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

    def beside(self, app: Any, at: socket.socket, certificate: Path, key: Path) -> None:
        """Another application, for who comes from inside the lab's network by a unix socket."""
        self._add(at, app, lifespan="off", ssl_certfile=str(certificate), ssl_keyfile=str(key))

    def http(self, at: socket.socket) -> None:
        """For managed identities."""
        self._add(at, lifespan="off")

    def portal(self, at: socket.socket) -> None:
        """For a browser on this host, which trusts loopback and does not know the lab's authority."""
        self._add(at, private=True, lifespan="off")

    def _add(self, at: socket.socket, app: Any = None, *, private: bool = False, **settings: Any) -> None:
        config = uvicorn.Config(
            partial(self._answer, app or self._app, private),
            http=_Protocol,
            interface="asgi3",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,  # who asks is decided by who is connected
            timeout_graceful_shutdown=_GRACE_S,
            **settings,
        )
        self._serving.append((_Server(config), at))

    async def _answer(self, app: Any, private: bool, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        scope[PRIVATE] = private
        scope[NEAR] = partial(is_near, scope)
        await app(scope, receive, send)

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT; requests under way are finished."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        await asyncio.gather(*(server.serve(sockets=[at]) for server, at in self._serving))

    def _end(self) -> None:
        for server, _ in self._serving:
            server.should_exit = True
