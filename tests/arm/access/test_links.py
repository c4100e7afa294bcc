"""What a body refers to, and which action on it that takes."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.access.linked import Link, links, needed
from lazulite.resources.ids import ResourceId
from lazulite.services.virtual_network.model import NetworkInterface
from tests.arm.garden import Bed

G = "/subscriptions/s/resourceGroups/g/providers"
NET = f"{G}/Microsoft.Network"
NIC = ResourceId(f"{NET}/networkInterfaces/n")
CASES = [
    pytest.param("networkInterfaces", "virtualNetworks/v/subnets/s", "virtualNetworks/subnets/join", id="subnet"),
    pytest.param("privateDnsZones/virtualNetworkLinks", "virtualNetworks/v", "virtualNetworks/join", id="network"),
    pytest.param(
        "virtualNetworks/virtualNetworkPeerings", "virtualNetworks/v", "virtualNetworks/peer", id="peered network"
    ),
    pytest.param("networkInterfaces", "publicIPAddresses/p", "publicIPAddresses/join", id="public address"),
    pytest.param("networkInterfaces", "networkSecurityGroups/n", "networkSecurityGroups/join", id="security group"),
    pytest.param("virtualNetworks/subnets", "routeTables/r", "routeTables/join", id="route table"),
    pytest.param("virtualNetworks/subnets", "natGateways/n", "natGateways/join", id="NAT gateway"),
    pytest.param(
        "networkInterfaces",
        "loadBalancers/l/backendAddressPools/b",
        "loadBalancers/backendAddressPools/join",
        id="backend pool",
    ),
    pytest.param(
        "networkInterfaces",
        "loadBalancers/l/inboundNatRules/b",
        "loadBalancers/inboundNatRules/join",
        id="inbound NAT rule",
    ),
    pytest.param(
        "networkInterfaces",
        "applicationSecurityGroups/a",
        "applicationSecurityGroups/joinIpConfiguration",
        id="application security group of an interface",
    ),
    pytest.param(
        "networkSecurityGroups/securityRules",
        "applicationSecurityGroups/a",
        "applicationSecurityGroups/joinNetworkSecurityRule",
        id="application security group of a rule",
    ),
    pytest.param("networkInterfaces/tapConfigurations", "virtualNetworkTaps/t", "virtualNetworkTaps/join", id="TAP"),
]


@pytest.mark.parametrize(("holder", "target", "action"), CASES)
def test_joining_takes(holder: str, target: str, action: str) -> None:
    expected = (f"Microsoft.Network/{action}/action",)
    assert needed(f"Microsoft.Network/{holder}", ResourceId(f"{NET}/{target}")) == expected


def test_what_is_not_joined_is_read() -> None:
    found = needed("Microsoft.Compute/virtualMachines", ResourceId(f"{G}/Microsoft.Compute/availabilitySets/a"))
    assert found == ("Microsoft.Compute/availabilitySets/read",)


def test_the_collector_of_a_tap_is_joined_or_read() -> None:
    found = needed("Microsoft.Network/virtualNetworkTaps", ResourceId(f"{NET}/networkInterfaces/n/ipConfigurations/i"))
    assert found[-1] == "Microsoft.Network/networkInterfaces/read"


def test_an_interface_refers_to_what_its_configurations_name_once_each() -> None:
    subnet, group = {"id": f"{NET}/virtualNetworks/v/subnets/s"}, {"id": f"{NET}/applicationSecurityGroups/a"}
    configuration = {"subnet": subnet, "applicationSecurityGroups": [group, group]}
    body = {
        "properties": {
            "ipConfigurations": [{"name": n, "properties": configuration} for n in ("a", "b")],
            "virtualMachine": {"id": f"{G}/Microsoft.Compute/virtualMachines/m"},
        }
    }
    found = list(links(NIC, "Microsoft.Network/networkInterfaces", NetworkInterface, body))
    assert found == [
        Link(subnet["id"], ("Microsoft.Network/virtualNetworks/subnets/join/action",)),
        Link(group["id"], ("Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action",)),
    ]


BED = ResourceId(f"{G}/Contoso.Garden/beds/b")
OTHER = f"{G}/Contoso.Garden/wells/w"
SPELLINGS = [
    pytest.param({"properties": {"owner": {"id": OTHER}}}, id="as documented"),
    pytest.param({"PROPERTIES": {"Owner": {"ID": OTHER}}}, id="in other case"),
    pytest.param({"properties": {}, "Properties": {"owner": {"id": OTHER}}}, id="in the second of two bodies"),
    pytest.param({"properties": {"owner": None, "OWNER": {"id": OTHER}}}, id="in the second of two references"),
    pytest.param({"properties": {"owner": {"id": 5, "Id": OTHER}}}, id="in the second of two ids"),
    pytest.param({"properties": {"plants": [{"Properties": {"water": {"id": OTHER}}}]}}, id="in a nameless child"),
]


@pytest.mark.parametrize("body", SPELLINGS)
def test_no_spelling_hides_a_reference(body: Any) -> None:
    assert [link.target for link in links(BED, "Contoso.Garden/beds", Bed, body)] == [OTHER]


NOTHING = [
    pytest.param(None, id="no body"),
    pytest.param([], id="a list"),
    pytest.param({"properties": {"owner": {"id": "rubbish"}}}, id="an id that is none"),
    pytest.param({"properties": {"owner": {"id": f"{BED}/plants/p"}}}, id="a part of itself"),
    pytest.param({"properties": {"plants": {"id": OTHER}}}, id="a list that is none"),
    pytest.param({"properties": {"area": {"id": OTHER}}}, id="something read-only"),
]


@pytest.mark.parametrize("body", NOTHING)
def test_what_refers_to_nothing_else(body: Any) -> None:
    assert list(links(BED, "Contoso.Garden/beds", Bed, body)) == []
