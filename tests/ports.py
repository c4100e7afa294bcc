"""Ports of the loopback address for what a test starts, or for where nobody is to listen."""

from __future__ import annotations

import itertools
import os
import socket

LOOPBACK = "127.0.0.1"
_ports = itertools.count(15000 + os.getpid() * 37 % 12000)
"""Below those that the kernel gives to clients: none of them comes between, and who connects never meets itself."""


def free_port() -> int:
    """A port that is free for both protocols."""
    for port in _ports:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((LOOPBACK, port))
                udp.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
