"""DNS messages: queries taken apart without trust, answers put together with name compression.

A name is wire form in lower case; the question is kept as it was sent, so that an answer repeats its spelling.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import TypeAlias

import msgspec

from lazulite.forwarding.domain import LONGEST_NAME
from lazulite.values import IPNetwork

Record: TypeAlias = tuple[bytes, int, int, bytes]
"""Owner, type, TTL in seconds, RDATA with its names uncompressed."""

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS, BADCOOKIE = 0, 1, 2, 3, 4, 5, 16, 23
"""Response codes. Source: IANA, "Domain Name System (DNS) Parameters"."""
A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, NAPTR, OPT, DS = 1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 41, 43
RRSIG, NSEC, DNSKEY, NXNAME = 46, 47, 48, 128
IXFR, AXFR, ANY = 251, 252, 255
IN = 1
QR, AA, TC, RD, RA, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0010
_OPCODE = 0x7800
HEADER = struct.Struct("!6H")
_FIXED = struct.Struct("!HHIH")
UDP_SIZE, EDNS_SIZE = 512, 1232
"""Octets of a UDP answer without EDNS, and the most with it. Source: RFC 1035 4.2.1; DNS flag day 2020."""
_SUBNET, _COOKIE = 8, 10
_DO, _CO = 0x8000, 0x4000
_NAMES_AT: Mapping[int, tuple[int, int]] = {NS: (0, 1), CNAME: (0, 1), PTR: (0, 1), MX: (2, 1), SOA: (0, 2)}
"""Types whose RDATA may be compressed: where its names begin and how many there are. Source: RFC 3597, section 4."""
_POINTERS = 0x4000
"""Offsets from here up fit no pointer."""


class Ignored(Exception):
    """What arrived is to be answered with silence: too short, or an answer itself."""


class Refused(Exception):
    """The query gets *rcode* and nothing else; ``end`` is where its question ends, if it has one."""

    def __init__(self, rcode: int, end: int = 12) -> None:
        super().__init__(rcode)
        self.rcode, self.end = rcode, end


class Edns(msgspec.Struct, frozen=True):
    """What the client says of itself beyond the question (RFC 6891)."""

    size: int
    dnssec: bool = False
    subnet: IPNetwork | None = None
    cookie: bytes = b""
    compact: bool = False
    """It wants the code of a name that is not there beside the proof (RFC 9824, section 5)."""


class Query(msgspec.Struct, frozen=True):
    """One question. ``question`` is name, type and class as sent; ``name`` the name in lower case."""

    id: int
    flags: int
    question: bytes
    name: bytes
    qtype: int
    edns: Edns | None = None

    @property
    def limit(self) -> int:
        """Octets that fit into an answer over UDP."""
        return UDP_SIZE if self.edns is None else max(UDP_SIZE, min(self.edns.size, EDNS_SIZE))


class Response(msgspec.Struct):
    """What is to be said. ``static`` answers are the same for everyone until a table changes."""

    rcode: int = NOERROR
    authoritative: bool = False
    answer: list[Record] = msgspec.field(default_factory=list)
    authority: list[Record] = msgspec.field(default_factory=list)
    additional: list[Record] = msgspec.field(default_factory=list)
    static: bool = True
    scope: int = 0
    """Prefix length of the client's subnet that the answer is good for."""


def parse(data: bytes) -> Query:
    """The query in *data*. Raises :class:`Ignored` or :class:`Refused`, and nothing else whatever *data* is."""
    if len(data) < HEADER.size:
        raise Ignored
    identity, flags, questions, answers, authorities, additionals = HEADER.unpack_from(data)
    if flags & QR:
        raise Ignored
    if flags & _OPCODE:
        raise Refused(NOTIMP)
    if questions != 1:
        raise Refused(FORMERR)
    end = _end_of_name(data) + 4
    if end > len(data):
        raise Refused(FORMERR)
    name, qtype, qclass = data[12 : end - 4].lower(), *struct.unpack_from("!HH", data, end - 4)
    edns = _options(data, end, answers + authorities, additionals) if len(data) > end else None
    if qclass != IN:
        raise Refused(REFUSED, end)
    if answers or authorities or (additionals and len(data) == end):
        raise Refused(FORMERR, end)
    return Query(identity, flags, data[12:end], name, qtype, edns)


def _end_of_name(data: bytes) -> int:
    """Where the question's name ends. It is the first name of all, so nothing it could point to is before it."""
    at, last = 12, len(data) - 1
    while at <= last and data[at]:
        if data[at] > 63:
            raise Refused(FORMERR)
        at += 1 + data[at]
    if at > last or at - 12 >= LONGEST_NAME:
        raise Refused(FORMERR)
    return at + 1


def _options(data: bytes, end: int, others: int, additionals: int) -> Edns | None:
    """The EDNS record among the additional ones, every octet of the message accounted for."""
    at, found = end, None
    for index in range(others + additionals):
        owner, at = at, _skip_name(data, at, end)
        if at + _FIXED.size > len(data):
            raise Refused(FORMERR, end)
        rtype, size, ttl, length = _FIXED.unpack_from(data, at)
        at += _FIXED.size + length
        if at > len(data):
            raise Refused(FORMERR, end)
        if rtype == OPT and index >= others:
            if found is not None or data[owner] != 0:
                raise Refused(FORMERR, end)
            found = _edns(size, ttl, data[at - length : at], end)
    if at != len(data):
        raise Refused(FORMERR, end)
    return found


def _skip_name(data: bytes, at: int, end: int) -> int:
    """Past a name that nobody reads: its pointers are not followed, so they cannot go in circles."""
    first = at
    while at < len(data) and at - first < LONGEST_NAME:
        length = data[at]
        if length == 0:
            return at + 1
        if length >= 0xC0:
            return at + 2
        if length > 63:
            break
        at += 1 + length
    raise Refused(FORMERR, end)


def _edns(size: int, ttl: int, rdata: bytes, end: int) -> Edns:
    if ttl >> 16 & 0xFF:
        raise Refused(BADVERS, end)
    options: dict[int, bytes] = {}
    at = 0
    while at < len(rdata):
        code, length = struct.unpack_from("!HH", rdata.ljust(at + 4, b"\0"), at)
        at += 4 + length
        if at > len(rdata):
            raise Refused(FORMERR, end)
        options.setdefault(code, rdata[at - length : at])
    cookie = options.get(_COOKIE, b"")
    if cookie and not (len(cookie) == 8 or 16 <= len(cookie) <= 40):
        raise Refused(FORMERR, end)
    subnet = _client_subnet(options[_SUBNET], end) if _SUBNET in options else None
    return Edns(size, bool(ttl & _DO), subnet, cookie, ttl & (_DO | _CO) == _DO | _CO)


def _client_subnet(option: bytes, end: int) -> IPNetwork | None:
    """The client's own network, as the resolver tells it (RFC 7871); ``None`` where it hides it."""
    if len(option) < 4:
        raise Refused(FORMERR, end)
    family, length, scope, part = option[0] << 8 | option[1], option[2], option[3], option[4:]
    size = {1: 4, 2: 16}.get(family, 0)
    if scope or not size or length > size * 8 or len(part) != (length + 7) // 8:
        raise Refused(FORMERR, end)
    try:
        return ip_network((part.ljust(size, b"\0"), length)) if length else None
    except ValueError:  # bits beyond the prefix are set
        raise Refused(FORMERR, end) from None


def body(name: bytes, sections: Iterable[Sequence[Record]]) -> bytes:
    """The records of an answer to a question about *name*: what follows the question in a message."""
    at = 12 + len(name) + 4
    known: dict[bytes, int] = {}
    _learn(known, name.lower(), len(name) - 1, 12)
    out = bytearray()
    for section in sections:
        for owner, rtype, ttl, rdata in section:
            start = at + len(out)
            out += _compressed(known, owner, start)
            out += _FIXED.pack(rtype, IN, ttl, 0)
            place = len(out)
            out += _rdata(known, rtype, rdata, at + place)
            struct.pack_into("!H", out, place - 2, len(out) - place)
    return bytes(out)


def _compressed(known: dict[bytes, int], name: bytes, offset: int) -> bytes:
    folded, at = name.lower(), 0
    while name[at]:
        pointer = known.get(folded[at:])
        if pointer is not None:
            _learn(known, folded, at, offset)
            return name[:at] + struct.pack("!H", 0xC000 | pointer)
        at += 1 + name[at]
    _learn(known, folded, at, offset)
    return name


def _learn(known: dict[bytes, int], folded: bytes, end: int, offset: int) -> None:
    """The suffixes of a name that begin before *end* are now in the message."""
    at = 0
    while at < end and offset + at < _POINTERS:
        known.setdefault(folded[at:], offset + at)
        at += 1 + folded[at]


def _rdata(known: dict[bytes, int], rtype: int, rdata: bytes, offset: int) -> bytes:
    place = _NAMES_AT.get(rtype)
    if place is None:
        return rdata
    at, count = place
    out = bytearray(rdata[:at])
    for _ in range(count):
        end = at
        while rdata[end]:
            end += 1 + rdata[end]
        out += _compressed(known, rdata[at : end + 1], offset + len(out))
        at = end + 1
    return bytes(out + rdata[at:])


def message(query: Query, flags: int, rcode: int, counts: tuple[int, int, int], records: bytes, opt: bytes) -> bytes:
    """A whole answer. *flags* beyond those the query decides; *opt* is the EDNS record or nothing."""
    said = QR | flags | (query.flags & (RD | CD)) | rcode & 15
    head = HEADER.pack(query.id, said, 1, counts[0], counts[1], counts[2] + bool(opt))
    return head + query.question + records + opt


def opt(edns: Edns, rcode: int, scope: int, cookie: bytes) -> bytes:
    """The EDNS record of an answer."""
    options = struct.pack("!HH", _COOKIE, len(cookie)) + cookie if cookie else b""
    if edns.subnet is not None:
        family, part = (1, 4) if edns.subnet.version == 4 else (2, 16)
        length = edns.subnet.prefixlen
        kept = edns.subnet.network_address.packed[:part][: (length + 7) // 8]
        options += struct.pack("!HHHBB", _SUBNET, 4 + len(kept), family, length, min(scope, length)) + kept
    ttl = rcode >> 4 << 24 | (_DO if edns.dnssec else 0) | (_CO if edns.compact else 0)
    return b"\0" + _FIXED.pack(OPT, EDNS_SIZE, ttl, len(options)) + options


def failure(data: bytes, refused: Refused) -> bytes:
    """The answer to a query that :func:`parse` refused, with as much of its question as could be read."""
    identity, flags = struct.unpack_from("!HH", data)
    question = data[12 : refused.end]
    extra = opt(Edns(EDNS_SIZE), refused.rcode, 0, b"") if refused.rcode > 15 else b""
    said = QR | flags & (_OPCODE | RD | CD) | refused.rcode & 15
    return HEADER.pack(identity, said, bool(question), 0, 0, bool(extra)) + question + extra


def server_cookie(secret: bytes, cookie: bytes, source: str) -> bytes:
    """The cookie to hand back: the client's, and ours that only this address can have got (RFC 7873)."""
    client = cookie[:8]
    return client + hashlib.blake2s(client + source.encode(), key=secret, digest_size=8).digest()


def knows_cookie(secret: bytes, cookie: bytes, source: str) -> bool:
    """Whether the client has proved that it gets what is sent to its address."""
    return len(cookie) == 16 and hmac.compare_digest(server_cookie(secret, cookie, source), cookie)


class Answer(msgspec.Struct, frozen=True):
    """What another server answered: sections without the questions and the EDNS record."""

    id: int
    flags: int
    question: bytes
    answer: list[Record]
    authority: list[Record]


def parse_answer(data: bytes) -> Answer:
    """An answer, its names uncompressed. Raises ``ValueError`` for anything else."""
    try:
        identity, flags, questions, answers, authorities, _ = HEADER.unpack_from(data)
        if not flags & QR or questions != 1:
            raise ValueError("not an answer to one question")
        name, at = _expand(data, 12)
        question = name.lower() + data[at : at + 4]
        at += 4
        sections: list[list[Record]] = []
        for count in (answers, authorities):
            sections.append([])
            for _ in range(count):
                record, at = _record(data, at)
                sections[-1].append(record)
        return Answer(identity, flags, question, *sections)
    except (struct.error, IndexError) as error:
        raise ValueError("cut off") from error


def _record(data: bytes, at: int) -> tuple[Record, int]:
    owner, at = _expand(data, at)
    rtype, _, ttl, length = _FIXED.unpack_from(data, at)
    at += _FIXED.size
    end = at + length
    if end > len(data):
        raise ValueError("cut off")
    return (owner, rtype, min(ttl, 0x7FFFFFFF), _plain_rdata(data, rtype, at, end)), end


def _plain_rdata(data: bytes, rtype: int, at: int, end: int) -> bytes:
    place = _NAMES_AT.get(rtype) or ((6, 1) if rtype == SRV else None)
    if place is None:
        return data[at:end]
    out, at = data[at : at + place[0]], at + place[0]
    for _ in range(place[1]):
        name, at = _expand(data, at)
        out += name
    return out + data[at:end]


def _expand(data: bytes, at: int) -> tuple[bytes, int]:
    """The name at *at* and where it ends. A pointer has to lead backwards, so that none goes in circles."""
    out, end, first = bytearray(), 0, at
    while data[at]:
        length = data[at]
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | data[at + 1]
            if target >= first:
                raise ValueError("a pointer that does not lead backwards")
            end = end or at + 2
            at = first = target
            continue
        if length > 63 or len(out) + length + 2 > LONGEST_NAME:
            raise ValueError("not a name")
        out += data[at : at + 1 + length]
        at += 1 + length
    return bytes(out) + b"\0", end or at + 1
