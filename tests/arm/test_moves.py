"""Moves between groups: ids change, references follow, the network stays as it is, and it is all or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lazulite.arm.moves import FIXED
from lazulite.compiler.engine import Compiler, compile_model
from lazulite.forwarding.model import ForwardingModel
from lazulite.services import SERVICES
from lazulite.store import form
from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client, client
from tests.arm.test_every_type import KINDS, Everything, furnish, path

HERE = {"location": "local"}
OTHER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other"
WELL, BED = f"{GARDEN}/wells/w", f"{GARDEN}/beds/b"
MOVED_WELL, MOVED_BED = f"{OTHER}/providers/Contoso.Garden/wells/w", f"{OTHER}/providers/Contoso.Garden/beds/b"
LOCKED = (409, "ScopeLocked")


def move(garden: Client, *ids: str, verb: str = "moveResources", source: str = GROUP, target: str = OTHER) -> Any:
    return garden.post(f"{source}/{verb}", {"resources": list(ids), "targetResourceGroup": target})


def moved(garden: Client, *ids: str) -> None:
    assert move(garden, *ids, verb="validateMoveResources").status == 204
    answer = move(garden, *ids)
    assert answer.status == 202, answer.content
    assert garden.get(answer.headers["location"]).status == 200


@pytest.fixture
def planted(garden: Client) -> Client:
    """A well in ``g``, a bed there whose plant drinks from it, and an empty group ``Other``."""
    garden.put(OTHER, HERE)
    garden.made(WELL, HERE | {"properties": {"key": "k"}, "tags": {"a": "b"}})
    plant = {"name": "p", "properties": {"water": {"id": WELL.upper()}}}
    garden.made(BED, HERE | {"properties": {"plants": [plant], "notes": {"see": [f"{WELL}/x", "text"]}}})
    garden.made(f"{BED}/tools/t", HERE)
    return garden


def test_a_resource_is_itself_in_its_new_place(planted: Client) -> None:
    before = planted.get(WELL).body
    moved(planted, WELL)
    after = planted.get(MOVED_WELL).body
    changing = ("id", "etag")
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    assert after["id"] == MOVED_WELL
    assert after["etag"][:-14] == before["etag"][:-14]  # the same incarnation
    assert planted.get(WELL).outcome == (404, "ResourceNotFound")
    assert planted.post(f"{MOVED_WELL}/listKeys").body["key"] == "k"


def test_references_follow(planted: Client) -> None:
    moved(planted, WELL)
    properties = planted.get(BED).body["properties"]
    assert properties["plants"][0]["properties"]["water"] == {"id": MOVED_WELL}
    assert properties["notes"] == {"see": [f"{MOVED_WELL}/x", "text"]}
    assert planted.delete(MOVED_WELL).status == 400  # in use, as before


def test_children_and_what_stands_below_go_along(planted: Client) -> None:
    moved(planted, BED, WELL)
    assert planted.get(f"{MOVED_BED}/plants/p").body["properties"]["water"] == {"id": MOVED_WELL}
    assert planted.get(f"{MOVED_BED}/tools/t").status == 200
    assert planted.get(f"{GROUP}/resources").body["value"] == []
    assert planted.get(f"{BED}/plants/p").status == planted.get(f"{BED}/tools/t").status == 404


def test_there_and_back_is_where_it_was(planted: Client) -> None:
    before = planted.get(BED).body["properties"]
    moved(planted, WELL, BED)
    back = move(planted, MOVED_WELL, MOVED_BED, source=OTHER, target=GROUP)
    assert back.status == 202
    after = planted.get(BED).body["properties"]
    assert after["plants"][0]["properties"]["water"]["id"].lower() == WELL.lower()
    assert after["serial"] == before["serial"]


def test_a_validation_moves_nothing(planted: Client) -> None:
    before = planted.backend.store.snapshot
    assert move(planted, WELL, verb="validateMoveResources").status == 204
    assert planted.backend.store.snapshot is before


def put_lock(garden: Client, scope: str, level: str) -> None:
    url = f"{scope}/providers/Microsoft.Authorization/locks/l"
    assert garden.put(url, {"properties": {"level": level}}).status == 201


@pytest.mark.parametrize("scope", [WELL, GROUP, OTHER, f"/subscriptions/{SUBSCRIPTION}", f"{BED}/plants/p"])
def test_a_read_only_lock_at_either_end_holds_everything_in_place(planted: Client, scope: str) -> None:
    put_lock(planted, scope, "ReadOnly")
    before = planted.backend.store.snapshot
    assert move(planted, BED, WELL).outcome == LOCKED
    assert planted.backend.store.snapshot is before


def test_a_lock_against_deletion_moves_along(planted: Client) -> None:
    put_lock(planted, WELL, "CanNotDelete")
    moved(planted, BED, WELL)
    assert planted.delete(MOVED_WELL).outcome == LOCKED
    found = planted.get(f"{MOVED_WELL}/providers/Microsoft.Authorization/locks/l").body
    assert found["id"].startswith(MOVED_WELL)


NO = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/no"
ELSEWHERE = "/subscriptions/00000000-0000-0000-0000-000000000002/resourceGroups/g"
REFUSED = [
    pytest.param([WELL], NO, (404, "ResourceGroupNotFound"), id="the target is not there"),
    pytest.param([WELL], GROUP, (400, "InvalidTargetResourceGroup"), id="the target is the source"),
    pytest.param([WELL], WELL, (400, "InvalidTargetResourceGroup"), id="the target is no group"),
    pytest.param([WELL], "x", (400, "LinkedInvalidPropertyId"), id="the target is no id"),
    pytest.param([WELL], ELSEWHERE, (400, "CrossSubscriptionMoveNotSupported"), id="another subscription"),
    pytest.param([WELL, f"{GARDEN}/wells/no"], OTHER, (404, "ResourceNotFound"), id="one of them is not there"),
    pytest.param([WELL, f"{GARDEN}/trees/t"], OTHER, (400, "InvalidResourceType"), id="a type nobody knows"),
    pytest.param(
        [WELL, f"{OTHER}/providers/Contoso.Garden/wells/o"], OTHER, (400, "InvalidMoveResources"), id="two groups mixed"
    ),
    pytest.param([f"{BED}/plants/p"], OTHER, (400, "ResourceMoveNotSupported"), id="a child by itself"),
    pytest.param([f"{BED}/tools/t"], OTHER, (400, "ResourceMoveNotSupported"), id="a nested resource by itself"),
    pytest.param([GROUP], OTHER, (400, "InvalidResourceType"), id="a group"),
    pytest.param([], OTHER, (400, "InvalidRequestContent"), id="nothing"),
    pytest.param([1], OTHER, (400, "InvalidRequestContent"), id="no ids"),
    pytest.param(["x"], OTHER, (400, "LinkedInvalidPropertyId"), id="no id"),
    pytest.param([WELL] * 801, OTHER, (400, "MoveResourcesLimitExceeded"), id="more than 800"),
]


@pytest.mark.parametrize(("ids", "target", "outcome"), REFUSED)
def test_what_is_refused_moves_nothing(planted: Client, ids: list[Any], target: str, outcome: tuple[int, str]) -> None:
    planted.made(f"{OTHER}/providers/Contoso.Garden/wells/o", HERE)
    before = planted.backend.store.snapshot
    for verb in ("validateMoveResources", "moveResources"):
        assert move(planted, *ids, verb=verb, target=target).outcome == outcome
    assert planted.backend.store.snapshot is before


def test_a_name_that_is_taken_at_the_target_stops_all(planted: Client) -> None:
    planted.made(MOVED_WELL, HERE)
    before = planted.backend.store.snapshot
    assert move(planted, BED, WELL).outcome == (409, "ResourceMoveConflict")
    assert planted.backend.store.snapshot is before


def written(arm: Client) -> Iterator[bytes]:
    snapshot = arm.backend.store.snapshot
    return (form.write(r, arm.backend.registry).lower() for r in snapshot.resources.values() if r.revision)


def shown(model: ForwardingModel, *moved_ids: str) -> list[str]:
    """The model's entries as text, with the moved resources under the names they had."""
    text = sorted(msgspec.json.encode(e, enc_hook=str).decode().lower() for e in model)
    for old in moved_ids:
        new = old.replace(GROUP, OTHER).lower()
        text = [t.replace(new + '"', old.lower() + '"').replace(new + "/", old.lower() + "/") for t in text]
        text = [t.replace(new + "|", old.lower() + "|") for t in text]
    return sorted(text)


@pytest.mark.parametrize("kind", [k for k in KINDS if k.tracked and k.name.lower() not in FIXED], ids=lambda k: k.name)
def test_the_network_is_the_same_but_for_names(kind: Any) -> None:
    """Whatever type moves out of a furnished group: nobody names its old place, and every packet goes the same way."""
    old = path(kind)
    with client(backend_type=Everything) as arm:
        furnish(arm)
        arm.put(OTHER, HERE)
        before = compile_model(SERVICES, arm.backend.store.snapshot)
        assert move(arm, old).status == 202
        assert not [d for d in written(arm) if old.lower().encode() + b'"' in d or old.lower().encode() + b"/" in d]
        after = compile_model(SERVICES, arm.backend.store.snapshot)
        assert shown(after, old) == shown(before)


def test_a_move_is_compiled_incrementally_as_in_full() -> None:
    with client(backend_type=Everything) as arm:
        furnish(arm)
        arm.put(OTHER, HERE)
        compiler = Compiler(SERVICES)
        compiler.advance(arm.backend.store.snapshot)
        touched: list[Any] = []
        arm.backend.committed = lambda snapshot, keys: touched.extend(keys)  # type: ignore[method-assign]
        assert move(arm, *(path(k) for k in KINDS if k.tracked and k.name.lower() not in FIXED)).status == 202
        compiler.advance(arm.backend.store.snapshot, touched)
        full = compile_model(SERVICES, arm.backend.store.snapshot)
        assert sorted(map(repr, compiler.model)) == sorted(map(repr, full))


def test_types_that_stay_are_named_in_lower_case() -> None:
    assert {t for t in FIXED if t != t.lower()} == set()
