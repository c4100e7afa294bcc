"""Filters as programs that the kernel runs on each packet before it is copied: classic BPF.

A packet that is too short for a question is not kept. Ports are asked of TCP and UDP, of first fragments, and in
IPv6 of packets without extension headers.
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TypeAlias

from lazulite.forwarding.model import CaptureFilter
from lazulite.values import PortRange, Protocol

Instruction: TypeAlias = tuple[int, int, int, int]
"""Operation, how many to skip where a test holds and where it does not, and a number."""
LONGEST = 4096
"""Instructions that the kernel takes."""
ALL = 0x40000
"""More bytes than a packet has."""
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _LOAD_HALF_AT = 0x20, 0x28, 0x30, 0x48
_LOADS = (_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE)
_LOAD_HEADER_LENGTH = 0xB1
_JUMP, _EQUAL, _GREATER, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x05, 0x15, 0x25, 0x35, 0x45, 0x54, 0x06
_DIRECTION, _TO_WORKLOAD = 0xFFFFF004, 4
"""Where the kernel has the kind of a packet (``SKF_AD_PKTTYPE``), and what it is for one that leaves the router."""
_TYPES = {4: 0x0800, 6: 0x86DD}
_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.ICMP: 1, Protocol.ESP: 50, Protocol.AH: 51}
_ICMP_6 = 58
_ATTACH = 26  # SO_ATTACH_FILTER, of asm-generic/socket.h


class _Assembly:
    """Instructions with places to jump to by name. Only a jump without a condition goes far enough for any program."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int | str]] = []
        self._places: dict[str, int] = {}

    def add(self, operation: int, number: int = 0) -> None:
        self._code.append((operation, 0, 0, number))

    def go(self, place: str) -> None:
        self._code.append((_JUMP, 0, 0, place))

    def unless(self, test: int, number: int, place: str) -> None:
        """Go on where the test holds, to *place* where it does not."""
        self._code.append((test, 1, 0, number))
        self.go(place)

    def when(self, test: int, number: int, place: str) -> None:
        self._code.append((test, 0, 1, number))
        self.go(place)

    def mark(self, place: str) -> None:
        self._places[place] = len(self._code)

    def new(self) -> str:
        """A name for a place."""
        self._places[name := f"#{len(self._places)}"] = 0
        return name

    def done(self) -> list[Instruction]:
        """Raises ``ValueError`` for more than the kernel takes."""
        if len(self._code) > LONGEST:
            raise ValueError(f"the filters make {len(self._code)} instructions, and the kernel takes {LONGEST}")
        return [
            (op, yes, no, number if isinstance(number, int) else self._places[number] - at - 1)
            for at, (op, yes, no, number) in enumerate(self._code)
        ]


def program(filters: Sequence[CaptureFilter], cut: int = 0) -> list[Instruction]:
    """What any of *filters* matches is kept, its first *cut* bytes (0: all). Without a filter, everything.

    Raises ``ValueError`` where that is too long.
    """
    made, keep = _Assembly(), "keep"
    for asked in filters:
        after = made.new()
        _filter(made, asked, after)
        made.go(keep)
        made.mark(after)
    if filters:
        made.add(_RETURN, 0)
    made.mark(keep)
    made.add(_RETURN, cut or ALL)
    return made.done()


def _filter(made: _Assembly, asked: CaptureFilter, no: str) -> None:
    """Go on where the packet is one that is asked for."""
    if asked == CaptureFilter():
        return
    yes = made.new()
    for version in _TYPES:
        other = made.new()
        made.add(_LOAD_HALF, 12)
        made.unless(_EQUAL, _TYPES[version], other)
        _packet(made, asked, version, no)
        made.go(yes)
        made.mark(other)
    made.go(no)
    made.mark(yes)


def _packet(made: _Assembly, asked: CaptureFilter, version: int, no: str) -> None:
    local, remote = (_of(version, networks) for networks in (asked.local, asked.remote))
    portless = asked.protocol is not None and not asked.protocol.has_ports
    asks_ports = bool(asked.local_ports or asked.remote_ports)
    if (asked.local and not local) or (asked.remote and not remote) or (asks_ports and portless):
        made.go(no)
        return
    _protocol(made, asked, version, no)
    if not (local or remote or asks_ports):
        return
    received, done = made.new(), made.new()
    made.add(_LOAD_WORD, _DIRECTION)
    made.when(_EQUAL, _TO_WORKLOAD, received)
    _ends(made, version, (local, remote), (asked.local_ports, asked.remote_ports), no)
    made.go(done)
    made.mark(received)
    _ends(made, version, (remote, local), (asked.remote_ports, asked.local_ports), no)
    made.mark(done)


def _of(version: int, networks: Iterable[IPv4Network | IPv6Network]) -> list[IPv4Network | IPv6Network]:
    return [n for n in networks if n.version == version]


def _protocol(made: _Assembly, asked: CaptureFilter, version: int, no: str) -> None:
    if asked.protocol is None and not (asked.local_ports or asked.remote_ports):
        return
    made.add(_LOAD_BYTE, 23 if version == 4 else 20)
    if asked.protocol is None:
        yes = made.new()
        made.when(_EQUAL, _NUMBERS[Protocol.TCP], yes)
        made.unless(_EQUAL, _NUMBERS[Protocol.UDP], no)
        made.mark(yes)
    else:
        icmp = asked.protocol is Protocol.ICMP and version == 6
        made.unless(_EQUAL, _ICMP_6 if icmp else _NUMBERS[asked.protocol], no)


def _ends(
    made: _Assembly,
    version: int,
    networks: tuple[Sequence[IPv4Network | IPv6Network], Sequence[IPv4Network | IPv6Network]],
    ports: tuple[Sequence[PortRange], Sequence[PortRange]],
    no: str,
) -> None:
    """Source and destination."""
    for at, wanted in zip((26, 30) if version == 4 else (22, 38), networks, strict=True):
        if wanted:
            (_address_4 if version == 4 else _address_6)(made, at, wanted, no)
    if not any(ports):
        return
    if version == 4:
        made.add(_LOAD_HALF, 20)
        made.when(_ANY_BIT, 0x1FFF, no)
        made.add(_LOAD_HEADER_LENGTH, 14)
    for offset, ranges in zip((0, 2), ports, strict=True):
        if ranges:
            made.add(*((_LOAD_HALF_AT, 14 + offset) if version == 4 else (_LOAD_HALF, 54 + offset)))
            _among(made, [(r.first, r.last) for r in ranges], no)


def _address_4(made: _Assembly, at: int, networks: Iterable[IPv4Network | IPv6Network], no: str) -> None:
    made.add(_LOAD_WORD, at)
    _among(made, _spans([n for n in networks if isinstance(n, IPv4Network)]), no)


def _spans(networks: Iterable[IPv4Network]) -> list[tuple[int, int]]:
    """First and last address of each stretch: a range that came as many prefixes is one again."""
    spans: list[tuple[int, int]] = []
    for network in collapse_addresses(networks):
        first, last = int(network[0]), int(network.broadcast_address)
        if spans and spans[-1][1] + 1 == first:
            first = spans.pop()[0]
        spans.append((first, last))
    return spans


def _among(made: _Assembly, spans: Iterable[tuple[int, int]], no: str) -> None:
    """Go on where the loaded number is in one of the spans."""
    yes = made.new()
    for first, last in spans:
        after = made.new()
        made.unless(_AT_LEAST, first, after)
        made.unless(_GREATER, last, yes)
        made.mark(after)
    made.go(no)
    made.mark(yes)


def _address_6(made: _Assembly, at: int, networks: Iterable[IPv4Network | IPv6Network], no: str) -> None:
    yes = made.new()
    for network in networks:
        after = made.new()
        for word in range(0, 16, 4):
            mask = int.from_bytes(network.netmask.packed[word : word + 4])
            if mask:
                made.add(_LOAD_WORD, at + word)
                made.add(_AND, mask)
                made.unless(_EQUAL, int.from_bytes(network.network_address.packed[word : word + 4]), after)
        made.go(yes)
        made.mark(after)
    made.go(no)
    made.mark(yes)


def seen_from_workload(code: Sequence[Instruction]) -> list[Instruction]:
    """A program made for the workload's own interface, for the other end of its link: in and out change places."""
    turned = list(code)
    for before, (operation, yes, no, number) in enumerate(turned[1:]):
        asks = turned[before][0] in _LOADS and turned[before][3] == _DIRECTION
        if asks and operation == _EQUAL:
            turned[before + 1] = operation, no, yes, number
    return turned


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("number", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.POINTER(_Instruction)))


def attach(to: socket.socket, code: Sequence[Instruction]) -> None:
    """Have the socket get only what the program keeps. Raises ``OSError`` for what the kernel does not take."""
    filled = (_Instruction * len(code))(*(_Instruction(*one) for one in code))
    to.setsockopt(socket.SOL_SOCKET, _ATTACH, bytes(_Program(len(code), filled)))
