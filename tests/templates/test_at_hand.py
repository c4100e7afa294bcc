"""Every template at hand, unmodified, in a lab without packets: deployed as what-if foresaw, twice."""

from __future__ import annotations

from collections.abc import Iterator

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
    expected = DEPLOYED if {t.lower() for t in types_of(template.document)} <= known else OUTSIDE
    assert (outcome.result, outcome.reason if expected == DEPLOYED else "") == (expected, "")


def test_enough_templates_are_at_hand() -> None:
    assert len(TEMPLATES) >= 7


def test_a_trial_leaves_nothing(one: Lab) -> None:
    groups = {g["name"] for g in one.client.every(f"{one.client.subscription}/resourceGroups")}
    assert "templates" not in groups
