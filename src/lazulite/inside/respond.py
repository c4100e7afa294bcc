"""Answers on TCP and UDP ports until stdin ends: ``respond.py PORT...``. Ports that are taken are left alone.

TCP: accepts and says the guest's hostname. UDP: echoes. Writes ``ready`` on a line once every port answers.
"""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Iterator


def listening(port: int) -> Iterator[socket.socket]:
    """Sockets on *port* that answer for both IP versions."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                s.listen(128)
        except OSError:  # someone serves this port already, which is as good
            s.close()
            continue
        yield s


def answer(s: socket.socket) -> None:
    if s.type == socket.SOCK_DGRAM:
        content, peer = s.recvfrom(65535)
        s.sendto(content, peer)
        return
    connection, _ = s.accept()
    with connection:
        connection.sendall(socket.gethostname().encode() + b"\n")


def main() -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        for port in sys.argv[1:]:
            for s in listening(int(port)):
                selector.register(s, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin.buffer:
                    return
                assert isinstance(key.fileobj, socket.socket)
                answer(key.fileobj)


if __name__ == "__main__":
    main()
