"""Translation bindings of an edge: forgetting those of an address that no longer belongs to whom it did.

A binding would otherwise go on sending to the former owner of a public address until it is idle for long enough.
Constants from ``linux/netfilter/nfnetlink_conntrack.h``.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterator

from lazulite.drivers.linux.netlink import attribute, attributes, open_socket
from lazulite.values import IPAddress

_NETFILTER = 12
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_ERROR, _DONE = 2, 3
_ORIGINAL, _REPLY, _TUPLE_IP = 1, 2, 1
_SOURCE = {4: 1, 6: 3}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_NESTED = 0x8000


def forget(addresses: Collection[IPAddress]) -> int:
    """Delete every binding that *addresses* take part in, in the calling thread's namespace; how many there were."""
    with open_socket(_NETFILTER) as opened:
        found = [(v, t) for v in (4, 6) for t in _bindings(opened, v, {a.packed for a in addresses if a.version == v})]
        for version, original in found:
            body = struct.pack(">BBH", _FAMILY[version], 0, 0) + attribute(_ORIGINAL | _NESTED, original)
            opened.send(struct.pack("IHHII", 16 + len(body), _DELETE, _REQUEST | _ACK, 1, 0) + body)
            opened.recv(1 << 16)  # acknowledged; an error says that it is gone by itself
    return len(found)


def _bindings(opened: socket.socket, version: int, packed: Collection[bytes]) -> Iterator[bytes]:
    """The original tuples of the bindings with one of these addresses at the sending end of either direction."""
    if not packed:
        return
    body = struct.pack(">BBH", _FAMILY[version], 0, 0)
    opened.send(struct.pack("IHHII", 16 + len(body), _GET, _REQUEST | _DUMP, 1, 0) + body)
    for payload in _dumped(opened):
        parts = attributes(payload, 4)
        ends = (attributes(attributes(parts[t], 0)[_TUPLE_IP], 0) for t in (_ORIGINAL, _REPLY))
        if any(end.get(_SOURCE[version]) in packed for end in ends):
            yield parts[_ORIGINAL]


def _dumped(opened: socket.socket) -> Iterator[bytes]:
    found: list[bytes] = []
    while True:
        packet, offset = opened.recv(1 << 18), 0
        while offset < len(packet):
            length, kind = struct.unpack_from("IH", packet, offset)
            if kind in (_DONE, _ERROR):
                yield from found
                return
            found.append(packet[offset + 16 : offset + length])
            offset += (length + 3) & ~3
