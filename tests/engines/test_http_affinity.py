"""Cookies that keep clients with their servers, of a real Envoy before two servers on loopback.

Source: facts/application-gateway.md, "Affinity".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from lazulite.engines.http import render
from lazulite.engines.http.render import Place, World
from lazulite.engines.http.supervise import Envoy
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Server, Site
from tests.engines.test_http_envoy import HERE, LIMIT_S
from tests.ports import free_port

SERVERS = tuple(Server(name, ip_address(at)) for name, at in (("one", "127.0.0.1"), ("two", "127.0.0.2")))
Asking = Callable[..., Awaitable[tuple[str, list[str]]]]
"""Sends cookies to a path; gives who answers, and the cookies that are set."""


def _origin(name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that tells its name, and sets a cookie of its own."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 200 OK\r\nSet-Cookie: own={name}; Path=/own\r\nContent-Length: {len(name)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n{name}".encode())
            await writer.drain()
        writer.close()

    return answer


@contextlib.asynccontextmanager
async def asking(directory: Path, cookie: str) -> AsyncIterator[Asking]:
    behind = free_port()
    origins = [await asyncio.start_server(_origin(s.name), str(s.address), behind) for s in SERVERS]
    port = free_port()
    rules = (HttpRule("plain", "/plain", backend="plain"), HttpRule("r", backend="kept"))
    backends = {
        "kept": HttpBackend("kept", "b/s", "gw", behind, SERVERS, affinity=cookie),
        "plain": HttpBackend("plain", "b/t", "gw", behind, SERVERS),
    }
    proxy = HttpProxy("gw", "gw", "gw", (Site("s", HERE, port, rules=rules),))
    world = World({"gw": proxy}, backends, {}, {n: b.servers for n, b in backends.items()}, {}, {})
    envoy = Envoy(directory, lambda d: Place(d, lambda guest: "", lambda guest: str(HERE)))

    async def ask(cookies: str = "", path: str = "/") -> tuple[str, list[str]]:
        reader, writer = await asyncio.open_connection(str(HERE), port)
        said = f"Cookie: {cookies}\r\n" if cookies else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n{said}Connection: close\r\n\r\n".encode())
        async with asyncio.timeout(LIMIT_S):
            head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return body, re.findall("(?im)^set-cookie: *(.*?)\r?$", head)

    try:
        assert await envoy.serve(render.files(world, envoy.place)) == {}
        yield ask
    finally:
        await envoy.serve({})
        envoy.close()
        for origin in origins:
            origin.close()


def story(directory: Path, told: Callable[[Asking], Awaitable[None]], cookie: str = "kept") -> None:
    async def run() -> None:
        async with asking(directory, cookie) as ask:
            await told(ask)

    asyncio.run(run())


def value(said: str) -> str:
    return said.partition("=")[2].partition(";")[0]


@pytest.mark.parametrize("cookie", ["ApplicationGatewayAffinity", "my-own.name"])
def test_two_cookies_of_one_value_are_set_beside_the_servers_own(tmp_path: Path, cookie: str) -> None:
    async def told(ask: Asking) -> None:
        server, (own, first, second) = await ask()
        assert own == f"own={server}; Path=/own"
        assert first.partition("=")[0] == cookie
        assert "path=/" in first.lower()
        assert second == f"{cookie}CORS={value(first)}; Path=/; SameSite=None; Secure"

    story(tmp_path, told, cookie)


@pytest.mark.parametrize("name", ["kept", "keptCORS"])
def test_either_cookie_leads_to_the_server_and_is_set_once(tmp_path: Path, name: str) -> None:
    async def told(ask: Asking) -> None:
        server, (_, first, _) = await ask()
        for _ in range(3):
            assert await ask(f"a=b; {name}={value(first)}; c=d") == (server, [f"own={server}; Path=/own"])

    story(tmp_path, told)


def test_the_cookie_of_the_site_itself_comes_before_the_one_for_others(tmp_path: Path) -> None:
    async def told(ask: Asking) -> None:
        known: dict[str, str] = {}
        for _ in SERVERS:  # who has no cookie is led to each in turn
            server, (_, first, _) = await ask()
            known[server] = value(first)
        assert len(known) == 2
        for server, other in (("one", "two"), ("two", "one")):
            assert (await ask(f"keptCORS={known[other]}; kept={known[server]}"))[0] == server

    story(tmp_path, told)


@pytest.mark.parametrize("cookies", ["", "kept=", "keptCORS=nonsense", "=;;=", "keptCORS", "xkeptCORS=a"])
def test_who_has_no_cookie_that_counts_is_given_both(tmp_path: Path, cookies: str) -> None:
    async def told(ask: Asking) -> None:
        server, given = await ask(cookies)
        assert server in ("one", "two")
        assert [c.partition("=")[0] for c in given] == ["own", "kept", "keptCORS"]

    story(tmp_path, told)


def test_a_rule_that_keeps_nobody_sets_no_cookie_and_reads_none(tmp_path: Path) -> None:
    async def told(ask: Asking) -> None:
        _, (_, first, _) = await ask()
        answers = [await ask(f"keptCORS={value(first)}", "/plain") for _ in range(2)]
        assert sorted(answers) == [(n, [f"own={n}; Path=/own"]) for n in ("one", "two")]

    story(tmp_path, told)
