"""What is recorded of flows is what their packets did."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.agent.flow_watch import Seen, Watcher, recorded, rule_origins
from lazulite.forwarding.model import AccessList, Action, FlowLog, FlowLogFormat, Port, RouteTable, Rule, Sink, Vrf
from lazulite.telemetry.book import State
from lazulite.values import Direction, PortRange, Protocol
from tests.drivers.worlds import access_list, port, vrf
from tests.packets.net import Net
from tests.packets.test_flow_state import ADDRESS, LOCAL, A, B
from tests.waiting import until

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
NIC_A, NIC_B = "/one/nic0", "/one/nic1"
SSH = Rule(100, Action.ALLOW, protocol=Protocol.TCP, destination_ports=(PortRange(22, 22),), origin="ssh")
EVERY = Rule(200, Action.ALLOW, origin="every")
NO_TELNET = Rule(90, Action.DENY, destination_ports=(PortRange(23, 23),), origin="no telnet")
versions = pytest.mark.parametrize("version", [4, 6])


def log(*ports: str, name: str = "log") -> FlowLog:
    return FlowLog(name, ports, (), FlowLogFormat.NETWORK, "SUBJECT", "guid", Sink("a", "c", "p/"))


class Records:
    """A watcher of a net."""

    def __init__(self, net: Net) -> None:
        self.net, self.watcher = net, Watcher()
        self.origins: dict[int, str] = {}

    def ends(self, count: int) -> list[Seen]:
        """The next flows that end: a little after their last packet."""
        found: list[Seen] = []

        def seen() -> list[Seen]:
            found.extend(s for s in self.look() if s.line.state is State.ENDED)
            return found

        return until(seen, lambda found: len(found) >= count)

    def look(self) -> list[Seen]:
        """What is new."""
        kinds: dict[type, dict[str, Any]] = {}
        for entry in self.net.entries.values():
            kinds.setdefault(type(entry), {})[entry.name] = entry
        logs = kinds.get(FlowLog, {}).values()
        self.origins |= rule_origins(kinds.get(AccessList, {}).values())
        whose = recorded(logs, kinds.get(Port, {}), kinds.get(Vrf, {}))._replace(origins=self.origins)
        return self.watcher.look(whose, time.time()).seen


def told(seen: list[Seen]) -> list[str]:
    """State, port, direction and rule of each."""
    return sorted(f"{s.line.state} {s.port[5:]} {'in' if s.line.inward else 'out'} {s.origin}" for s in seen)


@pytest.fixture
def records(net: Net) -> Iterator[Records]:
    records = Records(net)
    yield records
    records.watcher.close()


def network(*more: Any, recording: tuple[str, ...] = (NIC_A, NIC_B), **of_b: Any) -> list[Any]:
    return [
        vrf("/one"),
        RouteTable("t", "/one", LOCAL),
        *port(0, "/one", routes="t"),
        *port(1, "/one", routes="t", **of_b),
        *([log(*recording)] if recording else []),
        *more,
    ]


def conversation(net: Net, version: int, to: int = 22) -> tuple[socket.socket, socket.socket]:
    server = net.listen(B, ADDRESS[version][B], to)
    client = net.socket(A, "tcp", ADDRESS[version][A])
    client.connect((ADDRESS[version][B], to))
    served, _ = server.accept()
    return client, net.keep(served)


@versions
def test_an_allowed_flow_begins_at_both_ends_with_the_rule_that_let_it_in(
    net: Net, records: Records, version: int
) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (SSH,)), ingress=("in",)))
    conversation(net, version)
    assert told(records.look()) == ["B nic0 out ", "B nic1 in ssh"]


@versions
def test_a_denied_packet_is_a_denied_record_of_the_rule_that_refused(net: Net, records: Records, version: int) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (NO_TELNET, EVERY)), ingress=("in",)))
    sender = net.socket(A, "udp", ADDRESS[version][A])
    sender.sendto(b"x", (ADDRESS[version][B], 23))
    net.decided("no telnet", 1)
    assert told(records.look()) == ["B nic0 out ", "D nic1 in no telnet"]


@versions
def test_the_end_tells_every_byte_of_both_directions(net: Net, records: Records, version: int) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (SSH,)), ingress=("in",)))
    client, served = conversation(net, version)
    records.look()
    client.sendall(b"x" * 5000)
    received = 0
    while received < 5000:
        received += len(served.recv(9000))
    client.close()
    served.close()
    ended = [s.line for s in records.ends(2)]
    assert [line.local_port for line in ended if line.inward] == [22]
    header = 20 if version == 4 else 40
    for line in ended:
        out_packets, out_bytes, in_packets, in_bytes = line.counts
        sent = in_bytes if line.inward else out_bytes
        packets = in_packets if line.inward else out_packets
        assert sent >= 5000 + packets * (header + 20)
        assert min(out_packets, in_packets) >= 3
    (one, other) = ended
    assert one.counts == other.counts[2:] + other.counts[:2]


def test_nothing_is_kept_of_ports_that_nobody_records(net: Net, records: Records) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (SSH,)), ingress=("in",), recording=(NIC_B,)))
    conversation(net, 4)
    assert told(records.look()) == ["B nic1 in ssh"]
    net.drop(log())
    assert told(records.look()) == ["E nic1 in ssh"]
    assert net.driver.differences() == []
