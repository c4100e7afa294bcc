"""Scenario 34: security groups at the VM and at the subnet; a packet needs the consent of both."""

from __future__ import annotations

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.proof import prove
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

SUBNET_PORTS, MACHINE_PORTS = ("80", "443"), ("80", "22")
EXPECTED = {
    "visitor > server tcp/80": True,
    "visitor > server tcp/443": False,
    "visitor > server tcp/22": False,
    "visitor > server icmp": False,
    "neighbour > server tcp/8080": True,
    "server > visitor tcp/443": True,
    "server > visitor tcp/25": False,
}
"""The subnet lets in 80 and 443, the machine 80 and 22, and it may not send mail."""
WIDENED = {"visitor > server tcp/443": True, "visitor > server tcp/80": False, "visitor > server tcp/22": False}
"""Once the machine lets in 443 instead."""


@covers("Microsoft.Network/networkSecurityGroups", "create", client="az")
@covers("Microsoft.Network/networkSecurityGroups/securityRules", "create", "update", client="az")
@covers("Microsoft.Network/networkInterfaces", "list-effective-nsg", client="az")
def test_both_groups_of_az_decide(lab: Lab, az: Az, group: str) -> None:
    here = {"group": group}
    rule = "network nsg rule create -g {group} --source-address-prefixes Internet --protocol Tcp --priority 100 -n in "
    for nsg, ports in {"at-subnet": SUBNET_PORTS, "at-machine": MACHINE_PORTS}.items():
        az(f"network nsg create -g {{group}} -n {nsg}", **here)
        az(f"{rule} --nsg-name {nsg} --destination-port-ranges {' '.join(ports)}", **here)
    az(
        "network nsg rule create -g {group} --nsg-name at-machine -n no-mail --priority 100 --direction Outbound "
        "--access Deny --protocol Tcp --destination-address-prefixes Internet --destination-port-ranges 25",
        **here,
    )
    az(
        "network vnet create -g {group} -n net --subnet-name hosts --network-security-group at-subnet",
        **here,
    )
    network = "--vnet-name net --subnet hosts"
    az(f"{MACHINE} {network} --nsg at-machine", name="server", **here)
    az(f"{MACHINE} {network} --nsg '' --public-ip-address ''", name="neighbour", **here)
    az(VISITOR, name="visitor", **here)
    prove(lab, EXPECTED)
    effective = az("network nic list-effective-nsg -g {group} -n serverVMNic", **here)
    groups = [g["networkSecurityGroup"]["id"].rpartition("/")[2] for g in effective["value"]]
    assert sorted(groups) == ["at-machine", "at-subnet"]
    az(
        "network nsg rule update -g {group} --nsg-name at-machine -n in --destination-port-ranges 443",
        **here,
    )
    prove(lab, WIDENED)


@covers("Microsoft.Network/networkSecurityGroups", "create", client="sdk")
@covers("Microsoft.Network/networkSecurityGroups/securityRules", "show", "update", client="sdk")
@covers("Microsoft.Network/networkInterfaces", "list-effective-nsg", client="sdk")
def test_both_groups_of_the_sdk_decide(lab: Lab, sdk: Sdk, group: str) -> None:
    no_mail = _rule("no-mail", "Outbound", "Deny", ("25",))
    at_subnet = _group(sdk, group, "at-subnet", _rule("in", "Inbound", "Allow", SUBNET_PORTS))
    at_machine = _group(sdk, group, "at-machine", _rule("in", "Inbound", "Allow", MACHINE_PORTS), no_mail)
    sdk.virtual_network(group, "net", "10.0.0.0/16")
    hosts = sdk.network.subnets.begin_create_or_update(
        group, "net", "hosts", models.Subnet(address_prefix="10.0.0.0/24", network_security_group=at_subnet)
    ).result()
    sdk.machine(group, "server", hosts.id, public=True, nsg=at_machine.id)
    sdk.machine(group, "neighbour", hosts.id)
    sdk.visitor(group, "visitor")
    prove(lab, EXPECTED)
    effective = sdk.network.network_interfaces.begin_list_effective_network_security_groups(group, "server").result()
    assert {g.network_security_group.id for g in effective.value} == {at_subnet.id, at_machine.id}
    rule = sdk.network.security_rules.get(group, "at-machine", "in")
    rule.destination_port_ranges = ["443"]
    sdk.network.security_rules.begin_create_or_update(group, "at-machine", "in", rule).result()
    prove(lab, WIDENED)


def _group(sdk: Sdk, group: str, name: str, *rules: models.SecurityRule) -> models.NetworkSecurityGroup:
    described = models.NetworkSecurityGroup(location=LOCATION, security_rules=list(rules))
    return sdk.network.network_security_groups.begin_create_or_update(group, name, described).result()


def _rule(name: str, direction: str, access: str, ports: tuple[str, ...]) -> models.SecurityRule:
    """A rule about the Internet: where packets come from, or where they go."""
    inbound = direction == "Inbound"
    return models.SecurityRule(
        name=name,
        priority=100,
        direction=direction,
        access=access,
        protocol="Tcp",
        source_address_prefix="Internet" if inbound else "*",
        destination_address_prefix="*" if inbound else "Internet",
        source_port_range="*",
        destination_port_ranges=list(ports),
    )
