"""What callers may do through the API: the sentences of "What is Azure RBAC?" and of the linked checks."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.access.assignments import Assignment
from lazulite.arm.access.caller import Caller, acting
from lazulite.arm.access.founding import DEVICE_USER, MANAGED_IDENTITY
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.arm.router import Mount
from lazulite.arm.tokens import object_id
from tests.arm.access.people import AUTHORIZATION, as_principal, assign, custom_role, guid, known, role_id, someone
from tests.arm.client import GARDEN, GROUP, Client
from tests.arm.garden import SUBSCRIPTION

S = f"/subscriptions/{SUBSCRIPTION}"
BED, WELL, TOOL = f"{GARDEN}/beds/b", f"{GARDEN}/wells/w", f"{GARDEN}/beds/b/tools/t"
HERE = {"location": "local"}
FORBIDDEN = (403, "AuthorizationFailed")
LINKED = (403, "LinkedAuthorizationFailed")


@pytest.fixture
def planted(garden: Client) -> Client:
    garden.made(WELL, HERE)
    garden.made(BED, {**HERE, "properties": {"plants": [{"name": "p"}]}})
    return garden


def attempt(client: Client, action: str) -> int:
    """The status of one of the things people do, by name."""
    calls: dict[str, Any] = {
        "read": lambda: client.get(BED),
        "list": lambda: client.get(f"{GARDEN}/beds"),
        "write": lambda: client.put(BED, HERE),
        "write child": lambda: client.put(f"{BED}/plants/q", {}),
        "delete": lambda: client.delete(f"{GARDEN}/wells/none"),
        "verb": lambda: client.post(f"{WELL}/listKeys"),
        "write group": lambda: client.put(GROUP, {"location": "westeurope"}),
        "assign": lambda: client.put(
            f"{GROUP}/{AUTHORIZATION}/roleAssignments/{guid('x')}",
            {
                "properties": {
                    "roleDefinitionId": role_id("acdd72a7-3385-48ef-bd42-f606fba81ae7"),
                    "principalId": object_id(MANAGED_IDENTITY),
                }
            },
        ),
        "read assignments": lambda: client.get(f"{GROUP}/{AUTHORIZATION}/roleAssignments"),
        "lock": lambda: client.put(f"{WELL}/{AUTHORIZATION}/locks/l", {"properties": {"level": "CanNotDelete"}}),
    }
    status: int = calls[action]().status
    return status


EVERYTHING = ("read", "list", "write", "write child", "delete", "verb", "write group", "assign", "lock")
ROLES = [
    pytest.param("Owner", set(EVERYTHING), id="an owner does everything"),
    pytest.param("Contributor", set(EVERYTHING) - {"assign", "lock"}, id="a contributor everything but give access"),
    pytest.param("Reader", {"read", "list"}, id="a reader reads"),
    pytest.param("User Access Administrator", {"read", "list", "assign", "lock"}, id="an administrator gives access"),
    pytest.param("Network Contributor", set(), id="a network contributor has nothing to do in a garden"),
]


@pytest.mark.parametrize(("role", "expected"), ROLES)
def test_a_role_permits_what_its_actions_name(planted: Client, role: str, expected: set[str]) -> None:
    caller = someone(planted, (role, S))
    statuses = {action: attempt(caller, action) for action in EVERYTHING}
    assert {a for a, s in statuses.items() if s < 400} == expected
    assert {s for a, s in statuses.items() if a not in expected} <= {403}


def test_nothing_is_permitted_to_begin_with(planted: Client) -> None:
    caller = someone(planted)
    assert {attempt(caller, action) for action in EVERYTHING} == {403}


@pytest.mark.parametrize("oid", [object_id(MANAGED_IDENTITY), object_id(DEVICE_USER)])
def test_who_signs_in_without_a_secret_owns_a_new_lab_until_that_role_is_taken_away(planted: Client, oid: str) -> None:
    principal: Any = planted.api.router.access.directory.principal(oid)
    caller = as_principal(planted, principal)
    assert caller.put(BED, HERE).status < 300
    (held,) = planted.get(f"/{AUTHORIZATION}/roleAssignments?$filter=principalId eq '{oid}'").body["value"]
    assert planted.delete(held["id"]).status == 200
    assert {attempt(caller, action) for action in EVERYTHING} == {403}


def test_the_error_names_the_caller_the_action_and_the_scope(planted: Client) -> None:
    answer = someone(planted).put(BED, HERE)
    assert answer.outcome == FORBIDDEN
    client, oid = guid("someone application"), guid("someone")
    assert answer.error["message"] == (
        f"The client '{client}' with object id '{oid}' does not have authorization to perform action "
        f"'Contoso.Garden/beds/write' over scope '{BED}' or the scope is invalid. If access was recently granted, "
        "please refresh your credentials."
    )


SCOPES = [
    pytest.param("/", id="the root"),
    pytest.param(S, id="the subscription"),
    pytest.param(GROUP, id="the group"),
    pytest.param(BED, id="the resource itself"),
    pytest.param(f"{S.upper()}/RESOURCEGROUPS/G", id="the group in other case"),
]


@pytest.mark.parametrize("scope", SCOPES)
def test_an_assignment_holds_below_its_scope(planted: Client, scope: str) -> None:
    assert someone(planted, ("Reader", scope)).get(BED).status == 200


ELSEWHERE = [
    pytest.param("/subscriptions/00000000-0000-0000-0000-0000000000", id="a subscription whose id is shorter"),
    pytest.param(WELL, id="a neighbour"),
    pytest.param(f"{BED}/plants/p", id="a child"),
]


@pytest.mark.parametrize("scope", ELSEWHERE)
def test_and_nowhere_else(planted: Client, scope: str) -> None:
    access = planted.api.router.access
    caller = someone(planted)
    made = Assignment(
        name=guid("a"),
        scope=scope,
        role="8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        principal=guid("someone"),
        principal_type="ServicePrincipal",
        created_on="",
        updated_on="",
    )
    access.assignments.shelf.put(made.name, made)
    assert caller.get(BED).outcome == FORBIDDEN


def test_a_refusal_comes_before_the_news_that_there_is_nothing(planted: Client) -> None:
    missing = f"{GARDEN}/beds/missing"
    stranger, reader = someone(planted, name="stranger"), someone(planted, ("Reader", S), name="reader")
    assert stranger.get(missing).outcome == FORBIDDEN
    assert reader.get(missing).outcome == (404, "ResourceNotFound")
    assert stranger.get(f"{S}/resourceGroups/missing").outcome == FORBIDDEN
    assert reader.get(f"{S}/resourceGroups/missing").outcome == (404, "ResourceGroupNotFound")
    assert stranger.put(BED, {"location": "atlantis"}).outcome == FORBIDDEN


def test_roles_add_up(planted: Client) -> None:
    gardener = custom_role(planted, "Gardener", S, "Contoso.Garden/beds/*")
    caller = someone(planted, ("Reader", S), (gardener, GROUP))
    assert caller.put(BED, HERE).status == 200
    assert caller.get(WELL).status == 200
    assert caller.put(WELL, HERE).outcome == FORBIDDEN


def test_what_one_role_leaves_out_another_may_give(planted: Client) -> None:
    careful = custom_role(planted, "Careful", S, "Contoso.Garden/*", less=("Contoso.Garden/*/delete",))
    remover = custom_role(planted, "Remover", S, "Contoso.Garden/wells/delete")
    caller = someone(planted, (careful, S))
    assert caller.delete(WELL).outcome == FORBIDDEN
    assign(planted, remover, S, guid("someone"))
    assert caller.delete(WELL).status == 202


def test_a_wildcard_of_reads_reads_one_namespace(planted: Client) -> None:
    caller = someone(planted, (custom_role(planted, "Visitor", S, "Contoso.Garden/*/read"), S))
    assert caller.get(BED).status == 200
    assert caller.get(GROUP).outcome == FORBIDDEN
    assert caller.post(f"{WELL}/listKeys").outcome == FORBIDDEN


def test_a_role_is_lost_with_its_assignment(planted: Client) -> None:
    caller = someone(planted)
    made = assign(planted, "Reader", S, guid("someone"))
    assert caller.get(BED).status == 200
    assert planted.delete(made["id"]).status == 200
    assert caller.get(BED).outcome == FORBIDDEN


def test_lists_leave_out_what_one_may_not_read(planted: Client) -> None:
    planted.put(f"{S}/resourceGroups/other", HERE)
    caller = someone(planted, ("Reader", BED))
    assert [r["name"] for r in caller.get(f"{S}/resources").body["value"]] == ["b"]
    assert [r["name"] for r in caller.get(f"{GROUP}/resources").body["value"]] == ["b"]
    assert caller.get(f"{S}/resourceGroups").body["value"] == []
    assert [s["subscriptionId"] for s in caller.get("/subscriptions").body["value"]] == [SUBSCRIPTION]
    assert caller.get(f"{S}/resourceGroups/other/resources").outcome == FORBIDDEN
    stranger = someone(planted, name="stranger")
    assert stranger.get("/subscriptions").body["value"] == []
    assert stranger.get(S).outcome == FORBIDDEN


def test_who_may_start_an_operation_may_poll_it(planted: Client) -> None:
    caller = someone(planted, (custom_role(planted, "Writer", S, "Contoso.Garden/beds/write"), S))
    answer = caller.put(BED, HERE)
    assert caller.settle(answer)["status"] == "Succeeded"


def test_rooms_beside_the_control_plane_want_a_role_at_the_root(planted: Client) -> None:
    async def room(request: Request) -> Response:
        return Response(200, {})

    planted.api.router.mounts["lab"] = Mount(room)
    assert someone(planted, ("Owner", S)).get("/lab/status").outcome == FORBIDDEN
    reader = someone(planted, ("Reader", "/"), name="reader")
    assert (reader.get("/lab/status").status, reader.post("/lab/reset").outcome) == (200, FORBIDDEN)
    assert planted.post("/lab/reset").status == 200


def test_a_room_that_minds_who_asks_answers_whoever_has_a_role(planted: Client) -> None:
    async def room(request: Request) -> Response:
        sight = planted.api.router.sight()
        return Response(200, sight and {name: sight.eyes()(at) for name, at in (("bed", BED), ("well", WELL))})

    planted.api.router.mounts["lab"] = Mount(room, lambda request: request.folded[-1] == "map")
    stranger, gardener = someone(planted, name="stranger"), someone(planted, ("Reader", BED), name="gardener")
    assert stranger.get("/lab/map").outcome == FORBIDDEN
    assert gardener.get("/lab/map").body == {"bed": True, "well": False}
    assert gardener.get("/lab/status").outcome == FORBIDDEN
    assert planted.get("/lab/map").body is None


def test_what_one_sees_follows_ones_roles(planted: Client) -> None:
    caller, oid = someone(planted, ("Reader", BED)), guid("someone")
    access = planted.api.router.access
    with acting(Caller(oid, "someone")):
        sight = access.sight("Lazulite.Lab/lab/read")
    assert sight is not None
    before = sight.eyes()
    assert (before(BED), before(BED.upper()), before(f"{BED}/plants/p"), before(WELL)) == (True, True, True, False)
    assert (before(""), before("a well"), sight.eyes()) == (False, False, before)
    assign(planted, "Reader", WELL, oid)
    assert sight.eyes() is not before
    assert sight.eyes()(WELL)
    assert not before(WELL), "who draws with it draws one picture"
    principal = access.directory.principal(oid)
    assert principal is not None
    access.directory.delete(principal)
    assert not sight.eyes()(BED)
    assert caller.get(BED).status == 401


def test_what_one_does_not_see_is_refused_as_reading_it_is(planted: Client) -> None:
    caller = someone(planted, ("Reader", BED))
    with acting(Caller(guid("someone"), guid("someone application"))):
        sight = planted.api.router.access.sight("Lazulite.Lab/lab/read")
    assert sight is not None
    sight.require(BED)
    for at in (WELL, f"{WELL}/none", f"{S}/resourceGroups/none"):
        with pytest.raises(ArmError) as refused:
            sight.require(at)
        assert refused.value.message == caller.get(at).error["message"]


class TestLinked:
    """Writing a reference takes a permission on what it refers to."""

    @pytest.fixture
    def gardener(self, planted: Client) -> Client:
        role = custom_role(planted, "Gardener", S, "Contoso.Garden/beds/*")
        return someone(planted, (role, S))

    def test_a_reference_to_what_one_may_not_read_is_refused(self, gardener: Client) -> None:
        answer = gardener.put(BED, {**HERE, "properties": {"owner": {"id": WELL}}})
        assert answer.outcome == LINKED
        assert answer.error["message"] == (
            f"The client '{guid('someone application')}' with object id '{guid('someone')}' has permission to perform "
            f"action 'Contoso.Garden/beds/write' on scope '{BED}'; however, it does not have permission to perform "
            f"action(s) 'Contoso.Garden/wells/read' on the linked scope(s) '{WELL}' (respectively) or the linked "
            "scope(s) are invalid."
        )

    def test_also_when_it_is_not_there(self, gardener: Client) -> None:
        missing = f"{GARDEN}/wells/missing"
        assert gardener.put(BED, {**HERE, "properties": {"owner": {"id": missing}}}).outcome == LINKED

    def test_a_child_is_checked_alone(self, planted: Client, gardener: Client) -> None:
        planted.made(BED, {**HERE, "properties": {"owner": {"id": WELL}}})
        assert gardener.put(f"{BED}/plants/q", {}).status == 201
        assert gardener.put(f"{BED}/plants/q", {"properties": {"water": {"id": WELL}}}).outcome == LINKED

    def test_tags_need_no_permission_on_what_is_referred_to(self, planted: Client, gardener: Client) -> None:
        planted.made(BED, {**HERE, "properties": {"owner": {"id": WELL}}})
        assert gardener.patch(BED, {"tags": {"a": "b"}}).status == 200
        assert gardener.patch(BED, {"properties": {"owner": {"id": WELL}}}).outcome == LINKED

    def test_the_permission_may_come_from_another_role(self, planted: Client, gardener: Client) -> None:
        assign(planted, "Reader", WELL, guid("someone"))
        assert gardener.put(BED, {**HERE, "properties": {"owner": {"id": WELL}}}).status == 200

    def test_a_move_writes_the_group_it_goes_to(self, planted: Client) -> None:
        other = f"{S}/resourceGroups/other"
        planted.put(other, HERE)
        caller = someone(planted, ("Contributor", GROUP))
        body = {"resources": [WELL], "targetResourceGroup": other}
        assert caller.post(f"{GROUP}/moveResources", body).outcome == LINKED
        assign(planted, "Contributor", other, guid("someone"))
        assert caller.post(f"{GROUP}/moveResources", body).status == 202


class TestDeployments:
    """A template does what its caller could do by hand."""

    URL = f"{GROUP}/providers/Microsoft.Resources/deployments/d"

    @staticmethod
    def body(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
        schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
        template = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": list(resources), **more}
        return {"properties": {"mode": "Incremental", "template": template}}

    @staticmethod
    def resource(kind: str, name: str, **properties: Any) -> dict[str, Any]:
        return {
            "type": f"Contoso.Garden/{kind}",
            "apiVersion": "2024-01-01",
            "name": name,
            "location": "local",
            "properties": properties,
        }

    @pytest.fixture
    def deployer(self, planted: Client) -> Client:
        role = custom_role(planted, "Deployer", S, "Microsoft.Resources/deployments/*", "Contoso.Garden/beds/*")
        return someone(planted, (role, S))

    def test_it_is_refused_before_anything_is_written(self, planted: Client, deployer: Client) -> None:
        body = self.body(self.resource("beds", "new"), self.resource("wells", "new"))
        answer = deployer.put(self.URL, body)
        assert answer.outcome == (400, "InvalidTemplateDeployment")
        (detail,) = answer.error["details"]
        assert detail["code"] == "AuthorizationFailed"
        assert "'Contoso.Garden/wells/write'" in detail["message"]
        assert planted.get(f"{GARDEN}/beds/new").status == 404

    def test_what_the_caller_may_write_is_written_as_the_caller(self, planted: Client, deployer: Client) -> None:
        answer = deployer.put(self.URL, self.body(self.resource("beds", "new")))
        assert deployer.settle(answer)["status"] == "Succeeded"
        assert planted.get(f"{GARDEN}/beds/new").status == 200

    def test_references_are_checked(self, deployer: Client) -> None:
        answer = deployer.put(self.URL, self.body(self.resource("beds", "new", owner={"id": WELL})))
        assert [d["code"] for d in answer.error["details"]] == ["LinkedAuthorizationFailed"]

    def test_outputs_show_what_the_caller_may_read(self, deployer: Client) -> None:
        value = f"[reference('{WELL}', '2024-01-01')]"
        body = self.body(outputs={"w": {"type": "object", "value": value}})
        found = deployer.settle(deployer.put(self.URL, body))
        assert [d["code"] for d in found["error"]["details"]] == ["AuthorizationFailed"]

    def test_a_role_assignment_in_a_template_needs_the_right_to_give_access(
        self, planted: Client, deployer: Client
    ) -> None:
        assignment = {
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "name": guid("assigned"),
            "properties": {
                "roleDefinitionId": role_id("acdd72a7-3385-48ef-bd42-f606fba81ae7"),
                "principalId": known(planted, "somebody").id,
            },
        }
        answer = deployer.put(self.URL, self.body(assignment))
        assert [d["code"] for d in answer.error["details"]] == ["AuthorizationFailed"]
        assert planted.settle(planted.put(self.URL, self.body(assignment)))["status"] == "Succeeded"
        found = planted.get(f"{GROUP}/{AUTHORIZATION}/roleAssignments/{guid('assigned')}").body
        assert found["properties"]["scope"] == GROUP


def test_metrics_are_told_to_who_may_read_what_they_are_of(planted: Client) -> None:
    metrics = "providers/Microsoft.Insights/metrics"
    of_all = f"{S}/{metrics}?metricnamespace=Lazulite.Garden/beds"
    assert someone(planted).get(f"{BED}/{metrics}").outcome == FORBIDDEN
    for role, scope in (("Reader", GROUP), ("Monitoring Reader", BED)):
        caller = someone(planted, (role, scope))
        assert caller.get(f"{BED}/{metrics}").status != 403
        assert caller.get(of_all).outcome == FORBIDDEN
