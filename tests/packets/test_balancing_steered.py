"""Frontends that leave the packet as it is: floating rules, and frontends that are a next hop, on the real kernel."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from lazulite.forwarding.model import Contents, NextHop, PortForward, Probe, ProbeProtocol, Route, RouteTable
from lazulite.values import Protocol
from tests.drivers.worlds import port, vrf
from tests.packets.balanced import (
    BACKENDS,
    CLIENT,
    VIP,
    Servers,
    address,
    balanced,
    connection,
    datagram,
    exchanged,
    flow,
    frontend,
    machines,
    peered,
    pool,
    predicted,
    versions,
    ways,
)
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


def own_frontend(net: Net, version: int, *guests: str) -> None:
    """The guests take the frontend's address for their own, as a floating rule asks of them."""
    for guest in guests:
        net.take(guest, str(VIP[version]))


@versions
@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("given", [8080, 80], ids=["another port", "the same port"])
def test_a_floating_rule_leaves_the_address_alone(net: Net, version: int, kind: str, given: int) -> None:
    protocol = Protocol.TCP if kind == "tcp" else Protocol.UDP
    floating = balanced(version, protocol=protocol, backend_port=given, floating=True)
    net.become([*machines(), pool(version), frontend(version), floating])
    own_frontend(net, version, *BACKENDS)
    servers = Servers(net, version, BACKENDS, kind, given, str(VIP[version]))
    for number in range(20000, 20012):
        expected = predicted(flow(version, number, protocol), pool(version))
        if kind == "udp":
            assert datagram(net, servers, version, number) == expected
            continue
        with connection(net, servers, version, number) as (guest, client, served):
            client.send(b"ping")
            assert served.recv(9) == b"ping"
            served.send(b"pong")
            assert client.recv(9) == b"pong"
            assert (guest, served.getsockname()[:2]) == (expected, (str(VIP[version]), given))


@versions
def test_a_floating_flow_stays_and_its_datagrams_move_when_its_member_fails(net: Net, version: int) -> None:
    probed = pool(version, probe=Probe(ProbeProtocol.TCP, 80))
    everyone = Contents(probed.name, tuple(m.name for m in probed.members))
    both = (Protocol.TCP, Protocol.UDP)
    rules = [balanced(version, str(p), protocol=p, backend_port=0, floating=True) for p in both]
    net.become([*machines(), probed, everyone, frontend(version), *rules])
    own_frontend(net, version, *BACKENDS)
    tcp, udp = (Servers(net, version, BACKENDS, kind, 80, str(VIP[version])) for kind in ("tcp", "udp"))
    sender = net.socket(CLIENT, "udp", address(CLIENT, version), 30000)
    sender.connect((str(VIP[version]), 80))
    first = exchanged(sender, udp, address(CLIENT, version), 30000)
    number = next(n for n in range(20000, 21000) if predicted(flow(version, n), probed, everyone) == first)
    with connection(net, tcp, version, number) as (guest, client, served):
        assert guest == first
        left = Contents(probed.name, tuple(n for n in everyone.members if n != f"{first} config"))
        net.put(left)
        client.send(b"still")
        assert served.recv(9) == b"still"
        expected = predicted(flow(version, 30000, Protocol.UDP), probed, left)
        assert exchanged(sender, udp, address(CLIENT, version), 30000) == expected


@versions
@pytest.mark.parametrize("given", [5022, 22], ids=["the same port", "another port"])
def test_a_floating_port_leads_to_one_machine_under_the_frontends_address(net: Net, version: int, given: int) -> None:
    target = ip_address(address(BACKENDS[1], version))
    ssh = PortForward("ssh", "ssh", f"front{version}", Protocol.TCP, 5022, target, given, floating=True)
    net.become([*machines(), frontend(version), ssh])
    own_frontend(net, version, *BACKENDS)
    servers = Servers(net, version, BACKENDS, "tcp", given, str(VIP[version]))
    with connection(net, servers, version, 20000, 5022) as (guest, _, served):
        assert (guest, served.getsockname()[0]) == (BACKENDS[1], str(VIP[version]))


def test_only_members_of_a_floating_rule_may_use_the_frontends_address(net: Net) -> None:
    net.become([*machines(5), pool(), frontend(), balanced(floating=True, backend_port=0)])
    stranger = "/one/vm4"
    own_frontend(net, 4, stranger)
    opened = net.socket(stranger, "udp", str(VIP[4]), 80)
    before = net.count("drop:source")
    opened.sendto(b"spoofed", (address(CLIENT), 5000))
    net.decided("drop:source", before + 1)


APPLIANCES = ("/one/vm2", "/one/vm3")
STRICT = """
table inet strict {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established accept
    ct state new tcp flags & (syn | ack) == syn accept
    ct state new udp dport 53 accept
  }
}
"""
"""What a stateful appliance forwards: only flows of which it saw the beginning."""


def by_frontend(where: str = "/one", version: int = 4, **fields: Any) -> list[object]:
    """A client of a network and a server of the first one reach each other by two appliances behind a frontend."""
    client, server = f"{where}/vm0", "/one/vm1"
    hop = {"via": VIP[version], "target": "/one"}
    there = Route(ip_network(address(server, version)), NextHop.APPLIANCE, **hop)
    back = Route(ip_network(address(client, version)), NextHop.APPLIANCE, **hop)
    networks = [vrf("/one")] if where == "/one" else [e for e in peered() if not isinstance(e, RouteTable)]
    every = balanced(version, "every", protocol=None, port=0, backend_port=0)
    return [
        *networks,
        RouteTable("t", "/one", ways("/one")),
        RouteTable("there", where, (*ways(where), there)),
        RouteTable("back", "/one", (*ways("/one"), back)),
        *port(0, where, routes="there"),
        *port(1, "/one", routes="back"),
        *(e for n in (2, 3) for e in port(n, "/one", routes="t", forwards=True)),
        *(pool(version, APPLIANCES, **fields), frontend(version), every),
    ]


def strict(net: Net) -> None:
    """Make the appliances forward, statefully."""
    for guest in APPLIANCES:
        net.forward(guest)
        net.run(guest, "nft", STRICT)
        with net.inside(guest), open("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "w", encoding="ascii") as file:
            file.write("0")


def forwarded(net: Net) -> list[int]:
    """Packets that each appliance received."""
    lines = [line for g in APPLIANCES for line in net.run(g, "cat", "/proc/net/dev").splitlines() if "eth0:" in line]
    return [int(line.split()[2]) for line in lines]


def through(net: Net, server: Any, where: str, number: int, version: int = 4) -> tuple[Any, Any]:
    """Both ends of a connection between client and server, that has carried something both ways."""
    client = net.socket(f"{where}/vm0", "tcp", address(f"{where}/vm0", version), number)
    client.connect((address("/one/vm1", version), 80))
    served, peer = server.accept()
    assert peer[:2] == (address(f"{where}/vm0", version), number)
    both(client, served)
    return client, served


def both(client: Any, served: Any) -> None:
    client.send(b"ping")
    assert served.recv(9) == b"ping"
    served.send(b"pong")
    assert client.recv(9) == b"pong"


@pytest.mark.parametrize("where", ["/one", "/two"], ids=["in the same network", "from a peered network"])
@versions
def test_a_frontend_as_next_hop_sends_both_directions_of_a_flow_through_the_same_appliance(
    net: Net, where: str, version: int
) -> None:
    """The appliances are stateful and share nothing: a flow that met both would not get through."""
    net.become(by_frontend(where, version))
    strict(net)
    server = net.listen("/one/vm1", address("/one/vm1", version), 80)
    before = forwarded(net)
    for number in range(20000, 20024):
        client, served = through(net, server, where, number, version)
        client.close()
        served.close()
    assert all(now > then for now, then in zip(forwarded(net), before, strict=True))


def test_flows_by_a_next_hop_stay_with_their_appliance_until_it_is_down_and_then_datagrams_move(net: Net) -> None:
    probed = pool(guests=APPLIANCES, probe=Probe(ProbeProtocol.TCP, 80))
    names = tuple(m.name for m in probed.members)
    net.become([*by_frontend(probe=probed.probe), Contents(probed.name, names[:1])])
    strict(net)
    server = net.listen("/one/vm1", address("/one/vm1"), 80)
    answering = net.socket("/one/vm1", "udp", address("/one/vm1"), 53)
    flows = [through(net, server, "/one", number) for number in range(20000, 20008)]
    asking = net.socket(CLIENT, "udp", address(CLIENT), 30000)
    asking.connect((address("/one/vm1"), 53))
    asking.send(b"one")
    answering.recv(9)
    net.put(Contents(probed.name, names[1:]))
    for client, served in flows:
        both(client, served)
    before = forwarded(net)[1]
    asking.send(b"two")
    content, peer = answering.recvfrom(9)
    assert (content, forwarded(net)[1]) == (b"two", before + 1)
    answering.sendto(b"three", peer)
    assert asking.recv(9) == b"three"
    net.restart()
    for client, served in flows:
        both(client, served)
        served.close()


def test_fragments_by_a_next_hop_follow_their_first(net: Net) -> None:
    net.become(by_frontend())
    for guest in APPLIANCES:
        net.forward(guest)
    answering = net.socket("/one/vm1", "udp", address("/one/vm1"), 53)
    for number in range(30000, 30010):
        asking = net.socket(CLIENT, "udp", address(CLIENT), number)
        asking.sendto(b"x" * 4000, (address("/one/vm1"), 53))
        content, peer = answering.recvfrom(5000)
        assert (len(content), peer[1]) == (4000, number)


@versions
def test_a_next_hop_with_nobody_behind_it_leads_nowhere(net: Net, version: int) -> None:
    net.become(by_frontend(version=version, probe=Probe(ProbeProtocol.TCP, 80)))
    client = net.socket(CLIENT, "udp", address(CLIENT, version), 5000)
    client.sendto(b"?", (address("/one/vm1", version), 53))
    net.decided("drop:balancer_nobody", 1)


def test_a_next_hop_needs_a_rule_for_every_port(net: Net) -> None:
    net.become([e for e in by_frontend() if getattr(e, "label", "") != "every"] + [balanced()])
    client = net.socket(CLIENT, "udp", address(CLIENT), 5000)
    client.sendto(b"?", (address("/one/vm1"), 53))
    net.decided("drop:balancer_nobody", 1)
