"""Sockets that speak for the platform: they are in the router of a network, whatever namespace asks for them."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable

from lazulite.drivers.linux import names, namespaces
from lazulite.values import IPAddress

_BIND_ADDRESS_NO_PORT = 24  # of linux/in.h; without it the ports of one address are the bound of all connections
_HIGH = 1024
"""Descriptors below are left to those who cannot do with others: libnftables."""


def stream(vrf: str, to: IPAddress, port: str) -> socket.socket:
    """A non-blocking TCP socket from the platform's address to an address of the interface *port*, not connected.

    The calling thread is back in its own namespace afterwards, and nothing but the socket holds the router. Raises
    ``OSError``: the network is not there, or not yet.
    """
    router = namespaces.open(names.router(vrf))
    try:
        with namespaces.inside(router):
            return _bound(to, port)
    finally:
        os.close(router)


def outside(host: str, to: IPAddress, *, datagrams: bool = False) -> socket.socket:
    """A non-blocking socket of a guest or a host on the Internet, not connected. Raises ``OSError`` as
    :func:`stream` does."""
    return _within(host, lambda: _raised(_family(to), socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM))


def echo(guest: str, to: IPAddress) -> socket.socket:
    """A non-blocking socket of a guest for echo requests, which the kernel numbers. Raises as :func:`outside` does."""
    protocol = socket.IPPROTO_ICMP if to.version == 4 else socket.IPPROTO_ICMPV6
    return _within(guest, lambda: _raised(_family(to), socket.SOCK_DGRAM, protocol))


def listener(guest: str, port: int) -> socket.socket:
    """A non-blocking socket that takes connections to *port* of a guest, of both IP versions. Raises ``OSError``, also
    when somebody listens there already."""

    def listening() -> socket.socket:
        opened = _raised(socket.AF_INET6)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            opened.bind(("::", port))
            opened.listen()
        except OSError:
            opened.close()
            raise
        return opened

    return _within(guest, listening)


def _within(guest: str, make: Callable[[], socket.socket]) -> socket.socket:
    space = namespaces.open(names.guest(guest))
    try:
        with namespaces.inside(space):
            return make()
    finally:
        os.close(space)


def _family(to: IPAddress) -> socket.AddressFamily:
    return socket.AF_INET if to.version == 4 else socket.AF_INET6


def _bound(to: IPAddress, port: str) -> socket.socket:
    opened = _raised(_family(to))
    try:
        opened.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        if to.version == 4:
            opened.bind((names.PLATFORM, 0))
        else:
            opened.bind((names.GATEWAY_6, 0, 0, socket.if_nametoindex(names.nic(port))))
    except OSError:
        opened.close()
        raise
    return opened


def _raised(
    family: socket.AddressFamily, kind: socket.SocketKind = socket.SOCK_STREAM, protocol: int = 0
) -> socket.socket:
    """A non-blocking socket with a high descriptor."""
    with socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol) as low:
        number = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    return socket.socket(family, kind, protocol, fileno=number)
