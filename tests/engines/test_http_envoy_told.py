"""What a server behind a real Envoy is told of clients, and that a change counts at once for who is connected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lazulite.engines.http import render
from lazulite.forwarding.model import HeaderChange, HttpRule, Rewrite
from tests.engines.test_http_envoy import HERE, LIMIT_S, Served, story

CHANGE = HeaderChange("X-New", "new")
WRITTEN = HttpRule("w", rewrites=(Rewrite("w", request=(CHANGE,)),), backend="b")
ELSEWHERE = HttpRule("w", "/elsewhere", rewrites=(Rewrite("w", request=(CHANGE,)),), backend="b")
FORGED = (
    "X-Original-Host: forged",
    "X-Original-Host: twice",
    "X-Original-URL: /forged",
    "X-AppGW-Trace-Id: forged",
    "X-Request-Id: forged",
    "X-Forwarded-Port: 1",
    "X-Envoy-External-Address: 192.0.2.9",
)


class Connection:
    """Of a client that asks one thing after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, here: Served) -> Connection:
        return cls(*await asyncio.open_connection(str(HERE), here.port))

    async def ask(self, path: str = "/a?b=c", more: Sequence[str] = ()) -> dict[str, str]:
        """Headers of the answer."""
        lines = [f"GET {path} HTTP/1.1", "Host: a.test", *more]
        self._writer.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        async with asyncio.timeout(LIMIT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200 ")
        return dict(fields(head))

    async def heard(self, path: str = "/a?b=c", more: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Headers that the server got; numbers that differ each time are checked and left out."""
        head = bytes.fromhex((await self.ask(path, more))["x-heard"]).decode()
        return [(name, known(name, value)) for name, value in fields(head)]

    def close(self) -> None:
        self._writer.close()


def fields(head: str) -> list[tuple[str, str]]:
    rows = (line.partition(": ") for line in head.split("\r\n")[1:] if line)
    return [(name.lower(), value) for name, _, value in rows]


def known(name: str, value: str) -> str:
    if name == "x-appgw-trace-id":
        assert re.fullmatch("[0-9a-f]{8}0[0-9]{23}", value)
        return "number"
    return re.sub(rf"{HERE}:[0-9]+$", "client", value) if name == "x-forwarded-for" else value


@pytest.mark.parametrize(
    ("more", "way"),
    [
        pytest.param((), "client", id="of a client that says nothing"),
        pytest.param(FORGED, "client", id="of one that says it itself"),
        pytest.param(("X-Forwarded-For: 192.0.2.1",), "192.0.2.1,client", id="of one behind a proxy"),
        pytest.param(
            ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"),
            "192.0.2.1,192.0.2.2,client",
            id="of one behind two, each in a line of its own",
        ),
    ],
)
@pytest.mark.parametrize(
    "rules",
    [
        pytest.param((), id="where nothing is rewritten"),
        pytest.param((ELSEWHERE,), id="where another path is rewritten"),
        pytest.param((WRITTEN,), id="where the request is rewritten"),
    ],
)
def test_a_server_is_told(tmp_path: Path, rules: tuple[HttpRule, ...], more: Sequence[str], way: str) -> None:
    """Source: facts/application-gateway.md, "Headers added to backend"."""

    async def told(here: Served) -> None:
        assert await here.serve(rules=rules) == {}
        asked = await Connection.to(here)
        expected = [
            ("host", "a.test"),
            ("x-appgw-trace-id", "number"),
            ("x-forwarded-for", way),
            ("x-forwarded-port", str(here.port)),
            ("x-forwarded-proto", "http"),
            ("x-original-host", "a.test"),
            ("x-original-url", "/a?b=c"),
        ]
        added = [("x-new", "new")] if rules == (WRITTEN,) else []
        assert sorted(await asked.heard(more=more)) == sorted(expected + added)
        asked.close()

    story(tmp_path, told)


def test_a_server_with_a_host_and_a_path_of_its_own_is_told_those_that_the_client_asked_for(tmp_path: Path) -> None:
    async def told(here: Served) -> None:
        asked = await Connection.to(here)
        await changed(here, host="own.test", prefix="/own/")
        for rules in ((), (ELSEWHERE,)):
            await changed(here, rules, host="own.test", prefix="/own/")
            heard = dict(await asked.heard())
            assert (heard["host"], heard["x-original-host"], heard["x-original-url"]) == (
                "own.test",
                "a.test",
                "/a?b=c",
            )
        asked.close()

    story(tmp_path, told)


async def changed(here: Served, rules: tuple[HttpRule, ...] = (), **settings: Any) -> None:
    """Serve what differs of the backend."""
    world = here.world(rules)
    backends = {name: msgspec.structs.replace(b, **settings) for name, b in world.backends.items()}
    files = render.files(msgspec.structs.replace(world, backends=backends), here.envoy.place)
    assert await here.envoy.serve(files) == {}


def test_a_rewrite_and_a_cookie_count_at_once_for_who_is_connected(tmp_path: Path) -> None:
    """And stop to count so, in every order; a server is told each thing once throughout."""

    async def told(here: Served) -> None:
        asked = await Connection.to(here)
        for rules in ((), (WRITTEN,), (ELSEWHERE,), ()):
            for cookie in ("", "kept", ""):
                await changed(here, rules, affinity=cookie)
                assert ("set-cookie" in await asked.ask()) is bool(cookie)
                heard = await asked.heard()
                assert (("x-new", "new") in heard) is (rules == (WRITTEN,))
                assert len({name for name, _ in heard}) == len(heard)
                assert dict(heard)["x-forwarded-for"] == "client"
        asked.close()

    story(tmp_path, told)
