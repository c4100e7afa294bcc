"""Signatures, made when somebody asks for them and kept for an hour; and proofs of what is not there.

A name that is not there is proven by a record that claims it had none of the records asked for: one signature, whoever
asks for whatever, and nothing said of its neighbours. Azure does the same. Source: RFC 4034; RFC 9824 (compact denial
of existence); "DNSSEC overview", DNSSEC-related resource records.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from lazulite.engines.dns.message import CNAME, DNSKEY, IN, MX, NAPTR, NS, NSEC, PTR, RRSIG, SOA, SRV, Record
from lazulite.engines.dns.tables import Records
from lazulite.forwarding.dnssec import ALGORITHM, Key, Keys, delegation, keys
from lazulite.forwarding.domain import LONGEST_NAME, labels

HOUR_S = 3600
KEYS_TTL_S = 3600
_HOLDS_S, _KEYS_HOLD_S = 25 * HOUR_S, 30 * 24 * HOUR_S
"""How long a signature holds before and after the hour it is made in. Source: "DNSSEC overview", answers of dig."""
_REMEMBERED = 1 << 14
_NAMED_AT = {NS: 0, CNAME: 0, PTR: 0, MX: 2, SRV: 6}
"""Types that end with a name, and where it begins. Source: RFC 4034, section 6.2; RFC 6840, section 5.1."""
_SIGNED = struct.Struct("!HBBIIIH")


class Signer:
    """The signatures of one zone. *clock* tells seconds since 1970."""

    def __init__(self, apex: bytes, seed: str, clock: Callable[[], float] = time.time) -> None:
        self.apex, self.seed, self._clock = apex, seed, clock
        self._hour = 0
        self._known: dict[tuple[bytes, int, int, tuple[bytes, ...]], bytes] = {}

    @cached_property
    def keys(self) -> Keys:
        return keys(self.seed)

    @cached_property
    def key_set(self) -> Records:
        """The DNSKEY records of the apex."""
        return Records(KEYS_TTL_S, tuple(k.rdata for k in self.keys.all))

    @property
    def delegation(self) -> bytes:
        """The DS record for the parent."""
        return delegation(self.apex, self.keys.entry)

    def signed(self, records: Sequence[Record]) -> list[Record]:
        """The records, each set of a name and type followed by its signature."""
        sets: dict[tuple[bytes, int], list[Record]] = {}
        for record in records:
            sets.setdefault((record[0], record[1]), []).append(record)
        out: list[Record] = []
        for (owner, rtype), held in sets.items():
            ttl = held[0][2]
            out += [*held, (owner, RRSIG, ttl, self.signature(owner, rtype, ttl, tuple(r[3] for r in held)))]
        return out

    def denial(self, name: bytes, types: Iterable[int], ttl: int) -> list[Record]:
        """Proof that a name has records of *types* and of no others."""
        rdata = _after(name, self.apex) + _bitmap({*types, RRSIG, NSEC})
        return self.signed([(name, NSEC, ttl, rdata)])

    def signature(self, owner: bytes, rtype: int, ttl: int, rdatas: tuple[bytes, ...]) -> bytes:
        """RDATA of the RRSIG record that covers a set."""
        hour = int(self._clock()) // HOUR_S
        if hour != self._hour or len(self._known) >= _REMEMBERED:
            self._hour = hour
            self._known.clear()
        known = self._known.get((owner, rtype, ttl, rdatas))
        if known is None:
            known = self._known[owner, rtype, ttl, rdatas] = self._made(owner.lower(), rtype, ttl, rdatas)
        return known

    def _made(self, owner: bytes, rtype: int, ttl: int, rdatas: tuple[bytes, ...]) -> bytes:
        key, holds = self._key(rtype)
        count = sum(1 for label in labels(owner) if label != b"*")
        middle = self._hour * HOUR_S
        times = (middle + holds) & 0xFFFFFFFF, (middle - holds) & 0xFFFFFFFF
        head = _SIGNED.pack(rtype, ALGORITHM, count, ttl, *times, key.tag) + self.apex
        each = owner + struct.pack("!HHI", rtype, IN, ttl)
        sets = sorted({_canonical(rtype, rdata) for rdata in rdatas})
        covered = b"".join(each + len(rdata).to_bytes(2) + rdata for rdata in sets)
        return head + key.sign(head + covered)

    def _key(self, rtype: int) -> tuple[Key, int]:
        return (self.keys.entry, _KEYS_HOLD_S) if rtype == DNSKEY else (self.keys.zone, _HOLDS_S)


def _canonical(rtype: int, rdata: bytes) -> bytes:
    """RDATA with its names in lower case."""
    if rtype == SOA:
        return rdata[:-20].lower() + rdata[-20:]
    at = _after_strings(rdata) if rtype == NAPTR else _NAMED_AT.get(rtype, len(rdata))
    return rdata[:at] + rdata[at:].lower()


def _after_strings(rdata: bytes) -> int:
    """Where the name of a NAPTR record begins: past two numbers and three strings."""
    at = 4
    for _ in range(3):
        at += 1 + rdata[at]
    return at


def _after(name: bytes, apex: bytes) -> bytes:
    """The name that follows next in the order of names. The zone's own, if there is no room for one."""
    return b"\1\0" + name if len(name) + 2 <= LONGEST_NAME else apex


def _bitmap(types: set[int]) -> bytes:
    """Source: RFC 4034, section 4.1.2."""
    out = b""
    for window in sorted({t >> 8 for t in types}):
        octets = bytearray(32)
        for low in (t & 0xFF for t in types if t >> 8 == window):
            octets[low >> 3] |= 0x80 >> (low & 7)
        kept = bytes(octets).rstrip(b"\0")
        out += bytes((window, len(kept))) + kept
    return out
