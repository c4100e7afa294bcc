"""Virtual network TAP: what a collector sees of the machines whose packets are copied to it.

Source: facts/virtual-network-tap.md (virtual-network-tap-overview).
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.analysis import Disposition, Index
from lazulite.analysis.tracing import copy as copied
from lazulite.drivers.linux import names, namespaces, netlink
from lazulite.forwarding.model import (
    Action,
    BalancingRule,
    Contents,
    Distribution,
    Frontend,
    Member,
    Pool,
    Port,
    Probe,
    ProbeProtocol,
    Rule,
)
from lazulite.incremental import Delta
from lazulite.values import Direction, Flow, PortRange, Protocol
from tests.drivers.worlds import access_list
from tests.packets.copies import (
    IDENTIFIER,
    IPV4,
    Copy,
    Seen,
    busy,
    copy,
    machines,
    peered,
    ping,
    same,
    source,
    tap,
)
from tests.packets.net import DEADLINE_S, Net
from tests.waiting import until

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
ONE, OTHER, COLLECTOR = "/one/vm0", "/one/vm1", "/one/vm2"
HERE, THERE = "10.0.0.4", "10.0.0.5"
VIP = "10.0.0.100"
OPEN = Rule(100, Action.ALLOW, origin="open")


def lists(**rules: Any) -> list[Any]:
    """One list a name: ``nsg_out`` and ``nsg_in``, with a rule before one that lets all through."""
    ways = {"out": Direction.EGRESS, "in": Direction.INGRESS}
    return [access_list(n, ways[n.rpartition("_")[2]], (r, OPEN)) for n, r in rules.items()]


def closed(port: int) -> Rule:
    """A rule that denies UDP to a port."""
    return Rule(90, Action.DENY, protocol=Protocol.UDP, destination_ports=(PortRange(port, port),), origin="closed")


def ported(entries: list[Any], number: int, **fields: Any) -> list[Any]:
    """The entries, with something else said of one machine's port."""
    name = f"/one/nic{number}"
    return [replace(e, **fields) if isinstance(e, Port) and e.name == name else e for e in entries]


def test_every_frame_of_a_ping_is_copied_as_the_interface_saw_it(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    ping(net, ONE, THERE, 3)
    found = wait_for_all(here, there)
    assert len([c for c in found if c.frame[12:14] == IPV4]) == 6
    assert {(c.src, c.dst, c.port, c.identifier) for c in found} == {(HERE, "10.0.0.6", 4789, IDENTIFIER)}


def test_without_a_tap_there_is_nothing_of_it_in_the_kernel(net: Net) -> None:
    net.become(machines(3))
    before = net.driver._realiser.wanted.copy()
    net.put(tap(), source(0))
    net.drop(source(0))
    left = net.driver._realiser.wanted
    assert {k for k in left if left[k] != before.get(k)} <= {k for k in before if k[1] in ("Veth", "KernelRoute")}
    net.drop(tap())
    assert net.driver._realiser.wanted == before


def test_a_collector_decodes_copies_with_a_vxlan_device_of_its_own(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    said = ["type", "vxlan", "id", str(IDENTIFIER), "dstport", "4789", "dev", "eth0"]
    net.run(COLLECTOR, "ip", "link", "add", "vx", *said)
    net.run(COLLECTOR, "ip", "link", "set", "vx", "mtu", "1500", "up", "addrgenmode", "none")
    here, inside = Seen(net, ONE), Seen(net, COLLECTOR, "vx")
    ping(net, ONE, THERE, 4, 1472)
    until(lambda: len([f for f in inside.read() if f[12:14] == IPV4]) >= 8, told=lambda: len(inside.frames))
    assert [f for f in here.read() if f[12:14] == IPV4] == [f for f in inside.frames if f[12:14] == IPV4]


def test_both_directions_of_tcp_and_udp_are_copied_with_all_their_bytes(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    with busy(net, ONE, OTHER, THERE) as (client, served):
        exchange(client, served, here, there)
        exchange(served, client, here, there)
    told = net.socket(OTHER, "udp", THERE, 5000)
    asking = net.socket(ONE, "udp", HERE, 5001)
    for size in (0, 1, 1400, 1472):
        asking.sendto(bytes(size), (THERE, 5000))
        assert len(told.recvfrom(2000)[0]) == size
    wait_for_all(here, there)


def exchange(one: socket.socket, other: socket.socket, *watching: Seen, size: int = 300_000) -> None:
    """Send bytes one way, to the last, while those who watch take what they see."""
    sent, left = 0, size
    content = random.Random(size).randbytes(size)
    one.setblocking(False)
    while left:
        with contextlib.suppress(BlockingIOError):
            sent += one.send(content[sent : sent + 60_000]) if sent < size else 0
        left -= len(other.recv(1 << 20))
        for seen in watching:
            seen.read()
    one.setblocking(True)
    one.settimeout(DEADLINE_S)


def wait_for_all(here: Seen, there: Seen, port: int = 4789) -> list[Copy]:
    """Until every frame of the one is a copy at the other. What is still under way at the one gets time to come."""
    found = until(
        lambda: there.copies(port),
        lambda copies: same(copies, here.read()),
        told=lambda: difference(there.copies(port), here.frames),
    )
    assert (here.drops(), there.drops()) == (0, 0)
    return found


def difference(copies: list[Copy], frames: list[bytes]) -> list[tuple[str, int, str]]:
    """Frames that are copied too often, or not often enough."""
    surplus, lack = Counter(c.frame for c in copies), Counter(frames)
    told = (("surplus", surplus - lack), ("lack", lack - surplus))
    return [(what, n, f[:80].hex()) for what, some in told for f, n in some.items()][:8]


def test_what_the_sender_may_not_send_is_seen_and_what_the_receiver_may_not_get_is_not(net: Net) -> None:
    entries = [*lists(nsg_out=closed(5000), nsg_in=closed(6000)), *machines(3), tap(), source(0)]
    net.become(ported(entries, 0, egress=("nsg_out",), ingress=("nsg_in",)))
    there = Seen(net, COLLECTOR)
    denied, refused = net.socket(ONE, "udp", HERE, 4000), net.socket(OTHER, "udp", THERE, 4000)
    for number in range(5):
        denied.sendto(b"out %d" % number, (THERE, 5000))
        refused.sendto(b"in %d" % number, (HERE, 6000))
    ping(net, ONE, THERE)
    found = there.until(5 + 2)
    udp = [c.frame[-5:] for c in found if c.frame[23] == 17]
    assert udp == [b"out %d" % n for n in range(5)]
    assert net.count("closed") == 10


def test_the_copies_are_filtered_by_the_lists_of_the_collector_and_by_none_of_the_source(net: Net) -> None:
    entries = [*lists(shut_out=closed(4789), shut_in=closed(4789)), *machines(3), tap(), source(0)]
    net.become(ported(entries, 0, egress=("shut_out",), ingress=("shut_in",)))
    there = Seen(net, COLLECTOR)
    ping(net, ONE, THERE)
    there.until(2)
    net.become(ported(list(net.entries.values()), 2, ingress=("shut_in",)))
    passed, before = len(there.copies()), net.count("closed")
    asking, _ = net.socket(ONE, "udp", HERE, 4000), net.socket(OTHER, "udp", THERE, 5000)
    for number in range(4):
        asking.sendto(bytes(number), (THERE, 5000))
    net.decided("closed", before + 4)
    assert len(there.copies()) == passed
    trace = the_copy(net, Flow(ip_address(HERE), ip_address(THERE), Protocol.UDP, 5000, 4000))
    assert (trace.disposition, trace.origin) == (Disposition.DENIED_IN, "closed")


def the_copy(net: Net, flow: Flow, port: str = "/one/nic0") -> Any:
    """What the model says of the copy of a packet."""
    return copied(Index(net.entries.values()), port, flow, sent=str(flow.src) == HERE)


def test_the_model_names_the_source_port_of_every_copy(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    there = Seen(net, COLLECTOR)
    told, asking = net.socket(OTHER, "udp", THERE, 5000), net.socket(ONE, "udp", HERE)
    expected = []
    for number in range(5000, 5020):
        asking.sendto(b"?", (THERE, number))
        flow = Flow(ip_address(HERE), ip_address(THERE), Protocol.UDP, number, asking.getsockname()[1])
        expected.append(the_copy(net, flow).flow.src_port)
    told.sendto(b"!", asking.getsockname())
    back = Flow(ip_address(THERE), ip_address(HERE), Protocol.UDP, asking.getsockname()[1], 5000)
    assert the_copy(net, back).flow.src_port == expected[0]
    found = [c for c in there.until(21) if c.frame[23] == 17]
    seen = defaultdict(set)
    for one in found:
        seen[frozenset((one.frame[34:36], one.frame[36:38]))].add(one.source_port)
    assert all(len(ports) == 1 for ports in seen.values())
    assert {p for ports in seen.values() for p in ports} >= set(expected)


@pytest.mark.parametrize("size", [1472, 1473, 4000], ids=["the largest packet", "two fragments", "three fragments"])
def test_a_copy_of_the_largest_packet_arrives_in_one_piece(net: Net, size: int) -> None:
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    ping(net, ONE, THERE, 2, size)
    found = wait_for_all(here, there)
    assert max(len(c.frame) for c in found) == 1514
    assert len({c.source_port for c in found if c.frame[12:14] == IPV4}) == 1


def test_a_collector_goes_on_to_send_packets_of_the_usual_size(net: Net) -> None:
    net.become(machines(3))
    route = net.run(COLLECTOR, "ip", "route", "show", "default")
    net.put(tap(), source(0))
    assert "mtu 1500" in net.run(COLLECTOR, "ip", "route", "show", "default")
    with busy(net, COLLECTOR, OTHER, THERE) as (client, served):
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= 1460
        exchange(client, served)
        exchange(served, client)
    net.drop(tap(), source(0))
    assert net.run(COLLECTOR, "ip", "route", "show", "default") == route
    assert json.loads(net.run(COLLECTOR, "ip", "-j", "link", "show", "eth0"))[0]["mtu"] == 1500


def test_frames_are_copied_whatever_is_in_them(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    ping(net, ONE, "fd00::5", 3, 1452)
    net.run(ONE, "ip", "neigh", "replace", "10.0.0.77", "dev", "eth0", "nud", "probe", "lladdr", "02:00:00:00:00:77")
    with net.inside(ONE), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        raw.bind(("eth0", 0))
        for kind in (b"\x88\xb5", b"\x81\x00", b"\x08\x06", b"\x86\xdd", b"\x08\x00"):
            raw.send(b"\xff" * 6 + b"\x02" * 6 + kind + random.Random(kind).randbytes(60))
    wait_for_all(here, there)
    assert {f[12:14] for f in here.frames} >= {b"\x86\xdd", b"\x08\x06", b"\x88\xb5"}


def test_a_datagram_that_leaves_in_many_segments_is_copied(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    told, asking = net.socket(OTHER, "udp", THERE, 5000), net.socket(ONE, "udp", HERE, 5001)
    asking.setsockopt(socket.IPPROTO_UDP, 103, 1024)  # UDP_SEGMENT
    sizes = (2048, 30_000, 64_512)
    for size in sizes:
        asking.sendto(bytes(size), (THERE, 5000))
        got = 0
        while got < size:
            got += len(told.recv(70_000))
        here.read(), there.read()
    copied = until(lambda: sum(payload(c.frame) for c in there.copies()), lambda found: found >= sum(sizes))
    assert copied == sum(sizes)
    assert sum(map(payload, here.read())) == sum(sizes)


def payload(frame: bytes) -> int:
    """Bytes of UDP payload in a frame."""
    return len(frame) - 42 if frame[23] == 17 else 0


def test_a_collector_in_a_peered_network_gets_copies_while_the_link_lets_them_in(net: Net) -> None:
    two, one = machines(2, "/two"), machines(2)
    net.become([*one, *two, tap("10.1.0.4", "/two"), source(0)])
    there = Seen(net, "/two/vm0")
    ping(net, ONE, THERE)
    assert the_copy(net, PING) is None
    net.put(*peered())
    here = Seen(net, ONE)
    ping(net, ONE, THERE, 3, 1472)
    assert wait_for_all(here, there)
    assert the_copy(net, PING).disposition is Disposition.DELIVERED
    net.put(*peered(access=False))
    seen = len(there.copies())
    ping(net, ONE, THERE, 2)
    net.decided("drop:peering_access", 4)
    assert len(there.copies()) == seen
    assert the_copy(net, PING).disposition is Disposition.PEERING_REFUSED
    net.drop(*peered())
    ping(net, ONE, THERE)
    assert the_copy(net, PING) is None


PING = Flow(ip_address(HERE), ip_address(THERE), Protocol.ICMP)


def test_copies_have_the_port_and_the_identifier_of_their_tap_from_the_moment_that_it_says_so(net: Net) -> None:
    net.become([*machines(4), tap(port=4790, identifier=1), source(0)])
    there, new = Seen(net, COLLECTOR), Seen(net, "/one/vm3")
    ping(net, ONE, THERE)
    assert {c.identifier for c in there.until(2, 4790)} == {1}
    net.put(tap(port=8472, identifier=0xFFFFFF))
    ping(net, ONE, THERE)
    assert {c.identifier for c in there.until(2, 8472)} == {0xFFFFFF}
    net.put(tap("10.0.0.7"))
    ping(net, ONE, THERE)
    assert {c.dst for c in new.until(2)} == {"10.0.0.7"}
    assert (there.copies(), len(there.copies(4790))) == ([], 2)


def test_several_interfaces_are_copied_to_one_tap_and_others_to_another(net: Net) -> None:
    net.become([*machines(5), tap(), tap("10.0.0.8", name="second"), source(0), source(1), source(3, name="second")])
    there, second = Seen(net, COLLECTOR), Seen(net, "/one/vm4")
    ping(net, ONE, THERE)
    ping(net, "/one/vm3", HERE)
    assert sorted(c.src for c in there.until(6)) == [HERE] * 4 + [THERE] * 2
    assert {c.src for c in second.until(2)} == {"10.0.0.7"}


def test_another_tap_for_one_interface_looks_at_no_other_interface(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router may have ten thousand tunnels: what a change costs is not by how many there are."""
    net.become([*machines(5), tap(), tap("10.0.0.8", name="other", identifier=2), source(0), source(1)])
    dumped: list[int] = []
    dump = netlink.Socket.dump

    def counting(self: netlink.Socket, kind: int, family: int = 0) -> Iterator[bytes]:
        dumped.append(kind)
        return dump(self, kind, family)

    moved = source(0, name="other")
    with monkeypatch.context() as patched:
        patched.setattr(netlink.Socket, "dump", counting)
        assert net.driver.apply(Delta({moved.key: moved})) == []
    assert dumped == []
    net.entries[moved.key] = moved
    assert net.driver.differences() == []


def test_taps_that_point_at_each_other_copy_no_copy(net: Net) -> None:
    entries = [*machines(4), tap(THERE, name="one"), tap(HERE, name="other", identifier=2)]
    net.become([*entries, source(0, name="one"), source(1, name="other")])
    for guest, address in ((ONE, HERE), (OTHER, THERE)):  # else they send errors, packets of theirs, which are copied
        net.socket(guest, "udp", address, 4789)
    here, there = Seen(net, ONE), Seen(net, OTHER)
    ping(net, ONE, "10.0.0.7", 3)
    ping(net, OTHER, "10.0.0.7", 2)
    assert len(there.until(6)) == 6
    assert len(here.until(4)) == 4
    ping(net, ONE, THERE, 2)
    assert len(there.until(10)) == 10
    assert len(here.until(8)) == 8
    assert not any(copy(c.frame) for c in (*here.copies(), *there.copies()))


def test_a_collector_whose_own_packets_are_copied_gets_no_copy_of_copies(net: Net) -> None:
    net.become([*machines(4), tap(), tap("10.0.0.7", name="second", identifier=2), source(0), source(2, name="second")])
    net.socket(COLLECTOR, "udp", "10.0.0.6", 4789)
    there, second = Seen(net, COLLECTOR), Seen(net, "/one/vm3")
    ping(net, ONE, THERE, 3)
    there.until(6)
    ping(net, COLLECTOR, THERE, 2)
    assert {c.src for c in second.until(4)} == {"10.0.0.6"}
    assert len(second.until(4)) == 4
    assert not any(copy(c.frame) for c in second.copies())


def test_a_machine_may_send_vxlan_of_its_own_and_that_is_copied(net: Net) -> None:
    net.become([*machines(3), tap(), source(0)])
    there = Seen(net, COLLECTOR)
    told, asking = net.socket(OTHER, "udp", THERE, 4789), net.socket(ONE, "udp", HERE, 4789)
    asking.sendto(b"\x08" + bytes(60), (THERE, 4789))
    told.recv(100)
    [one] = [c for c in there.until(1) if c.frame[23] == 17]
    assert copy(one.frame) is not None


def test_a_collector_that_does_not_listen_disturbs_nobody_with_errors(net: Net) -> None:
    """Who is named as the sender of a copy never sent it."""
    net.become([*machines(3), tap(), source(0)])
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    end = time.monotonic() + DEADLINE_S
    while not any(f[12:14] == IPV4 and f[23] == 1 and f[34:36] == b"\x03\x03" for f in there.read()):
        assert time.monotonic() < end
        ping(net, ONE, THERE)
    ping(net, ONE, THERE, 3)
    wait_for_all(here, there)
    assert not any(f[12:14] == IPV4 and f[23] == 1 and f[34] == 3 for f in here.read())
    asking = net.socket(ONE, "udp", HERE, 4000)
    asking.connect((THERE, 9))
    asking.send(b"?")
    with pytest.raises(ConnectionRefusedError):
        asking.recv(1)


def collectors(*healthy: int, probe: bool = True, **fields: Any) -> list[Any]:
    """A private frontend with machines 2 and 3 behind it."""
    members = tuple(Member(f"m{n}", ip_address(f"10.0.0.{4 + n}")) for n in (2, 3))
    given: dict[str, Any] = {"protocol": Protocol.UDP, "port": 4789, "backend_port": 4789, "origin": "rule"} | fields
    return [
        Frontend("front", "front", "/one", ip_address(VIP), origin="front"),
        Pool("pool", "pool", "/one", members, Probe(ProbeProtocol.TCP, 80) if probe else None, origin="pool"),
        BalancingRule("rule", "rule", "front", "pool", **given),
        contents(*healthy),
    ]


def contents(*healthy: int) -> Contents:
    return Contents("pool", tuple(f"m{n}" for n in healthy), "the test", "2026-01-01T00:00:00Z")


def by_flow(net: Net, numbers: range) -> list[Flow]:
    """Ask and answer over UDP, once a source port."""
    told = net.socket(OTHER, "udp", THERE, 5000)
    flows = []
    for number in numbers:
        asking = net.socket(ONE, "udp", HERE, number)
        asking.sendto(b"?", (THERE, 5000))
        content, peer = told.recvfrom(9)
        told.sendto(content, peer)
        asking.recv(9)
        asking.close()
        flows.append(Flow(ip_address(HERE), ip_address(THERE), Protocol.UDP, 5000, number))
    told.close()
    return flows


def by_collector(seen: dict[str, Seen], first: int, last: int) -> dict[int, list[str]]:
    """Who got the copies of each flow, by the port that it came from."""
    end, found = time.monotonic() + DEADLINE_S, defaultdict(list)
    while sum(map(len, found.values())) < 2 * (last - first):
        assert time.monotonic() < end, dict(found)
        found = defaultdict(list)
        for name, one in seen.items():
            for each in one.copies():
                ports = [int.from_bytes(each.frame[at : at + 2]) for at in (34, 36)] if each.frame[23] == 17 else []
                for number in {p for p in ports if first <= p < last}:
                    found[number].append(name)
    return dict(found)


@pytest.mark.parametrize("network", ["/one", "/two"], ids=["of the same network", "of a peered network"])
def test_collectors_behind_a_frontend_share_flows_whole_and_one_that_fails_leaves_its_to_the_other(
    net: Net, network: str
) -> None:
    near = [*machines(4), *collectors(2, 3), tap(VIP)]
    if network == "/one":
        net.become([*near, source(0)])
        one, port = ONE, "/one/nic0"
    else:
        net.become([*near, *machines(2, "/two"), *peered(), source(0, "/two")])
        one, port = "/two/vm0", "/two/nic0"
    seen = {f"/one/nic{n}": Seen(net, f"/one/vm{n}") for n in (2, 3)}
    other = "10.1.0.5" if network == "/two" else THERE
    for healthy, numbers in (((2, 3), range(20000, 20024)), ((3,), range(21000, 21012)), ((2, 3), range(22000, 22024))):
        net.put(contents(*healthy))
        talk(net, one, network, numbers)
        found = by_collector(seen, numbers.start, numbers.stop)
        assert all(len(names) == 2 and len(set(names)) == 1 for names in found.values())
        assert {n for names in found.values() for n in names} == {f"/one/nic{n}" for n in healthy}
        for number, (name, _) in found.items():
            flow = Flow(net_address(one), ip_address(other), Protocol.UDP, 5000, number)
            trace = copied(Index(net.entries.values()), port, flow, sent=True)
            assert trace is not None
            assert (trace.disposition, trace.destination) == (Disposition.DELIVERED, name)


def net_address(guest: str) -> Any:
    return ip_address(f"10.{int(guest.startswith('/two'))}.0.{4 + int(guest[-1])}")


def talk(net: Net, one: str, network: str, numbers: range) -> None:
    """Ask the second machine of a network from each of some ports, and get its answers."""
    other = f"{network}/vm1"
    told = net.socket(other, "udp", str(net_address(other)), 5000)
    for number in numbers:
        asking = net.socket(one, "udp", str(net_address(one)), number)
        asking.sendto(b"?", told.getsockname())
        content, peer = told.recvfrom(9)
        told.sendto(content, peer)
        asking.recv(9)
        asking.close()
    told.close()


def test_with_no_collector_left_nothing_is_lost_but_copies(net: Net) -> None:
    net.become([*machines(4), *collectors(), tap(VIP), source(0)])
    ping(net, ONE, THERE, 5)
    net.decided("drop:balancer_nobody", 10)
    assert the_copy(net, PING).disposition is Disposition.NO_HEALTHY_BACKEND


def test_a_rule_for_every_port_serves_copies_too(net: Net) -> None:
    every = {"protocol": None, "port": 0, "backend_port": 0, "distribution": Distribution.SOURCE}
    net.become([*machines(4), *collectors(3, **every), tap(VIP), source(0)])
    here, there = Seen(net, ONE), Seen(net, "/one/vm3")
    ping(net, ONE, THERE, 3, 1472)
    wait_for_all(here, there)


def test_adding_changing_and_removing_a_tap_loses_no_packet_of_a_running_flow(net: Net) -> None:
    net.become(machines(4))
    told, asking = net.socket(OTHER, "udp", THERE, 5000), net.socket(ONE, "udp", HERE, 5001)
    with busy(net, ONE, COLLECTOR, "10.0.0.6") as (client, served):
        number = 0
        for step in (tap(), tap("10.0.0.7"), tap(THERE), tap(identifier=9), None):
            _go_on(asking, told, number)
            if step is None:
                net.drop(tap(), source(0))
            else:
                net.put(step, source(0))
            exchange(client, served, size=50_000)
            number += 50
        assert retransmitted(client) == 0
    assert [int(told.recv(9)) for _ in range(250)] == list(range(250))
    there = Seen(net, COLLECTOR)
    ping(net, ONE, THERE, 3)
    assert there.copies() == []


def _go_on(asking: socket.socket, told: socket.socket, first: int) -> None:
    for number in range(first, first + 50):
        asking.sendto(b"%d" % number, told.getsockname())


def retransmitted(client: socket.socket) -> int:
    """Segments that TCP had to send again."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[100:104], "little")


def test_a_restarted_driver_finds_a_tap_as_it_left_it_and_another_one_changed(net: Net) -> None:
    net.become([*machines(4), tap(), source(0), source(1)])
    net.restart()
    there = Seen(net, COLLECTOR)
    ping(net, ONE, THERE)
    there.until(4)
    net.restart(tap("10.0.0.7", identifier=3))
    there = Seen(net, "/one/vm3")
    ping(net, ONE, THERE)
    assert {c.identifier for c in there.until(4)} == {3}


def test_a_tapped_machine_that_moves_to_another_guest_or_address_is_copied_again(net: Net) -> None:
    entries = [*machines(4), tap(), source(0)]
    net.become(entries)
    there = Seen(net, COLLECTOR)
    gone = [e for e in entries if e.name == ONE]
    net.drop(*gone)
    net.put(*gone)
    ping(net, ONE, THERE)
    there.until(2)
    net.become(ported(entries, 0, guest="/one/vm3", slot=1))
    with net.inside("/one/vm3"):
        asking = net.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        asking.bind((HERE, 0))
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth1")
        asking.sendto(b"moved", (THERE, 9))
    moved = [e for e in there.until(3) if e.frame[-5:] == b"moved" and e.frame[23] == 17]
    assert len(moved) == 1
    addresses = (ip_address("10.0.0.44"),)
    net.become(ported(entries, 0, addresses=addresses, gateways=port_of(entries, 0).gateways[:1]))
    ping(net, ONE, THERE)
    assert {c.src for c in there.until(4)[-1:]} == {"10.0.0.44"}


def test_an_interface_that_takes_the_address_of_another_is_copied_at_once(net: Net) -> None:
    entries = [*machines(3), tap(), source(0)]
    net.become(entries)
    net.become(ported(entries, 0, guid="another"))
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    ping(net, ONE, THERE, 2)
    wait_for_all(here, there)


def port_of(entries: list[Any], number: int) -> Port:
    return next(e for e in entries if isinstance(e, Port) and e.name == f"/one/nic{number}")


MIRROR = names.mirror("guid /one/nic0")
BROKEN = {
    "its tunnel is gone": f"ip link delete {MIRROR}",
    "its tunnel leads elsewhere": f"ip link set {MIRROR} type vxlan remote 10.0.0.5",
    "its duplicates are gone": "nft flush chain netdev lz {0}; nft delete chain netdev lz {0}".format(
        f"ingress_{MIRROR}"
    ),
    "its address is gone": "ip address delete 250.0.0.4/32 dev lo",
    "what it becomes is unknown": 'nft delete element ip lz copy_sources "{ 250.0.0.4 . 28682 }"',
    "the link of its collector is small": f"ip link set {names.nic('guid /one/nic2')} mtu 1500",
}


@pytest.mark.parametrize("command", BROKEN.values(), ids=BROKEN)
def test_a_restarted_driver_mends_a_tap(net: Net, command: str) -> None:
    net.become([*machines(3), tap(), source(0)])
    with namespaces.inside(net.driver._handles.descriptor(names.router("/one"))):
        subprocess.run(["sh", "-ec", command.replace('"', "'")], check=True)
    assert net.driver.differences()
    net.restart()
    here, there = Seen(net, ONE), Seen(net, COLLECTOR)
    ping(net, ONE, THERE, 2, 1472)
    wait_for_all(here, there)


def test_nobody_writes_to_the_sockets_of_tunnels(net: Net) -> None:
    """A datagram to the platform's address, or to one of nobody's, is no copy."""
    net.become([*machines(3), tap(), source(0)])
    there = Seen(net, COLLECTOR)
    frame = b"\x08\0\0\0" + (4).to_bytes(3) + b"\0" + b"\xff" * 6 + b"\x02" * 6 + b"\x08\x06" + bytes(28)
    asking = net.socket(OTHER, "udp", THERE)
    for to in ("168.63.129.16", "250.0.0.4"):
        asking.sendto(frame, (to, 0x7000 + 10))
    ping(net, ONE, THERE)
    there.until(2)
    said = net_statistics(net, MIRROR)
    assert said["rx"]["packets"] == 0


def net_statistics(net: Net, interface: str) -> Any:
    with namespaces.inside(net.driver._handles.descriptor(names.router("/one"))):
        said = subprocess.run(["ip", "-s", "-j", "link", "show", interface], capture_output=True, check=True).stdout
    return json.loads(said)[0]["stats64"]
