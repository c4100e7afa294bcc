"""Source translation in the edge: who leaves from which address, with which ports, and what becomes of that.

Source: facts/nat-gateway.md (N3-N8 and its conformance examples), facts/load-balancer.md "Outbound".
"""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.drivers.driver import PortUse
from lazulite.forwarding.model import NextHop, Port, PortBlock, PublicAddress, Route, RouteTable, SourceNat
from lazulite.values import PortRange, Protocol
from tests.packets.edges import (
    CLIENT,
    OTHER,
    VIP,
    Backends,
    address,
    bindings,
    client,
    connected,
    forward,
    frontend,
    guest,
    is_open,
    machines,
    ping,
    pool,
    rule,
    talks,
    trying,
    until,
)
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
NAT, NAT_2, OWN, SHARED = "198.18.6.1", "198.18.6.2", "198.18.1.0", "198.18.0.1"
"""Addresses of the gateway, the second one of it, machine 0's own, and the network's default."""


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


def gateway(*addresses: str, network: str = "/one", **fields: Any) -> SourceNat:
    prefix = ip_network("10.0.0.0/24" if network == "/one" else "10.1.0.0/24")
    found = tuple(map(ip_address, addresses or (NAT,)))
    said: dict[str, Any] = {"prefixes": (prefix,), "origin": f"{network} nat"} | fields
    return SourceNat(f"{network} nat", "nat", network, found, **said)


def blocks(*said: tuple[int, str, int, int], **fields: Any) -> SourceNat:
    """Machine, public address, first and last port of each block."""
    made = tuple(PortBlock(address(n), ip_address(a), PortRange(first, last)) for n, a, first, last in said)
    addresses = tuple(dict.fromkeys(b.public for b in made))
    return SourceNat("/one out", "out", "/one", addresses, blocks=made, origin="/one out", **fields)


def owned(machine: int = 0, public: str = OWN, **fields: Any) -> Port:
    """The machine's interface with a public address of its own."""
    found = next(e for e in machines(machine + 1, **fields) if isinstance(e, Port) and e.name == f"/one/nic{machine}")
    return replace(found, public=(PublicAddress(address(machine), ip_address(public)),))


def servers(net: Net, *ports: int, kind: str = "tcp", at: str = CLIENT) -> Backends:
    return Backends(net, [("/client", at, p) for p in ports or (80,)], kind)


def leaves_as(net: Net, served: Backends, number: int = 0, to: tuple[str, int] = (CLIENT, 80)) -> tuple[str, int]:
    """Address and port that a new connection of a machine has on the Internet."""
    opened = connected(net, guest(number), str(address(number)), to)
    _, accepted, peer = served.next()
    assert talks(opened, accepted)
    return peer


def test_flows_to_one_destination_leave_from_one_address_and_different_ports(net: Net) -> None:
    """Conformance example 1."""
    net.become([*machines(2), client(), gateway()])
    served = servers(net)
    seen = [leaves_as(net, served, number) for number in (0, 0, 1)]
    assert {where for where, _ in seen} == {NAT}
    assert len({port for _, port in seen}) == 3
    assert all(1024 <= port <= 65535 for _, port in seen)


def test_ports_and_addresses_are_chosen_at_random(net: Net) -> None:
    """Of 24 flows, all of one of two addresses would be a chance of one in eight million."""
    net.become([*machines(1), client(), gateway(NAT, NAT_2)])
    served = servers(net)
    seen = [leaves_as(net, served) for _ in range(24)]
    assert {where for where, _ in seen} == {NAT, NAT_2}
    ports = [port for _, port in seen]
    assert len({b - a for a, b in itertools.pairwise(ports)}) > 2


def test_a_port_serves_flows_to_different_destinations(net: Net) -> None:
    """Conformance example 2, where one port is all there is."""
    net.become([*machines(1), client("/client", CLIENT, OTHER), blocks((0, NAT, 1024, 1024))])
    first, second = servers(net), servers(net, at=OTHER)
    assert leaves_as(net, first) == (NAT, 1024)
    assert leaves_as(net, second, to=(OTHER, 80)) == (NAT, 1024)


@pytest.mark.parametrize("way", ["public address", "frontend", "forwarded port"])
def test_answers_of_inbound_flows_go_back_the_way_they_came(net: Net, way: str) -> None:
    """Conformance example 3: in through its own address or a balancer, out through the gateway."""
    net.become([*machines(1), client(), gateway(), frontend(), pool([0]), rule(), forward(0)])
    net.put(owned())
    to, port = {"public address": ((OWN, 22), 22), "frontend": ((VIP, 80), 8080), "forwarded port": ((VIP, 5000), 22)}[
        way
    ]
    backends = Backends(net, [(guest(0), str(address(0)), port)])
    opened = connected(net, "/client", CLIENT, to)
    _, accepted, peer = backends.next()
    assert peer[0] == CLIENT
    assert talks(opened, accepted)
    assert leaves_as(net, servers(net))[0] == NAT


LADDER = [
    pytest.param([gateway()], True, True, NAT, id="a gateway comes first"),
    pytest.param([blocks((0, NAT_2, 2048, 2111))], True, True, OWN, id="then an address of its own"),
    pytest.param([blocks((0, NAT_2, 2048, 2111))], False, True, NAT_2, id="then a balancer's ports"),
    pytest.param([], False, True, SHARED, id="then the network's default"),
    pytest.param([gateway(prefixes=(ip_network("10.0.9.0/24"),))], False, True, SHARED, id="not others' gateways"),
]


@pytest.mark.parametrize(("nats", "own", "default", "expected"), LADDER)
def test_the_order_of_what_a_flow_leaves_from(
    net: Net, nats: list[SourceNat], own: bool, default: bool, expected: str
) -> None:
    net.become([*machines(1, default_outbound=default), client(), *nats])
    if own:
        net.put(owned(default_outbound=default))
    assert leaves_as(net, servers(net))[0] == expected


def test_where_nothing_translates_nothing_leaves(net: Net) -> None:
    net.become([*machines(1), client()])
    served = servers(net)
    opened = trying(net, guest(0), str(address(0)), (CLIENT, 80))
    net.decided("drop:untranslated", 1)
    assert served.quiet()
    assert not is_open(opened)


def test_a_balancers_ports_are_for_its_protocols(net: Net) -> None:
    net.become([*machines(1), client(), blocks((0, NAT, 1024, 1031), protocols=(Protocol.UDP,))])
    served, datagrams = servers(net), servers(net, 53, kind="udp")
    trying(net, guest(0), str(address(0)), (CLIENT, 80))
    net.decided("drop:untranslated", 1)
    net.socket(guest(0), "udp", str(address(0))).sendto(b"?", (CLIENT, 53))
    assert datagrams.next()[2][1][0] == NAT
    assert served.quiet()


@pytest.mark.parametrize("own", [False, True], ids=["alone", "beside an address of its own"])
def test_a_gateway_translates_no_echo(net: Net, own: bool) -> None:
    """Conformance example 7; an address of the machine's own serves what the gateway does not."""
    net.become([*machines(1), client(), gateway()])
    if own:
        net.put(owned())
    before = net.count("drop:untranslated")
    asked = ping(net, guest(0), str(address(0)), CLIENT)
    if own:
        assert asked.recv(64)
    else:
        net.decided("drop:untranslated", before + 1)


def test_a_gateway_drops_fragments(net: Net) -> None:
    net.become([*machines(1), client(), gateway()])
    datagrams = servers(net, 53, kind="udp")
    sender = net.socket(guest(0), "udp", str(address(0)))
    sender.setsockopt(socket.IPPROTO_IP, 10, 0)  # fragment as needed, although the path would take less
    for _ in range(2):  # the first packet of a flow, and one of a known flow
        before = net.count("drop:translated_fragment")
        sender.sendto(b"x" * 4000, (CLIENT, 53))
        until(lambda b=before: net.count("drop:translated_fragment") > b, "the drop")  # type: ignore[misc]
        sender.sendto(b"whole", (CLIENT, 53))
        assert datagrams.next()[2][0] == b"whole"


def test_a_route_elsewhere_comes_before_a_gateway(net: Net) -> None:
    """Conformance example 8: what its routes do not lead to the Internet is not the gateway's."""
    net.become([*machines(1), client(), gateway()])
    nowhere = Route(ip_network("0.0.0.0/0"), NextHop.NONE)
    served = servers(net, 80, 81)
    net.put(RouteTable("/one t", "/one", (nowhere, Route(ip_network(f"{CLIENT}/32"), NextHop.INTERNET))))
    leaves_as(net, served)
    net.put(RouteTable("/one t", "/one", (nowhere,)))
    opened = trying(net, guest(0), str(address(0)), (CLIENT, 81))
    net.put(RouteTable("/one t", "/one", (Route(ip_network("0.0.0.0/0"), NextHop.INTERNET),)))
    assert net.count("tried:/one nat") >= 1
    until(lambda: is_open(opened), "the connection, once the route leads there again")


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_ports_that_are_used_up_are_told_and_other_destinations_go_on(net: Net, kind: str) -> None:
    net.become([*machines(1), client(), blocks((0, NAT, 1024, 1031))])
    served = servers(net, 80, 81, kind=kind)
    peers = set()
    for _ in range(8):
        peers.add(sent(net, served, kind, 80))
    assert {port for _, port in peers} == set(range(1024, 1032))
    counted = net.driver.counters()
    assert counted["tried:/one out"][0] == counted["done:/one out"][0] == 8
    assert net.driver.port_use() == [PortUse("/one", ip_address(NAT), Protocol(kind), address(0), 8)]
    ninth = trying(net, guest(0), str(address(0)), (CLIENT, 80)) if kind == "tcp" else datagram(net, 80)
    until(lambda: net.driver.counters()["tried:/one out"][0] >= 9, "a try")
    assert net.driver.counters()["done:/one out"][0] == 8
    assert served.quiet()
    assert ninth.fileno() >= 0
    assert sent(net, served, kind, 81)[0] == NAT


def datagram(net: Net, port: int) -> socket.socket:
    opened = net.socket(guest(0), "udp", str(address(0)))
    opened.sendto(b"?", (CLIENT, port))
    return opened


def sent(net: Net, served: Backends, kind: str, port: int) -> tuple[str, int]:
    """Who a new flow is to its destination; the answer comes back."""
    if kind == "tcp":
        return leaves_as(net, served, to=(CLIENT, port))
    opened = datagram(net, port)
    _, server, (_, peer) = served.next()
    server.sendto(b"!", peer)
    assert opened.recv(8) == b"!"
    return peer


def test_each_machine_has_its_own_block(net: Net) -> None:
    net.become([*machines(2), client(), blocks((0, NAT, 1024, 1087), (1, NAT, 1088, 1151))])
    served = servers(net)
    for _ in range(6):
        assert 1024 <= leaves_as(net, served, 0)[1] <= 1087
        assert 1088 <= leaves_as(net, served, 1)[1] <= 1151


def test_blocks_at_several_addresses_are_all_used(net: Net) -> None:
    """Machine 1 has but one."""
    said = [(0, NAT, 1024, 1087), (0, NAT_2, 1024, 1087), (1, NAT, 1088, 1151)]
    net.become([*machines(2), client(), blocks(*said)])
    served = servers(net)
    assert {leaves_as(net, served, 0)[0] for _ in range(20)} == {NAT, NAT_2}
    assert {leaves_as(net, served, 1)[0] for _ in range(6)} == {NAT}


def test_a_port_is_held_after_its_flow(net: Net) -> None:
    """Conformance example 4: 65 s after a FIN, 16 s after a reset, 30 s half open."""
    net.become([*machines(1), client(), gateway()])
    served = servers(net)
    trying(net, guest(0), str(address(0)), ("198.18.200.9", 80))
    (half,) = until(bindings, "the binding of a flow that nobody answers")
    assert 20 < half.left_s <= 30
    for how, limit in (("fin", 65), ("rst", 16)):
        opened = connected(net, guest(0), str(address(0)), (CLIENT, 80))
        _, accepted, peer = served.next()
        if how == "rst":
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        opened.close()
        accepted.settimeout(30)
        if how == "fin":
            assert accepted.recv(1) == b""
            accepted.close()
        mine = lambda p=peer[1]: [b for b in bindings() if b.reply.destination_port == p and b.left_s <= 65]  # noqa: E731
        (held,) = until(mine, "a binding that only waits")
        assert limit - 10 < held.left_s <= limit


@pytest.mark.parametrize("speaker", ["machine", "server"])
@pytest.mark.parametrize("resets", [True, False], ids=["told", "not told"])
def test_a_connection_that_idled_too_long_is_gone(net: Net, speaker: str, resets: bool) -> None:
    """Conformance example 5: whoever speaks again is told; the other end is not."""
    net.become([*machines(1), client(), gateway(tcp_idle_s=4, resets=resets)])
    served = servers(net)
    opened = connected(net, guest(0), str(address(0)), (CLIENT, 80))
    _, accepted, _ = served.next()
    assert talks(opened, accepted)
    until(lambda: not bindings(), "the end of the binding")
    one = opened if speaker == "machine" else accepted
    before = net.count("drop:unknown_flow")
    one.send(b"?")
    if resets:
        with pytest.raises(ConnectionResetError):
            one.recv(1)
    else:
        net.decided("drop:unknown_flow", before + 1)


def test_what_is_said_in_time_starts_the_idle_time_anew(net: Net) -> None:
    net.become([*machines(1), client(), gateway(tcp_idle_s=600)])
    served = servers(net)
    opened = connected(net, guest(0), str(address(0)), (CLIENT, 80))
    _, accepted, _ = served.next()
    assert talks(opened, accepted)
    until(lambda: 300 < bindings()[0].left_s < 598, "two seconds after all was acknowledged")
    assert talks(opened, accepted)
    until(lambda: bindings()[0].left_s >= 598, "the whole time again, once the last word is acknowledged")


def test_datagrams_that_idled_leave_from_another_port(net: Net) -> None:
    """Conformance example 6. One port in 64,512 is the same by chance."""
    net.become([*machines(1), client(), gateway(udp_idle_s=4)])
    served = servers(net, 53, kind="udp")
    sender = net.socket(guest(0), "udp", str(address(0)))
    sender.sendto(b"?", (CLIENT, 53))
    _, _, (_, first) = served.next()
    until(lambda: not bindings(), "the end of the binding")
    sender.sendto(b"?", (CLIENT, 53))
    _, _, (_, second) = served.next()
    assert first != second


def test_nothing_gets_in_by_a_gateways_address(net: Net) -> None:
    net.become([*machines(1), client(), gateway()])
    backends = Backends(net, [(guest(0), str(address(0)), 80)])
    served = servers(net)
    _, port = leaves_as(net, served)
    before = net.count("drop:unsolicited")
    trying(net, "/client", CLIENT, (NAT, 80))
    trying(net, "/client", CLIENT, (NAT, port), 0)
    net.decided("drop:unsolicited", before + 2)
    assert backends.quiet()


def test_flows_outlive_a_restart_and_an_edit(net: Net) -> None:
    net.become([*machines(2), client(), gateway(), blocks((1, NAT_2, 1024, 1087))])
    served, held = servers(net), []
    for number in (0, 1):
        opened = connected(net, guest(number), str(address(number)), (CLIENT, 80))
        held.append((opened, served.next()[1]))
    net.restart()
    net.put(gateway(NAT, NAT_2, tcp_idle_s=600))
    assert all(talks(*pair) for pair in held)


def test_an_address_that_left_a_gateway_keeps_none_of_its_flows(net: Net) -> None:
    net.become([*machines(1), client(), gateway(NAT)])
    leaves_as(net, servers(net))
    assert bindings()
    net.put(gateway(NAT_2))
    assert not bindings()


def test_two_networks_of_equal_addresses_each_by_its_gateway(net: Net) -> None:
    first = {e.key: e for e in machines(1)}
    twins = []
    for entry in machines(1, "/two"):
        fields = {"Vrf": ("prefixes",), "RouteTable": ("routes",), "Port": ("addresses", "gateways")}.get(
            entry.key[0], ()
        )
        same = first[entry.key[0], entry.name.replace("/two", "/one")]
        twins.append(replace(entry, **{f: getattr(same, f) for f in fields}))
    second = replace(gateway(NAT_2, network="/two"), prefixes=gateway().prefixes)
    net.become([*machines(1), *twins, client(), gateway(), second])
    served = servers(net)
    assert leaves_as(net, served)[0] == NAT
    opened = connected(net, guest(0, "/two"), str(address(0)), (CLIENT, 80))
    _, accepted, peer = served.next()
    assert peer[0] == NAT_2
    assert talks(opened, accepted)


def test_version_6_passes_a_gateway_by(net: Net) -> None:
    """The first generation of gateways has no addresses of version 6."""
    net.become([*machines(1), client(), gateway()])
    before = net.count("drop:untranslated")
    trying(net, guest(0), str(address(0, version=6)), ("2001:db8:200::1", 80))
    net.decided("drop:untranslated", before + 1)
    assert net.count("tried:/one nat") == 0
