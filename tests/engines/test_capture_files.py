"""Bytes of pcap and pcapng, as their drafts have them."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.capture.files import Pcap, Pcapng
from lazulite.engines.capture.packet import FlowKey, Packet, flow_of
from tests import captures

FRAME = bytes(range(14)) + b"hello"
PACKET = Packet(1_700_000_000_123_456_789, 1, True, 60, FRAME)
PACKETS = st.builds(
    Packet,
    st.integers(0, (1 << 62) - 1),
    st.integers(0, 1),
    st.booleans(),
    st.integers(0, 65535),
    st.binary(min_size=0, max_size=200),
)


def test_a_pcap_header_names_ethernet_and_what_is_kept_of_a_packet() -> None:
    assert Pcap(96).header().hex() == "d4c3b2a10200040000000000000000006000000001000000"


def test_a_pcap_record_has_microseconds_and_both_lengths() -> None:
    assert Pcap().record(PACKET).hex() == "00f1536540e20100130000003c000000" + FRAME.hex()


def test_a_pcap_ends_with_its_last_packet() -> None:
    assert Pcap().trailer(1, [(1, 1)]) == b""


def test_a_pcapng_begins_with_a_section_and_its_interfaces() -> None:
    section = "0a0d0d0a2c0000004d3c2b1a01000000ffffffffffffffff04000800" + b"Lazulite".hex()
    interface = "0100000030000000010000000000000002000100610000000300010062000000"
    expected = section + "000000002c000000" + interface + "09000100090000000000000030000000"
    assert Pcapng([("a", "b")]).header().hex() == expected


def test_a_pcapng_packet_has_nanoseconds_its_direction_and_a_comment() -> None:
    high, low = divmod(PACKET.at, 1 << 32)
    fixed = struct.pack("<IIIIIII", 6, 72, 1, high, low, 19, 60)
    options = "010002006869000002000400020000000000000048000000"
    assert Pcapng([]).record(PACKET, "hi").hex() == fixed.hex() + FRAME.hex() + "00" + options


@given(packets=st.lists(PACKETS, max_size=5), comment=st.text(max_size=20))
def test_what_is_written_is_what_is_read(packets: list[Packet], comment: str) -> None:
    ng, plain = Pcapng([("one", ""), ("two", "10.0.0.4")]), Pcap()
    content = ng.header() + b"".join(ng.record(p, comment) for p in packets) + ng.trailer(5, [(7, 1), (8, 2)])
    found, counted = captures.pcapng(content)
    names = ("one", "two")
    assert found == [captures.Read(p.at, p.data, p.length, names[p.source], p.sent, comment) for p in packets]
    assert [struct.unpack("<QQ", c[4] + c[5]) for c in counted] == [(7, 1), (8, 2)]
    small = [p._replace(at=p.at % (1 << 60)) for p in packets]
    records = captures.pcap(plain.header() + b"".join(plain.record(p) for p in small))
    assert [(r.at_ns // 1000, r.data, r.length) for r in records] == [(p.at // 1000, p.data, p.length) for p in small]


def ipv4(protocol: int, upper: bytes, fragment: int = 0) -> bytes:
    addresses = bytes([10, 0, 0, 4, 10, 0, 0, 5])
    return (
        bytes(12)
        + b"\x08\x00"
        + struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, fragment, 64, protocol, 0)
        + addresses
        + upper
    )


def key(data: bytes) -> FlowKey | None:
    return flow_of(Packet(0, 3, True, len(data), data))


def test_a_flow_is_its_ends_in_one_direction() -> None:
    found = key(ipv4(6, struct.pack("!HH", 5000, 80)))
    assert found is not None
    assert (found.source, found.sent, found.protocol) == (3, True, 6)
    assert (found.addresses, found.ports) == (("10.0.0.4", "10.0.0.5"), (5000, 80))
    assert (found.reverse.addresses, found.reverse.ports) == (("10.0.0.5", "10.0.0.4"), (80, 5000))
    assert found.reverse.sent is False
    assert found.reverse.reverse == found


def test_a_flow_of_ipv6_has_longer_ends() -> None:
    packet = bytes(12) + b"\x86\xdd" + bytes(6) + bytes([17, 64]) + bytes(15) + b"\1" + bytes(15) + b"\2"
    found = key(packet + struct.pack("!HH", 1, 2))
    assert found is not None
    assert (found.addresses, found.ports, found.reverse.addresses) == (("::1", "::2"), (1, 2), ("::2", "::1"))


def test_what_has_no_flow_of_its_own_is_none() -> None:
    assert key(bytes(12) + b"\x08\x06" + bytes(28)) is None
    assert key(ipv4(17, struct.pack("!HH", 1, 2), fragment=185)) is None
    assert key(ipv4(1, b"\x03\x04")) is None
    assert key(ipv4(1, b"\x08\x00")) is not None
    assert key(ipv4(6, b"")) is None
    assert key(b"short") is None


@given(data=st.binary(max_size=80))
def test_no_packet_is_too_strange(data: bytes) -> None:
    found = key(data)
    assert found is None or found.reverse.reverse == found
