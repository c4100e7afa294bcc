"""What a capture holds is what the machine's interface sent and got: byte for byte, both ways, in order."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from lazulite.drivers.linux import names
from lazulite.engines.capture import classic
from lazulite.forwarding.model import CaptureFilter
from lazulite.values import PortRange, Protocol
from tests import captures
from tests.captures import Recorder
from tests.packets.edges import machines
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
ONE, TWO = "10.0.0.4", "10.0.0.5"
VM_1, VM_2 = "/one/vm0", "/one/vm1"
UDP = classic.program([CaptureFilter(Protocol.UDP, local_ports=(PortRange(7, 7), PortRange(5000, 5999)))])


@pytest.fixture
def two(net: Net) -> Net:
    net.become(machines(2))
    return net


def nic(number: int) -> tuple[str, str, str]:
    return f"nic{number}", names.router("/one"), names.nic(f"guid /one/nic{number}")


def listening(net: Net, guest: str) -> socket.socket:
    """The guest's own packet socket."""
    with net.inside(guest):
        opened = net.keep(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    classic.attach(opened, UDP_PLAIN)
    opened.bind(("eth0", 3))
    opened.settimeout(20)
    return opened


UDP_PLAIN = classic.program([CaptureFilter(Protocol.UDP)])


def talk(net: Net, count: int = 20) -> None:
    """Datagrams from the first machine to the second and back, each of a length of its own."""
    here, there = net.socket(VM_1, "udp", ONE, 5000), net.socket(VM_2, "udp", TWO, 7)
    for number in range(count):
        here.sendto(bytes([number]) * (number + 1), (TWO, 7))
        data, peer = there.recvfrom(2000)
        there.sendto(data * 2, peer)
        here.recv(4000)


def test_both_ends_are_captured_as_the_machines_see_them(two: Net, tmp_path: Path) -> None:
    own = [listening(two, guest) for guest in (VM_1, VM_2)]
    recorder = Recorder(tmp_path / "a.pcapng", [nic(0), nic(1)], ng=True, code=UDP)
    talk(two)
    done = recorder.stop()
    found, counted = captures.pcapng(recorder.content)
    assert (done["reason"], done["packets"], len(found)) == ("Manual", 80, 80)
    for number, opened in enumerate(own):
        seen = [opened.recvfrom(4000) for _ in range(40)]
        mine = [p for p in found if p.interface == f"nic{number}"]
        assert [p.data for p in mine] == [data for data, _ in seen]
        assert [p.sent for p in mine] == [where[2] == socket.PACKET_OUTGOING for _, where in seen]
    assert [p.at_ns for p in found] == sorted(p.at_ns for p in found)
    assert [struct.unpack("<QQ", c[4] + c[5]) for c in counted] == [(40, 0), (40, 0)]
    assert len(captures.tcpdump(recorder.path)) == 80
