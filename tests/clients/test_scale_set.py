"""Machines from one profile behind a balancer: scaled under traffic, replaced a batch at a time."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from azure.mgmt.compute import models as compute
from azure.mgmt.network import models as network

from lazulite.testing import Lab
from tests.clients.az import VISITOR, Az
from tests.clients.sdk import LOCATION, Sdk
from tests.clients.serving import ask, visiting
from tests.waiting import until

covers = pytest.mark.covers
KIND = "Microsoft.Compute/virtualMachineScaleSets"
SERVER = """#!/bin/sh
exec setsid python3 -c '
import socket, threading
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", 80))
s.listen(512)
while True:
    c, peer = s.accept()
    c.sendall(f"{socket.gethostname()}-VERSION {peer[0]} {peer[1]} 80".encode())
    c.close()
' >/dev/null 2>&1 </dev/null &
"""


def custom_data(version: str) -> str:
    return base64.b64encode(SERVER.replace("VERSION", version).encode()).decode()


def balancer(sdk: Sdk, group: str) -> str:
    """A balancer with a TCP probe every five seconds; its address."""
    address = sdk.public_address(group, "front")
    path = f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers/Microsoft.Network/loadBalancers/lb"
    described = network.LoadBalancer(
        location=LOCATION,
        sku=network.LoadBalancerSku(name="Standard"),
        frontend_ip_configurations=[
            network.FrontendIPConfiguration(name="front", public_ip_address=network.PublicIPAddress(id=address.id))
        ],
        backend_address_pools=[network.BackendAddressPool(name="pool")],
        probes=[network.Probe(name="alive", protocol="Tcp", port=80, interval_in_seconds=5, probe_threshold=1)],
        load_balancing_rules=[
            network.LoadBalancingRule(
                name="web",
                frontend_ip_configuration=network.SubResource(id=f"{path}/frontendIPConfigurations/front"),
                backend_address_pool=network.SubResource(id=f"{path}/backendAddressPools/pool"),
                probe=network.SubResource(id=f"{path}/probes/alive"),
                protocol="Tcp",
                frontend_port=80,
                backend_port=80,
            )
        ],
    )
    sdk.network.load_balancers.begin_create_or_update(group, "lb", described).result()
    return str(address.ip_address)


def scale_set(sdk: Sdk, group: str, version: str, capacity: int) -> Any:
    subnets = {s.name: s.id for s in sdk.network.subnets.list(group, "net")}
    path = f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers/Microsoft.Network/loadBalancers/lb"
    configuration = compute.VirtualMachineScaleSetIPConfiguration(
        name="ip",
        subnet=compute.ApiEntityReference(id=subnets["web"]),
        load_balancer_backend_address_pools=[compute.SubResource(id=f"{path}/backendAddressPools/pool")],
    )
    interface = compute.VirtualMachineScaleSetNetworkConfiguration(
        name="nic",
        primary=True,
        network_security_group=compute.SubResource(id=sdk.network.network_security_groups.get(group, "nsg").id),
        ip_configurations=[configuration],
    )
    profile = compute.VirtualMachineScaleSetVMProfile(
        os_profile=compute.VirtualMachineScaleSetOSProfile(
            computer_name_prefix="web",
            admin_username="azureuser",
            admin_password="Lazulite-1234",
            custom_data=custom_data(version),
        ),
        network_profile=compute.VirtualMachineScaleSetNetworkProfile(
            network_interface_configurations=[interface],
            health_probe=compute.ApiEntityReference(id=f"{path}/probes/alive"),
        ),
    )
    described = compute.VirtualMachineScaleSet(
        location=LOCATION,
        sku=compute.Sku(name="Standard_B1s", tier="Standard", capacity=capacity),
        orchestration_mode="Uniform",
        upgrade_policy=compute.UpgradePolicy(mode="Rolling"),
        virtual_machine_profile=profile,
    )
    return sdk.compute.virtual_machine_scale_sets.begin_create_or_update(group, "web", described).result()


@covers(KIND, "create", "show", "update", client="sdk")
def test_a_set_of_the_sdk_is_scaled_and_replaced_under_traffic(lab: Lab, sdk: Sdk, group: str) -> None:
    sdk.virtual_network(group, "net", "10.0.0.0/16", web="10.0.0.0/24")
    sdk.security_group(group, "nsg", 80)
    address = balancer(sdk, group)
    scale_set(sdk, group, "one", 2)
    sdk.visitor(group, "visitor")

    def servers() -> set[str]:
        return {a.server for a in ask(lab, "visitor", address, 80, count=60, patience_s=2)}

    until(servers, lambda s: s == {"web000000-one", "web000001-one"})
    with visiting(lab, "visitor", address, 80) as visits:
        scale_set(sdk, group, "one", 4)
        until(servers, lambda s: s == {f"web00000{n}-one" for n in range(4)})
        scale_set(sdk, group, "one", 3)
        until(servers, lambda s: s == {f"web00000{n}-one" for n in range(3)})
        scale_set(sdk, group, "two", 3)
        until(servers, lambda s: s == {f"web00000{n}-two" for n in range(3)})
    versions = [text.split()[0].rpartition("-")[2] for text in visits.answers if text]
    assert set(versions) == {"one", "two"}
    instances = list(sdk.compute.virtual_machine_scale_set_vms.list(group, "web"))
    assert [(i.instance_id, i.name, i.latest_model_applied) for i in instances] == [
        (str(n), f"web_{n}", True) for n in range(3)
    ]
    interfaces = list(sdk.network.network_interfaces.list_virtual_machine_scale_set_network_interfaces(group, "web"))
    assert [i.ip_configurations[0].private_ip_address for i in interfaces] == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]


@covers(KIND, "create", "show", "update", "delete", client="az")
def test_az_makes_scales_and_deletes_a_set(lab: Lab, az: Az, group: str) -> None:
    az(
        "vmss create -g {group} -n web --image Ubuntu2204 --vm-sku Standard_B1s --instance-count 2 "
        "--orchestration-mode Uniform --upgrade-policy-mode Manual --admin-username azureuser "
        "--admin-password Lazulite-1234 --authentication-type password --lb lb --backend-pool-name pool "
        "--public-ip-address front",
        group=group,
    )
    assert az("vmss list-instances -g {group} -n web --query [].instanceId", group=group) == ["0", "1"]
    az(
        "network lb rule create -g {group} --lb-name lb -n web --protocol tcp --frontend-port 8080 --backend-port 8080 "
        "--backend-pool-name pool --disable-outbound-snat true",
        group=group,
    )
    az("vmss scale -g {group} -n web --new-capacity 3", group=group)
    assert az("vmss show -g {group} -n web --query sku.capacity", group=group) == 3
    pool = az("network lb address-pool show -g {group} --lb-name lb -n pool", group=group)
    assert len(pool["backendIPConfigurations"]) == 3
    az("vmss stop -g {group} -n web --instance-ids 0", group=group)
    state = az("vmss get-instance-view -g {group} -n web --instance-id 0", group=group)
    assert "PowerState/stopped" in {s["code"] for s in state["statuses"]}
    az("vmss delete-instances -g {group} -n web --instance-ids 0", group=group)
    assert az("vmss list-instances -g {group} -n web --query [].instanceId", group=group) == ["1", "2"]
    az(VISITOR, group=group, name="visitor")
    az("vmss delete -g {group} -n web", group=group)
    assert az("vmss list -g {group}", group=group) == []
