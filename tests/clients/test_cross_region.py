"""One address for two regions: each client is served by the nearest one, and by the other when that is down."""

from __future__ import annotations

import pytest

from lazulite.testing import Lab
from tests.clients.az import MACHINE, Az, AzError
from tests.clients.sdk import Sdk
from tests.clients.serving import ask, serving
from tests.waiting import until

covers = pytest.mark.covers
KIND = "Microsoft.Network/loadBalancers"
POOL = f"{KIND}/backendAddressPools"
REGIONS = {"europe": "westeurope", "america": "eastus"}
CLIENTS = {"dutch": "NL", "canadian": "CA"}


def region(az: Az, group: str, name: str) -> str:
    """A machine of that name behind a public load balancer in a region; the id of its frontend."""
    at = {"group": group, "name": name, "at": REGIONS[name]}
    for command in (
        "network vnet create -g {group} -n {name}-net -l {at} --address-prefixes 10.0.0.0/16 --subnet-name web "
        "--subnet-prefixes 10.0.0.0/24",
        "network nsg create -g {group} -n {name}-nsg -l {at}",
        "network nsg rule create -g {group} --nsg-name {name}-nsg -n web --priority 1000 --access Allow --protocol Tcp "
        "--destination-port-ranges 80 8080",
        f"{MACHINE} -l {{at}} --vnet-name {{name}}-net --subnet web --nsg {{name}}-nsg --public-ip-address ''",
        "network public-ip create -g {group} -n {name}-front -l {at} --sku Standard",
        "network lb create -g {group} -n {name}-lb -l {at} --sku Standard --public-ip-address {name}-front "
        "--frontend-ip-name web --backend-pool-name pool",
        "network lb probe create -g {group} --lb-name {name}-lb -n alive --protocol tcp --port 8080 --interval 5",
        "network lb rule create -g {group} --lb-name {name}-lb -n web --protocol tcp --frontend-port 80 "
        "--backend-port 8080 --frontend-ip-name web --backend-pool-name pool --probe-name alive",
        "network nic ip-config address-pool add -g {group} --nic-name {name}VMNic --ip-config-name ipconfig{name} "
        "--lb-name {name}-lb --address-pool pool",
    ):
        az(command, **at)
    found = az("network lb frontend-ip show -g {group} --lb-name {name}-lb -n web", **at)
    return str(found["id"])


@covers(KIND, "create", "show", "delete", client="az")
@covers(POOL, "create", "show", client="az")
def test_az_gives_one_address_to_two_regions(lab: Lab, az: Az, sdk: Sdk, group: str) -> None:
    frontends = {name: region(az, group, name) for name in REGIONS}
    az("network cross-region-lb create -g {group} -n all --frontend-ip-name web --backend-pool-name pool", group=group)
    for name, frontend in frontends.items():
        az(
            "network cross-region-lb address-pool address add -g {group} --lb-name all --pool-name pool -n {name} "
            "--frontend-ip-address {frontend}",
            group=group,
            name=name,
            frontend=frontend,
        )
    az(
        "network cross-region-lb rule create -g {group} --lb-name all -n web --protocol tcp --frontend-port 80 "
        "--backend-port 80 --frontend-ip-name web --backend-pool-name pool",
        group=group,
    )
    shown = sdk.network.load_balancers.get(group, "all")
    assert (shown.sku.name, shown.sku.tier) == ("Standard", "Global")
    held = shown.backend_address_pools[0].load_balancer_backend_addresses
    assert [a.load_balancer_frontend_ip_configuration.id for a in held] == list(frontends.values())
    (address,) = (a for a in sdk.network.public_ip_addresses.list(group) if a.sku.tier == "Global")
    for name, country in CLIENTS.items():
        az(
            "resource create -g {group} -n {name} --resource-type Lazulite.Lab/clients --api-version 2025-01-01 "
            """--properties '{{"country": "{country}"}}'""",
            group=group,
            name=name,
            country=country,
        )

    def servers(client: str) -> set[str]:
        return {a.server for a in ask(lab, client, address.ip_address, 80, count=5, patience_s=2)}

    with serving(lab, ["america"], 8080):
        with serving(lab, ["europe"], 8080):
            until(lambda: servers("dutch"), lambda found: found == {"europe"})
            until(lambda: servers("canadian"), lambda found: found == {"america"})
        until(lambda: servers("dutch"), lambda found: found == {"america"})
    az("network cross-region-lb delete -g {group} -n all", group=group)
    assert ask(lab, "dutch", address.ip_address, 80, patience_s=2) == []


@covers(KIND, "create", client="az")
def test_az_is_told_what_a_global_one_cannot_have(az: Az, group: str) -> None:
    az("network cross-region-lb create -g {group} -n all --frontend-ip-name web --backend-pool-name pool", group=group)
    for command, code in (
        ("lb probe create -g {group} --lb-name all -n x --protocol tcp --port 80", "PropertyNotAllowedForGlobalTier"),
        (
            "cross-region-lb rule create -g {group} --lb-name all -n r --protocol All --frontend-port 0 "
            "--backend-port 0",
            "PropertyNotAllowedForGlobalTier",
        ),
    ):
        with pytest.raises(AzError, match=code):
            az(f"network {command}", group=group)
