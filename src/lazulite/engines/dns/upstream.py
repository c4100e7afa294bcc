"""Questions to servers of somebody else: a socket each, a few tries, and a memory for as long as the answers hold."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from lazulite.engines.dns import message, sockets
from lazulite.engines.dns.message import HEADER, NOERROR, NXDOMAIN, RD, SOA, TC, Answer, Record
from lazulite.engines.dns.resolution import Forward
from lazulite.engines.dns.service import Waiting

TIMEOUT_S = 2.0
"""How long one server is waited for before the next is asked."""
_MOST_TRIES = 6
_LONGEST_TTL_S = 86400
_REMEMBERED = 10_000
_SIZE = 4096

_Key: TypeAlias = tuple[str, bytes, int]


class Upstreams:
    """What is asked of others, and what they said. *generation* tells when what they said is to be forgotten."""

    def __init__(
        self,
        add: Callable[[socket.socket, Callable[[], None]], None],
        remove: Callable[[socket.socket], None],
        at: Callable[[float, Callable[[], None]], None],
        generation: Callable[[], int],
    ) -> None:
        self.add, self.remove, self.at = add, remove, at
        self._generation, self._of = generation, -1
        self._known: dict[_Key, tuple[float, float, Answer]] = {}
        self.asking: set[Asking] = set()

    def __len__(self) -> int:
        return len(self.asking)

    def known(self, key: _Key) -> Answer | None:
        """An earlier answer with what is left of its TTLs."""
        self._renew()
        since, until, answer = self._known.get(key, (0.0, 0.0, None))
        now = time.monotonic()
        if answer is None or now >= until:
            return None
        age = int(now - since)
        return msgspec.structs.replace(answer, answer=_aged(answer.answer, age), authority=_aged(answer.authority, age))

    def remember(self, key: _Key, answer: Answer) -> None:
        self._renew()
        holds = _holds_s(answer)
        if holds > 0:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            now = time.monotonic()
            self._known[key] = (now, now + holds, answer)

    def _renew(self) -> None:
        if self._of != self._generation():
            self._known.clear()
            self._of = self._generation()


def _aged(records: list[Record], age: int) -> list[Record]:
    return [(owner, rtype, max(0, ttl - age), rdata) for owner, rtype, ttl, rdata in records]


def _holds_s(answer: Answer) -> int:
    """Seconds that an answer may be repeated: the lowest TTL, or what the zone says of what is not there."""
    if answer.flags & 15 not in (NOERROR, NXDOMAIN):
        return 0
    if answer.answer:
        return min(_LONGEST_TTL_S, *(ttl for _, _, ttl, _ in answer.answer))
    starts = [min(ttl, int.from_bytes(rdata[-4:])) for _, rtype, ttl, rdata in answer.authority if rtype == SOA]
    return min(_LONGEST_TTL_S, *starts) if starts else 0


class Asking:
    """One answer in the making: asks, hands what it hears to the resolver's generator, and asks again if that does."""

    def __init__(
        self,
        upstreams: Upstreams,
        internet: tuple[str, str],
        scope: str,
        waiting: Waiting,
        send: Callable[[bytes], None],
    ) -> None:
        self._upstreams, self._internet, self._scope = upstreams, internet, scope
        self._waiting, self._send = waiting, send
        self._forward = waiting.forward
        self._tries: list[tuple[str, str, tuple[str, int]]] = []
        self._socket: socket.socket | None = None
        self._query = b""
        upstreams.asking.add(self)

    def go_on(self, forward: Forward) -> None:
        """Ask *forward*, unless its answer is known."""
        self._forward = forward
        known = self._upstreams.known(self._key)
        if known is not None:
            self._hand(known)
            return
        places = [(via, "") for via in forward.via] or [self._internet]
        self._tries = [(*places[i % len(places)], target) for i, target in enumerate(forward.targets * 2)][:_MOST_TRIES]
        self._next()

    @property
    def _key(self) -> _Key:
        return f"{self._scope}|{self._forward.targets}", self._forward.name, self._forward.qtype

    def _next(self) -> None:
        self._close()
        while self._tries:
            namespace, source, target = self._tries.pop(0)
            with contextlib.suppress(OSError):
                self._ask(namespace, source, target)
                return
        self._hand(None)

    def _ask(self, namespace: str, source: str, target: tuple[str, int]) -> None:
        made = sockets.client(namespace, source, target)
        flags = RD if self._forward.recursive else 0
        head = HEADER.pack(int.from_bytes(os.urandom(2)), flags, 1, 0, 0, 1)
        question = self._forward.name + struct.pack("!HH", self._forward.qtype, message.IN)
        self._query = head + question + message.opt(message.Edns(_SIZE), 0, 0, b"")
        try:
            made.send(self._query)
        except OSError:
            made.close()
            raise
        self._socket = made
        self._upstreams.add(made, self._heard)
        self._upstreams.at(time.monotonic() + TIMEOUT_S, lambda: self._late(made))

    def _late(self, asked: socket.socket) -> None:
        if self._socket is asked:
            self._next()

    def _heard(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(65535)
        except BlockingIOError:
            return
        except OSError:  # nobody listens there
            self._next()
            return
        try:
            answer = message.parse_answer(data)
        except ValueError:
            return
        question = self._query[HEADER.size :]
        if data[:2] != self._query[:2] or not question.startswith(answer.question):
            return  # not ours: the real one may still come
        if answer.flags & TC or answer.flags & 15 not in (NOERROR, NXDOMAIN):
            self._next()
            return
        self._close()
        self._upstreams.remember(self._key, answer)
        self._hand(answer)

    def _hand(self, answer: Answer | None) -> None:
        """Give the generator what it waits for."""
        try:
            forward = self._waiting.pending.send(answer)
        except StopIteration as done:
            self._upstreams.asking.discard(self)
            self._send(self._waiting.finish(done.value))
            return
        self.go_on(forward)

    def _close(self) -> None:
        if self._socket is not None:
            self._upstreams.remove(self._socket)
            self._socket.close()
            self._socket = None
