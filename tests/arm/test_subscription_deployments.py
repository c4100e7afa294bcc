"""Deployments to a subscription: groups as resources, deployments into them, and what has no place there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm.client import GROUP, Client
from tests.arm.deployments.lab import resource, template
from tests.arm.garden import SUBSCRIPTION
from tests.arm.product import DEPLOYMENTS, deploy, product, what_if

SCOPE = f"/subscriptions/{SUBSCRIPTION}"
GROUPS = "Microsoft.Resources/resourceGroups"
TABLE = template(resource("routeTables", "rt", location="[resourceGroup().location]", properties={}))


def inside(name: str, inner: Any = TABLE, **members: Any) -> dict[str, Any]:
    options = {"expressionEvaluationOptions": {"scope": "inner"}}
    properties = {"mode": "Incremental", "template": inner, **options, **members.pop("properties", {})}
    return resource("Microsoft.Resources/deployments", name, properties=properties, **members)


def group(name: str, **members: Any) -> dict[str, Any]:
    return resource(GROUPS, name, location="westeurope", **members)


NEW = template(
    group("[parameters('name')]", tags={"made": "[deployment().location]"}),
    inside(
        "in",
        resourceGroup="[parameters('name')]",
        dependsOn=["[resourceId('Microsoft.Resources/resourceGroups/', parameters('name'))]"],
    ),
    parameters={"name": {"type": "string"}},
    outputs={
        "group": {"type": "string", "value": f"[subscriptionResourceId('{GROUPS}', parameters('name'))]"},
        "tag": {
            "type": "string",
            "value": f"[reference(subscriptionResourceId('{GROUPS}', 'shop'), '2022-09-01', 'Full').tags.made]",
        },
    },
)


def body(
    document: Any, location: str | None = "northeurope", mode: str = "Incremental", **given: Any
) -> dict[str, Any]:
    parameters = {n: {"value": v} for n, v in given.items()}
    at = {} if location is None else {"location": location}
    return at | {"properties": {"mode": mode, "template": document, "parameters": parameters}}


def test_a_group_and_what_is_in_it() -> None:
    with product() as one:
        foreseen = what_if(one, body(NEW, name="shop"), SCOPE)
        assert [c["changeType"] for c in foreseen["changes"]] == ["Create", "Create"]
        assert one.get(f"{SCOPE}/resourceGroups/shop").status == 404
        done = deploy(one, body(NEW, name="shop"), SCOPE)
        assert done["provisioningState"] == "Succeeded", done["error"]
        assert one.get(f"{SCOPE}/resourceGroups/shop").body["tags"] == {"made": "northeurope"}
        table = one.get(f"{SCOPE}/resourceGroups/shop/providers/Microsoft.Network/routeTables/rt")
        assert table.body["location"] == "westeurope"
        assert done["outputs"]["tag"]["value"] == "northeurope"
        assert one.get(f"{SCOPE}/resourceGroups/shop/{DEPLOYMENTS}/in").body["properties"]["mode"] == "Incremental"
        shown = one.get(f"{SCOPE}/{DEPLOYMENTS}/d").body
        assert (shown["location"], shown["id"]) == ("northeurope", f"{SCOPE}/{DEPLOYMENTS}/d")
        assert {d["resourceName"] for d in done["dependencies"]} == {"in"}
        assert {d["resourceName"] for d in done["dependencies"][0]["dependsOn"]} == {"shop"}
        again = what_if(one, body(NEW, name="shop"), SCOPE)
        assert [c["changeType"] for c in again["changes"]] == ["NoChange", "NoChange"]


def test_validation_takes_groups_that_are_yet_to_be_made() -> None:
    with product() as one:
        answer = one.post(f"{SCOPE}/{DEPLOYMENTS}/d/validate", body(NEW, name="shop"))
    assert answer.status == 200, answer.content
    names = [r["id"].rsplit("/", 1)[1] for r in answer.body["properties"]["validatedResources"]]
    assert names == ["shop", "in", "rt"]


def test_histories_of_scopes_are_apart() -> None:
    with product() as one:
        deploy(one, body(template()), SCOPE, "above")
        deploy(one, body(template(), None), GROUP, "below")
        listed = [one.get(f"{scope}/{DEPLOYMENTS}").body["value"] for scope in (SCOPE, GROUP)]
    assert [[d["name"] for d in found] for found in listed] == [["above"], ["below"]]


def test_a_deployment_inside_another_subscription_scope() -> None:
    document = template(inside("deep", template(group("made")), location="westeurope", subscriptionId=SUBSCRIPTION))
    with product() as one:
        done = deploy(one, body(document, None), GROUP)
        assert done["provisioningState"] == "Succeeded", done["error"]
        assert one.get(f"{SCOPE}/resourceGroups/made").status == 200
        assert one.get(f"{SCOPE}/{DEPLOYMENTS}/deep").body["location"] == "westeurope"


def test_a_lock_lives_at_a_subscription() -> None:
    lock = resource("Microsoft.Authorization/locks", "keep", properties={"level": "CanNotDelete"})
    with product() as one:
        done = deploy(one, body(template(lock)), SCOPE)
        assert done["provisioningState"] == "Succeeded", done["error"]
        assert one.get(f"{SCOPE}/providers/Microsoft.Authorization/locks/keep").status == 200


def outcome(one: Client, sent: Any, scope: str = SCOPE) -> tuple[int, str, list[str]]:
    answer = one.put(f"{scope}/{DEPLOYMENTS}/d", sent)
    return (*answer.outcome, [d["code"] for d in answer.error["details"]])


REFUSED = [
    pytest.param(body(template(), None), (400, "LocationRequired", []), id="no location"),
    pytest.param(body(template(), "mars"), (400, "LocationNotAvailableForDeployment", []), id="a region nobody knows"),
    pytest.param(body(template(), mode="Complete"), (400, "InvalidRequestContent", []), id="complete mode"),
    pytest.param(
        body(template(resource("routeTables", "rt", location="westeurope"))),
        (400, "InvalidTemplateDeployment", ["ResourceGroupNotSpecified"]),
        id="a resource that needs a group",
    ),
    pytest.param(
        body(template(resource("routeTables", "[resourceGroup().name]"))),
        (400, "InvalidTemplate", []),
        id="the group of a subscription",
    ),
    pytest.param(
        body(template(inside("x", resourceGroup="no"))),
        (404, "ResourceGroupNotFound", []),
        id="a group that is not there",
    ),
    pytest.param(
        body(template(inside("x"))), (400, "LocationRequired", []), id="a nested deployment without a location"
    ),
    pytest.param(
        body(template(resource("Microsoft.Management/managementGroups", "m", scope="/"))),
        (400, "InvalidTemplate", []),
        id="the tenant's scope",
    ),
]


@pytest.mark.parametrize(("sent", "expected"), REFUSED)
def test_what_is_refused(sent: Any, expected: tuple[int, str, list[str]]) -> None:
    with product() as one:
        assert outcome(one, sent) == expected


def test_a_location_stays_as_long_as_its_name() -> None:
    with product() as one:
        deploy(one, body(template()), SCOPE)
        assert outcome(one, body(template(), "westus")) == (409, "InvalidDeploymentLocation", [])
        assert deploy(one, body(template(), "North Europe"), SCOPE)["provisioningState"] == "Succeeded"
        one.delete(f"{SCOPE}/{DEPLOYMENTS}/d")
        assert deploy(one, body(template(), "westus"), SCOPE)["provisioningState"] == "Succeeded"


def test_a_group_has_no_location_to_give_and_makes_no_groups() -> None:
    with product() as one:
        assert outcome(one, body(template()), GROUP) == (400, "InvalidDeployment", [])
        assert outcome(one, body(template(group("g2")), None), GROUP) == (400, "InvalidTemplate", [])


ABOVE = [
    pytest.param("/providers/Microsoft.Resources/deployments/d", id="the tenant"),
    pytest.param(
        "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Resources/deployments/d",
        id="a management group",
    ),
]


@pytest.mark.parametrize("path", ABOVE)
def test_scopes_above_subscriptions_are_named_as_missing(path: str) -> None:
    with product() as one:
        answer = one.put(path, body(template()))
    assert answer.outcome == (400, "InvalidDeploymentScope")
    assert "deploy to a subscription or to a resource group" in answer.error["message"]


ROLE = "Microsoft.Authorization/roleDefinitions"


def role(**properties: Any) -> dict[str, Any]:
    """A template that makes a role and shows it."""
    said = {"roleName": "Keeper", "type": "customRole", "permissions": [{"actions": ["*/read"], "notActions": []}]}
    name = "[guid(subscription().id, 'keeper')]"
    scopes = {"assignableScopes": ["[subscription().id]"]}
    shown = f"[reference(subscriptionResourceId('{ROLE}', {name[1:-1]}), '2022-04-01').roleName]"
    outputs = {"name": {"type": "string", "value": shown}}
    return template(resource(ROLE, name, properties=said | scopes | properties), outputs=outputs)


def test_a_template_makes_a_role_and_another_run_of_it_changes_nothing() -> None:
    with product() as one:
        for expected in ("Create", "NoChange"):
            assert [c["changeType"] for c in what_if(one, body(role()), SCOPE)["changes"]] == [expected]
            done = deploy(one, body(role()), SCOPE)
            assert done["outputs"] == {"name": {"type": "String", "value": "Keeper"}}
        found = one.get(f"{SCOPE}/providers/{ROLE}?$filter=type%20eq%20'CustomRole'").body["value"]
        assert [r["properties"]["permissions"][0]["actions"] for r in found] == [["*/read"]]


def test_a_role_without_a_scope_is_refused_before_anything_is_made() -> None:
    with product() as one:
        answer = one.put(f"{SCOPE}/{DEPLOYMENTS}/d", body(role(assignableScopes=[])))
        assert answer.status == 400
        assert [d["code"] for d in answer.error["details"]] == ["MissingAssignableScopes"]
