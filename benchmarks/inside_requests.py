"""Runs inside a machine, with no more than Python has: ``watch HOST PORT``, ``hold HOST PORT`` or ``echo PORT``.

``watch`` asks for /change again and again; for every line on its input it tells by answer (the Location header) when
the first and the last request began that got it. ``hold`` keeps a WebSocket open and sends a message every 50 ms; at
the end of its input it tells how many came back, and how often the connection broke. ``echo`` is a server that returns
what comes over a connection after an upgrade, and is well. All say ``ready`` first.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import threading
import time

_ASKED = b"GET /change HTTP/1.1\r\nHost: a.test\r\n\r\n"
_UPGRADE = (
    b"GET /socket HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_PATIENCE_S = 10.0


def _location(opened: socket.socket) -> str:
    opened.sendall(_ASKED)
    held = b""
    while b"\r\n\r\n" not in held:
        piece = opened.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        held += piece
    rows = [r for r in held.split(b"\r\n") if r.lower().startswith(b"location:")]
    return rows[0].split(b":", 1)[1].strip().decode() if rows else held[9:12].decode()


def watch(host: str, port: int) -> None:
    """Every answer by its text, with the times (monotonic, s) at which the first and the last request began."""
    seen: dict[str, tuple[float, float]] = {}
    lost = 0
    opened = socket.create_connection((host, port), _PATIENCE_S)
    print("ready", flush=True)
    while True:
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps({"seen": seen, "lost": lost}), flush=True)
            lost = 0
        began = time.monotonic()
        try:
            told = _location(opened)
        except OSError:
            lost += 1
            opened.close()
            opened = socket.create_connection((host, port), _PATIENCE_S)
            continue
        seen[told] = (seen.get(told, (began, began))[0], began)
        time.sleep(0.001)


def _socket(host: str, port: int) -> socket.socket:
    opened = socket.create_connection((host, port), _PATIENCE_S)
    opened.sendall(_UPGRADE)
    held = b""
    while not held.endswith(b"\r\n\r\n"):
        piece = opened.recv(1)
        if not piece:
            raise ConnectionError("no upgrade")
        held += piece
    return opened


def hold(host: str, port: int) -> None:
    opened = _socket(host, port)
    print("ready", flush=True)
    came, broke = 0, 0
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        try:
            opened.sendall(b"m")
            if opened.recv(1) != b"m":
                raise ConnectionError("closed")
            came += 1
        except OSError:
            broke += 1
            opened.close()
            opened = _socket(host, port)
    print(json.dumps({"came": came, "broke": broke}), flush=True)


def _returned(opened: socket.socket) -> None:
    held = b""
    while b"\r\n\r\n" not in held:
        piece = opened.recv(65536)
        if not piece:
            return
        held += piece
    if b"upgrade: websocket" not in held.lower():
        opened.sendall(_HEALTHY)
        opened.close()
        return
    opened.sendall(_ACCEPTED)
    while piece := opened.recv(65536):
        opened.sendall(piece)


def echo(port: int) -> None:
    listening = socket.create_server(("", port), backlog=128)
    print("ready", flush=True)
    while True:
        threading.Thread(target=_returned, args=listening.accept()[:1], daemon=True).start()


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "echo":
        echo(int(rest[0]))
    elif what == "watch":
        watch(rest[0], int(rest[1]))
    else:
        hold(rest[0], int(rest[1]))
