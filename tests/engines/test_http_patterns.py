"""Patterns of rewrites find what RE2 finds: the leftmost, of alternatives the first, in time that no text stretches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.forwarding.patterns import PatternError, Program
from tests.engines.lua import groups


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        pytest.param("/(.+)/(.+)", "/fashion/shirts", ["/fashion/shirts", "fashion", "shirts"], id="two groups"),
        pytest.param("a|ab", "ab", ["a"], id="the first alternative, not the longest"),
        pytest.param("b+?", "abbb", ["b"], id="as few as will do"),
        pytest.param("b+", "abbb", ["bbb"], id="as many as there are"),
        pytest.param("^b", "ab", None, id="only at the beginning"),
        pytest.param("b$", "ab", ["b"], id="at the end"),
        pytest.param(r"\bcat\b", "a cat.", ["cat"], id="a word"),
        pytest.param(r"\Bcat", "concat", ["cat"], id="inside of a word"),
        pytest.param("[a-c]{2,3}", "xabcab", ["abc"], id="a class, counted"),
        pytest.param("x{0}y", "xy", ["y"], id="none of it"),
        pytest.param("[^/]+$", "/a/b.png", ["b.png"], id="what is not in a class"),
        pytest.param("[[:digit:]]+", "a12", ["12"], id="a class by its name"),
        pytest.param("[]a]+", "a]b", ["a]"], id="a bracket in a class"),
        pytest.param("(?i)SHOP", "my Shop", ["Shop"], id="letter case does not count from here"),
        pytest.param("(?i:s)hop", "SHOP", None, id="letter case counts again"),
        pytest.param("(?P<kind>.)(?:x)(y)?", "axz", ["ax", "a", ""], id="names, groups that keep nothing, or nothing"),
        pytest.param("ü", "süß", ["ü"], id="what is not ASCII"),
        pytest.param(r"\.\x41", ".A", [".A"], id="escapes"),
        pytest.param("a{,2}", "a{,2}", ["a{,2}"], id="braces that are no repetition"),
        pytest.param("(a*)*b", "aab", ["aab", "aa"], id="nothing, repeated"),
        pytest.param("((?:^|a)+)", "a", ["", ""], id="a round of nothing ends a repetition"),
        pytest.param("(?:^|a)*", "a", [""], id="a round of nothing ends what may not come at all"),
        pytest.param("(?:^|a){2,}", "a", [""], id="rounds of nothing count"),
        pytest.param("(?:a|^)*", "aa", ["aa"], id="nothing is the second choice"),
        pytest.param("(?:a|^)*?b", "aab", ["aab"], id="nothing, as seldom as will do"),
        pytest.param("(?:ab){2,}", "ababab", ["ababab"], id="at least twice"),
        pytest.param("(?:(?:ab)?){2,}?b", "abb", ["abb"], id="at least twice what may be nothing"),
        pytest.param("", "abc", [""], id="nothing is everywhere"),
    ],
)
def test_what_a_pattern_finds(pattern: str, text: str, expected: list[str] | None) -> None:
    found = groups(Program(pattern), text.encode())
    assert (None if found is None else [g.decode() for g in found]) == expected


def test_letter_case_does_not_count_where_it_is_said() -> None:
    assert groups(Program("[a-f]+x", ignore_case=True), b"ABCX") == [b"ABCX"]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a", "does not end"),
        ("a)", "too many"),
        ("[a", "does not end"),
        ("*a", "nothing before"),
        ("a**", "repetition of a repetition"),
        ("a{1001}", "repetition"),
        ("a{3,2}", "repetition"),
        ("[z-a]", "range"),
        (r"(a)\1", "not understood"),
        ("(?=a)", "not understood"),
        ("(?<=a)b", "not understood"),
        (r"\pL", "not understood"),
        (r"\xZZ", "no byte"),
        ("[[:nonsense:]]", "not understood"),
        ("((((a{100}){100}){100}){100})", "too large"),
        ("[ü]", "not understood"),
        ("a\\", "not understood"),
    ],
)
def test_what_is_no_pattern_is_refused_by_its_fault(pattern: str, why: str) -> None:
    with pytest.raises(PatternError, match=why):
        Program(pattern)


_pieces = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "^", "$"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["+", "?", "+?", "??", "{1,2}"])).map("(?:{0[0]}){0[1]}".format),
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(_pieces, st.text("abc/", max_size=8))
def test_it_finds_what_the_machine_of_python_finds(pattern: str, text: str) -> None:
    """As far as both mean the same: what a repeated group keeps of its rounds they see differently, so the whole."""
    expected = re.search(pattern.replace("$", r"\Z"), text)
    found = groups(Program(pattern), text.encode())
    assert (None if found is None else found[0].decode()) == (expected[0] if expected else None)


def test_no_text_makes_it_slow() -> None:
    """A machine that goes back would need 2 ** 400 steps here."""
    assert groups(Program("(a+)+$"), b"a" * 400 + b"b") is None
