"""How a request is spelled in the record."""

from __future__ import annotations

import pytest

from docs.performed import UnreadableMarkerError, in_module
from docs.requests import commands
from tests.clients.asked import pattern, spelled

GROUP = "/subscriptions/1/resourcegroups/g"
NET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (GROUP, "/subscriptions/{}/resourceGroups/{}"),
        ("/subscriptions/1/resourceGroups", "/subscriptions/{}/resourceGroups"),
        (
            f"{NET}/subnets/s",
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/virtualNetworks/{}/subnets/{}",
        ),
        (
            f"{NET}/providers/Microsoft.Authorization/locks/l",
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Network/virtualNetworks/{}"
            "/providers/Microsoft.Authorization/locks/{}",
        ),
        (f"{GROUP}/exportTemplate", "/subscriptions/{}/resourceGroups/{}/exportTemplate"),
        ("/graph/v1.0/users/a@b/memberOf", "/graph/v1.0/users/{}/memberOf"),
        ("//subscriptions//1", "/subscriptions/{}"),
    ],
)
def test_names_are_left_out(path: str, expected: str) -> None:
    assert pattern(path) == expected


def test_the_version_is_part_of_it() -> None:
    assert spelled([("GET", f"{GROUP}?api-version=2024-11-01&x=y")]) == [
        "GET /subscriptions/{}/resourceGroups/{} 2024-11-01"
    ]


def test_what_happens_or_not_as_time_has_it_is_left_out() -> None:
    write = ("PUT", f"{NET}?api-version=1")
    poll = ("GET", "/subscriptions/1/providers/Microsoft.Network/locations/x/operations/abc?api-version=1")
    read = ("GET", f"{NET}?api-version=1")
    token = ("POST", "/adfs/oauth2/token")
    assert spelled([token, write, poll, poll, read]) == spelled([write])
    assert len(spelled([read, write, read])) == 2


def test_a_list_of_operations_is_no_poll() -> None:
    assert len(spelled([("GET", f"{GROUP}/providers/Microsoft.Resources/deployments/d/operations")])) == 1


def test_the_documentation_has_a_command_once_with_all_that_it_asks() -> None:
    kept = {"a: group show -n {g}": ["GET /x 1"], "b: group show -n y": ["GET /y 1"], "a: rest -m get": []}
    assert commands(kept) == {"group show": ["GET /x 1", "GET /y 1"], "rest": []}


MODULE = """
A = "Contoso/a"
B, C = f"{A}/b", "x"
def row(verb, kind=A):
    return covers(kind, verb, client="az")
ROWS = [row("list"), row("show", kind=B), covers(B, "create", "delete", client="sdk")]
"""


def test_markers_are_read_through_functions_that_wrap_them() -> None:
    found = {tuple(p) for p in in_module(MODULE, "m.py")}
    assert found == {
        ("Contoso/a", "list", "az"),
        ("Contoso/a/b", "show", "az"),
        ("Contoso/a/b", "create", "sdk"),
        ("Contoso/a/b", "delete", "sdk"),
    }


def test_a_marker_that_says_nothing_readable_is_no_silent_gap() -> None:
    with pytest.raises(UnreadableMarkerError):
        list(in_module("covers(unknown, 'list', client='az')", "m.py"))
