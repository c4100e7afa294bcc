from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lazulite.resources.ids import ResourceId
from tests.arm.deployments.lab import GROUP_ID, Lab, nested, net, request, resource, template

STORAGE = ResourceId(f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/s")


def what_if(lab: Lab, document: Any, mode: str = "Incremental", **settings: Any) -> list[dict[str, Any]]:
    parameters = settings.pop("given", {})
    body = request(document, mode, **parameters)
    body["properties"]["whatIfSettings"] = settings
    answer = asyncio.run(lab.call("POST", "d/whatIf", body))
    assert (answer.status, answer.body["status"]) == (200, "Succeeded")
    assert lab.target.log == []
    found: list[dict[str, Any]] = answer.body["properties"]["changes"]
    return found


def live(lab: Lab, resource_id: ResourceId, **members: Any) -> None:
    identity = {"id": resource_id.text, "name": resource_id.name, "type": resource_id.kind, "etag": 'W/"1"'}
    properties = {"provisioningState": "Succeeded", **members.pop("properties", {})}
    lab.target.resources[resource_id] = {**identity, **members, "properties": properties}


def test_an_account_that_only_changes_its_sku() -> None:
    """The recorded gold: live properties that the template leaves out stand on both sides and are no change."""
    lab = Lab()
    kept = {"accessTier": "Hot", "supportsHttpsTrafficOnly": True}
    live(lab, STORAGE, kind="StorageV2", location="westus", sku={"name": "Standard_LRS"}, properties=kept)
    source = resource("Microsoft.Storage/storageAccounts", "s", location="West US", kind="StorageV2")
    source |= {"sku": {"name": "Standard_GRS"}, "properties": {}}
    shared = {
        "apiVersion": "2024-05-01",
        "id": STORAGE.text,
        "kind": "StorageV2",
        "location": "westus",
        "name": "s",
        "properties": kept,
        "type": "Microsoft.Storage/storageAccounts",
    }
    assert what_if(lab, template(source)) == [
        {
            "resourceId": STORAGE.text,
            "changeType": "Modify",
            "before": shared | {"sku": {"name": "Standard_LRS"}},
            "after": shared | {"sku": {"name": "Standard_GRS"}},
            "delta": [
                {"path": "sku.name", "propertyChangeType": "Modify", "before": "Standard_LRS", "after": "Standard_GRS"}
            ],
        }
    ]


def test_a_network_that_loses_a_tag_a_prefix_and_a_subnet() -> None:
    """The documented example: one resource to modify, in three places."""
    lab = Lab()
    subnets = [
        {
            "name": "subnet001",
            "id": "x",
            "properties": {"addressPrefix": "10.0.0.0/24", "provisioningState": "Succeeded"},
        },
        {
            "name": "subnet002",
            "id": "y",
            "properties": {"addressPrefix": "10.0.1.0/24", "provisioningState": "Succeeded"},
        },
    ]
    properties = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
    live(lab, net("virtualNetworks/vnet-001"), tags={"CostCenter": "12345", "Owner": "Team A"}, properties=properties)
    source = resource(
        "virtualNetworks",
        "vnet-001",
        tags={"CostCenter": "12345"},
        properties={
            "addressSpace": {"addressPrefixes": ["10.0.0.0/15"]},
            "subnets": [{"name": "subnet002", "properties": {"addressPrefix": "10.0.1.0/24"}}],
        },
    )
    [change] = what_if(lab, template(source))
    assert change["changeType"] == "Modify"
    tag, prefixes, removed = change["delta"]
    assert tag == {"path": "tags.Owner", "propertyChangeType": "Delete", "before": "Team A"}
    assert (prefixes["path"], prefixes["propertyChangeType"]) == ("properties.addressSpace.addressPrefixes", "Array")
    assert prefixes["children"] == [
        {"path": "0", "propertyChangeType": "Delete", "before": "10.0.0.0/16"},
        {"path": "0", "propertyChangeType": "Create", "after": "10.0.0.0/15"},
    ]
    assert (removed["path"], removed["propertyChangeType"]) == ("properties.subnets", "Array")
    assert removed["children"] == [
        {
            "path": "0",
            "propertyChangeType": "Delete",
            "before": {"name": "subnet001", "id": "x", "properties": {"addressPrefix": "10.0.0.0/24"}},
        }
    ]
    assert "etag" not in str(change)
    assert "provisioningState" not in str(change)


SAME = [
    pytest.param({"location": "East US"}, {"location": "eastus"}, id="a region by its display name"),
    pytest.param({"properties": {"p": "Dynamic"}}, {"properties": {"p": "dynamic"}}, id="a word in another case"),
    pytest.param({"properties": {"p": 4}}, {"properties": {"p": "4"}}, id="a number as text"),
    pytest.param({"properties": {"p": True}}, {"properties": {"P": "true"}}, id="a name in another case"),
    pytest.param({"properties": {"p": {"a": 1, "b": 2}}}, {"properties": {"p": {"a": 1}}}, id="a member left out"),
    pytest.param({"properties": {"p": 4}}, {"properties": {"p": None}}, id="null"),
    pytest.param(
        {"properties": {"l": [{"name": "a", "x": 1}, {"name": "b"}]}},
        {"properties": {"l": [{"name": "b"}, {"name": "A"}]}},
        id="named elements in another order",
    ),
    pytest.param(
        {"properties": {"l": [{"id": "/X", "etag": "1"}]}},
        {"properties": {"l": [{"id": "/x"}]}},
        id="a reference in another case",
    ),
    pytest.param({"properties": {"l": [["a"]]}}, {"properties": {"l": [["a"]]}}, id="lists in lists"),
    pytest.param(
        {"properties": {"l": [{"p": 1, "q": 2}]}}, {"properties": {"l": [{"p": 1}]}}, id="elements without a name"
    ),
]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_what_means_the_same_is_no_change(before: dict[str, Any], after: dict[str, Any]) -> None:
    lab = Lab()
    live(lab, net("natGateways/a"), **before)
    [change] = what_if(lab, template(resource("natGateways", "a", **after)))
    assert (change["changeType"], change["delta"]) == ("NoChange", [])


CHANGES = [
    pytest.param({"p": 1}, {"p": 1, "q": 2}, [("properties.q", "Create")], id="a property more"),
    pytest.param({"p": 1}, {"p": {"x": 1}}, [("properties.p", "Modify")], id="another type"),
    pytest.param(
        {"l": [{"name": "a", "x": 1}]},
        {"l": [{"name": "a", "x": 2}]},
        [("properties.l", "Array")],
        id="a named element that differs",
    ),
    pytest.param({"l": []}, {"l": [1]}, [("properties.l", "Array")], id="an element more"),
    pytest.param(
        {"p": "x"},
        {"p": "[reference('b').ipAddress]"},
        [("properties.p", "Modify")],
        id="a value that only the network knows",
    ),
]


@pytest.mark.parametrize(("before", "after", "delta"), CHANGES)
def test_what_differs_is_told(before: dict[str, Any], after: dict[str, Any], delta: list[tuple[str, str]]) -> None:
    lab = Lab()
    live(lab, net("natGateways/a"), properties=before)
    changes = what_if(lab, template(resource("natGateways", "a", properties=after), resource("natGateways", "b")))
    assert [(d["path"], d["propertyChangeType"]) for d in changes[0]["delta"]] == delta


def group() -> tuple[Lab, dict[str, Any]]:
    """A group with ``kept`` and ``left``, and a template of ``kept`` and ``new``; ``off`` has a condition."""
    lab = Lab()
    for name in ("kept", "left", "off"):
        live(lab, net(f"natGateways/{name}"))
    live(lab, net("virtualNetworks/v/subnets/s"))
    sources = [resource("natGateways", "kept"), resource("natGateways", "off", condition=False)]
    return lab, template(*sources, nested("n", template(resource("natGateways", "new"))))


TYPES = [
    pytest.param(
        "Incremental", "FullResourcePayloads", "NoChange Ignore Create Ignore", id="incremental ignores the rest"
    ),
    pytest.param("Complete", "FullResourcePayloads", "NoChange Delete Create Delete", id="complete deletes the rest"),
    pytest.param(
        "Incremental",
        "ResourceIdOnly",
        "Deploy Ignore Create Ignore",
        id="ids alone do not tell whether anything changes",
    ),
]


@pytest.mark.parametrize(("mode", "form", "types"), TYPES)
def test_the_kinds_of_change(mode: str, form: str, types: str) -> None:
    lab, document = group()
    changes = what_if(lab, document, mode, resultFormat=form)
    assert [c["resourceId"].rsplit("/", 1)[1] for c in changes] == ["kept", "left", "new", "off"]
    assert [c["changeType"] for c in changes] == types.split()
    payloads = {key for change in changes for key in change} - {"resourceId", "changeType"}
    assert bool(payloads) is (form != "ResourceIdOnly")


def test_a_secret_is_hidden() -> None:
    source = resource(
        "natGateways", "a", properties={"password": "[parameters('p')]", "text": ["[concat('x', parameters('p'))]"]}
    )
    document = template(source, parameters={"p": {"type": "securestring"}})
    [change] = what_if(Lab(), document, given={"p": "hunter2"})
    assert change["after"]["properties"] == {"password": "*******", "text": ["x*******"]}
