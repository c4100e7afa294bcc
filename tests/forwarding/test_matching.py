"""Patterns of RE2, run in Python: against what they say, against Python's own, and against the same machine in Lua."""

from __future__ import annotations

import random
import re

import pytest

from lazulite.forwarding.matching import search
from lazulite.forwarding.patterns import Program
from tests.engines import lua

ROWS = [
    ("/(.+)/(.+)", "/fashion/shirts", ["/fashion/shirts", "fashion", "shirts"]),
    ("^/a$", "/a/", None),
    ("b+", "abbbc", ["bbb"]),
    ("b+?", "abbbc", ["b"]),
    ("(a)|(b)", "b", ["b", "", "b"]),
    (r"\bshop\b", "my shop!", ["shop"]),
    (r"\bshop\b", "shopping", None),
    (r"a\B", "ab a", ["a"]),
    ("", "x", [""]),
    ("é", "café", ["é"]),
    ("(?i)SHOP", "shop", ["shop"]),
    (r"\Aa\z", "a", ["a"]),
]


@pytest.mark.parametrize(("pattern", "text", "found"), ROWS)
def test_a_pattern_finds_the_leftmost_match_and_its_groups(pattern: str, text: str, found: list[str] | None) -> None:
    assert search(Program(pattern), text) == found


def test_letter_case_does_not_count_where_it_is_said() -> None:
    assert search(Program("/A", ignore_case=True), "/a") == ["/a"]


def drawn(dice: random.Random, depth: int = 3) -> str:
    """Without what two engines may see in different ways: repetitions of what can be empty."""
    if depth == 0 or dice.random() < 0.3:
        return dice.choice(["a", "b", "c", ".", "[ab]", "[^a]", r"\w", "ab"])
    kind = dice.randrange(4)
    if kind == 0:
        return "".join(drawn(dice, depth - 1) for _ in range(dice.randint(1, 3)))
    if kind == 1:
        return f"({drawn(dice, depth - 1)})"
    if kind == 2:
        return f"(?:{drawn(dice, depth - 1)}|{drawn(dice, depth - 1)})"
    return f"(?:{drawn(dice, depth - 1)}){dice.choice(['+', '+?', '{1,2}'])}"


@pytest.mark.parametrize("seed", range(10))
def test_random_patterns_find_what_python_and_lua_find(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(25):
        pattern = drawn(dice)
        program = Program(pattern)
        for _ in range(3):
            text = "".join(dice.choices("abc", k=dice.randint(0, 7)))
            found = search(program, text)
            other = re.search(pattern, text)
            assert (found is None) == (other is None), (pattern, text)
            if found is not None and other is not None:
                assert found[0] == other[0], (pattern, text)
            by_lua = lua.groups(program, text.encode())
            assert found == (None if by_lua is None else [g.decode() for g in by_lua]), (pattern, text)


def test_no_text_makes_it_slow() -> None:
    """What takes others longer than the world has existed."""
    assert search(Program("(a|a)*(a|a)*b"), "a" * 300) is None
