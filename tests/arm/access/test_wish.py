"""Which action and scope a method and a path stand for."""

from __future__ import annotations

import pytest

from lazulite.arm.access.wish import Wish, wish

S = "/subscriptions/s"
G = f"{S}/resourceGroups/g"
NET = f"{G}/providers/Microsoft.Network"
VNET = f"{NET}/virtualNetworks/v"
GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
CASES = [
    pytest.param("GET", VNET, "Microsoft.Network/virtualNetworks/read", VNET, id="GET reads"),
    pytest.param("HEAD", VNET, "Microsoft.Network/virtualNetworks/read", VNET, id="HEAD reads"),
    pytest.param("PUT", VNET, "Microsoft.Network/virtualNetworks/write", VNET, id="PUT writes"),
    pytest.param("PATCH", VNET, "Microsoft.Network/virtualNetworks/write", VNET, id="PATCH writes"),
    pytest.param("DELETE", VNET, "Microsoft.Network/virtualNetworks/delete", VNET, id="DELETE deletes"),
    pytest.param(
        "DELETE",
        f"{VNET}/subnets/a",
        "Microsoft.Network/virtualNetworks/subnets/delete",
        f"{VNET}/subnets/a",
        id="a child has a type of its own",
    ),
    pytest.param(
        "POST",
        f"{G}/providers/Microsoft.Compute/virtualMachines/m/start",
        "Microsoft.Compute/virtualMachines/start/action",
        f"{G}/providers/Microsoft.Compute/virtualMachines/m",
        id="POST is the verb's action on the resource",
    ),
    pytest.param(
        "GET",
        f"{VNET}/CheckIPAddressAvailability",
        "Microsoft.Network/virtualNetworks/CheckIPAddressAvailability/read",
        VNET,
        id="a verb that is asked with GET reads",
    ),
    pytest.param("GET", f"{NET}/virtualNetworks", "Microsoft.Network/virtualNetworks/read", G, id="a list of a group"),
    pytest.param(
        "GET",
        f"{S}/providers/Microsoft.Network/virtualNetworks",
        "Microsoft.Network/virtualNetworks/read",
        S,
        id="a list of a subscription",
    ),
    pytest.param(
        "GET", f"{VNET}/subnets", "Microsoft.Network/virtualNetworks/subnets/read", VNET, id="a list of children"
    ),
    pytest.param(
        "GET",
        f"{S}/providers/Microsoft.Network/locations/local/usages",
        "Microsoft.Network/locations/usages/read",
        S,
        id="what a location has is the subscription's",
    ),
    pytest.param(
        "POST",
        f"{S}/providers/Microsoft.Network/register",
        "Microsoft.Network/register/action",
        S,
        id="registering is an action of the namespace",
    ),
    pytest.param(
        "PUT",
        f"{VNET}/providers/Microsoft.Authorization/roleAssignments/x",
        "Microsoft.Authorization/roleAssignments/write",
        f"{VNET}/providers/Microsoft.Authorization/roleAssignments/x",
        id="an extension is named by its own provider",
    ),
    pytest.param(
        "GET",
        f"{VNET}/providers/Microsoft.Authorization/locks",
        "Microsoft.Authorization/locks/read",
        VNET,
        id="a list of extensions is asked of what they extend",
    ),
    pytest.param("PUT", G, f"{GROUPS}/write", G, id="a group"),
    pytest.param("POST", f"{G}/moveResources", f"{GROUPS}/moveResources/action", G, id="a verb of a group"),
    pytest.param(
        "PUT",
        f"{G}/providers/Microsoft.Resources/deployments/d",
        "Microsoft.Resources/deployments/write",
        f"{G}/providers/Microsoft.Resources/deployments/d",
        id="a deployment",
    ),
    pytest.param(
        "POST",
        f"{G}/providers/Microsoft.Resources/deployments/d/whatIf",
        "Microsoft.Resources/deployments/whatIf/action",
        f"{G}/providers/Microsoft.Resources/deployments/d",
        id="a what-if",
    ),
    pytest.param(
        "GET",
        f"{G}/deployments/d/operations",
        "Microsoft.Resources/deployments/operations/read",
        G,
        id="operations of a deployment, by the old path",
    ),
    pytest.param(
        "GET",
        f"{G}/providers/Microsoft.Resources/deployments/d/operations/1",
        "Microsoft.Resources/deployments/operations/read",
        f"{G}/providers/Microsoft.Resources/deployments/d/operations/1",
        id="one operation of a deployment is no poll",
    ),
    pytest.param(
        "GET",
        f"{S}/resourceGroups/providers/providers/Contoso.Garden/beds/b",
        "Contoso.Garden/beds/read",
        f"{S}/resourceGroups/providers/providers/Contoso.Garden/beds/b",
        id="a group may be called providers",
    ),
    pytest.param(
        "DELETE",
        f"{S}/resourceGroups/providers/deployments/d",
        "Microsoft.Resources/deployments/delete",
        f"{S}/resourceGroups/providers",
        id="and still has deployments",
    ),
    pytest.param(
        "GET",
        "/providers/Microsoft.Authorization/roleDefinitions",
        "Microsoft.Authorization/roleDefinitions/read",
        "/",
        id="the root of the tenant",
    ),
]


@pytest.mark.parametrize(("method", "path", "action", "scope"), CASES)
def test_a_request_wants(method: str, path: str, action: str, scope: str) -> None:
    found = wish(method, path.split("/")[1:])
    assert found == Wish(action, scope)


LISTINGS = [
    pytest.param(f"{S}/resourceGroups", S, id="groups"),
    pytest.param(f"{S}/resources", S, id="resources of a subscription"),
    pytest.param(f"{G}/resources", G, id="resources of a group"),
    pytest.param(S, S, id="a subscription"),
    pytest.param(f"{S}/locations", S, id="locations"),
    pytest.param(f"{S}/providers", S, id="providers"),
    pytest.param(f"{S}/providers/Microsoft.Network", S, id="a provider"),
]


@pytest.mark.parametrize(("path", "scope"), LISTINGS)
def test_what_any_role_around_may_ask(path: str, scope: str) -> None:
    found = wish("GET", path.split("/")[1:])
    assert found is not None
    assert (found.listing, found.scope) == (True, scope)
    written = wish("PUT", path.split("/")[1:])
    assert written is None or not written.listing


OPEN = [
    pytest.param("/subscriptions", id="the list of subscriptions leaves out what one may not see"),
    pytest.param("/tenants", id="tenants"),
    pytest.param("/providers", id="providers"),
    pytest.param("/providers/Microsoft.Network", id="a provider"),
    pytest.param(f"{S}/providers/Microsoft.Network/locations/local/operations/x", id="a poll"),
    pytest.param(f"{S}/providers/Microsoft.Network/locations/local/operationResults/x", id="a poll by Location"),
    pytest.param(f"{S}/operationresults/x", id="a poll of a group's deletion"),
    pytest.param(f"{G}/providers/Microsoft.Resources/deployments/d/operationStatuses/x", id="a poll of a deployment"),
]


@pytest.mark.parametrize("path", OPEN)
def test_what_everybody_may_ask(path: str) -> None:
    assert wish("GET", path.split("/")[1:]) is None


def test_nobody_writes_by_polling() -> None:
    path = f"{S}/providers/Microsoft.Network/locations/local/operations/x"
    assert wish("DELETE", path.split("/")[1:]) is not None


def test_the_documented_spelling_of_tap_configurations_will_do() -> None:
    path = f"{NET}/networkInterfaces/n/tapConfigurations/t"
    found = wish("PUT", path.split("/")[1:])
    assert found is not None
    assert found.action == "Microsoft.Network/networkInterfaces/tapConfigurations/write"
    assert found.instead == (("Microsoft.Network/tapConfigurations/write", path),)


def test_who_may_write_a_resource_may_write_its_tags() -> None:
    found = wish("PATCH", f"{VNET}/providers/Microsoft.Resources/tags/default".split("/")[1:])
    assert found is not None
    assert found.action == "Microsoft.Resources/tags/write"
    assert found.instead == (("Microsoft.Network/virtualNetworks/write", VNET),)
