"""A template that makes a vault, its certificate, who may read it and the gateway that does: tried first, then done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from tests.arm.client import GROUP, Client
from tests.arm.garden import TENANT
from tests.arm.product import HERE, deploy, product, what_if
from tests.build import GROUP as ELSEWHERE
from tests.services.gateways import CERTIFICATES, LISTENERS, PORTS, body, child, listener, opened, part, pfx, port

NETWORK, VAULT = "Microsoft.Network", "Microsoft.KeyVault/vaults"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
ID, USER = f"{GROUP}/providers/{IDENTITY}/gw-id", "4633458b-17de-408a-b874-0445c86b69e6"
PRINCIPAL = f"[reference('{ID}', '2023-01-31').principalId]"


@pytest.fixture
def arm() -> Iterator[Client]:
    """As the daemon has it: services ask the directory that there is."""
    with product() as one:
        one.backend.lab = replace(one.backend.lab, directory=one.api.router.access)
        yield one


def resource(kind: str, name: str, properties: Any, *after: str, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "apiVersion": "2024-05-01",
        "name": name,
        "properties": properties,
        "dependsOn": [*after],
    } | more


def template(*, roles: bool) -> dict[str, Any]:
    url = "https://shopvault.vault.azure.net/secrets/shop"
    here = listener("tls", 443, protocol="Https", sslCertificate=part(CERTIFICATES, "cert"))
    parts = {
        PORTS: [port(), port(443)],
        LISTENERS: [listener(), here],
        CERTIFICATES: [child("cert", keyVaultSecretId=url)],
    }
    said = json.loads(json.dumps(body(**parts)).replace(ELSEWHERE, GROUP))
    vault = {"tenantId": TENANT, "sku": {"name": "standard"}, "enableRbacAuthorization": roles}
    policy = {"tenantId": TENANT, "objectId": PRINCIPAL, "permissions": {"secrets": ["get"]}}
    role = f"/subscriptions/{GROUP.split('/')[2]}/providers/Microsoft.Authorization/roleDefinitions/{USER}"
    given = {"roleDefinitionId": role, "principalId": PRINCIPAL, "principalType": "ServicePrincipal"}
    spaces = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    subnets = [child("gw", addressPrefix="10.0.0.0/24")]
    identity = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {ID: {}}}}
    assigned = resource(
        "Microsoft.Authorization/roleAssignments",
        "33333333-3333-3333-3333-333333333333",
        given,
        "shopvault",
        scope=f"{VAULT}/shopvault",
    )
    rows = [
        {k: v for k, v in resource(IDENTITY, "gw-id", {}, **HERE).items() if k != "properties"},
        resource(VAULT, "shopvault", vault | ({} if roles else {"accessPolicies": [policy]}), "gw-id", **HERE),
        resource(f"{VAULT}/secrets", "shopvault/shop", {"value": "".join(opened(pfx("a.test")))}, "shopvault"),
        resource(f"{NETWORK}/virtualNetworks", "v", spaces | {"subnets": subnets}, **HERE),
        resource(
            f"{NETWORK}/publicIPAddresses",
            "p",
            {"publicIPAllocationMethod": "Static"},
            sku={"name": "Standard"},
            **HERE,
        ),
        *([assigned] if roles else []),
        resource(
            f"{NETWORK}/applicationGateways", "gw", said, *AFTER, *([ASSIGNED] if roles else []), **identity, **HERE
        ),
    ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", "resources": rows}


ASSIGNED = "33333333-3333-3333-3333-333333333333"
AFTER = (
    f"[resourceId('{VAULT}/secrets', 'shopvault', 'shop')]",
    f"[resourceId('{NETWORK}/virtualNetworks', 'v')]",
    "p",
)


@pytest.mark.parametrize("roles", [False, True], ids=["by access policy", "by role"])
def test_a_gateway_reads_what_its_own_template_lets_it_read(arm: Client, roles: bool) -> None:
    asked = {"properties": {"mode": "Incremental", "template": template(roles=roles)}}
    before = what_if(arm, asked)
    assert {c["changeType"] for c in before["changes"]} == {"Create"}
    done = deploy(arm, asked)
    assert done["provisioningState"] == "Succeeded", done["error"]
    shown = arm.get(f"{GROUP}/providers/{NETWORK}/applicationGateways/gw").body["properties"][CERTIFICATES][0]
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["publicCertData"]


def test_without_the_right_nothing_of_it_is_made(arm: Client) -> None:
    """Tried first: the refusal comes before the network is there."""
    without = template(roles=True)
    without["resources"] = [r for r in without["resources"] if "Authorization" not in r["type"]]
    without["resources"][-1]["dependsOn"].remove(ASSIGNED)
    asked = {"properties": {"mode": "Incremental", "template": without}}
    done = deploy(arm, asked)
    assert done["provisioningState"] == "Failed"
    assert "UserAssignedIdentityDoesNotHaveGetPermissionOnKeyVault" in json.dumps(done["error"])
