"""Scenario 69: create a virtual network and connect a few VMs to it."""

from __future__ import annotations

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.proof import prove
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

EXPECTED = {
    "one > two icmp": True,
    "two > one tcp/22": True,
    "two > one udp/5000": True,
    "one > visitor tcp/443": True,
    "visitor > one tcp/22": True,
    "visitor > one tcp/80": False,
    "visitor > two icmp": False,
}
"""Machines of a network reach each other and the Internet; the Internet reaches what their groups open: SSH."""


@covers("Microsoft.Network/virtualNetworks", "create", client="az")
@covers("Microsoft.Compute/virtualMachines", "create", "list", client="az")
def test_machines_of_az_on_a_new_network_meet(lab: Lab, az: Az, group: str) -> None:
    az("network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16 --subnet-name default", group=group)
    for name in ("one", "two"):
        made = az(f"{MACHINE} --vnet-name net --subnet default", group=group, name=name)
        assert made["powerState"] == "VM running"
    az(VISITOR, group=group, name="visitor")
    prove(lab, EXPECTED)
    shown = az("vm list -g {group} --show-details", group=group)
    assert [(m["name"], m["privateIps"]) for m in shown] == [("one", "10.0.0.4"), ("two", "10.0.0.5")]


@covers("Microsoft.Network/virtualNetworks", "create", client="sdk")
@covers("Microsoft.Compute/virtualMachines", "create", "list", client="sdk")
def test_machines_of_the_sdk_on_a_new_network_meet(lab: Lab, sdk: Sdk, group: str) -> None:
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", default="10.0.0.0/24")
    ssh = models.SecurityRule(
        name="ssh",
        priority=1000,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="22",
    )
    nsg = sdk.network.network_security_groups.begin_create_or_update(
        group, "nsg", models.NetworkSecurityGroup(location=LOCATION, security_rules=[ssh])
    ).result()
    for name in ("one", "two"):
        sdk.machine(group, name, subnets["default"], public=True, nsg=nsg.id)
    sdk.visitor(group, "visitor")
    prove(lab, EXPECTED)
    assert [m.name for m in sdk.compute.virtual_machines.list(group)] == ["one", "two"]
