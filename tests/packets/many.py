"""Many connections at once, each end in a process of its own: they would be too many descriptors for a test's.

``serve ADDRESS PORT`` answers every byte it gets. ``hold ADDRESS PORT COUNT`` opens that many, says ``open``
and for each line of input sends a byte on every one and says how many were answered.
"""

from __future__ import annotations

import resource
import select
import socket
import sys
import time

PATIENCE_S = 60.0


def serve(address: str, port: int) -> None:
    listener = socket.create_server((address, port), backlog=4096)
    listener.setblocking(False)
    poll, opened = select.epoll(), {listener.fileno(): listener}
    poll.register(listener, select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                accepted, _ = listener.accept()
                opened[accepted.fileno()] = accepted
                poll.register(accepted, select.EPOLLIN)
            elif content := opened[descriptor].recv(64):
                opened[descriptor].send(content)
            else:
                poll.unregister(descriptor)
                opened.pop(descriptor).close()


def hold(address: str, port: int, count: int) -> None:
    opened = [socket.create_connection((address, port), PATIENCE_S) for _ in range(count)]
    print("open", flush=True)
    for _ in sys.stdin:
        end = time.monotonic() + PATIENCE_S
        for one in opened:
            one.send(b"?")
        print(sum(_answered(one, end) for one in opened), flush=True)


def _answered(opened: socket.socket, end: float) -> bool:
    opened.settimeout(max(0.001, end - time.monotonic()))
    try:
        return opened.recv(8) == b"?"
    except OSError:
        return False


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
