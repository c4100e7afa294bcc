"""Small networks with public frontends and source translation, as entries, and the flows to try them with."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from lazulite.drivers.linux import conntrack, names, namespaces
from lazulite.forwarding import balancing
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    Frontend,
    InternetHost,
    Member,
    NextHop,
    Pool,
    PortForward,
    Probe,
    ProbeProtocol,
    Route,
    RouteTable,
)
from lazulite.values import Flow, IPAddress, Protocol
from tests import waiting
from tests.drivers.worlds import port, vrf
from tests.packets.net import Net

PATIENCE_S = 60.0
"""Bound of what must happen, on a busy machine too."""
CLIENT, OTHER = "198.18.200.1", "198.18.200.2"
CLIENT_6 = "2001:db8:200::1"
VIP, VIP_2, VIP_6 = "198.18.5.1", "198.18.5.2", "2001:db8:5::1"
PROBE = Probe(ProbeProtocol.TCP, 80)


def client(name: str = "/client", *addresses: str) -> InternetHost:
    addresses = addresses or (CLIENT, CLIENT_6)
    return InternetHost(name, name[1:], f"guid {name}", tuple(map(ip_address, addresses)), origin=name)


def machines(count: int, network: str = "/one", **fields: Any) -> list[Any]:
    """Machines ``.4`` and up of a network whose routes lead to the Internet."""
    routes = [Route(p, NextHop.LOCAL) for p in vrf(network).prefixes]
    routes += [Route(ip_network(p), NextHop.INTERNET) for p in ("0.0.0.0/0", "::/0")]
    said = {"routes": f"{network} t", "default_outbound": False} | fields
    made = [e for n in range(count) for e in port(n, network, **said)]
    return [vrf(network), RouteTable(f"{network} t", network, tuple(routes)), *made]


def address(number: int, network: str = "/one", version: int = 4) -> IPAddress:
    second = ("/one", "/two").index(network)
    return ip_address(f"10.{second}.0.{4 + number}" if version == 4 else f"fd0{second}::{4 + number}")


def guest(number: int, network: str = "/one") -> str:
    return f"{network}/vm{number}"


def pool(numbers: Iterable[int], network: str = "/one", version: int = 4, **fields: Any) -> Pool:
    members = tuple(Member(f"m{n}", address(n, network, version)) for n in numbers)
    return Pool(f"{network} pool", "pool", network, members, origin=f"{network} pool", **fields)


def healthy(*numbers: int, network: str = "/one") -> Contents:
    return Contents(f"{network} pool", tuple(f"m{n}" for n in numbers), "probe", "2026-01-01T00:00:00Z")


def frontend(at: str = VIP, network: str = "/one", name: str = "front") -> Frontend:
    return Frontend(f"{network} {name}", name, network, ip_address(at), public=True, origin=f"{network} {name}")


def rule(network: str = "/one", name: str = "web", front: str = "front", **fields: Any) -> BalancingRule:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 80, "backend_port": 8080} | fields
    full = f"{network} {name}"
    return BalancingRule(full, name, f"{network} {front}", f"{network} pool", origin=full, **said)


def forward(target: int, network: str = "/one", **fields: Any) -> PortForward:
    said: dict[str, Any] = {"protocol": Protocol.TCP, "port": 5000, "target_port": 22} | fields
    name = f"{network} forward {said['port']}"
    return PortForward(name, name, f"{network} front", target=address(target, network), origin=name, **said)


def member_of(flow: Flow, of: BalancingRule, among: Pool, contents: Contents | None) -> str:
    """The backend that the model gives a new flow to."""
    count = balancing.bucket_count(among)
    return balancing.owners(among, contents)[balancing.bucket(flow, of.distribution, count)].name


def until(condition: Callable[[], Any], what: str) -> Any:
    """Ask again and again, for a bounded time, until there is an answer."""
    return waiting.until(condition, told=lambda: what)


class Backends:
    """Listening sockets of machines, and which of them a flow reached."""

    def __init__(self, net: Net, places: Iterable[tuple[str, str, int]], kind: str = "tcp") -> None:
        """*places* are guest, address and port."""
        self.kind, self._net = kind, net
        self.sockets: dict[socket.socket, str] = {}
        for where, at, number in places:
            opened = net.listen(where, at, number) if kind == "tcp" else net.socket(where, kind, at, number)
            self.sockets[opened] = where

    def next(self) -> tuple[str, socket.socket, Any]:
        """The machine that something arrived at, the connection or its socket, and who it is from (or what was said,
        and by whom)."""
        ready, _, _ = select.select(list(self.sockets), [], [], PATIENCE_S)
        assert ready, "nothing arrived at any backend"
        if self.kind == "tcp":
            accepted, peer = ready[0].accept()
            accepted.settimeout(PATIENCE_S)
            return self.sockets[ready[0]], self._net.keep(accepted), peer[:2]
        message, sender = ready[0].recvfrom(2048)
        return self.sockets[ready[0]], ready[0], (message, sender[:2])

    def quiet(self) -> bool:
        return not select.select(list(self.sockets), [], [], 0)[0]


def connected(net: Net, where: str, source: str, to: tuple[str, int], number: int = 0) -> socket.socket:
    opened = net.socket(where, "tcp", source, number)
    opened.settimeout(PATIENCE_S)
    opened.connect(to)
    return opened


def trying(net: Net, where: str, source: str, to: tuple[str, int], number: int = 0) -> socket.socket:
    """A connection that is under way; it may never be made."""
    opened = net.socket(where, "tcp", source, number)
    opened.setblocking(False)
    opened.connect_ex(to)
    return opened


def is_open(opened: socket.socket) -> bool:
    try:
        opened.getpeername()
    except OSError:
        return False
    return True


def talks(one: socket.socket, other: socket.socket) -> bool:
    """Whether both ends of a connection hear each other."""
    for sender, receiver in ((one, other), (other, one)):
        sender.send(b"!")
        if receiver.recv(1) != b"!":
            return False
    return True


def bindings(network: str = "/one", version: int = 4) -> list[conntrack.Binding]:
    descriptor = namespaces.open(names.edge(network))
    try:
        with namespaces.inside(descriptor):
            return conntrack.bindings(version)
    finally:
        os.close(descriptor)


def ping(net: Net, where: str, source: str, to: str) -> socket.socket:
    """An echo request that is under way."""
    opened = net.socket(where, "icmp", source)
    opened.settimeout(PATIENCE_S)
    opened.sendto(bytes((8 if "." in to else 128, 0, 0, 0, 0, 0, 0, 1)), (to, 0))
    return opened
