"""The two formats that Wireshark and tcpdump open: bytes of headers and of records. No I/O.

pcap has microseconds and neither names nor directions; pcapng has nanoseconds, names of interfaces, the direction of
each packet, comments, and how many packets each interface lost.
Source: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol

from lazulite.engines.capture.packet import Packet

_ETHERNET = 1
_LONGEST = 262144
"""Bytes a packet that readers accept; also what is told where nothing is cut."""
_END_OF_OPTIONS = struct.pack("<HH", 0, 0)
_INBOUND, _OUTBOUND = 1, 2
_NANOSECONDS = 9


class Format(Protocol):
    """How a file begins, goes on and ends."""

    def header(self) -> bytes:
        """What comes before the first packet."""

    def record(self, packet: Packet, comment: str = "") -> bytes: ...

    def trailer(self, at: int, counts: Sequence[tuple[int, int]]) -> bytes:
        """What comes last, at a time in nanoseconds: by interface, packets received and lost."""


class Pcap:
    """Network Watcher's ``.cap``. All interfaces in one."""

    def __init__(self, cut: int = 0) -> None:
        self._cut = cut or _LONGEST

    def header(self) -> bytes:
        return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, self._cut, _ETHERNET)

    def record(self, packet: Packet, comment: str = "") -> bytes:
        seconds, rest = divmod(packet.at, 1_000_000_000)
        return struct.pack("<IIII", seconds, rest // 1000, len(packet.data), packet.length) + packet.data

    def trailer(self, at: int, counts: Sequence[tuple[int, int]]) -> bytes:
        return b""


class Pcapng:
    """*interfaces* are names and descriptions, by number."""

    def __init__(self, interfaces: Sequence[tuple[str, str]], cut: int = 0) -> None:
        self._interfaces, self._cut = interfaces, cut

    def header(self) -> bytes:
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + _option(4, b"Lazulite") + _END_OF_OPTIONS
        return _block(0x0A0D0D0A, section) + b"".join(self._interface(*names) for names in self._interfaces)

    def _interface(self, name: str, description: str) -> bytes:
        options = _option(2, name.encode()) + (_option(3, description.encode()) if description else b"")
        resolution = _option(9, bytes([_NANOSECONDS]))
        return _block(1, struct.pack("<HHI", _ETHERNET, 0, self._cut) + options + resolution + _END_OF_OPTIONS)

    def record(self, packet: Packet, comment: str = "") -> bytes:
        at, source, sent, length, data = packet
        padding, end = -len(data) % 4, _SENT if sent else _GOT
        if comment:
            end = _option(1, comment.encode()) + end
        size = _PACKET.size + len(data) + padding + len(end) + 4
        head = _PACKET.pack(6, size, source, at >> 32, at & 0xFFFFFFFF, len(data), length)
        return b"".join((head, data, _ZEROS[:padding], end, _LENGTH.pack(size)))

    def trailer(self, at: int, counts: Sequence[tuple[int, int]]) -> bytes:
        return b"".join(_statistics(n, at, *both) for n, both in enumerate(counts))


def _statistics(number: int, at: int, received: int, lost: int) -> bytes:
    counted = _option(4, struct.pack("<Q", received)) + _option(5, struct.pack("<Q", lost))
    return _block(5, struct.pack("<III", number, at >> 32, at & 0xFFFFFFFF) + counted + _END_OF_OPTIONS)


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


_PACKET, _LENGTH, _ZEROS = struct.Struct("<IIIIIII"), struct.Struct("<I"), bytes(3)
_SENT, _GOT = (_option(2, _LENGTH.pack(way)) + _END_OF_OPTIONS for way in (_OUTBOUND, _INBOUND))
