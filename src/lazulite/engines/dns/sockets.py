"""Sockets in network namespaces: a socket belongs to the namespace that the thread was in when it made it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator

_HERE = "/proc/thread-self/ns/net"
_NEW_NET = 0x40000000
_RECEIVE_BUFFER = 1 << 20
"""Octets of queries that wait while the server is at something else."""
_BACKLOG = 128
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(pinned: str) -> Iterator[None]:
    """Be in the network namespace that is pinned at that path; empty: stay. Raises ``OSError``."""
    if not pinned:
        yield
        return
    home, there = os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC), -1
    try:
        there = os.open(pinned, os.O_RDONLY | os.O_CLOEXEC)
        _enter(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        for descriptor in (home, there):
            if descriptor >= 0:
                os.close(descriptor)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _NEW_NET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp(pinned: str, address: str, port: int) -> socket.socket:
    """A datagram socket bound to an address of a namespace. Raises ``OSError``."""
    with inside(pinned):
        made = socket.socket(_family(address), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    return _prepared(made, address, port)


def tcp(pinned: str, address: str, port: int) -> socket.socket:
    """A socket that takes connections there. Raises ``OSError``."""
    with inside(pinned):
        made = socket.socket(_family(address), socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening = _prepared(made, address, port)
    listening.listen(_BACKLOG)
    return listening


def _prepared(made: socket.socket, address: str, port: int) -> socket.socket:
    try:
        if made.type & socket.SOCK_DGRAM == socket.SOCK_DGRAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made


def client(pinned: str, source: str, target: tuple[str, int]) -> socket.socket:
    """A datagram socket from a port of its own to one server. Raises ``OSError``."""
    with inside(pinned):
        made = socket.socket(_family(target[0]), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if source and _family(source) == made.family:
            made.bind((source, 0))
        made.connect(target)
    except OSError:
        made.close()
        raise
    return made
