"""The activity log: who did what, how it ended, and how it is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from lazulite.arm import activity, activity_requests
from lazulite.arm.access.founding import LAB
from lazulite.arm.activity import action
from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client, client

HERE = {"location": "local"}
WHOLE = f"/subscriptions/{SUBSCRIPTION}"
WELL, BED = f"{GARDEN}/wells/w", f"{GARDEN}/beds/b"
LOG = f"{WHOLE}/providers/microsoft.insights/eventtypes/management/values"
SINCE = "eventTimestamp ge '2025-12-31T00:00:00.0000000Z'"
CALLER = LAB
CHAIN = "12345678-0000-4000-8000-123456789ABC"


def asked(garden: Client, expression: str = SINCE, more: str = "") -> Any:
    return garden.get(f"{LOG}?$filter={quote(expression)}{more}")


def events(garden: Client, expression: str = SINCE, more: str = "") -> list[Any]:
    answer = asked(garden, expression, more)
    assert answer.status == 200, answer.content
    found: list[Any] = answer.body["value"]
    return found


def lines(found: list[Any]) -> list[str]:
    """Operation, status and sub status, oldest first."""
    return [
        " ".join(filter(None, (e["operationName"]["value"], e["status"]["value"], e["subStatus"]["value"])))
        for e in reversed(found)
    ]


def about(url: str) -> str:
    return f"{SINCE} and resourceUri eq '{url}'"


def test_a_write_that_goes_on_behind_its_answer_ends_when_the_network_follows(garden: Client) -> None:
    garden.backend.network.hold()
    answer = garden.put(WELL, HERE)
    begun = ["CONTOSO.GARDEN/WELLS/WRITE Started", "CONTOSO.GARDEN/WELLS/WRITE Accepted Created"]
    assert lines(events(garden, about(WELL))) == begun
    garden.backend.network.release()
    garden.settle(answer)
    assert lines(events(garden, about(WELL))) == [*begun, "CONTOSO.GARDEN/WELLS/WRITE Succeeded Ok"]


def test_what_the_network_refuses_has_failed(garden: Client) -> None:
    garden.backend.network.refused = [(WELL, "dry")]
    garden.settle(garden.put(WELL, HERE))
    last = events(garden, about(WELL))[0]
    assert (last["status"]["value"], last["level"], last["properties"]["statusMessage"]) == (
        "Failed",
        "Error",
        "ProvisioningFailed: dry",
    )


CALLS = [
    pytest.param("PATCH", WELL, {"tags": {}}, ["WELLS/WRITE Started", "WELLS/WRITE Succeeded Ok"], id="tags"),
    pytest.param(
        "POST",
        f"{WELL}/listKeys",
        None,
        ["WELLS/LISTKEYS/ACTION Started", "WELLS/LISTKEYS/ACTION Succeeded Ok"],
        id="verb",
    ),
    pytest.param(
        "DELETE",
        WELL,
        None,
        ["WELLS/DELETE Started", "WELLS/DELETE Accepted Accepted", "WELLS/DELETE Succeeded Ok"],
        id="delete",
    ),
    pytest.param(
        "PUT", WELL, {"location": "nowhere"}, ["WELLS/WRITE Started", "WELLS/WRITE Failed BadRequest"], id="refused"
    ),
    pytest.param("GET", WELL, None, [], id="reads are not logged"),
]


@pytest.mark.parametrize(("method", "url", "body", "expected"), CALLS)
def test_each_call_has_a_beginning_and_an_end(
    garden: Client, method: str, url: str, body: Any, expected: list[str]
) -> None:
    garden.made(WELL, HERE)
    known = len(events(garden))
    answer = garden.call(method, url, body)
    if "azure-asyncoperation" in answer.headers:
        garden.settle(answer)
    found = events(garden)
    assert [line.removeprefix("CONTOSO.GARDEN/") for line in lines(found[: len(found) - known])] == expected
    assert len({e["correlationId"] for e in found[: len(expected)]}) == (1 if expected else 0)


def test_what_a_lock_forbids_is_logged(garden: Client) -> None:
    garden.put(f"{GROUP}/providers/Microsoft.Authorization/locks/l", {"properties": {"level": "ReadOnly"}})
    garden.put(WELL, HERE)
    last = events(garden, about(WELL))[0]
    assert (last["status"]["value"], last["subStatus"]["value"]) == ("Failed", "Conflict")
    assert last["properties"]["statusMessage"].startswith("ScopeLocked: ")


def test_an_event_names_the_caller_and_its_request(garden: Client) -> None:
    headers = {"x-ms-correlation-request-id": CHAIN, "x-ms-client-request-id": "mine"}
    answer = garden.put(WELL, HERE, headers)
    assert answer.headers["x-ms-correlation-request-id"] == CHAIN
    found = events(garden, about(WELL))[-1]
    assert found["caller"] == found["claims"]["appid"] == CALLER
    assert found["correlationId"] == CHAIN
    assert found["httpRequest"] == {"clientRequestId": "mine", "clientIpAddress": "127.0.0.1", "method": "PUT"}
    assert found["authorization"] == {"action": "Contoso.Garden/wells/write", "scope": WELL}
    assert found["eventName"]["value"] == "BeginRequest"
    assert found["resourceType"]["value"] == "CONTOSO.GARDEN/WELLS"
    assert found["resourceProviderName"]["value"] == "CONTOSO.GARDEN"
    assert (found["resourceGroupName"], found["subscriptionId"]) == ("g", SUBSCRIPTION)
    assert found["id"].startswith(f"{WELL}/events/{found['eventDataId']}/ticks/639")
    assert found["eventTimestamp"] == "2026-01-01T00:00:00.0000000Z"


def test_of_the_claims_only_those_that_say_who_are_kept() -> None:
    claims = {"upn": "me@lazulite.test", "oid": "o", "secret": "s", "ver": 1}
    call = activity.call_of("PUT", {}, claims)
    assert call.claims == {"upn": "me@lazulite.test", "oid": "o", "ver": "1"}
    assert [activity.call_of("PUT", {}, c).caller for c in (claims, {"oid": "o", "appid": "a"}, {"oid": "o"})] == [
        "me@lazulite.test",
        "a",
        "o",
    ]


def test_a_correlation_id_that_is_none_is_replaced(garden: Client) -> None:
    answer = garden.put(WELL, HERE, {"x-ms-correlation-request-id": "x\r\ny"})
    assert answer.headers["x-ms-correlation-request-id"] == answer.headers["x-ms-request-id"]


def test_what_a_deployment_writes_shares_its_correlation_id(garden: Client) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {"type": "Contoso.Garden/wells", "apiVersion": "2025-01-01", "name": "w", "location": "local"},
            {
                "type": "Contoso.Garden/beds",
                "apiVersion": "2025-01-01",
                "name": "b",
                "location": "local",
                "dependsOn": ["w"],
                "properties": {"plants": [{"name": "weed"}]},
            },
        ],
    }
    url = f"{GROUP}/providers/Microsoft.Resources/deployments/d"
    body = json.dumps({"properties": {"mode": "Incremental", "template": template}}).encode()
    answer = garden.call("PUT", url, headers={"x-ms-correlation-request-id": CHAIN}, content=body)
    garden.settle(answer)
    found = events(garden, f"{SINCE} and correlationId eq '{CHAIN.lower()}'")
    assert lines(found)[:2] == [
        "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE Started",
        "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE Accepted Created",
    ]
    assert lines(found)[2:] == [
        "CONTOSO.GARDEN/WELLS/WRITE Started",
        "CONTOSO.GARDEN/WELLS/WRITE Succeeded Ok",
        "CONTOSO.GARDEN/BEDS/WRITE Started",
        "CONTOSO.GARDEN/BEDS/WRITE Failed BadRequest",
        "MICROSOFT.RESOURCES/DEPLOYMENTS/WRITE Failed Conflict",
    ]
    assert found[0]["resourceId"] == url


FILTERS = [
    ("resourceGroupName eq 'G'", True),
    ("resourceGroupName eq 'other'", False),
    (f"resourceUri eq '{WELL.upper()}'", True),
    (f"resourceId eq '{BED}'", False),
    ("resourceProvider eq 'contoso.garden'", True),
    ("resourceProvider eq 'Microsoft.Network'", False),
    (f"correlationId eq '{CHAIN}'", False),
    (f"caller eq '{CALLER.upper()}'", True),
    ("caller eq 'nobody'", False),
    ("status eq 'Succeeded'", True),
    ("levels eq 'Error'", False),
    ("eventTimestamp le 2026-01-01T00:00:00.5", True),
    ("eventTimestamp lt '2026-01-01T00:00:00Z'", False),
    ("eventTimestamp gt '2026-01-01T01:00:00+01:00'", False),
]


@pytest.mark.parametrize(("clause", "there"), FILTERS, ids=[c for c, _ in FILTERS])
def test_a_filter_finds(garden: Client, clause: str, there: bool) -> None:
    garden.made(WELL, HERE)
    found = [e for e in events(garden, f"{SINCE} and {clause}") if e["resourceId"] == WELL]
    assert bool(found) is there


MALFORMED = [
    ("", "BadRequest"),
    ("resourceGroupName eq 'g'", "BadRequest"),
    ("eventTimestamp le '2026-01-01'", "BadRequest"),
    (f"{SINCE} or caller eq 'me'", "BadRequest"),
    (f"{SINCE} and colour eq 'red'", "InvalidFilterInQueryString"),
    (f"{SINCE} and caller ne 'me'", "InvalidFilterInQueryString"),
    (f"{SINCE} and (caller eq 'me' or status eq 'Started')", "InvalidFilterInQueryString"),
    ("eventTimestamp ge 'yesterday'", "InvalidFilterInQueryString"),
]


@pytest.mark.parametrize(("expression", "code"), MALFORMED)
def test_what_is_not_understood_is_refused(garden: Client, expression: str, code: str) -> None:
    assert asked(garden, expression).outcome == (400, code)


def test_properties_can_be_selected(garden: Client) -> None:
    found = events(garden, more="&$select=caller%20,%20OperationName")
    assert found
    assert all(e.keys() == {"caller", "operationName"} for e in found)


def test_the_newest_come_first_and_pages_follow(garden: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        assert garden.put(f"{GARDEN}/gates/g{number}", {}).status == 201
    whole = [e["eventDataId"] for e in events(garden)]
    monkeypatch.setattr(activity_requests, "_PAGE", 3)
    url, found = f"{LOG}?$filter={quote(SINCE)}", list[str]()
    while url:
        body = garden.get(url).body
        found += [e["eventDataId"] for e in body["value"]]
        parts = urlsplit(body.get("nextLink", ""))
        url = f"{parts.path}?{parts.query}" if parts.path else ""
    assert found == whole
    assert len(found) == len(set(found)) > 9


def test_subscriptions_have_logs_of_their_own(garden: Client) -> None:
    other = LOG.replace(SUBSCRIPTION, "00000000-0000-0000-0000-000000000009")
    assert garden.get(f"{other}?$filter={quote(SINCE)}").outcome == (404, "SubscriptionNotFound")
    assert garden.call("POST", LOG).outcome == (405, "MethodNotAllowed")


def test_the_log_outlives_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lab.db"
    with client(url) as before:
        before.put(GROUP, HERE)
        found = events(before)
    with client(url) as after:
        assert events(after) == found
        after.put(WELL, HERE)
        more = [e["eventDataId"] for e in events(after)]
        assert more[-len(found) :] == [e["eventDataId"] for e in found]
        assert len(more) == len(set(more)) > len(found)


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "KEPT", 10)
    url = f"sqlite:///{tmp_path}/lab.db"
    with client(url) as before:
        before.put(GROUP, HERE)
        for number in range(20):
            before.put(f"{GARDEN}/gates/g{number}", {})
            before.api.router.activity.flush()
        newest = events(before)
        assert len(newest) == 10
    with client(url) as after:
        assert events(after) == newest
        assert len(after.backend.store.documents.keys(activity.AREA)) < 10


def test_a_write_waits_for_no_log(garden: Client) -> None:
    """What is logged is stored in one batch later, not along with the write."""
    before = garden.backend.store.documents.keys(activity.AREA)
    garden.made(WELL, HERE)
    assert garden.backend.store.documents.keys(activity.AREA) == before
    garden.api.router.activity.flush()
    assert len(garden.backend.store.documents.keys(activity.AREA)) == len(before) + 1


ACTIONS = [
    ("PUT", WELL, "Contoso.Garden/wells/write", WELL),
    ("PATCH", f"{BED}/plants/p", "Contoso.Garden/beds/plants/write", f"{BED}/plants/p"),
    ("DELETE", GROUP, "Microsoft.Resources/subscriptions/resourceGroups/delete", GROUP),
    ("POST", f"{WELL}/listKeys", "Contoso.Garden/wells/listKeys/action", WELL),
    (
        "POST",
        f"{GROUP}/moveResources",
        "Microsoft.Resources/subscriptions/resourceGroups/moveResources/action",
        GROUP,
    ),
    ("PUT", f"{GROUP}/deployments/d", "Microsoft.Resources/deployments/write", f"{GROUP}/deployments/d"),
    (
        "POST",
        f"{WHOLE}/providers/Contoso.Garden/register",
        "Contoso.Garden/register/action",
        f"{WHOLE}/providers/Contoso.Garden",
    ),
    (
        "PUT",
        f"{WELL}/providers/Microsoft.Authorization/locks/l",
        "Microsoft.Authorization/locks/write",
        f"{WELL}/providers/Microsoft.Authorization/locks/l",
    ),
    ("PUT", f"{WHOLE}/tagNames/env", "Microsoft.Resources/subscriptions/tagNames/write", f"{WHOLE}/tagNames/env"),
]


@pytest.mark.parametrize(("method", "path", "name", "resource"), ACTIONS)
def test_actions_have_azures_names(method: str, path: str, name: str, resource: str) -> None:
    assert action(method, path) == (name, resource)
