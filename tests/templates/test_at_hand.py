"""Every template at hand, unmodified, in a lab without packets: deployed as what-if foresaw, twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazulite.testing import Lab, lab
from tests.templates.files import AT_HAND, Template, found
from tests.templates.identity import whoever_deploys
from tests.templates.trial import DEPLOYED, OUTSIDE, tried, types_of

TEMPLATES = [pytest.param(t, id=t.name) for place in AT_HAND if place.exists() for t in found(place)]


@pytest.fixture(scope="module")
def one() -> Iterator[Lab]:
    with lab(memory=True) as made:
        yield made


@pytest.fixture(scope="module")
def known(one: Lab) -> set[str]:
    """Every type that the lab says it has, folded."""
    providers = one.client.get(f"{one.client.subscription}/providers")["value"]
    return {f"{p['namespace']}/{t['resourceType']}".lower() for p in providers for t in p["resourceTypes"]}


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_of_known_types_is_deployed_as_foreseen(one: Lab, known: set[str], template: Template) -> None:
    outcome = tried(one.client, template, whoever_deploys(one))
    ours = {t.lower() for t in types_of(template.document)} <= known and not template.wanting
    expected = DEPLOYED if ours else OUTSIDE
    assert (outcome.result, outcome.reason if expected == DEPLOYED else "") == (expected, "")


def test_enough_templates_are_at_hand() -> None:
    assert len(TEMPLATES) >= 7


RIGHTS = {
    "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"principalId": {"type": "string"}},
    "resources": [
        {
            "type": "Microsoft.Authorization/roleDefinitions",
            "apiVersion": "2022-04-01",
            "name": "[guid('role')]",
            "properties": {
                "roleName": "Of a template",
                "permissions": [{"actions": ["*/read"]}],
                "assignableScopes": ["[subscription().id]"],
            },
        },
        {
            "type": "Microsoft.Authorization/roleAssignments",
            "apiVersion": "2022-04-01",
            "name": "[guid('assignment')]",
            "dependsOn": ["[guid('role')]"],
            "properties": {
                "roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', guid('role'))]",
                "principalId": "[parameters('principalId')]",
            },
        },
    ],
}


def test_a_trial_leaves_nothing(one: Lab, tmp_path: Path) -> None:
    """Not even rights in the subscription."""

    def held() -> list[str]:
        rights = (f"providers/Microsoft.Authorization/role{kind}s" for kind in ("Assignment", "Definition"))
        places = (f"{one.client.subscription}/{kind}" for kind in ("resourceGroups", *rights))
        return [each["id"] for place in places for each in one.client.every(place)]

    (tmp_path / "rights.json").write_text(json.dumps(RIGHTS))
    [template] = found(tmp_path)
    before = held()
    assert tried(one.client, template, whoever_deploys(one)).result == DEPLOYED
    assert held() == before
