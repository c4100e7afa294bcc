"""The proxy's handshakes, byte by byte."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from lazulite.cli.socks import Wish, accept, refusal


class Writer:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.sent = b""

    def write(self, content: bytes) -> None:
        self.sent += content


def hear(content: bytes) -> tuple[Wish, bytes]:
    """The wish in *content*, and what was answered meanwhile."""

    async def listen() -> tuple[Wish, bytes]:
        reader, writer = asyncio.StreamReader(), Writer()
        reader.feed_data(content)
        reader.feed_eof()
        return await accept(reader, cast(asyncio.StreamWriter, writer)), writer.sent

    return asyncio.run(listen())


HELLO = b"\x05\x01\x00"
CASES = [
    pytest.param(HELLO + b"\x05\x01\x00\x01\xc6\x12\x00\x05\x00\x50", "198.18.0.5", 80, id="SOCKS5 with an address"),
    pytest.param(HELLO + b"\x05\x01\x00\x03\x03web\x01\xbb", "web", 443, id="SOCKS5 with a name"),
    pytest.param(
        HELLO + b"\x05\x01\x00\x04" + bytes.fromhex("20010002000000000000000000000005") + b"\x00\x50",
        "2001:2::5",
        80,
        id="SOCKS5 with an IPv6 address",
    ),
    pytest.param(b"CONNECT web:443 HTTP/1.1\r\nHost: web:443\r\n\r\n", "web", 443, id="HTTP CONNECT"),
    pytest.param(b"CONNECT [2001:2::5]:443 HTTP/1.1\r\n\r\n", "2001:2::5", 443, id="HTTP CONNECT to IPv6"),
    pytest.param(b"GET http://web/a?b=c HTTP/1.1\r\nHost: web\r\n\r\n", "web", 80, id="HTTP by absolute address"),
]


@pytest.mark.parametrize(("content", "host", "port"), CASES)
def test_where_the_client_wants_to_go(content: bytes, host: str, port: int) -> None:
    wish, _ = hear(content)
    assert (wish.host, wish.port) == (host, port)


def test_socks_chooses_no_authentication() -> None:
    assert hear(HELLO + b"\x05\x01\x00\x03\x03web\x00\x50")[1] == b"\x05\x00"


def test_an_http_request_goes_on_in_origin_form_and_alone() -> None:
    wish, _ = hear(b"GET http://web:8080/a?b=c HTTP/1.1\r\nHost: web:8080\r\nProxy-Connection: keep-alive\r\n\r\n")
    assert wish.first == b"GET /a?b=c HTTP/1.1\r\nHost: web:8080\r\nConnection: close\r\n\r\n"
    assert wish.answer == b""


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x05\x01\x02", id="SOCKS5 that insists on a password"),
        pytest.param(HELLO + b"\x05\x02\x00\x01\xc6\x12\x00\x05\x00\x50", id="SOCKS5 BIND"),
        pytest.param(HELLO + b"\x05\x01\x00\x09", id="an address type nobody knows"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="a request for the proxy itself"),
        pytest.param(b"\x05", id="half a hello"),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, EOFError)):
        hear(content)


def test_an_unreachable_host_is_told_in_the_clients_protocol() -> None:
    error = ConnectionRefusedError(111, "Connection refused")
    assert refusal(hear(CASES[0].values[0])[0], error)[:2] == b"\x05\x05"  # type: ignore[arg-type]
    assert refusal(hear(b"CONNECT web:443 HTTP/1.1\r\n\r\n")[0], error).startswith(b"HTTP/1.1 502 ")
