"""Values every layer speaks: addresses, prefixes, protocols, ports and the five-tuple of a flow.

Addresses and prefixes are :mod:`ipaddress` objects; nothing here wraps them.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

import msgspec

IPAddress: TypeAlias = IPv4Address | IPv6Address
IPNetwork: TypeAlias = IPv4Network | IPv6Network

EVERYWHERE_4 = IPv4Network("0.0.0.0/0")
EVERYWHERE_6 = IPv6Network("::/0")


class Protocol(StrEnum):
    """Transport protocols a rule can name. ``ICMP`` is ICMPv6 where the addresses are IPv6."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ESP = "esp"
    AH = "ah"

    @property
    def has_ports(self) -> bool:
        return self in (Protocol.TCP, Protocol.UDP)


class Direction(StrEnum):
    """As the workload sees it: ``INGRESS`` is towards it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class PortRange(msgspec.Struct, frozen=True, order=True):
    """Transport ports from ``first`` to ``last``, both included."""

    first: int = 0
    last: int = 65535

    def __contains__(self, port: int) -> bool:
        return self.first <= port <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


ALL_PORTS = PortRange()


class Flow(msgspec.Struct, frozen=True):
    """The first packet of a conversation, as its sender emits it. ICMP flows are echo requests."""

    src: IPAddress
    dst: IPAddress
    protocol: Protocol
    dst_port: int = 0
    src_port: int = 49152

    @property
    def version(self) -> int:
        return self.src.version

    def __str__(self) -> str:
        if not self.protocol.has_ports:
            return f"{self.protocol} {self.src} > {self.dst}"
        return f"{self.protocol} {self.src}:{self.src_port} > {self.dst}:{self.dst_port}"


def host_prefix(address: IPAddress) -> IPNetwork:
    """The prefix that holds *address* alone."""
    return IPv4Network(address) if isinstance(address, IPv4Address) else IPv6Network(address)


def covers(prefix: IPNetwork, other: IPNetwork) -> bool:
    """Whether every address of *other* is in *prefix*; never across IP versions."""
    if isinstance(prefix, IPv4Network):
        return isinstance(other, IPv4Network) and other.subnet_of(prefix)
    return isinstance(other, IPv6Network) and other.subnet_of(prefix)


def overlap(one: IPNetwork, other: IPNetwork) -> bool:
    """Whether the two prefixes share an address."""
    return covers(one, other) or covers(other, one)
