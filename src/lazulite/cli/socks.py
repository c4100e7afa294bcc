"""The asking side of SOCKS5 (RFC 1928) and HTTP CONNECT (RFC 9110): where does the client want to go?"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

_VERSION, _CONNECT, _NO_AUTHENTICATION = 5, 1, 0
_IPV4, _NAME, _IPV6 = 1, 3, 4
_SOCKS_ACCEPT = bytes([_VERSION, 0, 0, _IPV4, 0, 0, 0, 0, 0, 0])
_HTTP_ACCEPT = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Wish(NamedTuple):
    """Where a client wants to go."""

    host: str
    port: int
    answer: bytes
    """What to tell it once connected."""
    first: bytes = b""
    """What it has already said to the far end."""


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Wish:
    """Read the client's wish. Raises ``ValueError`` or ``EOFError`` for anything that is none."""
    first = await reader.readexactly(1)
    if first[0] == _VERSION:
        return await _socks(reader, writer)
    return await _http(reader, first)


async def _socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Wish:
    methods = await reader.readexactly((await reader.readexactly(1))[0])
    if _NO_AUTHENTICATION not in methods:
        raise ValueError("the SOCKS client wants to authenticate")
    writer.write(bytes([_VERSION, _NO_AUTHENTICATION]))
    _, command, _, kind = await reader.readexactly(4)
    if command != _CONNECT:
        raise ValueError(f"SOCKS command {command} is not CONNECT")
    host = await _socks_host(reader, kind)
    return Wish(host, int.from_bytes(await reader.readexactly(2)), _SOCKS_ACCEPT)


async def _socks_host(reader: asyncio.StreamReader, kind: int) -> str:
    if kind == _NAME:
        return (await reader.readexactly((await reader.readexactly(1))[0])).decode("idna")
    if kind not in (_IPV4, _IPV6):
        raise ValueError(f"SOCKS address type {kind}")
    return str(ip_address(await reader.readexactly(4 if kind == _IPV4 else 16)))


async def _http(reader: asyncio.StreamReader, first: bytes) -> Wish:
    head = first + await reader.readuntil(b"\r\n\r\n")
    line, _, fields = head.partition(b"\r\n")
    method, target, *_ = line.decode("latin-1").split()
    if method == "CONNECT":
        host, _, port = target.rpartition(":")
        return Wish(host.strip("[]"), int(port), _HTTP_ACCEPT)
    parts = urlsplit(target)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(f"not a request to a proxy: {method} {target}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # One request a connection: the next one may be for another host.
    kept = [f for f in fields.split(b"\r\n") if f and not f.lower().startswith((b"connection:", b"proxy-connection:"))]
    lines = [f"{method} {path} HTTP/1.1".encode(), *kept, b"Connection: close", b"", b""]
    return Wish(parts.hostname, parts.port or 80, b"", b"\r\n".join(lines))


def refusal(wish: Wish, error: OSError) -> bytes:
    """What a client is told when the connection cannot be made, in the protocol it spoke."""
    if wish.answer != _SOCKS_ACCEPT:
        return f"HTTP/1.1 502 {error.strerror or 'unreachable'}\r\n\r\n".encode()
    return _SOCKS_ACCEPT[:1] + b"\x05" + _SOCKS_ACCEPT[2:]
