"""Packets of both IP versions as bytes: enough of each header to write the probe's cases."""

import socket
import struct
from dataclasses import dataclass

TCP, UDP, FENCE = 6, 17, 253
"""Protocol numbers; 253 is the one RFC 3692 leaves to experiments, here the packet that is always let through."""
SYN, ACK = 0x02, 0x10
V6_FRAGMENT = 44


@dataclass(frozen=True, eq=False)
class Family:
    """What differs between the two versions, by the words ``nft`` and ``ip`` use."""

    name: str
    domain: int
    icmp: int
    icmp_name: str
    echo_request: int
    echo_reply: int
    errors: dict[str, int]
    """ICMP type of each error that quotes the packet it is about."""
    inner: int
    """Offset of the quoted packet's header from the start of the outer one."""
    header: int
    """Length of the header in bytes, without options."""
    source: int
    """Offset of the source address in the header; the destination follows it."""
    lifetime: int
    """Offset of the TTL or hop limit in the header."""
    protocol: int
    """Offset of the protocol or next header in the header."""
    bits: int

    @property
    def address_length(self) -> int:
        return self.bits // 8

    def packed(self, address: str) -> bytes:
        return socket.inet_pton(self.domain, address)


IPV4 = Family(
    name="ip",
    domain=socket.AF_INET,
    icmp=1,
    icmp_name="icmp",
    echo_request=8,
    echo_reply=0,
    errors={"destination unreachable": 3, "time exceeded": 11, "parameter problem": 12},
    inner=28,
    header=20,
    source=12,
    lifetime=8,
    protocol=9,
    bits=32,
)
IPV6 = Family(
    name="ip6",
    domain=socket.AF_INET6,
    icmp=58,
    icmp_name="icmpv6",
    echo_request=128,
    echo_reply=129,
    errors={"destination unreachable": 1, "packet too big": 2, "time exceeded": 3, "parameter problem": 4},
    inner=48,
    header=40,
    source=8,
    lifetime=7,
    protocol=6,
    bits=128,
)


@dataclass(frozen=True)
class Packet:
    family: Family
    source: str
    destination: str
    protocol: int
    body: bytes
    lifetime: int = 64
    fragment: tuple[int, int, bool] | None = None
    """Identification, offset in bytes, more fragments."""

    def encode(self) -> bytes:
        return self._version_4() if self.family is IPV4 else self._version_6()

    def _addresses(self) -> bytes:
        return self.family.packed(self.source) + self.family.packed(self.destination)

    def _version_4(self) -> bytes:
        ident, offset, more = self.fragment or (0x4C5A, 0, False)
        start = struct.pack(
            ">BBHHHBB", 0x45, 0, 20 + len(self.body), ident, more << 13 | offset // 8, self.lifetime, self.protocol
        )
        return start + struct.pack(">H", checksum(start + self._addresses())) + self._addresses() + self.body

    def _version_6(self) -> bytes:
        protocol, body = self.protocol, self.body
        if self.fragment is not None:
            ident, offset, more = self.fragment
            body = struct.pack(">BBHI", protocol, 0, offset | more, ident) + body
            protocol = V6_FRAGMENT
        return struct.pack(">IHBB", 6 << 28, len(body), protocol, self.lifetime) + self._addresses() + body


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071); 0 over a header that carries a right one."""
    padded = octets + bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(family: Family, source: str, sport: int, destination: str, dport: int, flags: int) -> Packet:
    segment = struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 5 << 4, flags, 1024, 0, 0)
    return Packet(family, source, destination, TCP, segment)


def udp(family: Family, source: str, sport: int, destination: str, dport: int, content: bytes = b"") -> Packet:
    return Packet(family, source, destination, UDP, struct.pack(">HHHH", sport, dport, 8 + len(content), 0) + content)


def echo(family: Family, source: str, destination: str, ident: int, *, reply: bool = False) -> Packet:
    kind = family.echo_reply if reply else family.echo_request
    return icmp(family, source, destination, kind, 0, struct.pack(">HH", ident, 1))


def icmp(family: Family, source: str, destination: str, kind: int, code: int, rest: bytes) -> Packet:
    addresses = family.packed(source) + family.packed(destination)
    pseudo = addresses + struct.pack(">II", 4 + len(rest), family.icmp) if family is IPV6 else b""
    right = checksum(pseudo + struct.pack(">BBH", kind, code, 0) + rest)
    return Packet(family, source, destination, family.icmp, struct.pack(">BBH", kind, code, right) + rest)


def error(about: Packet, source: str, kind: int, code: int = 0) -> Packet:
    """The ICMP error *kind* that *source* sends back to the sender of *about*."""
    return icmp(about.family, source, about.source, kind, code, bytes(4) + about.encode()[:128])
