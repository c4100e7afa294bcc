"""Schemas of every type, from the same declarations by which bodies are read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from lazulite.daemon.controller import Controller
from lazulite.daemon.schema import known, schema
from lazulite.resources.model import Kind
from tests.arm.test_every_type import SOUND
from tests.validating import problems

REGISTRY = Controller.registry
KINDS = list(REGISTRY.kinds.values())
RULES = "Microsoft.Network/networkSecurityGroups/securityRules"


def body(kind: str) -> dict[str, Any]:
    return {"location": "local", "tags": {"a": "b"}, "properties": SOUND[kind]}


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_example_of_a_type_is_valid_by_its_schema(kind: str) -> None:
    assert problems(body(kind), schema(REGISTRY, kind)) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_every_type_has_a_schema_whose_references_all_lead_somewhere(kind: Kind) -> None:
    found = schema(REGISTRY, kind.name)
    text = json.dumps(found)
    for name in re.findall(r'"\$ref": "#/\$defs/([^"]+)"', text):
        assert found["$defs"][name]["type"] == "object"
    assert found["title"] == kind.name


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)
def test_children_with_a_path_of_their_own_have_a_schema(kind: Kind) -> None:
    for child in schema(REGISTRY, kind.name)["children"]:
        found = schema(REGISTRY, f"{kind.name}/{child}")
        assert found["title"] == f"{kind.name}/{child}"
        assert "location" not in found["properties"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param({"addresSpace": {}}, "properties.addresSpace", id="a name with a slip"),
        pytest.param({"addressSpace": []}, "properties.addressSpace", id="a list for an object"),
        pytest.param({"subnets": {}}, "properties.subnets", id="an object for a list"),
        pytest.param({"flowTimeoutInMinutes": 99}, "properties.flowTimeoutInMinutes", id="a number out of bounds"),
        pytest.param({"encryption": {}}, "properties.encryption.enabled", id="what is required and left out"),
        pytest.param(
            {"subnets": [{"name": "a", "properties": {"privateEndpointNetworkPolicies": "Perhaps"}}]},
            "properties.subnets[0].properties.privateEndpointNetworkPolicies",
            id="a word that is none of those allowed",
        ),
    ],
)
def test_what_is_wrong_is_found_at_its_path(change: dict[str, Any], where: str) -> None:
    kind = "Microsoft.Network/virtualNetworks"
    given = body(kind)
    given["properties"] = {**given["properties"], **change}
    assert [path for path, _ in problems(given, schema(REGISTRY, kind))] == [where]


def property_of(kind: str, model: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = schema(REGISTRY, kind)["$defs"][model]["properties"][name]
    return found


def test_words_types_and_bounds_come_from_the_declaration() -> None:
    model = "network_security_group.SecurityRule"
    assert property_of(RULES, model, "access") == {"enum": ["Allow", "Deny"]}
    assert property_of(RULES, model, "priority") == {"type": "integer"}
    assert property_of(RULES, model, "description")["maxLength"] == 140
    assert schema(REGISTRY, RULES)["$defs"][model]["required"] == ["protocol", "access", "direction", "priority"]


def test_what_the_declaration_says_in_words_is_the_description() -> None:
    said = property_of(RULES, "network_security_group.SecurityRule", "protocol")["description"]
    assert said == "Tcp, Udp, Icmp, Esp, Ah or * in any case; echoed as it was sent."


def test_what_is_computed_kept_refused_fixed_or_secret_is_marked() -> None:
    network = schema(REGISTRY, "Microsoft.Network/virtualNetworks")
    own = network["properties"]["properties"]["properties"]
    assert own["resourceGuid"]["readOnly"] is True
    assert own["enableVmProtection"]["effect"] == "kept"
    assert own["enableDdosProtection"]["effect"] == "refused"
    assert "defaultOutboundAddress" not in own
    machine = schema(REGISTRY, "Microsoft.Compute/virtualMachines")["$defs"]["compute.OSProfile"]["properties"]
    assert machine["adminPassword"]["writeOnly"] is True
    assert machine["computerName"]["immutable"] is True


def test_a_reference_names_the_type_it_leads_to() -> None:
    subnet = schema(REGISTRY, "Microsoft.Network/virtualNetworks/subnets")["$defs"]["virtual_network.Subnet"]
    assert subnet["properties"]["routeTable"]["target"] == "Microsoft.Network/routeTables"


def test_every_type_is_listed_with_its_children() -> None:
    rows = {row["type"]: row for row in known(REGISTRY)["value"]}
    assert rows.keys() == {k.name for k in KINDS}
    assert rows["Microsoft.Network/networkSecurityGroups"]["children"] == ["securityRules"]


@pytest.mark.parametrize("name", ["", "Nobody", "Microsoft.Network/none", f"{RULES}/more"])
def test_a_type_that_nobody_has_is_not_found(name: str) -> None:
    with pytest.raises(ArmError) as refused:
        schema(REGISTRY, name)
    assert (refused.value.status, refused.value.code) == (404, "InvalidResourceType")
