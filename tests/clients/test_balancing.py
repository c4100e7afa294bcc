"""Scenarios 50 to 53 and 71: traffic balanced over machines, from the Internet and inside; single ports; ways out."""

from __future__ import annotations

from collections import Counter

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.sdk import LOCATION, Sdk
from tests.clients.serving import Answer, ask, serving
from tests.waiting import until

covers = pytest.mark.covers
KIND = "Microsoft.Network/loadBalancers"
SERVERS = ("one", "two", "three")
ALLOW = (
    "network nsg rule create -g {group} --nsg-name nsg -n web --priority 1000 --access Allow --protocol Tcp "
    "--destination-port-ranges 80 8080"
)


def shares(answers: list[Answer]) -> Counter[str]:
    return Counter(a.server for a in answers)


def balanced(lab: Lab, source: str, destination: str, port: int, servers: tuple[str, ...]) -> list[Answer]:
    """The answers to 60 connections once every one of *servers*, and nobody else, takes a fair share."""

    def answers() -> list[Answer]:
        return ask(lab, source, destination, port, count=60, patience_s=2)

    return until(answers, lambda a: set(shares(a)) == set(servers) and len(a) == 60 and min(shares(a).values()) >= 5)


def machines(az: Az, group: str) -> None:
    """A network with three machines in three zones behind a security group that lets web traffic in."""
    az(
        "network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16 --subnet-name web "
        "--subnet-prefixes 10.0.0.0/24",
        group=group,
    )
    az("network nsg create -g {group} -n nsg", group=group)
    az(ALLOW, group=group)
    for zone, name in enumerate(SERVERS, 1):
        az(
            f"{MACHINE} --zone {zone} --vnet-name net --subnet web --nsg nsg --public-ip-address ''",
            group=group,
            name=name,
        )


def joined(az: Az, group: str, pool: str = "pool") -> None:
    for name in SERVERS:
        az(
            "network nic ip-config address-pool add -g {group} --nic-name {name}VMNic --ip-config-name ipconfig{name} "
            "--lb-name lb --address-pool {pool}",
            group=group,
            name=name,
            pool=pool,
        )


@covers(KIND, "create", "show", "delete", client="az")
def test_az_balances_internet_traffic_over_machines_in_zones(lab: Lab, az: Az, group: str) -> None:
    machines(az, group)
    az("network public-ip create -g {group} -n front --sku Standard --zone 1 2 3", group=group)
    az(
        "network lb create -g {group} -n lb --sku Standard --public-ip-address front --frontend-ip-name web "
        "--backend-pool-name pool",
        group=group,
    )
    az(
        "network lb probe create -g {group} --lb-name lb -n alive --protocol http --port 80 --path / --interval 5 "
        "--probe-threshold 1",
        group=group,
    )
    az(
        "network lb rule create -g {group} --lb-name lb -n web --protocol tcp --frontend-port 80 --backend-port 8080 "
        "--frontend-ip-name web --backend-pool-name pool --probe-name alive --disable-outbound-snat true",
        group=group,
    )
    joined(az, group)
    az(VISITOR, group=group, name="visitor")
    address = az("network public-ip show -g {group} -n front", group=group)["ipAddress"]
    assert ask(lab, "visitor", address, 80, patience_s=2) == [], "no flow before the first good probe"
    with serving(lab, SERVERS, 8080), serving(lab, SERVERS[1:], 80, kind="http"):
        with serving(lab, SERVERS[:1], 80, kind="http"):
            found = balanced(lab, "visitor", address, 80, SERVERS)
            assert {a.port for a in found} == {8080}
            visitor = next(g for g in lab.client.get("/lazulite/guests")["value"] if g["name"] == "visitor")
            assert {a.client for a in found} == set(visitor["addresses"]), "the servers see who asks"
        balanced(lab, "visitor", address, 80, SERVERS[1:])
    shown = az("network lb show -g {group} -n lb", group=group)
    assert len(shown["backendAddressPools"][0]["backendIPConfigurations"]) == 3
    az("network lb delete -g {group} -n lb", group=group)
    assert ask(lab, "visitor", address, 80, patience_s=2) == []


@covers(KIND, "create", client="az")
def test_az_balances_inside_a_network_and_forwards_single_ports(lab: Lab, az: Az, group: str) -> None:
    machines(az, group)
    az(
        "network lb create -g {group} -n lb --sku Standard --vnet-name net --subnet web --frontend-ip-name inner "
        "--private-ip-address 10.0.0.100 --backend-pool-name pool",
        group=group,
    )
    az(
        "network lb rule create -g {group} --lb-name lb -n web --protocol tcp --frontend-port 80 --backend-port 80 "
        "--frontend-ip-name inner --backend-pool-name pool --load-distribution SourceIP",
        group=group,
    )
    az(
        "network lb inbound-nat-rule create -g {group} --lb-name lb -n ssh --protocol tcp --frontend-port 2222 "
        "--backend-port 8080 --frontend-ip-name inner",
        group=group,
    )
    joined(az, group)
    az(
        "network nic ip-config inbound-nat-rule add -g {group} --nic-name twoVMNic --ip-config-name ipconfigtwo "
        "--lb-name lb --inbound-nat-rule ssh",
        group=group,
    )
    az(f"{MACHINE} --vnet-name net --subnet web --public-ip-address ''", group=group, name="inside")
    with serving(lab, SERVERS, 80, 8080):
        found = ask(lab, "inside", "10.0.0.100", 80, count=20)
        assert len(found) == 20
        assert len(shares(found)) == 1, "one source, one server"
        assert shares(ask(lab, "inside", "10.0.0.100", 2222, count=5)) == {"two": 5}
        assert {a.port for a in ask(lab, "inside", "10.0.0.100", 2222)} == {8080}
    trace = lab.trace("inside", "10.0.0.100", 80)
    assert trace["passes"]


def balancer(sdk: Sdk, group: str, address: models.PublicIPAddress, **more: object) -> models.LoadBalancer:
    """A public balancer: port 80 to pool members that a TCP probe finds well; outbound flows by a rule of their own."""
    path = f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers/{KIND}/lb"

    def ref(kind: str, name: str) -> models.SubResource:
        return models.SubResource(id=f"{path}/{kind}/{name}")

    front, pool = ref("frontendIPConfigurations", "front"), ref("backendAddressPools", "pool")
    described = models.LoadBalancer(
        location=LOCATION,
        sku=models.LoadBalancerSku(name="Standard"),
        frontend_ip_configurations=[
            models.FrontendIPConfiguration(name="front", public_ip_address=models.PublicIPAddress(id=address.id))
        ],
        backend_address_pools=[models.BackendAddressPool(name="pool")],
        probes=[models.Probe(name="alive", protocol="Tcp", port=80, interval_in_seconds=5, number_of_probes=1)],
        load_balancing_rules=[
            models.LoadBalancingRule(
                name="web",
                frontend_ip_configuration=front,
                backend_address_pool=pool,
                probe=ref("probes", "alive"),
                protocol="Tcp",
                frontend_port=80,
                backend_port=80,
                disable_outbound_snat=True,
            )
        ],
        **more,
    )
    return sdk.network.load_balancers.begin_create_or_update(group, "lb", described).result()


@covers(KIND, "create", "show", client="sdk")
def test_the_sdk_balances_and_lets_members_out_by_a_rule(lab: Lab, sdk: Sdk, group: str) -> None:
    subnets = sdk.virtual_network(group, "net", "10.0.0.0/16", web="10.0.0.0/24")
    nsg = sdk.security_group(group, "nsg", 80)
    front, out = sdk.public_address(group, "front"), sdk.public_address(group, "out")
    path = f"/subscriptions/{sdk.subscription}/resourceGroups/{group}/providers/{KIND}/lb"
    balancer(sdk, group, front)
    for name in SERVERS:
        sdk.machine(group, name, subnets["web"], nsg=nsg, pools=[f"{path}/backendAddressPools/pool"])
    sdk.visitor(group, "visitor")
    with serving(lab, SERVERS, 80):
        balanced(lab, "visitor", front.ip_address, 80, SERVERS)
        with serving(lab, ["visitor"], 443):
            assert ask(lab, "one", "visitor", 443, patience_s=2) == [], "a member has no way out without a rule for it"
            both = [
                models.FrontendIPConfiguration(name="front", public_ip_address=models.PublicIPAddress(id=front.id)),
                models.FrontendIPConfiguration(name="out", public_ip_address=models.PublicIPAddress(id=out.id)),
            ]
            lb = sdk.network.load_balancers.get(group, "lb")
            lb.frontend_ip_configurations = both
            lb.outbound_rules = [
                models.OutboundRule(
                    name="all",
                    frontend_ip_configurations=[models.SubResource(id=f"{path}/frontendIPConfigurations/out")],
                    backend_address_pool=models.SubResource(id=f"{path}/backendAddressPools/pool"),
                    protocol="All",
                    allocated_outbound_ports=1024,
                )
            ]
            lb = sdk.network.load_balancers.begin_create_or_update(group, "lb", lb).result()
            ports = {}
            for name in SERVERS:
                answers = ask(lab, name, "visitor", 443, count=30)
                assert {a.client for a in answers} == {out.ip_address}
                ports[name] = {(a.client_port - 1024) // 1024 for a in answers}
            assert all(len(blocks) == 1 for blocks in ports.values()), "each member has its block of ports"
            assert len(set().union(*ports.values())) == 3
    health = sdk.network.load_balancers.get(group, "lb").outbound_rules[0]
    assert health.allocated_outbound_ports == 1024
