"""References of a resource both ways."""

from __future__ import annotations

import pytest

from lazulite.arm.errors import ArmError
from lazulite.daemon.references import around
from tests.build import GROUP, Lab, ref, subnet_ref


def garden() -> Lab:
    """A network whose subnet has a security group, and an interface in it."""
    lab = Lab()
    lab.put("networkSecurityGroups", "nsg", {})
    subnet = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": ref("networkSecurityGroups", "nsg")}
    space = {"addressPrefixes": ["10.0.0.0/16"]}
    lab.put("virtualNetworks", "net", {"addressSpace": space, "subnets": [{"name": "a", "properties": subnet}]})
    configuration = {"subnet": subnet_ref("net/a")}
    lab.put("networkInterfaces", "nic", {"ipConfigurations": [{"name": "c", "properties": configuration}]})
    return lab


def named(rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(row["id"].rsplit("/", 1)[1], row["by"].rsplit("/", 1)[1]) for row in rows]


def network(name: str) -> str:
    return f"{GROUP}/providers/Microsoft.Network/{name}"


def test_a_network_refers_by_its_subnet_and_is_referred_to_by_the_interfaces_in_it() -> None:
    found = around(garden().snapshot, network("virtualNetworks/net"))
    assert named(found["to"]) == [("nsg", "a")]
    assert named(found["from"]) == [("c", "a")]


def test_the_case_of_an_id_is_nothing_to_go_by() -> None:
    found = around(garden().snapshot, network("networksecuritygroups/NSG").upper())
    assert (named(found["to"]), named(found["from"])) == ([], [("a", "nsg")])


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(ArmError) as refused:
        around(garden().snapshot, network("virtualNetworks/none"))
    assert (refused.value.status, refused.value.target) == (404, "id")
