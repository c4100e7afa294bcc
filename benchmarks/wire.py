"""What travels a path, in Python: the twin of ``wire.c`` for hosts without a compiler. Same words, same answers."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

_BLOCK = 128 * 1024


def serve(port: int) -> None:
    """UDP and TCP echo on *port*, and on the next one a TCP sink."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", port))
    listener, sink = (socket.create_server(("", p), backlog=4096) for p in (port, port + 1))
    threading.Thread(target=_echo_datagrams, args=(datagrams,), daemon=True).start()
    threading.Thread(target=_drain, args=(sink,), daemon=True).start()
    print("ready", flush=True)
    while True:
        opened, _ = listener.accept()
        with opened:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _echo_stream(opened)


def _echo_datagrams(opened: socket.socket) -> None:
    while True:
        content, whose = opened.recvfrom(2048)
        opened.sendto(content, whose)


def _echo_stream(opened: socket.socket) -> None:
    try:
        while content := opened.recv(64):
            opened.sendall(content)
    except ConnectionError:
        return


def _drain(sink: socket.socket) -> None:
    content = bytearray(_BLOCK)
    while True:
        opened, _ = sink.accept()
        with opened:
            while opened.recv_into(content):
                continue


def _connected(kind: int, to: tuple[str, int]) -> socket.socket:
    opened = socket.socket(socket.AF_INET, kind)
    opened.settimeout(1)
    opened.connect(to)
    if kind == socket.SOCK_STREAM:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _ping(opened: socket.socket) -> None:
    opened.send(b"x")
    opened.recv(1)


def _connection(to: tuple[str, int]) -> None:
    with _connected(socket.SOCK_STREAM, to) as opened:
        # No TIME_WAIT: ports would run out.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _ping(opened)


def repeat(act: Callable[[], None], seconds: float) -> dict[str, float]:
    """How often *act* can be done, how long it takes, and how often it failed."""
    latencies, lost, began = [], 0, time.perf_counter()
    while (start := time.perf_counter()) - began < seconds:
        try:
            act()
            latencies.append(time.perf_counter() - start)
        except OSError:
            lost += 1
    elapsed_s = time.perf_counter() - began
    latencies.sort()
    middle, tail = (1e6 * latencies[int(len(latencies) * p)] if latencies else 0 for p in (0.5, 0.99))
    return {"rate": len(latencies) / elapsed_s, "p50_us": middle, "p99_us": tail, "lost": lost}


def flood(to: tuple[str, int], seconds: float) -> dict[str, float]:
    """Bytes a second into a sink."""
    content, sent, began = bytes(_BLOCK), 0, time.perf_counter()
    with _connected(socket.SOCK_STREAM, to) as opened:
        while time.perf_counter() - began < seconds:
            sent += opened.send(content)
    return {"rate": sent / (time.perf_counter() - began), "p50_us": 0, "p99_us": 0, "lost": 0}


def measure(what: str, to: tuple[str, int], seconds: float) -> dict[str, float]:
    if what == "flood":
        return flood(to, seconds)
    if what == "connect":
        return repeat(lambda: _connection(to), seconds)
    with _connected(socket.SOCK_DGRAM if what == "udp" else socket.SOCK_STREAM, to) as opened:
        return repeat(lambda: _ping(opened), seconds)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    address, port, seconds = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    print(json.dumps(measure(sys.argv[1], (address, port), seconds)))
