"""Tapped machines, their collectors, and what either sees on its interface, frame by frame."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any, NamedTuple

from lazulite.drivers.linux import names
from lazulite.forwarding.model import NextHop, Peering, Route, RouteTable, Tap, TapSource
from tests.drivers.worlds import port, vrf
from tests.packets.net import DEADLINE_S, Net
from tests.waiting import until

_ANY = 3
IPV4 = b"\x08\x00"
IDENTIFIER = 0x1A2B3C
LOCAL = {n: tuple(Route(p, NextHop.LOCAL) for p in vrf(n).prefixes) for n in ("/one", "/two")}


def machines(count: int, network: str = "/one", **fields: Any) -> list[Any]:
    """A network with that many machines, ``.4`` and up."""
    table = RouteTable(f"t{network}", network, LOCAL[network])
    return [vrf(network), table, *(e for n in range(count) for e in port(n, network, routes=table.name, **fields))]


def tap(collector: str = "10.0.0.6", network: str = "/one", name: str = "tap", **fields: Any) -> Tap:
    given: dict[str, Any] = {"port": 4789, "identifier": IDENTIFIER, "origin": name} | fields
    return Tap(name, name, network, ip_address(collector), **given)


def source(number: int, network: str = "/one", name: str = "tap") -> TapSource:
    return TapSource(f"{network} source {number}", f"{network}/nic{number}", name, origin=f"source {number}")


def peered(access: bool = True) -> list[Peering]:
    """Both ends of a link between the two networks; *access* is that of the second one's."""
    ends = ("/one", "/two", True), ("/two", "/one", access)
    return [Peering(f"{a} to {b}", a, b, vrf(b).prefixes, ok, origin=f"{a} link") for a, b, ok in ends]


class Copy(NamedTuple):
    """A datagram with a frame inside."""

    src: str
    dst: str
    source_port: int
    port: int
    identifier: int
    frame: bytes
    came: bool = True
    """To the interface where it was seen; else it left there."""


def opened(interface: str) -> socket.socket:
    """A socket that sees all of an interface of the calling thread's namespace."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ANY))
    with contextlib.suppress(PermissionError):  # it takes root of the host; without, there is room for a few frames
        made.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    made.bind((interface, _ANY))
    return made


class Seen:
    """Every frame that an interface of a guest sends and gets, from now on."""

    def __init__(self, net: Net, guest: str, interface: str = "eth0") -> None:
        with net.inside(guest):
            self._socket = net.keep(opened(interface))
        self.frames: list[bytes] = []

    def read(self) -> list[bytes]:
        """All there is by now, but what machines say of themselves at any time."""
        while select.select([self._socket], [], [], 0)[0]:
            frame = self._socket.recv(1 << 17)
            self.frames += [] if _unasked(frame) else [frame]
        return self.frames

    def copies(self, port: int = 4789) -> list[Copy]:
        """The copies among them."""
        return [c for f in self.read() if (c := copy(f)) is not None and c.port == port and not _unasked(c.frame)]

    def until(self, count: int, port: int = 4789) -> list[Copy]:
        """Wait for so many copies of packets of IP version 4: machines say something of their own in version 6."""
        return until(
            lambda: [c for c in self.copies(port) if c.frame[12:14] == IPV4],
            lambda found: len(found) >= count,
            told=lambda: f"{count} copies are to come",
        )

    def close(self) -> None:
        self._socket.close()

    def drops(self) -> int:
        """Frames that the socket had no room for."""
        return struct.unpack("II", self._socket.getsockopt(263, 6, 8))[1]


def _unasked(frame: bytes) -> bool:
    """Whether it is to a group of IP version 6: which groups a machine is in, and that it looks for routers."""
    return frame.startswith(b"\x33\x33")


def copy(frame: bytes) -> Copy | None:
    """The VXLAN datagram in a frame, if it is a whole one."""
    if frame[12:14] != IPV4 or frame[23] != 17 or frame[14] != 0x45:
        return None
    source_port, port = struct.unpack_from(">HH", frame, 34)
    if len(frame) < 50 or frame[42] != 8:
        return None
    src, dst = (socket.inet_ntoa(frame[at : at + 4]) for at in (26, 30))
    came = frame[6:12].hex(":") == names.GATEWAY_MAC
    return Copy(src, dst, source_port, port, int.from_bytes(frame[46:49]), frame[50:], came)


def same(copies: Iterable[Copy], frames: Iterable[bytes]) -> bool:
    """Whether every frame was copied once, and nothing else was."""
    return Counter(c.frame for c in copies) == Counter(frames)


def ping(net: Net, guest: str, to: str, count: int = 1, size: int = 56) -> None:
    net.run(guest, "ping", "-c", str(count), "-i", "0.01", "-W", str(int(DEADLINE_S)), "-s", str(size), to)


@contextlib.contextmanager
def busy(net: Net, guest: str, server: str, address: str, port: int = 7000) -> Iterator[Any]:
    """A TCP connection between two machines."""
    listening = net.listen(server, address, port)
    client = net.socket(guest, "tcp", "0.0.0.0")
    client.connect((address, port))
    served, _ = listening.accept()
    served.settimeout(DEADLINE_S)
    yield client, served
    client.close()
    served.close()
    listening.close()
