"""The tags of every scope, and the names that are in use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client

HERE = {"location": "local"}
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
WELL = f"{GARDEN}/wells/w"
NAMES = f"{WHOLE}/tagNames"


def at(scope: str) -> str:
    return f"{scope}/providers/Microsoft.Resources/tags/default"


def patch(garden: Client, scope: str, operation: str, **tags: str) -> Any:
    answer = garden.patch(at(scope), {"operation": operation, "properties": {"tags": tags}})
    assert answer.status == 200, answer.content
    return answer.body["properties"]["tags"]


@pytest.mark.parametrize("scope", [WELL, GROUP, WHOLE])
def test_the_worked_sequence_of_the_documentation(garden: Client, scope: str) -> None:
    garden.made(WELL, HERE)
    garden.put(at(scope), {"properties": {"tags": {"Dept": "Finance", "Status": "Normal"}}})
    put = garden.put(at(scope), {"properties": {"tags": {"Team": "Compliance", "Environment": "Production"}}})
    assert put.status == 200
    assert put.body == {
        "id": at(scope),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": {"Team": "Compliance", "Environment": "Production"}},
    }
    four = {"Team": "Compliance", "Environment": "Production", "Dept": "Finance", "Status": "Normal"}
    assert patch(garden, scope, "Merge", Dept="Finance", Status="Normal") == four
    assert patch(garden, scope, "Merge", Status="Green") == four | {"Status": "Green"}
    three = {"Project": "ECommerce", "CostCenter": "00123", "Team": "Web"}
    assert patch(garden, scope, "Replace", **three) == three
    assert patch(garden, scope, "Delete", Project="ECommerce", Team="Web") == {"CostCenter": "00123"}
    assert garden.get(at(scope)).body["properties"]["tags"] == {"CostCenter": "00123"}
    assert garden.delete(at(scope)).status == 200
    assert garden.get(at(scope)).body["properties"]["tags"] == {}


def test_names_compare_without_case_and_keep_the_one_they_have(garden: Client) -> None:
    garden.put(at(GROUP), {"properties": {"tags": {"Dept": "IT"}}})
    assert patch(garden, GROUP, "merge", DEPT="it") == {"Dept": "it"}
    assert patch(garden, GROUP, "DELETE", dept="IT") == {"Dept": "it"}
    assert patch(garden, GROUP, "Delete", dept="it") == {}


def test_a_resource_shows_them_and_keeps_everything_else(garden: Client) -> None:
    before = garden.made(WELL, HERE | {"properties": {"depth": 7}})
    garden.put(at(WELL), {"properties": {"tags": {"a": "b"}}})
    after = garden.get(WELL).body
    assert after["tags"] == {"a": "b"}
    assert {k: v for k, v in after.items() if k not in ("tags", "etag")} == {
        k: v for k, v in before.items() if k != "etag"
    }


FIFTY_ONE = {f"t{n}": "" for n in range(51)}
REFUSED = [
    pytest.param("PUT", {"properties": {"tags": FIFTY_ONE}}, "TagCountLimitExceeded", id="51 are too many"),
    pytest.param("PUT", {"properties": {"tags": {"a" * 513: ""}}}, "InvalidTagNameLength", id="a name of 513"),
    pytest.param("PUT", {"properties": {"tags": {"a": "b" * 257}}}, "InvalidTagValueLength", id="a value of 257"),
    pytest.param("PUT", {"properties": {"tags": {"a<b": ""}}}, "InvalidTagNameCharacters", id="a reserved character"),
    pytest.param("PUT", {"properties": {"tags": {"a": "1", "A": "2"}}}, "DuplicateTagNames", id="one name twice"),
    pytest.param("PUT", {"properties": {}}, "InvalidRequestContent", id="no tags"),
    pytest.param("PUT", [], "InvalidRequestContent", id="a list"),
    pytest.param("PATCH", {"operation": "Add", "properties": {"tags": {}}}, "InvalidRequestContent", id="Add"),
]


@pytest.mark.parametrize(("method", "body", "code"), REFUSED)
def test_what_is_refused_leaves_the_tags_alone(garden: Client, method: str, body: Any, code: str) -> None:
    garden.put(at(GROUP), {"properties": {"tags": {"kept": "yes"}}})
    assert garden.call(method, at(GROUP), body).outcome == (400, code)
    assert garden.get(at(GROUP)).body["properties"]["tags"] == {"kept": "yes"}


def test_what_is_merged_counts_too(garden: Client) -> None:
    garden.put(at(GROUP), {"properties": {"tags": {f"t{n}": "" for n in range(50)}}})
    more = {"operation": "Merge", "properties": {"tags": {"one": "more"}}}
    assert garden.patch(at(GROUP), more).outcome == (400, "TagCountLimitExceeded")


def test_only_what_has_tags_can_be_tagged(garden: Client) -> None:
    garden.made(f"{GARDEN}/beds/b", HERE | {"properties": {"plants": [{"name": "p"}]}})
    body = {"properties": {"tags": {}}}
    assert garden.put(at(f"{GARDEN}/beds/b/plants/p"), body).outcome == (400, "UnsupportedResourceOperation")
    assert garden.put(at(WELL), body).outcome == (404, "ResourceNotFound")
    assert garden.put(at(f"{WHOLE}/resourceGroups/no"), body).outcome == (404, "ResourceGroupNotFound")


def used(garden: Client) -> dict[str, dict[str, int]]:
    return {
        n["tagName"]: {v["tagValue"]: v["count"]["value"] for v in n["values"]} for n in garden.get(NAMES).body["value"]
    }


def test_names_in_use_are_counted_by_value(garden: Client) -> None:
    garden.put(at(GROUP), {"properties": {"tags": {"Dept": "IT", "env": "dev"}}})
    garden.made(WELL, HERE | {"tags": {"dept": "IT"}})
    assert used(garden) == {"Dept": {"IT": 2}, "env": {"dev": 1}}
    shown = garden.get(NAMES).body["value"][0]
    assert (shown["id"], shown["count"]) == (f"{NAMES}/Dept", {"type": "Total", "value": "2"})


def test_names_can_be_declared_before_they_are_used(garden: Client) -> None:
    assert [garden.put(f"{NAMES}/env", None).status for _ in range(2)] == [201, 200]
    assert garden.put(f"{NAMES}/env/tagValues/dev", None).status == 201
    assert used(garden) == {"env": {"dev": 0}}
    assert garden.delete(f"{NAMES}/env/tagValues/dev").status == 200
    assert garden.delete(f"{NAMES}/env/tagValues/dev").status == 204
    assert [garden.delete(f"{NAMES}/env").status for _ in range(2)] == [200, 204]
    assert used(garden) == {}


def test_what_is_in_use_is_not_forgotten(garden: Client) -> None:
    garden.put(at(GROUP), {"properties": {"tags": {"env": "dev"}}})
    for url in (f"{NAMES}/ENV", f"{NAMES}/env/tagValues/dev"):
        assert garden.delete(url).outcome == (409, "TagInUse")
    assert garden.put(f"{NAMES}/none/tagValues/x", None).outcome == (404, "TagNotFound")
    assert garden.put(f"{NAMES}/a<b", None).outcome == (400, "InvalidTagNameCharacters")


def test_templates_write_tags(garden: Client) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Resources/tags",
                "apiVersion": "2021-04-01",
                "name": "default",
                "properties": {"tags": {"by": "template"}},
            }
        ],
    }
    url = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    answer = garden.put(url, {"properties": {"mode": "Incremental", "template": template}})
    assert garden.settle(answer)["status"] == "Succeeded"
    assert garden.get(GROUP).body["tags"] == {"by": "template"}
