"""Whether a request was made by the lab's own user on this host: only to them are tokens given without a secret.

A loopback address alone shows too little: other users of the host reach it, a browser can be led to it under a
foreign name, and a proxy on the host passes on what came from elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from lazulite.values import IPAddress

_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "169.254.169.254"})
"""Hosts that a client of this host means us by; the last is where IMDS answers."""
_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for"})
"""IMDS refuses these too. Source: "Azure Instance Metadata Service", security."""
_ESTABLISHED = "01"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def is_near(scope: Mapping[str, Any]) -> bool:
    """Whether the HTTP request of an ASGI *scope* comes over loopback from this process's user, or from root."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return False
    ends = [(_plain(ip_address(host)), port) for host, port in (client, server)]
    if not all(address.is_loopback for address, _ in ends) or not _addressed(scope, ends[1][0]):
        return False
    return _owner(*ends) in (os.geteuid(), 0)


def _addressed(scope: Mapping[str, Any], server: IPAddress) -> bool:
    """Whether the request names this host, and nobody has passed it on."""
    headers = [(name.lower(), value) for name, value in scope["headers"]]
    if any(name in _FORWARDED for name, _ in headers):
        return False
    hosts = [_host(value.decode("latin-1")) for name, value in headers if name == b"host"]
    return len(hosts) == 1 and hosts[0] in _NAMES | {str(server)}


def _host(text: str) -> str:
    """The host of a ``Host`` header."""
    return text.partition("]")[0][1:] if text.startswith("[") else text.partition(":")[0].lower()


def _plain(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _owner(client: tuple[IPAddress, int], server: tuple[IPAddress, int]) -> int | None:
    """User id of whoever holds the client's end of the connection, ``None`` when there is no such connection."""
    return next((uid for near, far, uid in _connections() if (near, far) == (client, server)), None)


def _connections() -> Iterator[tuple[tuple[IPAddress, int], tuple[IPAddress, int], int]]:
    """Local end, remote end and user id of every TCP connection of this network namespace.

    A socket that is closed on its side is nobody's any more, and the kernel shows those as root's.
    """
    for table in _TABLES:
        lines = table.read_text().splitlines()[1:] if table.exists() else ()
        for fields in map(str.split, lines):
            if fields[3] == _ESTABLISHED:
                yield _end(fields[1]), _end(fields[2]), int(fields[7])


def _end(text: str) -> tuple[IPAddress, int]:
    """``0100007F:1F90`` as the kernel prints it: words of the address in the host's byte order."""
    words, _, port = text.partition(":")
    raw = b"".join(bytes.fromhex(words[i : i + 8])[::-1] for i in range(0, len(words), 8))
    return _plain(ip_address(raw)), int(port, 16)
