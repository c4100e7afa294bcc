from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.errors import ArmError
from tests.arm.deployments.lab import deploy, template

OUTPUT = {"o": {"type": "object", "value": "[createObject('v', parameters('p'))]"}}


def outcome(declared: dict[str, Any], *given: Any) -> Any:
    """What the parameter ``p`` is worth, given a value or not."""
    found = deploy(template(parameters={"p": declared}, outputs=OUTPUT), **({"p": given[0]} if given else {}))
    return found["outputs"]["o"]["value"]["v"]


VALUES = [
    pytest.param({"type": "string"}, "x", "x", id="a given value counts"),
    pytest.param({"type": "string", "defaultValue": "d"}, "x", "x", id="it counts more than the default"),
    pytest.param({"type": "string", "defaultValue": "d"}, None, "d", id="null means the default"),
    pytest.param({"type": "String", "nullable": True}, None, None, id="null where it is allowed"),
    pytest.param(
        {"type": "string", "defaultValue": "[resourceGroup().location]"},
        None,
        "westeurope",
        id="a default is evaluated",
    ),
    pytest.param({"type": "string", "defaultValue": "[utcNow('yyyy')]"}, None, "2026", id="a default may be the time"),
    pytest.param({"type": "int", "minValue": 1, "maxValue": 3}, 3, 3, id="limits are inclusive"),
    pytest.param({"type": "int"}, 3.0, 3.0, id="a whole float is an integer"),
    pytest.param({"type": "array", "allowedValues": ["a", "b"]}, ["b"], ["b"], id="an array of allowed values"),
    pytest.param({"type": "string", "allowedValues": ["a", "b"]}, "b", "b", id="an allowed value"),
    pytest.param({"type": "string"}, "[concat('a')]", "[concat('a')]", id="a given value is never evaluated"),
    pytest.param({"$ref": "#/definitions/short"}, "ab", "ab", id="a type definition"),
]


@pytest.mark.parametrize(("declared", "given", "expected"), VALUES)
def test_a_parameter_has_the_value(declared: dict[str, Any], given: Any, expected: Any) -> None:
    sections = {"definitions": {"short": {"type": "string", "maxLength": 2}}, "languageVersion": "2.0"}
    document = template(parameters={"p": declared}, outputs=OUTPUT, **sections)
    assert deploy(document, p=given)["outputs"]["o"]["value"] == {"v": expected}


REFUSED = [
    pytest.param({"type": "string"}, None, "The value for the template parameter 'p' is not provided", id="no value"),
    pytest.param(
        {"type": "string"},
        5,
        "Expected a value of type 'String', but received a value of type 'Integer'",
        id="a number for text",
    ),
    pytest.param(
        {"type": "int"},
        "5",
        "Expected a value of type 'Int', but received a value of type 'String'",
        id="text for a number",
    ),
    pytest.param({"type": "int"}, True, "received a value of type 'Boolean'", id="a boolean for a number"),
    pytest.param({"type": "bool"}, "true", "Expected a value of type 'Bool'", id="text for a boolean"),
    pytest.param({"type": "object"}, [], "Expected a value of type 'Object'", id="an array for an object"),
    pytest.param(
        {"type": "text"},
        "a",
        "The type 'text' of the template parameter 'p' is not valid",
        id="a type that is not there",
    ),
    pytest.param(
        {"type": "int", "minValue": 2},
        1,
        "The provided value '1' for the template parameter 'p' is not valid: its 'minValue' is '2'",
        id="too small",
    ),
    pytest.param({"type": "int", "maxValue": 2}, 3, "its 'maxValue' is '2'", id="too large"),
    pytest.param({"type": "string", "minLength": 2}, "a", "its 'minLength' is '2'", id="too short"),
    pytest.param({"type": "array", "maxLength": 1}, [1, 2], "its 'maxLength' is '1'", id="too many"),
    pytest.param(
        {"type": "string", "allowedValues": ["a", "b"]},
        "c",
        "The parameter value is not part of the allowed value(s): 'a,b'.",
        id="not allowed",
    ),
    pytest.param(
        {"type": "string", "defaultValue": "[parameters('p')]"}, None, "refers to itself", id="a default of itself"
    ),
    pytest.param(
        {"type": "string", "defaultValue": "[nosuch()]"},
        None,
        "the default value of the parameter 'p'",
        id="a default that fails",
    ),
    pytest.param(
        {"$ref": "#/definitions/none"},
        "a",
        "'#/definitions/none' of the template parameter 'p' is not defined",
        id="no such definition",
    ),
]


@pytest.mark.parametrize(("declared", "given", "sentence"), REFUSED)
def test_a_parameter_is_refused(declared: dict[str, Any], given: Any, sentence: str) -> None:
    document = template(parameters={"p": declared}, definitions={"other": {"type": "int"}})
    with pytest.raises(ArmError) as caught:
        deploy(document, p=given)
    assert (caught.value.status, caught.value.code) == (400, "InvalidTemplate")
    assert sentence in caught.value.message


def test_defaults_name_other_parameters_in_any_order_and_case() -> None:
    parameters = {
        "first": {"type": "string", "defaultValue": "[concat(parameters('SECOND'), '1')]"},
        "second": {"type": "string", "defaultValue": "x"},
    }
    outputs = {"o": {"type": "string", "value": "[parameters('First')]"}}
    assert deploy(template(parameters=parameters, outputs=outputs))["outputs"]["o"]["value"] == "x1"


def test_a_parameter_the_template_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ArmError, match=r"'q' in the parameters file are not valid.*'p'"):
        deploy(template(parameters={"p": {"type": "int", "defaultValue": 1}}), q=1)


def test_parameters_are_shown_with_their_types_and_secure_ones_without_value() -> None:
    parameters = {
        "name": {"type": "string"},
        "count": {"type": "int", "defaultValue": 2},
        "password": {"type": "securestring"},
        "settings": {"type": "secureObject", "defaultValue": {"k": "hidden-too"}},
    }
    outputs = {"o": {"type": "securestring", "value": "[parameters('password')]"}}
    found = deploy(template(parameters=parameters, outputs=outputs), name="n", password="hunter2")
    assert found["parameters"] == {
        "name": {"type": "String", "value": "n"},
        "count": {"type": "Int", "value": 2},
        "password": {"type": "SecureString"},
        "settings": {"type": "SecureObject"},
    }
    assert found["outputs"] == {"o": {"type": "SecureString"}}
    assert "hunter2" not in str(found)


def test_a_refusal_does_not_show_a_secret() -> None:
    parameters = {"p": {"type": "securestring", "minLength": 12, "allowedValues": ["other"]}}
    with pytest.raises(ArmError) as caught:
        deploy(template(parameters=parameters), p="hunter2")
    assert "hunter2" not in caught.value.message
