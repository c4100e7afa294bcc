"""Tables take turns while packets fill them and the driver edits what is beside them: nothing is lost or told twice."""

from __future__ import annotations

import socket
import threading
from collections import Counter

import pytest

from lazulite.agent.flow_watch import Seen
from lazulite.telemetry.book import State
from lazulite.values import Direction
from tests.drivers.worlds import access_list
from tests.packets.net import Net
from tests.packets.test_flow_state import ADDRESS, A, B
from tests.packets.test_flow_tables import EVERY, NO_TELNET, Records, network, records

__all__ = ["records"]
pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
CONNECTIONS, EDITS = 300, 40


def connect(net: Net, done: threading.Event) -> None:
    """Connections one after the other, each with a byte, from a few ports that are used again and again."""
    server = net.listen(B, ADDRESS[4][B], 22)
    for number in range(CONNECTIONS):
        client = net.socket(A, "tcp", ADDRESS[4][A], 7000 + number % 5)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset: the port is free at once
        client.connect((ADDRESS[4][B], 22))
        served, _ = server.accept()
        client.send(b"x")
        assert served.recv(9) == b"x"
        client.close()
        served.close()
    done.set()


def test_every_connection_begins_and_ends_once_with_all_its_bytes(net: Net, records: Records) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (EVERY,)), ingress=("in",)))
    seen: list[Seen] = []
    done, failed = threading.Event(), threading.Event()

    def edit() -> None:
        """The driver goes on with its own work meanwhile."""
        try:
            for number in range(EDITS):
                rules = (NO_TELNET, EVERY) if number % 2 else (EVERY,)
                net.put(access_list("in", Direction.INGRESS, rules))
        except Exception:
            failed.set()
            raise

    threads = [threading.Thread(target=connect, args=(net, done)), threading.Thread(target=edit)]
    for thread in threads:
        thread.start()
    while any(t.is_alive() for t in threads):
        seen += records.look()
    for thread in threads:
        thread.join()
    assert done.is_set()
    assert not failed.is_set()
    while sum(s.line.state is State.ENDED for s in seen) < 2 * CONNECTIONS:
        seen += records.ends(1)
    states = Counter((s.port[5:], s.line.state) for s in seen)
    assert states == dict.fromkeys(((n, s) for n in ("nic0", "nic1") for s in (State.BEGUN, State.ENDED)), CONNECTIONS)
    sent, received = (
        sum(s.line.counts[place] for s in seen if s.port[5:] == nic) for nic, place in (("nic0", 1), ("nic1", 3))
    )
    assert sent == received
    assert sent >= CONNECTIONS * (60 + 52 + 53 + 40)
