"""What a fault makes of an interface, and how the kernel's queues are told and read."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from lazulite.drivers.linux import netlink, payloads
from lazulite.drivers.linux.realise import Realiser
from lazulite.drivers.linux.state import Chain, Delay
from lazulite.forwarding.model import Fault
from lazulite.values import Direction
from tests.drivers.worlds import port, vrf

NIC = "/one/nic0"


def chains(*faults: Fault, running: bool = True) -> dict[str, Chain]:
    """By name, what hangs on interfaces because of them."""
    realiser = Realiser()
    realiser.advance([vrf("/one"), *port(0, "/one", running=running), *faults], ())
    found = ((k[2].partition("|")[2], i.spec) for k, i in realiser.wanted.items() if "|fault_" in k[2])
    return {name: spec for name, spec in found if isinstance(spec, Chain)}


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        pytest.param({"cut": True, "loss": 0.5}, ("drop",), id="a cut needs no more"),
        pytest.param({"loss": 0.05}, ("numgen random mod 1000000 < 50000 drop",), id="loss is a draw for each packet"),
        pytest.param(
            {"rate_bit": 8_000_000},
            ("limit rate over 1000000 bytes/second burst 65536 bytes drop",),
            id="a rate drops what is too much",
        ),
        pytest.param({"delay_ms": 3}, None, id="a delay drops nothing"),
    ],
)
def test_a_fault_is_a_chain_on_the_routers_end_of_the_link(fields: Any, rules: tuple[str, ...] | None) -> None:
    found = chains(Fault("f", NIC, **fields))
    assert {c.rules for c in found.values()} == ({rules} if rules else set())


@pytest.mark.parametrize(
    ("direction", "hooks"),
    [
        pytest.param(Direction.EGRESS, {"ingress"}, id="what the machine sends enters the router"),
        pytest.param(Direction.INGRESS, {"egress"}, id="what it gets leaves the router"),
        pytest.param(None, {"ingress", "egress"}, id="both directions"),
    ],
)
def test_a_direction_is_a_hook(direction: Direction | None, hooks: set[str]) -> None:
    found = chains(Fault("f", NIC, direction, cut=True))
    assert {c.hook.split()[2] for c in found.values()} == hooks


def test_several_faults_of_an_interface_stand_beside_each_other() -> None:
    assert len(chains(Fault("f", NIC, loss=0.1), Fault("g", NIC, loss=0.1))) == 4


def test_where_nothing_runs_nothing_is_wrong() -> None:
    assert chains(Fault("f", NIC, cut=True), running=False) == {}
    assert chains(Fault("f", "/one/gone", cut=True)) == {}


def test_a_delay_is_a_queue_at_each_end_that_packets_leave_by() -> None:
    realiser = Realiser()
    realiser.advance([vrf("/one"), *port(0, "/one"), Fault("f", NIC, delay_ms=2.5)], ())
    found = {k[0].partition(".")[0]: i.spec for k, i in realiser.wanted.items() if k[1] == "Delay"}
    assert set(found) == {"router", "guest"}
    assert found["guest"] == Delay("eth0", 2500)
    assert isinstance(found["router"], Delay)
    assert found["router"].microseconds == 2500


def test_what_is_told_of_a_queue_is_what_is_read_of_it() -> None:
    message = netlink.delay(7, 2500)
    assert struct.unpack_from("H", message, 4)[0] == netlink.NEWQDISC
    found = payloads.delay(message[16:], "router.x", {7: "nic"})
    assert found is not None
    assert (found[0], found[1].spec) == (("router.x", "Delay", "nic"), Delay("nic", 2500))


def test_queues_of_others_are_not_ours() -> None:
    other = struct.pack("BBHiIII", 0, 0, 0, 7, 0, 0, 0) + netlink.attribute(1, "noqueue")
    assert payloads.delay(other, "router.x", {7: "nic"}) is None
