"""Values that are made up for the parameters of a template."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.templates.files import Template, found
from tests.templates.values import PASSWORD, filled, unique

ME = "9a0c1f4e-0000-4000-8000-000000000001"


def template(parameters: dict[str, Any], given: dict[str, Any] | None = None) -> Template:
    return Template(Path("t/azuredeploy.json"), "", {"parameters": parameters}, given or {})


def value(name: str, parameter: dict[str, Any], given: Any = None) -> Any:
    entry = {name: {"value": given}} if given is not None else {}
    return filled(template({name: parameter}, entry), ME, {"vnetName": "v"}).values.get(name)


@pytest.mark.parametrize(
    ("name", "parameter", "expected"),
    [
        pytest.param("a", {"type": "string", "allowedValues": ["x", "y"]}, "x", id="the first that is allowed"),
        pytest.param("a", {"type": "int", "minValue": 7}, 7, id="the least number"),
        pytest.param("a", {"type": "bool"}, False, id="no"),
        pytest.param("a", {"type": "secureObject"}, {}, id="an empty object"),
        pytest.param("a", {"type": "array"}, [], id="an empty list"),
        pytest.param("adminPassword", {"type": "securestring"}, PASSWORD, id="a password that Azure would take"),
        pytest.param("vmLocation", {"type": "string"}, "westeurope", id="a region"),
        pytest.param("principalId", {"type": "string"}, ME, id="whoever deploys"),
        pytest.param("a", {"type": "string", "defaultValue": "d"}, None, id="nothing where there is a default"),
        pytest.param("a", {"type": "string", "nullable": True}, None, id="nothing where null is allowed"),
    ],
)
def test_a_parameter_without_a_value_gets(name: str, parameter: dict[str, Any], expected: Any) -> None:
    assert value(name, parameter) == expected


@pytest.mark.parametrize(("low", "high"), [(3, 5), (10, 40), (1, 2)])
def test_a_text_has_a_length_that_is_allowed(low: int, high: int) -> None:
    made = value("anything", {"type": "string", "minLength": low, "maxLength": high})
    assert low <= len(made) <= high
    assert re.fullmatch("[a-z][a-z0-9]*", made)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("GEN-UNIQUE", unique("a", 18)),
        ("GEN-UNIQUE-8", unique("a", 8)),
        ("x-GEN-UNIQUE-4-y", f"x-{unique('a', 4)}-y"),
        ("GEN-PASSWORD", PASSWORD),
        ("GET-PREREQ-vnetname", "v"),
        (["GEN-PASSWORD"], [PASSWORD]),
        ("plain", "plain"),
        (5, 5),
    ],
)
def test_placeholders_of_the_quickstarts_are_filled(given: Any, expected: Any) -> None:
    assert value("a", {"type": "string"}, given) == expected


def test_a_key_is_one(tmp_path: Path) -> None:
    assert re.match(r"ssh-ed25519 AAAA\S+ ", value("sshKey", {"type": "string"}, "GEN-SSH-PUB-KEY"))


def test_what_was_made_up_is_said() -> None:
    parameters = {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}}
    one = template(parameters, {"a": {"value": "given"}, "b": {"value": "GEN-UNIQUE"}})
    assert filled(one, ME, {}).made_up == ["b", "c"]


def test_a_secret_that_stands_in_a_vault_is_made_up() -> None:
    one = template({"a": {"type": "securestring"}}, {"a": {"reference": {"keyVault": {"id": "/x"}, "secretName": "s"}}})
    assert filled(one, ME, {}).made_up == ["a"]


def test_pieces_of_a_template_and_other_files_are_no_templates_of_their_own(tmp_path: Path) -> None:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    text = f'{{"$schema": "{schema}", "contentVersion": "1.0.0.0", "resources": [] // a comment\n}}'
    for name in ("t/azuredeploy.json", "t/nested/inner.json", "t/prereqs/prereq.azuredeploy.json", "alone.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "t/metadata.json").write_text('{"$schema": "https://x/metadata.json"}')
    (tmp_path / "broken.json").write_text("{")
    names = [t.path.relative_to(tmp_path).as_posix() for t in found(tmp_path)]
    assert names == ["alone.json", "t/azuredeploy.json"]
    [_, one] = found(tmp_path)
    assert one.before is not None
