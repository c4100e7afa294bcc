"""Public addresses chained to a gateway load balancer: what its appliances see, and that it goes on as it came.

Source: facts/load-balancer.md (gateway-overview, gateway-partners, tutorial-gateway-load-balancer).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import Detour, Pool, PublicAddress, Tunnel
from tests.packets.edges import (
    CLIENT,
    PROBE,
    VIP,
    Backends,
    address,
    client,
    connected,
    frontend,
    guest,
    healthy,
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
GATEWAY = "10.1.0.100"
OWN = "198.18.6.1"
INTERNAL, EXTERNAL = Tunnel(10800, 800), Tunnel(10801, 801)


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


def detour(**fields: Any) -> Detour:
    said = {"internal": INTERNAL, "external": EXTERNAL, "origin": "gateway"} | fields
    return Detour("gateway", "gateway", "/two", ip_address(GATEWAY), "/two pool", **said)


def provider(count: int = 2, appliances: Pool | None = None) -> list[Any]:
    return [*machines(count, "/two"), appliances or pool(range(count), "/two"), detour()]


def by_frontend() -> list[Any]:
    """A public load balancer whose frontend is chained, with one machine behind it."""
    return [*machines(1), pool([0]), chained_frontend(), rule(), client()]


def chained_frontend() -> Any:
    return replace(frontend(), detour="gateway")


def by_interface(detour: str = "gateway") -> list[Any]:
    """A machine with a public address of its own that is chained."""
    own = PublicAddress(address(0), ip_address(OWN), "own", detour)
    return [*machines(1, public=(own,)), client()]


def bridge(net: Net, number: int, internal: Tunnel = INTERNAL, external: Tunnel = EXTERNAL) -> None:
    """Make an appliance as its documentation tells: two tunnels and a bridge between them."""
    where = guest(number, "/two")
    for name, tunnel in (("internal", internal), ("external", external)):
        said = ["id", str(tunnel.identifier), "remote", GATEWAY, "dstport", str(tunnel.port), "nolearning"]
        net.run(where, "ip", "link", "add", name, "type", "vxlan", *said)
    net.run(where, "ip", "link", "add", "joined", "type", "bridge")
    for name in ("joined", "internal", "external"):
        master = [] if name == "joined" else ["master", "joined"]
        net.run(where, "ip", "link", "set", name, "addrgenmode", "none")
        net.run(where, "ip", "link", "set", name, *master, "up")


def seen(net: Net, number: int) -> tuple[int, int]:
    """Packets that an appliance got on the internal tunnel and on the external one."""
    found = []
    for name in ("internal", "external"):
        said = net.run(guest(number, "/two"), "ip", "-s", "-j", "link", "show", name)
        found.append(json.loads(said)[0]["stats64"]["rx"]["packets"])
    return found[0], found[1]


def test_what_comes_in_by_a_chained_frontend_meets_an_appliance_and_so_do_its_answers(net: Net) -> None:
    net.become([*provider(1), *by_frontend()])
    bridge(net, 0)
    backends = Backends(net, [(guest(0), str(address(0)), 8080)])
    one = connected(net, "/client", CLIENT, (VIP, 80), 20000)
    _, other, peer = backends.next()
    assert peer == (CLIENT, 20000)
    assert talks(one, other)
    internal, external = seen(net, 0)
    assert internal >= 3
    assert external >= 3


def moved(net: Net, count: int, before: list[tuple[int, int]]) -> list[int]:
    """The appliances that got something since."""
    return [n for n in range(count) if seen(net, n) != before[n]]


def test_both_directions_of_a_flow_meet_the_same_appliance_and_flows_are_spread(net: Net) -> None:
    net.become([*provider(2), *by_frontend()])
    for number in range(2):
        bridge(net, number)
    backends = Backends(net, [(guest(0), str(address(0)), 8080)])
    met = set()
    for number in range(20000, 20016):
        before = [seen(net, n) for n in range(2)]
        one = connected(net, "/client", CLIENT, (VIP, 80), number)
        _, other, _ = backends.next()
        assert talks(one, other)
        [which] = moved(net, 2, before)
        assert all(now > then for now, then in zip(seen(net, which), before[which], strict=True))
        met.add(which)
    assert met == {0, 1}


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_machine_with_a_chained_public_address_is_reached_and_leaves_by_an_appliance(net: Net, kind: str) -> None:
    net.become([*provider(1), *by_interface()])
    bridge(net, 0)
    inside = Backends(net, [(guest(0), str(address(0)), 8080)], kind)
    outside = Backends(net, [("/client", CLIENT, 9090)], kind)
    ways = (("/client", CLIENT, OWN, 8080, inside, CLIENT), (guest(0), str(address(0)), CLIENT, 9090, outside, OWN))
    for where, source, to, number, there, as_seen in ways:
        before = seen(net, 0)
        asking = net.socket(where, kind, source, 20000)
        asking.connect((to, number))
        asking.send(b"?")
        _, opened, told = there.next()
        if kind == "tcp":
            assert (opened.recv(1), told) == (b"?", (as_seen, 20000))
            opened.send(b"!")
        else:
            assert told == (b"?", (as_seen, 20000))
            opened.sendto(b"!", told[1])
        assert asking.recv(1) == b"!"
        assert all(now > then for now, then in zip(seen(net, 0), before, strict=True))


def test_echoes_pass_the_appliance_too(net: Net) -> None:
    net.become([*provider(1), *by_interface()])
    bridge(net, 0)
    assert ping(net, "/client", CLIENT, OWN).recv(100)
    assert seen(net, 0) == (1, 1)


def test_two_chained_addresses_reach_each_other_by_the_appliance_twice(net: Net) -> None:
    own = [PublicAddress(address(n), ip_address(f"198.18.6.{n + 1}"), "own", "gateway") for n in range(2)]
    network = machines(2)
    ports = [e for e in network if hasattr(e, "public")]
    chained = [replace(p, public=(pair,)) for p, pair in zip(ports, own, strict=True)]
    net.become([*provider(1), *[e for e in network if e not in ports], *chained])
    bridge(net, 0)
    asking = net.socket(guest(0), "udp", str(address(0)), 20000)
    answering = net.socket(guest(1), "udp", str(address(1)), 53)
    asking.sendto(b"?", ("198.18.6.2", 53))
    assert answering.recvfrom(9) == (b"?", ("198.18.6.1", 20000))
    answering.sendto(b"!", ("198.18.6.1", 20000))
    assert asking.recvfrom(9) == (b"!", ("198.18.6.2", 53))
    assert seen(net, 0) == (2, 2)


def test_an_appliance_that_fails_gets_no_new_flow_and_its_datagrams_move(net: Net) -> None:
    watched = pool(range(2), "/two", probe=PROBE)
    net.become([*provider(2, watched), *by_interface(), healthy(0, network="/two")])
    for number in range(2):
        bridge(net, number)
    backends = Backends(net, [(guest(0), str(address(0)), 8080)])
    answering = net.socket(guest(0), "udp", str(address(0)), 53)
    asking = net.socket("/client", "udp", CLIENT, 20000)
    one = connected(net, "/client", CLIENT, (OWN, 8080), 20001)
    _, other, _ = backends.next()
    asking.sendto(b"1", (OWN, 53))
    assert answering.recv(9) == b"1"
    assert seen(net, 1) == (0, 0)
    net.put(healthy(1, network="/two"))
    before = seen(net, 1)
    asking.sendto(b"2", (OWN, 53))
    assert answering.recv(9) == b"2"
    assert seen(net, 1) == (before[0], before[1] + 1)
    assert talks(one, other)
    before = [seen(net, n) for n in range(2)]
    connected(net, "/client", CLIENT, (OWN, 8080), 20002)
    backends.next()
    assert moved(net, 2, before) == [1]
    net.restart()
    assert talks(one, other)


def test_with_no_appliance_up_nothing_passes_either_way(net: Net) -> None:
    watched = pool(range(1), "/two", probe=PROBE)
    net.become([*provider(1, watched), *by_interface()])
    bridge(net, 0)
    trying(net, "/client", CLIENT, (OWN, 8080), 20000)
    until(lambda: net.count("drop:no_appliance"), "the drop of what comes in")
    before = net.count("drop:no_appliance")
    leaving = net.socket(guest(0), "udp", str(address(0)), 5000)
    leaving.sendto(b"?", (CLIENT, 53))
    net.decided("drop:no_appliance", before + 1)
    assert seen(net, 0) == (0, 0)


def test_an_address_is_chained_and_let_go_again(net: Net) -> None:
    net.become([*provider(1), *by_interface("")])
    bridge(net, 0)
    backends = Backends(net, [(guest(0), str(address(0)), 8080)])
    for number, name, passes in ((20000, "", False), (20001, "gateway", True), (20002, "", False)):
        net.put(*by_interface(name))
        before = seen(net, 0)
        connected(net, "/client", CLIENT, (OWN, 8080), number)
        backends.next()
        assert (seen(net, 0) != before) is passes


def test_tunnels_can_have_other_ports_and_identifiers(net: Net) -> None:
    net.become([*provider(1), *by_interface()])
    other = detour(internal=Tunnel(2000, 900), external=Tunnel(2001, 901))
    net.put(other)
    bridge(net, 0, internal=other.internal, external=other.external)
    assert ping(net, "/client", CLIENT, OWN).recv(100)
    assert seen(net, 0) == (1, 1)


def test_the_tunnels_take_nothing_from_anybody_but_an_appliance(net: Net) -> None:
    net.become([*provider(2, pool([0], "/two")), *by_interface()])
    stranger = net.socket(guest(1, "/two"), "udp", str(address(1, "/two")), 5000)
    stranger.sendto(b"no tunnel", (GATEWAY, EXTERNAL.port))
    until(lambda: net.count("drop:no_tunnel") == 1, "the drop of the stranger's datagram")


def test_a_long_packet_that_may_not_be_split_is_told_how_long_it_may_be(net: Net) -> None:
    """The tunnel takes 50 bytes of the 1,500 that an interface carries."""
    net.become([*provider(1), *by_interface()])
    bridge(net, 0)
    backends = Backends(net, [(guest(0), str(address(0)), 8080)])
    one = connected(net, "/client", CLIENT, (OWN, 8080), 20000)
    _, other, _ = backends.next()
    for sender, receiver in ((one, other), (other, one)):
        sender.sendall(b"x" * 20000)
        got = 0
        while got < 20000:
            part = receiver.recv(20000)
            assert part
            got += len(part)
