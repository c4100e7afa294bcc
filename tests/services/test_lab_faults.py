"""Faults: what is wrong on purpose, and with which interfaces."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.forwarding.model import Fault
from lazulite.values import Direction
from tests.build import Lab, Refused, resource_id

KIND = "Lazulite.Lab/faults"
NIC, MACHINE = resource_id("networkInterfaces", "a"), resource_id("Microsoft.Compute/virtualMachines", "vm")


def network() -> Lab:
    """A machine with the interfaces ``a`` and ``b``."""
    lab = Lab()
    lab.vnet("net", "10.0.0.0/16", subnets={"s": "10.0.0.0/24"})
    for name in ("a", "b"):
        lab.nic(name, "net/s")
    lab.vm("vm", "a", "b")
    return lab


def put(lab: Lab, name: str = "f", **properties: Any) -> Any:
    return lab.put(KIND, name, {"target": NIC.text} | properties, location=None).properties


def codes(lab: Lab, **properties: Any) -> list[str]:
    try:
        put(lab, "new", **properties)
    except Refused as refused:
        return refused.codes
    return []


def entries(lab: Lab) -> list[Fault]:
    return sorted(lab.compile().all(Fault).values(), key=lambda f: f.port)


def test_a_fault_of_an_interface_is_one_entry_that_says_what_is_wrong() -> None:
    lab = network()
    put(lab, direction="outbound", lossPercent=2.5, delayMilliseconds=20, rateBitsPerSecond=1_000_000)
    [found] = entries(lab)
    assert (found.port, found.direction, found.cut) == (NIC.key, Direction.EGRESS, False)
    assert (found.loss, found.delay_ms, found.rate_bit) == (0.025, 20, 1_000_000)
    assert found.origin == resource_id(KIND, "f").text


def test_a_fault_of_a_machine_is_one_of_all_its_interfaces() -> None:
    lab = network()
    put(lab, target=MACHINE.text, cut=True)
    assert [(f.port.rpartition("/")[2], f.direction, f.cut) for f in entries(lab)] == [
        ("a", None, True),
        ("b", None, True),
    ]


def test_a_fault_that_is_deleted_leaves_nothing() -> None:
    lab = network()
    put(lab, cut=True)
    lab.delete(KIND, "f")
    assert entries(lab) == []


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        pytest.param({}, "FaultWithoutEffect", id="nothing is wrong"),
        pytest.param({"cut": True, "lossPercent": 1}, "FaultPropertiesExclusive", id="what is cut loses no more"),
        pytest.param({"rateBitsPerSecond": 1}, "InvalidParameter", id="so slow that nothing ever passes"),
        pytest.param(
            {"cut": True, "target": resource_id("virtualNetworks", "net").text},
            "InvalidTargetResource",
            id="a network is no wire",
        ),
    ],
)
def test_what_is_no_fault_is_refused(properties: dict[str, Any], found: str) -> None:
    lab = network()
    assert codes(lab, **properties) == [found]
    assert entries(lab) == []


@pytest.mark.parametrize("properties", [{"lossPercent": 101}, {"cut": True, "direction": "Up"}])
def test_values_out_of_range_are_refused(properties: dict[str, Any]) -> None:
    assert len(codes(network(), **properties)) == 1


def test_only_one_fault_makes_an_interface_wait() -> None:
    lab = network()
    put(lab, target=MACHINE.text, delayMilliseconds=5)
    assert codes(lab, delayMilliseconds=5) == ["FaultAlreadyExists"]
    assert codes(lab, lossPercent=5) == []
    put(lab, target=MACHINE.text, delayMilliseconds=7)
    assert {f.delay_ms for f in entries(lab) if f.delay_ms} == {7}
