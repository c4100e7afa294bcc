from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.arm.deployments.expressions import (
    MAX_LENGTH,
    Call,
    ExpressionError,
    Literal,
    Member,
    Node,
    is_expression,
    parse,
    unescape,
    write,
)
from tests.arm.deployments.lab import value

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
literals = st.builds(
    Literal, st.one_of(st.text(max_size=12), st.integers(-(2**63), 2**63 - 1), st.sampled_from([0.5, -12.25, 3.0]))
)
trees = st.recursive(
    literals,
    lambda inner: st.one_of(
        st.builds(Call, names | st.builds("{}.{}".format, names, names), st.lists(inner, max_size=3).map(tuple)),
        st.builds(Member, st.builds(Call, names, st.just(())), inner | names.map(Literal), st.booleans()),
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(trees)
def test_writing_and_reading_a_tree_gives_the_tree(tree: Node) -> None:
    assert parse(write(tree)) == tree


@settings(deadline=None)
@given(st.text(max_size=40) | st.text("fa('),.[]?1- ", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except ExpressionError:
        return
    assert parse(write(tree)) == tree


@settings(deadline=None)
@given(st.text(max_size=30))
def test_a_string_literal_means_itself(text: str) -> None:
    assert value("['" + text.replace("'", "''") + "']") == text


TEXTS = [
    pytest.param("[concat('a')]", True, id="brackets make an expression"),
    pytest.param("[[concat('a')]", False, id="a doubled bracket does not"),
    pytest.param("[a", False, id="one bracket does not"),
    pytest.param("a]", False, id="nor does the closing one"),
    pytest.param("", False, id="nor does nothing"),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_what_is_an_expression(text: str, expected: bool) -> None:
    assert is_expression(text) is expected


ESCAPES = [
    pytest.param("[[concat('a')]", "[concat('a')]", id="the first bracket of two is dropped"),
    pytest.param("[[not closed", "[[not closed", id="text that does not close is left alone"),
    pytest.param("plain", "plain", id="plain text is left alone"),
]


@pytest.mark.parametrize(("text", "expected"), ESCAPES)
def test_a_literal_bracket_is_escaped_by_doubling_it(text: str, expected: str) -> None:
    assert unescape(text) == value(text) == expected


MEMBERS = [
    pytest.param("[variables('v').a.b[1]]", 2, id="names and indices in a row"),
    pytest.param("[variables('v')['a'].B[add(0, 0)]]", 1, id="keys ignore case and may be computed"),
    pytest.param("[variables('v').?x]", None, id="a missing name is null when it is safe"),
    pytest.param("[variables('v').a.b[?9]]", None, id="a missing index is null when it is safe"),
    pytest.param("[variables('v').?x.?y]", None, id="a safe chain goes through null"),
    pytest.param("[ variables ( 'v' ) . a . b [ 0 ] ]", 1, id="spaces do not matter"),
]


@pytest.mark.parametrize(("text", "expected"), MEMBERS)
def test_members_are_reached(text: str, expected: object) -> None:
    assert value(text, variables={"v": {"a": {"b": [1, 2]}}}) == expected


WRONG = [
    pytest.param("", "expected name and found 'the end'", id="nothing"),
    pytest.param("true", "expected (", id="a bare word"),
    pytest.param("f('a'", "expected ,", id="a call that does not end"),
    pytest.param("f('a',)", "expected name and found ')'", id="a comma too many"),
    pytest.param("f() g()", "expected the end and found 'g'", id="two calls"),
    pytest.param("f()[1", "expected ]", id="an index that does not end"),
    pytest.param("f().", "expected name", id="a dot at the end"),
    pytest.param("'open", "unexpected '''", id="a string that does not end"),
    pytest.param("f(#)", "unexpected '#' at position 2", id="a sign of another language"),
    pytest.param("f(" * 100 + ")" * 100, "nested deeper", id="calls without end"),
    pytest.param("f()" + ".a" * 100, "in a row", id="members without end"),
    pytest.param("'" + "a" * MAX_LENGTH + "'", "the limit is '24576'", id="too many characters"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG)
def test_what_can_not_be_read_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert sentence in str(caught.value)


def test_keys_of_objects_may_be_expressions() -> None:
    assert value({"[concat('a', 'b')]": 1, "plain": ["[add(1, 1)]", True, None]}) == {"ab": 1, "plain": [2, True, None]}


def test_variables_name_each_other_but_not_themselves() -> None:
    assert value("[variables('B')]", variables={"a": "x", "b": "[concat(variables('a'), 'y')]"}) == "xy"
    with pytest.raises(ExpressionError, match="refers to itself"):
        value("[variables('a')]", variables={"a": "[variables('b')]", "b": "[variables('a')]"})


def test_a_variable_loop_makes_an_array() -> None:
    loops = {"copy": [{"name": "disks", "count": 3, "input": {"lun": "[copyIndex('disks', 1)]"}}]}
    assert value("[variables('disks')]", variables=loops) == [{"lun": 1}, {"lun": 2}, {"lun": 3}]
    assert value("[variables('o').disks[2].lun]", variables={"o": loops}) == 3


def test_a_property_loop_makes_an_array_and_may_hold_another() -> None:
    inner = {"name": "ports", "count": 2, "input": "[add(mul(copyIndex('rules'), 10), copyIndex('ports'))]"}
    outer = {"name": "rules", "count": 2, "input": {"copy": [inner], "n": "[copyIndex('rules')]"}}
    assert value({"copy": [outer], "k": 1}) == {
        "rules": [{"ports": [0, 1], "n": 0}, {"ports": [10, 11], "n": 1}],
        "k": 1,
    }


@pytest.mark.parametrize("count", [-1, 801, "[string('x')]", None])
def test_a_loop_counts_from_0_to_800(count: object) -> None:
    with pytest.raises(ExpressionError, match="cannot exceed '800'"):
        value({"copy": [{"name": "a", "count": count, "input": 1}]})
