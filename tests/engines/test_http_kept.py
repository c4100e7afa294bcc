"""What is open through a change of how connections are begun goes on as it was begun; who comes later begins anew."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lazulite.engines.http import chains, render, supervise, wording
from lazulite.engines.http.feed import LISTENERS
from lazulite.engines.http.render import World
from lazulite.engines.http.supervise import Envoy
from tests.engines.test_http_envoy import HERE, LIMIT_S, Served, story
from tests.waiting import until_async

BESIDE = ip_address("127.0.0.2")
ASKED = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def listener(*names: str, name: str = "l") -> dict[str, Any]:
    """One with chains of these names."""
    return {"@type": wording.LISTENER, "name": name, "filter_chains": [{"name": n} for n in names]}


def names(found: list[dict[str, Any]]) -> list[str]:
    return [c["name"] for each in found for c in each["filter_chains"]]


def test_a_chain_that_is_replaced_is_kept_after_the_one_that_serves() -> None:
    found = chains.kept([listener("a#1", "b#1")], [listener("a#2", "b#1")], {}, 0)
    assert names(found) == ["a#2", "b#1", "a#1"]
    assert chains.replaced(found) == {"a#1"}


def test_a_chain_is_kept_no_longer_than_is_said() -> None:
    before, after = [listener("a#2", "a#1")], [listener("a#2")]
    assert names(chains.kept(before, after, {"a#1": 10}, 9)) == ["a#2", "a#1"]
    assert names(chains.kept(before, after, {"a#1": 10}, 10)) == ["a#2"]


def test_what_a_site_had_goes_with_it() -> None:
    assert names(chains.kept([listener("a#1", "b#1", "b#0")], [listener("a#1")], {}, 0)) == ["a#1"]
    assert names(chains.kept([listener("a#1", name="gone")], [listener("b#1")], {}, 0)) == ["b#1"]


def test_of_one_site_the_newest_few_are_kept() -> None:
    found = [listener("a#0")]
    for number in range(1, 9):
        found = chains.kept(found, [listener(f"a#{number}")], {}, 0)
    assert names(found) == ["a#8", "a#7", "a#6", "a#5", "a#4"]


def test_what_comes_back_serves_again() -> None:
    found = chains.kept([listener("a#2", "a#1")], [listener("a#1")], {}, 0)
    assert names(found) == ["a#1", "a#2"]


def test_a_chain_has_another_name_when_something_in_it_differs() -> None:
    first, second = chains.named("a", {"filters": []}), chains.named("a", {"filters": [{}]})
    assert first == chains.named("a", {"filters": []})
    assert first["name"] != second["name"]
    assert chains.site_of(first["name"]) == chains.site_of(second["name"]) == "a"


class Socket:
    """A WebSocket through the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def lives(self) -> bool:
        """Whether what is said comes back."""
        self._writer.write(b"ping")
        async with asyncio.timeout(LIMIT_S):
            return await self._reader.readexactly(4) == b"ping"

    async def over(self) -> None:
        """Wait for its end."""
        async with asyncio.timeout(LIMIT_S):
            assert await self._reader.read(1) == b""


@contextlib.asynccontextmanager
async def socket(here: Served, at: Any = HERE) -> AsyncIterator[Socket]:
    reader, writer = await asyncio.open_connection(str(at), here.port)
    writer.write(ASKED)
    async with asyncio.timeout(LIMIT_S):
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    try:
        yield Socket(reader, writer)
    finally:
        writer.close()


def changed(here: Served, *, http2: bool, beside: bool = False) -> World:
    """The world with other versions of HTTP, and perhaps a place beside the first."""
    of = here.world()
    proxy = of.proxies["gw"]
    sites = [proxy.sites[0]]
    if beside:
        sites.append(msgspec.structs.replace(sites[0], name="beside", address=BESIDE))
    return msgspec.structs.replace(of, proxies={"gw": msgspec.structs.replace(proxy, http2=http2, sites=tuple(sites))})


async def serve(envoy: Envoy, of: World) -> None:
    assert await envoy.serve(render.files(of, envoy.place)) == {}


async def speaks_2(here: Served) -> bool:
    """Whether who comes now is answered in HTTP/2: by settings, the fourth kind of frame."""
    reader, writer = await asyncio.open_connection(str(HERE), here.port)
    writer.write(PREFACE)
    async with asyncio.timeout(LIMIT_S):
        head = await reader.readexactly(4)
    writer.close()
    return head[3] == 4


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gone has a second."""
    monkeypatch.setattr(supervise, "DRAIN_S", 1)


@pytest.mark.usefixtures("brief")
def test_a_websocket_outlives_one_of_a_place_that_goes(tmp_path: Path) -> None:
    async def told(here: Served) -> None:
        await serve(here.envoy, changed(here, http2=False, beside=True))
        async with socket(here) as held, socket(here, BESIDE) as going:
            assert await going.lives()
            await serve(here.envoy, changed(here, http2=True))
            assert await speaks_2(here)
            await going.over()
            assert await held.lives()

    story(tmp_path, told)


@pytest.mark.usefixtures("brief")
def test_what_is_kept_is_kept_by_who_comes_after_this_agent(tmp_path: Path) -> None:
    async def told(here: Served) -> None:
        await serve(here.envoy, changed(here, http2=False, beside=True))
        async with socket(here) as held, socket(here, BESIDE) as going:
            await serve(here.envoy, changed(here, http2=True, beside=True))
            here.envoy.close()
            another = Envoy(tmp_path, lambda d: here.envoy.place)
            try:
                await serve(another, changed(here, http2=True))
                await going.over()
                assert await held.lives()
            finally:
                another.close()

    story(tmp_path, told)


@pytest.mark.usefixtures("brief")
def test_what_is_kept_ends_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "KEPT_S", 0.1)

    async def told(here: Served) -> None:
        async with socket(here) as held:
            await serve(here.envoy, changed(here, http2=True))
            await held.over()
        assert await speaks_2(here)

    story(tmp_path, told)


def test_an_envoy_that_died_serves_what_is_wanted_and_nothing_that_was_kept(tmp_path: Path) -> None:
    """Nobody is left who was served by it."""

    async def told(here: Served) -> None:
        await serve(here.envoy, changed(here, http2=True))
        pid = here.envoy._pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until_async(lambda: here.envoy._pid() not in (None, pid))
        await serve(here.envoy, changed(here, http2=True))
        (only,) = json.loads((here.envoy.directory / LISTENERS).read_text())["resources"]
        assert len(only["filter_chains"]) == 1
        assert await speaks_2(here)

    story(tmp_path, told)
