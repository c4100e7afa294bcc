"""Translation bindings of a namespace: who uses which, and forgetting those that no longer belong to whom they did.

A binding would otherwise go on sending to the former owner of a public address until it is idle for long enough.
Constants from ``linux/netfilter/nfnetlink_conntrack.h``.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_address

import msgspec

from lazulite.drivers.linux.netlink import attribute, attributes, open_socket
from lazulite.values import IPAddress

_NETFILTER = 12
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_REQUEST, _ACK, _DUMP = 1, 4, 0x300
_ERROR, _DONE = 2, 3
_MARK = 8
_ORIGINAL, _REPLY, _TIMEOUT, _IP, _PROTO = 1, 2, 7, 1, 2
_SOURCE, _DESTINATION = {4: 1, 6: 3}, {4: 2, 6: 4}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_NESTED = 0x8000
TCP, UDP = 6, 17


class End(msgspec.Struct, frozen=True):
    """One direction of a binding. Ports are 0 where the protocol has none."""

    source: IPAddress
    destination: IPAddress
    source_port: int = 0
    destination_port: int = 0


class Binding(msgspec.Struct, frozen=True):
    """What was sent, and how its answers look when they arrive: where the two are no mirrors it was translated."""

    protocol: int
    original: End
    reply: End
    left_s: int = 0
    """For how long it goes on to be known if nothing comes."""
    raw: bytes = b""
    """The original direction as the kernel names it."""
    mark: int = 0

    @property
    def source_translated(self) -> bool:
        return self.reply.destination != self.original.source

    @property
    def destination_translated(self) -> bool:
        return self.reply.source != self.original.destination


def bindings(version: int) -> list[Binding]:
    """All bindings of one IP version in the calling thread's namespace."""
    with open_socket(_NETFILTER) as opened:
        return list(_bindings(opened, version))


def forget(addresses: Collection[IPAddress]) -> int:
    """Delete every binding that *addresses* take part in, in the calling thread's namespace; how many there were."""
    versions = {a.version for a in addresses}
    return delete(versions, lambda b: b.original.source in addresses or b.reply.source in addresses)


def forget_translated(addresses: Collection[IPAddress]) -> int:
    """The same for bindings that were made for *addresses*: flows to them, and flows that leave from them."""
    versions = {a.version for a in addresses}
    return delete(versions, lambda b: b.original.destination in addresses or b.reply.destination in addresses)


def delete(versions: Collection[int], concerned: Callable[[Binding], bool]) -> int:
    """Delete the bindings that *concerned* says so of; how many there were."""
    count = 0
    with open_socket(_NETFILTER) as opened:
        for version in sorted(versions):
            found = [b for b in _bindings(opened, version) if concerned(b)]
            for binding in found:
                body = struct.pack(">BBH", _FAMILY[version], 0, 0) + attribute(_ORIGINAL | _NESTED, binding.raw)
                opened.send(struct.pack("IHHII", 16 + len(body), _DELETE, _REQUEST | _ACK, 1, 0) + body)
                opened.recv(1 << 16)  # acknowledged; an error says that it is gone by itself
            count += len(found)
    return count


def _bindings(opened: socket.socket, version: int) -> Iterator[Binding]:
    body = struct.pack(">BBH", _FAMILY[version], 0, 0)
    opened.send(struct.pack("IHHII", 16 + len(body), _GET, _REQUEST | _DUMP, 1, 0) + body)
    for payload in _dumped(opened):
        parts = attributes(payload, 4)
        protocol, original = _end(parts[_ORIGINAL], version)
        left = int.from_bytes(parts.get(_TIMEOUT, b""))
        mark = int.from_bytes(parts.get(_MARK, b""))
        yield Binding(protocol, original, _end(parts[_REPLY], version)[1], left, parts[_ORIGINAL], mark)


def _end(raw: bytes, version: int) -> tuple[int, End]:
    tuples = attributes(raw, 0)
    addresses, protocol = attributes(tuples[_IP], 0), attributes(tuples[_PROTO], 0)
    source, destination = ip_address(addresses[_SOURCE[version]]), ip_address(addresses[_DESTINATION[version]])
    ports = (int.from_bytes(protocol.get(k, b"")) for k in (2, 3))
    return protocol[1][0], End(source, destination, *ports)


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
