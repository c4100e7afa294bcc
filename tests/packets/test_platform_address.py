"""The platform's address in a router: health probes go out from it, past the lists of what they probe."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from lazulite.drivers.linux import names, namespaces
from lazulite.forwarding.model import Action, NextHop, Route, RouteTable, Rule
from lazulite.values import Direction
from tests.drivers.worlds import access_list, port, vrf
from tests.packets.net import DEADLINE_S, Net

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
FROM_PLATFORM = (ip_network(f"{names.PLATFORM}/32"),)
PROBED, ADDRESS = "/one/vm0", "10.0.0.4"


def network(action: Action) -> list[object]:
    """A machine whose subnet sends everything to an appliance that there is not, and whose lists know the platform."""
    lists = [
        access_list("in", Direction.INGRESS, (Rule(65001, action, FROM_PLATFORM, origin="platform"),)),
        access_list("out", Direction.EGRESS, ()),
    ]
    table = RouteTable("t", "/one", (Route(ip_network("0.0.0.0/0"), NextHop.APPLIANCE),))
    machine = port(0, "/one", routes="t", ingress=("in",), egress=("out",))
    return [vrf("/one"), table, *lists, *machine]


@contextlib.contextmanager
def prober() -> Iterator[socket.socket]:
    """A TCP socket of the platform, in the router."""
    descriptor = namespaces.open(names.router("/one"))
    try:
        with namespaces.inside(descriptor):
            opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    finally:
        os.close(descriptor)
    with opened:
        opened.settimeout(DEADLINE_S)
        opened.bind((names.PLATFORM, 0))
        yield opened


def test_a_probe_passes_a_list_that_allows_it_and_its_answer_needs_no_rule_and_no_route(net: Net) -> None:
    net.become(network(Action.ALLOW))
    server = net.listen(PROBED, ADDRESS, 80)
    with prober() as probe:
        probe.connect((ADDRESS, 80))
        served, peer = server.accept()
        assert peer == probe.getsockname()
        assert peer[0] == names.PLATFORM
        served.close()
        assert probe.recv(1) == b""


def test_a_list_can_deny_the_probe(net: Net) -> None:
    net.become(network(Action.DENY))
    net.listen(PROBED, ADDRESS, 80)
    with prober() as probe:
        probe.setblocking(False)
        probe.connect_ex((ADDRESS, 80))
        net.decided("platform", 1)


def test_a_probe_of_a_closed_port_is_told_so(net: Net) -> None:
    net.become(network(Action.ALLOW))
    with prober() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect((ADDRESS, 80))


def test_the_address_survives_a_restart_of_the_driver_and_one_removed_by_hand_comes_back(net: Net) -> None:
    net.become(network(Action.ALLOW))
    net.restart()
    descriptor = namespaces.open(names.router("/one"))
    try:
        with namespaces.inside(descriptor):
            assert os.system(f"ip address delete {names.PLATFORM}/32 dev lo") == 0
    finally:
        os.close(descriptor)
    assert net.driver.differences() == [f"lacks {names.router('/one')} Address {names.PLATFORM}/32"]
    net.restart()
    server = net.listen(PROBED, ADDRESS, 80)
    with prober() as probe:
        probe.connect((ADDRESS, 80))
        server.accept()[0].close()


def test_an_address_that_a_guest_gives_its_loopback_stays_through_a_restart(net: Net) -> None:
    """As a backend of a balancer with a floating address has to."""
    net.become(network(Action.ALLOW))
    net.run(PROBED, "ip", "address", "add", "10.0.0.200/32", "dev", "lo")
    net.restart()
    assert "10.0.0.200/32" in net.run(PROBED, "ip", "address", "show", "dev", "lo")
