"""Filters: the program that the kernel runs says what the words of a filter say."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.engines.capture import classic
from lazulite.engines.capture.classic import ALL, Instruction, program
from lazulite.forwarding.model import CaptureFilter
from lazulite.values import IPAddress, PortRange, Protocol

ADDRESSES = ["10.0.0.4", "10.0.0.5", "10.0.1.4", "192.168.0.1", "fd00::4", "fd00::5", "fd00:1::4"]
NETWORKS = ["10.0.0.4/32", "10.0.0.0/24", "10.0.0.0/16", "0.0.0.0/0", "fd00::4/128", "fd00::/64", "::/0", "fd00::/31"]
PORTS = [0, 7, 79, 80, 81, 65535]
NUMBERS = {Protocol.TCP: {6}, Protocol.UDP: {17}, Protocol.ICMP: {1, 58}, Protocol.ESP: {50}, Protocol.AH: {51}}
_OUTGOING = 4


class Sample:
    """A packet by its fields, and the bytes of it."""

    def __init__(
        self, src: IPAddress, dst: IPAddress, protocol: int, ports: tuple[int, int], sent: bool, options: int = 0
    ) -> None:
        self.src, self.dst, self.protocol, self.ports, self.sent = src, dst, protocol, ports, sent
        self._options = options

    def __repr__(self) -> str:
        return f"{self.protocol} {self.src} {self.ports} {self.dst} sent={self.sent}"

    @property
    def data(self) -> bytes:
        upper = struct.pack("!HHII", *self.ports, 0, 0)
        if self.src.version == 6:
            fixed = struct.pack("!IHBB", 6 << 28, len(upper), self.protocol, 64)
            return bytes(12) + b"\x86\xdd" + fixed + self.src.packed + self.dst.packed + upper
        first = 0x45 + self._options
        fixed = struct.pack("!BBHHHBBH", first, 0, 40, 0, 0, 64, self.protocol, 0)
        return bytes(12) + b"\x08\x00" + fixed + self.src.packed + self.dst.packed + bytes(4 * self._options) + upper


def asked_for(asked: CaptureFilter, packet: Sample) -> bool:
    """What a filter means, said once more."""
    local, remote = (packet.src, packet.dst) if packet.sent else (packet.dst, packet.src)
    local_port, remote_port = packet.ports if packet.sent else packet.ports[::-1]
    ported = packet.protocol in (6, 17)
    return (
        (asked.protocol is None or _is(asked.protocol, packet))
        and (not asked.local or any(local in n for n in asked.local))
        and (not asked.remote or any(remote in n for n in asked.remote))
        and (not asked.local_ports or (ported and any(local_port in r for r in asked.local_ports)))
        and (not asked.remote_ports or (ported and any(remote_port in r for r in asked.remote_ports)))
    )


def _is(protocol: Protocol, packet: Sample) -> bool:
    icmp = {4: 1, 6: 58}[packet.src.version]
    return packet.protocol == icmp if protocol is Protocol.ICMP else packet.protocol in NUMBERS[protocol]


def run(code: Sequence[Instruction], data: bytes, kind: int) -> int:
    """Bytes that the program keeps, by an interpreter of the few instructions there are."""
    a = x = at = 0
    sizes = {0x20: 4, 0x28: 2, 0x30: 1, 0x48: 2}
    while True:
        operation, yes, no, number = code[at]
        at += 1
        if operation == 0x06:
            return number
        if operation in sizes and number == 0xFFFFF004:
            a = kind
        elif operation in sizes or operation == 0xB1:
            offset, size = number + (x if operation == 0x48 else 0), sizes.get(operation, 1)
            if offset + size > len(data):
                return 0
            found = int.from_bytes(data[offset : offset + size])
            a, x = (a, 4 * (found & 0xF)) if operation == 0xB1 else (found, x)
        elif operation == 0x54:
            a &= number
        elif operation == 0x05:
            at += number
        else:
            holds = {0x15: a == number, 0x25: a > number, 0x35: a >= number, 0x45: bool(a & number)}[operation]
            at += yes if holds else no


networks = st.lists(st.sampled_from(NETWORKS), max_size=3).map(lambda n: tuple(map(ip_network, n)))
ranges = st.lists(st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)), max_size=2).map(
    lambda pairs: tuple(PortRange(min(p), max(p)) for p in pairs)
)
filters = st.builds(CaptureFilter, st.none() | st.sampled_from(Protocol), networks, networks, ranges, ranges)


@st.composite
def samples(draw: Any) -> Sample:
    version = draw(st.sampled_from([4, 6]))
    known = [a for a in map(ip_address, ADDRESSES) if a.version == version]
    protocol = draw(st.sampled_from([6, 17, 1, 58, 50, 51, 132]))
    ports = draw(st.tuples(st.sampled_from(PORTS), st.sampled_from(PORTS)))
    ends = draw(st.sampled_from(known)), draw(st.sampled_from(known))
    return Sample(*ends, protocol, ports, draw(st.booleans()), draw(st.sampled_from([0, 1, 10])))


@settings(max_examples=500)
@given(asked=st.lists(filters, max_size=4), packet=samples(), cut=st.sampled_from([0, 60]))
def test_a_program_keeps_what_any_of_the_filters_asks_for(asked: list[CaptureFilter], packet: Sample, cut: int) -> None:
    wanted = (cut or ALL) if not asked or any(asked_for(f, packet) for f in asked) else 0
    assert run(program(asked, cut), packet.data, 0 if packet.sent else _OUTGOING) == wanted


@given(asked=st.lists(filters, max_size=4), packet=samples())
def test_the_kernel_runs_it_so(asked: list[CaptureFilter], packet: Sample) -> None:
    """A unix socket runs filters too. It knows no direction: to it, everything was sent."""
    packet.sent = True
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    with here, there:
        classic.attach(there, program(asked))
        kept = True
        try:
            here.send(packet.data)
            kept = there.recv(2000) == packet.data
        except (PermissionError, BlockingIOError):
            kept = False
    assert kept == (not asked or any(asked_for(f, packet) for f in asked))


@given(packet=samples(), length=st.integers(0, 70))
def test_a_packet_that_is_too_short_is_not_kept(packet: Sample, length: int) -> None:
    code = program([CaptureFilter(local_ports=(PortRange(0, 65535),))])
    kept = run(code, packet.data[:length], 0)
    header = 58 if packet.src.version == 6 else 14 + 20 + 4
    assert kept == 0 or length >= header - 2


def test_later_fragments_have_no_ports() -> None:
    data = bytearray(Sample(ip_address("10.0.0.4"), ip_address("10.0.0.5"), 17, (7, 7), True).data)
    code = program([CaptureFilter(Protocol.UDP, local_ports=(PortRange(7, 7),))])
    assert run(code, bytes(data), 0) == ALL
    data[21] = 1
    assert run(code, bytes(data), 0) == 0
    assert run(program([CaptureFilter(Protocol.UDP)]), bytes(data), 0) == ALL


def test_a_filter_that_contradicts_itself_keeps_nothing() -> None:
    both = CaptureFilter(local=(IPv4Network("10.0.0.4/32"),), remote=(IPv6Network("fd00::4/128"),))
    esp = CaptureFilter(Protocol.ESP, remote_ports=(PortRange(80, 80),))
    packet = Sample(ip_address("10.0.0.4"), ip_address("10.0.0.5"), 50, (80, 80), True)
    assert run(program([both]), packet.data, 0) == 0
    assert asked_for(esp, packet) is False
    assert run(program([esp]), packet.data, 0) == 0


def test_a_range_that_came_as_many_prefixes_is_one_question() -> None:
    prefixes = tuple(IPv4Network((int(ip_address("10.0.0.1")) + n, 32)) for n in range(200))
    assert len(program([CaptureFilter(local=prefixes)])) == len(program([CaptureFilter(local=prefixes[:1])]))


def test_a_filter_longer_than_the_kernel_takes_is_refused() -> None:
    scattered = tuple(IPv4Network((n * 2, 32)) for n in range(1000))
    with pytest.raises(ValueError, match="instructions, and the kernel takes 4096"):
        program([CaptureFilter(local=scattered)])


def test_a_program_of_tcpdump_for_the_machine_has_its_directions_turned() -> None:
    inbound = [(40, 0, 0, 0xFFFFF004), (21, 0, 1, 4), (6, 0, 0, 0), (6, 0, 0, 96)]
    turned = classic.seen_from_workload(inbound)
    assert [run(inbound, b"", kind) for kind in (0, _OUTGOING)] == [96, 0]
    assert [run(turned, b"", kind) for kind in (0, _OUTGOING)] == [0, 96]
    assert classic.seen_from_workload(turned) == inbound


def test_what_is_not_a_program_is_refused_by_the_kernel() -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there, pytest.raises(OSError, match="Invalid argument"):
        classic.attach(there, [(21, 9, 9, 0)])
