"""Scenario 1: filter network traffic with network security groups and application security groups."""

from __future__ import annotations

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.proof import prove
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

EXPECTED = {
    "visitor > web tcp/80": True,
    "visitor > web tcp/443": True,
    "visitor > web tcp/22": False,
    "visitor > web udp/80": False,
    "visitor > web icmp": False,
    "visitor > admin tcp/22": True,
    "visitor > admin tcp/80": False,
    "web > admin tcp/80": True,
    "admin > web icmp": True,
    "web > visitor tcp/443": True,
}
"""Members of `web` serve the Internet on 80 and 443, those of `admin` on 22; inside the network all pass."""


@covers("Microsoft.Network/applicationSecurityGroups", "create", client="az")
@covers("Microsoft.Network/networkSecurityGroups", "create", client="az")
@covers("Microsoft.Network/networkSecurityGroups/securityRules", "create", client="az")
@covers("Microsoft.Network/virtualNetworks/subnets", "update", client="az")
@covers("Microsoft.Compute/virtualMachines", "create", client="az")
@covers("Lazulite.Lab/clients", "create", client="az")
def test_groups_filter_what_az_describes(lab: Lab, az: Az, group: str) -> None:
    here = {"group": group}
    az("network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16", **here)
    az("network asg create -g {group} -n web", **here)
    az("network asg create -g {group} -n admin", **here)
    az("network nsg create -g {group} -n filter", **here)
    rule = "network nsg rule create -g {group} --nsg-name filter --protocol Tcp --source-address-prefixes Internet "
    az(rule + "-n web --priority 100 --destination-asgs web --destination-port-ranges 80 443", **here)
    az(rule + "-n ssh --priority 110 --destination-asgs admin --destination-port-ranges 22", **here)
    az(
        "network vnet subnet create -g {group} --vnet-name net -n hosts --address-prefixes 10.0.0.0/24 "
        "--network-security-group filter",
        **here,
    )
    for name in ("web", "admin"):
        az(f"{MACHINE} --vnet-name net --subnet hosts --nsg '' --asgs {{name}}", name=name, **here)
    az(VISITOR, name="visitor", **here)
    prove(lab, EXPECTED)


@covers("Microsoft.Network/applicationSecurityGroups", "create", client="sdk")
@covers("Microsoft.Network/networkSecurityGroups", "create", client="sdk")
@covers("Microsoft.Network/virtualNetworks", "create", client="sdk")
@covers("Microsoft.Network/virtualNetworks/subnets", "create", client="sdk")
@covers("Microsoft.Network/networkInterfaces", "create", client="sdk")
@covers("Microsoft.Network/publicIPAddresses", "create", client="sdk")
@covers("Microsoft.Compute/virtualMachines", "create", client="sdk")
@covers("Lazulite.Lab/clients", "create", client="sdk")
def test_groups_filter_what_the_sdk_describes(lab: Lab, sdk: Sdk, group: str) -> None:
    asgs = {
        name: sdk.network.application_security_groups.begin_create_or_update(
            group, name, models.ApplicationSecurityGroup(location=LOCATION)
        ).result()
        for name in ("web", "admin")
    }
    rules = [_rule("web", 100, asgs["web"], ["80", "443"]), _rule("ssh", 110, asgs["admin"], ["22"])]
    nsg = sdk.network.network_security_groups.begin_create_or_update(
        group, "filter", models.NetworkSecurityGroup(location=LOCATION, security_rules=rules)
    ).result()
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    hosts = sdk.network.subnets.begin_create_or_update(
        group, "net", "hosts", models.Subnet(address_prefix="10.0.0.0/24", network_security_group=nsg)
    ).result()
    for name, asg in asgs.items():
        sdk.machine(group, name, hosts.id, public=True, asgs=[asg.id])
    sdk.visitor(group, "visitor")
    prove(lab, EXPECTED)


def _rule(name: str, priority: int, to: models.ApplicationSecurityGroup, ports: list[str]) -> models.SecurityRule:
    return models.SecurityRule(
        name=name,
        priority=priority,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefix="Internet",
        source_port_range="*",
        destination_application_security_groups=[models.ApplicationSecurityGroup(id=to.id)],
        destination_port_ranges=ports,
    )
