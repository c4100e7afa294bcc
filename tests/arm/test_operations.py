"""Long-running operations: polls that are held, failures that are told, and a restart in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lazulite.arm import operation_requests
from tests.arm.client import GARDEN, GROUP, Answer, Client, client

WELL, BED = f"{GARDEN}/wells/w", f"{GARDEN}/beds/b"
HERE = {"location": "local"}


def test_the_first_poll_is_held_until_the_network_follows(garden: Client) -> None:
    garden.backend.network.hold()
    url = garden.put(WELL, HERE).headers["azure-asyncoperation"]

    async def poll_and_release() -> tuple[bool, Answer]:
        poll = asyncio.ensure_future(garden.exchange("GET", url))
        for _ in range(5):
            await asyncio.sleep(0)
        waiting = not poll.done()
        garden.backend.network.release()
        return waiting, await poll

    waiting, answer = garden.runner.run(poll_and_release())
    assert waiting
    assert answer.body["status"] == "Succeeded"


def test_every_answer_that_asks_for_a_poll_says_when(garden: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(operation_requests, "HOLD_S", 0)
    garden.backend.network.hold()
    started = garden.delete(WELL) if garden.get(WELL).status == 200 else garden.put(WELL, HERE)
    status = garden.get(started.headers["azure-asyncoperation"])
    assert status.body["status"] == "InProgress"
    gone = garden.delete(WELL)
    result = garden.get(gone.headers["location"])
    assert (result.status, result.content) == (202, b"null")
    for answer in (started, status, gone, result):
        assert float(answer.headers["retry-after"]) > 0
        assert float(answer.headers["x-ms-retry-after-ms"]) > 0


def test_what_the_network_refuses_fails_the_operation_and_shows_on_the_resource(garden: Client) -> None:
    garden.backend.network.refused = [(f"{BED}/plants/p".upper(), "no room for p")]
    answer = garden.put(BED, {**HERE, "properties": {"plants": [{"name": "p"}, {"name": "q"}]}})
    status = garden.settle(answer)
    assert status["status"] == "Failed"
    assert status["error"]["message"] == "no room for p"
    shown = garden.get(BED).body["properties"]
    assert shown["provisioningState"] == "Failed"
    assert {p["name"]: p["properties"]["provisioningState"] for p in shown["plants"]} == {
        "p": "Failed",
        "q": "Succeeded",
    }


def test_a_failure_ends_when_the_network_no_longer_refuses(garden: Client) -> None:
    garden.backend.network.refused = [(BED, "no room")]
    garden.settle(garden.put(BED, HERE))
    garden.backend.network.refused = []
    assert garden.settle(garden.put(WELL, HERE))["status"] == "Succeeded"
    assert garden.get(BED).body["properties"]["provisioningState"] == "Succeeded"


def test_a_refusal_elsewhere_does_not_fail_the_operation(garden: Client) -> None:
    garden.backend.network.refused = [(f"{BED}x", "another resource whose name begins alike")]
    assert garden.settle(garden.put(BED, HERE))["status"] == "Succeeded"


def test_a_network_that_breaks_ends_the_operation_too(garden: Client, monkeypatch: Any, caplog: Any) -> None:
    async def broken(revision: int) -> Any:
        raise ConnectionError("the agent is gone")

    monkeypatch.setattr(garden.backend, "settled", broken)
    assert garden.settle(garden.put(WELL, HERE))["error"]["code"] == "InternalServerError"
    assert "the agent is gone" in caplog.text


def test_an_unknown_operation_is_not_found(garden: Client) -> None:
    url = f"/subscriptions/{GROUP.split('/')[2]}/providers/Contoso.Garden/locations/local/operations/none"
    assert garden.get(url).outcome == (404, "NotFound")


def test_an_operation_can_be_asked_for_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lab.db"
    with client(url) as before:
        before.put(GROUP, HERE)
        before.backend.network.hold()
        poll = urlsplit(before.put(WELL, HERE).headers["azure-asyncoperation"]).path
        survey = urlsplit(before.post(f"{WELL}/survey").headers["location"]).path
        assert before.get(survey).body == {"depth": 5}
    with client(url) as after:
        assert after.get(poll).body["status"] == "Succeeded"
        assert after.get(survey).body == {"depth": 5}


def test_what_was_refused_is_heard_of_again_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lab.db"
    with client(url) as before:
        before.put(GROUP, HERE)
        before.put(WELL, HERE)
    with client(url) as after:
        after.backend.network.refused = [(WELL, "dry")]
        after.runner.run(after.api.router.operations.resume())
        assert after.get(WELL).body["properties"]["provisioningState"] == "Failed"


def test_the_oldest_operations_are_forgotten(garden: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("lazulite.arm.operations._KEPT", 3)
    polls = [garden.put(WELL, HERE).headers["azure-asyncoperation"] for _ in range(5)]
    assert [garden.get(p).status for p in polls] == [404, 404, 200, 200, 200]
    assert len(garden.backend.store.documents.keys("operations")) == 3
