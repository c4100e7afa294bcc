"""Reading what az really sends."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.arm import jsonc

TEMPLATE = """{\r
  // a comment with "quotes"\r
  "$schema": "https://a//b", /* c , } */ "resources": [ 1, 2, // last
  ],
  "text": "line 1
line 2 // no comment", "yes": true, "number": 1e3,
}"""
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_the_splice_of_az_deployment_is_read() -> None:
    body = json.dumps({"properties": {"parameters": {"a": {"value": "x"}}, "mode": "Incremental"}})
    read = jsonc.decode(f"{body[:-2]}, template:{TEMPLATE}}}}}".encode())
    assert read["properties"]["mode"] == "Incremental"
    assert read["properties"]["template"] == {
        "$schema": "https://a//b",
        "resources": [1, 2],
        "text": "line 1\nline 2 // no comment",
        "yes": True,
        "number": 1000.0,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('\ufeff{"a": 1}', {"a": 1}, id="a byte order mark"),
        pytest.param('{"a": "template: 1, // not"}', {"a": "template: 1, // not"}, id="a string is left alone"),
        pytest.param('{"a": "\\"/*", b: "*/"}', {"a": '"/*', "b": "*/"}, id="an escaped quote does not end a string"),
        pytest.param("[1,/* x */ // y\n]", [1], id="comments between a trailing comma and its bracket"),
        pytest.param("{a_1$: null}", {"a_1$": None}, id="a bare key"),
    ],
)
def test_tolerances(text: str, value: object) -> None:
    assert jsonc.decode(text.encode()) == value


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="cut off"),
        pytest.param(b'{"a": tru}', id="a bare value"),
        pytest.param(b'{"a": Infinity}', id="infinity"),
        pytest.param(b'{"a": 1e999}', id="a number beyond floats"),
        pytest.param(b"1" * 5000, id="a number of 5,000 digits"),
        pytest.param(b'"\\ud800"', id="half a surrogate pair"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"[" * 101 + b"]" * 101, id="101 levels"),
        pytest.param(b"[" * 100_000, id="100,000 levels"),
    ],
)
def test_what_can_not_be_read_raises_a_sentence(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        jsonc.decode(content)


def test_a_hundred_levels_are_read() -> None:
    assert jsonc.decode(b"[" * 100 + b"]" * 100)


@settings(deadline=None)
@given(PLAIN)
def test_plain_json_reads_as_json(value: object) -> None:
    assert jsonc.decode(json.dumps(value).encode()) == value


@settings(deadline=None)
@given(PLAIN)
def test_comments_and_trailing_commas_change_nothing(value: object) -> None:
    text = json.dumps(value, indent=1).replace("\n]", ",\n]").replace("\n}", ",\n}").replace("\n", " // x\n/* y */\n")
    assert jsonc.decode(text.encode()) == value


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:/*\\ \na1', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        jsonc.decode(text.encode())
