"""The server itself: whom it waits for, and for how long."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import pytest
import uvicorn

from lazulite.daemon import server
from lazulite.daemon.server import HOST, PortTakenError, bindable, host_name, listen

LIMIT_S = 60
PATIENCE_S = 1.0
"""Of the server in these tests: long enough for what is sent at once to be there."""
UNFINISHED = {
    "a client that says nothing": b"",
    "a line that does not end": b"GET / HTTP/1.1",
    "headers that do not end": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    "a body that does not come": b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab",
    "chunks that do not end": b"PUT / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    "a second request that does not end": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHo",
}
WHOLE = b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Says how long the body is, once it is there; an answer that takes its time is not hurried."""
    content = b""
    while (message := await receive())["type"] == "http.request":
        content += message["body"]
        if not message["more_body"]:
            break
    else:
        return
    await asyncio.sleep(server._Protocol.patience_s * 2 if content else 0)
    length = str(len(content)).encode()
    headers = [(b"content-length", str(len(length)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": length})


async def served(talk: Callable[[int], Awaitable[bytes]]) -> bytes:
    with listen(0, 0) as at:
        settings: Any = {"http": server._Protocol, "interface": "asgi3", "log_config": None, "lifespan": "off"}
        serving = server._Server(uvicorn.Config(answer, timeout_keep_alive=LIMIT_S, **settings))
        task = asyncio.create_task(serving.serve([at]))
        try:
            return await asyncio.wait_for(talk(at.getsockname()[1]), LIMIT_S)
        finally:
            serving.should_exit = True
            serving.force_exit = True
            await task


def said(sent: bytes) -> bytes:
    """What the server says to *sent* until it closes the connection; the client never does."""

    async def talk(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        found = await reader.read()
        writer.close()
        return found

    return asyncio.run(served(talk))


@pytest.mark.parametrize("title", UNFINISHED)
def test_a_request_that_does_not_end_is_not_waited_for_forever(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Protocol, "patience_s", PATIENCE_S)
    found = said(UNFINISHED[title])
    assert found.count(b"HTTP/1.1 200") == title.startswith("a second")


def test_a_request_that_has_ended_is_waited_on_as_long_as_its_answer_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Protocol, "patience_s", PATIENCE_S)
    found = said(WHOLE)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b"\r\n\r\n2")


def test_the_last_port_is_taken_again_and_another_where_it_is_gone() -> None:
    with listen(0, 0) as first:
        port = first.getsockname()[1]
        with listen(0, port) as other:
            assert other.getsockname()[1] != port
        with pytest.raises(PortTakenError, match=f"port {port} of 127.0.0.1"):
            listen(port, 0)
    with listen(0, port) as again:
        assert again.getsockname()[1] == port


def test_it_listens_where_it_is_told_to() -> None:
    with listen(0, 0, ip_address("::1")) as at:
        assert at.family is socket.AF_INET6
        assert at.getsockname()[0] == "::1"


NAMES = {"127.0.0.1": "localhost", "127.0.0.2": "127.0.0.2", "192.0.2.1": "192.0.2.1", "2001:db8::1": "[2001:db8::1]"}


@pytest.mark.parametrize(("address", "name"), NAMES.items())
def test_urls_name_the_address(address: str, name: str) -> None:
    assert host_name(bindable(address)) == name
    assert host_name(HOST) == "localhost"


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "localhost", ""])
def test_what_is_not_one_address_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        bindable(text)
