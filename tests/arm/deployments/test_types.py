"""User-defined types, as Bicep emits them, on parameters and outputs."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.deployments.secrets import HIDDEN, hide
from lazulite.arm.errors import ArmError
from tests.arm.deployments.lab import deploy, template

PREFIX = {"type": "string", "minLength": 9, "metadata": {"description": "a prefix"}}
SUBNET = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "prefix": {"$ref": "#/definitions/prefix"},
        "purpose": {"type": "string", "allowedValues": ["web", "db"], "nullable": True},
    },
    "additionalProperties": False,
}
HOP = {
    "type": "object",
    "discriminator": {
        "propertyName": "kind",
        "mapping": {
            "appliance": {
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "allowedValues": ["appliance"]},
                    "address": {"type": "string"},
                },
            },
            "internet": {"$ref": "#/definitions/internet"},
        },
    },
}
DEFINITIONS = {
    "prefix": PREFIX,
    "subnet": SUBNET,
    "subnets": {"type": "array", "items": {"$ref": "#/definitions/subnet"}, "maxLength": 2},
    "hop": HOP,
    "internet": {"type": "object", "properties": {"kind": {"type": "string"}}, "additionalProperties": False},
    "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "int"}], "items": False},
    "ports": {"type": "object", "properties": {}, "additionalProperties": {"type": "int", "maxValue": 65535}},
    "loop": {"$ref": "#/definitions/loop"},
    "login": {
        "type": "object",
        "properties": {"user": {"type": "string"}, "password": {"type": "securestring"}},
    },
}


def bound(kind: str, value: Any, **declared: Any) -> Any:
    """The parameter's value as the deployment gives it back."""
    document = template(
        languageVersion="2.0",
        definitions=DEFINITIONS,
        parameters={"p": {"$ref": f"#/definitions/{kind}", **declared}},
        outputs={"o": {"$ref": f"#/definitions/{kind}", "nullable": True, "value": "[parameters('p')]"}},
    ) | {"resources": {}}
    done = deploy(document, **({} if value is Ellipsis else {"p": value}))
    assert done["provisioningState"] == "Succeeded", done
    return done["outputs"]["o"]["value"]


A = {"name": "a", "prefix": "10.0.0.0/24"}
FITS = [
    pytest.param("subnet", A, id="an object without what may be missing"),
    pytest.param("subnet", A | {"purpose": None}, id="null where that is allowed"),
    pytest.param("subnet", A | {"purpose": "web"}, id="one of a choice"),
    pytest.param("subnet", {"NAME": "a", "Prefix": "10.0.0.0/24"}, id="names in another case"),
    pytest.param("subnets", [A, A], id="an array of objects"),
    pytest.param("hop", {"kind": "appliance", "address": "10.0.0.4"}, id="a member of a union"),
    pytest.param("hop", {"kind": "internet"}, id="a member by reference"),
    pytest.param("pair", ["a", 1], id="a tuple"),
    pytest.param("ports", {"http": 80}, id="any names, one type"),
]


@pytest.mark.parametrize(("kind", "value"), FITS)
def test_what_fits(kind: str, value: Any) -> None:
    assert bound(kind, value) == value


DOES_NOT = [
    pytest.param("subnet", {"name": "a"}, "'p.prefix'", id="a property that is missing"),
    pytest.param("subnet", A | {"x": 1}, "does not allow the property 'x'", id="a property too many"),
    pytest.param("subnet", A | {"purpose": "mail"}, "'p.purpose' is not valid", id="none of a choice"),
    pytest.param("subnet", A | {"name": 1}, "'p.name' was provided an invalid value", id="the wrong type inside"),
    pytest.param("subnet", A | {"prefix": "10/8"}, "its 'minLength' is '9'", id="a limit inside"),
    pytest.param("subnets", [A, A, A], "its 'maxLength' is '2'", id="too many elements"),
    pytest.param("subnets", [A, {"name": "b"}], "'p[1].prefix'", id="an element that is wrong"),
    pytest.param("hop", {"kind": "vpn"}, "must be one of 'appliance', 'internet'", id="no member of the union"),
    pytest.param("hop", {"address": "x"}, "must be one of", id="no kind at all"),
    pytest.param("hop", {"kind": "internet", "x": 1}, "does not allow", id="what another member would allow"),
    pytest.param("pair", ["a", "b"], "'p[1]' was provided", id="the wrong type in a tuple"),
    pytest.param("pair", ["a", 1, 2], "more than 2 elements", id="a tuple that is too long"),
    pytest.param("ports", {"http": 70000}, "'p.http'", id="a value beyond its type"),
    pytest.param("loop", "x", "defined by itself", id="a type of itself"),
    pytest.param("gone", "x", "is not defined", id="a type that is not there"),
]


@pytest.mark.parametrize(("kind", "value", "sentence"), DOES_NOT)
def test_what_does_not(kind: str, value: Any, sentence: str) -> None:
    with pytest.raises(ArmError) as caught:
        bound(kind, value)
    assert caught.value.code == "InvalidTemplate"
    assert sentence in caught.value.message


def test_a_nullable_parameter_may_be_left_out() -> None:
    assert bound("prefix", ..., nullable=True) is None


def test_a_secure_part_of_an_object_is_not_shown() -> None:
    document = template(definitions=DEFINITIONS, parameters={"p": {"$ref": "#/definitions/login"}})
    done = deploy(document, p={"user": "me", "password": "hunter22"})
    assert done["parameters"]["p"] == {"type": "Object", "value": {"user": "me", "password": HIDDEN}}


HIDES = [
    pytest.param({"a": ["hunter22", "x-hunter22-y"]}, ["hunter22"], {"a": [HIDDEN, f"x-{HIDDEN}-y"]}, id="text"),
    pytest.param("e and me", ["e"], "e and me", id="a short secret is not looked for in text"),
    pytest.param(["e", "f"], ["e"], [HIDDEN, "f"], id="but it is hidden itself"),
    pytest.param({"k": {"a": "long one"}}, [{"a": "long one"}], {"k": HIDDEN}, id="an object"),
    pytest.param("see: long one", [{"a": ["long one"]}], f"see: {HIDDEN}", id="a part of an object"),
    pytest.param([1, True], [1], [HIDDEN, True], id="a number is no truth"),
    pytest.param({"a": ""}, ["", None], {"a": ""}, id="nothing to hide"),
]


@pytest.mark.parametrize(("value", "secrets", "expected"), HIDES)
def test_what_is_hidden(value: Any, secrets: list[Any], expected: Any) -> None:
    assert hide(value, secrets) == expected
