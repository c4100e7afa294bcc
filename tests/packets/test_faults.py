"""Faults felt by real packets: cut, loss and rate; and that they leave nothing behind."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.analysis import Disposition, Index, trace
from lazulite.drivers.linux.realise_fault import BURST_BYTES
from lazulite.forwarding.model import Fault, Guest, Port
from lazulite.incremental import Delta
from lazulite.values import Direction, Flow, Protocol
from tests.packets.copies import machines
from tests.packets.net import DEADLINE_S, Net, readable

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
HERE, THERE = "10.0.0.4", "10.0.0.5"
PORT = 5000
COUNT = 2000


def fault(number: int, **fields: Any) -> Fault:
    return Fault(f"fault {number}", f"/one/nic{number}", origin=f"fault {number}", **fields)


class Stream:
    """Datagrams from the first machine to the second."""

    def __init__(self, net: Net) -> None:
        self._from = net.socket("/one/vm0", "udp", HERE)
        self._to = net.socket("/one/vm1", "udp", THERE, PORT)
        self._to.setblocking(False)
        self.sent = 0

    def send(self, count: int, size: int = 100) -> int:
        """Send; how many of these have arrived. What is too late for that is never counted."""
        arrived = 0
        for _ in range(count):
            self._put(b"x", size)
            arrived += self._read(b"x")
        return arrived + self._last(size)

    def _last(self, size: int) -> int:
        """Links hand on in order: when something sent later is there, what is not there was dropped."""
        arrived, end = 0, time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            self._put(b"end", size)
            time.sleep(0.001)
            found = self._packets()
            arrived += sum(p.startswith(b"x") for p in found)
            if any(p.startswith(b"end") for p in found):
                return arrived
        raise AssertionError("nothing arrives any more")

    def put(self, count: int) -> None:
        """Send, and do not ask what becomes of it."""
        for _ in range(count):
            self._put(b"x", 100)

    def _put(self, what: bytes, size: int) -> None:
        self.sent += 1
        self._from.sendto(what.ljust(size, b"."), (THERE, PORT))

    def _read(self, what: bytes) -> int:
        return sum(p.startswith(what) for p in self._packets())

    def _packets(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self._to.recv(2048))
            except BlockingIOError:
                return found


@pytest.mark.parametrize("rate", [0.02, 0.5])
@pytest.mark.parametrize(
    "lossy",
    [
        pytest.param((0, Direction.EGRESS), id="of what the sender sends"),
        pytest.param((1, Direction.INGRESS), id="of what the receiver gets"),
    ],
)
def test_as_much_is_lost_as_is_said(net: Net, rate: float, lossy: tuple[int, Direction]) -> None:
    number, direction = lossy
    net.become([*machines(2), fault(number, direction=direction, loss=rate)])
    lost = COUNT - Stream(net).send(COUNT)
    deviation = (COUNT * rate * (1 - rate)) ** 0.5
    assert abs(lost - COUNT * rate) <= 6 * deviation


def test_of_the_other_direction_nothing_is_lost(net: Net) -> None:
    net.become(
        [*machines(2), fault(0, direction=Direction.INGRESS, loss=0.9), fault(1, direction=Direction.EGRESS, loss=0.9)]
    )
    assert Stream(net).send(COUNT) == COUNT


@pytest.mark.parametrize("number", [pytest.param(0, id="the sender's"), pytest.param(1, id="the receiver's")])
def test_nothing_passes_a_link_that_is_cut_and_everything_once_it_is_whole(net: Net, number: int) -> None:
    net.become([*machines(2)])
    stream, cut = Stream(net), fault(number, cut=True)
    assert stream.send(100) == 100
    net.put(cut)
    stream.put(100)
    net.drop(cut)
    assert stream.send(100) == 100


def test_the_model_says_of_a_cut_what_packets_do(net: Net) -> None:
    entries = [*machines(2), fault(1, cut=True, direction=Direction.EGRESS)]
    net.become(entries)
    index, stream = Index(entries), Stream(net)
    there, back = (
        Flow(*(p.addresses[0] for p in pair), Protocol.UDP, PORT)
        for pair in ([e for e in entries if isinstance(e, Port)], [e for e in reversed(entries) if isinstance(e, Port)])
    )
    assert trace(index, "/one/nic0", there).disposition is Disposition.DELIVERED
    assert stream.send(10) == 10
    assert trace(index, "/one/nic1", back).disposition is Disposition.CUT_OFF
    answering = net.socket("/one/vm1", "udp", THERE)
    hearing = net.socket("/one/vm0", "udp", HERE, PORT)
    answering.sendto(b"x", (HERE, PORT))
    net.become([*machines(2)])
    answering.sendto(b"y", (HERE, PORT))
    assert hearing.recv(9) == b"y"


def test_a_connection_outlives_a_cut(net: Net) -> None:
    net.become([*machines(2)])
    listening = net.listen("/one/vm1", THERE, 80)
    client = net.socket("/one/vm0", "tcp", HERE)
    client.connect((THERE, 80))
    server = net.keep(listening.accept()[0])
    server.settimeout(DEADLINE_S)
    cut = fault(0, cut=True)
    net.put(cut)
    client.sendall(b"meanwhile")
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1)
    server.settimeout(DEADLINE_S)
    net.drop(cut)
    assert server.recv(9, socket.MSG_WAITALL) == b"meanwhile"


def test_no_more_than_the_rate_passes(net: Net) -> None:
    rate = 800_000
    net.become([*machines(2), fault(1, direction=Direction.INGRESS, rate_bit=rate)])
    stream, size = Stream(net), 1000
    begun = time.monotonic()
    arrived = stream.send(COUNT, size)
    passed = (arrived + 1) * (size + 28 + 14)
    rested, lasted = rate / 8 + BURST_BYTES, time.monotonic() - begun
    assert rested / 2 <= passed <= rested + rate / 8 * lasted + 2 * size


def test_a_fault_stays_on_a_link_that_is_made_again_and_with_a_driver_that_is(net: Net) -> None:
    cut = fault(1, cut=True)
    entries = [*machines(2), cut]
    net.become(entries)
    net.restart()
    moved = [
        replace(e, guest="/one/other") if isinstance(e, Port) and e.name == cut.port else e
        for e in (*entries, Guest("/one/other", "other", "other"))
    ]
    net.become(moved)
    sending = net.socket("/one/vm0", "udp", HERE)
    hearing = net.socket("/one/other", "udp", THERE, PORT)
    sending.sendto(b"x", (THERE, PORT))
    net.drop(cut)
    sending.sendto(b"y", (THERE, PORT))
    assert hearing.recv(9) == b"y"


HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def can_delay(runtime: None) -> bool:
    """Whether this kernel has netem, its builder's choice, as a tool tells that is not ours."""
    command = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0 or "qdisc kind is unknown" in done.stderr, done.stderr
    return done.returncode == 0


@pytest.fixture
def late(net: Net, can_delay: bool) -> Fault:
    """What the second machine gets is an hour late, in a network of two.

    Where the kernel cannot do that it is refused in so many words, and what follows is not tested; ``tests/kernel/run``
    has a kernel that does it.
    """
    made = fault(1, direction=Direction.INGRESS, delay_ms=HOUR_MS)
    net.become([*machines(2)])
    if can_delay:
        net.put(made)
        return made
    [refusal] = net.driver.apply(Delta({made.key: made}, {}))
    assert refusal.origin == made.origin
    assert refusal.message.endswith("this kernel cannot delay packets: it has no netem (module sch_netem)")
    assert net.driver.apply(Delta({}, {made.key: made})) == []
    assert net.driver.differences() == []
    pytest.skip("this kernel has no netem, and the driver said so")


def arrives(net: Net, content: bytes, guest: str = "/one/vm1") -> bytes:
    """What the second machine hears first of the first one, who says *content* now."""
    sending, hearing = net.socket("/one/vm0", "udp", HERE), net.socket(guest, "udp", THERE, PORT)
    sending.sendto(content, (THERE, PORT))
    heard = hearing.recv(9)
    hearing.close()
    return heard


def test_what_is_delayed_waits_and_what_goes_the_other_way_does_not(net: Net, late: Fault) -> None:
    early, waiting = net.socket("/one/vm0", "udp", HERE, PORT), net.socket("/one/vm1", "udp", THERE, PORT)
    early.sendto(b"late", (THERE, PORT))
    waiting.sendto(b"early", (HERE, PORT))
    assert early.recv(9) == b"early"
    assert not readable(waiting)
    net.drop(late)
    early.sendto(b"again", (THERE, PORT))
    assert waiting.recv(9) == b"again"


@pytest.mark.parametrize("direction", [*Direction, None])
def test_a_packet_is_late_by_the_delay_in_each_of_its_directions(
    net: Net, late: Fault, direction: Direction | None
) -> None:
    net.put(replace(late, direction=direction, delay_ms=40))
    here, there = net.socket("/one/vm0", "udp", HERE, PORT), net.socket("/one/vm1", "udp", THERE, PORT)
    begun = time.monotonic()
    here.sendto(b"ask", (THERE, PORT))
    there.sendto(there.recv(9), (HERE, PORT))
    assert here.recv(9) == b"ask"
    assert time.monotonic() - begun >= 0.04 * (1 if direction else 2)


def test_what_is_late_comes_whole_and_in_order(net: Net, late: Fault) -> None:
    net.put(replace(late, delay_ms=20))
    here, there = net.socket("/one/vm0", "udp", HERE), net.socket("/one/vm1", "udp", THERE, PORT)
    for number in range(200):
        here.sendto(b"%d" % number, (THERE, PORT))
    assert [int(there.recv(9)) for _ in range(200)] == list(range(200))


def test_a_delay_stays_with_a_driver_that_starts_again_and_on_a_link_that_is_made_again(net: Net, late: Fault) -> None:
    net.restart()
    net.restart(replace(late, delay_ms=1))
    assert arrives(net, b"changed") == b"changed"
    net.put(late)
    moved = [
        replace(e, guest="/one/other") if isinstance(e, Port) and e.name == late.port else e
        for e in net.entries.values()
    ]
    net.become([*moved, Guest("/one/other", "other", "other")])
    sending, hearing = net.socket("/one/vm0", "udp", HERE), net.socket("/one/other", "udp", THERE, PORT)
    sending.sendto(b"x", (THERE, PORT))
    net.drop(late)
    sending.sendto(b"y", (THERE, PORT))
    assert hearing.recv(9) == b"y"


def test_a_restarted_driver_mends_a_delay_that_somebody_changed(net: Net, late: Fault) -> None:
    net.put(replace(late, direction=Direction.EGRESS, delay_ms=1))
    net.run("/one/vm1", "tc", "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", "200s")
    net.restart()
    here, there = net.socket("/one/vm0", "udp", HERE, PORT), net.socket("/one/vm1", "udp", THERE)
    there.sendto(b"soon", (HERE, PORT))
    assert here.recv(9) == b"soon"
