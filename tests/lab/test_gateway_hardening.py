"""What a hostile client tries on a gateway, with bytes of its own choice on a real socket."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lazulite.testing import Lab
from tests.lab.test_application_gateway import (
    _child,
    address,
    front,
    gateway,
    here,  # noqa: F401
    served,  # noqa: F401
)
from tests.lab.test_gateway_answers import raw, start, statuses
from tests.waiting import until

_RECORDER = """
import socket, threading
seen = []
def answer(connection):
    connection.settimeout(60)
    held = b""
    try:
        while piece := connection.recv(65536):
            held += piece
            if b"\\r\\n\\r\\n" in held:
                connection.settimeout(0.3)
            if held.startswith(b"GET /seen "):
                body = b"".join(seen).hex().encode()
                head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
                connection.sendall(head + body)
                connection.close()
                return
    except OSError:
        pass
    seen.append(held)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
listening = socket.create_server(("", 8085))
while True:
    threading.Thread(target=answer, args=listening.accept()[:1], daemon=True).start()
"""
"""Keeps whatever bytes come, until there is a head and nothing more, and tells them to who asks for /seen."""


@pytest.fixture
def recorded(served: Lab) -> Iterator[Lab]:  # noqa: F811
    start(served, "one", _RECORDER, 8085)
    pools = [_child("b", backendAddresses=[{"ipAddress": address(served, "one")}])]
    probe = _child("x", protocol="Http", host="p.test", path="/seen", interval=1, timeout=20, unhealthyThreshold=20)
    settings = _child("s", port=8085, protocol="Http", probe=served.ref("applicationGateways/gw/probes/x"))
    gateway(served, backendAddressPools=pools, backendHttpSettingsCollection=[settings], probes=[probe])
    until(lambda: 200 in statuses(raw(served, b"GET /seen HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")))
    yield served
    gateway(served)


def seen(here: Lab) -> bytes:  # noqa: F811
    """All that the server got."""
    at = f"http://{address(here, 'one')}:8085/seen"
    return bytes.fromhex(here.exec("inside", ["curl", "-s", "-m", "20", at]).stdout.strip())


def request(*headers: str, line: str = "POST /m HTTP/1.1", body: bytes = b"", host: str = "a") -> bytes:
    said = [line, f"Host: {host}", *headers]
    return "\r\n".join(said).encode() + b"\r\n\r\n" + body


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            request("Content-Length: 6", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SMUGGLED), id="CL.TE"
        ),
        pytest.param(
            request("Transfer-Encoding: chunked", "Content-Length: 4", body=b"5c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"),
            id="TE.CL",
        ),
        pytest.param(request("Content-Length: 0", "Content-Length: 40", body=SMUGGLED), id="two lengths"),
        pytest.param(request("Content-Length: 0, 40", body=SMUGGLED), id="two lengths in one"),
        pytest.param(request("Content-Length: +40", body=SMUGGLED), id="a length with a sign"),
        pytest.param(
            request("Transfer-Encoding: chunked", "Transfer-Encoding: x", body=b"0\r\n\r\n" + SMUGGLED), id="TE.TE"
        ),
        pytest.param(
            request("Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SMUGGLED), id="a blank before the colon"
        ),
        pytest.param(request("Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED), id="an unknown encoding"),
        pytest.param(request("X: a\x00b"), id="a null"),
        pytest.param(request(" folded: yes"), id="a folded header"),
        pytest.param(request(line="GET /a b HTTP/1.1"), id="a blank in the path"),
        pytest.param(request(line="GET /\x01 HTTP/1.1"), id="a control character in the path"),
        pytest.param(request("Transfer-Encoding: chunked", body=b"-1\r\n" + SMUGGLED), id="a chunk of less than none"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(recorded: Lab, data: bytes) -> None:
    """One refusal, nothing after it, and no server has heard of what came along."""
    found = statuses(raw(recorded, data))
    assert set(found) <= {400}
    assert len(found) <= 1
    assert b"/smuggled" not in seen(recorded)


def reached(here: Lab, data: bytes) -> tuple[list[int], str]:  # noqa: F811
    """The statuses of the answers, and the last first line that the server got."""
    found = statuses(raw(here, data))
    lines = re.findall(rb"(?:GET|POST|PUT) ([^ ]+) HTTP/1\.1", seen(here))
    return found, lines[-1].decode() if lines else ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/a/../b", "/b", id="upwards"),
        pytest.param("/a/%2e%2e/b", "/b", id="upwards, encoded"),
        pytest.param("/a/./b", "/a/b", id="here"),
        pytest.param("/../../etc/passwd", "", id="above the root"),
        pytest.param("/a%2Fb", "/a%2Fb", id="an encoded slash stays one"),
        pytest.param("/a//b", "/a//b", id="two slashes stay two"),
        pytest.param("/a\\..\\b", "/b", id="backslashes are slashes"),
    ],
)
def test_rules_and_servers_see_the_same_path(recorded: Lab, path: str, expected: str) -> None:
    found, line = reached(recorded, request("Connection: close", line=f"GET {path} HTTP/1.1"))
    if expected:
        assert (found, line) == ([200], expected)
    else:
        assert found == [400] or not line.startswith("/..")


def test_a_bare_cr_begins_no_header(recorded: Lab) -> None:
    raw(recorded, request("X: a\rEvil: 40", "Connection: close", line="GET /cr HTTP/1.1"))
    got = seen(recorded).partition(b"GET /cr ")[2]
    assert got
    assert not re.search(rb"[\r\n]evil: 40", got.lower())


def test_two_hosts_are_one_host_that_nobody_has(recorded: Lab) -> None:
    """The server is not left to choose one of them."""
    raw(recorded, request("Host: b", "Connection: close", line="GET /hosts HTTP/1.1"))
    got = seen(recorded).partition(b"GET /hosts ")[2].partition(b"\r\n\r\n")[0].lower()
    assert len(re.findall(rb"\r\nhost:", got)) <= 1


def test_an_absolute_uri_names_its_host_and_no_other_server(recorded: Lab) -> None:
    found, line = reached(recorded, request("Connection: close", line="GET http://b.test/abs HTTP/1.1"))
    assert (found, line) == ([200], "/abs")
    assert b"host: b.test" in seen(recorded).lower()


def test_a_url_and_headers_of_32_kb_pass_and_what_is_larger_by_far_does_not(recorded: Lab) -> None:
    """Source: facts/application-gateway.md, "Limits"."""
    fits = request("Connection: close", line=f"GET /{'x' * 31_000} HTTP/1.1")
    assert statuses(raw(recorded, fits)) == [200]
    large = request("Connection: close", line=f"GET /{'x' * 100_000} HTTP/1.1")
    assert statuses(raw(recorded, large)) == [400]


def test_http_2_is_not_spoken_unless_it_is_enabled(recorded: Lab) -> None:
    answer = raw(recorded, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
    assert set(statuses(answer)) <= {400}
    assert answer.startswith(b"HTTP/1.1 ") or not answer


def test_no_proxy_for_tunnels(recorded: Lab) -> None:
    tunnel = request("Connection: close", line="CONNECT b.test:443 HTTP/1.1", host="b.test:443")
    assert set(statuses(raw(recorded, tunnel))) <= {400, 404, 405}
    assert b"CONNECT" not in seen(recorded)


def test_slow_headers_of_one_client_do_not_hold_others_up(recorded: Lab) -> None:
    slow = (
        "import socket\n"
        f"held = [socket.create_connection(('{front(recorded)}', 80), 20) for _ in range(200)]\n"
        "[s.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\nX: ') for s in held]\n"
        "other = socket.create_connection(held[0].getpeername(), 20)\n"
        "other.sendall(b'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n')\n"
        "print(other.recv(100)[:15])\n"
    )
    done = recorded.exec("visitor", ["python3", "-c", slow])
    assert "200" in done.stdout, done.stderr


def test_it_goes_on_after_all_that(recorded: Lab) -> None:
    assert statuses(raw(recorded, request("Connection: close", line="GET / HTTP/1.1"))) == [200]
