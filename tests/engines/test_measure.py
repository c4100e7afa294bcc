"""Rounds of a connection monitor, over the loopback, and what is said of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes

from lazulite.engines.measure import Round, State, measured, rounds, verdict
from lazulite.engines.measure.rounds import PACKETS
from lazulite.forwarding.model import Check
from lazulite.values import IPAddress
from tests.engines.test_check import server_side

HOME = ip_address("127.0.0.1")
CHECK = Check("c", "vm", "tcp", HOME, port=80)


class Loopback:
    """Sockets of this process, whatever machine is asked for."""

    def stream(self, guest: str, to: IPAddress) -> socket.socket:
        return self._made(to, socket.SOCK_STREAM)

    def datagrams(self, guest: str, to: IPAddress) -> socket.socket:
        return self._made(to, socket.SOCK_DGRAM)

    def echo(self, guest: str, to: IPAddress) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    def listener(self, guest: str, port: int) -> socket.socket:
        made = socket.create_server(("127.0.0.1", port))
        made.setblocking(False)
        return made

    def _made(self, to: IPAddress, kind: socket.SocketKind) -> socket.socket:
        made = socket.socket(socket.AF_INET6 if to.version == 6 else socket.AF_INET, kind)
        made.setblocking(False)
        return made


def went(check: Check) -> Round:
    return asyncio.run(measured(check, Loopback(), (), lambda: "now"))


def checking(protocol: str, port: int, **rest: Any) -> Check:
    return Check("c", "vm", protocol, HOME, port=port, **rest)


@contextmanager
def website(status: int) -> Iterator[tuple[int, list[str]]]:
    """A port, and the request lines so far."""
    seen: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.requestline} {self.headers['Host']} {self.headers['User-Agent']}")
            self.send_response(status)
            self.end_headers()

        do_POST = do_HEAD = do_GET

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()
            serving.join()


def test_a_round_of_tcp_is_ten_connections() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        found = went(checking("tcp", server.getsockname()[1]))
    assert (found.sent, found.failed, len(found.times), found.reason) == (PACKETS, 0, PACKETS, "")
    assert all(ms > 0 for ms in found.times)


def test_refused_connections_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert went(checking("tcp", port)) == Round("now", PACKETS, PACKETS, (), "connection refused")


def test_what_the_machine_is_not_allowed_is_a_reason() -> None:
    found = went(checking("icmp", 0))
    assert (found.failed, found.reason) == (PACKETS, "operation not permitted")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_round_of_http_is_one_request(method: str) -> None:
    with website(404) as (port, seen):
        found = went(checking("http", port, method=method, path="/x", host="shop.example"))
    assert seen == [f"{method} /x HTTP/1.1 shop.example:{port} Network Watcher Agent"]
    assert (found.sent, found.failed) == (1, 0), "any status is an answer"


def test_a_status_that_is_not_valid_failed() -> None:
    with website(404) as (port, _):
        found = went(checking("http", port, statuses=((200, 299),)))
    assert (found.failed, found.reason) == (1, "status 404")


def test_a_server_without_tls_fails_https() -> None:
    with website(200) as (port, _):
        found = went(checking("https", port))
    assert found.failed == 1
    assert "TLS failed" in found.reason


async def from_tls(content: bytes, tls: ssl.SSLContext, check: Callable[[int], Check]) -> Round:
    """A round against a server that says *content* to everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(content)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        return await measured(check(server.sockets[0].getsockname()[1]), Loopback(), (), lambda: "now")
    finally:
        server.close()


@pytest.mark.parametrize(
    ("content", "statuses", "reason"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (), "", id="a page"),
        pytest.param(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", (), "", id="an error page is an answer"),
        pytest.param(
            b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", ((200, 299),), "status 503", id="which may not be valid"
        ),
        pytest.param(b"", (), "connection closed without an answer", id="nothing"),
        pytest.param(b"SSH-2.0\r\n\r\n", (), "no HTTP answer", id="something else"),
    ],
)
def test_pages_over_tls_need_nobody_who_vouches(tmp_path: Path, content: bytes, statuses: Any, reason: str) -> None:
    tls = server_side(tmp_path, hashes.SHA256())
    found = asyncio.run(from_tls(content, tls, lambda port: checking("https", port, statuses=statuses)))
    assert (found.sent, found.failed, found.reason) == (1, int(bool(reason)), reason)


def test_silence_ends_with_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "PATIENCE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = went(checking("http", server.getsockname()[1]))
    assert found == Round("now", 1, 1, (), "no answer in time")


def test_headers_of_a_check_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with website(200) as (port, seen):
        went(checking("http", port, headers=(("User-Agent", "mine"), ("Host", "other.example"))))
    assert seen == ["GET / HTTP/1.1 other.example mine"]


def test_resolvers_are_asked_in_order() -> None:
    """The last one's reason is told when none answers."""
    check = Check("c", "vm", "tcp", None, "nobody.example", 80)
    resolvers = (ip_address("127.0.0.3"), ip_address("::1"))
    found = asyncio.run(measured(check, Loopback(), resolvers, lambda: "now"))
    assert found.reason == "cannot resolve nobody.example: connection refused"


def test_a_name_that_nobody_resolves_failed() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.2", 0))
        resolvers = (ip_address("127.0.0.2"),)  # port 53 there is closed, which says so at once
        check = Check("c", "vm", "tcp", None, "nobody.example", 80)
        found = asyncio.run(measured(check, Loopback(), resolvers, lambda: "now"))
    assert found == Round("now", 1, 1, (), "cannot resolve nobody.example: connection refused")


def round_of(failed: int, *times: float) -> Round:
    return Round("now", failed + len(times), failed, times)


FINE, SLOW, HALF, LOST = round_of(0, 1.0), round_of(0, 751.0), round_of(5, 1, 1, 1, 1, 1), round_of(10)
TWO = round_of(2, 1, 1, 1, 1, 1, 1, 1, 1)
ONE = round_of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
NONE: dict[str, Any] = {}
VERDICTS = [
    pytest.param(NONE, None, State.INDETERMINATE, id="nothing is known before the first round"),
    pytest.param(NONE, round_of(0), State.INDETERMINATE, id="a round that sent nothing says nothing"),
    pytest.param(NONE, FINE, State.PASS, id="what is answered passes"),
    pytest.param(NONE, LOST, State.FAIL, id="without a threshold all must be lost to fail"),
    pytest.param(NONE, HALF, State.WARNING, id="half of them is a warning"),
    pytest.param(NONE, TWO, State.WARNING, id="so is more than a tenth"),
    pytest.param(NONE, ONE, State.PASS, id="a tenth is not more than a tenth"),
    pytest.param(NONE, SLOW, State.WARNING, id="more than 750 ms is a warning"),
    pytest.param(NONE, round_of(0, 750.0), State.PASS, id="750 ms is not"),
    pytest.param({"protocol": "icmp"}, SLOW, State.WARNING, id="of an echo too"),
    pytest.param({"protocol": "http"}, SLOW, State.PASS, id="HTTP may take its time"),
    pytest.param({"failed_percent": 50}, HALF, State.WARNING, id="a threshold that is met is not exceeded"),
    pytest.param({"failed_percent": 49}, HALF, State.FAIL, id="exceeded it fails"),
    pytest.param({"failed_percent": 25}, TWO, State.PASS, id="four fifths of a threshold are not more than that"),
    pytest.param({"failed_percent": 24}, TWO, State.WARNING, id="more is a warning"),
    pytest.param({"round_trip_ms": 2}, FINE, State.PASS, id="below the threshold of round trips"),
    pytest.param({"round_trip_ms": 0.5}, FINE, State.FAIL, id="above it"),
    pytest.param({"round_trip_ms": 800}, SLOW, State.PASS, id="one's own threshold stands for that of 750 ms"),
    pytest.param({"round_trip_ms": 2}, LOST, State.FAIL, id="and does not excuse that all are lost"),
]


@pytest.mark.parametrize(("changes", "last", "expected"), VERDICTS)
def test_the_state_of_a_check(changes: dict[str, Any], last: Round | None, expected: State) -> None:
    assert verdict(msgspec.structs.replace(CHECK, **changes), last) is expected
