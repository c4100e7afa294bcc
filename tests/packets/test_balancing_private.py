"""Private frontends on the real kernel: who gets a flow, what passes, and what stays where it is."""

from __future__ import annotations

import contextlib
import subprocess
from ipaddress import ip_address, ip_network

import pytest

from lazulite.drivers.linux import names, namespaces
from lazulite.forwarding.model import (
    Action,
    Contents,
    Distribution,
    Frontend,
    NextHop,
    PortForward,
    Probe,
    ProbeProtocol,
    Route,
    RouteTable,
    Rule,
)
from lazulite.values import Direction, PortRange, Protocol
from tests.drivers.worlds import access_list, port
from tests.packets.balanced import (
    BACKENDS,
    CLIENT,
    LOCAL,
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
    unanswered,
    versions,
)
from tests.packets.net import Net, readable

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


@versions
def test_each_flow_goes_to_the_member_that_the_model_names(net: Net, version: int) -> None:
    net.become([*machines(), pool(version), frontend(version), balanced(version)])
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    found, expected = [], []
    for number in range(20000, 20030):
        with connection(net, servers, version, number) as (guest, client, served):
            client.send(b"ping")
            assert served.recv(9) == b"ping"
            served.send(b"pong")
            assert client.recv(9) == b"pong"
        found.append(guest)
        expected.append(predicted(flow(version, number), pool(version)))
    assert found == expected
    assert net.count("new:web") == len(found)
    assert set(found) == set(BACKENDS)


@versions
def test_datagrams_go_where_the_model_says_and_answers_come_from_the_frontend(net: Net, version: int) -> None:
    udp = balanced(version, protocol=Protocol.UDP)
    net.become([*machines(), pool(version), frontend(version), udp])
    servers = Servers(net, version, BACKENDS, "udp", 8080)
    for number in range(30000, 30010):
        expected = predicted(flow(version, number, Protocol.UDP), pool(version))
        assert datagram(net, servers, version, number) == expected


@versions
@pytest.mark.parametrize("how", [Distribution.SOURCE, Distribution.SOURCE_PROTOCOL])
def test_a_client_stays_with_one_backend_over_ports_and_with_source_ip_over_protocols_too(
    net: Net, version: int, how: Distribution
) -> None:
    rules = [
        balanced(version, "tcp", distribution=how),
        balanced(version, "udp", protocol=Protocol.UDP, port=81, distribution=how),
    ]
    net.become([*machines(), pool(version), frontend(version), *rules])
    tcp, udp = (Servers(net, version, BACKENDS, kind, 8080) for kind in ("tcp", "udp"))
    by_tcp = set()
    for number in range(20000, 20008):
        with connection(net, tcp, version, number) as (guest, _, _):
            by_tcp.add(guest)
    by_udp = {datagram(net, udp, version, number, 81) for number in range(20000, 20008)}
    assert by_tcp == {predicted(flow(version, 1), pool(version), how=how)}
    assert by_udp == {predicted(flow(version, 1, Protocol.UDP), pool(version), how=how)}
    assert how is Distribution.SOURCE_PROTOCOL or by_tcp == by_udp


@versions
def test_ha_ports_take_every_port_that_no_other_rule_names(net: Net, version: int) -> None:
    every = balanced(version, "every", protocol=None, port=0, backend_port=0)
    net.become([*machines(), pool(version), frontend(version), balanced(version), every])
    exact, other = (Servers(net, version, BACKENDS, "tcp", n) for n in (8080, 4433))
    udp = Servers(net, version, BACKENDS, "udp", 53)
    with connection(net, exact, version, 20000) as (guest, _, _):
        assert guest == predicted(flow(version, 20000), pool(version))
    with connection(net, other, version, 20001, 4433) as (guest, _, _):
        assert guest == predicted(flow(version, 20001, to=4433), pool(version))
    assert datagram(net, udp, version, 20002, 53) == predicted(flow(version, 20002, Protocol.UDP, 53), pool(version))


@versions
def test_a_backend_can_be_reached_past_the_frontend_from_the_port_of_an_old_flow(net: Net, version: int) -> None:
    net.become([*machines(), pool(version), frontend(version), balanced(version)])
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    with connection(net, servers, version, 20000) as (first, _, _):
        pass
    client = net.socket(CLIENT, "tcp", address(CLIENT, version), 20000)
    client.connect((address(first, version), 8080))
    listening, guest = servers.waiting()
    served, _ = listening.accept()
    with served:
        assert guest == first
        served.send(b"pong")
        assert client.recv(9) == b"pong"


@versions
def test_what_no_rule_takes_and_what_is_neither_tcp_nor_udp_ends_at_the_frontend(net: Net, version: int) -> None:
    net.become([*machines(), pool(version), frontend(version), balanced(version)])
    unanswered(net, version, "tcp", 81)
    net.decided("drop:balancer_no_rule", 1)
    unanswered(net, version, "udp", 80)
    net.decided("drop:balancer_no_rule", 2)
    ping = net.socket(CLIENT, "icmp", address(CLIENT, version))
    ping.sendto(bytes((8 if version == 4 else 128, 0, 0, 0, 0, 0, 0, 1)), (str(VIP[version]), 0))
    net.decided("drop:balancer_protocol", 1)


@versions
def test_fragments_to_a_frontend_are_dropped_and_others_pass_as_ever(net: Net, version: int) -> None:
    udp = balanced(version, protocol=Protocol.UDP)
    net.become([*machines(), pool(version), frontend(version), udp])
    servers = Servers(net, version, BACKENDS, "udp", 8080)
    client = net.socket(CLIENT, "udp", address(CLIENT, version), 5000)
    client.sendto(b"x" * 4000, (str(VIP[version]), 80))
    net.decided("drop:balancer_fragment", 3)
    client.sendto(b"x" * 4000, (address(BACKENDS[0], version), 8080))
    opened, guest = servers.waiting()
    assert (len(opened.recv(5000)), guest) == (4000, BACKENDS[0])


@versions
def test_nobody_healthy_takes_no_new_flow(net: Net, version: int) -> None:
    probed = pool(version, probe=Probe(ProbeProtocol.TCP, 80))
    net.become([*machines(), probed, frontend(version), balanced(version)])
    unanswered(net, version, "tcp", 80, 20000)
    net.decided("drop:balancer_nobody", 1)
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    healthy = Contents(probed.name, (f"{BACKENDS[1]} config",))
    net.put(healthy)
    with connection(net, servers, version, 20001) as (guest, _, _):
        assert guest == BACKENDS[1]


@versions
def test_a_member_that_fails_keeps_its_connections_and_loses_its_datagrams(net: Net, version: int) -> None:
    probed = pool(version, probe=Probe(ProbeProtocol.TCP, 80))
    everyone = tuple(m.name for m in probed.members)
    udp = balanced(version, "udp", protocol=Protocol.UDP)
    net.become([*machines(), probed, frontend(version), balanced(version), udp, Contents(probed.name, everyone)])
    tcp, datagrams = (Servers(net, version, BACKENDS, kind, 8080) for kind in ("tcp", "udp"))
    sender = net.socket(CLIENT, "udp", address(CLIENT, version), 30000)
    sender.connect((str(VIP[version]), 80))
    first = exchanged(sender, datagrams, address(CLIENT, version), 30000)
    number = next(
        n for n in range(20000, 21000) if predicted(flow(version, n), probed, Contents("", everyone)) == first
    )
    with connection(net, tcp, version, number) as (guest, client, served):
        assert guest == first
        left = Contents(probed.name, tuple(name for name in everyone if name != f"{first} config"))
        net.put(left)
        client.send(b"still")
        assert served.recv(9) == b"still"
        served.send(b"here")
        assert client.recv(9) == b"here"
        second = exchanged(sender, datagrams, address(CLIENT, version), 30000)
        assert second == predicted(flow(version, 30000, Protocol.UDP), probed, left) != first
        with connection(net, tcp, version, number + 1) as (guest, _, _):
            assert guest == predicted(flow(version, number + 1), probed, left)


@versions
def test_a_member_taken_out_drains_and_others_keep_their_flows(net: Net, version: int) -> None:
    udp = balanced(version, "udp", protocol=Protocol.UDP)
    net.become([*machines(), pool(version), frontend(version), balanced(version), udp])
    tcp, datagrams = (Servers(net, version, BACKENDS, kind, 8080) for kind in ("tcp", "udp"))
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connection(net, tcp, version, n)) for n in range(20000, 20010)]
        sender = net.socket(CLIENT, "udp", address(CLIENT, version), 30000)
        sender.connect((str(VIP[version]), 80))
        before = exchanged(sender, datagrams, address(CLIENT, version), 30000)
        net.put(pool(version, [g for g in BACKENDS if g != before]))
        for _, client, served in opened:
            client.send(b"still")
            assert served.recv(9) == b"still"
        assert exchanged(sender, datagrams, address(CLIENT, version), 30000) == before


@versions
def test_a_flow_outlives_a_restart_of_the_driver(net: Net, version: int) -> None:
    net.become([*machines(), pool(version), frontend(version), balanced(version)])
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    with connection(net, servers, version, 20000) as (_, client, served):
        net.restart()
        client.send(b"still")
        assert served.recv(9) == b"still"
        served.send(b"here")
        assert client.recv(9) == b"here"


@versions
@pytest.mark.parametrize("restarted", [False, True], ids=["while the driver runs", "while it does not"])
def test_a_frontend_that_goes_takes_its_flows_along(net: Net, version: int, restarted: bool) -> None:
    """Another frontend stays, so the router goes on balancing."""
    other = Frontend("other", "other", "/one", ip_address(f"{str(VIP[version])[:-1]}1"))
    moved = Frontend(f"front{version}", "front", "/one", ip_address(f"{str(VIP[version])[:-1]}2"))
    net.become([*machines(), pool(version), frontend(version), balanced(version), other])
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    with connection(net, servers, version, 20000) as (_, client, served):
        (net.restart if restarted else net.put)(moved)
        net.put(frontend(version))
        before = net.count("drop:balancer_unknown")
        client.send(b"stale")
        net.decided("drop:balancer_unknown", before + 1)
        served.send(b"stale")
        net.decided("drop:balancer_unknown", before + 2)


def test_a_router_that_balances_no_longer_has_nothing_left_of_it(net: Net) -> None:
    everything = [*machines(), pool(), frontend(), balanced()]
    net.become(everything)
    net.drop(pool(), frontend(), balanced())
    with namespaces.inside(net.driver._handles.descriptor(names.router("/one"))):
        commands = (["nft", "list", "ruleset"], ["ip", "link"])
        listed = "".join(subprocess.run(c, capture_output=True, text=True, check=True).stdout for c in commands)
    assert "lb_" not in listed
    assert names.LOOP_IN not in listed
    net.restart()


@versions
def test_a_backend_that_meets_itself_gets_no_answer(net: Net, version: int) -> None:
    """And another one does, from the same machine. Source: facts/load-balancer.md (load-balancer-troubleshoot)."""
    net.become([*machines(), pool(version), frontend(version), balanced(version)])
    servers, backend = Servers(net, version, BACKENDS, "tcp", 8080), BACKENDS[0]
    to = {n: predicted(flow(version, n, source=backend), pool(version)) for n in range(20000, 20100)}
    unanswered(net, version, "tcp", 80, next(n for n, guest in to.items() if guest == backend), backend)
    net.decided("drop:balancer_self", 1)
    other = next(n for n, guest in to.items() if guest != backend)
    with connection(net, servers, version, other, source=backend) as (guest, _, _):
        assert guest == to[other]


@versions
def test_an_icmp_error_about_a_balanced_flow_comes_from_the_frontend(net: Net, version: int) -> None:
    closed = access_list("in", Direction.INGRESS, ())
    udp = balanced(version, protocol=Protocol.UDP)
    client = port(0, "/one", routes="t", ingress=("in",))
    net.become([*machines(), *client, closed, pool(version), frontend(version), udp])
    sender = net.socket(CLIENT, "udp", address(CLIENT, version), 5000)
    sender.connect((str(VIP[version]), 80))  # where nobody listens
    sender.send(b"?")
    with pytest.raises(ConnectionRefusedError):
        sender.recv(9)


@versions
def test_the_sender_is_judged_by_the_frontend_and_the_backend_by_its_own_address(net: Net, version: int) -> None:
    """Lists of both ends see what their machine sees, and answers need no rule."""
    out = Rule(100, Action.ALLOW, destinations=(ip_network(str(VIP[version])),), origin="to frontend")
    into = Rule(
        100,
        Action.ALLOW,
        sources=(ip_network(address(CLIENT, version)),),
        destinations=tuple(ip_network(address(g, version)) for g in BACKENDS),
        destination_ports=(PortRange(8080, 8080),),
        protocol=Protocol.TCP,
        origin="to backend",
    )
    lists = [access_list("out", Direction.EGRESS, (out,)), access_list("in", Direction.INGRESS, (into,))]
    lists += [access_list(f"no {d}", d, ()) for d in Direction]
    client = port(0, "/one", routes="t", egress=("out",), ingress=(f"no {Direction.INGRESS}",))
    shut = {"ingress": ("in",), "egress": (f"no {Direction.EGRESS}",)}
    backends = [e for n in (1, 2, 3) for e in port(n, "/one", routes="t", **shut)]
    net.become([*machines(0), *client, *backends, *lists, pool(version), frontend(version), balanced(version)])
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    with connection(net, servers, version, 20000) as (_, opened, served):
        served.send(b"hello")
        assert opened.recv(9) == b"hello"
    net.put(access_list("in", Direction.INGRESS, ()))
    unanswered(net, version, "tcp", 80, 20001)
    net.decided("in last", 1)
    net.put(access_list("out", Direction.EGRESS, ()))
    unanswered(net, version, "tcp", 80, 20002)
    net.decided("out last", 1)


@versions
def test_a_peered_network_reaches_a_frontend_past_the_filter_of_the_link(net: Net, version: int) -> None:
    net.become([*peered(), pool(version), frontend(version), balanced(version)])
    servers, client = Servers(net, version, BACKENDS, "tcp", 8080), "/two/vm0"
    with connection(net, servers, version, 20000, source=client) as (guest, opened, served):
        assert guest == predicted(flow(version, 20000, source=client), pool(version))
        served.send(b"hello")
        assert opened.recv(9) == b"hello"
    net.become([*peered(access=False), pool(version), frontend(version), balanced(version)])
    unanswered(net, version, "tcp", 80, 20001, client)
    net.decided("drop:peering_access", 1)


@versions
def test_a_route_to_an_appliance_comes_first_and_the_frontend_after_it(net: Net, version: int) -> None:
    """The appliance sees the frontend's address, and the backend's answer goes straight, from the frontend."""
    appliance, alone = "/one/vm4", ip_network(str(VIP[version]))
    via = Route(alone, NextHop.APPLIANCE, via=ip_address(address(appliance, version)), target="/one")
    net.become(
        [
            *machines(),
            *port(0, "/one", routes="by appliance"),
            *port(4, "/one", routes="t", forwards=True, ingress=("in",)),
            RouteTable("by appliance", "/one", (*LOCAL, via)),
            access_list("in", Direction.INGRESS, (Rule(100, Action.ALLOW, destinations=(alone,), origin="seen"),)),
            *(pool(version), frontend(version), balanced(version)),
        ]
    )
    net.forward(appliance)
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    with connection(net, servers, version, 20000) as (guest, client, served):
        assert guest == predicted(flow(version, 20000), pool(version))
        assert net.count("seen") == 1
        client.send(b"ping")
        assert served.recv(9) == b"ping"
        served.send(b"pong")
        assert client.recv(9) == b"pong"


@versions
@pytest.mark.parametrize("hop", [NextHop.NONE, NextHop.INTERNET])
def test_a_frontend_that_the_senders_routes_lead_away_from_balances_nothing(
    net: Net, version: int, hop: NextHop
) -> None:
    away = RouteTable("away", "/one", (*LOCAL, Route(ip_network(str(VIP[version])), hop)))
    client = port(0, "/one", routes="away", default_outbound=False)
    other = port(4, "/one", routes="t")
    net.become([*machines(), *client, *other, away, pool(version), frontend(version), balanced(version)])
    servers = Servers(net, version, BACKENDS, "tcp", 8080)
    unanswered(net, version, "tcp", 80, 20000)
    with connection(net, servers, version, 20001, source="/one/vm4") as (guest, _, _):  # later, and alone
        assert guest == predicted(flow(version, 20001, source="/one/vm4"), pool(version))


@versions
def test_a_port_of_a_frontend_leads_to_one_machine(net: Net, version: int) -> None:
    target = ip_address(address(BACKENDS[1], version))
    ssh = PortForward("ssh", "ssh", f"front{version}", Protocol.TCP, 5022, target, 22, origin="ssh")
    net.become([*machines(), pool(version), frontend(version), balanced(version), ssh])
    servers = Servers(net, version, BACKENDS, "tcp", 22)
    for number in range(20000, 20005):
        with connection(net, servers, version, number, 5022) as (guest, _, served):
            assert (guest, served.getsockname()[0]) == (BACKENDS[1], str(target))


@versions
def test_a_mirrored_flow_through_an_appliance_opens_nothing_where_a_router_balances(net: Net, version: int) -> None:
    """As without a balancer: B denies both ways, and what A sent to it, or to the frontend, lets nothing back."""
    first, appliance = BACKENDS[0], ip_address(address("/one/vm4", version))
    prefix = ip_network("10.0.0.0/28" if version == 4 else "fd00::/124")
    by_appliance = Route(prefix, NextHop.APPLIANCE, via=appliance, target="/one")
    shut = {"egress": (f"no {Direction.EGRESS}",), "ingress": (f"no {Direction.INGRESS}",)}
    net.become(
        [
            *machines(0),
            *(access_list(f"no {d}", d, ()) for d in Direction),
            RouteTable("by appliance", "/one", (*LOCAL, by_appliance)),
            *port(0, "/one", routes="by appliance"),
            *port(1, "/one", routes="by appliance", **shut),
            *port(4, "/one", routes="t", forwards=True),
            *(pool(version, [first]), frontend(version), balanced(version, protocol=Protocol.UDP, backend_port=80)),
        ]
    )
    net.forward("/one/vm4")
    a, b = (
        net.socket(CLIENT, "udp", address(CLIENT, version), 5000),
        net.socket(first, "udp", address(first, version), 80),
    )
    ingress, egress = (f"no {d} last" for d in (Direction.INGRESS, Direction.EGRESS))
    for round_number in range(1, 4):
        a.sendto(b"past", (address(first, version), 80))
        net.decided(ingress, 2 * round_number - 1)
        a.sendto(b"in", (str(VIP[version]), 80))
        net.decided(ingress, 2 * round_number)
        b.sendto(b"mirrored", (address(CLIENT, version), 5000))
        net.decided(egress, round_number)
    net.put(access_list(f"no {Direction.EGRESS}", Direction.EGRESS, (Rule(100, Action.ALLOW, origin="open"),)))
    a_shut = port(0, "/one", routes="by appliance", ingress=(f"no {Direction.INGRESS}",))
    net.put(*a_shut)
    before = net.count(ingress)
    b.sendto(b"mirrored", (str(address(CLIENT, version)), 5001))
    net.decided(ingress, before + 1)  # B may send now, and A may not get what it did not ask for
    assert not readable(a)
    assert not readable(b)


def test_what_was_denied_at_the_backend_does_not_bind_it(net: Net) -> None:
    """A flow that the backend's list drops leaves no binding: the backend's own flow between the same ports passes."""
    closed = access_list("in", Direction.INGRESS, ())
    first = BACKENDS[0]
    backend = port(1, "/one", routes="t", ingress=("in",))
    udp = balanced(protocol=Protocol.UDP, backend_port=80)
    net.become([*machines(), *backend, closed, pool(guests=[first]), frontend(), udp])
    a, b = net.socket(CLIENT, "udp", address(CLIENT), 5000), net.socket(first, "udp", address(first), 80)
    a.sendto(b"in", (str(VIP[4]), 80))
    net.decided("in last", 1)
    b.sendto(b"own", (address(CLIENT), 5000))
    assert a.recvfrom(9) == (b"own", (address(first), 80))
