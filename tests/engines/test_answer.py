"""What a backend may send, and what it is taken for; also byte by byte."""

from __future__ import annotations

from ipaddress import ip_address

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lazulite.engines.probe.answer import LONGEST, MOST_PIECES, WITHOUT, Answer, request

BODY = b"Content-Length: 2\r\n\r\nok"
CASES = [
    pytest.param([b"HTTP/1.1 200 OK\r\n" + BODY], "", id="200 is a success"),
    pytest.param([b"HTTP/1.0 200 OK\r\n\r\n", b""], "", id="without a length it ends with the connection"),
    pytest.param([b"HTTP/1.1 200 \r\n" + BODY], "", id="the words beside the number do not matter"),
    pytest.param([b"HTTP/1.1 404 Not Found\r\n" + BODY], "status 404", id="404 is a failure"),
    pytest.param([b"HTTP/1.1 301 Moved\r\nLocation: /a\r\n" + BODY], "status 301", id="nobody follows 301"),
    pytest.param([b"HTTP/1.1 204 No Content\r\n\r\n"], "status 204", id="204 is not 200"),
    pytest.param([b"HTTP/1.1 503 Busy\r\n" + BODY], "status 503", id="503 is a failure"),
    pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + BODY], "", id="100 is no answer yet"),
    pytest.param([b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], "status 101", id="101 is one"),
    pytest.param([b"SSH-2.0-OpenSSH_9.2\r\n"], "no HTTP answer", id="another protocol"),
    pytest.param([b"\0" * 99], "no HTTP answer", id="nonsense"),
    pytest.param([b""], "connection closed without an answer", id="a connection that is closed"),
    pytest.param([b"HTTP/1.1 200 OK\r\nA: ", b""], "connection closed without an answer", id="in the headers"),
    pytest.param([b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 300], "answer with endless headers", id="many pieces"),
    pytest.param([b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000], "answer with endless headers", id="100 kB of headers"),
    pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", b"x" * LONGEST], "", id="an endless body"),
    pytest.param(
        [b"HTTP/1.1 503 B\r\nContent-Length: 9\r\n\r\n"], "status 503", id="the body of a failure is not read"
    ),
]


def read(pieces: list[bytes], body: str = "") -> Answer:
    """Take pieces as the prober does: until nothing more is read."""
    answer = Answer(body=body)
    for piece in pieces:
        if not answer.over:
            answer.take(piece)
    return answer


@pytest.mark.parametrize(("pieces", "reason"), CASES)
def test_only_200_is_a_success(pieces: list[bytes], reason: str) -> None:
    answer = read(pieces)
    assert (answer.known, answer.over, answer.reason) == (True, True, reason)


FOUND, NOT_FOUND = b"Content-Length: 9\r\n\r\nall ready", b"Content-Length: 9\r\n\r\nnot quite"


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        pytest.param([b"HTTP/1.1 200 OK\r\n" + FOUND], "", id="the text is in the body"),
        pytest.param([b"HTTP/1.1 200 OK\r\n" + FOUND[:-3], FOUND[-3:]], "", id="the text comes in two pieces"),
        pytest.param([b"HTTP/1.1 200 OK\r\n" + NOT_FOUND], WITHOUT, id="the text is not in the body"),
        pytest.param([b"HTTP/1.1 500 No\r\n" + FOUND], "status 500", id="the status decides first"),
        pytest.param([b"HTTP/1.0 200 OK\r\n\r\nready", b""], "", id="without a length it ends with the connection"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"], WITHOUT, id="there is no body"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + FOUND], "", id="100 is no answer yet"),
    ],
)
def test_a_body_that_has_to_contain_a_text(pieces: list[bytes], reason: str) -> None:
    answer = read(pieces, body="ready")
    assert (answer.known, answer.over, answer.reason) == (True, True, reason)


@pytest.mark.parametrize("pieces", [[b"HTTP/1.1 200 OK\r\n"], [b"HTTP/1.1 100 Continue\r\n\r\n"], []])
def test_without_all_headers_nothing_is_known(pieces: list[bytes]) -> None:
    answer = read(pieces)
    assert not answer.known
    assert not answer.over


@given(st.sampled_from([case.values for case in CASES[:10]]), st.integers(1, 7))
def test_it_does_not_matter_how_the_answer_is_cut(case: tuple[list[bytes], str], size: int) -> None:
    pieces, reason = case
    text = b"".join(pieces)
    cut = [text[i : i + size] for i in range(0, len(text), size)]
    assert read([*cut, b""]).reason == reason


@example([b"HTTP/1.0 200\r\n\r\n"])
@given(st.lists(st.binary(max_size=400), max_size=3 * MOST_PIECES))
def test_whatever_comes_the_verdict_is_there_within_the_bounds(pieces: list[bytes]) -> None:
    answer = read([*pieces, b""])
    assert answer.known
    assert answer.over
    assert answer.reason or b"".join(pieces).startswith(b"HTTP/1."), "only what begins like an answer may be a good one"


class Asked:
    """The request as a server reads it."""

    def __init__(self, text: bytes) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = b""
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(text)
        self.method = parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


@pytest.mark.parametrize(
    ("address", "port", "host"),
    [
        pytest.param("10.0.0.4", 8080, b"10.0.0.4:8080", id="with the port"),
        pytest.param("10.0.0.4", 80, b"10.0.0.4", id="but for the protocol's own"),
        pytest.param("fd00::4", 80, b"[fd00::4]", id="IPv6 in brackets"),
    ],
)
def test_the_member_itself_is_asked(address: str, port: int, host: bytes) -> None:
    asked = Asked(request(ip_address(address), port, "/health?deep=1"))
    assert (asked.method, asked.url) == (b"GET", b"/health?deep=1")
    assert dict(asked.headers)[b"host"] == host
    assert dict(asked.headers)[b"connection"] == b"close"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        pytest.param("health", b"/health", id="a path begins with a slash"),
        pytest.param("", b"/", id="no path is the root"),
        pytest.param("/a%20b", b"/a%20b", id="what is escaped stays"),
        pytest.param("/a b", b"/a%20b", id="what is not is"),
    ],
)
def test_a_path_is_what_the_user_wrote(path: str, url: bytes) -> None:
    assert Asked(request(ip_address("10.0.0.4"), 80, path)).url == url


@given(st.text())
def test_no_path_can_add_a_header(path: str) -> None:
    asked = Asked(request(ip_address("10.0.0.4"), 80, path))
    assert [name for name, _ in asked.headers] == [b"host", b"user-agent", b"connection"]
