"""Locks: what each level forbids, where it is inherited, and that it holds on every path of a write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client, client

HERE = {"location": "local"}
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
WELL, BED = f"{GARDEN}/wells/w", f"{GARDEN}/beds/b"
PLANT = f"{BED}/plants/p"
LOCKED = (409, "ScopeLocked")


def locks(scope: str) -> str:
    return f"{scope}/providers/Microsoft.Authorization/locks"


def lock(garden: Client, scope: str, level: str, name: str = "l") -> Any:
    answer = garden.put(f"{locks(scope)}/{name}", {"properties": {"level": level}})
    assert answer.status in (200, 201), answer.content
    return answer.body


@pytest.fixture
def planted(garden: Client) -> Client:
    """A garden with a well, and a bed with a plant."""
    garden.made(WELL, HERE | {"properties": {"key": "k"}})
    garden.made(BED, HERE | {"properties": {"plants": [{"name": "p"}]}})
    return garden


REQUESTS: dict[str, tuple[str, str, Any]] = {
    "PUT": ("PUT", WELL, HERE | {"properties": {"key": "k", "depth": 6}}),
    "PATCH": ("PATCH", WELL, {"tags": {"a": "b"}}),
    "PUT of a child": ("PUT", PLANT, {"properties": {"height": 20}}),
    "PUT of what is new": ("PUT", f"{GARDEN}/wells/new", HERE),
    "POST": ("POST", f"{WELL}/listKeys", None),
    "DELETE": ("DELETE", WELL, None),
    "DELETE of a child": ("DELETE", PLANT, None),
    "DELETE of the group": ("DELETE", GROUP, None),
}
SCOPES = {"its own": (WELL, BED), "the group's": (GROUP,), "the subscription's": (WHOLE,)}
OUTSIDE = {("its own", "PUT of what is new")}
"""What a lock on other resources has nothing to say about."""
MATRIX = [
    pytest.param(level, where, what, id=f"{what} under {where} {level}")
    for level in ("CanNotDelete", "ReadOnly")
    for where in SCOPES
    for what in REQUESTS
]


@pytest.mark.parametrize(("level", "where", "what"), MATRIX)
def test_the_lock_matrix(planted: Client, level: str, where: str, what: str) -> None:
    for scope in SCOPES[where]:
        lock(planted, scope, level)
    before = planted.backend.store.snapshot
    method, url, body = REQUESTS[what]
    answer = planted.call(method, url, body)
    forbidden = (level == "ReadOnly" or method == "DELETE") and (where, what) not in OUTSIDE
    assert (answer.outcome == LOCKED) is forbidden, answer.content
    if forbidden:
        assert planted.backend.store.snapshot is before
    else:
        assert answer.status < 300


def test_the_message_is_azures(planted: Client) -> None:
    lock(planted, GROUP, "CanNotDelete")
    assert planted.delete(WELL).error["message"] == (
        f"The scope '{WELL}' cannot perform delete operation because following scope(s) are locked: '{GROUP}'. "
        "Please remove the lock and try again."
    )


def test_a_verb_that_is_forbidden_is_a_write_of_its_resource(planted: Client) -> None:
    lock(planted, WELL, "ReadOnly")
    message = planted.post(f"{WELL}/listKeys").error["message"]
    assert message.startswith(f"The scope '{WELL}' cannot perform write operation")


def test_every_lock_in_the_way_is_named(planted: Client) -> None:
    lock(planted, WHOLE, "CanNotDelete")
    lock(planted, WELL, "ReadOnly")
    assert f"are locked: '{WHOLE},{WELL}'" in planted.delete(WELL).error["message"]


def test_the_strictest_wins(planted: Client) -> None:
    lock(planted, GROUP, "CanNotDelete")
    lock(planted, WELL, "ReadOnly")
    assert planted.patch(WELL, {"tags": {}}).outcome == LOCKED
    assert planted.patch(BED, {"tags": {}}).status == 200


def test_a_group_with_a_locked_resource_is_deleted_not_even_in_part(planted: Client) -> None:
    lock(planted, PLANT, "CanNotDelete")
    for gone in (BED, GROUP):
        answer = planted.delete(gone)
        assert answer.outcome == LOCKED
        assert f"'{PLANT}'" in answer.error["message"]
    assert planted.get(WELL).status == planted.get(PLANT).status == 200


def test_reading_is_never_forbidden(planted: Client) -> None:
    lock(planted, WHOLE, "ReadOnly")
    for url in (WELL, GROUP, f"{GROUP}/resources", f"{GARDEN}/beds"):
        assert planted.get(url).status == 200


@pytest.mark.parametrize("scope", [WHOLE, GROUP, WELL, PLANT])
def test_a_lock_can_always_be_managed(planted: Client, scope: str) -> None:
    made = lock(planted, scope, "ReadOnly")
    assert made == {
        "properties": {"level": "ReadOnly"},
        "id": f"{locks(scope)}/l",
        "type": "Microsoft.Authorization/locks",
        "name": "l",
    }
    again = planted.put(f"{locks(scope)}/l", {"properties": {"level": "canNotDelete", "notes": "mine"}})
    assert (again.status, again.body["properties"]) == (200, {"level": "CanNotDelete", "notes": "mine"})
    assert planted.get(f"{locks(scope)}/L").body == again.body
    assert [planted.delete(f"{locks(scope)}/l").status for _ in range(2)] == [200, 204]
    assert planted.get(f"{locks(scope)}/l").outcome == (404, "LockNotFound")
    assert planted.patch(WELL, {"tags": {"free": "again"}}).status == 200


def test_lists_hold_what_binds_a_scope_and_what_is_below_it(planted: Client) -> None:
    for scope, name in ((WHOLE, "s"), (GROUP, "g"), (WELL, "w"), (PLANT, "p")):
        lock(planted, scope, "ReadOnly", name)

    def names(url: str) -> list[str]:
        return sorted(found["name"] for found in planted.get(url).body["value"])

    assert names(locks(WHOLE)) == names(locks(GROUP)) == ["g", "p", "s", "w"]
    assert names(locks(WELL)) == ["g", "s", "w"]
    assert names(locks(BED)) == ["g", "p", "s"]
    assert names(f"{locks(GROUP)}?$filter=atScope()") == ["g", "s"]


REFUSED = [
    pytest.param(f"{locks(GROUP)}/l", {"properties": {}}, (400, "InvalidRequestFormat"), id="a lock has a level"),
    pytest.param(
        f"{locks(GROUP)}/l", {"properties": {"level": "None"}}, (400, "InvalidRequestFormat"), id="of two that exist"
    ),
    pytest.param(
        f"{locks(GROUP)}/l.", {"properties": {"level": "ReadOnly"}}, (400, "InvalidResourceName"), id="a name"
    ),
    pytest.param(
        f"{locks(GARDEN)}/wells/none{locks('')}/l",
        {"properties": {"level": "ReadOnly"}},
        (404, "NotFound"),
        id="a path",
    ),
    pytest.param(
        f"{locks(f'{GARDEN}/wells/none')}/l",
        {"properties": {"level": "ReadOnly"}},
        (404, "ResourceNotFound"),
        id="a holder",
    ),
    pytest.param(
        f"{locks(f'{WHOLE}/resourceGroups/no')}/l",
        {"properties": {"level": "ReadOnly"}},
        (404, "ResourceGroupNotFound"),
        id="a group that is there",
    ),
]


@pytest.mark.parametrize(("url", "body", "outcome"), REFUSED)
def test_what_a_lock_needs(planted: Client, url: str, body: Any, outcome: tuple[int, str]) -> None:
    assert planted.put(url, body).outcome == outcome


def test_a_scope_has_twenty_locks_at_most(planted: Client) -> None:
    for number in range(20):
        lock(planted, WELL, "CanNotDelete", f"l{number}")
    assert planted.put(f"{locks(WELL)}/l20", {"properties": {"level": "ReadOnly"}}).outcome == (
        409,
        "LockCountLimitExceeded",
    )
    lock(planted, BED, "CanNotDelete", "l20")


def test_a_lock_whose_child_went_with_a_write_of_its_parent_can_be_removed(planted: Client) -> None:
    lock(planted, PLANT, "CanNotDelete")
    planted.made(BED, HERE | {"properties": {"plants": []}})
    assert planted.delete(GROUP).outcome == LOCKED
    assert planted.delete(f"{locks(PLANT)}/l").status == 200
    assert planted.delete(GROUP).status == 202


def test_locks_outlive_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lab.db"
    with client(url) as before:
        before.put(GROUP, HERE)
        lock(before, GROUP, "CanNotDelete")
    with client(url) as after:
        assert after.delete(GROUP).outcome == LOCKED


def resource(kind: str, name: str, **members: Any) -> dict[str, Any]:
    return {"type": kind, "apiVersion": "2025-01-01", "name": name, **members}


LOCK = {"properties": {"level": "CanNotDelete"}}
STYLES = [
    pytest.param(
        resource("Microsoft.Authorization/locks", "l", scope="Contoso.Garden/wells/w", dependsOn=["w"], **LOCK),
        WELL,
        id="with a scope",
    ),
    pytest.param(
        resource("Contoso.Garden/wells/providers/locks", "w/Microsoft.Authorization/l", dependsOn=["w"], **LOCK),
        WELL,
        id="as a child of another provider",
    ),
    pytest.param(resource("Microsoft.Authorization/locks", "l", **LOCK), GROUP, id="on the group"),
]


def deploy(garden: Client, resources: list[Any], mode: str = "Incremental") -> Any:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
    }
    url = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    answer = garden.call("PUT", url, content=json.dumps({"properties": {"mode": mode, "template": template}}).encode())
    assert answer.status in (200, 201), answer.content
    garden.settle(answer)
    return garden.get(url).body["properties"]


@pytest.mark.parametrize(("written", "scope"), STYLES)
def test_templates_bring_locks(garden: Client, written: Any, scope: str) -> None:
    well = resource("Contoso.Garden/wells", "w", location="local", properties={})
    for _ in range(2):
        assert deploy(garden, [well, written])["provisioningState"] == "Succeeded"
    assert garden.get(f"{locks(scope)}/l").body["properties"] == LOCK["properties"]
    assert garden.delete(WELL).outcome == LOCKED


def test_a_deployment_meets_the_locks_of_resources(planted: Client) -> None:
    lock(planted, WELL, "ReadOnly")
    done = deploy(planted, [resource("Contoso.Garden/wells", "w", location="local", properties={})])
    assert done["provisioningState"] == "Failed"
    assert done["error"]["details"][0]["code"] == "ScopeLocked"


def test_complete_mode_leaves_what_is_locked(planted: Client) -> None:
    lock(planted, WELL, "CanNotDelete")
    assert deploy(planted, [], "Complete")["provisioningState"] == "Succeeded"
    assert (planted.get(WELL).status, planted.get(BED).status) == (200, 404)


def test_a_read_only_group_takes_no_deployment(planted: Client) -> None:
    lock(planted, GROUP, "ReadOnly")
    url = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    assert planted.put(url, {"properties": {}}).outcome == LOCKED
