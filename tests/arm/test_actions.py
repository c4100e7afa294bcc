"""Verbs: quick, slow, writing, running, and those of a whole location."""

from __future__ import annotations

import pytest

from tests.arm.client import GARDEN, GROUP, Client
from tests.arm.garden import SUBSCRIPTION

WELL = f"{GARDEN}/wells/w"


@pytest.fixture
def well(garden: Client) -> Client:
    garden.made(WELL, {"location": "local", "properties": {"depth": 7, "key": "k"}})
    return garden


def test_a_quick_verb_answers_at_once_with_the_body_it_was_given(well: Client) -> None:
    answer = well.post(f"{WELL}/LISTKEYS", {"why": "test"})
    assert (answer.status, answer.body) == (200, {"key": "k", "asked": {"why": "test"}})


def test_a_slow_verb_sends_the_client_to_its_result(well: Client) -> None:
    answer = well.post(f"{WELL}/survey")
    assert (answer.status, answer.content) == (202, b"null")
    assert [well.get(answer.headers["location"]).body for _ in range(2)] == [{"depth": 7}, {"depth": 7}]
    assert well.settle(answer)["properties"] == {"depth": 7}


def test_a_verb_that_only_looks_leaves_the_state_alone(well: Client) -> None:
    answer = well.post(f"{WELL}/survey")
    assert well.get(WELL).body["properties"]["provisioningState"] == "Succeeded"
    assert well.settle(answer)["status"] == "Succeeded"


def test_a_verb_that_writes_is_done_when_the_network_follows(well: Client) -> None:
    answer = well.post(f"{WELL}/start")
    assert answer.status == 202
    assert well.settle(answer)["status"] == "Succeeded"
    assert well.get(WELL).body["properties"]["running"] is True


def test_a_verb_may_refuse(well: Client) -> None:
    well.post(f"{WELL}/start")
    refused = well.post(f"{WELL}/start")
    assert refused.outcome == (400, "AlreadyRunning")
    assert refused.error["target"] == "properties.running"


def test_a_verb_that_runs_a_script_gives_what_the_guest_said(well: Client) -> None:
    answer = well.post(f"{WELL}/pump", {"script": "date"})
    assert answer.status == 202
    assert well.get(answer.headers["location"]).body == {"code": 3, "out": "w: date"}


def test_a_verb_of_a_location_has_its_places(well: Client) -> None:
    url = f"{GROUP.partition('/resourceGroups')[0]}/providers/contoso.garden/Locations/westus/usages"
    places = {"subscription": SUBSCRIPTION, "location": "westus"}
    assert well.get(url).body == {"value": [places | {"currentValue": 0}]}
    assert well.get(f"{url}x").outcome == (400, "InvalidResourceType")
