"""Zones in memory: packed until somebody asks, then a node a name, answered by RFC 1034's algorithm."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from lazulite.engines.dns.message import ANY, CNAME, DNSKEY, DS, NS, SOA, Record
from lazulite.forwarding.domain import TYPES, encode, suffixes

if TYPE_CHECKING:
    from lazulite.engines.dns.signing import Signer

_WILDCARD = b"\1*"


class Set(msgspec.Struct, frozen=True, array_like=True):
    """A record set as it is packed: owner relative to the zone, type, TTL, RDATA, and the policy that replaces it."""

    owner: str
    rtype: str
    ttl: int
    records: tuple[bytes, ...] = ()
    policy: str = ""


class Records(msgspec.Struct, frozen=True, gc=False):
    """The records of one type at a name."""

    ttl: int
    records: tuple[bytes, ...]
    policy: str = ""

    def at(self, owner: bytes, rtype: int) -> list[Record]:
        return [(owner, rtype, self.ttl, rdata) for rdata in self.records]


class Status(Enum):
    """What a table says of a name and type."""

    ANSWER = "answer"
    ALIAS = "alias"
    DELEGATION = "delegation"
    NO_DATA = "no data"
    NO_NAME = "no name"


class Found(msgspec.Struct, frozen=True):
    """The answer of a table; for a delegation, ``owner`` is the name delegated."""

    status: Status
    owner: bytes
    rtype: int = 0
    records: Records | None = None


_pack = msgspec.msgpack.Encoder()
_unpack = msgspec.msgpack.Decoder(list[Set])


def packed(sets: Iterable[Set]) -> bytes:
    """Record sets as :meth:`Table.load` takes them."""
    return _pack.encode(list(sets))


class Table:
    """One zone. ``blob`` is what was loaded and not asked for yet: a packed record takes a tenth of an unpacked one."""

    def __init__(self, fqdn: str, blob: bytes = b"") -> None:
        self.fqdn = fqdn
        self.apex = encode(fqdn).lower()
        self.signer: Signer | None = None
        """Whoever signs the zone, if it is signed."""
        self._blob: bytes = blob
        self._nodes: dict[bytes, dict[int, Records]] = {}
        self._below: dict[bytes, int] = {}
        """Names that have records, counted at themselves and at each name above: what is in it, exists."""

    def load(self, blob: bytes) -> None:
        """Replace everything."""
        self._blob, self._nodes, self._below = blob, {}, {}

    def put(self, sets: Iterable[Set]) -> None:
        """Add sets, or replace those of the same name and type."""
        self._opened()
        for each in sets:
            node = self._nodes.setdefault(self._name(each.owner), {})
            if not node:
                self._count(self._name(each.owner), 1)
            node[TYPES[each.rtype]] = Records(each.ttl, each.records, each.policy)

    def drop(self, gone: Iterable[tuple[str, str]]) -> None:
        """Remove sets by owner and type."""
        self._opened()
        for owner, rtype in gone:
            name = self._name(owner)
            node = self._nodes.get(name, {})
            if node.pop(TYPES[rtype], None) is not None and not node:
                del self._nodes[name]
                self._count(name, -1)

    def _opened(self) -> None:
        if self._blob:
            blob, self._blob = self._blob, b""
            self.put(_unpack.decode(blob))

    def _name(self, owner: str) -> bytes:
        return encode(owner).lower()[:-1] + self.apex if owner else self.apex

    def _count(self, name: bytes, by: int) -> None:
        for each in suffixes(name):
            self._below[each] = self._below.get(each, 0) + by
            if not self._below[each]:
                del self._below[each]
            if each == self.apex:
                return

    def get(self, name: bytes, rtype: int) -> Records | None:
        """The records at exactly that name."""
        self._opened()
        return self._nodes.get(name, {}).get(rtype)

    def everything(self) -> Iterator[tuple[bytes, int, Records]]:
        self._opened()
        for name, node in self._nodes.items():
            for rtype, records in node.items():
                yield name, rtype, records

    def find(self, name: bytes, qtype: int) -> Found:
        """What the zone says of a name at or below its apex."""
        self._opened()
        if self.signer is not None and qtype == DNSKEY and name == self.apex:
            return Found(Status.ANSWER, name, qtype, self.signer.key_set)
        chain = list(suffixes(name[: len(name) - len(self.apex)] + b"\0"))[:-1]
        above = [part[:-1] + self.apex for part in chain]  # the name, its parent … down to below the apex
        cut = self._delegation(above, qtype)
        if cut is not None:
            return cut
        if name in self._below or not above:
            return self._at(self._nodes.get(name, {}), name, qtype)
        encloser = next((n for n in above[1:] if n in self._below), self.apex)
        wildcard = self._nodes.get(_WILDCARD + encloser)
        return Found(Status.NO_NAME, name) if wildcard is None else self._at(wildcard, name, qtype)

    def _delegation(self, above: list[bytes], qtype: int) -> Found | None:
        """The highest cut on the way down; at the cut itself the parent keeps the DS records (RFC 4035 3.1.4.1)."""
        for name in reversed(above):
            servers = self._nodes.get(name, {}).get(NS)
            if servers is not None and not (name is above[0] and qtype == DS):
                return Found(Status.DELEGATION, name, NS, servers)
        return None

    def _at(self, node: dict[int, Records], name: bytes, qtype: int) -> Found:
        exact = node.get(qtype) or node.get(ANY)  # a set of all types is one that a policy answers
        if exact is not None:
            return Found(Status.ANSWER, name, qtype, exact)
        alias = node.get(CNAME)
        if alias is not None and qtype != ANY:
            return Found(Status.ALIAS, name, CNAME, alias)
        if qtype == ANY and node:
            return Found(Status.ANSWER, name, ANY, Records(0, ()))
        return Found(Status.NO_DATA, name)

    def node(self, name: bytes) -> dict[int, Records]:
        """All sets at a name, or at the wildcard that stands for it."""
        self._opened()
        if name in self._below:
            return self._nodes.get(name, {})
        encloser = next((n for n in list(suffixes(name))[1:] if n in self._below), self.apex)
        return self._nodes.get(_WILDCARD + encloser, {})

    def types(self, name: bytes) -> set[int]:
        """Which types a name has, as far as this zone is to speak of it: of a delegated one, what delegates it."""
        types = {*self.node(name)} - {ANY}
        if name == self.apex:
            return {*types, DNSKEY} if self.signer is not None else types
        return types & {NS, DS} if NS in types else types

    def negative(self) -> list[Record]:
        """The SOA record that goes with an answer of nothing, its TTL bounded as RFC 2308 says."""
        soa = self.get(self.apex, SOA)
        if soa is None:
            return []
        rdata = soa.records[0]
        return [(self.apex, SOA, min(soa.ttl, int.from_bytes(rdata[-4:])), rdata)]

    def addresses(self, name: bytes) -> list[Record]:
        """A and AAAA records of a name in the zone, below a cut too: what is known of where a server is."""
        node: Any = self._nodes.get(name, {})
        return [record for rtype in (1, 28) if rtype in node for record in node[rtype].at(name, rtype)]


def soa(host: str, email: str, serial: int, refresh: int, retry: int, expire: int, minimum: int) -> bytes:
    """RDATA of a start of authority."""
    return encode(host) + encode(email) + struct.pack("!5I", serial, refresh, retry, expire, minimum)
