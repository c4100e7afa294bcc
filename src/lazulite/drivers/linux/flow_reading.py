"""Reads what routers noted of flows, and takes out what has been told. Blocks; for a thread of its own.

A thousand elements cost about a millisecond: their layout is known, so they are not parsed attribute by attribute.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import NamedTuple

from lazulite.drivers.linux import flow_tables, names, namespaces
from lazulite.drivers.linux.flow_tables import CLOSED, OPENED, RECEIVED, SENT, key_size
from lazulite.drivers.linux.netfilter import NetfilterSocket
from lazulite.drivers.linux.nfnetlink import FAMILY_4, FAMILY_6
from lazulite.drivers.linux.skeleton import TABLE
from lazulite.values import IPAddress

_HEADER = 12
"""Bytes before the key of an element: three nested attributes."""
_EXPRESSION = struct.Struct(">24xQ4xQ")
"""What follows the key of an element that counts: bytes and packets."""
_TAIL = struct.Struct(">Q")
_WORDS = struct.Struct("=II")


class Told(NamedTuple):
    """A decision: the flow's key, what tells two of its attempts apart, the rule's number, and its age in seconds."""

    key: bytes
    attempt: int
    rule: int
    age_s: float


class Noted(NamedTuple):
    """What one IP version's tables of a router hold. Counts are packets and bytes, by the flow's key."""

    family: int
    told: list[Told]
    sent: dict[bytes, tuple[int, int]]
    received: dict[bytes, tuple[int, int]]
    closed: dict[bytes, int]
    """Bit 1 and 2: that end is done; bit 3: there was a reset."""
    lost: int


class Ends(NamedTuple):
    """What the key of a flow says; the interface by index, the protocol by number."""

    interface: int
    local: IPAddress
    remote: IPAddress
    local_port: int
    remote_port: int
    protocol: int


def ends(key: bytes) -> Ends:
    size = (len(key) - 16) // 2
    interface = int.from_bytes(key[:4], "little")
    at = 4 + 2 * size
    local, remote = ip_address(key[4 : 4 + size]), ip_address(key[4 + size : at])
    local_port, remote_port = (int.from_bytes(key[p : p + 2]) for p in (at, at + 4))
    return Ends(interface, local, remote, local_port, remote_port, key[at + 8])


class Reader:
    """The flow tables of one router. Raises ``OSError`` where the router is not, or not yet, there."""

    def __init__(self, vrf: str) -> None:
        space = namespaces.open(names.router(vrf))
        try:
            with namespaces.inside(space):
                self._netfilter = NetfilterSocket()
        finally:
            os.close(space)
        self._vrf = vrf

    def close(self) -> None:
        self._netfilter.close()

    def interfaces(self) -> dict[int, str]:
        """Index to name of every link of the router."""
        space = namespaces.open(names.router(self._vrf))
        try:
            with namespaces.inside(space):
                return dict(socket.if_nameindex())
        finally:
            os.close(space)

    def read(self) -> Iterator[Noted]:
        """What is there now, by IP version; of a version without recorded ports nothing."""
        for family in (FAMILY_4, FAMILY_6):
            try:
                yield self._read(family)
            except FileNotFoundError:
                continue

    def _read(self, family: int) -> Noted:
        size = key_size(family)
        # Openings first: what is counted of a flow that opens meanwhile is found the next time.
        told = list(self._told(family, size))
        closed: dict[bytes, int] = {}
        for key, _ in self._expiring(family, CLOSED, size + 4):
            closed[key[:size]] = closed.get(key[:size], 0) | 1 << key[size]
        sent, received = dict(self._counted(family, SENT, size)), dict(self._counted(family, RECEIVED, size))
        lost = self._netfilter.counters(family, TABLE).get(flow_tables.LOST, (0, 0))[0]
        return Noted(family, told, sent, received, closed, lost)

    def _told(self, family: int, size: int) -> Iterator[Told]:
        longest = flow_tables.TIMEOUT_S[OPENED] * 1000
        for key, left_ms in self._expiring(family, OPENED, size + 8):
            attempt, rule = _WORDS.unpack_from(key, size)
            yield Told(key[:size], attempt, rule, max(longest - left_ms, 0) / 1000)

    def _expiring(self, family: int, name: str, size: int) -> Iterator[tuple[bytes, int]]:
        """Keys, and milliseconds until they go by themselves."""
        for part in self._netfilter.listed(family, TABLE, name):
            at, end = 0, len(part)
            while at < end:
                length = part[at] | part[at + 1] << 8
                yield part[at + _HEADER : at + _HEADER + size], _TAIL.unpack_from(part, at + length - 8)[0]
                at += (length + 3) & ~3

    def _counted(self, family: int, name: str, size: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
        for part in self._netfilter.listed(family, TABLE, name):
            at, end = 0, len(part)
            while at < end:
                start = at + _HEADER + size
                octets, packets = _EXPRESSION.unpack_from(part, start)
                yield part[at + _HEADER : start], (packets, octets)
                at += (part[at] | part[at + 1] << 8) + 3 & ~3

    def forget(self, noted: Noted, told: Iterable[Told], flows: Iterable[bytes]) -> None:
        """Of what was read, take out decisions and all that is known of flows that are over."""
        over = list(flows)
        opened = [t.key + _WORDS.pack(t.attempt, t.rule) for t in told]
        closed = [k + struct.pack("=I", b) for k in over for b in (1, 2, 3) if noted.closed.get(k, 0) & 1 << b]
        sent, received = ([k for k in over if k in counts] for counts in (noted.sent, noted.received))
        for name, keys in ((OPENED, opened), (SENT, sent), (RECEIVED, received), (CLOSED, closed)):
            self._netfilter.discard(noted.family, TABLE, name, keys)


def both_done(closed: int) -> bool:
    """Whether a reset was seen, or a FIN of either side, by the bits of :attr:`Noted.closed`."""
    return bool(closed & 1 << 3) or closed & 6 == 6
