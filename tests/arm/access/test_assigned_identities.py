"""Managed identities with a life of their own: who they are, who has them, what they may do, how they end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from lazulite.arm.access.founding import LAB
from lazulite.arm.identity_member import decode, patched
from lazulite.arm.tokens import object_id
from lazulite.resources.model import Violation
from tests.arm.access.people import AUTHORIZATION, as_principal, assign, guid, someone
from tests.arm.client import GROUP, Answer, Client, exchange
from tests.arm.deployments.lab import template
from tests.arm.garden import TENANT
from tests.arm.product import HERE, deploy, product, what_if

KIND = "Microsoft.ManagedIdentity/userAssignedIdentities"
APP, OTHER = (f"{GROUP}/providers/{KIND}/{name}" for name in ("app", "other"))
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/account"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/set"


@pytest.fixture
def one() -> Iterator[Client]:
    with product() as found:
        for identity in (APP, OTHER):
            assert found.put(identity, HERE).status == 201
        yield found


def who(one: Client, identity: str = APP) -> dict[str, str]:
    found: dict[str, str] = one.get(identity).body["properties"]
    return {name: found[name] for name in ("principalId", "clientId")}


def having(*identities: str, kind: str = "UserAssigned") -> dict[str, Any]:
    return HERE | {"identity": {"type": kind, "userAssignedIdentities": {i: {} for i in identities}}}


def graph(one: Client) -> Client:
    me: Any = one.api.router.access.directory.find(object_id(LAB))
    return as_principal(one, me, f"{one.backend.base_url}/graph")


def imds(one: Client, *, near: bool = True, **query: str) -> Answer:
    text = urlencode({"api-version": "2018-02-01", "resource": f"{one.backend.base_url}/", **query})
    headers = {"Metadata": "true"}
    return one.runner.run(exchange(one.api, "GET", "/metadata/identity/oauth2/token", text, headers, near=near))


def claims(answer: Answer) -> dict[str, Any]:
    middle = answer.body["access_token"].split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return found


def test_the_principal_lives_as_long_as_the_identity(one: Client) -> None:
    people, ids = graph(one), who(one)
    url = f"/graph/v1.0/servicePrincipals/{ids['principalId']}"
    found = people.get(url).body
    assert (found["displayName"], found["servicePrincipalType"]) == ("app", "ManagedIdentity")
    assert (found["appId"], found["alternativeNames"]) == (ids["clientId"], ["isExplicit=True", APP])
    assert people.delete(url).status == 400
    one.put(APP, HERE | {"tags": {"a": "b"}})
    assert who(one) == ids
    assert one.delete(APP).status == 200
    assert people.get(url).status == 404
    one.put(APP, HERE)
    assert set(who(one).values()).isdisjoint(ids.values())


def test_identities_differ_and_know_their_tenant(one: Client) -> None:
    assert len({*who(one).values(), *who(one, OTHER).values()}) == 4
    assert one.get(APP).body["properties"]["tenantId"] == TENANT


@pytest.mark.parametrize("name", ["client_id", "object_id", "mi_res_id", "msi_res_id"])
def test_the_host_gets_its_token_by_any_of_its_names(one: Client, name: str) -> None:
    ids = who(one)
    named = {"client_id": ids["clientId"], "object_id": ids["principalId"]}.get(name, APP)
    answer = imds(one, **{name: named})
    assert answer.body["client_id"] == ids["clientId"]
    said = claims(answer)
    assert (said["oid"], said["appid"]) == (ids["principalId"], ids["clientId"])
    refused = imds(one, near=False, **{name: named})
    assert (refused.status, refused.body["error"]) == (403, "access_denied")
    one.delete(APP)
    assert imds(one, **{name: named}).status == 400


def test_its_token_opens_what_its_roles_allow(one: Client) -> None:
    token = imds(one, mi_res_id=APP).body["access_token"]

    def status() -> int:
        return one.call("GET", APP, headers={"authorization": f"Bearer {token}"}).status

    assert status() == 403
    assign(one, "Reader", GROUP, who(one)["principalId"])
    assert status() == 200
    one.delete(APP)
    assert status() == 401


@pytest.mark.parametrize("kind", ["UserAssigned", "SystemAssigned, UserAssigned", "systemAssigned,userAssigned"])
def test_a_resource_says_who_its_identities_are(one: Client, kind: str) -> None:
    assert one.put(ACCOUNT, having(APP, OTHER, kind=kind)).status == 200
    shown = one.get(ACCOUNT).body["identity"]
    assert shown["type"] == ("SystemAssigned, UserAssigned" if "," in kind else kind)
    assert shown["userAssignedIdentities"] == {APP: who(one), OTHER: who(one, OTHER)}
    assert ("principalId" in shown) == ("ystem" in kind)
    assert one.put(ACCOUNT, one.get(ACCOUNT).body).body["identity"] == shown
    [listed] = [r for r in one.get(f"{GROUP}/resources").body["value"] if r["id"] == ACCOUNT]
    assert listed["identity"] == shown


@pytest.mark.parametrize("where", [VM, SET])
def test_machines_and_scale_sets_have_them_too(one: Client, where: str) -> None:
    sku = {"sku": {"name": "Standard_B1s", "capacity": 0}} if where == SET else {}
    nic = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic"
    net = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}
    subnet = {"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}
    one.put(net, HERE | {"properties": space | {"subnets": [subnet]}})
    ip = [{"name": "ip", "properties": {"subnet": {"id": f"{net}/subnets/s"}}}]
    one.put(nic, HERE | {"properties": {"ipConfigurations": ip}})
    machine: Any = {"networkProfile": {"networkInterfaces": [{"id": nic}]}, "osProfile": {"computerName": "vm"}}
    if where == SET:
        interface = {"name": "nic", "properties": {"primary": True, "ipConfigurations": ip}}
        profile = {"networkProfile": {"networkInterfaceConfigurations": [interface]}}
        profile |= {"osProfile": {"computerNamePrefix": "vm", "adminUsername": "a", "adminPassword": "Lazulite-1234"}}
        machine = {"upgradePolicy": {"mode": "Manual"}, "virtualMachineProfile": profile}
    answer = one.put(where, having(APP) | sku | {"properties": machine})
    assert answer.status in (200, 201), answer.content
    assert one.get(where).body["identity"]["userAssignedIdentities"] == {APP: who(one)}
    assert one.delete(APP).outcome == (400, "CannotDeleteResource")


def test_an_identity_that_a_resource_has_is_not_deleted(one: Client) -> None:
    one.put(ACCOUNT, having(APP.replace("providers", "Providers").upper().replace("/SUB", "/sub")))
    answer = one.delete(APP)
    assert answer.outcome == (400, "CannotDeleteResource")
    assert ACCOUNT in answer.error["message"]
    assert one.delete(OTHER).status == 200
    one.put(ACCOUNT, HERE)
    assert one.delete(APP).status == 200


def test_a_group_goes_with_identities_and_who_has_them(one: Client) -> None:
    one.put(ACCOUNT, having(APP))
    assert one.delete(GROUP).status == 202


BAD: list[Any] = [
    pytest.param({"type": "UserAssigned"}, "MissingIdentityIds", id="none is named"),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {}}, "MissingIdentityIds", id="none is among those named"
    ),
    pytest.param(
        {"type": "SystemAssigned", "userAssignedIdentities": {APP: {}}}, "InvalidParameter", id="the type has none"
    ),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {APP + "x": {}}},
        "FailedIdentityOperation",
        id="one is not there",
    ),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {GROUP: {}}}, "FailedIdentityOperation", id="one is a group"
    ),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {"app": {}}}, "LinkedInvalidPropertyId", id="one is no id"
    ),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {APP: 1}}, "InvalidRequestContent", id="one is a number"
    ),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": [APP]}, "InvalidRequestContent", id="they are a list"
    ),
    pytest.param({"type": "UserAssigned", "identityIds": [APP]}, "InvalidRequestFormat", id="they have an old name"),
    pytest.param({"type": "Own"}, "InvalidParameter", id="the type is unknown"),
    pytest.param({"type": ["UserAssigned"]}, "InvalidParameter", id="the type is a list"),
    pytest.param({}, "InvalidParameter", id="there is no type"),
    pytest.param("UserAssigned", "InvalidRequestContent", id="it is a text"),
]


@pytest.mark.parametrize(("identity", "code"), BAD)
def test_what_is_no_identity_is_refused(one: Client, identity: Any, code: str) -> None:
    one.put(ACCOUNT, HERE)
    before = one.get(ACCOUNT).body["etag"]
    answer = one.put(ACCOUNT, HERE | {"identity": identity})
    codes = {answer.error["code"], *(d["code"] for d in answer.error.get("details", ()))}
    assert (answer.status, code in codes) == (400, True), answer.content
    assert one.get(ACCOUNT).body["etag"] == before


def test_all_that_is_wrong_is_said_at_once() -> None:
    found: list[Violation] = []
    decode({"type": "UserAssigned", "userAssignedIdentities": {"a": 1, "b": {}}, "colour": "red"}, found)
    assert [v.code for v in found] == [
        "InvalidRequestFormat",
        "LinkedInvalidPropertyId",
        "InvalidRequestContent",
        "LinkedInvalidPropertyId",
    ]


def test_only_what_was_chosen_is_kept() -> None:
    found: list[Violation] = []
    read = {"Type": "UserAssigned", "userassignedidentities": {APP: who_anybody(), APP.lower(): {}}, "tenantId": TENANT}
    assert decode(read, found) == {"type": "UserAssigned", "userAssignedIdentities": {APP.lower(): {}}}
    assert decode({"type": "None", "principalId": TENANT}, found) == {"type": "None"}
    assert found == []


def who_anybody() -> dict[str, str]:
    return {"principalId": guid("p"), "clientId": guid("c")}


PATCHES: list[Any] = [
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {OTHER: {}}}, {APP, OTHER}, id="one is added by its id"
    ),
    pytest.param(
        {"type": "UserAssigned", "userAssignedIdentities": {OTHER: {}, APP: None}}, {OTHER}, id="null takes one away"
    ),
    pytest.param({"type": "None"}, set(), id="none takes all away"),
    pytest.param({"type": "SystemAssigned"}, set(), id="so does the resource's own"),
]


@pytest.mark.parametrize(("identity", "left"), PATCHES)
def test_a_patch_adds_and_takes_away(one: Client, identity: Any, left: set[str]) -> None:
    one.put(ACCOUNT, having(APP))
    answer = one.patch(ACCOUNT, {"identity": identity})
    assert answer.status == 200, answer.content
    shown = one.get(ACCOUNT).body["identity"]
    assert (shown["type"], set(shown.get("userAssignedIdentities", ()))) == (identity["type"], left)


def test_a_patch_of_something_else_leaves_them(one: Client) -> None:
    one.put(ACCOUNT, having(APP))
    before = one.get(ACCOUNT).body["identity"]
    one.patch(ACCOUNT, {"tags": {"a": "b"}})
    assert one.get(ACCOUNT).body["identity"] == before
    assert patched({"a": 1}, {"a": 1}) == {"a": 1}


def test_to_give_an_identity_one_needs_the_right_to(one: Client) -> None:
    eve = someone(one, ("Storage Account Contributor", GROUP), name="eve")
    refused = eve.put(ACCOUNT, having(APP))
    assert refused.outcome == (403, "LinkedAuthorizationFailed")
    assert f"{KIND}/assign/action" in refused.error["message"]
    assert eve.put(ACCOUNT, HERE).status == 200
    assert eve.patch(ACCOUNT, having(APP)).outcome == (403, "LinkedAuthorizationFailed")
    assign(one, "Managed Identity Operator", APP, guid("eve"))
    assert eve.put(ACCOUNT, having(APP)).status == 200
    assert eve.put(ACCOUNT, having(APP, OTHER)).outcome == (403, "LinkedAuthorizationFailed")


def test_a_contributor_of_identities_makes_them_and_gives_none(one: Client) -> None:
    ann = someone(one, ("Managed Identity Contributor", GROUP), name="ann")
    assert ann.put(APP + "-new", HERE).status == 201
    assert ann.delete(APP + "-new").status == 200
    assert ann.put(ACCOUNT, HERE).outcome == (403, "AuthorizationFailed")


FILE = Path(__file__).with_name("identity-with-a-role.json")
WHOLE = {"properties": {"mode": "Incremental", "template": json.loads(FILE.read_text())}}


def test_a_template_makes_an_identity_gives_it_and_gives_it_a_role(one: Client) -> None:
    foreseen = what_if(one, WHOLE)
    assert foreseen.get("error") is None
    assert {c["changeType"] for c in foreseen["changes"]} <= {"Create", "Ignore", "Unsupported"}
    found = deploy(one, WHOLE)
    assert found["provisioningState"] == "Succeeded", found
    made = next(r["id"] for r in found["outputResources"] if KIND in r["id"])
    ids = who(one, made)
    assert found["outputs"]["principal"]["value"] == ids["principalId"]
    assert found["outputs"]["client"]["value"] == ids["clientId"]
    held = one.get(f"{GROUP}/{AUTHORIZATION}/roleAssignments").body["value"]
    assert ids["principalId"] in {a["properties"]["principalId"] for a in held}
    again = {c["changeType"] for c in what_if(one, WHOLE)["changes"]}
    assert again <= {"NoChange", "Ignore", "Unsupported"}, again


def test_an_exported_group_gives_the_identity_again(one: Client) -> None:
    one.put(ACCOUNT, having(APP))
    answer = one.post(f"{GROUP}/exportTemplate", {"resources": ["*"], "options": "SkipAllParameterization"})
    exported = answer.body["template"] if answer.status == 200 else one.settle(answer)["template"]
    [holder] = [r for r in exported["resources"] if r["type"] == "Microsoft.Storage/storageAccounts"]
    assert KIND.lower() in json.dumps(holder["identity"]).lower()
    before = who(one)
    one.put(ACCOUNT, HERE)
    assert deploy(one, {"properties": {"mode": "Complete", "template": exported}})["provisioningState"] == "Succeeded"
    assert one.get(ACCOUNT).body["identity"]["userAssignedIdentities"] == {APP: before}


def test_a_complete_deployment_deletes_who_has_an_identity_first(one: Client) -> None:
    one.put(ACCOUNT, having(APP))
    empty = {"properties": {"mode": "Complete", "template": template()}}
    assert deploy(one, empty)["provisioningState"] == "Succeeded"
    assert [one.get(i).status for i in (APP, OTHER, ACCOUNT)] == [404, 404, 404]
