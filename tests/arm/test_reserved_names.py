"""Which names Azure keeps for itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arm.access.people import guid
from tests.arm.client import Client

URL = "/providers/Microsoft.Resources/checkResourceName"
TYPE = "Microsoft.Network/publicIPAddresses"
NAMES = {
    "web": "Allowed",
    "access": "Reserved",
    "Access": "Reserved",
    "accessible": "Allowed",
    "my-office": "Allowed",
    "OFFICE365": "Reserved",
    "web.config": "Reserved",
    "loginpage": "Reserved",
    "my-login": "Allowed",
    "microsoft": "Reserved",
    "my-Microsoft-web": "Reserved",
    "shop-windows": "Reserved",
}


@pytest.mark.parametrize(("name", "status"), NAMES.items())
def test_a_name_is_allowed_or_reserved(arm: Client, name: str, status: str) -> None:
    answer = arm.post(URL, {"name": name, "type": TYPE})
    assert (answer.status, answer.body) == (200, {"name": name, "type": TYPE, "status": status})


BODIES = [
    pytest.param(None, id="nothing"),
    pytest.param([], id="a list"),
    pytest.param({"name": "web"}, id="no type"),
    pytest.param({"type": TYPE}, id="no name"),
    pytest.param({"name": "", "type": TYPE}, id="an empty name"),
    pytest.param({"name": 7, "type": TYPE}, id="a number"),
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_without_both_is_refused(arm: Client, body: Any) -> None:
    assert arm.post(URL, body).outcome == (400, "InvalidRequestContent")


def test_it_is_a_post(arm: Client) -> None:
    assert arm.get(URL).outcome == (405, "MethodNotAllowed")


def test_it_wants_a_token(arm: Client) -> None:
    arm.token = guid("nobody")
    assert arm.post(URL, {"name": "web", "type": TYPE}).status == 401
