from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.arm.client import GROUP, Client, client


@pytest.fixture
def arm() -> Iterator[Client]:
    """A client of an empty garden."""
    with client() as found:
        yield found


@pytest.fixture
def garden(arm: Client) -> Client:
    """A client of a garden with a resource group ``g``."""
    arm.put(GROUP, {"location": "West Europe"})
    return arm
