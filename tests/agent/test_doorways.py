"""Doorways as the agent keeps them: where it listens, whom it hands connections to, and what becomes of both."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lazulite.agent import doorways
from lazulite.agent.doorways import Doorways
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import Doorway
from lazulite.incremental import Delta
from tests.waiting import until_async

DOOR = Doorway("vault", "host", 443, "inner.sock", "/o/vault")
LIMIT_S = 60


class House:
    """Doorways whose hosts are ports of loopback, and a controller that says what it hears, in capitals."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports: dict[tuple[str, int], int] = {}
        self.closed: set[str] = set()
        """Hosts that are not there."""
        self.doors = Doorways(directory, self._listen)

    def _listen(self, host: str, port: int) -> socket.socket:
        if host in self.closed:
            raise OSError(2, "No such file or directory")
        at = socket.create_server(("127.0.0.1", 0))
        self.ports[host, port] = at.getsockname()[1]
        return at

    async def controller(self) -> asyncio.Server:
        async def heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.read()).upper())
            writer.close()
            await writer.wait_closed()

        return await asyncio.start_unix_server(heard, self.directory / "inner.sock")

    async def ask(self, text: str, host: str = "host") -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[host, 443])
        writer.write(text.encode())
        writer.write_eof()
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()
            await writer.wait_closed()


def run(directory: Path, act: Callable[[House], Awaitable[None]]) -> None:
    async def within() -> None:
        house = House(directory)
        async with await house.controller():
            await act(house)
        await house.doors.close()

    asyncio.run(asyncio.wait_for(within(), LIMIT_S))


def delta(*changed: Any, removed: tuple[Any, ...] = ()) -> Delta[Any, Any]:
    return Delta(changed={e.key: e for e in changed}, removed={e.key: e for e in removed})


def test_what_comes_to_the_door_is_handed_on_and_back(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        assert await house.doors.load([DOOR]) == []
        big = "x" * 1_000_000
        assert await asyncio.gather(*(house.ask(f"{n}{big}") for n in "abc")) == [f"{n}{big}".upper() for n in "abc"]

    run(tmp_path, act)


def test_a_directory_with_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        deep = tmp_path / ("d" * 120)
        deep.mkdir()
        (deep / "inner.sock").symlink_to(tmp_path / "inner.sock")
        doors = Doorways(deep, house._listen)
        await doors.load([DOOR])
        assert await house.ask("hello") == "HELLO"
        await doors.close()

    run(tmp_path, act)


def test_without_a_controller_a_connection_ends_at_once(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        await house.doors.load([Doorway("vault", "host", 443, "nobody.sock")])
        assert await house.ask("") == ""

    run(tmp_path, act)


def test_a_door_comes_moves_and_goes_with_its_entry(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        await house.doors.load([])
        assert house.ports == {}
        assert await house.doors.follow(delta(DOOR)) == []
        assert await house.doors.follow(delta()) == []
        assert list(house.ports) == [("host", 443)]
        moved = Doorway("vault", "other", 443, "inner.sock")
        await house.doors.follow(delta(moved))
        assert await house.ask("x", "other") == "X"
        await house.doors.release(delta(removed=(moved,)))
        try:
            await house.ask("x", "other")
        except OSError:
            return
        raise AssertionError("somebody still listens")

    run(tmp_path, act)


def test_a_door_that_cannot_be_opened_is_refused_until_it_can(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        house.closed.add("host")
        (refused,) = await house.doors.load([DOOR])
        assert refused == Refusal("/o/vault", "port 443 of host: No such file or directory")
        house.closed.clear()
        assert await house.doors.follow(delta()) == []
        assert await house.ask("x") == "X"

    run(tmp_path, act)


def test_who_comes_when_all_places_are_taken_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorways, "MOST", 2)

    async def act(house: House) -> None:
        await house.doors.load([DOOR])
        held = [await asyncio.open_connection("127.0.0.1", house.ports["host", 443]) for _ in range(2)]
        await until_async(lambda: len(house.doors._passing) == 2)
        reader, writer = await asyncio.open_connection("127.0.0.1", house.ports["host", 443])
        assert await reader.read() == b""
        for _, one in (*held, (reader, writer)):
            one.close()
            await one.wait_closed()
        await until_async(lambda: not house.doors._passing)
        assert await house.ask("x") == "X"

    run(tmp_path, act)


def test_a_client_that_goes_leaves_nothing_open(tmp_path: Path) -> None:
    async def act(house: House) -> None:
        await house.doors.load([DOOR])
        _, writer = await asyncio.open_connection("127.0.0.1", house.ports["host", 443])
        writer.write(b"half")
        await writer.drain()
        writer.transport.abort()
        await until_async(lambda: house.ports and not house.doors._passing)
        assert await house.ask("x") == "X"

    run(tmp_path, act)
