"""Who is signed in without a secret: the lab's own user, over loopback, with nobody between."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from lazulite.daemon import nearness
from lazulite.daemon.nearness import is_near

HOST = {"host": "localhost:8080"}


@contextmanager
def connected(server: str, client: str = "") -> Iterator[tuple[Any, Any]]:
    """Ends of a connection from *client*'s family to *server*, as the server sees them: its own and the client's."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        listening = stack.enter_context(socket.create_server((server, 0), family=family))
        towards = client or server
        calling = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in towards else socket.AF_INET))
        calling.connect((towards, listening.getsockname()[1]))
        accepted, peer = listening.accept()
        stack.enter_context(accepted)
        yield accepted.getsockname()[:2], peer[:2]


def scope(server: Any, client: Any, headers: Mapping[str, str] = HOST) -> dict[str, Any]:
    sent = [(k.encode(), v.encode()) for k, v in headers.items()]
    return {"type": "http", "server": server, "client": client, "headers": sent}


WAYS = [
    pytest.param("127.0.0.1", "", id="over IPv4"),
    pytest.param("127.0.0.2", "", id="over another loopback address"),
    pytest.param("::1", "", id="over IPv6"),
    pytest.param("127.0.0.1", "::ffff:127.0.0.1", id="over IPv4 from a socket for both"),
]


@pytest.mark.parametrize(("server", "client"), WAYS)
def test_the_user_of_the_lab_is_near(server: str, client: str) -> None:
    with connected(server, client) as ends:
        assert is_near(scope(*ends))


def test_who_has_closed_the_connection_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        calling = socket.create_connection(listening.getsockname())
        accepted, peer = listening.accept()
        with accepted:
            assert is_near(scope(accepted.getsockname(), peer))
            calling.close()
            assert accepted.recv(1) == b""
            assert not is_near(scope(accepted.getsockname(), peer))


HOSTS = {
    "localhost:8080": True,
    "LOCALHOST": True,
    "127.0.0.1:1": True,
    "[::1]:8080": True,
    "169.254.169.254": True,
    "evil.example": False,
    "localhost.evil.example:8080": False,
    "127.0.0.1.evil.example": False,
    "": False,
}


@pytest.mark.parametrize(("host", "near"), HOSTS.items())
def test_a_browser_that_was_led_here_under_another_name_is_not(host: str, near: bool) -> None:
    with connected("127.0.0.1") as ends:
        assert is_near(scope(*ends, {"host": host})) is near


@pytest.mark.parametrize("header", ["x-forwarded-for", "X-Forwarded-For", "forwarded"])
def test_what_a_proxy_passed_on_is_not(header: str) -> None:
    with connected("127.0.0.1") as ends:
        assert not is_near(scope(*ends, HOST | {header: "127.0.0.1"}))


def test_a_request_without_a_host_or_with_two_is_not() -> None:
    with connected("127.0.0.1") as ends:
        assert not is_near(scope(*ends, {}))
        assert not is_near(scope(*ends) | {"headers": [(b"host", b"localhost")] * 2})


def test_another_user_of_the_host_is_not_and_root_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with connected("127.0.0.1") as ends:
        for owner, near in ((os.geteuid(), True), (0, True), (os.geteuid() + 1, False), (None, False)):
            monkeypatch.setattr(nearness, "_owner", lambda *_, owner=owner: owner)
            assert is_near(scope(*ends)) is near


FAR = [
    pytest.param(("127.0.0.1", 1), ("127.0.0.1", 1), id="a connection that is not there"),
    pytest.param(("127.0.0.1", 443), ("192.0.2.1", 4711), id="a client elsewhere"),
    pytest.param(("192.0.2.1", 443), ("192.0.2.1", 4711), id="a client of the host at its outer address"),
    pytest.param(("::1", 443), ("::ffff:192.0.2.1", 4711), id="a client elsewhere in the guise of IPv6"),
    pytest.param(None, None, id="no addresses at all"),
    pytest.param(("127.0.0.1", 443), None, id="a client without an address"),
]


@pytest.mark.parametrize(("server", "client"), FAR)
def test_others_are_not(server: Any, client: Any) -> None:
    assert not is_near(scope(server, client))
