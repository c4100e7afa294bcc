"""A write that the network follows at once is answered as finished; one that takes longer, with where to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.arm.client import GARDEN, Client, client
from tests.arm.garden import Garden

BED = f"{GARDEN}/beds/b"
HERE = {"location": "westeurope"}
POLLED = "azure-asyncoperation"


class Patient(Garden):
    grace_s = 0.05


@pytest.fixture
def garden() -> Iterator[Client]:
    with client(backend_type=Patient) as one:
        assert one.put(GARDEN.rpartition("/providers")[0], HERE).status == 201
        yield one


def test_what_is_over_in_time_needs_no_poll(garden: Client) -> None:
    created, again = garden.put(BED, HERE), garden.put(BED, HERE)
    assert [created.status, again.status] == [201, 200]
    for answer in (created, again):
        assert answer.body["properties"]["provisioningState"] == "Succeeded"
        assert answer.headers.keys() & {POLLED, "location", "retry-after"} == set()
    assert garden.get(BED).body == again.body


def test_a_delete_that_is_over_in_time_needs_no_poll(garden: Client) -> None:
    garden.put(BED, HERE)
    gone = garden.delete(BED)
    assert (gone.status, gone.content, gone.headers.keys() & {POLLED, "location"}) == (200, b"", set())
    assert garden.delete(BED).status == 204


def test_what_takes_longer_is_polled(garden: Client) -> None:
    garden.backend.network.hold()
    created = garden.put(BED, HERE)
    assert created.body["properties"]["provisioningState"] == "Updating"
    gone = garden.delete(BED)
    assert (gone.status, POLLED in gone.headers) == (202, True)
    garden.backend.network.release()
    assert garden.settle(created)["status"] == "Succeeded"


def test_what_the_network_refuses_is_heard_of_by_polling(garden: Client) -> None:
    garden.backend.network.refused = [(BED, "no room")]
    assert garden.settle(garden.put(BED, HERE))["error"]["message"] == "no room"
