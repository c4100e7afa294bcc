"""Resource groups, and what they hold."""

from __future__ import annotations

from typing import Any

from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client

HERE = {"location": "West Europe"}
GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourcegroups"


def test_a_group_is_created_read_and_replaced(arm: Client) -> None:
    created = arm.put(GROUP.upper().replace("/G", "/g"), {**HERE, "tags": {"a": "b"}, "managedBy": "me"})
    assert created.status == 201
    assert created.body == {
        "id": GROUP,
        "name": "g",
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": {"a": "b"},
        "managedBy": "me",
        "properties": {"provisioningState": "Succeeded"},
    }
    assert arm.put(GROUP, HERE).status == 200
    assert "tags" not in arm.get(GROUP.replace("/g", "/G")).body


def test_head_tells_whether_a_group_exists(garden: Client) -> None:
    assert garden.call("HEAD", GROUP).status == 204
    assert garden.call("HEAD", f"{GROUP}x").status == 404


def test_a_group_keeps_its_location(garden: Client) -> None:
    assert garden.put(GROUP, {"location": "eastus"}).outcome == (409, "InvalidResourceGroupLocation")
    assert garden.put(f"{GROUP}x", {}).outcome == (400, "LocationRequired")
    assert garden.put(f"{GROUPS}/end.", HERE).outcome == (400, "InvalidResourceName")


def test_a_patch_replaces_the_tags(garden: Client) -> None:
    garden.patch(GROUP, {"tags": {"a": "1"}})
    assert garden.patch(GROUP, {"tags": {"b": "2"}}).body["tags"] == {"b": "2"}
    assert garden.patch(GROUP, [1]).outcome == (400, "InvalidRequestContent")


def test_deleting_a_group_takes_everything_in_it_in_one_revision(garden: Client) -> None:
    garden.made(f"{GARDEN}/wells/w", HERE)
    plant: dict[str, Any] = {"name": "p", "properties": {"water": {"id": f"{GARDEN}/wells/w"}}}
    garden.made(f"{GARDEN}/beds/b", {**HERE, "properties": {"plants": [plant]}})
    garden.made(f"{GARDEN}/beds/b/tools/t", HERE)
    garden.made(f"{GARDEN}/wells/deep", {**HERE, "properties": {"depth": 101}})
    garden.backend.store.documents.put("deployments", f"{GROUP}/providers/x/deployments/d".lower(), {"a": 1})
    before = garden.backend.store.snapshot.revision
    gone = garden.delete(GROUP)
    assert gone.status == 202
    assert "azure-asyncoperation" not in gone.headers
    assert garden.get(gone.headers["location"]).status == 200
    assert garden.backend.store.snapshot.revision == before + 1
    assert set(garden.backend.store.snapshot.resources) == {f"/subscriptions/{SUBSCRIPTION}"}
    assert garden.backend.store.documents.keys("deployments") == []
    assert garden.get(GROUP).outcome == (404, "ResourceGroupNotFound")
    assert garden.delete(GROUP).outcome == (404, "ResourceGroupNotFound")


def test_a_group_that_others_need_stays_whole(garden: Client) -> None:
    garden.put(f"{GROUP}2", HERE)
    garden.made(f"{GARDEN}/wells/a", HERE)
    garden.made(f"{GARDEN}/wells/b", HERE)
    plant = {"name": "p", "properties": {"water": {"id": f"{GARDEN}/wells/b"}}}
    garden.made(f"{GROUP}2/providers/Contoso.Garden/beds/b", {**HERE, "properties": {"plants": [plant]}})
    assert garden.delete(GROUP).outcome == (400, "CannotDeleteResource")
    assert garden.get(f"{GARDEN}/wells/a").status == 200
    assert garden.delete(f"{GROUP}2").status == 202
    assert garden.delete(GROUP).status == 202


def fill(garden: Client, count: int) -> None:
    for n in range(count):
        body = {**HERE, "tags": {"Kind": "even" if n % 2 == 0 else "odd"}}
        assert garden.put(f"{GARDEN}/wells/w{n}", body).status == 201


def names(answer: Any) -> list[str]:
    return [r["name"] for r in answer.body["value"]]


def test_lists_come_in_pages_that_lead_to_each_other(garden: Client) -> None:
    fill(garden, 5)
    found, url = [], f"{GARDEN}/wells?$top=2"
    while url:
        answer = garden.get(url)
        found.append(names(answer))
        url = answer.body.get("nextLink", "")
    assert found == [["w0", "w1"], ["w2", "w3"], ["w4"]]
    assert garden.get(f"{GARDEN}/wells?$top=0").outcome == (400, "InvalidTopParameter")
    assert garden.get(f"{GARDEN}/wells?$skiptoken=%FF").outcome == (400, "InvalidSkipToken")


def test_a_type_is_listed_in_a_group_and_in_the_subscription(garden: Client) -> None:
    fill(garden, 1)
    garden.put(f"{GROUP}2", HERE)
    garden.made(f"{GROUP}2/providers/Contoso.Garden/wells/other", HERE)
    assert names(garden.get(f"{GARDEN}/wells")) == ["w0"]
    assert names(garden.get(f"/subscriptions/{SUBSCRIPTION}/providers/contoso.garden/WELLS")) == ["w0", "other"]
    assert garden.get(f"{GROUP}3/providers/Contoso.Garden/wells").outcome == (404, "ResourceGroupNotFound")
    assert names(garden.get(GROUPS)) == ["g", "g2"]


def test_all_resources_are_filtered_as_az_asks(garden: Client) -> None:
    fill(garden, 3)
    garden.made(f"{GARDEN}/beds/w1", {**HERE, "properties": {"plants": [{"name": "p"}]}})
    garden.made(f"{GARDEN}/beds/w1/tools/t", HERE)
    every = f"/subscriptions/{SUBSCRIPTION}/resources"

    def found(expression: str) -> list[str]:
        return [
            r["id"].rsplit("/", 2)[1] + "/" + r["name"]
            for r in garden.get(f"{every}?$filter={expression}").body["value"]
        ]

    assert found("") == ["beds/w1", "wells/w0", "wells/w1", "wells/w2"]
    assert found("resourceGroup eq 'G' and name eq 'w1' and resourceType eq 'Contoso.Garden/Wells'") == ["wells/w1"]
    assert found("name eq 'None'") == []
    assert found("name ne 'w1'") == ["wells/w0", "wells/w2"]
    assert found("tagName eq 'kind' and tagValue eq 'even'") == ["wells/w0", "wells/w2"]
    assert found("tagName eq 'Other'") == []
    assert names(garden.get(f"{GROUP}/resources?$top=1")) == ["w1"]
    entry = garden.get(f"{GROUP}/resources?$filter=name eq 'w0'").body["value"][0]
    assert entry.keys() == {"id", "name", "type", "location", "tags", "sku"}


def test_groups_are_filtered_by_their_tags(garden: Client) -> None:
    garden.put(f"{GROUPS}/tagged", {**HERE, "tags": {"A": "b"}})
    named = [r["name"] for r in garden.get(f"{GROUPS}?$filter=tagName eq 'a' and tagValue eq 'b'").body["value"]]
    assert named == ["tagged"]
    assert garden.get(f"{GROUPS}?$filter=colour eq 'blue'").outcome == (400, "InvalidFilterInQueryString")


def test_a_filter_that_is_not_understood_is_refused(garden: Client) -> None:
    for expression in ("name gt 'a'", "colour eq 'red'", "name eq 'a' xor name eq 'b'", "name eq 'a"):
        answer = garden.get(f"{GROUP}/resources?$filter={expression}")
        assert answer.outcome == (400, "InvalidFilterInQueryString")
