"""Reads what routers noted of flows. Blocks; for a thread of its own.

A thousand elements cost some milliseconds: their layout is known, so they are not parsed attribute by attribute.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from lazulite.drivers.linux import flow_tables, names, namespaces
from lazulite.drivers.linux.flow_tables import CLOSED, OPENED, RECEIVED, SENT, key_size
from lazulite.drivers.linux.netfilter import NetfilterSocket
from lazulite.drivers.linux.nfnetlink import FAMILY_4, FAMILY_6
from lazulite.drivers.linux.skeleton import TABLE

_HEADER = 12
"""Bytes before the key of an element: three nested attributes."""
_EXPRESSION = struct.Struct(">24xQ4xQ")
"""What follows the key of an element that counts: bytes and packets."""
_TAIL = struct.Struct(">Q")
"""What ends an element: milliseconds until it goes by itself."""
_TIMEOUT_MS = flow_tables.TIMEOUT_S * 1000
_WORDS = struct.Struct("=II")
_TICKS = 6
"""``CLOCK_MONOTONIC_COARSE`` of ``linux/time.h``: it goes on with the kernel's ticks, which the age of elements is
counted in."""
_GRACE_S = 0.005
"""Packets that are on their way through the rules when tables take turns are through by then."""


def moment() -> float:
    """Now, in seconds, as the kernel knows it that counts the age of elements."""
    return time.clock_gettime(_TICKS)


Told: TypeAlias = tuple[bytes, int, int, float]
"""A decision: the flow's key, what tells two of its attempts apart, the rule's number, and its age in seconds."""
Count: TypeAlias = tuple[int, int, float]
"""Packets, bytes, and seconds since the last one."""


class Noted(NamedTuple):
    """What happened at recorded ports since the last reading, by one IP version, counts by the flow's key."""

    family: int
    told: list[Told]
    sent: dict[bytes, Count]
    received: dict[bytes, Count]
    closed: dict[bytes, tuple[int, float]]
    """Bits of :mod:`flow_tables`, and seconds since the last of them."""
    lost: int
    """Since the tables were made."""


class Ends(NamedTuple):
    """What the key of a flow says; the interface by index, the protocol by number."""

    interface: int
    local: str
    remote: str
    local_port: int
    remote_port: int
    protocol: int


@lru_cache(maxsize=1 << 15)
def ends(key: bytes) -> Ends:
    """Kept for a while: a flow that began is about to end."""
    size = (len(key) - 16) // 2
    interface = int.from_bytes(key[:4], "little")
    at = 4 + 2 * size
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    local, remote = socket.inet_ntop(family, key[4 : 4 + size]), socket.inet_ntop(family, key[4 + size : at])
    return Ends(interface, local, remote, key[at] << 8 | key[at + 1], key[at + 4] << 8 | key[at + 5], key[at + 8])


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
        self._turns: dict[int, int] = {}
        """Which tables packets fill, by IP version; after a start none knows."""
        self._quiet: dict[int, bool] = {}

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

    def read(self, since: float) -> Iterator[Noted]:
        """What is new, by IP version; of a version without recorded ports nothing. It is given once.

        Ages are as of *since*, a :func:`moment`; what happened after it has a negative one.
        """
        for family in (FAMILY_4, FAMILY_6):
            try:
                yield self._read(family, since)
            except FileNotFoundError:
                self._turns.pop(family, None)

    def _read(self, family: int, since: float) -> Noted:
        lost = self._netfilter.counters(family, TABLE).get(flow_tables.LOST, (0, 0))[0]
        first = family not in self._turns
        turn = self._turns.get(family, 0)
        if self._quiet.get(family) and not first and not self._anything(family, turn):
            return Noted(family, [], {}, {}, {}, lost)
        self._turns[family] = 1 - turn
        self._netfilter.replace_rules(flow_tables.turned(family, 1 - turn))
        time.sleep(_GRACE_S)
        noted = self._taken(family, turn, lost, since)
        self._quiet[family] = not (noted.told or noted.sent or noted.received)
        return noted

    def _anything(self, family: int, turn: int) -> bool:
        tables = (f"{name}{turn}" for name in (SENT, RECEIVED, OPENED))
        return any([b"".join(self._netfilter.listed(family, TABLE, table)) for table in tables])

    def _taken(self, family: int, turn: int, lost: int, since: float) -> Noted:
        """All that stands in the tables of a turn, which are empty afterwards."""
        size = key_size(family)
        told = [
            (key[:size], *_WORDS.unpack_from(key, size), age_s - (asked - since))
            for key, age_s, asked, _ in self._keys(family, f"{OPENED}{turn}", size + 8)
        ]
        closed: dict[bytes, tuple[int, float]] = {}
        for key, read_age_s, _, got in self._keys(family, f"{CLOSED}{turn}", size + 4):
            age_s = read_age_s - (got - since)
            bits, other_s = closed.get(key[:size], (0, age_s))
            closed[key[:size]] = bits | key[size], min(age_s, other_s)
        sent, received = (dict(self._counts(family, f"{name}{turn}", size, since)) for name in (SENT, RECEIVED))
        noted = Noted(family, told, sent, received, closed, lost)
        if told or sent or received or closed:
            self._netfilter.empty(family, TABLE, [f"{n}{turn}" for n in (OPENED, SENT, RECEIVED, CLOSED)])
        return noted

    def _parts(self, family: int, table: str) -> Iterator[tuple[bytes, float, float]]:
        """Parts of a table, and two moments between which the kernel wrote each: ages are as of then, and on a busy
        machine one table may be read long after another. It writes the next part when it hands over one."""
        written: tuple[float, float] | None = None
        before = moment()
        for part in self._netfilter.listed(family, TABLE, table):
            after = moment()
            yield part, *(written or (before, after))
            written, before = (before, after), moment()

    def _keys(self, family: int, table: str, size: int) -> Iterator[tuple[bytes, float, float, float]]:
        """Keys, how old they were, and the moments between which that was so.

        Whoever compares takes the first for what opens a flow and the last for what closes it, so that a moment's
        delay takes no end from its own flow.
        """
        for part, asked, got in self._parts(family, table):
            at, end = 0, len(part)
            while at < end:
                length = part[at] | part[at + 1] << 8
                (left_ms,) = _TAIL.unpack_from(part, at + length - 8)
                yield part[at + _HEADER : at + _HEADER + size], (_TIMEOUT_MS - left_ms) / 1000, asked, got
                at += (length + 3) & ~3

    def _counts(self, family: int, table: str, size: int, since: float) -> Iterator[tuple[bytes, Count]]:
        for part, asked, _ in self._parts(family, table):
            at, end, later_s = 0, len(part), asked - since
            while at < end:
                start = at + _HEADER + size
                octets, packets = _EXPRESSION.unpack_from(part, start)
                length = part[at] | part[at + 1] << 8
                (left_ms,) = _TAIL.unpack_from(part, at + length - 8)
                yield part[at + _HEADER : start], (packets, octets, (_TIMEOUT_MS - left_ms) / 1000 - later_s)
                at += (length + 3) & ~3
