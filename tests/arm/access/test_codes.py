"""One-time codes: who asked for one is who is signed in by it, once, for a minute."""

from __future__ import annotations

from typing import Any

import pytest

from lazulite.arm.access.founding import LAB
from lazulite.arm.access.principals import User
from lazulite.arm.codes import _MOST, CODE_S
from tests.arm.access.people import guid
from tests.arm.access.test_sign_in import BASE, form, opened, put, user
from tests.arm.client import Client


def traded(arm: Client, code: str) -> dict[str, Any]:
    found: dict[str, Any] = form(arm, grant_type="authorization_code", code=code, resource=f"{BASE}/").body
    return found


def codes(arm: Client) -> Any:
    return arm.api.router._authority.codes


def lab(arm: Client) -> str:
    found: Any = arm.api.router.access.directory.client(LAB)
    return str(found.id)


def test_a_code_is_good_once(arm: Client) -> None:
    code = codes(arm).issue(lab(arm))
    assert opened(arm, traded(arm, code)["access_token"]).status == 200
    assert traded(arm, code)["error"] == "invalid_grant"


def test_a_code_is_good_for_a_minute(arm: Client) -> None:
    early, late = codes(arm).issue(lab(arm)), codes(arm).issue(lab(arm))
    arm.backend.pass_time(CODE_S - 1)
    assert "access_token" in traded(arm, early)
    arm.backend.pass_time(1)
    assert traded(arm, late)["error"] == "invalid_grant"


@pytest.mark.parametrize("code", ["", "x", "A" * 43, "\u00e9"])
def test_a_code_that_nobody_was_given_opens_nothing(arm: Client, code: str) -> None:
    codes(arm).issue(lab(arm))
    assert traded(arm, code)["error"] == "invalid_grant"


def test_a_code_ends_with_its_principal(arm: Client) -> None:
    ann = user("ann@x")
    put(arm, ann)
    code, other = codes(arm).issue(ann.id), codes(arm).issue(ann.id)
    assert "access_token" in traded(arm, code)
    put(
        arm,
        User(id=guid("ann@x"), display_name="a", user_principal_name="ann@x", digest=ann.digest, account_enabled=False),
    )
    assert traded(arm, other)["error"] == "invalid_grant"


def test_codes_that_nobody_uses_do_not_pile_up(arm: Client) -> None:
    first, *_, last = (codes(arm).issue(lab(arm)) for _ in range(_MOST + 1))
    assert traded(arm, first)["error"] == "invalid_grant"
    assert "access_token" in traded(arm, last)
