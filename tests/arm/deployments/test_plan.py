from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from tests.arm.deployments.lab import GROUP_ID, Lab, deploy, nested, net, resource, template


def written(*resources: Any, **sections: Any) -> list[str]:
    """What deploying the resources writes: the ids below the group, in order of ids."""
    parameters = sections.pop("given", {})
    found = deploy(template(*resources, **sections), **parameters)
    assert found["provisioningState"] == "Succeeded", found["error"]
    return [r["id"].split("/providers/", 1)[1].removeprefix("Microsoft.Network/") for r in found["outputResources"]]


def refusal(document: Any) -> str:
    with pytest.raises(ArmError) as caught:
        deploy(document)
    assert (caught.value.status, caught.value.code) == (400, "InvalidTemplate")
    return caught.value.message


def copies(count: Any, **more: Any) -> dict[str, Any]:
    return {"name": "loop", "count": count, **more}


COPIES = [
    pytest.param(
        resource("natGateways", "[format('n{0}', copyIndex())]", copy=copies(3)),
        ["natGateways/n0", "natGateways/n1", "natGateways/n2"],
        id="copyIndex counts from 0",
    ),
    pytest.param(
        resource("natGateways", "[format('n{0}', copyIndex(1))]", copy=copies(3)),
        ["natGateways/n1", "natGateways/n2", "natGateways/n3"],
        id="or from its offset",
    ),
    pytest.param(
        resource("natGateways", "[concat('n', copyIndex('loop'))]", copy=copies(1)),
        ["natGateways/n0"],
        id="a loop may be named",
    ),
    pytest.param(
        resource("natGateways", "[concat('n', copyIndex())]", copy=copies(0)), [], id="no copies make nothing"
    ),
    pytest.param(
        resource("natGateways", "[parameters('names')[copyIndex()]]", copy=copies("[length(parameters('names'))]")),
        ["natGateways/a", "natGateways/b"],
        id="as many as a parameter says",
    ),
    pytest.param(
        resource("natGateways", "[concat('n', copyIndex())]", copy=copies(3), condition="[equals(copyIndex(), 1)]"),
        ["natGateways/n1"],
        id="each copy has its own condition",
    ),
]


@pytest.mark.parametrize(("source", "expected"), COPIES)
def test_copies(source: dict[str, Any], expected: list[str]) -> None:
    names = {"names": {"type": "array", "defaultValue": ["a", "b"]}}
    assert written(source, parameters=names) == expected


CONDITIONS = [
    pytest.param(True, ["natGateways/n"], id="true"),
    pytest.param(False, [], id="false"),
    pytest.param("[equals(1, 2)]", [], id="an expression"),
    pytest.param("true", ["natGateways/n"], id="text that says true"),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_a_condition_decides(condition: Any, expected: list[str]) -> None:
    assert written(resource("natGateways", "n", condition=condition)) == expected


def test_children_stand_inside_their_parent_with_relative_types_and_names() -> None:
    grandchild = resource("x", "c") | {"type": "things"}
    child = resource("x", "b", resources=[grandchild], dependsOn=["v"]) | {"type": "subnets"}
    assert written(resource("virtualNetworks", "v", resources=[child])) == [
        "virtualNetworks/v",
        "virtualNetworks/v/subnets/b",
        "virtualNetworks/v/subnets/b/things/c",
    ]


def test_the_condition_of_a_parent_is_not_that_of_its_children() -> None:
    child = resource("x", "b") | {"type": "subnets"}
    assert written(resource("virtualNetworks", "v", condition=False, resources=[child])) == [
        "virtualNetworks/v/subnets/b"
    ]


def test_an_extension_stands_at_the_resource_its_scope_names() -> None:
    lock = resource("Microsoft.Authorization/locks", "l", scope="Microsoft.Network/virtualNetworks/v")
    by_id = resource(
        "Microsoft.Authorization/locks", "m", scope="[resourceId('Microsoft.Network/virtualNetworks', 'v')]"
    )
    older = resource("virtualNetworks/providers/locks", "v/Microsoft.Authorization/n")
    assert written(lock, by_id, older) == [
        f"virtualNetworks/v/providers/Microsoft.Authorization/locks/{name}" for name in "lmn"
    ]


def test_symbolic_names_make_the_resources_a_map() -> None:
    document = template(languageVersion="2.0")
    document["resources"] = {
        "net": resource("virtualNetworks", "v"),
        "nics": resource("networkInterfaces", "[format('n{0}', copyIndex())]", copy=copies(2), dependsOn=["net"]),
        "last": resource("natGateways", "g", dependsOn=["nics[1]"]),
        "old": resource("publicIPAddresses", "there", existing=True),
    }
    document["outputs"] = {
        "ip": {"type": "string", "value": "[reference('old').ipAddress]"},
        "all": {"type": "int", "value": "[length(references('nics'))]"},
        "one": {"type": "string", "value": "[reference('nics[1]', '2024-05-01', 'full').resourceId]"},
    }
    lab = Lab()
    lab.target.resources[net("publicIPAddresses/there")] = {"properties": {"ipAddress": "198.18.0.1"}}
    found = deploy(document, lab)
    assert {k: v["value"] for k, v in found["outputs"].items()} == {
        "ip": "198.18.0.1",
        "all": 2,
        "one": "Microsoft.Network/networkInterfaces/n1",
    }
    assert lab.target.names[0] == "v"
    assert lab.target.log.index("-n1") < lab.target.log.index("+g")
    assert net("publicIPAddresses/there").text not in str(found["outputResources"])


def test_members_that_speak_to_the_deployment_are_not_written_and_null_ones_are_absent() -> None:
    lab = Lab()
    members: dict[str, Any] = {
        "location": "[resourceGroup().location]",
        "tags": "[null()]",
        "comments": "why",
        "dependsOn": [],
        "condition": True,
        "properties": {"a": "[null()]", "b": [{"[concat('c', 'd')]": "[[literal]"}]},
    }
    puts: list[Any] = []

    async def put(resource_id: Any, body: Any, api_version: str) -> Any:
        puts.append((resource_id.text, body, api_version))
        return body

    lab.target.put = put  # type: ignore[method-assign]
    deploy(template(resource("virtualNetworks", "v", **members)), lab)
    body = {"location": "westeurope", "properties": {"a": None, "b": [{"cd": "[literal]"}]}}
    assert puts == [(net("virtualNetworks/v").text, body, "2024-05-01")]


SEGMENTS = "has incorrect segment lengths"
WRONG = [
    pytest.param(
        template(resource("virtualNetworks/subnets", "v")), SEGMENTS, id="a child's name without its parent's"
    ),
    pytest.param(template(resource("virtualNetworks", "v/s")), SEGMENTS, id="a name too long for its type"),
    pytest.param(template(resource("virtualNetworks", "v//s")), SEGMENTS, id="an empty segment"),
    pytest.param(
        template({"type": "virtualNetworks", "apiVersion": "1", "name": "v"}), SEGMENTS, id="a type without namespace"
    ),
    pytest.param(template({"type": "a/b", "name": "v"}), "has no 'apiVersion'", id="no API version"),
    pytest.param(template({"type": "a/b", "apiVersion": "1"}), "has no 'name'", id="no name"),
    pytest.param(
        template(resource("virtualNetworks", 5)), "has no 'name' that is a string", id="a name that is a number"
    ),
    pytest.param(template("x"), "is not an object", id="a resource that is text"),
    pytest.param("x", "not an object", id="a template that is text"),
    pytest.param({"resources": []}, "'$schema'", id="no schema"),
    pytest.param(template() | {"resources": None}, "'resources'", id="no resources"),
    pytest.param(template() | {"resources": "x"}, "neither an array nor an object", id="resources that are text"),
    pytest.param(template(bogus=1), "Could not find member 'bogus'", id="a section that is not there"),
    pytest.param(template(variables=[]), "'variables' is not an object", id="variables in a list"),
    pytest.param(template(outputs={"o": 1}), "'o' in the template's outputs", id="an output that is a number"),
    pytest.param(template(outputs={"o": {"type": "text", "value": 1}}), "The type 'text'", id="an output of no type"),
    pytest.param(template(functions=[{"namespace": "a"}]), "'functions' is not a list", id="functions without members"),
    pytest.param(
        template(resource("natGateways", "n", condition="maybe")),
        "The condition is a boolean",
        id="a condition that is neither",
    ),
    pytest.param(template(resource("natGateways", "n", copy=[])), "'copy'", id="a copy that is a list"),
    pytest.param(template(resource("natGateways", "n", copy=copies("x"))), "cannot exceed '800'", id="text as a count"),
    pytest.param(
        template(resource("natGateways", "n", copy=copies(2, mode="serial", batchSize=3))),
        "The batch size",
        id="a batch larger than the loop",
    ),
    pytest.param(
        template(resource("natGateways", "n", copy=copies(2))), "defined multiple times", id="copies of one name"
    ),
    pytest.param(template(resource("natGateways", "n", dependsOn="n")), "'dependsOn'", id="dependsOn that is text"),
    pytest.param(template(resource("natGateways", "n", scope="/")), "not the id", id="tenant scope"),
    pytest.param(
        template(resource("natGateways", "[reference('x').a]")),
        "not expected at this location",
        id="a name from the network",
    ),
    pytest.param(
        template(resource("natGateways", "n", properties={"a": "[nosuch()]"})),
        "resource '/subscriptions",
        id="a property that fails",
    ),
    pytest.param(
        template(resource("natGateways", "[variables('n')]"), variables={"n": "[reference('x')]"}),
        "not expected",
        id="a variable from the network",
    ),
    pytest.param(
        template(nested("x", template(), properties={"mode": "Complete"})),
        "is not 'Incremental'",
        id="a nested deployment in complete mode",
    ),
    pytest.param(
        template(nested("x", template(), properties={"parameters": {"a": {"value": 1}}})),
        "'inner'",
        id="parameters for an outer scope",
    ),
    pytest.param(
        template(resource("Microsoft.Resources/deployments", "x")),
        "has no properties",
        id="a nested deployment of nothing",
    ),
]


@pytest.mark.parametrize(("document", "sentence"), WRONG)
def test_a_template_is_refused(document: Any, sentence: str) -> None:
    assert sentence in refusal(document)


LIMITS = [
    pytest.param(
        template(parameters={f"p{i}": {"type": "int", "defaultValue": 1} for i in range(257)}),
        "number of template parameters limit exceeded. Limit: '256' and actual: '257'",
        id="parameters",
    ),
    pytest.param(
        template(variables={f"v{i}": 1 for i in range(257)}),
        "number of template variables limit exceeded. Limit: '256' and actual: '257'",
        id="variables",
    ),
    pytest.param(
        template(outputs={f"o{i}": {"type": "int", "value": 1} for i in range(65)}),
        "number of template outputs limit exceeded. Limit: '64' and actual: '65'",
        id="outputs",
    ),
    pytest.param(
        template(resource("natGateways", "[concat('n', copyIndex())]", copy=copies(800)), resource("natGateways", "m")),
        "number of template resources limit exceeded. Limit: '800'",
        id="resources",
    ),
    pytest.param(
        template(resource("natGateways", "['" + "n" * 24_577 + "']")),
        "the limit is '24576'",
        id="characters of an expression",
    ),
]


@pytest.mark.parametrize(("document", "sentence"), LIMITS)
def test_the_size_of_a_template_is_limited(document: Any, sentence: str) -> None:
    assert sentence in refusal(document)


def test_nested_deployments_are_limited_to_five_levels() -> None:
    document = template(resource("natGateways", "n"))
    for level in range(5):
        document = template(nested(f"level{level}", document))
    assert deploy(document)["provisioningState"] == "Succeeded"
    assert "deeper than 5" in refusal(template(nested("top", document)))


def test_the_largest_template_is_deployed() -> None:
    lab = Lab()
    sources = resource("networkInterfaces", "[format('n{0}', copyIndex())]", copy=copies(799), dependsOn=["v"])
    found = asyncio.run(lab.deploy(template(resource("virtualNetworks", "v"), sources)))
    assert found["provisioningState"] == "Succeeded"
    assert len(lab.target.listing(GROUP_ID)) == len(found["outputResources"]) == 800
    assert lab.target.log[1] == "-v"


def test_variables_that_chain_too_deeply_are_refused_and_not_a_crash() -> None:
    chain = {f"v{i}": f"[variables('v{i + 1}')]" for i in range(255)} | {"v255": 1}
    document = template(resource("natGateways", "[string(variables('v0'))]"), variables=chain)
    assert "too deeply" in refusal(document)
