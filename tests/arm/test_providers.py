"""Providers: registration that counts, features, and the names of what can be done."""

from __future__ import annotations

import pytest

from lazulite.services import SERVICES
from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client, client
from tests.arm.test_every_type import Everything

HERE = {"location": "local"}
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
PROVIDERS = f"{WHOLE}/providers"
WELL = f"{GARDEN}/wells/w"
FEATURES = f"{PROVIDERS}/Microsoft.Features"


def test_a_type_whose_provider_is_not_registered_is_refused_until_it_is(garden: Client) -> None:
    garden.made(WELL, HERE)
    assert garden.post(f"{PROVIDERS}/contoso.garden/unregister").body["registrationState"] == "Unregistered"
    assert garden.put(f"{GARDEN}/wells/new", HERE).outcome == (409, "MissingSubscriptionRegistration")
    assert garden.get(WELL).status == 200
    assert garden.put(f"{GROUP}2", HERE).status == 201
    garden.post(f"{PROVIDERS}/Contoso.Garden/register")
    assert garden.put(f"{GARDEN}/wells/new", HERE).status == 201


def test_operations_name_every_type_and_verb(garden: Client) -> None:
    found = garden.get("/providers/contoso.garden/operations").body["value"]
    names = {o["name"] for o in found}
    assert {
        "Contoso.Garden/register/action",
        "Contoso.Garden/beds/read",
        "Contoso.Garden/beds/plants/write",
        "Contoso.Garden/beds/tools/delete",
        "Contoso.Garden/wells/listkeys/action",
        "Contoso.Garden/locations/usages/read",
    } <= names
    assert len(names) == len(found)
    assert next(o for o in found if o["name"] == "Contoso.Garden/wells/write")["display"] == {
        "provider": "Contoso.Garden",
        "resource": "wells",
        "operation": "Create or Update wells",
        "description": "Create or Update wells of Contoso.Garden",
    }
    assert garden.get("/providers/Contoso.Kitchen/operations").outcome == (400, "InvalidResourceNamespace")
    assert garden.post("/providers/Contoso.Garden/operations").outcome == (405, "MethodNotAllowed")


def test_az_reads_them_from_the_metadata_of_authorization(garden: Client) -> None:
    url = "/providers/Microsoft.Authorization/providerOperations"
    every = garden.get(f"{url}?$expand=resourceTypes").body["value"]
    one = garden.get(f"{url}/contoso.garden?$expand=resourceTypes").body
    assert one in every
    assert (one["id"], one["name"]) == (f"{url}/Contoso.Garden", "Contoso.Garden")
    wells = next(t for t in one["resourceTypes"] if t["name"] == "wells")
    assert "Contoso.Garden/wells/write" in {o["name"] for o in wells["operations"]}
    assert {o["name"] for o in one["operations"]} == {
        "Contoso.Garden/register/action",
        "Contoso.Garden/unregister/action",
    }
    assert garden.get(f"{url}/Contoso.Kitchen").outcome == (400, "InvalidResourceNamespace")
    assert garden.get(f"{url}/Contoso.Garden/more").outcome == (404, "NotFound")


def test_every_service_of_the_product_names_its_operations() -> None:
    with client(backend_type=Everything) as arm:
        for namespace in sorted({k.name.partition("/")[0] for s in SERVICES for k in s.kinds}):
            names = [o["name"] for o in arm.get(f"/providers/{namespace}/operations").body["value"]]
            assert len(names) == len(set(names)) > 3
            assert all(n.startswith(f"{namespace}/") and "{" not in n and "//" not in n for n in names)


def test_features_are_registered_and_remembered(arm: Client) -> None:
    url = f"{FEATURES}/providers/Microsoft.Network/features/AllowVnetTap"
    assert arm.get(url).body["properties"] == {"state": "NotRegistered"}
    assert arm.get(f"{FEATURES}/features").body["value"] == []
    made = arm.post(f"{url}/register").body
    assert made == {
        "id": url,
        "name": "Microsoft.Network/AllowVnetTap",
        "type": "Microsoft.Features/providers/features",
        "properties": {"state": "Registered"},
    }
    assert arm.get(f"{FEATURES}/features").body["value"] == [made]
    assert arm.get(f"{FEATURES}/providers/microsoft.network/features").body["value"] == [made]
    assert arm.get(f"{FEATURES}/providers/Microsoft.Compute/features").body["value"] == []
    assert arm.post(f"{url}/unregister").body["properties"] == {"state": "Unregistered"}


REFUSED = [
    ("GET", "", 404),
    ("GET", "/features/x", 404),
    ("GET", "/providers/Microsoft.Network", 404),
    ("PUT", "/providers/Microsoft.Network/features/F", 405),
    ("GET", "/providers/Microsoft.Network/features/F/register", 405),
    ("POST", "/providers/Microsoft.Network/features/F/delete", 404),
    ("POST", "/providers/Microsoft.Network/features/a<b/register", 400),
    ("POST", "/features", 405),
]


@pytest.mark.parametrize(("method", "path", "status"), REFUSED)
def test_what_is_no_feature_is_refused(arm: Client, method: str, path: str, status: int) -> None:
    assert arm.call(method, f"{FEATURES}{path}").status == status


def test_usages_are_those_of_the_subscription_that_is_asked() -> None:
    with client(backend_type=Everything) as arm:
        arm.put(GROUP, HERE)
        arm.made(f"{GROUP}/providers/Microsoft.Network/routeTables/r", {"location": "westeurope", "properties": {}})
        url = f"{PROVIDERS}/Microsoft.Network/locations/westeurope/usages"
        rows = {u["name"]["value"]: u for u in arm.get(url).body["value"]}
        assert (rows["RouteTables"]["currentValue"], rows["RouteTables"]["limit"]) == (1, 200)
        assert rows["RouteTables"]["id"] == f"{url}/RouteTables"
        assert rows["VirtualNetworks"]["currentValue"] == 0
