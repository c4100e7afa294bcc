"""What template deployments write to."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from tests.arm.client import GARDEN, GROUP, Client

BED, WELL = ResourceId(f"{GARDEN}/beds/b"), ResourceId(f"{GARDEN}/wells/w")
HERE = {"location": "local"}
VERSION = "2025-01-01"


def run(garden: Client, work: Any) -> Any:
    return garden.runner.run(work)


def test_a_put_returns_the_finished_resource(garden: Client) -> None:
    target = garden.api.router.target
    put = run(garden, target.put(WELL, HERE, VERSION))
    assert put["properties"]["provisioningState"] == "Succeeded"
    assert put == run(garden, target.get(WELL, VERSION)) == garden.get(WELL.text).body


def test_a_child_is_put_and_read_like_a_resource(garden: Client) -> None:
    target = garden.api.router.target
    run(garden, target.put(BED, HERE, VERSION))
    put = run(garden, target.put(BED.child("plants", "p"), {"properties": {"height": 3}}, VERSION))
    assert (put["name"], put["properties"]["height"]) == ("p", 3)


def test_what_the_network_refuses_is_raised(garden: Client) -> None:
    garden.backend.network.refused = [(WELL.text, "dry")]
    with pytest.raises(ArmError, match="dry"):
        run(garden, garden.api.router.target.put(WELL, HERE, VERSION))


def test_what_the_api_refuses_is_raised(garden: Client) -> None:
    with pytest.raises(ArmError) as caught:
        run(garden, garden.api.router.target.put(WELL, {}, VERSION))
    assert (caught.value.status, caught.value.code) == (400, "LocationRequired")


def test_a_delete_returns_when_it_is_gone(garden: Client) -> None:
    target = garden.api.router.target
    run(garden, target.put(WELL, HERE, VERSION))
    for _ in range(2):
        run(garden, target.delete(WELL))
        assert run(garden, target.get(WELL, VERSION)) is None


def test_verbs_give_their_results(garden: Client) -> None:
    target = garden.api.router.target
    run(garden, target.put(WELL, {**HERE, "properties": {"key": "k"}}, VERSION))
    assert run(garden, target.action(WELL, "listKeys", None, VERSION))["key"] == "k"
    assert run(garden, target.action(WELL, "survey", None, VERSION)) == {"depth": 5}
    with pytest.raises(ArmError, match="dig"):
        run(garden, target.action(WELL, "dig", None, VERSION))
    with pytest.raises(ArmError, match="not found"):
        run(garden, target.action(ResourceId(f"{WELL}x"), "listKeys", None, VERSION))


def test_a_group_is_listed_in_an_order_in_which_it_can_be_deleted(garden: Client) -> None:
    target = garden.api.router.target
    run(garden, target.put(WELL, HERE, VERSION))
    plant = {"name": "p", "properties": {"water": {"id": WELL.text}}}
    run(garden, target.put(BED, {**HERE, "properties": {"plants": [plant]}}, VERSION))
    run(garden, target.put(ResourceId(f"{GARDEN}/gates/g"), {"properties": {"bed": {"id": BED.text}}}, VERSION))
    listed = target.listing(ResourceId(GROUP))
    assert [i.name for i in listed] == ["g", "b", "w"]
    for each in listed:
        run(garden, target.delete(each))
    assert target.listing(ResourceId(GROUP)) == []


def test_weak_circles_are_listed_too(garden: Client) -> None:
    target = garden.api.router.target
    for name, other in (("x", None), ("y", "x"), ("x", "y")):
        companion = other and {"id": f"{GARDEN}/beds/{other}"}
        body = {**HERE, "properties": {"plants": [{"name": "p", "properties": {"companion": companion}}]}}
        run(garden, target.put(ResourceId(f"{GARDEN}/beds/{name}"), body, VERSION))
    assert sorted(i.name for i in target.listing(ResourceId(GROUP))) == ["x", "y"]


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("contoso.garden/BEDS", True),
        ("Contoso.Garden/beds/plants", True),
        ("Contoso.Garden/beds/tools", True),
        ("Contoso.Garden/beds/stones", False),
        ("Contoso.Garden/ponds", False),
        ("Contoso.Kitchen/pans", False),
    ],
)
def test_only_what_can_be_written_is_known(arm: Client, kind: str, known: bool) -> None:
    assert arm.api.router.target.known(kind) is known


def test_preflight_checks_form_but_not_what_is_not_there_yet(arm: Client) -> None:
    check = arm.api.router.target.check
    plant = {"name": "p", "properties": {"water": {"id": WELL.text}}}
    assert check(BED, {**HERE, "properties": {"plants": [plant]}}) == []
    assert check(BED.child("plants", "p"), plant) == []
    assert [v.code for v in check(BED, {"properties": {"depth": 1}})] == ["LocationRequired", "InvalidRequestFormat"]
    assert [v.target for v in check(BED.child("plants", "p"), {"properties": {"height": 0}})] == ["properties.height"]
    assert [v.code for v in check(ResourceId(f"{GARDEN}/ponds/p"), HERE)] == ["InvalidResourceType"]
