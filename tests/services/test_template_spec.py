"""Template specs: kept as they are sent, and linked to by deployments."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.services.template_spec import SERVICE
from tests.arm.client import GROUP, Client
from tests.arm.deployments.lab import resource, template
from tests.arm.product import HERE, deploy, product

SPEC = f"{GROUP}/providers/Microsoft.Resources/templateSpecs/net"
VERSION = f"{SPEC}/versions/1.0"
LINKED = template(
    resource("routeTables", "[parameters('name')]", location="westeurope", properties={}),
    parameters={"name": {"type": "string"}},
)
STEP = resource(
    "Microsoft.Resources/deployments",
    "part",
    properties={
        "mode": "Incremental",
        "templateLink": {"relativePath": "parts/tables.json"},
        "parameters": {"name": {"value": "[concat(parameters('prefix'), '-rt')]"}},
    },
)
MAIN = template(STEP, parameters={"prefix": {"type": "string"}})


def kept(one: Client, main: Any = MAIN, **parts: Any) -> int:
    linked = [{"path": path.replace("_", "/", 1) + ".json", "template": part} for path, part in parts.items()]
    one.put(SPEC, HERE | {"properties": {"displayName": "A network"}})
    return one.put(VERSION, HERE | {"properties": {"mainTemplate": main, "linkedTemplates": linked}}).status


def linked_to(where: str, **parameters: str) -> dict[str, Any]:
    values = {name: {"value": value} for name, value in parameters.items()}
    return {"properties": {"mode": "Incremental", "templateLink": {"id": where}, "parameters": values}}


def test_a_version_is_deployed_with_the_parts_it_links_to() -> None:
    with product() as one:
        assert kept(one, parts_tables=LINKED) == 201
        done = deploy(one, linked_to(VERSION, prefix="shop"))
        assert done["provisioningState"] == "Succeeded", done["error"]
        assert done["templateLink"] == {"id": VERSION}
        assert one.get(f"{GROUP}/providers/Microsoft.Network/routeTables/shop-rt").status == 200


def test_a_version_is_read_as_it_was_written_and_goes_with_its_spec() -> None:
    with product() as one:
        kept(one, parts_tables=LINKED)
        assert one.get(VERSION).body["properties"]["mainTemplate"] == MAIN
        assert [v["name"] for v in one.get(f"{SPEC}/versions").body["value"]] == ["1.0"]
        one.delete(SPEC)
        assert one.get(VERSION).status == 404


WRONG = [
    pytest.param(f"{SPEC}/versions/2.0", (404, "ResourceNotFound"), id="a version that is not there"),
    pytest.param(SPEC, (400, "InvalidContentLink"), id="a spec without a version"),
    pytest.param("net", (400, "InvalidContentLink"), id="no id"),
    pytest.param(VERSION, (400, "InvalidContentLink"), id="a part that is not there"),
]


@pytest.mark.parametrize(("where", "outcome"), WRONG)
def test_links_that_lead_nowhere(where: str, outcome: tuple[int, str]) -> None:
    with product() as one:
        kept(one)
        url = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
        assert one.put(url, linked_to(where, prefix="a")).outcome == outcome


PATHS = [
    pytest.param(["/a"], "InvalidTemplateSpecLinkedTemplatePath", id="an absolute path"),
    pytest.param(["a/../../b"], "InvalidTemplateSpecLinkedTemplatePath", id="a path that leads out"),
    pytest.param(["a", "a"], "DuplicateTemplateSpecLinkedTemplatePath", id="one path twice"),
]


@pytest.mark.parametrize(("paths", "code"), PATHS)
def test_paths_that_can_not_be(paths: list[str], code: str) -> None:
    with product() as one:
        one.put(SPEC, HERE | {"properties": {}})
        linked = [{"path": path, "template": LINKED} for path in paths]
        answer = one.put(VERSION, HERE | {"properties": {"mainTemplate": MAIN, "linkedTemplates": linked}})
        assert answer.outcome == (400, code)


def test_a_spec_does_nothing_to_packets() -> None:
    assert not SERVICE.compile
