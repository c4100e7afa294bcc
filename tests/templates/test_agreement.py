"""When what-if and what happened agree."""

from __future__ import annotations

from typing import Any

import pytest

from tests.templates.agreement import differences

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/r"
KEY = ID.lower()


def told(kind: str, after: Any = None) -> dict[str, Any]:
    return {"changes": [{"resourceId": ID, "changeType": kind, "after": after}]}


def table(**properties: Any) -> dict[str, Any]:
    return {"name": "r", "properties": properties}


@pytest.mark.parametrize(
    ("foreseen", "before", "after"),
    [
        pytest.param(told("Create", table(a=1)), {}, {KEY: table(a=1, b=2)}, id="it was made, with more than was said"),
        pytest.param(told("Create", table(a="[reference('x').y]")), {}, {KEY: table(a=5)}, id="nobody could know it"),
        pytest.param(told("Create", table(a="West Europe")), {}, {KEY: table(a="westeurope")}, id="spelling"),
        pytest.param(told("NoChange"), {KEY: table(a=1)}, {KEY: table(a=1)}, id="nothing happened"),
        pytest.param(told("NoChange"), {KEY: table(subnets=[])}, {KEY: table(subnets=[1])}, id="others use it now"),
        pytest.param(told("Modify", table(a=2)), {KEY: table(a=1)}, {KEY: table(a=2)}, id="it was changed"),
        pytest.param(told("Delete"), {KEY: table()}, {}, id="it went"),
    ],
)
def test_they_agree_when(foreseen: Any, before: Any, after: Any) -> None:
    assert differences(foreseen, before, after) == []


@pytest.mark.parametrize(
    ("foreseen", "before", "after", "wrong"),
    [
        (told("Create"), {}, {}, "is not there"),
        (told("Create", table(a=1)), {}, {KEY: table(a=2)}, "properties.a became something else"),
        (told("Create", table(a=1)), {}, {KEY: table()}, "properties.a became something else"),
        (told("NoChange"), {KEY: table(a=1)}, {KEY: table(a=2)}, "said NoChange, it was Modify"),
        (told("Modify", table(a=1)), {KEY: table(a=1)}, {KEY: table(a=1)}, "said Modify, it was NoChange"),
        ({"changes": []}, {}, {KEY: table()}, "was not foreseen"),
        ({"changes": [], "diagnostics": [{"level": "Error", "code": "No"}]}, {}, {}, "expected No"),
    ],
)
def test_they_differ_when(foreseen: Any, before: Any, after: Any, wrong: str) -> None:
    [found] = differences(foreseen, before, after)
    assert wrong in found
