"""``Microsoft.Authorization/roleDefinitions``: built-in roles, custom roles, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.access.built_in_roles import BUILT_IN
from tests.arm.access.people import AUTHORIZATION, assign, custom_role, guid, known, someone
from tests.arm.client import GROUP, Client
from tests.arm.garden import SUBSCRIPTION

S = f"/subscriptions/{SUBSCRIPTION}"
ROLES = f"{S}/{AUTHORIZATION}/roleDefinitions"
OWN = f"{ROLES}/{guid('own')}"


def role(name: str = "Own", *scopes: str, **permission: Any) -> dict[str, Any]:
    permissions = [permission or {"actions": ["Contoso.Garden/*"]}]
    return {"properties": {"roleName": name, "assignableScopes": list(scopes or [S]), "permissions": permissions}}


def names(arm: Client, expression: str = "", scope: str = S) -> list[str]:
    listed = arm.get(f"{scope}/{AUTHORIZATION}/roleDefinitions?$filter={expression}").body["value"]
    return [r["properties"]["roleName"] for r in listed]


def test_every_lab_has_the_built_in_roles(arm: Client) -> None:
    assert names(arm) == [r.role_name for r in BUILT_IN.values()]
    found = arm.get(f"{ROLES}/4d97b98b-1d4f-4787-a291-c67834d212e7").body
    assert (found["type"], found["properties"]["type"]) == ("Microsoft.Authorization/roleDefinitions", "BuiltInRole")
    assert found["id"].startswith(f"{S}/providers/")
    (permission,) = found["properties"]["permissions"]
    assert permission["actions"] == [
        "Microsoft.Authorization/*/read",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.Network/*",
        "Microsoft.ResourceHealth/availabilityStatuses/read",
        "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Support/*",
    ]


def test_a_custom_role_is_made_shown_changed_and_deleted(arm: Client) -> None:
    made = arm.put(OWN, role())
    assert made.status == 201
    assert made.body["properties"]["type"] == "CustomRole"
    assert arm.get(OWN).body == made.body
    changed = arm.put(OWN, role("Renamed", actions=["*/read"], notActions=["a/read"])).body["properties"]
    assert changed["permissions"] == [
        {"actions": ["*/read"], "notActions": ["a/read"], "dataActions": [], "notDataActions": []}
    ]
    assert (changed["createdOn"], changed["roleName"]) == (made.body["properties"]["createdOn"], "Renamed")
    assert arm.delete(OWN).body["properties"]["roleName"] == "Renamed"
    assert arm.delete(OWN).status == 204
    assert arm.get(OWN).outcome == (404, "RoleDefinitionDoesNotExist")


def test_a_changed_role_holds_at_once(garden: Client) -> None:
    caller = someone(garden, (custom_role(garden, "Own", S, "Contoso.Garden/*"), S))
    assert caller.get(GROUP).status == 403
    garden.put(f"{ROLES}/{guid('Own')}", role(actions=["*/read"]))
    assert caller.get(GROUP).status == 200


FILTERS = [
    pytest.param("roleName eq 'reader'", ["Reader"], id="by name"),
    pytest.param("type eq 'CustomRole'", ["Own"], id="by type"),
    pytest.param("type eq 'CustomRole' and roleName eq 'x'", [], id="by both"),
    pytest.param("roleName eq 'it''s'", [], id="a quote within"),
]


@pytest.mark.parametrize(("expression", "expected"), FILTERS)
def test_lists_are_filtered(arm: Client, expression: str, expected: list[str]) -> None:
    arm.put(OWN, role())
    assert names(arm, expression) == expected


@pytest.mark.parametrize("expression", ["roleName", "roleName eq x", "roleName ne 'x'", "a eq 'b'", "x() or y()", "'"])
def test_other_filters_are_refused(arm: Client, expression: str) -> None:
    assert arm.get(f"{ROLES}?$filter={expression}").outcome == (400, "InvalidFilterInQueryString")


def test_a_custom_role_is_seen_where_it_can_be_assigned(garden: Client) -> None:
    garden.put(OWN, role("Own", GROUP))
    assert "Own" not in names(garden)
    assert "Own" in names(garden, "atScopeAndBelow()")
    assert "Own" in names(garden, scope=GROUP)
    assert "Own" not in names(garden, scope=f"{S}/resourceGroups/other")


REFUSED = [
    pytest.param("not-a-guid", role(), (400, "InvalidRoleDefinitionId"), id="a name that is no GUID"),
    pytest.param(guid("own"), [], (400, "InvalidRequestContent"), id="a list"),
    pytest.param(guid("own"), {}, (400, "InvalidRequestContent"), id="no properties"),
    pytest.param(guid("own"), {"properties": {"roleName": 5}}, (400, "InvalidRequestContent"), id="a number as name"),
    pytest.param(guid("own"), role(""), (400, "RoleDefinitionNameInvalid"), id="an empty name"),
    pytest.param(guid("own"), role("reader"), (409, "RoleDefinitionWithSameNameExists"), id="a name that is taken"),
    pytest.param(guid("own"), role("Own", "/"), (400, "InvalidAssignableScope"), id="the root as assignable scope"),
    pytest.param(
        guid("own"),
        role("Own", f"{GROUP}/providers/A.B/c/d"),
        (400, "InvalidAssignableScope"),
        id="a resource as scope",
    ),
    pytest.param(
        guid("own"),
        {"properties": {"roleName": "Own", "permissions": []}},
        (400, "MissingAssignableScopes"),
        id="no assignable scope",
    ),
    pytest.param(
        guid("own"), role(actions=["Contoso Garden"]), (400, "InvalidActionOrNotAction"), id="an action that is none"
    ),
    pytest.param(
        guid("own"), role(notActions=["a//read"]), (400, "InvalidActionOrNotAction"), id="a notAction that is none"
    ),
    pytest.param(
        guid("own"), role(dataActions=["*"]), (400, "InvalidDataActionOrNotDataAction"), id="all data actions"
    ),
    pytest.param(
        "acdd72a7-3385-48ef-bd42-f606fba81ae7", role(), (403, "RoleDefinitionIsBuiltIn"), id="a role that is built in"
    ),
]


@pytest.mark.parametrize(("name", "body", "expected"), REFUSED)
def test_a_definition_is_refused(arm: Client, name: str, body: Any, expected: tuple[int, str]) -> None:
    assert arm.put(f"{ROLES}/{name}", body).outcome == expected


def test_a_role_in_use_stays(arm: Client) -> None:
    made = assign(arm, custom_role(arm, "Own", S, "*"), S, known(arm, "x").id)
    url = f"{ROLES}/{guid('Own')}"
    assert arm.delete(url).outcome == (400, "RoleDefinitionHasAssignments")
    arm.delete(made["id"])
    assert arm.delete(url).status == 200
    assert arm.delete(f"{ROLES}/acdd72a7-3385-48ef-bd42-f606fba81ae7").outcome == (403, "RoleDefinitionIsBuiltIn")


def test_a_role_is_written_by_who_may_write_it_everywhere_it_can_be_assigned(garden: Client) -> None:
    caller = someone(garden, ("Owner", GROUP))
    at_group = f"{GROUP}/{AUTHORIZATION}/roleDefinitions/{guid('own')}"
    assert caller.put(at_group, role("Own", GROUP)).status == 201
    assert caller.put(at_group, role("Own", GROUP, S)).outcome == (403, "LinkedAuthorizationFailed")
    garden.put(at_group, role("Own", S))
    assert caller.put(at_group, role("Own", GROUP)).outcome == (403, "LinkedAuthorizationFailed")
    assert caller.delete(at_group).outcome == (403, "LinkedAuthorizationFailed")


def test_custom_roles_outlive_a_restart(arm: Client) -> None:
    arm.put(OWN, role())
    arm.api.router.access.reload()
    assert names(arm, "type eq 'CustomRole'") == ["Own"]
