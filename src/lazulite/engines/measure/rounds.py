"""One round of a check: packets, or a request, from a socket in the machine that measures, and how long they took."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Protocol

from lazulite.engines.measure.verdict import Round
from lazulite.engines.probe.answer import Answer, request
from lazulite.engines.probe.check import reason
from lazulite.engines.probe.lookup import address_of
from lazulite.engines.probe.tls import PIECE, Tls
from lazulite.forwarding.model import Check
from lazulite.values import IPAddress

PACKETS = 10
"""Of TCP or ICMP in a round, so that a share of them can fail; of HTTP it is one request. Azure does not say how many
it sends."""
SPACING_S = 0.02
"""Between packets of a round."""
PATIENCE_S = 5.0
"""How long an answer to one of them is waited for."""
PLATFORM = ip_address("168.63.129.16")
"""Who resolves names for a machine that was given no resolver. Source: "What is IP address 168.63.129.16?"."""
_ECHO_REQUEST = {4: 8, 6: 128}
_ANY_STATUS = ((100, 599),)


class Spaces(Protocol):
    """Sockets in the network of a machine: not blocking, not connected. All raise ``OSError``."""

    def stream(self, guest: str, to: IPAddress) -> socket.socket: ...

    def datagrams(self, guest: str, to: IPAddress) -> socket.socket: ...

    def echo(self, guest: str, to: IPAddress) -> socket.socket:
        """For echo requests, which the kernel numbers."""

    def listener(self, guest: str, port: int) -> socket.socket:
        """That takes connections to *port*, of both IP versions."""


async def measured(check: Check, spaces: Spaces, resolvers: Sequence[IPAddress], now: Callable[[], str]) -> Round:
    """Never raises ``OSError``: what goes wrong is the round's reason."""
    at = now()
    try:
        address = check.address or await _resolved(check, spaces, resolvers)
    except OSError as error:
        return Round(at, 1, 1, reason=f"cannot resolve {check.host}: {reason(error)}")
    count = 1 if check.protocol.startswith("http") else PACKETS
    found = await asyncio.gather(*(_after(i * SPACING_S, check, spaces, address) for i in range(count)))
    times = tuple(ms for ms, _ in found if ms is not None)
    reasons = [why for _, why in found if why]
    return Round(at, count, count - len(times), times, reasons[-1] if reasons else "")


async def _resolved(check: Check, spaces: Spaces, resolvers: Sequence[IPAddress]) -> IPAddress:
    """By the machine's own resolvers, in order."""
    failed: OSError = OSError("no resolver")
    for resolver in resolvers or (PLATFORM,):
        try:
            with spaces.datagrams(check.source, resolver) as asking:
                return await address_of(asking, resolver, check.host)
        except OSError as error:
            failed = error
    raise failed


async def _after(pause_s: float, check: Check, spaces: Spaces, address: IPAddress) -> tuple[float | None, str]:
    """Milliseconds until the answer, or why there is none."""
    await asyncio.sleep(pause_s)
    how = _CONNECTIONS.get(check.protocol, _asked)
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(PATIENCE_S):
            await how(check, spaces, address)
    except OSError as error:
        return None, reason(error)
    return round((asyncio.get_running_loop().time() - began) * 1000, 3), ""


async def _connected(check: Check, spaces: Spaces, address: IPAddress) -> None:
    with spaces.stream(check.source, address) as opened:
        await asyncio.get_running_loop().sock_connect(opened, (str(address), check.port))


async def _echoed(check: Check, spaces: Spaces, address: IPAddress) -> None:
    loop, mark = asyncio.get_running_loop(), os.urandom(8)
    with spaces.echo(check.source, address) as opened:
        opened.connect((str(address), 0))  # nothing is sent by that; the loop would look the protocol up, in vain
        await loop.sock_sendall(opened, struct.pack("!BBHHH", _ECHO_REQUEST[address.version], 0, 0, 0, 1) + mark)
        while not (await loop.sock_recv(opened, 2048)).endswith(mark):
            pass


async def _asked(check: Check, spaces: Spaces, address: IPAddress) -> None:
    """Raises ``OSError`` for an answer that does not count, too."""
    headers = (("User-Agent", "Network Watcher Agent"), *check.headers)
    content = request(address, check.port, check.path, check.host, headers).removeprefix(b"GET")
    if check.method not in ("GET", "HEAD"):
        content = content.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n", 1)
    answer = Answer(check.statuses or _ANY_STATUS)
    with spaces.stream(check.source, address) as opened:
        await asyncio.get_running_loop().sock_connect(opened, (str(address), check.port))
        await _exchanged(opened, check, check.method.encode() + content, answer)
    if answer.reason:
        raise OSError(answer.reason)


async def _exchanged(opened: socket.socket, check: Check, content: bytes, answer: Answer) -> None:
    """Send and read until the verdict is there."""
    loop = asyncio.get_running_loop()
    session = Tls(opened) if check.protocol == "https" else None
    await (session.send(content) if session else loop.sock_sendall(opened, content))
    while not answer.known:
        answer.take(await (session.receive() if session else loop.sock_recv(opened, PIECE)))


_CONNECTIONS = {"tcp": _connected, "icmp": _echoed}
