"""A real Envoy is given what is rendered, on loopback: what it answers by itself to those who are slow."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lazulite.engines.http import admin, conversion, render, routes
from lazulite.engines.http.lines import RAW, SHOWN
from lazulite.engines.http.render import Place, World
from lazulite.engines.http.supervise import Envoy
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Redirect, Server, Site
from tests.json_lines import rows

LIMIT_S = 60.0
HERE = ip_address("127.0.0.1")


def free() -> int:
    """A port that nobody has."""
    with socket.create_server((str(HERE), 0)) as found:
        port: int = found.getsockname()[1]
        return port


class Served:
    """A gateway before a server that answers every request when it is whole, with what it heard, in hexadecimal."""

    def __init__(self, envoy: Envoy, port: int, world: Callable[..., World]) -> None:
        self.envoy, self.port, self.world = envoy, port, world

    async def serve(self, **more: Any) -> dict[str, str]:
        return await self.envoy.serve(render.files(self.world(**more), self.envoy.place))

    async def answer(self, data: bytes) -> bytes:
        """All that comes for *data* until the gateway closes, or one whole answer without a body is there."""
        reader, writer = await asyncio.open_connection(str(HERE), self.port)
        writer.write(data)
        try:
            async with asyncio.timeout(LIMIT_S):
                return await reader.read()
        finally:
            writer.close()


async def _origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"websocket" in head:
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while piece := await reader.read(100):
                writer.write(piece)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        said = b"X-Heard: " + head.hex().encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n" + said + b"\r\n\r\n")
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def served(directory: Path) -> AsyncIterator[Served]:
    origin = await asyncio.start_server(_origin, str(HERE), 0)
    port, behind = free(), origin.sockets[0].getsockname()[1]
    backend = HttpBackend("b", "b/s", "gw", behind, (Server("one", HERE),), timeout_s=0)

    def world(rules: tuple[HttpRule, ...] = (), *, elsewhere: bool = False) -> World:
        sites = [Site("s", HERE, port, rules=(*rules, HttpRule("r", backend="b")))]
        if elsewhere:
            sites.append(Site("t", ip_address("192.0.2.1"), port, rules=(HttpRule("r", backend="b"),)))
        proxy = HttpProxy("gw", "gw", "gw", tuple(sites))
        return World({"gw": proxy}, {"b": backend}, {}, {"b": backend.servers}, {}, {})

    envoy = Envoy(directory, lambda d: Place(d, lambda guest: "", lambda guest: str(HERE)))
    found = Served(envoy, port, world)
    try:
        assert await found.serve() == {}
        yield found
    finally:
        await envoy.serve({})
        envoy.close()
        origin.close()


def story(directory: Path, told: Callable[[Served], Any]) -> None:
    async def run() -> None:
        async with served(directory) as found:
            await told(found)

    asyncio.run(run())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is as long as a minute."""
    monkeypatch.setattr(render, "HEADERS_S", 1)
    monkeypatch.setattr(routes, "SLOW_S", 1)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", id="within its headers"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", id="within its body"),
    ],
)
def test_who_is_slow_with_a_request_is_408(tmp_path: Path, data: bytes) -> None:
    """Source: facts/application-gateway.md, "Gateway-made status codes"."""

    async def told(here: Served) -> None:
        answer = await here.answer(data)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"<h1>408 Request Timeout</h1>" in answer

    story(tmp_path, told)


@pytest.mark.usefixtures("impatient")
def test_who_holds_a_websocket_may_be_silent_for_longer(tmp_path: Path) -> None:
    """Than the time after which another that is silent was refused."""

    async def told(here: Served) -> None:
        reader, writer = await asyncio.open_connection(str(HERE), here.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        slow = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"
        assert (await here.answer(slow)).startswith(b"HTTP/1.1 408 ")
        writer.write(b"still here")
        async with asyncio.timeout(LIMIT_S):
            assert await reader.readexactly(10) == b"still here"
        writer.close()

    story(tmp_path, told)


def test_a_request_that_is_whole_passes(tmp_path: Path) -> None:
    async def told(here: Served) -> None:
        assert (await here.answer(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 "
        )

    story(tmp_path, told)


def test_a_change_is_served_when_it_is_acknowledged(tmp_path: Path) -> None:
    """Again and again, with no wait between."""

    async def told(here: Served) -> None:
        for number in range(4):
            away = HttpRule("away", "/away", redirect=Redirect(302, "http", f"to-{number}.test", 80))
            assert await here.serve(rules=(away,)) == {}
            asked = b"GET /away HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            assert f"to-{number}.test".encode() in await here.answer(asked)

    story(tmp_path, told)


def test_what_envoy_refuses_is_told_and_the_old_stays(tmp_path: Path) -> None:
    """A listener at a place that is not this machine's."""

    async def told(here: Served) -> None:
        refused = await here.serve(elsewhere=True)
        assert any("192.0.2.1" in why for why in refused.values())
        whole = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert (await here.answer(whole)).startswith(b"HTTP/1.1 200 ")
        assert await here.serve() == {}

    story(tmp_path, told)


def test_who_takes_a_server_away_waits_until_it_has_answered(tmp_path: Path) -> None:
    """For a while: who holds a WebSocket may never end. A server that nobody has asked is not waited for."""

    async def told(here: Served) -> None:
        async with asyncio.timeout(LIMIT_S):
            await here.envoy.finished({HERE}, LIMIT_S)
        reader, writer = await asyncio.open_connection(str(HERE), here.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        async with asyncio.timeout(LIMIT_S):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            socket_ = str(here.envoy.directory / render.ADMIN)
            assert await admin.under_way(socket_, {HERE}) == 1
            assert await admin.under_way(socket_, {ip_address("127.0.0.2")}) == 0
            await here.envoy.finished({HERE}, 0.01)
            assert await admin.under_way(socket_, {HERE}) == 1
            waiting = asyncio.create_task(here.envoy.finished({HERE}, LIMIT_S))
            writer.close()
            await waiting
            assert await admin.under_way(socket_, {HERE}) == 0

    story(tmp_path, told)


def test_where_there_is_no_envoy_nothing_is_waited_for(tmp_path: Path) -> None:
    envoy = Envoy(tmp_path, lambda d: Place(d, lambda guest: "", lambda guest: str(HERE)))
    asyncio.run(asyncio.wait_for(envoy.finished({HERE}, LIMIT_S), LIMIT_S))


def logged(directory: Path) -> list[str]:
    """The paths of requests, as Azure's log has them."""
    files = [p for name in (f"{SHOWN}.1", SHOWN) if (p := directory / "http" / name).exists()]
    return [row["properties"]["requestUri"] for p in files for row in rows(p)]


def test_each_request_is_in_azure_s_log_once_however_often_envoy_begins_its_own_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "MAX_RAW", 300)

    async def told(here: Served) -> None:
        place = here.envoy.directory
        follower = conversion.Follower(place, lambda: conversion.reopened(place / render.ADMIN))

        async def follow(count: int) -> None:
            async with asyncio.timeout(LIMIT_S):
                while len(logged(tmp_path)) < count:
                    await asyncio.to_thread(follower.begin_another)
                    if not follower.take():
                        await asyncio.sleep(0.01)

        for number in range(12):
            await here.answer(f"GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            if number % 4 == 3:
                await follow(number + 1)
        assert logged(tmp_path) == [f"/{number}" for number in range(12)]
        assert len(list(place.glob(f"{RAW}.*"))) <= 1

    story(tmp_path, told)


def test_a_log_outlives_gateways_and_who_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "http").mkdir()
    log = tmp_path / "http" / SHOWN
    log.write_text("kept\n")

    async def told(here: Served) -> None:
        assert log.read_text() == "kept\n"

    story(tmp_path, told)
    assert log.read_text() == "kept\n"
