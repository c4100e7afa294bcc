"""Where packets can be heard: at the router's end of a machine's link.

What a machine sends is seen there before any filter and what it gets after all of them, as its own interface has it;
the machine can neither notice nor prevent it, and need not run anything.
"""

from __future__ import annotations

import os
import socket

from lazulite.drivers.linux import names, namespaces
from lazulite.forwarding.model import InternetHost, Port


def place(of: Port | InternetHost) -> tuple[str, str]:
    """Network namespace and link."""
    if isinstance(of, Port):
        return names.router(of.vrf), names.nic(of.guid)
    return names.INTERNET, names.client(of.guid)


def packets(space: str) -> socket.socket:
    """A packet socket in the namespace of that name, which hears nothing until it is bound.

    Raises ``OSError``: there is no such namespace, or this process may not listen.
    """
    opened = namespaces.open(space)
    try:
        with namespaces.inside(opened):
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    finally:
        os.close(opened)
