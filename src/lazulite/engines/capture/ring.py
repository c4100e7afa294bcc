"""A ring of memory that the kernel fills with packets: TPACKET_V3. Nobody copies a packet but the kernel, once.

Source: Documentation/networking/packet_mmap.rst and linux/if_packet.h of the kernel.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
import struct
from collections.abc import Sequence

from lazulite.engines.capture.classic import Instruction, attach
from lazulite.engines.capture.packet import Packet

BLOCK = 1 << 18
"""Bytes; a block holds the longest packet there is, with its headers."""
PAUSE_MS = 20
"""After this long the kernel hands over a block that is not full."""
_FRAME = 2048
_SOL_PACKET, _RX_RING, _STATISTICS, _VERSION, _V3 = 263, 5, 6, 10, 2
_EVERY_PROTOCOL = 0x0003
_STATUS, _READY = 8, 1
_OUTGOING = 4
_TAGGED = 0x10
_KIND = 58
"""Offset of the packet's kind within its record: in the address that follows the header."""
_HEADER = struct.Struct("=IIIIIIHHIIHH")
_BLOCK = struct.Struct("=II")


class LinkGoneError(Exception):
    """The interface is there no more; ``number`` is the ring's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Ring:
    """Packets of the interface *link*; *opened* is a packet socket in its namespace that hears nothing yet.

    Raises ``OSError``: there is no such interface, no memory, or the kernel does not take the filter.
    """

    def __init__(
        self, opened: socket.socket, link: str, code: Sequence[Instruction], number: int = 0, blocks: int = 64
    ) -> None:
        self._socket, self._number, self._blocks, self._next = opened, number, blocks, 0
        self.received = self.lost = 0
        opened.setsockopt(_SOL_PACKET, _VERSION, _V3)
        size = BLOCK * blocks
        request = struct.pack("7I", BLOCK, blocks, _FRAME, size // _FRAME, PAUSE_MS, 0, 0)
        opened.setsockopt(_SOL_PACKET, _RX_RING, request)
        attach(opened, code)
        self._memory = mmap.mmap(opened.fileno(), size)
        opened.bind((link, _EVERY_PROTOCOL))

    def fileno(self) -> int:
        """Readable when there is a block to take."""
        return self._socket.fileno()

    def take(self) -> list[Packet]:
        """All that the kernel handed over. Raises :class:`LinkGoneError`."""
        taken: list[Packet] = []
        for _ in range(self._blocks):
            start = self._next * BLOCK
            if not self._memory[start + _STATUS] & _READY:
                break
            self._read(start, taken)
            self._memory[start + _STATUS : start + _STATUS + 4] = bytes(4)
            self._next = (self._next + 1) % self._blocks
        failed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed and not taken:
            if failed == errno.ENETDOWN:
                raise LinkGoneError(self._number)
            raise OSError(failed, os.strerror(failed))
        return taken

    def _read(self, start: int, taken: list[Packet]) -> None:
        count, first = _BLOCK.unpack_from(self._memory, start + 12)
        at, memory, source = start + first, self._memory, self._number
        for _ in range(count):
            after, seconds, ns, kept, length, status, mac, _, _, tag, kind, _ = _HEADER.unpack_from(memory, at)
            data = memory[at + mac : at + mac + kept]
            if status & _TAGGED:  # the kernel takes a tag out of the packet
                data = data[:12] + struct.pack("!HH", kind or 0x8100, tag) + data[12:]
                length += 4
            sent = memory[at + _KIND] != _OUTGOING
            taken.append(Packet(seconds * 1_000_000_000 + ns, source, sent, length, data))
            at += after

    def count(self) -> None:
        """Bring ``received`` and ``lost`` up to date."""
        received, lost, _ = struct.unpack("3I", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        self.received += received
        self.lost += lost

    def close(self) -> None:
        self._memory.close()
        self._socket.close()
