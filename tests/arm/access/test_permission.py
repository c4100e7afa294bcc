"""Wildcards of actions."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.arm.access.permission import Permission, matches

CASES = [
    pytest.param("*", "Microsoft.Network/virtualNetworks/write", True, id="a star is everything"),
    pytest.param("*/read", "Microsoft.Network/virtualNetworks/read", True, id="a star at the start"),
    pytest.param("*/read", "Microsoft.Network/virtualNetworks/readers/write", False, id="its end is the end"),
    pytest.param("Microsoft.Network/*", "microsoft.network/a/b/c/action", True, id="a star runs over slashes"),
    pytest.param("Microsoft.Network/*", "Microsoft.NetworkFunction/a/read", False, id="a namespace ends at its slash"),
    pytest.param("Microsoft.Network/*/read", "MICROSOFT.NETWORK/VNETS/READ", True, id="case is nothing"),
    pytest.param("Microsoft.Network/*/read", "Microsoft.Network/read", False, id="both slashes are needed"),
    pytest.param("Microsoft.Authorization/*/Write", "Microsoft.Authorization/locks/write", True, id="a star within"),
    pytest.param("A/*/b/*/read", "A/x/b/y/read", True, id="two stars"),
    pytest.param("A/*/b/*/read", "A/x/c/y/read", False, id="two stars, and what is between them"),
    pytest.param("ab*ba", "aba", False, id="ends may not overlap"),
    pytest.param("A/b/read", "A/b/read", True, id="without a star it is itself"),
    pytest.param("A.b/read", "Axb/read", False, id="a dot is a dot"),
    pytest.param("", "A/b/read", False, id="nothing permits nothing"),
]


@pytest.mark.parametrize(("pattern", "action", "expected"), CASES)
def test_a_pattern_matches(pattern: str, action: str, expected: bool) -> None:
    assert matches(pattern, action) is expected


@given(st.text(alphabet="ab/*", max_size=9), st.text(alphabet="ab/", max_size=9))
def test_it_matches_what_a_shell_would_match(pattern: str, action: str) -> None:
    assert matches(pattern, action) is fnmatch.fnmatchcase(action, pattern)


def test_not_actions_narrow_their_own_entry() -> None:
    narrowed = Permission(actions=("Contoso/*",), not_actions=("Contoso/*/delete",))
    assert narrowed.permits("contoso/beds/write")
    assert not narrowed.permits("contoso/beds/delete")
    assert not narrowed.permits("other/beds/write")
