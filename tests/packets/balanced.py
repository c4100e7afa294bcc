"""A frontend of the first network, backends behind it, and sockets that find out who got a flow."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from lazulite.forwarding import balancing
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    Distribution,
    Frontend,
    Member,
    NextHop,
    Peering,
    Pool,
    Route,
    RouteTable,
)
from lazulite.values import Flow, Protocol
from tests.drivers.worlds import port, vrf
from tests.packets.net import DEADLINE_S, Net

versions = pytest.mark.parametrize("version", [4, 6])
CLIENT, BACKENDS = "/one/vm0", ("/one/vm1", "/one/vm2", "/one/vm3")
VIP = {4: ip_address("10.0.0.100"), 6: ip_address("fd00::100")}
LOCAL = tuple(Route(p, NextHop.LOCAL) for p in vrf("/one").prefixes)


def address(guest: str, version: int = 4) -> str:
    number, network = 4 + int(guest[-1]), int(guest.startswith("/two"))
    return f"10.{network}.0.{number}" if version == 4 else f"fd0{network}::{number}"


def member(guest: str, version: int = 4) -> Member:
    return Member(f"{guest} config", ip_address(address(guest, version)))


def pool(version: int = 4, guests: Iterable[str] = BACKENDS, **fields: Any) -> Pool:
    return Pool(f"pool{version}", "pool", "/one", tuple(member(g, version) for g in guests), **fields)


def balanced(version: int = 4, name: str = "web", **fields: Any) -> BalancingRule:
    """By default every flow to TCP port 80 goes to port 8080 of the pool's members."""
    given: dict[str, Any] = {"protocol": Protocol.TCP, "port": 80, "backend_port": 8080, "origin": name} | fields
    return BalancingRule(f"{name}{version}", name, f"front{version}", f"pool{version}", **given)


def frontend(version: int = 4) -> Frontend:
    return Frontend(f"front{version}", "front", "/one", VIP[version], origin="front")


def machines(count: int = 4, **fields: Any) -> list[object]:
    ports = [entry for n in range(count) for entry in port(n, "/one", routes="t", **fields)]
    return [vrf("/one"), RouteTable("t", "/one", LOCAL), *ports]


def flow(version: int, number: int, protocol: Protocol = Protocol.TCP, to: int = 80, source: str = CLIENT) -> Flow:
    return Flow(ip_address(address(source, version)), VIP[version], protocol, to, number)


def predicted(
    one: Flow, its_pool: Pool, contents: Contents | None = None, how: Distribution = Distribution.FLOW
) -> str:
    """The guest that the one definition of the choice gives a flow to."""
    owners = balancing.owners(its_pool, contents)
    return owners[balancing.bucket(one, how, len(owners))].name.removesuffix(" config")


class Servers:
    """A TCP server that says who it is, or a UDP one, on a port of each of some guests; asked without threads."""

    def __init__(self, net: Net, version: int, guests: Iterable[str], kind: str, number: int, host: str = "") -> None:
        make = net.listen if kind == "tcp" else lambda g, a, n: net.socket(g, "udp", a, n)
        self.of = {make(g, host or address(g, version), number): g for g in guests}

    def waiting(self) -> tuple[socket.socket, str]:
        ready, _, _ = select.select(list(self.of), [], [], DEADLINE_S)
        assert len(ready) == 1, [self.of[r] for r in ready]
        return ready[0], self.of[ready[0]]


@contextlib.contextmanager
def connection(
    net: Net, servers: Servers, version: int, number: int, to: int = 80, source: str = CLIENT
) -> Iterator[Any]:
    """A connection from a source port to the frontend: who took it, and both ends' sockets."""
    client = net.socket(source, "tcp", address(source, version), number)
    client.connect((str(VIP[version]), to))
    listening, guest = servers.waiting()
    served, peer = listening.accept()
    served.settimeout(DEADLINE_S)
    assert peer[:2] == (address(source, version), number)  # the client's own address, as the backend sees it
    yield guest, client, served
    client.close()
    served.close()


def datagram(net: Net, servers: Servers, version: int, number: int, to: int = 80, source: str = CLIENT) -> str:
    """Who gets a datagram from a source port, and that its answer comes back from the frontend."""
    client = net.socket(source, "udp", address(source, version), number)
    client.connect((str(VIP[version]), to))
    with client:
        return exchanged(client, servers, address(source, version), number)


def exchanged(client: socket.socket, servers: Servers, source: str, number: int) -> str:
    client.send(b"ping")
    served, guest = servers.waiting()
    content, peer = served.recvfrom(9)
    assert (content, peer[:2]) == (b"ping", (source, number))
    served.sendto(b"pong", peer)
    assert client.recv(9) == b"pong"
    return guest


def unanswered(net: Net, version: int, kind: str, to: int, number: int = 0, source: str = CLIENT) -> socket.socket:
    """Something sent to the frontend that nobody is to answer; the counter of the drop says when it is decided."""
    opened = net.socket(source, kind, address(source, version), number)
    opened.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        opened.connect((str(VIP[version]), to))
        opened.send(b"?")
    return opened


def peered(access: bool = True) -> list[object]:
    """A second network with a machine, peered with the first."""
    one, two = vrf("/one"), vrf("/two")
    tables = [RouteTable("t", "/one", ways("/one")), RouteTable("t/two", "/two", ways("/two"))]
    links = [
        Peering("one to two", "/one", "/two", two.prefixes, access, origin="link"),
        Peering("two to one", "/two", "/one", one.prefixes, access, origin="link"),
    ]
    ports = [e for n in range(4) for e in port(n, "/one", routes="t")]
    return [one, two, *tables, *links, *ports, *port(0, "/two", routes="t/two")]


def ways(where: str) -> tuple[Route, ...]:
    """The routes of a network that is peered with the other one."""
    other = "/two" if where == "/one" else "/one"
    local = tuple(Route(p, NextHop.LOCAL) for p in vrf(where).prefixes)
    return (*local, *(Route(p, NextHop.PEERING, target=other) for p in vrf(other).prefixes))
