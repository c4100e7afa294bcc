"""Public frontends: which backend a flow reaches, what passes, and what becomes of flows that stand.

Source: facts/load-balancer.md (components, distribution-mode-concepts, custom-probe-overview, tcp-reset,
inbound-nat-rules).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import AdminState, Distribution, Port, PublicAddress
from lazulite.values import Flow, Protocol
from tests.packets.edges import (
    CLIENT,
    CLIENT_6,
    PROBE,
    VIP,
    VIP_2,
    VIP_6,
    Backends,
    address,
    bindings,
    client,
    connected,
    forward,
    frontend,
    guest,
    healthy,
    is_open,
    machines,
    member_of,
    ping,
    pool,
    rule,
    talks,
    trying,
    until,
)
from tests.packets.net import Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    yield made
    made.close()


def tcp_backends(net: Net, count: int, port: int = 8080, version: int = 4) -> Backends:
    return Backends(net, [(guest(n), str(address(n, version=version)), port) for n in range(count)])


def name(where: str) -> str:
    """The member that a guest is."""
    return "m" + where.rpartition("vm")[2]


@pytest.mark.parametrize("distribution", Distribution)
@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_a_new_flow_reaches_the_backend_that_the_model_says(
    net: Net, protocol: Protocol, distribution: Distribution
) -> None:
    balancing, among = rule(protocol=protocol, distribution=distribution), pool(range(4))
    net.become([*machines(4), client(), among, frontend(), balancing])
    backends = Backends(net, [(guest(n), str(address(n)), 8080) for n in range(4)], str(protocol))
    found, said = [], []
    for port in range(20000, 20024):
        flow = Flow(ip_address(CLIENT), ip_address(VIP), protocol, 80, port)
        said.append(member_of(flow, balancing, among, None))
        if protocol is Protocol.TCP:
            connected(net, "/client", CLIENT, (VIP, 80), port)
            where, _, peer = backends.next()
        else:
            opened = net.socket("/client", "udp", CLIENT, port)
            opened.sendto(b"?", (VIP, 80))
            where, backend, (_, peer) = backends.next()
            backend.sendto(b"!", peer)
            assert opened.recvfrom(8) == (b"!", (VIP, 80))
        assert peer == (CLIENT, port)  # what the client is, the backend sees
        found.append(name(where))
    assert found == said
    assert (len(set(found)) == 1) is (distribution is not Distribution.FLOW)


def test_frontends_of_version_6(net: Net) -> None:
    balancing, among = rule(), pool(range(3), version=6)
    net.become([*machines(3), client(), among, frontend(VIP_6), balancing])
    backends = tcp_backends(net, 3, version=6)
    for port in range(20000, 20008):
        flow = Flow(ip_address(CLIENT_6), ip_address(VIP_6), Protocol.TCP, 80, port)
        opened = connected(net, "/client", CLIENT_6, (VIP_6, 80), port)
        where, accepted, peer = backends.next()
        assert (name(where), peer) == (member_of(flow, balancing, among, None), (CLIENT_6, port))
        assert talks(opened, accepted)


def test_two_frontends_one_pool_two_backend_ports(net: Net) -> None:
    """Gold test 1 of the fact sheet, the rules that do not float."""
    entries = [*machines(2), client(), pool(range(2)), frontend(), frontend(VIP_2, name="second")]
    net.become([*entries, rule(backend_port=80), rule(name="other", front="second", backend_port=81)])
    for vip, port in ((VIP, 80), (VIP_2, 81)):
        backends = tcp_backends(net, 2, port)
        connected(net, "/client", CLIENT, (vip, 80))
        _, accepted, _ = backends.next()
        assert accepted.getsockname()[1] == port


def test_nothing_passes_but_what_a_rule_lets(net: Net) -> None:
    net.become([*machines(1), client(), pool([0]), frontend(), rule()])
    backends = tcp_backends(net, 1)
    before = net.count("drop:unsolicited")
    refused = [trying(net, "/client", CLIENT, (VIP, p)) for p in (81, 8080)]
    net.socket("/client", "udp", CLIENT).sendto(b"?", (VIP, 80))
    ping(net, "/client", CLIENT, VIP)
    net.decided("drop:unsolicited", before + 4)
    assert backends.quiet()
    assert not any(map(is_open, refused))


def test_backend_port_0_keeps_the_port(net: Net) -> None:
    net.become([*machines(1), client(), pool([0]), frontend(), rule(backend_port=0)])
    backends = tcp_backends(net, 1, 80)
    connected(net, "/client", CLIENT, (VIP, 80))
    assert backends.next()[0] == guest(0)


def test_all_down_lets_nothing_new_in_and_established_flows_go_on(net: Net) -> None:
    """Gold test 6, and the table of fact sheet "Probes": TCP goes on, UDP ends."""
    entries = [*machines(2), client(), pool(range(2), probe=PROBE), frontend(), rule()]
    net.become([*entries, rule(name="udp", protocol=Protocol.UDP), healthy(0, 1)])
    backends, datagrams = tcp_backends(net, 2), udp_backends(net, 2)
    opened = connected(net, "/client", CLIENT, (VIP, 80))
    _, accepted, _ = backends.next()
    sender = net.socket("/client", "udp", CLIENT)
    sender.sendto(b"?", (VIP, 80))
    datagrams.next()
    net.put(healthy())
    late = trying(net, "/client", CLIENT, (VIP, 80))
    net.decided("drop:no_backend", 1)
    before = net.count("drop:no_backend")
    sender.sendto(b"?", (VIP, 80))
    net.decided("drop:no_backend", before + 1)
    assert backends.quiet()
    assert datagrams.quiet()
    assert not is_open(late)
    assert talks(opened, accepted)


def udp_backends(net: Net, count: int, port: int = 8080) -> Backends:
    return Backends(net, [(guest(n), str(address(n)), port) for n in range(count)], "udp")


def test_nothing_known_of_health_is_nobody_healthy(net: Net) -> None:
    net.become([*machines(1), client(), pool([0], probe=PROBE), frontend(), rule()])
    backends = tcp_backends(net, 1)
    opened = trying(net, "/client", CLIENT, (VIP, 80))
    net.decided("drop:no_backend", 1)
    assert backends.quiet()
    net.put(healthy(0))
    backends.next()  # the client's own next try
    until(lambda: is_open(opened), "the connection")


def test_a_pool_that_revives_sends_new_flows_on_when_all_are_down(net: Net) -> None:
    net.become([*machines(1), client(), pool([0], probe=PROBE, revive=True), frontend(), rule(), healthy()])
    backends = tcp_backends(net, 1)
    connected(net, "/client", CLIENT, (VIP, 80))
    assert backends.next()[0] == guest(0)


@pytest.mark.parametrize("how", ["its probe fails", "its user takes it out"])
def test_an_unfit_backend_keeps_its_connections_and_its_datagrams_move(net: Net, how: str) -> None:
    base = [*machines(2), client(), frontend(), rule(), rule(name="udp", protocol=Protocol.UDP)]
    net.become([*base, pool(range(2), probe=PROBE), healthy(0, 1)])
    backends, datagrams = tcp_backends(net, 2), udp_backends(net, 2)
    opened = connected(net, "/client", CLIENT, (VIP, 80))
    chosen, accepted, _ = backends.next()
    sender, served = None, ""
    while served != chosen:  # half of all flows go there
        sender = net.socket("/client", "udp", CLIENT)
        sender.sendto(b"?", (VIP, 80))
        served = datagrams.next()[0]
    assert sender is not None
    stays = 1 - int(name(chosen)[1:])
    if how == "its probe fails":
        net.put(healthy(stays))
    else:
        among = pool(range(2), probe=PROBE)
        down = [replace(m, admin=AdminState.DOWN) if m.name == name(chosen) else m for m in among.members]
        net.put(replace(among, members=tuple(down)))
    sender.sendto(b"?", (VIP, 80))
    assert datagrams.next()[0] == guest(stays)
    assert talks(opened, accepted)
    for _ in range(8):
        connected(net, "/client", CLIENT, (VIP, 80))
        assert backends.next()[0] == guest(stays)


def test_datagrams_to_others_stay_when_a_backend_fails(net: Net) -> None:
    net.become(
        [*machines(3), client(), pool(range(3), probe=PROBE), frontend(), rule(protocol=Protocol.UDP), healthy(0, 1, 2)]
    )
    datagrams, senders = udp_backends(net, 3), []
    for _ in range(24):
        sender = net.socket("/client", "udp", CLIENT)
        sender.sendto(b"?", (VIP, 80))
        senders.append((sender, datagrams.next()[0]))
    net.put(healthy(0, 1))
    for sender, served in senders:
        sender.sendto(b"?", (VIP, 80))
        now = datagrams.next()[0]
        assert now == served if served != guest(2) else now != guest(2)


def test_a_backend_that_leaves_the_pool_drains(net: Net) -> None:
    net.become([*machines(2), client(), pool(range(2)), frontend(), rule(), rule(name="udp", protocol=Protocol.UDP)])
    backends, datagrams = tcp_backends(net, 2), udp_backends(net, 2)
    held = []
    while not {guest(0), guest(1)} <= {where for where, *_ in held}:
        opened = connected(net, "/client", CLIENT, (VIP, 80))
        where, accepted, _ = backends.next()
        held.append((where, opened, accepted))
    senders = []
    while not {guest(0), guest(1)} <= {where for where, _ in senders}:
        sender = net.socket("/client", "udp", CLIENT)
        sender.sendto(b"?", (VIP, 80))
        senders.append((datagrams.next()[0], sender))
    net.put(pool([0]))
    assert all(talks(opened, accepted) for _, opened, accepted in held)
    for where, sender in senders:
        sender.sendto(b"?", (VIP, 80))
        assert datagrams.next()[0] == where
    for _ in range(6):
        connected(net, "/client", CLIENT, (VIP, 80))
        assert backends.next()[0] == guest(0)


def test_a_pool_that_grows_takes_no_flow_from_anyone(net: Net) -> None:
    net.become([*machines(3), client(), pool(range(2)), frontend(), rule()])
    backends = tcp_backends(net, 3)
    held = []
    for _ in range(10):
        opened = connected(net, "/client", CLIENT, (VIP, 80))
        held.append((opened, backends.next()[1]))
    net.put(pool(range(3)))
    net.put(pool(range(17)))  # more buckets: another modulus
    assert all(talks(*pair) for pair in held)


@pytest.mark.parametrize("protocol", [Protocol.TCP, Protocol.UDP])
def test_a_forwarded_port_leads_to_its_backend_before_any_rule(net: Net, protocol: Protocol) -> None:
    net.become(
        [
            *machines(3),
            client(),
            pool(range(2)),
            frontend(),
            rule(port=5000, protocol=protocol),
            forward(2, protocol=protocol),
        ]
    )
    place = [(guest(2), str(address(2)), 22)]
    backends = Backends(net, place, str(protocol))
    if protocol is Protocol.TCP:
        opened = connected(net, "/client", CLIENT, (VIP, 5000), 20000)
        where, accepted, peer = backends.next()
        assert talks(opened, accepted)
    else:
        net.socket("/client", "udp", CLIENT, 20000).sendto(b"?", (VIP, 5000))
        where, _, (_, peer) = backends.next()
    assert (where, peer) == (guest(2), (CLIENT, 20000))
    assert net.count("new:/one forward 5000") == 1
    assert net.count("new:/one web") == 0


def test_a_range_of_forwarded_ports_has_one_for_each_backend(net: Net) -> None:
    net.become([*machines(3), client(), frontend(), *(forward(n, port=5000 + n) for n in range(3))])
    backends = tcp_backends(net, 3, 22)
    for number in range(3):
        connected(net, "/client", CLIENT, (VIP, 5000 + number))
        assert backends.next()[0] == guest(number)


def test_a_forwarded_port_of_version_6(net: Net) -> None:
    target = replace(forward(1), target=address(1, version=6))
    net.become([*machines(2), client(), frontend(VIP_6), target])
    backends = tcp_backends(net, 2, 22, version=6)
    opened = connected(net, "/client", CLIENT_6, (VIP_6, 5000), 20000)
    where, accepted, peer = backends.next()
    assert (where, peer) == (guest(1), (CLIENT_6, 20000))
    assert talks(opened, accepted)


def test_a_machine_reaches_a_frontend_of_its_own_network_as_its_public_address(net: Net) -> None:
    """Its source is translated before anything is balanced."""
    own = PublicAddress(address(2), ip_address("198.18.1.2"))
    machine = next(e for e in machines(3) if isinstance(e, Port) and e.name == "/one/nic2")
    net.become([*machines(3), pool(range(2)), frontend(), rule()])
    net.put(replace(machine, public=(own,)))
    backends = tcp_backends(net, 2)
    opened = connected(net, guest(2), str(address(2)), (VIP, 80))
    _, accepted, peer = backends.next()
    assert peer[0] == "198.18.1.2"
    assert talks(opened, accepted)


def twin(entry: Any) -> Any:
    """The same of the second network, with the addresses of the first."""
    first = {e.key: e for e in machines(1)}
    fields = {"Vrf": ("prefixes",), "RouteTable": ("routes",), "Port": ("addresses", "gateways")}.get(entry.key[0], ())
    same = first[entry.key[0], entry.name.replace("/two", "/one")]
    return replace(entry, **{f: getattr(same, f) for f in fields})


def test_networks_with_equal_addresses_have_frontends_of_their_own(net: Net) -> None:
    """Both backends are 10.0.0.4; each client reaches the right one."""
    second = [*map(twin, machines(1, "/two")), frontend(VIP_2, "/two"), rule("/two")]
    members = replace(pool([0], "/two"), members=pool([0]).members)
    net.become([*machines(1), client(), pool([0]), frontend(), rule(), *second, members])
    backends = Backends(net, [(guest(0), "10.0.0.4", 8080), (guest(0, "/two"), "10.0.0.4", 8080)])
    for vip, where in ((VIP, guest(0)), (VIP_2, guest(0, "/two"))):
        opened = connected(net, "/client", CLIENT, (vip, 80))
        reached, accepted, _ = backends.next()
        assert reached == where
        assert talks(opened, accepted)


def test_flows_outlive_a_restart_of_the_driver(net: Net) -> None:
    net.become([*machines(2), client(), pool(range(2), probe=PROBE), frontend(), rule(), forward(1), healthy(0, 1)])
    backends, ssh = tcp_backends(net, 2), Backends(net, [(guest(1), str(address(1)), 22)])
    held = []
    for _ in range(6):
        opened = connected(net, "/client", CLIENT, (VIP, 80))
        held.append((opened, backends.next()[1]))
    opened = connected(net, "/client", CLIENT, (VIP, 5000))
    held.append((opened, ssh.next()[1]))
    before = {b.original for b in bindings()}
    net.restart()
    assert {b.original for b in bindings()} == before
    assert all(talks(*pair) for pair in held)
    assert net.count("new:/one web") == 6


def test_a_restart_that_finds_a_backend_unfit_moves_its_datagrams(net: Net) -> None:
    net.become(
        [*machines(2), client(), pool(range(2), probe=PROBE), frontend(), rule(protocol=Protocol.UDP), healthy(0)]
    )
    datagrams = udp_backends(net, 2)
    sender = net.socket("/client", "udp", CLIENT)
    sender.sendto(b"?", (VIP, 80))
    assert datagrams.next()[0] == guest(0)
    net.restart(healthy(1))
    sender.sendto(b"?", (VIP, 80))
    assert datagrams.next()[0] == guest(1)


def test_a_frontend_that_moves_takes_no_flow_along(net: Net) -> None:
    """What the address belonged to must not go on getting what is sent to it."""
    net.become([*machines(1), *machines(1, "/two"), client(), pool([0]), frontend(), rule()])
    backends = tcp_backends(net, 1)
    opened = connected(net, "/client", CLIENT, (VIP, 80))
    backends.next()
    assert bindings()
    net.drop(frontend(), rule())
    net.put(pool([0], "/two"), frontend(VIP, "/two"), rule("/two"))
    assert bindings() == []
    before = net.count("drop:unknown_flow")
    opened.send(b"?")
    net.decided("drop:unknown_flow", before + 1)


@pytest.mark.parametrize("resets", [False, True], ids=["silently", "with a reset to who asks"])
@pytest.mark.parametrize("speaker", ["client", "backend"])
def test_a_connection_that_idles_too_long_ends(net: Net, resets: bool, speaker: str) -> None:
    net.become([*machines(1), client(), pool([0]), frontend(), rule(idle_timeout_s=4, resets=resets)])
    backends = tcp_backends(net, 1)
    opened = connected(net, "/client", CLIENT, (VIP, 80))
    _, accepted, _ = backends.next()
    assert talks(opened, accepted)
    until(lambda: not bindings(), "the end of the binding")
    one = opened if speaker == "client" else accepted
    before = net.count("drop:unknown_flow")
    one.send(b"?")
    if resets:
        with pytest.raises(ConnectionResetError):
            one.recv(1)
    else:
        net.decided("drop:unknown_flow", before + 1)
    assert not bindings()


@pytest.mark.parametrize(("idle_s", "expected"), [(240, 240), (1800, 1800)])
@pytest.mark.parametrize("what", [rule, forward])
def test_how_long_a_connection_may_idle_is_the_rules(net: Net, idle_s: int, expected: int, what: Any) -> None:
    entry = (
        rule(idle_timeout_s=idle_s) if what is rule else forward(0, port=80, target_port=8080, idle_timeout_s=idle_s)
    )
    net.become([*machines(1), client(), pool([0]), frontend(), entry])
    backends = tcp_backends(net, 1)
    opened = connected(net, "/client", CLIENT, (VIP, 80))
    assert talks(opened, backends.next()[1])
    until(lambda: expected - 20 < bindings()[0].left_s <= expected, "the whole time, once all is acknowledged")


def test_fragments_to_a_frontend_are_dropped(net: Net) -> None:
    net.become([*machines(1), client(), pool([0]), frontend(), rule(protocol=Protocol.UDP)])
    datagrams = udp_backends(net, 1)
    sender = net.socket("/client", "udp", CLIENT)
    sender.setsockopt(socket.IPPROTO_IP, 10, 0)  # fragment as needed, although the path would take less
    sender.sendto(b"x" * 4000, (VIP, 80))
    net.decided("drop:translated_fragment", 1)
    sender.sendto(b"whole", (VIP, 80))
    assert datagrams.next()[2][0] == b"whole"


def test_what_is_counted_of_a_rule(net: Net) -> None:
    net.become([*machines(1), client(), pool([0]), frontend(), rule(protocol=Protocol.UDP)])
    datagrams = udp_backends(net, 1)
    sender = net.socket("/client", "udp", CLIENT)
    for _ in range(3):
        sender.sendto(b"?", (VIP, 80))
        _, backend, (_, peer) = datagrams.next()
    backend.sendto(b"!", peer)
    sender.recv(8)
    counted = net.driver.counters()
    assert counted["new:/one web"][0] == 1
    assert counted["received:/one web"] == (3, 3 * 29)  # a header of 20 bytes, one of 8, and one byte
    assert counted["sent:/one web"] == (1, 29)
