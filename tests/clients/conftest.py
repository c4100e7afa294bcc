"""Azure's own clients on one lab with packets, shared by the session and gone at its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lazulite.testing import Lab
from tests.clients.az import Az
from tests.clients.sdk import LOCATION, Sdk


@pytest.fixture(scope="session")
def lab(lazulite_lab: Lab) -> Iterator[Lab]:
    """Nothing that a client sends may make the lab fail for a reason of its own."""
    yield lazulite_lab
    _, failed, rest = (lazulite_lab.directory / "controller.log").read_text().partition("Traceback")
    assert not failed, rest


@pytest.fixture(scope="session")
def az(lab: Lab) -> Iterator[Az]:
    client = Az(lab)
    client.install()
    yield client
    client.close()


@pytest.fixture
def sdk(lab: Lab) -> Iterator[Sdk]:
    client = Sdk(lab)
    yield client
    client.close()


@pytest.fixture
def group(lab: Lab) -> Iterator[str]:
    """An empty resource group, deleted afterwards with all that is in it: what a test leaves behind must go too."""
    path = f"{lab.client.subscription}/resourceGroups/clients"
    lab.client.put(path, {"location": LOCATION})
    yield "clients"
    for lock in lab.client.get(f"{path}/providers/Microsoft.Authorization/locks")["value"]:
        lab.client.delete(lock["id"])
    lab.client.delete(path)
    assert lab.client.get("/lazulite/guests") == {"value": []}
