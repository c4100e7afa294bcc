"""Whole templates: our own, and, beside a checkout that has them, the quickstarts that others wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lazulite.arm import jsonc
from lazulite.resources.ids import ResourceId
from tests.arm.deployments.lab import GROUP_ID, Lab, request

OWN = sorted(Path(__file__).with_name("templates").glob("*.json"))
QUICKSTARTS = sorted((Path(__file__).parents[4] / "shared/data/quickstarts").glob("*/azuredeploy.json"))
TEMPLATES = [pytest.param(p, id=p.stem) for p in OWN] + [pytest.param(p, id=p.parent.name) for p in QUICKSTARTS]
GIVEN = {"_artifactsLocation": "https://example.test/artifacts/"}
"""Values that a template takes from where it was downloaded."""


def body_of(path: Path) -> dict[str, Any]:
    document = jsonc.decode(path.read_bytes())
    file = path.with_name("azuredeploy.parameters.json")
    given = jsonc.decode(file.read_bytes())["parameters"] if file.exists() else {}
    values = {name: _filled(name, entry["value"]) for name, entry in given.items()}
    return request(document, **values, **{k: v for k, v in GIVEN.items() if k in document.get("parameters", {})})


def _filled(name: str, value: Any) -> Any:
    """The placeholders that the quickstarts' own tests replace."""
    if value in ("GEN-UNIQUE", "GEN-PASSWORD"):
        return f"lz{name.lower()}"[:12]
    return value


@pytest.mark.parametrize("path", TEMPLATES)
def test_a_template_is_validated_compared_and_deployed_and_then_changes_nothing(path: Path) -> None:
    lab = Lab()

    async def story() -> None:
        body = body_of(path)
        validated = (await lab.call("POST", "d/validate", body)).body["properties"]["validatedResources"]
        before = (await lab.call("POST", "d/whatIf", body)).body["properties"]["changes"]
        assert {c["changeType"] for c in before} == {"Create"}
        assert lab.target.log == []

        await lab.call("PUT", "d", body)
        found = await lab.finished()
        assert found["provisioningState"] == "Succeeded", found["error"]
        made = {ResourceId(r["id"]) for r in validated}
        assert {r for r in made if r.kind != "Microsoft.Resources/deployments"} <= set(lab.target.listing(GROUP_ID))
        assert {ResourceId(c["resourceId"]) for c in before} <= made | set(lab.target.listing(GROUP_ID))
        assert {ResourceId(r["id"]) for r in found["outputResources"]} <= made
        assert "[" not in {str(r)[0] for r in _leaves(lab.target.resources)}

        after = (await lab.call("POST", "d/whatIf", body)).body["properties"]["changes"]
        changed = [c for c in after if c["changeType"] == "Modify" and not _depends_on_the_network(c)]
        assert (changed, {c["changeType"] for c in after} & {"Create", "Delete"}) == ([], set())

    asyncio.run(story())


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in _leaves(v)]
    return [value] if isinstance(value, str) and value else []


def _depends_on_the_network(change: dict[str, Any]) -> bool:
    """What-if can not evaluate ``reference``: it shows the expression, which then differs from what is there."""
    return "[reference(" in str(change["delta"]) or "*******" in str(change["delta"])


def test_the_templates_are_there() -> None:
    assert len(OWN) >= 5


def test_the_hub_and_its_spokes_are_what_the_template_says() -> None:
    lab = Lab()

    async def story() -> dict[str, Any]:
        path = next(p for p in OWN if p.stem == "hub-and-spokes")
        await lab.call("PUT", "d", body_of(path))
        return await lab.finished()

    found = asyncio.run(story())
    assert found["outputs"]["prefixes"]["value"] == ["10.20.1.0/24", "10.20.2.0/24"]
    spoke = lab.target.resources[ResourceId(f"{GROUP_ID}/providers/Microsoft.Network/virtualNetworks/db")]
    subnets = {s["name"]: s["properties"]["addressPrefix"] for s in spoke["properties"]["subnets"]}
    assert subnets == {"s00": "10.20.2.0/26", "s01": "10.20.2.64/26"}
