"""The address of a name: one question to a resolver, and another one where there is no IPv4."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from ipaddress import ip_address

from lazulite.engines.dns.message import AAAA, A, Answer, parse_answer
from lazulite.forwarding.domain import encode
from lazulite.values import IPAddress

PATIENCE_S = 1.0
"""How long one question is waited for before it is put again."""
_TRIES = 4
_SIZE = 4096
_RECURSION, _INTERNET, _PORT = 0x0100, 1, 53


async def address_of(asking: socket.socket, resolver: IPAddress, name: str) -> IPAddress:
    """Ask *resolver* through *asking*, a datagram socket that is not connected. Raises ``OSError``: nobody knows."""
    loop = asyncio.get_running_loop()
    await loop.sock_connect(asking, (str(resolver), _PORT))
    for qtype in (A, AAAA):
        found = await _asked(asking, name, qtype)
        for _, rtype, _, rdata in found.answer:
            if rtype == qtype:
                return ip_address(rdata)
    raise OSError(f"the name {name} has no address")


async def _asked(asking: socket.socket, name: str, qtype: int) -> Answer:
    loop = asyncio.get_running_loop()
    for _ in range(_TRIES):
        number = os.urandom(2)
        query = (
            number + struct.pack("!5H", _RECURSION, 1, 0, 0, 0) + encode(name) + struct.pack("!2H", qtype, _INTERNET)
        )
        await loop.sock_sendall(asking, query)
        try:
            async with asyncio.timeout(PATIENCE_S):
                data = await loop.sock_recv(asking, _SIZE)
        except TimeoutError:
            continue
        if data[:2] == number:
            try:
                return parse_answer(data)
            except ValueError as error:
                raise OSError(f"no answer for {name}: {error}") from None
    raise TimeoutError
