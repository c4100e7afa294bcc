"""What leaves a machine has an address of the interface it leaves by, whatever the machine gives itself."""

from __future__ import annotations

from collections import Counter
from socket import socket

import pytest

from lazulite.forwarding.model import NextHop, Route, RouteTable
from tests.drivers.worlds import port, vrf
from tests.packets.net import Net, readable

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
A, B, ROUNDS = "/one/vm0", "/one/vm1", 5
OWN = {4: {A: "10.0.0.4", B: "10.0.0.5"}, 6: {A: "fd00::4", B: "fd00::5"}}
FORGED = [
    pytest.param(4, "10.0.0.6", id="a neighbour's address"),
    pytest.param(4, "10.0.0.200", id="an address of the subnet that is nobody's"),
    pytest.param(4, "10.1.0.4", id="an address of another network"),
    pytest.param(4, "203.0.113.9", id="an address of the Internet"),
    pytest.param(4, "168.63.129.16", id="the platform's address"),
    pytest.param(6, "fd00::6", id="a neighbour's address in IPv6"),
    pytest.param(6, "2001:db8::9", id="an address of the Internet in IPv6"),
]


def become(net: Net, *, forwards: bool) -> None:
    """A network of three machines without lists, the first of which may forward or not."""
    local = tuple(Route(p, NextHop.LOCAL) for p in vrf("/one").prefixes)
    first = port(0, "/one", routes="t", forwards=forwards)
    others = [e for number in (1, 2) for e in port(number, "/one", routes="t")]
    net.become([vrf("/one"), RouteTable("t", "/one", local), *first, *others])


def speak(net: Net, version: int, forged: str) -> tuple[socket, socket, socket]:
    """B's socket, and A's two: as somebody else, and as itself."""
    net.take(A, forged)
    b = net.socket(B, "udp", OWN[version][B], 5000)
    somebody, itself = (net.socket(A, "udp", address, 5001) for address in (forged, OWN[version][A]))
    return b, somebody, itself


@pytest.mark.parametrize(("version", "forged"), FORGED)
def test_a_machine_cannot_speak_as_somebody_else(net: Net, version: int, forged: str) -> None:
    become(net, forwards=False)
    b, somebody, itself = speak(net, version, forged)
    for _ in range(ROUNDS):
        somebody.sendto(b"forged", (OWN[version][B], 5000))
        itself.sendto(b"own", (OWN[version][B], 5000))
        assert b.recv(16) == b"own"
    assert not readable(b)


def test_a_machine_that_forwards_may_hand_on_what_others_wrote(net: Net) -> None:
    """So that the test above can fail: the address is not lost for another reason."""
    become(net, forwards=True)
    b, somebody, itself = speak(net, 4, "10.0.0.200")
    for sender, word in ((somebody, b"forged"), (itself, b"own")) * ROUNDS:
        sender.sendto(word, (OWN[4][B], 5000))
    assert Counter(b.recv(16) for _ in range(2 * ROUNDS)) == {b"forged": ROUNDS, b"own": ROUNDS}
