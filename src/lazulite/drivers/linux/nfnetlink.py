"""The few nf_tables rules that the nft language of Debian 12 (1.0.6) cannot express, straight over netlink.

Two kinds: reading the packet that an ICMP error quotes and looking it up in a flow table, and raising a TTL by a map.
nft lists both correctly.
Constants from ``linux/netfilter/nf_tables.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from lazulite.drivers.linux.netlink import attribute, nest

FAMILY_4, FAMILY_6 = 2, 10
_NETWORK, _TRANSPORT = 1, 2
_IIF, _OIF = 4, 5
_CHECKSUM_INET = 1
_ACCEPT = 1
_REGISTER = 8
"""The first of the kernel's sixteen 32-bit registers."""


def number(value: int) -> bytes:
    return struct.pack(">I", value)


def zero_ended(text: str) -> bytes:
    return text.encode() + b"\0"


def expression(name: str, *attributes: bytes) -> bytes:
    """One expression of a rule, with its attributes."""
    return nest(1, attribute(1, zero_ended(name)), nest(2, *attributes))


def load(base: int, offset: int, length: int, register: int) -> bytes:
    """Packet bytes into a register; *base* 1 is the network header, 2 the transport header."""
    parts = ((1, register), (2, base), (3, offset), (4, length))
    return expression("payload", *(attribute(k, number(v)) for k, v in parts))


def store(base: int, offset: int, length: int, register: int, checksum_at: int | None) -> bytes:
    """A register into the packet, mending the Internet checksum at *checksum_at*."""
    kind = 0 if checksum_at is None else _CHECKSUM_INET
    parts = ((5, register), (2, base), (3, offset), (4, length), (6, kind), (7, checksum_at or 0), (8, 0))
    return expression("payload", *(attribute(k, number(v)) for k, v in parts))


def meta(key: int, register: int) -> bytes:
    return expression("meta", attribute(2, number(key)), attribute(1, number(register)))


def equal(register: int, value: bytes) -> bytes:
    return expression("cmp", attribute(1, number(register)), attribute(2, number(0)), nest(3, attribute(1, value)))


def find(set_name: str, register: int, result: int | None = None) -> bytes:
    """Continue only when the register is in the set; with *result*, put what the map holds there."""
    parts = [attribute(1, zero_ended(set_name)), attribute(2, number(register))]
    if result is not None:
        parts.append(attribute(3, number(result)))
    return expression("lookup", *parts)


def accept() -> bytes:
    return expression("immediate", attribute(1, number(0)), nest(2, nest(2, attribute(1, number(_ACCEPT)))))


def rule(family: int, table: str, chain: str, expressions: Iterable[bytes]) -> bytes:
    """The body of a NEWRULE message that appends to *chain*."""
    head = struct.pack(">BBH", family, 0, 0)
    return head + attribute(1, zero_ended(table)) + attribute(2, zero_ended(chain)) + nest(4, *expressions)


def raise_hop_limit(family: int, table: str, chain: str, map_name: str) -> bytes:
    """TTL or hop limit := map[TTL]: what makes a router no hop that a trace could see."""
    offset, checksum = (8, 10) if family == FAMILY_4 else (7, None)
    r, s = _REGISTER, _REGISTER + 1
    return rule(
        family,
        table,
        chain,
        [load(_NETWORK, offset, 1, r), find(map_name, r, s), store(_NETWORK, offset, 1, s, checksum)],
    )


class _Layout:
    """Where things are in an ICMP error, counted from the outer network header; no IP options on either header."""

    def __init__(self, family: int) -> None:
        header, self.size = (20, 4) if family == FAMILY_4 else (40, 16)
        self.inner = header + 8
        self.protocol = self.inner + (9 if family == FAMILY_4 else 6)
        self.source = self.inner + (12 if family == FAMILY_4 else 8)
        self.destination = self.source + self.size
        self.transport = self.inner + header
        self.plain = (b"\x45", 0) if family == FAMILY_4 else None


def quoted_flow(family: int, table: str, chain: str, protocol: int, set_name: str, *, sent: bool) -> bytes:
    """Accept an ICMP error about a TCP or UDP flow in the table of the interface.

    ``sent`` errors leave the workload and quote what it received; others arrive and quote what it sent.
    """
    at = _Layout(family)
    local, remote = (at.destination, at.source) if sent else (at.source, at.destination)
    local_port, remote_port = (at.transport + 2, at.transport) if sent else (at.transport, at.transport + 2)
    words = at.size // 4
    key, expressions = _REGISTER, _guard(at, protocol)
    expressions.append(meta(_IIF if sent else _OIF, key))
    expressions.append(load(_NETWORK, local, at.size, key + 1))
    expressions.append(load(_NETWORK, local_port, 2, key + 1 + words))
    expressions.append(load(_NETWORK, remote, at.size, key + 2 + words))
    expressions.append(load(_NETWORK, remote_port, 2, key + 2 + 2 * words))
    return rule(family, table, chain, [*expressions, find(set_name, key), accept()])


def quoted_echo(family: int, table: str, chain: str, set_name: str, *, sent: bool) -> bytes:
    """The same about an echo request, known by its identifier."""
    at = _Layout(family)
    local, remote = (at.destination, at.source) if sent else (at.source, at.destination)
    words, key = at.size // 4, _REGISTER
    expressions = _guard(at, 1 if family == FAMILY_4 else 58)
    expressions.append(load(_NETWORK, at.transport, 1, key))
    expressions.append(equal(key, b"\x08" if family == FAMILY_4 else b"\x80"))
    expressions.append(meta(_IIF if sent else _OIF, key))
    expressions.append(load(_NETWORK, local, at.size, key + 1))
    expressions.append(load(_NETWORK, remote, at.size, key + 1 + words))
    expressions.append(load(_NETWORK, at.transport + 4, 2, key + 1 + 2 * words))
    return rule(family, table, chain, [*expressions, find(set_name, key), accept()])


def _guard(at: _Layout, protocol: int) -> list[bytes]:
    """Only errors whose headers stand where the layout says, about *protocol*."""
    found = []
    if at.plain is not None:
        for offset in (at.plain[1], at.inner):
            found += [load(_NETWORK, offset, 1, _REGISTER), equal(_REGISTER, at.plain[0])]
    return [*found, load(_NETWORK, at.protocol, 1, _REGISTER), equal(_REGISTER, bytes([protocol]))]
