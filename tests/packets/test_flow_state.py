"""Flow state belongs to the interface: what passes because something passed before, and what does not."""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import ip_address, ip_network

import pytest
from msgspec.structs import replace

from lazulite.forwarding.model import Action, InternetHost, NextHop, Port, PublicAddress, Route, RouteTable, Rule
from lazulite.values import Direction, PortRange, Protocol
from tests.drivers.worlds import access_list, port, vrf
from tests.packets.net import Net, readable

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
A, B, N = "/one/vm0", "/one/vm1", "/one/vm2"
ADDRESS = {4: {A: "10.0.0.4", B: "10.0.0.5", N: "10.0.0.6"}, 6: {A: "fd00::4", B: "fd00::5", N: "fd00::6"}}
OPEN = Rule(100, Action.ALLOW, origin="open")
CLOSED = {d: access_list(f"closed {d}", d, ()) for d in Direction}
LOCAL = tuple(Route(p, NextHop.LOCAL) for p in vrf("/one").prefixes)
versions = pytest.mark.parametrize("version", [4, 6])
HOW = pytest.mark.parametrize("restarted", [False, True], ids=["while the driver runs", "while it does not"])


def machines(*, b_in: tuple[str, ...] = (), b_out: tuple[str, ...] = (), a_in: tuple[str, ...] = ()) -> list[object]:
    a = port(0, "/one", routes="t", ingress=a_in)
    b = port(1, "/one", routes="t", ingress=b_in, egress=b_out)
    return [vrf("/one"), RouteTable("t", "/one", LOCAL), *CLOSED.values(), *a, *b]


def exchange(net: Net, version: int, number: int = 5000) -> tuple[socket.socket, socket.socket]:
    """UDP sockets of A and B that have each heard the other."""
    a, b = (net.socket(g, "udp", ADDRESS[version][g], number) for g in (A, B))
    a.connect((ADDRESS[version][B], number))
    a.send(b"hello")
    assert b.recv(9) == b"hello"
    b.connect((ADDRESS[version][A], number))
    b.send(b"back")
    assert a.recv(9) == b"back"
    return a, b


@versions
def test_a_mirrored_flow_through_an_appliance_opens_nothing(net: Net, version: int) -> None:
    """A sends to B through an appliance and B denies both ways: nothing passes, in either direction, ever."""
    prefix = ip_network("10.0.0.0/24" if version == 4 else "fd00::/64")
    via = Route(prefix, NextHop.APPLIANCE, via=ip_address(ADDRESS[version][N]), target="/one")
    lists = {"egress": ("closed egress",), "ingress": ("closed ingress",)}
    net.become(
        [
            vrf("/one"),
            RouteTable("t", "/one", (*LOCAL, via)),
            RouteTable("direct", "/one", LOCAL),
            *CLOSED.values(),
            *port(0, "/one", routes="t"),
            *port(1, "/one", routes="t", **lists),
            *port(2, "/one", routes="direct", forwards=True),
        ]
    )
    net.forward(N)
    a, b = (net.socket(g, "udp", ADDRESS[version][g], 5000) for g in (A, B))
    witness = net.socket(N, "udp", ADDRESS[version][N], 5001)
    for round_number in range(1, 4):
        a.sendto(b"in", (ADDRESS[version][B], 5000))
        b.sendto(b"mirrored", (ADDRESS[version][A], 5000))
        # Both are decided when their deciding rules have counted them; then nothing is on its way any more.
        net.decided("closed ingress last", round_number)
        net.decided("closed egress last", round_number)
        a.sendto(b"sentinel", (ADDRESS[version][N], 5001))
        assert witness.recv(9) == b"sentinel"
        assert not readable(a)
        assert not readable(b)


@versions
def test_replies_need_no_rule(net: Net, version: int) -> None:
    net.become(machines(a_in=("closed ingress",), b_out=("closed egress",)))
    exchange(net, version)


@versions
def test_an_established_flow_goes_on_when_its_rule_is_gone_and_a_new_one_is_refused(net: Net, version: int) -> None:
    net.become([*machines(b_in=("list",)), access_list("list", Direction.INGRESS, (OPEN,))])
    a, b = exchange(net, version)
    server = net.listen(B, ADDRESS[version][B], 80)
    client = net.socket(A, "tcp", ADDRESS[version][A])
    client.connect((ADDRESS[version][B], 80))
    served, _ = server.accept()
    net.put(access_list("list", Direction.INGRESS, ()))
    a.send(b"still")
    assert b.recv(9) == b"still"
    client.send(b"here")
    assert served.recv(9) == b"here"
    before = net.count("list last")
    newcomer = net.socket(A, "udp", ADDRESS[version][A], 5005)
    newcomer.sendto(b"new", (ADDRESS[version][B], 5000))
    net.decided("list last", before + 1)
    served.close()


@versions
def test_a_closed_connection_lets_no_one_back_in(net: Net, version: int) -> None:
    """The server may not open a connection to the port that the client had: a SYN is always a new flow."""
    net.become(machines(a_in=("closed ingress",)))
    server = net.listen(B, ADDRESS[version][B], 80)
    client = net.socket(A, "tcp", ADDRESS[version][A], 6000)
    client.connect((ADDRESS[version][B], 80))
    served, _ = server.accept()
    served.close()
    client.close()
    server.close()
    back = net.socket(B, "tcp", ADDRESS[version][B], 80)
    back.setblocking(False)
    assert back.connect_ex((ADDRESS[version][A], 6000)) == errno.EINPROGRESS
    net.decided("closed ingress last", 1)


@versions
def test_an_icmp_error_of_a_known_flow_passes_a_closed_list(net: Net, version: int) -> None:
    net.become(machines(a_in=("closed ingress",)))
    a = net.socket(A, "udp", ADDRESS[version][A], 5000)
    a.connect((ADDRESS[version][B], 9))  # nobody listens there
    a.send(b"?")
    with pytest.raises(ConnectionRefusedError):
        a.recv(9)


def error_about(version: int, source: str, quoted: bytes) -> bytes:
    """An ICMP port unreachable that quotes a packet, without its checksum where the kernel fills that in."""
    kind, code = (3, 3) if version == 4 else (1, 4)
    body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
    if version == 6:
        return body
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    return body[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + body[4:]


def udp_packet(version: int, source: str, destination: str, source_port: int, destination_port: int) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    ports = struct.pack("!HHHH", source_port, destination_port, 8, 0)
    if version == 4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + ends + ports
    return struct.pack("!IHBB", 6 << 28, 8, 17, 64) + ends + ports


@versions
def test_an_icmp_error_of_no_known_flow_is_denied(net: Net, version: int) -> None:
    net.become(machines(a_in=("closed ingress",)))
    exchange(net, version)  # a flow there is, but not the one the error is about
    a, b = ADDRESS[version][A], ADDRESS[version][B]
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
    with (
        net.inside(B),
        socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_RAW, protocol) as raw,
    ):
        raw.sendto(error_about(version, b, udp_packet(version, a, b, 5000, 5001)), (a, 0))
        net.decided("closed ingress last", 1)
        raw.sendto(error_about(version, b, udp_packet(version, a, b, 5000, 5000)), (a, 0))
    probe = net.socket(A, "udp", a, 7000)
    probe.connect((b, 9))
    probe.send(b"?")
    with pytest.raises(ConnectionRefusedError):
        probe.recv(9)
    assert net.count("closed ingress last") == 1  # the error about the known flow was not denied


@versions
def test_echo_replies_pass_and_echo_requests_the_other_way_do_not(net: Net, version: int) -> None:
    net.become(machines(a_in=("closed ingress",)))
    request = struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 0, 1)
    ping = net.socket(A, "icmp", ADDRESS[version][A], 77)
    ping.sendto(request, (ADDRESS[version][B], 0))
    assert ping.recv(99)[0] == (0 if version == 4 else 129)
    back = net.socket(B, "icmp", ADDRESS[version][B], 77)
    back.sendto(request, (ADDRESS[version][A], 0))
    net.decided("closed ingress last", 1)


@versions
def test_fragments_follow_their_first_and_no_others_pass(net: Net, version: int) -> None:
    rule = Rule(100, Action.ALLOW, protocol=Protocol.UDP, destination_ports=(PortRange(5000, 5000),), origin="five")
    net.become([*machines(b_in=("list",)), access_list("list", Direction.INGRESS, (rule,))])
    a, b = (net.socket(g, "udp", ADDRESS[version][g], 5000) for g in (A, B))
    a.sendto(b"x" * 4000, (ADDRESS[version][B], 5000))
    assert len(b.recv(5000)) == 4000
    before = net.count("drop:fragment")
    with net.inside(A):
        send_stray_fragment(version)
    net.decided("drop:fragment", before + 1)


def send_stray_fragment(version: int) -> None:
    """The second part of a datagram whose first part never was."""
    ends = ip_address(ADDRESS[version][A]).packed + ip_address(ADDRESS[version][B]).packed
    if version == 4:
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 36, 4242, 185, 64, 17, 0) + ends + b"y" * 16
    else:
        packet = (
            struct.pack("!IHBB", 6 << 28, 24, 44, 64) + ends + struct.pack("!BBHI", 17, 0, 185 << 3, 4242) + b"y" * 16
        )
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(packet, (ADDRESS[version][B], 0))


def narrow(net: Net, version: int) -> None:
    """The appliance's way on to B takes 1,400 bytes, as a tunnel's would."""
    first_hop = "10.0.0.1" if version == 4 else "fe80::1234:5678:9abc"
    way = ["via", first_hop, "dev", "eth0", "onlink", "mtu", "lock", "1400"]
    net.run(N, "ip", f"-{version}", "route", "add", ADDRESS[version][B], *way)


@versions
def test_a_path_of_1400_bytes_is_found_through_an_appliance(net: Net, version: int) -> None:
    prefix = ip_network("10.0.0.0/24" if version == 4 else "fd00::/64")
    via = Route(prefix, NextHop.APPLIANCE, via=ip_address(ADDRESS[version][N]), target="/one")
    net.become(
        [
            vrf("/one"),
            RouteTable("t", "/one", (*LOCAL, via)),
            RouteTable("direct", "/one", LOCAL),
            *CLOSED.values(),
            *port(0, "/one", routes="t", ingress=("closed ingress",)),
            *port(1, "/one", routes="direct"),
            *port(2, "/one", routes="direct", forwards=True),
        ]
    )
    net.forward(N)
    narrow(net, version)
    b = net.socket(B, "udp", ADDRESS[version][B], 5000)
    a = net.socket(A, "udp", ADDRESS[version][A], 5000)
    level, discover, mtu = (socket.IPPROTO_IP, 10, 14) if version == 4 else (socket.IPPROTO_IPV6, 23, 24)
    a.setsockopt(level, discover, 2)
    a.connect((ADDRESS[version][B], 5000))
    a.send(b"x" * 1440)
    with pytest.raises(OSError, match="Message too long"):
        a.recv(9)
    assert a.getsockopt(level, mtu) == 1400
    a.send(b"x" * 1300)
    assert len(b.recv(2000)) == 1300


@versions
def test_the_routers_are_no_hop(net: Net, version: int) -> None:
    net.become(machines())
    request = struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 0, 1)
    ping = net.socket(A, "icmp", ADDRESS[version][A])
    level, option = (
        (socket.IPPROTO_IP, socket.IP_TTL) if version == 4 else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    )
    ping.setsockopt(level, option, 1)
    ping.sendto(request, (ADDRESS[version][B], 0))
    assert ping.recv(99)[0] == (0 if version == 4 else 129)


def test_an_interface_that_comes_back_under_its_name_knows_no_flow(net: Net) -> None:
    everything = machines(a_in=("closed ingress",))
    net.become(everything)
    _, b = exchange(net, 4)
    before = next(e for e in everything if isinstance(e, Port) and e.name == "/one/nic0")
    net.drop(before)
    net.put(replace(before, guid="another"))
    b.send(b"stale")
    net.decided("closed ingress last", 1)


@HOW
def test_an_address_that_leaves_an_interface_takes_its_flows_along(net: Net, restarted: bool) -> None:
    everything = machines(a_in=("closed ingress",))
    net.become(everything)
    _, b = exchange(net, 4)
    before = next(e for e in everything if isinstance(e, Port) and e.name == "/one/nic0")
    (net.restart if restarted else net.put)(replace(before, addresses=(ip_address("10.0.0.9"), before.addresses[1])))
    net.put(before)
    b.send(b"stale")
    net.decided("closed ingress last", 1)


def test_a_restart_of_the_driver_changes_nothing_for_a_flow(net: Net) -> None:
    net.become(machines(a_in=("closed ingress",), b_out=("closed egress",)))
    a, b = exchange(net, 4)
    net.restart()
    b.send(b"still")
    assert a.recv(9) == b"still"


@HOW
def test_a_public_address_that_moves_takes_no_flow_along(net: Net, restarted: bool) -> None:
    """The binding of the former owner is forgotten: its peer now talks to the new one."""
    host = InternetHost("/client", "client", "c", (ip_address("198.18.200.1"),))
    out = RouteTable("t", "/one", (*LOCAL, Route(ip_network("0.0.0.0/0"), NextHop.INTERNET)))
    everything = [e for e in machines() if getattr(e, "name", "") != "t"] + [out, host]
    ports = {e.name: e for e in everything if isinstance(e, Port)}
    public = ip_address("198.18.1.1")
    first = replace(ports["/one/nic0"], public=(PublicAddress(ip_address("10.0.0.4"), public),))
    net.become([*(e for e in everything if e is not ports["/one/nic0"]), first])
    a, b = (net.socket(g, "udp", ADDRESS[4][g], 53) for g in (A, B))
    client = net.socket("/client", "udp", "198.18.200.1", 4000)
    client.sendto(b"one", ("198.18.1.1", 53))
    assert a.recv(9) == b"one"
    second = replace(ports["/one/nic1"], public=(PublicAddress(ip_address("10.0.0.5"), public),))
    (net.restart if restarted else net.put)(ports["/one/nic0"], second)
    client.sendto(b"two", ("198.18.1.1", 53))
    assert b.recv(9) == b"two"


def test_a_network_may_come_back_at_once(net: Net) -> None:
    """The kernel dismantles a namespace late; the names of its links elsewhere are free all the same."""
    for _ in range(5):
        net.become(machines())
        exchange(net, 4)
        net.become([])
