"""The lists of all resources: every documented filter, what can be expanded, and pages."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import pytest

from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
OTHER = f"{WHOLE}/resourceGroups/other"


@pytest.fixture
def many(garden: Client) -> Client:
    """Beds ``rose`` and ``fern`` in ``g``, a well ``rosewell`` in ``other``."""
    garden.put(OTHER, {"location": "local"})
    garden.made(
        f"{GARDEN}/beds/rose",
        {"location": "local", "tags": {"Dept": "IT", "env": "dev"}, "identity": {"type": "SystemAssigned"}},
    )
    garden.made(f"{GARDEN}/beds/fern", {"location": "West Europe", "tags": {"Dept": "HR", "team": "IT"}})
    garden.made(f"{OTHER}/providers/Contoso.Garden/wells/rosewell", {"location": "local", "tags": {"department": ""}})
    return garden


def names(garden: Client, expression: str, scope: str = WHOLE) -> list[str]:
    answer = garden.get(f"{scope}/resources?$filter={quote(expression)}")
    assert answer.status == 200, answer.content
    return sorted(r["name"] for r in answer.body["value"])


FILTERS = [
    ("", ["fern", "rose", "rosewell"]),
    ("name eq 'ROSE'", ["rose"]),
    ("name ne 'rose'", ["fern", "rosewell"]),
    ("resourceType eq 'contoso.garden/beds'", ["fern", "rose"]),
    ("resourceType ne 'Contoso.Garden/beds'", ["rosewell"]),
    ("resourceGroup eq 'OTHER'", ["rosewell"]),
    ("location eq 'westeurope'", ["fern"]),
    ("identity eq 'SystemAssigned'", ["rose"]),
    ("identity/principalId eq 'x'", []),
    ("plan/publisher eq 'x'", []),
    ("substringof('ros', name)", ["rose", "rosewell"]),
    ("substringof('THE', resourceGroup)", ["rosewell"]),
    ("substringof('rose', name) and substringof('well', name)", ["rosewell"]),
    ("substringof('fern', name) or substringof('well', name)", ["fern", "rosewell"]),
    ("substringof('rose', name) and resourceType eq 'Contoso.Garden/beds'", ["rose"]),
    ("tagName eq 'dept'", ["fern", "rose"]),
    ("tagName eq 'Dept' and tagValue eq 'IT'", ["rose"]),
    ("tagname eq 'dept' and tagvalue eq 'it'", []),
    ("tagValue eq 'IT'", ["fern", "rose"]),
    ("startswith(tagName, 'DEP')", ["fern", "rose", "rosewell"]),
    ("tagName eq 'Dept' and name eq 'fern'", ["fern"]),
    ("(name eq 'rose' or name eq 'fern') and location eq 'local'", ["rose"]),
    ("name eq 'rose' or name eq 'fern' and location eq 'local'", ["rose"]),
    ("name eq 'it''s'", []),
]


@pytest.mark.parametrize(("expression", "expected"), FILTERS, ids=[f or "nothing" for f, _ in FILTERS])
def test_a_filter_finds(many: Client, expression: str, expected: list[str]) -> None:
    assert names(many, expression) == expected


def test_a_group_lists_its_own(many: Client) -> None:
    assert names(many, "", GROUP) == ["fern", "rose"]
    assert names(many, "substringof('rose', name)", OTHER) == ["rosewell"]


MALFORMED = [
    "name",
    "name eq",
    "name gt 'a'",
    "colour eq 'red'",
    "name eq 'a' name eq 'b'",
    "name eq 'a' and",
    "(name eq 'a'",
    "name eq 'a')",
    "substringof('a', location)",
    "substringof('a'",
    "startswith(name, 'a')",
    "name eq 'a",
    "name eq (",
    "#",
    "(" * 50 + "name eq 'a'" + ")" * 50,
    "name eq '" + "a" * 9000 + "'",
]


@pytest.mark.parametrize("expression", MALFORMED, ids=lambda e: e[:30])
def test_what_is_not_understood_is_refused(many: Client, expression: str) -> None:
    answer = many.get(f"{WHOLE}/resources?$filter={quote(expression)}")
    assert answer.outcome == (400, "InvalidFilterInQueryString")


def test_times_and_state_are_shown_when_asked_for(many: Client) -> None:
    many.backend.pass_time(60)
    many.made(f"{GARDEN}/beds/rose", {"location": "local"})
    many.backend.pass_time(60)
    query = "$filter=name eq 'rose'&$expand=createdTime,changedTime,provisioningState"
    (found,) = many.get(f"{WHOLE}/resources?{quote(query, safe='$&=')}").body["value"]
    assert found["createdTime"] < found["changedTime"]
    assert found["changedTime"].endswith("Z")
    assert found["provisioningState"] == "Succeeded"
    (plain,) = many.get(f"{WHOLE}/resources?$filter=name%20eq%20'rose'").body["value"]
    assert plain == {k: v for k, v in found.items() if k not in ("createdTime", "changedTime", "provisioningState")}
    assert many.get(f"{WHOLE}/resources?$expand=owner").outcome == (400, "InvalidExpandInQueryString")


def test_a_search_for_a_tag_and_its_value_does_not_repeat_the_tags(many: Client) -> None:
    """Source: "Resources - List", $filter."""
    both = many.get(f"{WHOLE}/resources?$filter=tagName%20eq%20'Dept'%20and%20tagValue%20eq%20'IT'").body["value"]
    name = many.get(f"{WHOLE}/resources?$filter=tagName%20eq%20'env'").body["value"]
    assert ("tags" in both[0], "tags" in name[0]) == (False, True)


@pytest.mark.parametrize("scope", [WHOLE, GROUP])
def test_pages_follow_each_other(many: Client, scope: str) -> None:
    whole = names(many, "", scope)
    url, found = f"{scope}/resources?$top=1&$expand=createdTime", []
    while url:
        body = many.get(url).body
        assert len(body["value"]) == 1
        found += [r["name"] for r in body["value"]]
        parts = urlsplit(body.get("nextLink", ""))
        url = f"{parts.path}?{parts.query}" if parts.path else ""
    assert sorted(found) == whole


def test_whether_a_resource_exists(many: Client) -> None:
    assert many.call("HEAD", f"{GARDEN}/beds/rose").status == 204
    assert many.call("HEAD", f"{GARDEN}/beds/none").status == 404
    assert many.call("HEAD", f"{GARDEN}/beds/none").content == b""
