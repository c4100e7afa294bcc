"""The directory through ``/graph/v1.0``, with the requests of azure-cli 2.91."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.access.founding import CLI, DEVICE_USER, LAB, MANAGED_IDENTITY
from lazulite.arm.access.principals import User
from lazulite.arm.tokens import object_id
from tests.arm.access.people import as_principal, assign, guid, known
from tests.arm.client import GARDEN, Client
from tests.arm.garden import SUBSCRIPTION, TENANT

V1 = "/graph/v1.0"
AUDIENCE = "https://localhost:8443/graph"
MISSING = (404, "Request_ResourceNotFound")
BAD = (400, "Request_BadRequest")


@pytest.fixture
def graph(arm: Client) -> Client:
    """The lab's owner, with a token for the directory."""
    me: Any = arm.api.router.access.directory.find(object_id(LAB))
    return as_principal(arm, me, AUDIENCE)


def made(graph: Client, collection: str, **body: Any) -> dict[str, Any]:
    answer = graph.post(f"{V1}/{collection}", body)
    assert answer.status == 201, answer.content
    found: dict[str, Any] = answer.body
    return found


def new_user(graph: Client, name: str = "ann", **more: Any) -> dict[str, Any]:
    names = {"displayName": name.title(), "userPrincipalName": f"{name}@lazulite.test", "mailNickname": name}
    return made(graph, "users", **names, accountEnabled=True, passwordProfile={"password": "p"}, **more)


def names(graph: Client, path: str) -> list[str]:
    return [o["displayName"] for o in graph.get(f"{V1}/{path}").body["value"]]


def test_the_directory_knows_the_labs_own_identities(graph: Client) -> None:
    assert names(graph, "servicePrincipals") == ["lazulite", "azure-cli", "managed-identity"]
    (found,) = graph.get(f"{V1}/servicePrincipals?$filter=servicePrincipalNames/any(c:c eq '{CLI}')").body["value"]
    assert (found["appId"], found["id"], found["servicePrincipalType"]) == (CLI, object_id(CLI), "Application")
    assert [p["secretText"] for p in found["passwordCredentials"]] == [None]
    (user,) = graph.get(f"{V1}/users").body["value"]
    assert user["userPrincipalName"] == DEVICE_USER


def test_a_user_is_made_shown_changed_and_deleted(graph: Client) -> None:
    user = new_user(graph, city="Delft")
    assert user["@odata.type"] == "#microsoft.graph.user"
    assert "passwordProfile" not in user
    assert graph.get(f"{V1}/users/ann@lazulite.test").body == user == graph.get(f"{V1}/users/{user['id']}").body
    assert graph.patch(f"{V1}/users/{user['id']}", {"displayName": "Anna", "accountEnabled": None}).status == 204
    changed = graph.get(f"{V1}/users/{user['id']}").body
    assert (changed["displayName"], changed["accountEnabled"], changed["city"]) == ("Anna", True, "Delft")
    assert graph.delete(f"{V1}/users/{user['id']}").status == 204
    assert graph.get(f"{V1}/users/{user['id']}").outcome == MISSING


FILTERS = [
    pytest.param("users?$filter=userPrincipalName eq 'ANN@lazulite.test'", ["Ann"], id="users by name"),
    pytest.param("users?$filter=startswith(displayName,'A') and mailNickname eq 'ann'", ["Ann"], id="two clauses"),
    pytest.param("groups?$filter=displayName eq 'team'", ["team"], id="groups"),
    pytest.param("groups?$filter=startswith(displayName,'x')", [], id="none"),
    pytest.param("applications?$filter=identifierUris/any(s:s eq 'api://a')", ["app"], id="applications by address"),
    pytest.param(
        "servicePrincipals?$filter=servicePrincipalType eq 'ManagedIdentity'", ["managed-identity"], id="by type"
    ),
]


@pytest.mark.parametrize(("path", "expected"), FILTERS)
def test_lists_are_filtered(graph: Client, path: str, expected: list[str]) -> None:
    new_user(graph)
    made(graph, "groups", displayName="team", mailNickname="team", mailEnabled=False, securityEnabled=True)
    made(graph, "applications", displayName="app", identifierUris=["api://a"])
    assert names(graph, path) == expected


def test_members_of_groups(graph: Client) -> None:
    user = new_user(graph)["id"]
    inner = made(graph, "groups", displayName="inner", mailNickname="i")["id"]
    outer = made(graph, "groups", displayName="outer", mailNickname="o")["id"]
    for group, member in ((inner, user), (outer, inner)):
        reference = {"@odata.id": f"https://localhost:8443{V1}/directoryObjects/{member}"}
        assert graph.post(f"{V1}/groups/{group}/members/$ref", reference).status == 204
        assert graph.post(f"{V1}/groups/{group}/members/$ref", reference).outcome == BAD
    assert names(graph, f"groups/{outer}/members") == ["inner"]
    groups = graph.post(f"{V1}/users/{user}/getMemberGroups", {"securityEnabledOnly": False}).body["value"]
    assert groups == sorted([inner, outer])
    checked = graph.post(f"{V1}/directoryObjects/{user}/checkMemberGroups", {"groupIds": [outer, guid("x")]})
    assert checked.body["value"] == [outer]
    assert graph.delete(f"{V1}/groups/{inner}/members/{user}/$ref").status == 204
    assert graph.delete(f"{V1}/groups/{inner}/members/{user}/$ref").outcome == MISSING
    assert graph.delete(f"{V1}/groups/{inner}").status == 204
    assert names(graph, f"groups/{outer}/members") == []


def test_an_application_gets_a_principal_and_a_secret_that_opens(graph: Client) -> None:
    app = made(graph, "applications", displayName="robot", signInAudience="AzureADMyOrg")
    assert app["passwordCredentials"] == app["keyCredentials"] == []
    principal = made(graph, "servicePrincipals", appId=app["appId"], accountEnabled=True)
    assert principal["displayName"] == "robot"
    again = graph.post(f"{V1}/servicePrincipals", {"appId": app["appId"]})
    assert again.outcome == (409, "Request_MultipleObjectsWithSameKeyValue")
    wish = {"passwordCredential": {"displayName": "rbac", "endDateTime": "2027-01-01T00:00:00Z"}}
    secret = graph.post(f"{V1}/applications/{app['id']}/addPassword", wish).body
    assert secret["secretText"].startswith(secret["hint"])
    (listed,) = graph.get(f"{V1}/applications/{app['id']}").body["passwordCredentials"]
    assert listed == {**secret, "secretText": None}
    gone = f"{V1}/applications/{app['id']}/removePassword"
    assert graph.post(gone, {"keyId": secret["keyId"]}).status == 204
    assert graph.post(gone, {"keyId": secret["keyId"]}).outcome == BAD
    assert graph.delete(f"{V1}/applications/{app['id']}").status == 204
    assert graph.get(f"{V1}/servicePrincipals/{principal['id']}").outcome == MISSING


def test_objects_by_id_come_with_their_type(graph: Client) -> None:
    ids = [object_id(CLI), object_id(DEVICE_USER), guid("nobody")]
    found = graph.post(f"{V1}/directoryObjects/getByIds", {"ids": ids, "types": ["user"]}).body["value"]
    assert [o["@odata.type"] for o in found] == ["#microsoft.graph.servicePrincipal", "#microsoft.graph.user"]


REFUSED = [
    pytest.param("POST", "users", {}, BAD, id="a user without a name"),
    pytest.param("POST", "users", [], BAD, id="a list"),
    pytest.param("POST", "users", {"displayName": 5}, BAD, id="a number as name"),
    pytest.param("POST", "users", {"displayName": "D", "userPrincipalName": DEVICE_USER}, BAD, id="a name twice"),
    pytest.param("POST", "groups", {}, BAD, id="a group without a name"),
    pytest.param("POST", "applications", {}, BAD, id="an application without a name"),
    pytest.param(
        "POST",
        "applications",
        {"displayName": "a", "keyCredentials": [{"key": "AAAA"}]},
        BAD,
        id="a certificate that is none",
    ),
    pytest.param(
        "POST", "applications", {"displayName": "a", "keyCredentials": [{}]}, BAD, id="a certificate without its key"
    ),
    pytest.param("POST", "servicePrincipals", {"appId": guid("x")}, BAD, id="a principal of no application"),
    pytest.param("GET", f"users/{object_id(CLI)}", None, MISSING, id="a service principal among the users"),
    pytest.param("GET", "groups/x", None, MISSING, id="a group nobody knows"),
    pytest.param("GET", "devices", None, (400, "BadRequest"), id="a collection nobody has"),
    pytest.param("GET", f"users/{DEVICE_USER}/members", None, (400, "BadRequest"), id="members of a user"),
    pytest.param("POST", f"users/{DEVICE_USER}/addPassword", {}, (400, "BadRequest"), id="a secret of a user"),
    pytest.param("PUT", f"users/{DEVICE_USER}", {}, (405, "MethodNotAllowed"), id="a method nobody has"),
    pytest.param("POST", "directoryObjects", {}, (405, "MethodNotAllowed"), id="an object of no kind"),
    pytest.param("POST", "directoryObjects/getByIds", {"ids": 5}, BAD, id="ids that are none"),
    pytest.param("GET", "users?$filter=city eq 'x'", None, (400, "InvalidFilterInQueryString"), id="another filter"),
    pytest.param("GET", "me", None, (400, "BadRequest"), id="me, when one is no user"),
]


@pytest.mark.parametrize(("method", "path", "body", "expected"), REFUSED)
def test_a_request_is_refused(graph: Client, method: str, path: str, body: Any, expected: tuple[int, str]) -> None:
    assert graph.call(method, f"{V1}/{path}", body).outcome == expected


def test_me_is_the_user_who_is_signed_in(graph: Client) -> None:
    new_user(graph)
    user: Any = graph.api.router.access.directory.user("ann@lazulite.test")
    ann = as_principal(graph, user, AUDIENCE)
    assert ann.get(f"{V1}/me").body["userPrincipalName"] == "ann@lazulite.test"
    assert ann.get(f"{V1}/me/ownedObjects").body == {"value": []}


def test_who_may_not_give_access_may_only_read(graph: Client) -> None:
    contributor = known(graph, "contributor")
    owner_of_subscription = known(graph, "owner")
    arm: Any = as_principal(graph, graph.api.router.access.directory.find(object_id(LAB)))  # type: ignore[arg-type]
    assign(arm, "Contributor", "/", contributor.id)
    assign(arm, "Owner", f"/subscriptions/{SUBSCRIPTION}", owner_of_subscription.id)
    for principal in (contributor, owner_of_subscription):
        caller = as_principal(graph, principal, AUDIENCE)
        assert names(caller, "users") == ["Device"]
        refused = (403, "Authorization_RequestDenied")
        assert caller.post(f"{V1}/users", {}).outcome == refused
        assert caller.post(f"{V1}/servicePrincipals/{object_id(CLI)}/addPassword", {}).outcome == refused
        assert caller.delete(f"{V1}/users/{DEVICE_USER}").outcome == refused


def test_a_token_for_arm_does_not_open_the_directory_nor_the_other_way_round(graph: Client) -> None:
    me: Any = graph.api.router.access.directory.find(object_id(LAB))
    assert as_principal(graph, me).get(f"{V1}/users").outcome == (401, "InvalidAuthenticationToken")
    assert graph.get("/subscriptions").outcome == (401, "InvalidAuthenticationToken")


def test_the_last_who_can_give_access_is_neither_deleted_nor_disabled(graph: Client) -> None:
    own, *others = (f"{V1}/servicePrincipals/{object_id(app)}" for app in (LAB, CLI, MANAGED_IDENTITY))
    for other in (*others, f"{V1}/users/{object_id(DEVICE_USER)}"):
        assert graph.delete(other).status == 204
    assert graph.delete(own).outcome == BAD
    assert graph.patch(own, {"accountEnabled": False}).outcome == BAD
    assert graph.get(own).status == 200


def test_the_identity_of_a_resource_comes_and_goes_with_it(graph: Client) -> None:
    me: Any = graph.api.router.access.directory.find(object_id(LAB))
    arm = as_principal(graph, me)
    arm.put(GARDEN.rpartition("/providers/")[0], {"location": "local"})
    bed = f"{GARDEN}/beds/b"
    body = {"location": "local", "identity": {"type": "SystemAssigned"}}
    shown = arm.made(bed, body)["identity"]
    assert (shown["type"], shown["tenantId"]) == ("SystemAssigned", TENANT)
    url = f"{V1}/servicePrincipals/{shown['principalId']}"
    found = graph.get(url).body
    assert (found["displayName"], found["servicePrincipalType"]) == ("b", "ManagedIdentity")
    assert found["alternativeNames"] == ["isExplicit=False", bed]
    assert graph.delete(url).outcome == BAD
    assert arm.put(bed, arm.get(bed).body).body["identity"] == shown
    arm.delete(bed)
    assert graph.get(url).outcome == MISSING
    assert arm.made(bed, body)["identity"]["principalId"] != shown["principalId"]
    assert arm.made(bed, {"location": "local"}).get("identity") is None


def test_the_directory_outlives_a_restart(graph: Client) -> None:
    new_user(graph)
    graph.api.router.access.reload()
    found = graph.api.router.access.directory.user("ann@lazulite.test")
    assert isinstance(found, User)
    assert names(graph, "servicePrincipals?$filter=appId eq '" + MANAGED_IDENTITY + "'") == ["managed-identity"]
