"""Floating rules on public frontends: the address that the client wrote arrives, and the answer comes from it.

Source: facts/load-balancer.md, "Floating IP" (load-balancer-floating-ip).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import NextHop, Route, RouteTable
from lazulite.values import Flow, Protocol
from tests.drivers.worlds import vrf
from tests.packets.edges import (
    CLIENT,
    CLIENT_6,
    PROBE,
    VIP,
    VIP_6,
    Backends,
    address,
    client,
    connected,
    forward,
    frontend,
    guest,
    healthy,
    machines,
    member_of,
    pool,
    rule,
    talks,
)
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
versions = pytest.mark.parametrize("version", [4, 6])
AT, FROM = {4: VIP, 6: VIP_6}, {4: CLIENT, 6: CLIENT_6}


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


def backends(net: Net, version: int, kind: str, number: int, count: int = 3) -> Backends:
    """Machines that have the frontend's address for their own, and listen on it."""
    for n in range(count):
        net.take(guest(n), AT[version])
    return Backends(net, [(guest(n), AT[version], number) for n in range(count)], kind)


def flow(version: int, number: int, protocol: Protocol) -> Flow:
    return Flow(ip_address(FROM[version]), ip_address(AT[version]), protocol, 80, number)


def asked(net: Net, servers: Backends, version: int, number: int) -> str:
    """Who answers a datagram from that port, from the frontend's address."""
    opened = net.socket("/client", "udp", FROM[version], number)
    with opened:
        opened.sendto(b"?", (AT[version], 80))
        where, served, (_, peer) = servers.next()
        assert peer == (FROM[version], number)
        served.sendto(b"!", peer)
        assert opened.recvfrom(9)[1][:2] == (AT[version], 80)
    return "m" + where[-1]


@versions
@pytest.mark.parametrize("given", [8080, 80], ids=["another port", "the same port"])
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_the_address_arrives_as_the_client_wrote_it(net: Net, version: int, protocol: Protocol, given: int) -> None:
    floating = rule(protocol=protocol, backend_port=given, floating=True)
    among = pool(range(3), version=version)
    net.become([*machines(3), client(), among, frontend(AT[version]), floating])
    servers = backends(net, version, str(protocol), given)
    for number in range(20000, 20010):
        expected = member_of(flow(version, number, protocol), floating, among, None)
        if protocol is Protocol.UDP:
            assert asked(net, servers, version, number) == expected
            continue
        opened = connected(net, "/client", FROM[version], (AT[version], 80), number)
        where, served, peer = servers.next()
        assert ("m" + where[-1], peer) == (expected, (FROM[version], number))
        assert served.getsockname()[:2] == (AT[version], given)
        assert talks(opened, served)
    net.decided("new:/one web", 10)


@versions
def test_a_floating_flow_stays_with_a_failed_member_and_its_datagrams_move(net: Net, version: int) -> None:
    among = pool(range(3), version=version, probe=PROBE)
    rules = [rule(name=str(p), protocol=p, backend_port=80, floating=True) for p in (Protocol.TCP, Protocol.UDP)]
    net.become([*machines(3), client(), among, healthy(0), frontend(AT[version]), *rules])
    tcp, udp = backends(net, version, "tcp", 80), Backends(net, [(guest(n), AT[version], 80) for n in range(3)], "udp")
    opened = connected(net, "/client", FROM[version], (AT[version], 80), 20000)
    assert asked(net, udp, version, 30000) == "m0"
    _, served, _ = tcp.next()
    net.put(healthy(1))
    assert talks(opened, served)
    assert asked(net, udp, version, 30000) == "m1"
    net.restart()
    assert talks(opened, served)


@versions
def test_a_floating_port_leads_to_one_machine(net: Net, version: int) -> None:
    ssh = forward(1, floating=True)
    net.become([*machines(3), client(), frontend(AT[version]), replace(ssh, target=address(1, version=version))])
    servers = backends(net, version, "tcp", 22)
    opened = connected(net, "/client", FROM[version], (AT[version], 5000))
    where, served, _ = servers.next()
    assert where == guest(1)
    assert talks(opened, served)


def test_the_answer_takes_the_machines_own_routes(net: Net) -> None:
    """Where they lead nowhere, it does not arrive."""
    floating = rule(backend_port=80, floating=True)
    nowhere = RouteTable("/one t", "/one", tuple(Route(p, NextHop.LOCAL) for p in vrf("/one").prefixes))
    net.become([*machines(1), nowhere, client(), pool([0]), frontend(), floating])
    servers = backends(net, 4, "udp", 80, 1)
    net.put(rule(backend_port=80, floating=True, protocol=Protocol.UDP))
    opened = net.socket("/client", "udp", CLIENT, 20000)
    opened.sendto(b"?", (VIP, 80))
    _, served, (_, peer) = servers.next()
    served.sendto(b"lost", peer)
    net.put(*machines(1))
    served.sendto(b"!", peer)
    assert opened.recv(9) == b"!"
