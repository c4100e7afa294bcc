"""Many datagrams with one call of the kernel: ``recvmmsg`` and ``sendmmsg``, which Python does not have.

A batch is a fixed set of slots: a datagram, its sender's address, and the answer's place. A call costs as much as a few
of Python's own, however many datagrams it moves, and no address is turned into text and back on the way.
"""

from __future__ import annotations

import ctypes
import errno
import socket

SLOTS = 64
"""Datagrams a call moves at most."""
_IN, _OUT = 4096, 4096
"""Octets of a query and of an answer; queries that are longer are cut, and then refused as malformed."""
_DONT_WAIT = socket.MSG_DONTWAIT
_PASSING = frozenset({errno.EAGAIN, errno.EINTR})
_libc = ctypes.CDLL(None, use_errno=True)


class _Part(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("parts", ctypes.c_void_p),
        ("part_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("_padding", ctypes.c_uint32),
        ("moved", ctypes.c_uint32),
        ("_end", ctypes.c_uint32),
    )


_HEADER = ctypes.sizeof(_Header)
_MOVED = _Header.moved.offset // 4


def _parts(start: int, size: int) -> ctypes.Array[_Part]:
    return (_Part * SLOTS)(*(_Part(start + i * size, size) for i in range(SLOTS)))


class Batch:
    """The slots for sockets of one family. ``heard`` and ``names`` hold what came, ``said`` what is to go."""

    def __init__(self, family: int) -> None:
        self._name = 28 if family == socket.AF_INET6 else 16
        self._address = (8, 16) if family == socket.AF_INET6 else (4, 4)
        self._family = family
        self._buffers = [ctypes.create_string_buffer(SLOTS * n) for n in (_IN, _OUT, self._name)]
        self.heard, self.said, self.names = (memoryview(b).cast("B") for b in self._buffers)
        heard, said, names = (ctypes.addressof(b) for b in self._buffers)
        self._parts = [_parts(heard, _IN), _parts(said, _OUT)]
        self._headers = [(_Header * SLOTS)(), (_Header * SLOTS)()]
        for parts, headers in zip(self._parts, self._headers, strict=True):
            for i in range(SLOTS):
                headers[i].name, headers[i].name_length = names + i * self._name, self._name
                headers[i].parts, headers[i].part_count = ctypes.addressof(parts) + i * ctypes.sizeof(_Part), 1
        self._first_name = names
        self._lengths = memoryview(self._headers[0]).cast("B").cast("I")
        self._out_names = memoryview(self._headers[1]).cast("B").cast("Q")
        self._out_lengths = memoryview(self._parts[1]).cast("B").cast("Q")
        self.waiting = 0
        """Answers that are to be sent."""

    def receive(self, descriptor: int) -> int:
        """How many datagrams came; 0 when there is none."""
        count: int = _libc.recvmmsg(descriptor, self._headers[0], SLOTS, _DONT_WAIT, None)
        return max(0, count)

    def query(self, slot: int) -> memoryview:
        start = slot * _IN
        return self.heard[start : start + self._lengths[slot * (_HEADER // 4) + _MOVED]]

    def client(self, slot: int, octets: int) -> bytes:
        """The first *octets* of the sender's address."""
        start = slot * self._name + self._address[0]
        return self.names[start : start + octets].tobytes()

    def source(self, slot: int) -> str:
        """The sender's address as text."""
        return socket.inet_ntop(self._family, self.client(slot, self._address[1]))

    def port(self, slot: int) -> int:
        start = slot * self._name + 2
        return int.from_bytes(self.names[start : start + 2])

    def answer(self, slot: int, head: memoryview | bytes, rest: bytes) -> None:
        """Have *head* and *rest* sent to where the datagram of *slot* came from. Longer than a slot: dropped."""
        size = len(head) + len(rest)
        if size > _OUT:
            return
        out = self.waiting
        start = out * _OUT
        self.said[start : start + len(head)] = head
        self.said[start + len(head) : start + size] = rest
        self._out_names[out * (_HEADER // 8)] = self._first_name + slot * self._name
        self._out_lengths[out * 2 + 1] = size
        self.waiting = out + 1

    def flush(self, descriptor: int) -> None:
        """Send all answers; one that the kernel does not take stops none of the others."""
        sent, headers = 0, ctypes.addressof(self._headers[1])
        while sent < self.waiting:
            place = ctypes.c_void_p(headers + sent * _HEADER)
            count = _libc.sendmmsg(descriptor, place, self.waiting - sent, _DONT_WAIT)
            if count < 0 and ctypes.get_errno() in _PASSING:
                break  # a full buffer: who asked, asks again
            sent += max(1, count)
        self.waiting = 0
