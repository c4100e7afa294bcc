"""Scenario 22: machines without public addresses reach the Internet through a static one."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.network import models

from lazulite.testing import Lab
from tests.clients.az import MACHINE, VISITOR, Az
from tests.clients.proof import prove
from tests.clients.sdk import LOCATION, Sdk
from tests.clients.serving import ask, serving
from tests.waiting import until

covers = pytest.mark.covers
KIND = "Microsoft.Network/natGateways"
EXPECTED = {
    "one > visitor tcp/443": True,
    "one > visitor udp/53": True,
    "one > visitor icmp": False,
    "one > two tcp/22": True,
}
"""TCP and UDP leave; ICMP is not translated; inside nothing changes."""


def seen(lab: Lab, source: str) -> set[str]:
    """The addresses that *source* has for a server on the Internet."""
    with serving(lab, ["visitor"], 443):
        return {a.client for a in ask(lab, source, "visitor", 443, count=20)}


@covers(KIND, "create", "show", "update", "list", "delete", client="az")
def test_az_gives_a_subnet_a_static_way_out(lab: Lab, az: Az, group: str) -> None:
    made = az("network public-ip create -g {group} -n out --sku Standard --allocation-method Static", group=group)
    az("network nat gateway create -g {group} -n gw --public-ip-addresses out --idle-timeout 10", group=group)
    az(
        "network vnet create -g {group} -n net --address-prefixes 10.0.0.0/16 --subnet-name web "
        "--subnet-prefixes 10.0.0.0/24",
        group=group,
    )
    az("network vnet subnet update -g {group} --vnet-name net -n web --nat-gateway gw", group=group)
    for name in ("one", "two"):
        az(f"{MACHINE} --vnet-name net --subnet web --public-ip-address ''", group=group, name=name)
    az(VISITOR, group=group, name="visitor")
    prove(lab, EXPECTED)
    address = made["publicIp"]["ipAddress"]
    assert seen(lab, "one") == seen(lab, "two") == {address}
    shown = az("network nat gateway show -g {group} -n gw", group=group)
    assert shown["idleTimeoutInMinutes"] == 10
    assert [s["id"].rsplit("/", 1)[1] for s in shown["subnets"]] == ["web"]
    assert [g["name"] for g in az("network nat gateway list -g {group}", group=group)] == ["gw"]
    assert (
        az("network nat gateway update -g {group} -n gw --idle-timeout 20", group=group)["idleTimeoutInMinutes"] == 20
    )
    az("network vnet subnet update -g {group} --vnet-name net -n web --remove natGateway", group=group)
    az("network nat gateway delete -g {group} -n gw", group=group)
    assert address not in seen(lab, "one")


@covers(KIND, "create", "show", client="sdk")
@covers("Microsoft.Network/publicIPPrefixes", "create", client="sdk")
def test_the_sdk_gives_a_subnet_a_whole_prefix(lab: Lab, sdk: Sdk, group: str) -> None:
    prefix = sdk.network.public_ip_prefixes.begin_create_or_update(
        group,
        "out",
        models.PublicIPPrefix(location=LOCATION, sku=models.PublicIPPrefixSku(name="Standard"), prefix_length=30),
    ).result()
    gateway = sdk.network.nat_gateways.begin_create_or_update(
        group,
        "gw",
        models.NatGateway(
            location=LOCATION,
            sku=models.NatGatewaySku(name="Standard"),
            public_ip_prefixes=[models.SubResource(id=prefix.id)],
        ),
    ).result()
    subnet = models.Subnet(name="web", address_prefix="10.0.0.0/24", nat_gateway=models.SubResource(id=gateway.id))
    network = sdk.network.virtual_networks.begin_create_or_update(
        group,
        "net",
        models.VirtualNetwork(
            location=LOCATION, address_space=models.AddressSpace(address_prefixes=["10.0.0.0/16"]), subnets=[subnet]
        ),
    ).result()
    for name in ("one", "two"):
        sdk.machine(group, name, network.subnets[0].id)
    sdk.visitor(group, "visitor")
    prove(lab, EXPECTED)

    def asked() -> tuple[set[str], Any]:
        """Who was seen, and the ports that are in use: where that took long, those of the first are free again."""
        return seen(lab, "one") | seen(lab, "two"), lab.client.get("/lazulite/ports")

    found, used = until(asked, lambda told: {r["privateAddress"] for r in told[1]["value"]} == {"10.0.0.4", "10.0.0.5"})
    assert {row["publicAddress"] for row in used["value"] if row["protocol"] == "tcp"} >= found
    assert [(s["origin"].rsplit("/", 1)[1], s["exhausted"]) for s in used["sources"]] == [("gw", 0)]
    assert used["sources"][0]["tried"] >= 40
    assert len(found) > 1, "flows spread over the addresses of the prefix"
    assert {address.rsplit(".", 1)[0] for address in found} == {prefix.ip_prefix.rsplit(".", 1)[0]}
    assert [s.id for s in sdk.network.nat_gateways.get(group, "gw").subnets] == [network.subnets[0].id]
