"""Maps that are made, replaced and read back as a whole: what their keys and values look like. Pure.

A pool has 256 buckets or more, and a thousand pools must be cheap: each is one object, its content the bytes that the
kernel holds. The first letter of a map's name is its shape.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address

import msgspec

from lazulite.values import IPAddress, PortRange

BUCKET_ADDRESS, BUCKET_MARK, PORT_BLOCK = "h", "m", "f"
_NAME = re.compile(r"([hmf])[0-9a-f]{10}")
_NUMBER = "typeof symhash mod 4096"
"""A bucket is a number of the kernel's own byte order; nft has no name for the type, but for expressions of it."""


class Shape(msgspec.Struct, frozen=True):
    """``declared`` has the words of the IP version left to fill in."""

    declared: str
    key_size: int
    value_sizes: Mapping[str, int]
    """By table family."""
    key: Callable[[bytes], str]
    value: Callable[[bytes], str]

    def declaration(self, family: str) -> str:
        return self.declared.format(ip=family)

    def elements(self, family: str, content: bytes) -> dict[bytes, bytes]:
        size = self.key_size + self.value_sizes[family]
        parts = (content[i : i + size] for i in range(0, len(content), size))
        return {part[: self.key_size]: part[self.key_size :] for part in parts}


def _number(raw: bytes) -> str:
    return str(struct.unpack("I", raw)[0])


def _mark(raw: bytes) -> str:
    return hex(struct.unpack("I", raw)[0])


def _address(raw: bytes) -> str:
    return str(ip_address(raw))


def _block(raw: bytes) -> str:
    first, last = struct.unpack_from(">H", raw, 4)[0], struct.unpack_from(">H", raw, 12)[0]
    return f"{ip_address(raw[:4])} . {first}-{last}"


SHAPES: Mapping[str, Shape] = {
    BUCKET_ADDRESS: Shape(f"{_NUMBER} : {{ip}} daddr", 4, {"ip": 4, "ip6": 16}, _number, _address),
    BUCKET_MARK: Shape(f"{_NUMBER} : meta mark", 4, {"ip": 4, "ip6": 4}, _number, _mark),
    PORT_BLOCK: Shape("type ipv4_addr : interval ipv4_addr . inet_service", 4, {"ip": 16}, _address, _block),
}


def shape_of(map_name: str) -> str:
    """The shape that a map's name tells; empty when it is none of these."""
    found = _NAME.fullmatch(map_name)
    return found[1] if found else ""


def joined(elements: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The content that these elements are."""
    return b"".join(sorted(k + v for k, v in elements))


def bucket_addresses(owners: Iterable[IPAddress | None]) -> bytes:
    """The content that gives each bucket, in order, to an address."""
    return joined((struct.pack("I", i), a.packed) for i, a in enumerate(owners) if a is not None)


def bucket_marks(owners: Iterable[int | None]) -> bytes:
    """The same for packet marks."""
    return joined((struct.pack("I", i), struct.pack("I", m)) for i, m in enumerate(owners) if m is not None)


def port_blocks(blocks: Iterable[tuple[IPAddress, IPAddress, PortRange]]) -> bytes:
    """The content that gives private addresses (first) ports of public ones."""
    return joined((p.packed, _end(a, r.first) + _end(a, r.last)) for p, a, r in blocks)


def _end(address: IPAddress, port: int) -> bytes:
    return address.packed + struct.pack(">HH", port, 0)
