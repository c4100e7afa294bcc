"""From the octets of a query to those of its answer, for one address that is answered on. No I/O.

What is the same for everyone is kept rendered: whole messages by the octets of the query, and records by the question.
Both are forgotten when a table changes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from ipaddress import ip_address
from typing import TypeAlias

import msgspec

from lazulite.engines.dns import message
from lazulite.engines.dns.message import (
    AA,
    AXFR,
    FORMERR,
    IXFR,
    NXNAME,
    OPT,
    RA,
    REFUSED,
    TC,
    Answer,
    Edns,
    Query,
    Response,
)
from lazulite.engines.dns.policies import Asked
from lazulite.engines.dns.resolution import Forward, authority, resolve
from lazulite.engines.dns.spec import Listener
from lazulite.engines.dns.world import World

REMEMBERED = 1 << 16
"""Rendered messages a listener keeps before it forgets them all."""
_NO_QUESTION = frozenset({OPT, NXNAME})
"""Types that nobody can have. Source: RFC 6891, section 6.1.1; RFC 9824, section 3.5."""


class Rendered(msgspec.Struct, frozen=True):
    """An answer but for what the query decides of it."""

    flags: int
    rcode: int
    counts: tuple[int, int, int]
    records: bytes
    static: bool
    scope: int = 0


_PLAIN = Edns(0)
Pending: TypeAlias = Generator[Forward, Answer | None, Response]
Finish: TypeAlias = Callable[[Response], bytes]


class Waiting(msgspec.Struct):
    """An answer that somebody else's server has to be asked for: what is asked first, and how to go on."""

    forward: Forward
    pending: Pending
    finish: Finish


class Service:
    """One listener's view of the world."""

    def __init__(self, world: World, listener: Listener, secret: bytes) -> None:
        self.listener = listener
        self._world, self._secret = world, secret
        self._generation = -1
        self._messages: dict[bytes, bytes] = {}
        self._records: dict[bytes, Rendered] = {}
        self._seen_as = ip_address(listener.seen_as) if listener.seen_as else None

    def known(self) -> dict[bytes, bytes]:
        """Answers over UDP to queries that came before, octet by octet; both without their first two, the identity."""
        if self._generation != self._world.generation:
            self._messages.clear()
            self._records.clear()
            self._generation = self._world.generation
        return self._messages

    def answer(self, data: bytes, source: str, *, tcp: bool = False) -> bytes | Waiting | None:
        """The answer, or what it has to wait for; ``None`` where there is none to give. Never raises for bad input."""
        try:
            query = message.parse(data)
        except message.Ignored:
            return None
        except message.Refused as refused:
            return message.failure(data, refused)
        self.known()  # a change of the world empties what was kept
        rendered = self._records.get(_wanted(query))
        if rendered is not None:
            return self._finished(query, rendered, data, source, tcp)
        if query.qtype in (AXFR, IXFR):
            return self._finished(query, _render(query, Response(REFUSED), 0), data, source, tcp)
        if query.qtype in _NO_QUESTION:
            return message.failure(data, message.Refused(FORMERR, 12 + len(query.question)))
        return self._looked_up(query, data, source, tcp)

    def _looked_up(self, query: Query, data: bytes, source: str, tcp: bool) -> bytes | Waiting:
        asked = self._asked(query, source)
        if self.listener.number:
            found = authority(self._world, self.listener.number, query.name, asked)
            return self._finished(query, _render(query, found, 0), data, source, tcp)
        pending = resolve(self._world, self.listener.scope, query.name, asked)

        def finish(response: Response) -> bytes:
            return self._finished(query, _render(query, response, RA), data, source, tcp)

        try:
            return Waiting(next(pending), pending, finish)
        except StopIteration as done:
            return finish(done.value)

    def _asked(self, query: Query, source: str) -> Asked:
        edns = query.edns or _PLAIN
        client, bits = self._seen_as or ip_address(source.partition("%")[0]), 128
        if edns.subnet is not None:
            client, bits = edns.subnet.network_address, edns.subnet.prefixlen
        return Asked(query.qtype, client, min(bits, client.max_prefixlen), None, edns.dnssec, edns.compact)

    def _finished(self, query: Query, rendered: Rendered, data: bytes, source: str, tcp: bool) -> bytes:
        if rendered.static and len(self._records) < REMEMBERED:
            self._records[_wanted(query)] = rendered
        opt = self._opt(query, rendered, source)
        size = message.HEADER.size + len(query.question) + len(rendered.records) + len(opt)
        if size > (65535 if tcp else query.limit):
            return message.message(query, rendered.flags | TC, rendered.rcode, (0, 0, 0), b"", opt)
        out = message.message(query, rendered.flags, rendered.rcode, rendered.counts, rendered.records, opt)
        if rendered.static and not tcp and not (query.edns is not None and query.edns.cookie):
            if len(self._messages) >= REMEMBERED:
                self._messages.clear()
            self._messages[data[2:]] = out[2:]
        return out

    def _opt(self, query: Query, rendered: Rendered, source: str) -> bytes:
        if query.edns is None:
            return b""
        cookie = message.server_cookie(self._secret, query.edns.cookie, source) if query.edns.cookie else b""
        return message.opt(query.edns, rendered.rcode, rendered.scope, cookie)

    def proven(self, data: bytes, source: str) -> bool:
        """Whether the query shows a cookie that only the owner of its source address can know."""
        try:
            query = message.parse(data)
        except (message.Ignored, message.Refused):
            return False
        return query.edns is not None and message.knows_cookie(self._secret, query.edns.cookie, source)

    def truncated(self, data: bytes) -> bytes | None:
        """An answer of nothing that sends a real client to TCP."""
        try:
            query = message.parse(data)
        except (message.Ignored, message.Refused):
            return None
        return message.message(query, TC, 0, (0, 0, 0), b"", b"")


def _wanted(query: Query) -> bytes:
    """What answers are kept by: the question, and what is wanted beside the answer."""
    question, edns = query.question.lower(), query.edns
    return question + bytes((1 + edns.compact,)) if edns is not None and edns.dnssec else question


def failed(finish: Finish) -> bytes:
    """What is said when nobody answered."""
    return finish(Response(message.SERVFAIL, static=False))


def _render(query: Query, response: Response, flags: int) -> Rendered:
    sections = (response.answer, response.authority, response.additional)
    counts = (len(response.answer), len(response.authority), len(response.additional))
    records = message.body(query.name, sections) if any(counts) else b""
    said = flags | (AA if response.authoritative else 0)
    return Rendered(said, response.rcode, counts, records, response.static, response.scope)
