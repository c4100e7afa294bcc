"""Real packets between guests, sent in one batch by one process that stands in all their namespaces at once.

Nothing waits for a silence. A socket stays in the namespace it was made in, so one thread can hold all of them. That
thread is pinned to one processor, where every link hands its packets on in order; when a ping-pong that starts after
the last probe has crossed that queue more often than the longest path has links, a probe that has not arrived was
dropped.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from lazulite.drivers.linux import names, namespaces, netlink
from lazulite.values import Flow, Protocol
from tests.waiting import until

ROUNDS = 64
"""Ping-pongs of the sentinel: more link crossings than any path here has (each is two links)."""
DEADLINE_S = 60.0
"""Bound of what must happen; it is a failure, never a verdict."""
_FREEBIND, _ECHO = 15, {4: 8, 6: 128}


class Outcome(msgspec.Struct):
    """What became of a probe."""

    arrived: bool = False
    answered: bool = False
    receiver: str = ""
    """The guest that got it; unknown of an echo."""
    seen: tuple[str, int] = ("", 0)
    """The source that it saw."""


class Prober:
    """Listens on *ports* of every address, and sends."""

    def __init__(self, guests: dict[str, list[str]], ports: tuple[int, ...]) -> None:
        self._stack = contextlib.ExitStack()
        self._poll = select.epoll()
        self._stack.callback(self._poll.close)
        self._sockets: dict[int, tuple[str, Any, socket.socket]] = {}
        self._next_port: dict[str, int] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._descriptors = {g: self._open(g) for g in guests}
        for guest, addresses in guests.items():
            for address in addresses:
                for port in ports:
                    self._listen(guest, address, port)

    def __enter__(self) -> Prober:
        affinity = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(affinity)})
        self._stack.callback(os.sched_setaffinity, 0, affinity)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open(self, guest: str) -> int:
        descriptor = namespaces.open(names.guest(guest))
        self._stack.callback(os.close, descriptor)
        return descriptor

    def _socket(self, guest: str, version: int, kind: int, protocol: int = 0) -> socket.socket:
        with namespaces.inside(self._descriptors[guest]):
            opened = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, kind, protocol)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return opened

    def _keep(self, role: str, what: Any, opened: socket.socket, events: int) -> None:
        self._sockets[opened.fileno()] = (role, what, opened)
        self._poll.register(opened, events)

    def _listen(self, guest: str, address: str, port: int) -> None:
        version = 6 if ":" in address else 4
        for kind, role in ((socket.SOCK_DGRAM, "udp server"), (socket.SOCK_STREAM, "tcp server")):
            opened = self._socket(guest, version, kind)
            self._stack.callback(opened.close)
            opened.bind((address, port))
            if kind is socket.SOCK_STREAM:
                opened.listen(256)
            self._keep(role, guest, opened, select.EPOLLIN)

    def probe(self, asked: list[tuple[str, Flow]]) -> list[Outcome]:
        """Send every flow's first packet from its guest, and say for each whether it arrived and was answered."""
        outcomes = [Outcome() for _ in asked]
        self._outcomes = dict(enumerate(outcomes))
        for number, (guest, flow) in enumerate(asked):
            self._send(number, guest, flow)
            self._serve(0)
        self._settle()
        return outcomes

    def _send(self, number: int, guest: str, flow: Flow) -> None:
        kind = socket.SOCK_STREAM if flow.protocol is Protocol.TCP else socket.SOCK_DGRAM
        protocol = 0
        if flow.protocol is Protocol.ICMP:
            protocol = socket.IPPROTO_ICMP if flow.version == 4 else socket.IPPROTO_ICMPV6
        opened = self._socket(guest, flow.version, kind, protocol)
        self._stack.callback(opened.close)
        opened.bind((str(flow.src), flow.src_port))
        target = (str(flow.dst), flow.dst_port)
        role = f"{flow.protocol} client"
        self._keep(role, number, opened, select.EPOLLOUT if flow.protocol is Protocol.TCP else select.EPOLLIN)
        with contextlib.suppress(OSError):  # a connection under way, or a destination the guest itself refuses
            if flow.protocol is Protocol.TCP:
                opened.connect(target)
            elif flow.protocol is Protocol.UDP:
                opened.sendto(struct.pack("I", number), target)
            else:
                opened.sendto(struct.pack("!BBHHHI", _ECHO[flow.version], 0, 0, 0, 1, number), (target[0], 0))

    def _serve(self, timeout_s: float) -> bool:
        events = self._poll.poll(timeout_s)
        for descriptor, event in events:
            role, number, opened = self._sockets[descriptor]
            getattr(self, "_on_" + role.replace(" ", "_"))(opened, number, event)
        return bool(events)

    def _on_udp_server(self, opened: socket.socket, guest: str, event: int) -> None:
        with contextlib.suppress(OSError):  # an error that ICMP brought is news of another probe
            message, sender = opened.recvfrom(64)
            self._note(message, guest, sender)
            opened.sendto(message, sender)

    def _on_tcp_server(self, opened: socket.socket, guest: str, event: int) -> None:
        with contextlib.suppress(OSError):
            accepted, sender = opened.accept()
            self._stack.callback(accepted.close)
            accepted.setblocking(False)
            self._keep("tcp connection", (guest, sender), accepted, select.EPOLLIN)

    def _on_tcp_connection(self, opened: socket.socket, ends: tuple[str, Any], event: int) -> None:
        self._poll.unregister(opened)
        with contextlib.suppress(OSError):
            self._note(opened.recv(64), *ends)

    def _note(self, message: bytes, guest: str, sender: Any) -> None:
        if len(message) == 4:
            outcome = self._outcomes[struct.unpack("I", message)[0]]
            outcome.arrived, outcome.receiver, outcome.seen = True, guest, (sender[0], sender[1])

    def _on_udp_client(self, opened: socket.socket, number: int, event: int) -> None:
        with contextlib.suppress(OSError):
            opened.recv(64)
            self._outcomes[number].answered = True

    def _on_tcp_client(self, opened: socket.socket, number: int, event: int) -> None:
        self._poll.unregister(opened)
        if not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) and event & select.EPOLLOUT:
            self._mark(number)
            with contextlib.suppress(OSError):  # it was accepted and reset
                opened.send(struct.pack("I", number))

    def _on_icmp_client(self, opened: socket.socket, number: int, event: int) -> None:
        with contextlib.suppress(OSError):
            opened.recv(64)
            self._mark(number)

    def _mark(self, number: int) -> None:
        outcome = self._outcomes[number]
        outcome.arrived = outcome.answered = True

    def _settle(self) -> None:
        """Serve until a whole sentinel run met no event: nothing of ours is on any link any more."""
        end = time.monotonic() + DEADLINE_S
        quiet = False
        while not quiet:
            assert time.monotonic() < end, "the probes never came to rest"
            quiet = not self._serve(0)
            for _ in range(ROUNDS):
                self._sentinel()
                quiet = not self._serve(0) and quiet

    def _sentinel(self) -> None:
        near, far = self._pair
        near.send(b"?")
        far.recv(1)
        far.send(b"!")
        near.recv(1)

    @property
    def _pair(self) -> tuple[socket.socket, socket.socket]:
        if not hasattr(self, "_sentinels"):
            self._sentinels = self._stack.enter_context(_sentinel_link())
        return self._sentinels


@contextlib.contextmanager
def _sentinel_link() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected UDP sockets at the ends of a link of their own."""
    ends: list[socket.socket] = []
    routes: list[netlink.Socket] = []
    descriptors = [namespaces.create(f"sentinel{n}") for n in range(2)]
    try:
        for descriptor in descriptors:
            with namespaces.inside(descriptor):
                routes.append(netlink.Socket())
        near, far = (netlink.End("s", 2 + n, f"02:00:00:00:00:0{n}") for n in range(2))
        routes[0].send([netlink.veth(near, far, descriptors[1], 1500)])
        for number, route in enumerate(routes):
            messages = [
                netlink.set_up("s"),
                netlink.address(2 + number, f"192.0.2.{number}/32"),
                netlink.neighbour(2 + number, f"192.0.2.{1 - number}", f"02:00:00:00:00:0{1 - number}"),
                netlink.route(f"192.0.2.{1 - number}/32", netlink.MAIN, netlink.ROUTE_UNICAST, 2 + number),
            ]
            assert route.send(messages) == [None] * len(messages)
        until(lambda: all(route.is_up("s") for route in routes), told=lambda: "the sentinel's link is down")
        for number in range(2):
            with namespaces.inside(descriptors[number]):
                opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.settimeout(DEADLINE_S)
            opened.bind((f"192.0.2.{number}", 9))
            opened.connect((f"192.0.2.{1 - number}", 9))
            ends.append(opened)
        yield ends[0], ends[1]
    finally:
        for opened in (*ends, *routes):
            opened.close()
        for number, descriptor in enumerate(descriptors):
            os.close(descriptor)
            namespaces.remove(f"sentinel{number}")
