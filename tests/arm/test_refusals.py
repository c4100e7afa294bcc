"""Bad input: the error a user of Azure would see, and nothing stored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm.client import GARDEN, GROUP, Client

BED, WELL = f"{GARDEN}/beds/b", f"{GARDEN}/wells/w"
HERE = {"location": "westeurope"}
MISSING = {"id": f"{GARDEN}/wells/missing"}


def bed(**properties: Any) -> dict[str, Any]:
    return {**HERE, "properties": properties}


CASES = [
    pytest.param(BED, {}, 400, "LocationRequired", "location", id="a located type needs a location"),
    pytest.param(
        BED, {"location": "atlantis"}, 400, "LocationNotAvailableForResourceType", "location", id="unknown location"
    ),
    pytest.param(BED, [], 400, "InvalidRequestContent", None, id="a body that is a list"),
    pytest.param(BED, "text", 400, "InvalidRequestContent", None, id="a body that is a string"),
    pytest.param(BED, {**HERE, "colour": 1}, 400, "InvalidRequestFormat", "colour", id="an unknown member by name"),
    pytest.param(
        BED, bed(colour=1), 400, "InvalidRequestFormat", "properties.colour", id="an unknown property by name"
    ),
    pytest.param(BED, bed(plants=7), 400, "InvalidRequestFormat", "properties.plants", id="a list that is none"),
    pytest.param(BED, {**HERE, "properties": []}, 400, "InvalidRequestFormat", "properties", id="properties as a list"),
    pytest.param(BED, {**HERE, "zones": 5}, 400, "InvalidRequestFormat", "zones", id="zones that are a number"),
    pytest.param(BED, {**HERE, "tags": []}, 400, "InvalidRequestContent", "tags", id="tags that are a list"),
    pytest.param(
        BED, {**HERE, "tags": {"a<b": "c"}}, 400, "InvalidTagNameCharacters", "tags.a<b", id="reserved tag character"
    ),
    pytest.param(
        BED, {**HERE, "tags": {f"t{n}": "" for n in range(51)}}, 400, "TagCountLimitExceeded", "tags", id="51 tags"
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "p", "properties": {"height": 301}}]),
        400,
        "InvalidParameter",
        "properties.plants[0].properties.height",
        id="a number out of its range",
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "p", "zones": 3}]),
        400,
        "InvalidRequestFormat",
        "properties.plants[0].zones",
        id="zones of a child that are a number",
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "p"}, {"name": "P"}]),
        400,
        "DuplicateResourceName",
        "properties.plants[1].name",
        id="two children of one name",
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "p", "properties": {"water": MISSING}}]),
        400,
        "InvalidResourceReference",
        "properties.plants[0].properties.water",
        id="a dangling reference",
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "p", "properties": {"companion": MISSING}}]),
        400,
        "InvalidResourceReference",
        "properties.plants[0].properties.companion",
        id="a weak reference must hold when it is written",
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "p", "properties": {"water": {"id": "nonsense"}}}]),
        400,
        "LinkedInvalidPropertyId",
        "properties.plants[0].properties.water",
        id="a reference that is no id",
    ),
    pytest.param(
        BED,
        bed(stones=[{"name": "s", "properties": {"plant": {"id": f"{BED}/plants/none"}}}]),
        400,
        "InvalidResourceReference",
        "properties.stones[0].properties.plant",
        id="a reference to a child of itself that it does not have",
    ),
    pytest.param(
        BED,
        bed(plants=[{"name": "Weed"}]),
        400,
        "WeedNotAllowed",
        "properties.plants[0].name",
        id="the service says no",
    ),
    pytest.param(f"{GARDEN}/beds/-b", HERE, 400, "InvalidResourceName", "name", id="a name that begins badly"),
    pytest.param(f"{GARDEN}/beds/{'b' * 81}", HERE, 400, "InvalidResourceName", "name", id="a name that is too long"),
    pytest.param(f"{GARDEN}/ponds/p", HERE, 400, "InvalidResourceType", None, id="a type nobody has"),
    pytest.param(f"{BED}/roots/r", HERE, 400, "InvalidResourceType", None, id="a child type nobody has"),
    pytest.param(
        f"{GROUP}/providers/Contoso.Kitchen/pans/p",
        HERE,
        400,
        "InvalidResourceNamespace",
        None,
        id="a namespace nobody has",
    ),
    pytest.param(
        f"{BED}/providers/Contoso.Garden/beds/c", HERE, 400, "InvalidResourceType", None, id="an extension nobody has"
    ),
    pytest.param(f"{BED}/plants/p", {}, 404, "ParentResourceNotFound", None, id="a child without its parent"),
    pytest.param(BED.replace("/g/", "/h/"), HERE, 404, "ResourceGroupNotFound", None, id="a group that is not there"),
    pytest.param(
        BED.replace("0001/", "0009/"), HERE, 404, "SubscriptionNotFound", None, id="a subscription that is not there"
    ),
    pytest.param(
        BED.replace("/resourceGroups/g", ""),
        HERE,
        400,
        "ResourceGroupNotSpecified",
        None,
        id="a resource outside groups",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "code", "target"), CASES)
def test_a_bad_put_is_refused_and_nothing_is_stored(
    garden: Client, path: str, body: Any, status: int, code: str, target: str | None
) -> None:
    before = garden.backend.store.snapshot.revision
    answer = garden.put(path, body)
    assert answer.outcome == (status, code)
    assert answer.error["message"]
    assert answer.error.get("target") == target
    assert garden.backend.store.snapshot.revision == before


def test_every_violation_is_named_at_once(garden: Client) -> None:
    wrong = {"location": "atlantis", "size": 1, "properties": {"plants": [{"name": "!"}], "soil": []}}
    error = garden.put(BED, wrong).error
    assert [d["code"] for d in error["details"]] == [
        "InvalidRequestFormat",
        "LocationNotAvailableForResourceType",
        "InvalidResourceName",
        "InvalidRequestFormat",
    ]
    assert (error["code"], error["target"]) == (error["details"][0]["code"], error["details"][0]["target"])


def test_a_single_violation_has_no_details(garden: Client) -> None:
    assert garden.put(BED, {}).error["details"] == []


def test_a_dangling_reference_names_both_ends(garden: Client) -> None:
    error = garden.put(BED, bed(plants=[{"name": "p", "properties": {"water": MISSING}}])).error
    assert error["message"].startswith(f"Resource {MISSING['id']} referenced by resource {BED}/plants/p was not found.")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"soil": "sand"}, id="of the resource"),
        pytest.param({"plants": [{"name": "p", "properties": {"species": "Fern"}}]}, id="of a child"),
    ],
)
def test_an_immutable_property_does_not_change(garden: Client, change: dict[str, Any]) -> None:
    garden.made(BED, bed(soil="loam", plants=[{"name": "p"}]))
    assert garden.put(BED, bed(**{"plants": [{"name": "p"}], **change})).outcome == (409, "PropertyChangeNotAllowed")
    assert garden.put(BED, bed(soil="loam", plants=[{"name": "p"}])).status == 200


def test_a_resource_does_not_move(garden: Client) -> None:
    garden.made(WELL, HERE)
    assert garden.put(WELL, {"location": "eastus"}).outcome == (409, "InvalidResourceLocation")


def test_what_is_in_use_stays(garden: Client) -> None:
    garden.made(WELL, HERE)
    garden.made(BED, bed(plants=[{"name": "p", "properties": {"water": {"id": WELL.upper()}}}]))
    refused = garden.delete(WELL)
    assert refused.outcome == (400, "CannotDeleteResource")
    assert f"{BED}/plants/p" in refused.error["message"]
    assert garden.delete(f"{BED}/plants/p").status == 202
    assert garden.delete(WELL).status == 202


def used_plant(garden: Client) -> str:
    """A bed one of whose plants another bed's stone refers to."""
    garden.made(BED, bed(plants=[{"name": "p"}, {"name": "q"}]))
    stone = {"name": "s", "properties": {"plant": {"id": f"{BED}/plants/p"}}}
    garden.made(f"{GARDEN}/beds/other", bed(stones=[stone]))
    return f"Plant p is in use by {GARDEN}/beds/other/stones/s and cannot be deleted."


def test_a_child_in_use_can_not_go_in_any_way(garden: Client) -> None:
    message = used_plant(garden)
    for answer in (garden.delete(BED), garden.delete(f"{BED}/plants/p"), garden.put(BED, bed(plants=[{"name": "q"}]))):
        assert answer.outcome == (400, "InUsePlantCannotBeDeleted")
        assert answer.error["message"] == message
    assert garden.delete(f"{BED}/plants/q").status == 202


def test_a_child_that_its_own_siblings_refer_to_can_not_go(garden: Client) -> None:
    stone = {"name": "s", "properties": {"plant": {"id": f"{BED}/plants/p"}}}
    garden.made(BED, bed(plants=[{"name": "p"}], stones=[stone]))
    assert garden.delete(f"{BED}/plants/p").outcome == (400, "InvalidResourceReference")
    assert garden.delete(BED).status == 202


def test_a_weak_reference_keeps_nothing_and_may_dangle_on(garden: Client) -> None:
    garden.made(WELL, HERE)
    first = garden.made(BED, bed(plants=[{"name": "p", "properties": {"companion": {"id": WELL}}}]))
    assert garden.delete(WELL).status == 202
    assert garden.put(BED, first).status == 200


def test_a_service_may_refuse_a_delete(garden: Client) -> None:
    garden.made(WELL, {**HERE, "properties": {"depth": 101}})
    garden.made(BED, bed())
    assert garden.delete(WELL).outcome == (400, "WellTooDeep")


def test_a_child_that_is_written_through_its_parent_says_so(garden: Client) -> None:
    garden.made(BED, bed(stones=[{"name": "s"}]))
    assert garden.put(f"{BED}/stones/s", {}).outcome == (405, "MethodNotAllowed")
    assert garden.delete(f"{BED}/stones/s").outcome == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("method", "path", "outcome"),
    [
        pytest.param("GET", f"{GARDEN}/beds/none", (404, "ResourceNotFound"), id="a resource"),
        pytest.param("GET", f"{BED}/plants/none", (404, "NotFound"), id="a child, in the provider's own words"),
        pytest.param("GET", f"{GARDEN}/beds/none/plants/p", (404, "ResourceNotFound"), id="a child of nothing"),
        pytest.param("GET", f"{GARDEN}/beds/none/plants", (404, "ResourceNotFound"), id="children of nothing"),
        pytest.param("PATCH", f"{GARDEN}/beds/none", (404, "ResourceNotFound"), id="nothing to patch"),
        pytest.param("POST", f"{GARDEN}/wells/none/listKeys", (404, "ResourceNotFound"), id="a verb of nothing"),
        pytest.param("POST", f"{BED}/dig", (400, "InvalidResourceType"), id="a verb nobody has"),
        pytest.param("GET", f"{GARDEN}/ponds", (400, "InvalidResourceType"), id="a list of a type nobody has"),
        pytest.param("GET", f"{GROUP}/nowhere", (404, "NotFound"), id="a path nobody has"),
        pytest.param("GET", f"{GROUP}/providers", (404, "NotFound"), id="a path that ends early"),
        pytest.param("PUT", f"{GARDEN}/beds", (405, "MethodNotAllowed"), id="a list is not written"),
        pytest.param("POST", BED, (405, "MethodNotAllowed"), id="a resource is not posted to"),
        pytest.param("BREW", BED, (405, "MethodNotAllowed"), id="a method nobody has"),
        pytest.param("GET", "/", (404, "NotFound"), id="the root"),
        pytest.param("GET", "/providers/Contoso.Kitchen", (400, "InvalidResourceNamespace"), id="an unknown provider"),
    ],
)
def test_what_is_not_there(garden: Client, method: str, path: str, outcome: tuple[int, str]) -> None:
    garden.made(BED, bed())
    assert garden.call(method, path).outcome == outcome


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        pytest.param("/subscriptions?api-version=", (400, "MissingApiVersionParameter"), id="no api-version"),
        pytest.param("/subscriptions?api-version=latest", (400, "InvalidApiVersionParameter"), id="no date"),
        pytest.param(
            "/subscriptions?API-VERSION=2024-01-01&api-version=x", (400, "InvalidApiVersionParameter"), id="x"
        ),
        pytest.param("/subscriptions?api-version=2017-05-01-preview", (200, ""), id="a preview"),
        pytest.param("/subscriptions?api-version=2099-12-31", (200, ""), id="any date"),
    ],
)
def test_an_api_version_is_required_but_any_will_do(arm: Client, url: str, outcome: tuple[int, str]) -> None:
    assert arm.get(url).outcome == outcome


def test_content_that_is_too_long_is_refused_unread(garden: Client) -> None:
    answer = garden.call("PUT", BED, headers={"content-length": str(5 * 2**20)}, content=b"{}")
    assert answer.outcome == (413, "RequestContentTooLarge")
    assert garden.call("PUT", BED, content=b" " * (4 * 2**20 + 1)).outcome == (413, "RequestContentTooLarge")


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"a": NaN}', b"[" * 5000, b'{"location": "\\ud800"}', b"tru"])
def test_content_that_can_not_be_read_is_refused(garden: Client, content: bytes) -> None:
    assert garden.call("PUT", BED, content=content).outcome == (400, "InvalidRequestContent")
