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
from lazulite.engines.dns.chance import Chance, Following, Lots, every
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
REMEMBERED_DRAWN = 1 << 10
"""Rendered messages a listener keeps before it forgets them all, and queries whose answers chance decides."""
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


Said: TypeAlias = Rendered | Lots[Rendered]


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
        self._drawn: dict[bytes, Following[bytes]] = {}
        self._records: dict[bytes, Said] = {}
        self._seen_as = ip_address(listener.seen_as) if listener.seen_as else None

    def known(self) -> dict[bytes, bytes]:
        """Answers over UDP to queries that came before, octet by octet; both without their first two, the identity."""
        if self._generation != self._world.generation:
            self._messages.clear()
            self._drawn.clear()
            self._records.clear()
            self._generation = self._world.generation
        return self._messages

    def drawn(self, key: bytes) -> bytes | None:
        """One of the answers to a query that came before, of those that chance decides; keys as of :meth:`known`."""
        lots = self._drawn.get(key)
        if lots is not None and lots.used_up:
            del self._drawn[key]
            return None
        return lots.pick() if lots is not None else None

    def answer(self, data: bytes, source: str, *, tcp: bool = False) -> bytes | Waiting | None:
        """The answer, or what it has to wait for; ``None`` where there is none to give. Never raises for bad input."""
        try:
            query = message.parse(data)
        except message.Ignored:
            return None
        except message.Refused as refused:
            return message.failure(data, refused)
        self.known()  # a change of the world empties what was kept
        kept = self._records.get(_wanted(query))
        if kept is not None:
            return self._finished(query, kept, data, source, tcp)
        if query.qtype in (AXFR, IXFR):
            return self._finished(query, _render(query, Response(REFUSED), 0), data, source, tcp)
        if query.qtype in _NO_QUESTION:
            return message.failure(data, message.Refused(FORMERR, 12 + len(query.question)))
        return self._looked_up(query, data, source, tcp)

    def _looked_up(self, query: Query, data: bytes, source: str, tcp: bool) -> bytes | Waiting:
        asked = self._asked(query, source)
        flags = 0 if self.listener.number else RA

        def play(chance: Chance) -> Rendered:
            found = self._found(query, msgspec.structs.replace(asked, chance=chance))
            return _render(query, found if isinstance(found, Response) else Response(static=False), flags)

        def finish(response: Response) -> bytes:
            return self._finished(query, _render(query, response, flags), data, source, tcp)

        found = self._found(query, asked)
        if not isinstance(found, Response):
            return Waiting(*found, finish)
        if found.static and asked.chance.drawn:
            lots = every(play)
            found.static = False
            if all(r.static for r in lots.results):
                return self._finished(query, lots, data, source, tcp)
        return finish(found)

    def _found(self, query: Query, asked: Asked) -> Response | tuple[Forward, Pending]:
        """The response, or who has to be asked for it and what goes on then."""
        if self.listener.number:
            return authority(self._world, self.listener.number, query.name, asked)
        pending = resolve(self._world, self.listener.scope, query.name, asked)
        try:
            return next(pending), pending
        except StopIteration as done:
            response: Response = done.value
            return response

    def _asked(self, query: Query, source: str) -> Asked:
        edns = query.edns or _PLAIN
        client, bits = self._seen_as or ip_address(source.partition("%")[0]), 128
        if edns.subnet is not None:
            client, bits = edns.subnet.network_address, edns.subnet.prefixlen
        return Asked(query.qtype, client, min(bits, client.max_prefixlen), None, edns.dnssec, edns.compact)

    def _finished(self, query: Query, said: Said, data: bytes, source: str, tcp: bool) -> bytes:
        plain = not tcp and not (query.edns is not None and query.edns.cookie)
        if len(self._messages) >= REMEMBERED:
            self._messages.clear()
        if len(self._drawn) >= REMEMBERED_DRAWN:
            self._drawn.clear()
        if isinstance(said, Lots):
            if said.lasting:
                self._keep(query, said)
            if plain:
                self._drawn[data[2:]] = Following(said, lambda r: self._whole(query, r, source, tcp)[2:])
            return self._whole(query, said.pick(), source, tcp)
        out = self._whole(query, said, source, tcp)
        if said.static:
            self._keep(query, said)
            if plain:
                self._messages[data[2:]] = out[2:]
        return out

    def _keep(self, query: Query, said: Said) -> None:
        if len(self._records) < REMEMBERED:
            self._records[_wanted(query)] = said

    def _whole(self, query: Query, rendered: Rendered, source: str, tcp: bool) -> bytes:
        opt = self._opt(query, rendered, source)
        size = message.HEADER.size + len(query.question) + len(rendered.records) + len(opt)
        if size > (65535 if tcp else query.limit):
            return message.message(query, rendered.flags | TC, rendered.rcode, (0, 0, 0), b"", opt)
        return message.message(query, rendered.flags, rendered.rcode, rendered.counts, rendered.records, opt)

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
