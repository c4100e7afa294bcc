"""Scenario 2: a route table sends traffic through an appliance VM."""

from __future__ import annotations

import re

import pytest
from azure.mgmt.compute import models as compute
from azure.mgmt.network import models as network

from lazulite.testing import Lab
from lazulite.testing.probes import address_of
from tests.clients.az import MACHINE, Az
from tests.clients.proof import prove
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

APPLIANCE = "10.0.2.4"
BEFORE = {
    "public > private icmp": False,
    "private > public icmp": False,
    "public > appliance icmp": True,
}
"""The route leads to a machine whose interface may not carry others' packets: both directions die there."""
AFTER = {
    "public > private icmp": True,
    "public > private tcp/80": True,
    "private > public udp/5000": True,
    "private > appliance tcp/22": True,
}
FORWARD = "sysctl -w net.ipv4.ip_forward=1"


def prove_the_way(lab: Lab) -> None:
    """Only what `public` sends to `private` goes through the appliance; what comes back goes straight."""
    prove(lab, AFTER)
    before = _forwarded(lab)
    assert _ttl_of_reply(lab, "private", "public") == 63, "the reply of `public` is routed by the appliance"
    assert _ttl_of_reply(lab, "public", "private") == 64, "the reply of `private` meets no router that counts"
    assert _forwarded(lab) - before == 2, "one reply, one request"


def _ttl_of_reply(lab: Lab, source: str, destination: str) -> int:
    done = lab.exec(source, ["ping", "-c", "1", "-W", "5", address_of(lab, source, destination)])
    found = re.search(r"ttl=(\d+)", done.stdout)
    assert found is not None, done.stdout
    return int(found[1])


def _forwarded(lab: Lab) -> int:
    """Datagrams that the appliance's kernel has sent on."""
    names, values = (
        line.split() for line in lab.exec("appliance", ["grep", "^Ip:", "/proc/net/snmp"]).stdout.splitlines()
    )
    return int(values[names.index("ForwDatagrams")])


@covers("Microsoft.Network/routeTables", "create", client="az")
@covers("Microsoft.Network/routeTables/routes", "create", client="az")
@covers("Microsoft.Network/networkInterfaces", "update", client="az")
@covers("Microsoft.Compute/virtualMachines", "create", "run-command", client="az")
def test_a_route_table_of_az_leads_through_the_appliance(lab: Lab, az: Az, group: str) -> None:
    here = {"group": group}
    az(
        "network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16 "
        "--subnet-name public --subnet-prefixes 10.0.0.0/24",
        **here,
    )
    subnet = "network vnet subnet create -g {group} --vnet-name net "
    az(f"{subnet} -n private --address-prefixes 10.0.1.0/24", **here)
    az(f"{subnet} -n dmz --address-prefixes 10.0.2.0/24", **here)
    az("network route-table create -g {group} -n through", **here)
    az(
        "network route-table route create -g {group} --route-table-name through -n to-private "
        f"--address-prefix 10.0.1.0/24 --next-hop-type VirtualAppliance --next-hop-ip-address {APPLIANCE}",
        **here,
    )
    az("network vnet subnet update -g {group} --vnet-name net -n public --route-table through", **here)
    for name, place in {"public": "", "private": "", "appliance": f"--private-ip-address {APPLIANCE}"}.items():
        where = "dmz" if name == "appliance" else name
        options = f"--vnet-name net --subnet {where} --nsg '' --public-ip-address ''"
        az(f"{MACHINE} {options} {place}", name=name, **here)
    prove(lab, BEFORE)
    az("network nic update -g {group} -n applianceVMNic --ip-forwarding true", **here)
    az(
        f"vm run-command invoke -g {{group}} -n appliance --command-id RunShellScript --scripts '{FORWARD}'",
        **here,
    )
    prove_the_way(lab)


@covers("Microsoft.Network/routeTables", "create", client="sdk")
@covers("Microsoft.Network/routeTables/routes", "create", client="sdk")
@covers("Microsoft.Network/virtualNetworks/subnets", "update", client="sdk")
@covers("Microsoft.Network/networkInterfaces", "update", client="sdk")
@covers("Microsoft.Compute/virtualMachines", "create", "run-command", client="sdk")
def test_a_route_table_of_the_sdk_leads_through_the_appliance(lab: Lab, sdk: Sdk, group: str) -> None:
    subnets = sdk.virtual_network(
        group, "net", "10.0.0.0/16", public="10.0.0.0/24", private="10.0.1.0/24", dmz="10.0.2.0/24"
    )
    table = sdk.network.route_tables.begin_create_or_update(
        group, "through", network.RouteTable(location=LOCATION)
    ).result()
    route = network.Route(address_prefix="10.0.1.0/24", next_hop_type="VirtualAppliance", next_hop_ip_address=APPLIANCE)
    sdk.network.routes.begin_create_or_update(group, "through", "to-private", route).result()
    public = sdk.network.subnets.get(group, "net", "public")
    public.route_table = table
    sdk.network.subnets.begin_create_or_update(group, "net", "public", public).result()
    sdk.machine(group, "public", subnets["public"])
    sdk.machine(group, "private", subnets["private"])
    sdk.machine(group, "appliance", subnets["dmz"], address=APPLIANCE)
    prove(lab, BEFORE)
    interface = sdk.network.network_interfaces.get(group, "appliance")
    interface.enable_ip_forwarding = True
    sdk.network.network_interfaces.begin_create_or_update(group, "appliance", interface).result()
    script = compute.RunCommandInput(command_id="RunShellScript", script=[FORWARD])
    sdk.compute.virtual_machines.begin_run_command(group, "appliance", script).result()
    prove_the_way(lab)
