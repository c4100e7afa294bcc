"""Messages of Envoy's stream: what is written is read by somebody else as the same, and nonsense is refused."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.engines.http import protobuf, wording
from lazulite.engines.http.wording import TYPES
from tests.engines.envoy import field, fields

WRITTEN = [
    pytest.param("HeaderValue", {"key": "a", "value": "b"}, "0a0161120162", id="text"),
    pytest.param("VirtualHost", {"domains": ["a", "b"]}, "120161120162", id="a list is the field again and again"),
    pytest.param("SocketAddress", {"port_value": 300}, "18ac02", id="a number of more than seven bits"),
    pytest.param(
        "RedirectAction", {"strip_query": True, "response_code": "SEE_OTHER"}, "30011802", id="what has a name"
    ),
    pytest.param("RouteMatch", {"case_sensitive": False}, "22020800", id="a switch that may be missing"),
    pytest.param("RouteAction", {"timeout": "30s"}, "4202081e", id="seconds"),
    pytest.param("RouteAction", {"timeout": "0s"}, "4200", id="no seconds are not the same as none given"),
    pytest.param("FilterConfig", {"config": {}}, "0a00", id="anything, which is nothing"),
    pytest.param("Percent", {"value": 0}, "090000000000000000", id="a share"),
    pytest.param("RegexMatcher", {"@type": "t", "regex": "x"}, "120178", id="the type is the reader's matter"),
]


@pytest.mark.parametrize(("message", "value", "expected"), WRITTEN)
def test_a_message_is_written_as_protocol_buffers_say(message: str, value: Any, expected: str) -> None:
    """Source: protobuf.dev/programming-guides/encoding."""
    assert protobuf.encoded(message, value).hex() == expected


def test_a_field_that_is_not_known_is_not_left_out() -> None:
    with pytest.raises(KeyError, match="weight"):
        protobuf.encoded("RouteAction", {"cluster": "c", "weight": 1})


def value(data: bytes) -> Any:
    """What a ``google.protobuf.Value`` stands for, read by hand."""
    ((number, (said, *_)),) = fields(data).items()
    match number:
        case 2:
            return struct.unpack("<d", said)[0]
        case 3:
            return said.decode()
        case 4:
            return bool(said)
        case 5:
            return structure(said)
        case _:
            return [value(v) for v in fields(said)[1]]


def structure(data: bytes) -> Any:
    entries = (fields(e) for e in fields(data)[1])
    return {e[1][0].decode(): value(e[2][0]) for e in entries}


json = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), json, min_size=1, max_size=4))
def test_settings_of_filters_are_passed_on_as_they_are(settings: dict[str, Any]) -> None:
    kind = TYPES + "envoy.some.Filter"
    written = protobuf.encoded("Filter", {"name": "f", "typed_config": {"@type": kind} | settings})
    wrapped = fields(fields(written)[4][0])
    assert wrapped[1] == [f"{TYPES}xds.type.v3.TypedStruct".encode()]
    inner = fields(wrapped[2][0])
    assert inner[1] == [kind.encode()]
    assert structure(inner[2][0]) == settings


def test_an_answer_has_one_resource_with_its_version() -> None:
    table = {"@type": wording.ROUTES, "name": "r"}
    answer = fields(protobuf.told(wording.ROUTES, "r", "v1", table, "7"))
    resource = fields(answer[2][0])
    assert (answer[4], answer[5]) == ([wording.ROUTES.encode()], [b"7"])
    assert (resource[1], resource[3]) == ([b"v1"], [b"r"])
    assert fields(resource[2][0]) == {1: [wording.ROUTES.encode()], 2: [field(1, "r")]}


def test_an_answer_says_what_is_no_more() -> None:
    answer = fields(protobuf.told(wording.LISTENER, "l", "", None, "7"))
    assert (answer[2], answer[6]) == ([], [b"l"])


def test_a_question_is_read() -> None:
    versions = field(5, field(1, "a") + field(2, "v"))
    said = field(1, b"\x0a\x01n") + field(2, "t") + field(3, "a") + field(3, "b") + field(4, "c") + versions
    found = protobuf.asked(said + field(6, "9") + field(7, b"\x08\x03" + field(2, "why")))
    assert found == protobuf.Asked("t", ["a", "b"], ["c"], {"a": "v"}, "9", "why")


def test_who_refuses_without_a_reason_refuses() -> None:
    assert protobuf.asked(field(7, b"\x08\x03")).fault == "refused"


@given(st.binary(max_size=60))
def test_what_is_no_message_is_refused_and_nothing_else_happens(data: bytes) -> None:
    try:
        protobuf.asked(data)
    except ValueError:
        return
