"""``az network lb``: every part of a load balancer created, listed, shown, updated and deleted.

The rows of a story share a resource group and build on each other, as a session at a terminal does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lazulite.testing import Lab
from tests.clients.az import Az, AzError
from tests.clients.az_table import Fails, filled, shared
from tests.clients.sdk import LOCATION, Sdk

covers = pytest.mark.covers

LB = "Microsoft.Network/loadBalancers"
POOL, NAT = f"{LB}/backendAddressPools", f"{LB}/inboundNatRules"
NIC = "Microsoft.Network/networkInterfaces"
OF = "-g {g} --lb-name lb"


def az(verb: str, command: str, expected: Any, sentence: str, kind: str = LB) -> Any:
    return pytest.param(command, expected, marks=covers(kind, verb, client="az"), id=sentence)


def there(command: str) -> Any:
    """What the story stands on."""
    return pytest.param(command, {}, id=f"given: {command.partition(' -g')[0]}")


PUBLIC = [
    there("network public-ip create -g {g} -n p2 --sku Standard"),
    there("network public-ip create -g {g} -n old --sku Basic --allocation-method Dynamic"),
    there("network vnet create -g {g} -n v --address-prefixes 10.0.0.0/16 --subnet-name a"),
    az(
        "create",
        "network lb create -g {g} -n lb --sku Standard --public-ip-address p1 --frontend-ip-name f1 "
        "--backend-pool-name b1",
        {
            "loadBalancer": {
                "frontendIPConfigurations": [{"name": "f1", "properties": {"provisioningState": "Succeeded"}}],
                "backendAddressPools": [{"name": "b1", "properties": {"loadBalancerBackendAddresses": []}}],
                "probes": [],
                "loadBalancingRules": [],
                "inboundNatRules": [],
                "outboundRules": [],
            }
        },
        "a load balancer comes from a template, with a public address of its own",
    ),
    az(
        "show",
        "network lb show -g {g} -n lb",
        {"name": "lb", "sku": {"name": "Standard", "tier": "Regional"}, "inboundNatPools": []},
        "it is shown",
    ),
    az("list", "network lb list -g {g} --query [].name", ["lb"], "it is listed"),
    az("list-all", """network lb list --query "[?resourceGroup=='{g}'].name" """, ["lb"], "listed everywhere"),
    az("update", "network lb update -g {g} -n lb --set tags.a=b --query tags", {"a": "b"}, "it gets a tag"),
    az("show", "network lb show -g {g} -n absent", Fails(3, "ResourceNotFound", "absent"), "one there is not"),
    az(
        "create",
        f"network lb frontend-ip create {OF} -n f2 --public-ip-address p2",
        {"name": "f2", "privateIPAllocationMethod": "Dynamic", "provisioningState": "Succeeded"},
        "a second frontend",
    ),
    az(
        "create",
        f"network lb frontend-ip create {OF} -n f3 --public-ip-address old",
        Fails(1, "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed"),
        "no frontend of another SKU",
    ),
    az("list", f"network lb frontend-ip list {OF} --query [].name", ["f1", "f2"], "frontends are listed"),
    az("show", f"network lb frontend-ip show {OF} -n f2 --query name", "f2", "a frontend is shown"),
    az(
        "create",
        f"network lb probe create {OF} -n x --protocol Http --port 80 --path /ready --interval 5 --threshold 2",
        {"protocol": "Http", "port": 80, "requestPath": "/ready", "intervalInSeconds": 5},
        "a probe",
    ),
    az(
        "create",
        f"network lb probe create {OF} -n y --protocol Http --port 21 --path /",
        Fails(1, "ProbePortNotAllowed"),
        "no probe of HTTP on port 21",
    ),
    az("update", f"network lb probe update {OF} -n x --port 8080 --query port", 8080, "a probe's port changes"),
    az("list", f"network lb probe list {OF} --query [].name", ["x"], "probes are listed"),
    az("show", f"network lb probe show {OF} -n x --query port", 8080, "a probe is shown"),
    az(
        "create",
        f"network lb address-pool create {OF} -n b2 --vnet v --backend-address name=one ip-address=10.0.0.9",
        {
            "name": "b2",
            "loadBalancerBackendAddresses": [{"name": "one", "ipAddress": "10.0.0.9"}],
        },
        "a pool by address",
        POOL,
    ),
    az(
        "update",
        f"network lb address-pool address add {OF} --pool-name b2 -n two --ip-address 10.0.0.8 --vnet v "
        "--query loadBalancerBackendAddresses[].name",
        ["one", "two"],
        "a second address",
        POOL,
    ),
    az(
        "show",
        f"network lb address-pool address list {OF} --pool-name b2 --query [].ipAddress",
        ["10.0.0.9", "10.0.0.8"],
        "addresses of a pool are listed",
        POOL,
    ),
    az(
        "update",
        f"network lb address-pool address update {OF} --pool-name b2 -n two --admin-state Down "
        "--query loadBalancerBackendAddresses[].adminState",
        ["Down"],
        "the user says that an address is down",
        POOL,
    ),
    az(
        "update",
        f"network lb address-pool address remove {OF} --pool-name b2 -n one",
        None,
        "an address is removed",
        POOL,
    ),
    az("list", f"network lb address-pool list {OF} --query [].name", ["b1", "b2"], "pools are listed", POOL),
    az("show", f"network lb address-pool show {OF} -n b1 --query name", "b1", "a pool is shown", POOL),
    az(
        "create",
        f"network lb rule create {OF} -n r --protocol Tcp --frontend-port 80 --backend-port 80 --frontend-ip-name f1 "
        "--backend-pool-name b1 --probe-name x",
        {
            "protocol": "Tcp",
            "frontendPort": 80,
            "idleTimeoutInMinutes": 4,
            "loadDistribution": "Default",
            "enableFloatingIP": False,
            "enableTcpReset": False,
        },
        "a rule, with what the service fills in",
    ),
    az(
        "update",
        f"network lb rule update {OF} -n r --floating-ip true --idle-timeout 20 --load-distribution sourceipprotocol "
        "--protocol udp",
        {
            "enableFloatingIP": True,
            "idleTimeoutInMinutes": 20,
            "loadDistribution": "SourceIPProtocol",
            "protocol": "Udp",
        },
        "a rule changes",
    ),
    az(
        "update",
        f"network lb rule update {OF} -n r --backend-pool-name b2 --query backendAddressPool.id",
        "{group}/providers/Microsoft.Network/loadBalancers/lb/backendAddressPools/b2",
        "a rule gets another pool",
    ),
    az("list", f"network lb rule list {OF} --query [].name", ["r"], "rules are listed"),
    az("show", f"network lb rule show {OF} -n r --query name", "r", "a rule is shown"),
    az(
        "show",
        f"network lb probe show {OF} -n x --query loadBalancingRules[].id",
        ["{group}/providers/Microsoft.Network/loadBalancers/lb/loadBalancingRules/r"],
        "a probe knows who watches by it",
    ),
    az(
        "create",
        f"network lb inbound-nat-rule create {OF} -n n --protocol Tcp --frontend-port 5000 --backend-port 22 "
        "--frontend-ip-name f1",
        {"frontendPort": 5000, "backendPort": 22, "idleTimeoutInMinutes": 4},
        "an inbound NAT rule",
        NAT,
    ),
    az(
        "create",
        f"network lb inbound-nat-rule create {OF} -n m --protocol Tcp --frontend-port-range-start 6000 "
        "--frontend-port-range-end 6009 --backend-port 22 --frontend-ip-name f1 --backend-pool-name b1",
        {"frontendPortRangeStart": 6000, "frontendPortRangeEnd": 6009},
        "an inbound NAT rule for a pool",
        NAT,
    ),
    az(
        "create",
        f"network lb inbound-nat-rule create {OF} -n o --protocol Tcp --frontend-port 6005 --backend-port 23 "
        "--frontend-ip-name f1",
        Fails(1, "RulesUseSameFrontendPortProtocolAndIPConfig"),
        "no two rules on one port",
        NAT,
    ),
    az("list", f"network lb inbound-nat-rule list {OF} --query [].name", ["n", "m"], "NAT rules are listed", NAT),
    az(
        "update",
        f"network lb inbound-nat-rule update {OF} -n n --backend-port 2222 --query backendPort",
        2222,
        "a NAT rule changes",
        NAT,
    ),
    az("show", f"network lb inbound-nat-rule show {OF} -n n --query backendPort", 2222, "a NAT rule is shown", NAT),
    az(
        "create",
        f"network lb outbound-rule create {OF} -n out --protocol All --frontend-ip-configs f2 --address-pool b1 "
        "--outbound-ports 10000 --idle-timeout 10",
        {"allocatedOutboundPorts": 10000, "idleTimeoutInMinutes": 10, "protocol": "All"},
        "an outbound rule",
    ),
    az(
        "update",
        f"network lb outbound-rule update {OF} -n out --outbound-ports 1001",
        Fails(1, "SpecifiedAllocatedOutboundPortsForOutboundRuleIsNotAMultipleOfEight"),
        "1001 ports are not a multiple of 8",
    ),
    az(
        "update",
        f"network lb outbound-rule update {OF} -n out --outbound-ports 2000 --query allocatedOutboundPorts",
        2000,
        "an outbound rule changes",
    ),
    az("list", f"network lb outbound-rule list {OF} --query [].name", ["out"], "outbound rules are listed"),
    az("show", f"network lb outbound-rule show {OF} -n out --query name", "out", "an outbound rule is shown"),
    there("network nic create -g {g} -n nic --vnet-name v --subnet a"),
    az(
        "update",
        "network nic ip-config address-pool add -g {g} --nic-name nic --ip-config-name ipconfig1 --lb-name lb "
        "--address-pool b1 --query loadBalancerBackendAddressPools[].id",
        ["{group}/providers/Microsoft.Network/loadBalancers/lb/backendAddressPools/b1"],
        "an interface joins a pool",
        NIC,
    ),
    az(
        "update",
        "network nic ip-config inbound-nat-rule add -g {g} --nic-name nic --ip-config-name ipconfig1 --lb-name lb "
        "--inbound-nat-rule n --query loadBalancerInboundNatRules[].id",
        ["{group}/providers/Microsoft.Network/loadBalancers/lb/inboundNatRules/n"],
        "and is bound to a NAT rule",
        NIC,
    ),
    az(
        "show",
        f"network lb address-pool show {OF} -n b1 --query backendIPConfigurations[].id",
        ["{group}/providers/Microsoft.Network/networkInterfaces/nic/ipConfigurations/ipconfig1"],
        "the pool shows the interface",
        POOL,
    ),
    az(
        "list-mapping",
        "network lb list-mapping -g {g} --name lb --backend-pool-name b1 --request ip=10.0.0.4",
        {"inboundNatRulePortMappings": [{"inboundNatRuleName": "m", "frontendPort": 6000, "backendPort": 22}]},
        "and the port that it has of the range",
        POOL,
    ),
    az("list-nic", "network lb list-nic -g {g} --name lb --query [].name", ["nic"], "interfaces are listed"),
    az(
        "update",
        "network nic ip-config address-pool remove -g {g} --nic-name nic --ip-config-name ipconfig1 --lb-name lb "
        "--address-pool b1 --query loadBalancerBackendAddressPools",
        None,
        "the interface leaves the pool",
        NIC,
    ),
    az("delete", f"network lb outbound-rule delete {OF} -n out", None, "an outbound rule is deleted"),
    az("delete", f"network lb inbound-nat-rule delete {OF} -n m", None, "a NAT rule is deleted", NAT),
    az("delete", f"network lb rule delete {OF} -n r", None, "a rule is deleted"),
    az("delete", f"network lb probe delete {OF} -n x", None, "a probe is deleted"),
    az("delete", f"network lb address-pool delete {OF} -n b2", None, "a pool is deleted", POOL),
    az("delete", f"network lb frontend-ip delete {OF} -n f2", None, "a frontend is deleted"),
    az(
        "show",
        "network lb show -g {g} -n lb --query [frontendIPConfigurations[].name,backendAddressPools[].name,"
        "loadBalancingRules,probes,inboundNatRules[].name,outboundRules]",
        [["f1"], ["b1"], [], [], ["n"], []],
        "what is left is shown",
    ),
    az("delete", "network lb delete -g {g} -n lb", None, "a load balancer is deleted"),
    az(
        "show",
        "network nic show -g {g} -n nic --query ipConfigurations[0].loadBalancerInboundNatRules",
        [],
        "and nobody is bound to it any more",
        NIC,
    ),
]
INTERNAL = [
    there("network vnet create -g {g} -n v --address-prefixes 10.0.0.0/16 --subnet-name a"),
    az(
        "create",
        "network lb create -g {g} -n lb --sku Standard --vnet-name v --subnet a --private-ip-address 10.0.0.10 "
        "--frontend-ip-name f --backend-pool-name b "
        "--query loadBalancer.frontendIPConfigurations[0].properties.privateIPAddress",
        "10.0.0.10",
        "an internal load balancer",
    ),
    az(
        "update",
        f"network lb frontend-ip update {OF} -n f --private-ip-address 10.0.0.11 --query privateIPAddress",
        "10.0.0.11",
        "its address changes",
    ),
    az(
        "create",
        f"network lb frontend-ip create {OF} -n g --vnet-name v --subnet a --query privateIPAddress",
        "10.0.0.4",
        "a dynamic one",
    ),
    az(
        "create",
        f"network lb rule create {OF} -n ha --protocol All --frontend-port 0 --backend-port 0 --frontend-ip-name f "
        "--backend-pool-name b --query protocol",
        "All",
        "a rule for all ports",
    ),
    az(
        "create",
        f"network lb outbound-rule create {OF} -n out --protocol All --frontend-ip-configs f --address-pool b",
        Fails(1, "OutboundRulesNeedPublicStandardLoadBalancer"),
        "no outbound rule of an internal one",
    ),
    az(
        "create",
        "network lb create -g {g} -n basic --sku Basic --vnet-name v --subnet a --query loadBalancer.provisioningState",
        "Succeeded",
        "a Basic one",
    ),
    az(
        "delete",
        "network vnet delete -g {g} -n v",
        Fails(1, "InUseSubnetCannotBeDeleted"),
        "a subnet with a frontend stays",
        "Microsoft.Network/virtualNetworks",
    ),
]
STORIES = {"lb-public": PUBLIC, "lb-internal": INTERNAL}


@pytest.fixture(scope="module")
def places(lab: Lab) -> Iterator[dict[str, dict[str, str]]]:
    """What the placeholders of each story stand for; its group is there, and goes with the module."""
    made = {s: {"g": s, "group": f"{lab.client.subscription}/resourceGroups/{s}"} for s in STORIES}
    for story in made.values():
        lab.client.put(story["group"], {"location": LOCATION})
    yield made
    for story in made.values():
        lab.client.delete(story["group"])


@pytest.mark.parametrize(
    ("story", "command", "expected"),
    [
        pytest.param(story, *row.values, marks=row.marks, id=f"{story}: {row.id}")
        for story, rows in STORIES.items()
        for row in rows
    ],
)
def test_a_command(az: Az, places: dict[str, dict[str, str]], story: str, command: str, expected: Any) -> None:
    if isinstance(expected, Fails):
        with pytest.raises(AzError) as failure:
            az(command, **places[story])
        assert failure.value.code == expected.code
        assert [w for w in expected.words if w not in failure.value.text] == []
    else:
        found = az(command, **places[story])
        assert shared(found, filled(expected, places[story])) == filled(expected, places[story])


def _rule(sdk: Sdk, group: str) -> dict[str, Any]:
    here = f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers/{LB}/lb"
    return {
        "protocol": "Tcp",
        "frontendPort": 80,
        "backendPort": 80,
        "frontendIPConfiguration": {"id": f"{here}/frontendIPConfigurations/f"},
        "backendAddressPool": {"id": f"{here}/backendAddressPools/b"},
        "probe": {"id": f"{here}/probes/x"},
    }


@covers(LB, "create", "list-nic", "health", "migrate", client="sdk")
def test_the_sdk_moves_a_pool_to_addresses(sdk: Sdk, group: str) -> None:
    network = {"location": LOCATION, "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}
    network["properties"]["subnets"] = [{"name": "a", "properties": {"addressPrefix": "10.0.0.0/24"}}]  # type: ignore[index]
    subnet = {"id": sdk.network.virtual_networks.begin_create_or_update(group, "v", network).result().subnets[0].id}
    body = {
        "location": LOCATION,
        "sku": {"name": "Standard"},
        "properties": {
            "frontendIPConfigurations": [{"name": "f", "properties": {"subnet": subnet}}],
            "backendAddressPools": [{"name": "b"}],
            "probes": [{"name": "x", "properties": {"protocol": "Tcp", "port": 80}}],
            "loadBalancingRules": [{"name": "r", "properties": _rule(sdk, group)}],
        },
    }
    made = sdk.network.load_balancers.begin_create_or_update(group, "lb", body).result()
    joined = {"subnet": subnet, "loadBalancerBackendAddressPools": [{"id": made.backend_address_pools[0].id}]}
    nic = {"location": LOCATION, "properties": {"ipConfigurations": [{"name": "i", "properties": joined}]}}
    sdk.network.network_interfaces.begin_create_or_update(group, "n", nic).result()
    assert [b.name for b in sdk.network.network_interface_load_balancers.list(group, "n")] == ["lb"]
    assert [n.name for n in sdk.network.load_balancer_network_interfaces.list(group, "lb")] == ["n"]
    health = sdk.network.load_balancer_load_balancing_rules.begin_health(group, "lb", "r").result()
    assert (health.up, health.down, health.load_balancer_backend_addresses[0].state) == (0, 1, "Down")
    moved = sdk.network.load_balancers.migrate_to_ip_based(group, "lb", {"pools": ["b"]})
    pool = sdk.network.load_balancer_backend_address_pools.get(group, "lb", "b")
    assert moved.migrated_pools == ["b"]
    assert [a.ip_address for a in pool.load_balancer_backend_addresses] == ["10.0.0.5"]
    assert list(sdk.network.network_interface_load_balancers.list(group, "n")) == []
