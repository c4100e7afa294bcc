from __future__ import annotations

from tests.arm.client import GARDEN, Client


def test_put_get_delete(garden: Client) -> None:
    answer = garden.put(f"{GARDEN}/beds/b", {"location": "westeurope", "properties": {"plants": [{"name": "p"}]}})
    assert answer.status == 201, answer.body
    print(answer.body, answer.headers)
    print(garden.settle(answer))
    print(garden.get(f"{GARDEN}/beds/b").body)
    gone = garden.delete(f"{GARDEN}/beds/b")
    print(gone.status, gone.headers, garden.settle(gone), garden.get(gone.headers["location"]).status)
    assert garden.get(f"{GARDEN}/beds/b").outcome == (404, "ResourceNotFound")
