"""Traffic of a public address through an appliance behind a Gateway load balancer, for both kinds of consumers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.sdk import Sdk
from tests.clients.serving import ask, serving

covers = pytest.mark.covers
KIND = "Microsoft.Network/loadBalancers"
GATEWAY = "10.9.0.100"
APPLIANCE = f"""
ip link add joined type bridge
ip link add internal type vxlan id 900 remote {GATEWAY} dstport 10800 nolearning
ip link add external type vxlan id 901 remote {GATEWAY} dstport 10801 nolearning
for name in internal external; do ip link set $name master joined up; done
ip link set joined up
"""
"""A bridge between two tunnels, as the documentation of such appliances has it."""


def provider(lab: Lab, az: Az, group: str) -> None:
    """A network of its own with one appliance behind a Gateway load balancer."""
    az(
        "network vnet create -g {group} -n filters --address-prefixes 10.9.0.0/16 --subnet-name nva "
        "--subnet-prefixes 10.9.0.0/24",
        group=group,
    )
    az("network nsg create -g {group} -n nsg", group=group)
    az(
        f"{MACHINE} --vnet-name filters --subnet nva --nsg nsg --public-ip-address ''",
        group=group,
        name="nva",
    )
    az(
        "network lb create -g {group} -n gateway --sku Gateway --vnet-name filters --subnet nva --frontend-ip-name "
        f"front --private-ip-address {GATEWAY} --backend-pool-name nvas",
        group=group,
    )
    az(
        "network lb address-pool tunnel-interface add -g {group} --lb-name gateway --address-pool nvas "
        "--type external --protocol vxlan --identifier 901",
        group=group,
    )
    az(
        "network lb rule create -g {group} --lb-name gateway -n all --protocol All --frontend-port 0 --backend-port 0 "
        "--frontend-ip-name front --backend-pool-name nvas",
        group=group,
    )
    az(
        "network nic ip-config address-pool add -g {group} --nic-name nvaVMNic --ip-config-name ipconfignva "
        "--lb-name gateway --address-pool nvas",
        group=group,
    )
    done = lab.exec("nva", ["sh", "-ec", APPLIANCE])
    assert done.returncode == 0, done.stderr


def seen(lab: Lab) -> int:
    """Packets from the two tunnels."""
    found = [
        json.loads(lab.exec("nva", ["ip", "-s", "-j", "link", "show", n]).stdout) for n in ("internal", "external")
    ]
    return sum(link[0]["stats64"]["rx"]["packets"] for link in found)


def stages(lab: Lab, source: str, address: str) -> list[dict[str, Any]]:
    trace = lab.trace(source, address, 80)
    assert trace["passes"]
    return [step for hop in trace["forward"]["hops"] for step in hop["steps"] if step["stage"] == "appliance-detour"]


@covers(KIND, "create", "show", client="az")
def test_az_chains_a_load_balancer_to_a_gateway_and_lets_it_go(lab: Lab, az: Az, group: str) -> None:
    provider(lab, az, group)
    az(
        "network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16 --subnet-name web "
        "--subnet-prefixes 10.0.0.0/24",
        group=group,
    )
    az(
        "network nsg rule create -g {group} --nsg-name nsg -n web --priority 1000 --access Allow --protocol Tcp "
        "--destination-port-ranges 8080",
        group=group,
    )
    az(f"{MACHINE} --vnet-name net --subnet web --nsg nsg --public-ip-address ''", group=group, name="one")
    az("network public-ip create -g {group} -n front --sku Standard", group=group)
    az(
        "network lb create -g {group} -n lb --sku Standard --public-ip-address front --frontend-ip-name web "
        "--backend-pool-name pool",
        group=group,
    )
    az(
        "network lb rule create -g {group} --lb-name lb -n web --protocol tcp --frontend-port 80 --backend-port 8080 "
        "--frontend-ip-name web --backend-pool-name pool --disable-outbound-snat true",
        group=group,
    )
    az(
        "network nic ip-config address-pool add -g {group} --nic-name oneVMNic --ip-config-name ipconfigone "
        "--lb-name lb --address-pool pool",
        group=group,
    )
    az(VISITOR, group=group, name="visitor")
    address = az("network public-ip show -g {group} -n front", group=group)["ipAddress"]
    gateway = az("network lb frontend-ip show -g {group} --lb-name gateway -n front", group=group)["id"]
    update = "network lb frontend-ip update -g {group} --lb-name lb -n web --public-ip-address front --gateway-lb {to}"
    with serving(lab, ["one"], 8080):
        shown = az(update, group=group, to=gateway)
        assert shown["gatewayLoadBalancer"]["id"] == gateway
        before = seen(lab)
        assert [a.server for a in ask(lab, "visitor", address, 80)] == ["one"]
        assert seen(lab) > before
        [step] = stages(lab, "visitor", address)
        assert "through 1 of 1 appliances" in step["detail"]


@covers(KIND, "show", client="sdk")
def test_the_sdk_chains_an_interface_to_a_gateway_and_lets_it_go(lab: Lab, az: Az, sdk: Sdk, group: str) -> None:
    provider(lab, az, group)
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", web="10.0.0.0/24")
    nsg = sdk.security_group(group, "allow", 80)
    sdk.machine(group, "one", subnets["web"], nsg=nsg, public=True)
    sdk.visitor(group, "visitor")
    front = sdk.network.load_balancers.get(group, "gateway").frontend_ip_configurations[0]
    address = sdk.network.public_ip_addresses.get(group, "one").ip_address
    with serving(lab, ["one"], 80):
        for chained in (True, False):
            [nic] = [n for n in sdk.network.network_interfaces.list(group) if "one" in n.name.lower()]
            reference = models.SubResource(id=front.id) if chained else None
            nic.ip_configurations[0].gateway_load_balancer = reference
            sdk.network.network_interfaces.begin_create_or_update(group, nic.name, nic).result()
            before = seen(lab)
            assert [a.server for a in ask(lab, "visitor", address, 80)] == ["one"]
            assert (seen(lab) > before) is chained
            assert len(stages(lab, "visitor", address)) == chained
