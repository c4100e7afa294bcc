"""One probe: a connection is opened, for HTTP a page is asked for, and the connection is closed.

Whatever the other side does costs no more than the bounds of :mod:`answer` and the time that the probe has.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl

from lazulite.engines.probe.answer import Answer, request
from lazulite.engines.probe.standing import Said
from lazulite.engines.probe.tls import PIECE, Tls
from lazulite.forwarding.model import Probe, ProbeProtocol
from lazulite.values import IPAddress

HTTP_PATIENCE_S = 30.0
"""No HTTP answer may take longer, however long the interval.
Source: facts/load-balancer.md, "Probes" (custom-probe-overview)."""
TIMEOUT = "no answer in time"
NO_WAY = "no way to the machine"
_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ETIMEDOUT: TIMEOUT,
    errno.EHOSTUNREACH: NO_WAY,
    errno.ENETUNREACH: NO_WAY,
    errno.EINVAL: NO_WAY,  # what a blackhole says: the machine has just been taken from its network
}


def patience_s(probe: Probe) -> float:
    """How long a probe may take."""
    if probe.timeout_s:
        return probe.timeout_s
    return probe.interval_s if probe.protocol is ProbeProtocol.TCP else min(probe.interval_s, HTTP_PATIENCE_S)


async def check(opened: socket.socket, address: IPAddress, probe: Probe, said: Said = Said()) -> str:  # noqa: B008
    """Ask through *opened*, which is not connected yet. Why the probe fails, or nothing: it succeeds."""
    answer = Answer(probe.statuses, probe.body)
    try:
        async with asyncio.timeout(patience_s(probe)):
            await _ask(opened, address, probe, said, answer)
    except OSError as error:
        if not answer.known:
            return reason(error)
    return answer.reason


async def _ask(opened: socket.socket, address: IPAddress, probe: Probe, said: Said, answer: Answer) -> None:
    await asyncio.get_running_loop().sock_connect(opened, (str(address), probe.port))
    if probe.protocol is not ProbeProtocol.TCP:
        stream = Tls(opened) if probe.protocol is ProbeProtocol.HTTPS else _Plain(opened)
        await stream.send(request(address, probe.port, probe.path, said.host, said.headers))
        while not answer.over:
            answer.take(await stream.receive())


def reason(error: OSError) -> str:
    """What to call a failure."""
    if isinstance(error, TimeoutError):
        return TIMEOUT
    if isinstance(error, ssl.SSLError):
        return "TLS failed: " + (error.reason or "closed").replace("_", " ").lower()
    if error.errno is None:
        return str(error)
    return _REASONS.get(error.errno) or os.strerror(error.errno).lower()


class _Plain:
    """Bytes over a connected socket, as they are."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket, self._loop = opened, asyncio.get_running_loop()

    async def send(self, content: bytes) -> None:
        await self._loop.sock_sendall(self._socket, content)

    async def receive(self) -> bytes:
        """What came next, nothing at the end."""
        return await self._loop.sock_recv(self._socket, PIECE)
