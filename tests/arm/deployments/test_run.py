from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation
from tests.arm.deployments.lab import (
    GROUP_ID,
    OTHER_ID,
    Lab,
    deploy,
    nested,
    net,
    request,
    resource,
    template,
)

CONFLICT = ArmError(
    409, "PropertyChangeNotAllowed", "No.", "properties.x", [Violation("Inner", "Because.", "properties.y")]
)


def gate(name: str, *depends: str, **members: Any) -> dict[str, Any]:
    return resource("natGateways", name, dependsOn=list(depends), **members)


def operations(lab: Lab, name: str = "d") -> list[dict[str, Any]]:
    answer = asyncio.run(lab.call("GET", f"{name}/operations"))
    return [o["properties"] for o in answer.body["value"]]


def test_a_deployment_tells_what_it_did() -> None:
    lab = Lab()
    outputs = {
        "ip": {"type": "string", "value": "[reference('a').ipAddress]"},
        "whole": {"type": "object", "value": "[reference('a', '2024-05-01', 'Full')]"},
        "key": {"type": "string", "value": "[listKeys('a', '2024-05-01', createObject('x', 1)).body.x]"}
        | {"type": "int"},
        "off": {"type": "string", "value": "[reference('a').nosuch]", "condition": False},
        "each": {"type": "array", "copy": {"count": 2, "input": "[concat(reference('a').hostName, copyIndex())]"}},
        "chained": {"type": "string", "value": "[reference(reference('b').link, '2024-05-01').hostName]"},
    }
    b = gate("b", "a", location="westeurope", properties={"link": "[reference('a', '2024-05-01', 'full').resourceId]"})
    b["properties"] = {"link": "[resourceId('Microsoft.Network/natGateways', 'a')]"}
    found = deploy(template(b, gate("a"), outputs=outputs), lab)
    assert found["outputs"]["ip"] == {"type": "String", "value": "198.18.0.7"}
    whole = found["outputs"]["whole"]["value"]
    assert (whole["resourceId"], whole["resourceGroupName"]) == ("Microsoft.Network/natGateways/a", "lab")
    assert whole["properties"]["hostName"] == "a.example"
    assert found["outputs"]["key"] == {"type": "Int", "value": 1}
    assert found["outputs"]["each"] == {"type": "Array", "value": ["a.example0", "a.example1"]}
    assert found["outputs"]["chained"]["value"] == "a.example"
    assert "off" not in found["outputs"]
    assert found["provisioningState"] == "Succeeded"
    assert found["outputResources"] == [{"id": net(f"natGateways/{n}").text} for n in "ab"]
    a, b_id = (
        {"id": net(f"natGateways/{n}").text, "resourceType": "Microsoft.Network/natGateways", "resourceName": n}
        for n in "ab"
    )
    assert found["dependencies"] == [{"dependsOn": [a], **b_id}]
    assert found["providers"] == [
        {
            "namespace": "Microsoft.Network",
            "resourceTypes": [{"resourceType": "natGateways", "locations": ["westeurope"]}],
        }
    ]
    assert [(o["provisioningOperation"], o["statusCode"]) for o in operations(lab)] == [
        ("Create", "OK"),
        ("Create", "OK"),
        ("EvaluateDeploymentOutput", "OK"),
    ]


def test_operations_have_ids_of_their_own() -> None:
    lab = Lab()
    deploy(template(*(gate(name) for name in "abc")), lab)
    answer = asyncio.run(lab.call("GET", "d/operations"))
    assert len({o["operationId"] for o in answer.body["value"]}) == 3


def test_redeploying_the_same_writes_the_same() -> None:
    lab = Lab()
    document = template(gate("b", "a"), gate("a"))
    deploy(document, lab)
    before = dict(lab.target.resources)
    deploy(document, lab)
    assert lab.target.resources == before
    assert lab.target.names == ["a", "b", "a", "b"]


def test_a_resource_that_fails_stops_those_that_wait_for_it_and_no_others() -> None:
    lab = Lab()
    lab.target.refused[net("natGateways/a")] = CONFLICT
    found = deploy(
        template(gate("a"), gate("b", "a"), gate("c", "b"), gate("d"), outputs={"o": {"type": "int", "value": 1}}), lab
    )
    assert lab.target.names == ["a", "d"]
    assert found["provisioningState"] == "Failed"
    assert found["outputResources"] == [{"id": net("natGateways/d").text}]
    assert "outputs" not in found
    detail = {
        "code": "PropertyChangeNotAllowed",
        "message": "No.",
        "target": "properties.x",
        "details": [{"code": "Inner", "message": "Because.", "target": "properties.y"}],
    }
    assert found["error"]["code"] == "DeploymentFailed"
    assert found["error"]["details"] == [detail]
    failed = next(o for o in operations(lab) if o["provisioningState"] == "Failed")
    assert failed["statusCode"] == "Conflict"
    assert failed["statusMessage"] == {"status": "Failed", "error": detail}
    assert failed["targetResource"]["resourceName"] == "a"


def test_every_failure_is_listed_and_one_without_a_target_names_its_resource() -> None:
    lab = Lab()
    lab.target.refused[net("natGateways/a")] = ArmError(400, "Bad", "A.")
    lab.target.refused[net("natGateways/b")] = ArmError(404, "Gone", "B.")
    details = deploy(template(gate("a"), gate("b")), lab)["error"]["details"]
    assert [(d["code"], d["target"]) for d in details] == [
        ("Bad", net("natGateways/a").text),
        ("Gone", net("natGateways/b").text),
    ]


def test_a_reference_to_what_is_not_there_fails_its_resource() -> None:
    link = "[reference(resourceId('Microsoft.Network/publicIPAddresses', 'nosuch'), '2024-05-01').ipAddress]"
    found = deploy(template(gate("a", properties={"x": link})))
    assert found["error"]["details"][0]["code"] == "ResourceNotFound"
    assert "nosuch" in found["error"]["details"][0]["message"]


def test_a_property_that_the_answer_does_not_have_fails_its_resource() -> None:
    found = deploy(template(gate("a"), gate("b", properties={"x": "[reference('a').nosuch]"})))
    assert "'nosuch' doesn't exist, available properties are" in found["error"]["details"][0]["message"]


WRONG_OUTPUTS = [
    pytest.param(
        {"type": "string", "value": "[reference('a').nosuch]"}, "doesn't exist", id="a member that is not there"
    ),
    pytest.param(
        {"type": "int", "value": "[reference('a').hostName]"},
        "is of type 'String', which is not 'Int'",
        id="another type",
    ),
]


@pytest.mark.parametrize(("output", "sentence"), WRONG_OUTPUTS)
def test_an_output_that_fails_fails_the_deployment_but_not_its_resources(output: dict[str, Any], sentence: str) -> None:
    found = deploy(template(gate("a"), outputs={"o": output}))
    assert found["provisioningState"] == "Failed"
    assert found["error"]["code"] == "DeploymentOutputEvaluationFailed"
    assert sentence in found["error"]["message"]
    assert found["outputResources"] == [{"id": net("natGateways/a").text}]


def test_a_type_that_the_product_does_not_have_is_named_before_anything_is_deployed() -> None:
    lab = Lab()
    lab.target.unknown = {"microsoft.network/quantumlinks"}
    inner = nested("n", template(resource("quantumLinks", "q2")))
    with pytest.raises(ArmError) as caught:
        deploy(template(gate("a"), resource("quantumLinks", "q"), inner), lab)
    assert (caught.value.status, caught.value.code) == (400, "InvalidTemplateDeployment")
    assert {(d.code, d.target) for d in caught.value.details} == {
        ("InvalidResourceType", net("quantumLinks/q").text),
        ("InvalidResourceType", net("quantumLinks/q2").text),
    }
    assert "'quantumLinks' could not be found in the namespace 'Microsoft.Network'" in caught.value.details[0].message
    assert lab.target.log == []
    assert lab.history.list(GROUP_ID) == []


def test_preflight_reports_every_violation_of_every_resource_at_once() -> None:
    lab = Lab()
    lab.target.violations = {
        net("natGateways/a"): [Violation("Bad", "A.", "properties.x"), Violation("Worse", "A.")],
        net("natGateways/b"): [Violation("Bad", "B.", "location")],
        net("natGateways/c"): [Violation("Bad", "not asked: c is not known before a is there")],
    }
    with pytest.raises(ArmError) as caught:
        deploy(template(gate("a"), gate("b"), gate("c", properties={"x": "[reference('a').ipAddress]"})), lab)
    assert [(d.code, d.target) for d in caught.value.details] == [
        ("Bad", f"{net('natGateways/a')}/properties.x"),
        ("Worse", net("natGateways/a").text),
        ("Bad", f"{net('natGateways/b')}/location"),
    ]


MODES = [
    pytest.param("Incremental", ["A", "B", "C", "D"], id="incremental leaves what is not listed"),
    pytest.param("Complete", ["A", "B", "D"], id="complete deletes what is not listed"),
]


@pytest.mark.parametrize(("mode", "expected"), MODES)
def test_the_mode_decides_what_stays(mode: str, expected: list[str]) -> None:
    lab = Lab()
    deploy(template(gate("A"), gate("B"), gate("C")), lab)
    deploy(template(gate("A"), gate("B"), gate("D")), lab, mode=mode)
    assert [r.name for r in sorted(lab.target.listing(GROUP_ID))] == expected


def test_complete_mode_keeps_children_of_what_is_listed_and_what_nested_deployments_list() -> None:
    lab = Lab()
    kept = ["dnsZones/z/CNAME/www", "virtualNetworks/v/subnets/s", "natGateways/inside"]
    lock = f"{net('dnsZones/z')}/providers/Microsoft.Authorization/locks/l"
    for path in (*kept, "privateDnsZones/p/virtualNetworkLinks/l"):
        lab.target.resources[net(path)] = {}
    lab.target.resources[ResourceId(lock)] = {}
    lab.target.resources[net("natGateways/elsewhere", OTHER_ID)] = {}
    found = deploy(
        template(resource("dnsZones", "z"), gate("off", condition=False), nested("n", template(gate("inside")))),
        lab,
        mode="Complete",
    )
    assert found["provisioningState"] == "Succeeded"
    assert [entry for entry in lab.target.log if entry[0] == "x"] == ["xl"]
    assert net("privateDnsZones/p/virtualNetworkLinks/l") not in lab.target.resources
    assert net("natGateways/elsewhere", OTHER_ID) in lab.target.resources


def test_complete_mode_deletes_a_resource_whose_condition_does_not_hold() -> None:
    lab = Lab()
    lab.target.resources[net("natGateways/off")] = {}
    deploy(template(gate("off", condition=False)), lab, mode="Complete")
    assert lab.target.log == ["xoff"]


def test_complete_mode_deletes_nothing_when_a_resource_failed() -> None:
    lab = Lab()
    lab.target.resources[net("natGateways/old")] = {}
    lab.target.refused[net("natGateways/a")] = CONFLICT
    deploy(template(gate("a")), lab, mode="Complete")
    assert net("natGateways/old") in lab.target.resources


def test_a_delete_that_is_refused_fails_the_deployment_unless_the_group_is_locked() -> None:
    lab = Lab()
    for name, code in (("locked", "ScopeLocked"), ("used", "InUse")):
        lab.target.resources[net(f"natGateways/{name}")] = {}
        lab.target.refused[net(f"natGateways/{name}")] = ArmError(409, code, "No.")
    found = deploy(template(gate("a")), lab, mode="Complete")
    assert [(d["code"], d["target"]) for d in found["error"]["details"]] == [("InUse", net("natGateways/used").text)]


VARIABLES = {"exampleVar": "from parent template"}
SHOWN = {"o": {"type": "string", "value": "[variables('exampleVar')]"}}
SCOPES = [
    pytest.param("inner", "from nested template", id="inner scope sees the nested template's own"),
    pytest.param("outer", "from parent template", id="outer scope sees the parent's"),
    pytest.param(None, "from parent template", id="and is the default"),
]


@pytest.mark.parametrize(("scope", "expected"), SCOPES)
def test_whose_variables_a_nested_template_sees(scope: str | None, expected: str) -> None:
    inner = template(variables={"exampleVar": "from nested template"}, outputs=SHOWN)
    options = {"expressionEvaluationOptions": {"scope": scope}} if scope else {}
    outputs = {"o": {"type": "string", "value": "[reference('n').outputs.o.value]"}}
    found = deploy(template(nested("n", inner, properties=options), variables=VARIABLES, outputs=outputs))
    assert found["outputs"]["o"]["value"] == expected


def test_a_nested_template_of_inner_scope_gets_parameters_that_only_the_network_knows() -> None:
    lab = Lab()
    inner = template(
        resource("networkInterfaces", "[concat('nic-', parameters('host'))]"),
        parameters={"host": {"type": "string"}, "secret": {"type": "securestring"}},
    )
    properties = {
        "expressionEvaluationOptions": {"scope": "inner"},
        "parameters": {"host": {"value": "[reference('a').hostName]"}, "secret": {"value": "hunter2"}},
    }
    found = deploy(template(gate("a"), nested("n", inner, properties=properties)), lab)
    assert found["provisioningState"] == "Succeeded"
    assert lab.target.names == ["a", "nic-a.example"]
    child = asyncio.run(lab.call("GET", "n")).body["properties"]
    assert child["parameters"] == {"host": {"type": "String", "value": "a.example"}, "secret": {"type": "SecureString"}}
    assert child["correlationId"] == found["correlationId"]


def test_a_nested_template_of_outer_scope_waits_for_what_its_expressions_read() -> None:
    lab = Lab()
    inner = template(resource("networkInterfaces", "nic", properties={"ip": "[reference('a').ipAddress]"}))
    found = deploy(template(nested("n", inner), gate("a")), lab)
    assert found["provisioningState"] == "Succeeded"
    assert lab.target.log == ["+a", "-a", "+nic", "-nic"]
    assert lab.target.resources[net("networkInterfaces/nic")]["properties"]["ip"] == "198.18.0.7"


def test_outputs_of_outer_scope_can_not_read_what_the_nested_template_deploys() -> None:
    inner = template(gate("inside"), outputs={"o": {"type": "string", "value": "[reference('inside').hostName]"}})
    with pytest.raises(ArmError, match="the output 'o': 'The resource 'inside' is not defined in the template"):
        deploy(template(nested("n", inner)))


def test_a_nested_deployment_goes_to_the_group_it_names() -> None:
    lab = Lab()
    inner = template(gate("[concat('in-', resourceGroup().name)]"))
    own = {"expressionEvaluationOptions": {"scope": "inner"}}
    document = template(
        nested("n", inner, resourceGroup="other", properties=own),
        nested("m", inner, resourceGroup="other"),
    )
    assert deploy(document, lab)["provisioningState"] == "Succeeded"
    assert [r.name for r in sorted(lab.target.listing(OTHER_ID))] == ["in-lab", "in-other"]


NOWHERE = [
    pytest.param({"resourceGroup": "nosuch"}, "ResourceGroupNotFound", id="a group that is not there"),
    pytest.param(
        {"resourceGroup": "g", "subscriptionId": "nosuch"},
        "SubscriptionNotFound",
        id="a subscription that is not there",
    ),
]


@pytest.mark.parametrize(("place", "code"), NOWHERE)
def test_a_nested_deployment_to_nowhere_is_refused(place: dict[str, str], code: str) -> None:
    with pytest.raises(ArmError) as caught:
        deploy(template(nested("n", template(), **place)))
    assert (caught.value.status, caught.value.code) == (404, code)


def test_a_failure_inside_is_told_outside() -> None:
    lab = Lab()
    lab.target.refused[net("natGateways/a")] = CONFLICT
    found = deploy(template(nested("n", template(gate("a"))), gate("b", "n")), lab)
    detail = found["error"]["details"][0]
    assert (detail["code"], detail["details"][0]["code"]) == ("DeploymentFailed", "PropertyChangeNotAllowed")
    assert "+b" not in lab.target.log
    assert operations(lab, "n")[0]["statusCode"] == "Conflict"


LINKS = [
    pytest.param({"templateLink": {"uri": "https://example.test/t.json"}}, "example.test", id="a template by address"),
    pytest.param({"templateLink": {"id": "/subscriptions/s/spec"}}, "spec", id="a template spec"),
    pytest.param(
        {"template": template(), "parametersLink": {"uri": "https://example.test/p"}}, "example.test", id="parameters"
    ),
]


@pytest.mark.parametrize(("link", "place"), LINKS)
@pytest.mark.parametrize("inside", [False, True], ids=["of the deployment", "of a nested deployment"])
def test_what_stands_in_other_networks_is_refused(link: dict[str, Any], place: str, inside: bool) -> None:
    body: dict[str, Any] = {"properties": {"mode": "Incremental", **link}}
    if inside:
        body = request(template(resource("Microsoft.Resources/deployments", "n", **body)))
    with pytest.raises(ArmError) as caught:
        asyncio.run(Lab().call("PUT", "d", body))
    assert caught.value.code == "InvalidContentLink"
    assert place in caught.value.message


def test_a_defect_of_the_target_ends_the_deployment_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    lab = Lab()

    async def meet(resource_id: ResourceId) -> None:
        raise ZeroDivisionError("defect")

    lab.target.meet = meet
    found = deploy(template(gate("a")), lab)
    assert (found["provisioningState"], found["error"]["code"]) == ("Failed", "InternalServerError")
    assert "ZeroDivisionError" in caplog.text
