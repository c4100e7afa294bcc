"""The life of a resource and of its children, through the generic path."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm.client import GARDEN, GROUP, Client

BED, WELL, GATE = f"{GARDEN}/beds/Bed", f"{GARDEN}/wells/w", f"{GARDEN}/gates/g"
HERE = {"location": "West Europe"}


def bed(**properties: Any) -> dict[str, Any]:
    return {**HERE, "properties": properties}


def plants(resource: dict[str, Any]) -> dict[str, Any]:
    return {p["name"]: p["properties"] for p in resource["properties"]["plants"]}


def test_a_new_resource_is_updating_until_its_operation_is_done(garden: Client) -> None:
    garden.backend.network.hold()
    created = garden.put(BED, bed(plants=[{"name": "p"}]))
    assert created.status == 201
    assert created.body["properties"]["provisioningState"] == "Updating"
    assert created.body["properties"]["plants"][0]["properties"]["provisioningState"] == "Updating"
    assert created.headers["etag"] == created.body["etag"]
    garden.backend.network.release()
    assert garden.settle(created)["status"] == "Succeeded"
    assert garden.get(BED).body["properties"]["provisioningState"] == "Succeeded"


def test_a_resource_shows_its_envelope_and_what_the_service_computes(garden: Client) -> None:
    made = garden.made(BED, {**HERE, "tags": {"A": "b"}, "zones": [1], "properties": {"plants": [{"name": "p"}]}})
    assert (made["name"], made["type"], made["location"]) == ("Bed", "Contoso.Garden/beds", "westeurope")
    assert (made["id"], made["tags"], made["zones"]) == (BED, {"A": "b"}, ["1"])
    assert made["properties"]["area"] == 10
    child = made["properties"]["plants"][0]
    assert (child["id"], child["etag"], child["type"]) == (
        f"{BED}/plants/p",
        made["etag"],
        "Contoso.Garden/beds/plants",
    )


def test_paths_compare_without_case_and_with_doubled_slashes_but_keep_the_first_spelling(garden: Client) -> None:
    garden.made(BED, bed(plants=[{"name": "Rose"}]))
    path = BED.replace("resourceGroups", "RESOURCEGROUPS").replace("/beds/", "//BEDS/").replace("/Bed", "/bED")
    again = garden.put(path, bed(plants=[{"name": "rose", "properties": {"height": 3}}]))
    assert again.status == 200
    assert again.body["id"] == BED
    assert again.body["properties"]["plants"][0]["id"] == f"{BED}/plants/Rose"


def test_a_put_of_what_was_read_loses_nothing_and_changes_nothing(garden: Client) -> None:
    garden.made(WELL, HERE)
    plant = {"name": "p", "properties": {"water": {"id": WELL}, "leaves": [{"name": "l"}]}}
    first = garden.made(BED, bed(plants=[plant], stones=[{"name": "s"}], lock={"code": "1234"}))
    second = garden.made(BED, first)
    assert second["etag"] != first["etag"]
    for found in (first, second):
        found["etag"] = ""
        for child in (*found["properties"]["plants"], *found["properties"]["stones"]):
            child["etag"] = ""
            for leaf in child["properties"].get("leaves", []):
                leaf["etag"] = ""
    assert second == first
    stored = garden.backend.store.snapshot.resources[BED.lower()].properties
    assert stored.lock.code == "1234", "a secret that is never shown survives the echo"


def test_what_the_service_assigned_is_kept_whatever_a_client_sends(garden: Client) -> None:
    first = garden.made(BED, bed(serial="mine", plants=[{"name": "a", "properties": {"number": 77}}]))
    assert first["properties"]["serial"] == "bed-1"
    assert plants(first)["a"]["number"] == 1
    second = garden.made(BED, bed(serial="other", plants=[{"name": "b"}, {"name": "a", "properties": {"number": 9}}]))
    assert second["properties"]["serial"] == "bed-1"
    assert {n: p["number"] for n, p in plants(second).items()} == {"a": 1, "b": 2}


def test_a_replacement_resets_what_it_leaves_out(garden: Client) -> None:
    garden.made(WELL, {**HERE, "tags": {"a": "b"}, "properties": {"depth": 9}})
    after = garden.made(WELL, HERE)
    assert after["properties"]["depth"] == 5
    assert "tags" not in after


def test_an_empty_map_of_tags_is_echoed_because_az_edits_tags_in_place(garden: Client) -> None:
    garden.made(WELL, {**HERE, "tags": {}})
    assert garden.get(WELL).body["tags"] == {}
    assert "tags" not in garden.made(BED, HERE)


def test_secrets_are_never_shown(garden: Client) -> None:
    made = garden.put(WELL, {**HERE, "properties": {"key": "s3cret"}})
    assert b"s3cret" not in made.content + garden.get(WELL).content
    assert garden.post(f"{WELL}/listKeys").body["key"] == "s3cret"


def test_the_default_sku_fills_what_is_left_out(garden: Client) -> None:
    assert garden.made(WELL, HERE)["sku"] == {"name": "Basic", "tier": "Regional"}
    assert garden.made(WELL, {**HERE, "sku": {"name": "Standard"}})["sku"] == {"name": "Standard", "tier": "Regional"}


def test_a_type_that_is_not_asynchronous_answers_with_the_final_state(garden: Client) -> None:
    answer = garden.put(GATE, {})
    assert answer.status == 201
    assert answer.body["properties"]["provisioningState"] == "Succeeded"
    assert "azure-asyncoperation" not in answer.headers
    assert garden.delete(GATE).status == 200


def test_a_type_may_answer_its_creation_with_200(garden: Client) -> None:
    garden.made(BED, bed())
    assert garden.put(f"{BED}/tools/rake", HERE).status == 200
    assert garden.put(f"{BED}/plants/p", {}).status == 201


def test_a_delete_is_accepted_and_a_second_one_finds_nothing(garden: Client) -> None:
    garden.made(WELL, HERE)
    gone = garden.delete(WELL)
    assert gone.status == 202
    assert garden.settle(gone)["status"] == "Succeeded"
    assert garden.get(gone.headers["location"]).status == 204
    assert garden.get(WELL).outcome == (404, "ResourceNotFound")
    assert garden.delete(WELL).status == 204


def test_head_tells_whether_a_resource_exists(garden: Client) -> None:
    garden.made(WELL, HERE)
    assert garden.call("HEAD", WELL).status == 204
    assert garden.call("HEAD", f"{WELL}x").status == 404


def test_a_patch_of_tags_replaces_them_and_answers_at_once(garden: Client) -> None:
    garden.made(WELL, {**HERE, "tags": {"a": "1"}, "properties": {"depth": 9, "key": "k"}})
    answer = garden.patch(WELL, {"tags": {"b": "2"}})
    assert answer.status == 200
    assert "azure-asyncoperation" not in answer.headers
    assert answer.body["tags"] == {"b": "2"}
    assert answer.body["properties"]["depth"] == 9
    assert garden.post(f"{WELL}/listKeys").body["key"] == "k"


def test_a_patch_of_properties_merges(garden: Client) -> None:
    garden.made(WELL, {**HERE, "properties": {"depth": 9, "key": "k"}})
    garden.settle(garden.patch(WELL, {"properties": {"Running": True}}))
    assert garden.get(WELL).body["properties"] == {"provisioningState": "Succeeded", "depth": 9, "running": True}
    assert garden.post(f"{WELL}/listKeys").body["key"] == "k"


def test_a_child_is_created_read_replaced_and_deleted_at_its_own_path(garden: Client) -> None:
    parent = garden.made(BED, bed(plants=[{"name": "a"}], stones=[{"name": "s"}]))
    created = garden.put(f"{BED}/plants/b", {"properties": {"height": 30}})
    assert created.status == 201
    assert created.body["properties"]["number"] == 2
    assert created.headers["etag"] != parent["etag"]
    assert garden.put(f"{BED}/PLANTS/B", {"properties": {"height": 40}}).status == 200
    assert garden.get(f"{BED}/plants/b").body["properties"]["height"] == 40
    assert list(plants(garden.get(BED).body)) == ["a", "b"]
    assert garden.delete(f"{BED}/plants/a").status == 202
    after = garden.get(BED).body
    assert list(plants(after)) == ["b"]
    assert [s["name"] for s in after["properties"]["stones"]] == ["s"]
    assert garden.delete(f"{BED}/plants/a").status == 204


def test_a_child_put_keeps_what_other_writers_did_to_its_siblings(garden: Client) -> None:
    garden.made(BED, bed())
    for name in ("a", "b", "c"):
        assert garden.put(f"{BED}/plants/{name}", {}).status == 201
    assert sorted(plants(garden.get(BED).body)) == ["a", "b", "c"]


def test_every_child_is_readable_and_listed_at_any_depth(garden: Client) -> None:
    garden.made(BED, bed(plants=[{"name": "a", "properties": {"leaves": [{"name": "l"}]}}], stones=[{"name": "s"}]))
    assert garden.get(f"{BED}/stones/s").body["name"] == "s"
    assert garden.get(f"{BED}/plants/a/leaves/l").body["type"] == "Contoso.Garden/beds/plants/leaves"
    assert [p["name"] for p in garden.get(f"{BED}/plants").body["value"]] == ["a"]
    assert [p["name"] for p in garden.get(f"{BED}/plants/a/leaves").body["value"]] == ["l"]


def test_back_references_follow_from_the_references_of_others(garden: Client) -> None:
    made = garden.made(BED, bed(plants=[{"name": "p"}], stones=[{"name": "s", "properties": {"plant": None}}]))
    assert plants(made)["p"]["visitors"] == []
    stone = {"name": "s", "properties": {"plant": {"id": f"{BED}/plants/p"}}}
    made = garden.made(BED, bed(plants=[{"name": "p"}], stones=[stone]))
    assert plants(made)["p"]["visitors"] == [{"id": f"{BED}/stones/s"}]


def test_a_nested_type_of_its_own_lives_and_dies_with_its_parent(garden: Client) -> None:
    tool = f"{BED}/tools/rake"
    assert garden.put(tool, HERE).outcome == (404, "ParentResourceNotFound")
    garden.made(BED, bed())
    assert garden.made(tool, HERE)["type"] == "Contoso.Garden/beds/tools"
    assert [t["name"] for t in garden.get(f"{BED}/tools").body["value"]] == ["rake"]
    assert garden.delete(BED).status == 202
    assert garden.get(tool).status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"If-Match": "*"}, 200, id="any etag matches what exists"),
        pytest.param({"If-Match": "{etag}"}, 200, id="the current etag matches"),
        pytest.param({"If-Match": 'W/"other"'}, 412, id="another etag does not"),
        pytest.param({"If-None-Match": "*"}, 412, id="nothing may exist, but something does"),
        pytest.param({"If-None-Match": 'W/"other"'}, 200, id="anything but another etag"),
    ],
)
def test_conditions_guard_a_put(garden: Client, headers: dict[str, str], status: int) -> None:
    etag = garden.made(WELL, HERE)["etag"]
    sent = {k: v.replace("{etag}", etag) for k, v in headers.items()}
    answer = garden.put(WELL, {**HERE, "properties": {"depth": 8}}, sent)
    assert answer.outcome == (status, "PreconditionFailed" if status == 412 else "")
    assert garden.get(WELL).body["properties"]["depth"] == (5 if status == 412 else 8)


def test_of_two_writers_with_one_etag_the_second_is_told(garden: Client) -> None:
    etag = garden.made(BED, bed())["etag"]
    assert garden.put(f"{BED}/plants/a", {}, {"If-Match": "*"}).outcome == (412, "PreconditionFailed")
    assert garden.put(f"{BED}/plants/a", {}).status == 201
    assert garden.put(BED, bed(), {"If-Match": etag}).outcome == (412, "PreconditionFailed")
    assert garden.delete(BED, {"If-Match": etag}).outcome == (412, "PreconditionFailed")
    assert garden.put(WELL, HERE, {"If-Match": "*"}).outcome == (412, "PreconditionFailed")


def test_a_write_while_the_last_one_is_open_supersedes_it(garden: Client) -> None:
    garden.backend.network.hold()
    first = garden.put(WELL, {**HERE, "properties": {"depth": 1}})
    second = garden.put(WELL, {**HERE, "properties": {"depth": 2}})
    garden.backend.network.release()
    assert [garden.settle(a)["status"] for a in (first, second)] == ["Succeeded", "Succeeded"]
    assert garden.get(WELL).body["properties"] == {"provisioningState": "Succeeded", "depth": 2, "running": False}


def test_the_daemon_hears_of_every_commit_in_order(garden: Client) -> None:
    for depth in range(3):
        garden.put(WELL, {**HERE, "properties": {"depth": depth}})
    heard = garden.backend.commits
    assert heard == sorted(set(heard))
    assert heard[-1] == garden.backend.store.snapshot.revision


def test_resources_of_a_group_are_not_those_of_another_whose_name_it_begins(garden: Client) -> None:
    garden.put(f"{GROUP}2", HERE)
    garden.made(f"{GROUP}2/providers/Contoso.Garden/wells/w", HERE)
    assert garden.get(f"{GARDEN}/wells").body["value"] == []
