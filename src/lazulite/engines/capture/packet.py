"""A packet as an interface saw it, and the flow it belongs to."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import NamedTuple

_ETHERTYPE, _LOWER_4, _LOWER_6 = 12, 23, 20
_TCP, _UDP, _ICMP, _ICMP_6 = 6, 17, 1, 58
_ECHO = {_ICMP: {8, 0}, _ICMP_6: {128, 129}}


class Packet(NamedTuple):
    """``at`` is nanoseconds since 1970, ``length`` what the frame had before it was cut. Ordered by time."""

    at: int
    source: int
    """Which of the capture's interfaces."""
    sent: bool
    """By the workload; otherwise it was on its way to it."""
    length: int
    data: bytes
    """From the Ethernet header on."""


class FlowKey(NamedTuple):
    """A flow in one direction at one interface. ``ends`` are packed: source and destination, then both ports."""

    source: int
    sent: bool
    protocol: int
    ends: bytes

    @property
    def reverse(self) -> FlowKey:
        half = (len(self.ends) - 4) // 2
        addresses, ports = self.ends[:-4], self.ends[-4:]
        turned = addresses[half:] + addresses[:half] + ports[2:] + ports[:2]
        return FlowKey(self.source, not self.sent, self.protocol, turned)

    @property
    def addresses(self) -> tuple[str, str]:
        half = (len(self.ends) - 4) // 2
        return str(ip_address(self.ends[:half])), str(ip_address(self.ends[half:-4]))

    @property
    def ports(self) -> tuple[int, int]:
        source, destination = struct.unpack("!HH", self.ends[-4:])
        return source, destination


def flow_of(packet: Packet) -> FlowKey | None:
    """``None`` for what has no flow of its own: ARP, ICMP errors, later fragments, and what was cut too short."""
    data = packet.data
    kind = data[_ETHERTYPE : _ETHERTYPE + 2]
    if kind == b"\x08\x00" and len(data) >= 34 and not (data[20] << 8 | data[21]) & 0x1FFF:
        return _keyed(packet, data[_LOWER_4], data[26:34], 14 + 4 * (data[14] & 0xF))
    if kind == b"\x86\xdd" and len(data) >= 54:
        return _keyed(packet, data[_LOWER_6], data[22:54], 54)
    return None


def _keyed(packet: Packet, protocol: int, addresses: bytes, upper: int) -> FlowKey | None:
    ports = bytes(4)
    if protocol in (_TCP, _UDP):
        ports = packet.data[upper : upper + 4]
    elif protocol in _ECHO and packet.data[upper : upper + 1] not in {bytes([kind]) for kind in _ECHO[protocol]}:
        return None
    return FlowKey(packet.source, packet.sent, protocol, addresses + ports) if len(ports) == 4 else None
