"""Sockets that speak for the platform: they are in the router of a network, whatever namespace asks for them."""

from __future__ import annotations

import fcntl
import os
import socket

from lazulite.drivers.linux import names, namespaces
from lazulite.values import IPAddress

_BIND_ADDRESS_NO_PORT = 24  # of linux/in.h; without it the ports of one address are the bound of all connections
_HIGH = 1024
"""Descriptors below are left to those who cannot do with others: libnftables."""


class RouterSockets:
    """Keeps the routers that were asked for open. Belongs to one thread, which comes back to its own namespace."""

    def __init__(self) -> None:
        self._routers: dict[str, int] = {}

    def stream(self, vrf: str, to: IPAddress, port: str) -> socket.socket:
        """A non-blocking TCP socket from the platform's address to an address of the interface *port*, not connected.

        Raises ``OSError``: the network is not there, or not yet.
        """
        router = self._router(names.router(vrf))
        with namespaces.inside(router):
            opened = _raised(socket.AF_INET if to.version == 4 else socket.AF_INET6)
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

    def outside(self, host: str, to: IPAddress, *, datagrams: bool = False) -> socket.socket:
        """A non-blocking socket of a host on the Internet, not connected. Raises ``OSError``."""
        family = socket.AF_INET if to.version == 4 else socket.AF_INET6
        with namespaces.inside(self._router(names.guest(host))):
            return _raised(family, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)

    def close(self) -> None:
        for name in list(self._routers):
            self._forget(name)

    def _router(self, name: str) -> int:
        """A descriptor of the namespace that has the name now."""
        known = self._routers.get(name)
        if known is not None and _same(known, name):
            return known
        self._forget(name)
        self._routers[name] = namespaces.open(name)
        return self._routers[name]

    def _forget(self, name: str) -> None:
        known = self._routers.pop(name, None)
        if known is not None:
            os.close(known)


def _same(descriptor: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(namespaces.path(name)))
    except FileNotFoundError:
        return False


def _raised(family: socket.AddressFamily, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A non-blocking socket with a high descriptor."""
    with socket.socket(family, kind | socket.SOCK_NONBLOCK) as low:
        number = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    return socket.socket(family, kind, fileno=number)
