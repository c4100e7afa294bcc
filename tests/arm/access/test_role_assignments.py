"""``Microsoft.Authorization/roleAssignments``, as recorded, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.access.founding import LAB, OWNERS
from lazulite.arm.access.principals import Group
from lazulite.arm.tokens import object_id
from tests.arm.access.people import AUTHORIZATION, assign, custom_role, guid, known, role_id, someone
from tests.arm.client import GARDEN, GROUP, Client
from tests.arm.garden import SUBSCRIPTION, TENANT

S = f"/subscriptions/{SUBSCRIPTION}"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ONE = f"{GROUP}/{AUTHORIZATION}/roleAssignments/{guid('one')}"


def body(principal: str, role: str = READER, **more: Any) -> dict[str, Any]:
    return {"properties": {"roleDefinitionId": role_id(role), "principalId": principal, **more}}


def listed(arm: Client, scope: str, expression: str = "") -> list[str]:
    """Names of the principals whose assignments the list shows, other than the lab's own."""
    found = arm.get(f"{scope}/{AUTHORIZATION}/roleAssignments?$filter={expression}").body["value"]
    names = {guid(n): n for n in ("above", "here", "below", "grouped")}
    ids = [a["properties"]["principalId"] for a in found]
    return sorted(names[i] for i in ids if i not in OWNERS)


def test_the_answer_is_as_recorded(garden: Client) -> None:
    principal = known(garden, "x").id
    answer = garden.put(ONE, body(principal, principalType="ServicePrincipal", description="d"))
    assert answer.status == 201
    properties = answer.body["properties"]
    assert (answer.body["id"], answer.body["name"]) == (ONE, guid("one"))
    assert answer.body["type"] == "Microsoft.Authorization/roleAssignments"
    assert len(properties.pop("createdOn")) == len("2026-01-01T00:00:00.0000000Z")
    assert properties.pop("updatedOn").endswith("0Z")
    assert properties == {
        "roleDefinitionId": f"{S}{role_id(READER)}",
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "scope": GROUP,
        "condition": None,
        "conditionVersion": None,
        "createdBy": None,
        "updatedBy": object_id(LAB),
        "delegatedManagedIdentityResourceId": None,
        "description": "d",
    }
    assert garden.get(ONE).body["properties"]["createdBy"] == object_id(LAB)


def test_an_assignment_never_changes_who_has_what_where(garden: Client) -> None:
    first, second = known(garden, "a").id, known(garden, "b").id
    garden.put(ONE, body(first))
    refused = (409, "RoleAssignmentUpdateNotPermitted")
    answer = garden.put(ONE, body(second))
    assert answer.outcome == refused
    assert answer.error["message"] == (
        "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
    )
    assert garden.put(ONE, body(first, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635")).outcome == refused
    assert garden.put(f"{S}/{AUTHORIZATION}/roleAssignments/{guid('one')}", body(first)).outcome == refused
    again = garden.put(ONE, body(first, description="new"))
    assert (again.status, again.body["properties"]["description"]) == (200, "new")


def test_nobody_has_a_role_twice_in_one_place(garden: Client) -> None:
    principal = known(garden, "a").id
    garden.put(ONE, body(principal))
    answer = garden.put(f"{GROUP.upper()}/{AUTHORIZATION}/roleAssignments/{guid('two')}", body(principal))
    assert answer.outcome == (409, "RoleAssignmentExists")
    assert answer.error["message"] == (
        f"The role assignment already exists. The ID of the existing role assignment is {guid('one').replace('-', '')}."
    )


PRINCIPAL = guid("a")
REFUSED = [
    pytest.param(guid("one"), body(guid("nobody")), (400, "PrincipalNotFound"), id="a principal nobody knows"),
    pytest.param(guid("one"), body("nobody"), (400, "InvalidPrincipalId"), id="a principal that is no GUID"),
    pytest.param("one", body(PRINCIPAL), (400, "InvalidRoleAssignmentId"), id="a name that is no GUID"),
    pytest.param(
        guid("one"), body(PRINCIPAL, guid("r")), (404, "RoleDefinitionDoesNotExist"), id="a role nobody knows"
    ),
    pytest.param(
        guid("one"), body(PRINCIPAL, principalType="User"), (400, "UnmatchedPrincipalType"), id="another type"
    ),
    pytest.param(guid("one"), body(PRINCIPAL, condition="x"), (400, "InvalidCondition"), id="a condition"),
    pytest.param(guid("one"), {"properties": {}}, (400, "InvalidRequestContent"), id="nothing in it"),
    pytest.param(guid("one"), "text", (400, "InvalidRequestContent"), id="a string"),
]


@pytest.mark.parametrize(("name", "content", "expected"), REFUSED)
def test_an_assignment_is_refused(garden: Client, name: str, content: Any, expected: tuple[int, str]) -> None:
    known(garden, "a")
    assert garden.put(f"{GROUP}/{AUTHORIZATION}/roleAssignments/{name}", content).outcome == expected


def test_the_message_of_an_unknown_principal_is_what_az_waits_for(garden: Client) -> None:
    message = garden.put(ONE, body(guid("nobody"))).error["message"]
    assert message.startswith(f"Principal {guid('nobody').replace('-', '')} does not exist in the directory {TENANT}.")


SCOPES = [
    pytest.param(f"{S}/resourceGroups/none", (404, "ResourceGroupNotFound"), id="a group that is not there"),
    pytest.param(f"{GARDEN}/beds/none", (404, "ResourceNotFound"), id="a resource that is not there"),
    pytest.param("/subscriptions/none", (404, "SubscriptionNotFound"), id="a subscription that is not there"),
]


@pytest.mark.parametrize(("scope", "expected"), SCOPES)
def test_a_scope_is_there(garden: Client, scope: str, expected: tuple[int, str]) -> None:
    url = f"{scope}/{AUTHORIZATION}/roleAssignments/{guid('one')}"
    assert garden.put(url, body(known(garden, "a").id)).outcome == expected


def test_a_custom_role_is_assigned_within_its_scopes(garden: Client) -> None:
    custom_role(garden, "Own", GROUP, "*")
    url = f"{S}/{AUTHORIZATION}/roleAssignments/{guid('one')}"
    refused = garden.put(url, body(known(garden, "a").id, guid("Own")))
    assert refused.outcome == (400, "RoleDefinitionNotAssignableAtScope")
    assert garden.put(ONE, body(known(garden, "a").id, guid("Own"))).status == 201


@pytest.fixture
def assigned(garden: Client) -> Client:
    """Readers above, in and below the group; and one who is in a group that is."""
    garden.made(f"{GARDEN}/wells/w", {"location": "local"})
    for name, scope in (("above", S), ("here", GROUP), ("below", f"{GARDEN}/wells/w")):
        assign(garden, "Reader", scope, known(garden, name).id)
    return garden


LISTS = [
    pytest.param(GROUP, "", ["above", "below", "here"], id="everything above and below"),
    pytest.param(GROUP, "atScope()", ["above", "here"], id="at the scope is what holds there"),
    pytest.param(GROUP, f"principalId eq '{guid('here')}'", ["here"], id="of one principal"),
    pytest.param(S, f"principalId eq '{guid('below')}'", ["below"], id="of one principal, far below"),
    pytest.param(GROUP, f"atScope() and assignedTo('{guid('above')}')", ["above"], id="assigned to one"),
    pytest.param("", "", ["above", "below", "here"], id="at the root"),
    pytest.param("", "atScope()", [], id="at the root alone"),
]


@pytest.mark.parametrize(("scope", "expression", "expected"), LISTS)
def test_lists(assigned: Client, scope: str, expression: str, expected: list[str]) -> None:
    assert listed(assigned, scope, expression) == expected


def test_assigned_to_follows_groups(assigned: Client) -> None:
    member = known(assigned, "member").id
    directory = assigned.api.router.access.directory
    directory.put(Group(id=guid("inner"), display_name="inner", members=(member,)))
    directory.put(Group(id=guid("grouped"), display_name="outer", members=(guid("inner"),)))
    assign(assigned, "Reader", GROUP, guid("grouped"))
    assert listed(assigned, GROUP, f"assignedTo('{member}')") == ["grouped"]
    assert listed(assigned, GROUP, f"principalId eq '{member}'") == []


def test_membership_of_groups_is_transitive_and_ends(assigned: Client) -> None:
    caller = someone(assigned)
    directory = assigned.api.router.access.directory
    # The two are members of each other, too.
    directory.put(Group(id=guid("inner"), display_name="inner", members=(guid("someone"), guid("grouped"))))
    directory.put(Group(id=guid("grouped"), display_name="outer", members=(guid("inner"),)))
    assign(assigned, "Reader", GROUP, guid("grouped"))
    assert caller.get(GROUP).status == 200
    directory.put(Group(id=guid("inner"), display_name="inner"))
    assert caller.get(GROUP).status == 403


def test_assignments_go_with_what_they_are_on(assigned: Client) -> None:
    assert assigned.delete(f"{GARDEN}/wells/w").status == 202
    assert listed(assigned, S) == ["above", "here"]
    assert assigned.delete(GROUP).status == 202
    assert listed(assigned, S) == ["above"]


def test_deleting_says_what_was_there(garden: Client) -> None:
    garden.put(ONE, body(known(garden, "a").id))
    assert garden.delete(ONE).body["name"] == guid("one")
    assert garden.delete(ONE).status == 204
    assert garden.get(ONE).outcome == (404, "RoleAssignmentNotFound")


def test_an_assignment_is_found_at_its_own_scope_only(garden: Client) -> None:
    garden.put(ONE, body(known(garden, "a").id))
    elsewhere = f"{S}/{AUTHORIZATION}/roleAssignments/{guid('one')}"
    assert garden.get(elsewhere).outcome == (404, "RoleAssignmentNotFound")
    assert garden.delete(elsewhere).status == 204
    assert garden.get(ONE).status == 200


def test_the_last_who_can_give_access_stays(garden: Client) -> None:
    found = garden.get(f"/{AUTHORIZATION}/roleAssignments?$filter=atScope()").body["value"]
    mine = [a["id"] for a in found if a["properties"]["principalId"] == object_id(LAB)]
    others = [a["id"] for a in found if a["id"] not in mine]
    for url in others:
        assert garden.delete(url).status == 200
    answer = garden.delete(mine[0])
    assert answer.outcome == (412, "CannotDeleteLastRbacAdminAssignment")
    assert answer.error["message"] == "Cannot delete the last RBAC admin assignment."


def test_permissions_are_the_callers_own(garden: Client) -> None:
    url = f"{GROUP}/{AUTHORIZATION}/permissions"
    (mine,) = garden.get(url).body["value"]
    assert mine == {"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}
    caller = someone(garden, ("Reader", S), ("Contributor", f"{GROUP}"))
    assert [p["actions"] for p in caller.get(url).body["value"]] == [["*/read"], ["*"]]
    assert [p["actions"] for p in caller.get(f"{S}/{AUTHORIZATION}/permissions").body["value"]] == [["*/read"]]


def test_there_are_no_deny_assignments(garden: Client) -> None:
    url = f"{GROUP}/{AUTHORIZATION}/denyAssignments"
    assert garden.get(url).body == {"value": []}
    assert garden.get(f"{url}/{guid('d')}").outcome == (404, "DenyAssignmentNotFound")
    assert garden.put(f"{url}/{guid('d')}", {}).outcome == (405, "MethodNotAllowed")
