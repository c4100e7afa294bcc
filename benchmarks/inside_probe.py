"""Runs in a machine of the lab: sends a datagram every millisecond and says which were answered.

``fresh`` gives each datagram a source port of its own, never used before, so that each is a new flow; ``same`` keeps
one flow. For each line it reads it prints what became of the datagrams since the last one, as JSON: when each was sent
(by the host's monotonic clock) and whether its answer came. Those too young to say are told the next time.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

PERIOD_S, GRACE_S = 0.001, 0.2
KEPT = 200
"""Sockets of fresh flows that stay open for their answers."""


class Probe:
    def __init__(self, kind: str, address: str, port: int) -> None:
        self._fresh, self._to = kind == "fresh", (address, port)
        self._poll = select.epoll()
        self._poll.register(sys.stdin.fileno(), select.EPOLLIN)
        self._sockets: dict[int, socket.socket] = {}
        self._seen: list[tuple[float, list[bool]]] = []
        self._told = 0
        self._ports = iter(range(1024, 65536))
        self._current = self._open()

    def _open(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.bind(("", next(self._ports)))
        opened.connect(self._to)
        self._poll.register(opened, select.EPOLLIN)
        self._sockets[opened.fileno()] = opened
        return opened

    def send(self) -> None:
        if self._fresh:
            self._current = self._open()
            for descriptor in list(self._sockets)[:-KEPT]:
                self._sockets.pop(descriptor).close()
        number = self._told + len(self._seen)
        self._seen.append((time.monotonic(), [False]))
        try:
            self._current.send(b"%d" % number)
        except OSError:
            return  # refused on the spot: not answered

    def serve(self, timeout_s: float) -> None:
        for descriptor, _ in self._poll.poll(timeout_s):
            if descriptor == sys.stdin.fileno():
                if not sys.stdin.readline():
                    sys.exit(0)
                self._tell()
            elif descriptor in self._sockets:
                self._receive(self._sockets[descriptor])

    def _receive(self, opened: socket.socket) -> None:
        try:
            number = int(opened.recv(64)) - self._told
        except OSError:
            return
        if 0 <= number < len(self._seen):
            self._seen[number][1][0] = True

    def _tell(self) -> None:
        settled = [entry for entry in self._seen if entry[0] < time.monotonic() - GRACE_S]
        self._told, self._seen = self._told + len(settled), self._seen[len(settled) :]
        print(json.dumps([(sent, answered) for sent, (answered,) in settled]), flush=True)


def main() -> None:
    probe, due = Probe(sys.argv[1], sys.argv[2], int(sys.argv[3])), time.monotonic()
    print("ready", flush=True)
    while True:
        probe.serve(max(0.0, due - time.monotonic()))
        if time.monotonic() >= due:
            due = max(due + PERIOD_S, time.monotonic())
            probe.send()


main()
