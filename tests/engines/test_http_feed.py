"""What Envoy asks for is answered when there is something new, and its next question says what became of the answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lazulite.engines.http import admin
from lazulite.engines.http.feed import CLUSTERS, LISTENERS, PATIENCE, Feed
from lazulite.engines.http.files import file_of, resource
from lazulite.engines.http.supervise import steps
from tests.waiting import until_async

LIMIT_S = 60.0
ROUTES = file_of("routes", "r")


def files(**more: str) -> dict[str, str]:
    return {
        LISTENERS: resource({"name": "l"}),
        CLUSTERS: resource({"name": "c"}),
        ROUTES: resource({"name": "r"}),
    } | more


class Asker:
    """Asks as Envoy does, over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, kind: str, version: str = "", *names: str) -> None:
        body = json.dumps({"version_info": version, "resource_names": names, "node": {"id": "e"}})
        head = f"POST /v3/discovery:{kind} HTTP/1.1\r\nHost: feed\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write((head + body).encode())

    async def answer(self) -> Any:
        async with asyncio.timeout(LIMIT_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return json.loads(await self.reader.readexactly(length))

    async def ask(self, kind: str, version: str = "", *names: str) -> Any:
        self.send(kind, version, *names)
        return await self.answer()


@contextlib.asynccontextmanager
async def asking(feed: Feed, directory: Path) -> AsyncIterator[Asker]:
    reader, writer = await asyncio.open_unix_connection(str(directory / "feed.sock"))
    try:
        yield Asker(reader, writer)
    finally:
        writer.close()


def fed(directory: Path, story: Callable[[Feed], Awaitable[None]]) -> None:
    async def told() -> None:
        feed = Feed(directory)
        feed.hold(files())
        await feed.open()
        try:
            await story(feed)
        finally:
            feed.close()

    asyncio.run(told())


def version(text: str) -> str:
    found: str = json.loads(text)["version_info"]
    return found


def test_who_has_nothing_is_answered_at_once(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(feed, tmp_path) as envoy:
            assert (await envoy.ask("listeners"))["resources"] == [{"name": "l"}]
            assert (await envoy.ask("routes", "", "r"))["resources"] == [{"name": "r"}]

    fed(tmp_path, story)


def test_who_has_the_newest_waits_for_the_next(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(feed, tmp_path) as envoy:
            envoy.send("routes", version(files()[ROUTES]), "r")
            await until_async(lambda: ROUTES in feed._taken)
            newer = resource({"name": "r", "new": 1})
            feed.hold(files(**{ROUTES: newer}))
            assert await envoy.answer() == json.loads(newer)

    fed(tmp_path, story)


def test_a_change_of_something_else_does_not_answer(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(feed, tmp_path) as envoy:
            envoy.send("routes", version(files()[ROUTES]), "r")
            await until_async(lambda: ROUTES in feed._taken)
            feed.hold(files(**{LISTENERS: resource()}))
            feed.hold(files(**{LISTENERS: resource(), ROUTES: resource({"name": "r", "newest": 1})}))
            assert (await envoy.answer())["resources"][0]["newest"] == 1

    fed(tmp_path, story)


def test_envoy_is_behind_until_it_says_that_it_has_the_newest(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        assert feed.behind() == {LISTENERS, CLUSTERS}  # which every Envoy asks for
        async with asking(feed, tmp_path) as envoy:
            for kind, name in (("listeners", LISTENERS), ("clusters", CLUSTERS)):
                found = await envoy.ask(kind)
                assert name in feed.behind()
                async with asking(feed, tmp_path) as again:
                    again.send(kind, found["version_info"])
                    await until_async(lambda name=name: name not in feed.behind())  # type: ignore[misc]
        assert not feed.behind()

    fed(tmp_path, story)


def test_who_asks_again_with_what_it_had_has_refused_and_is_not_asked_again_to_take_it(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        old = version(files()[ROUTES])
        feed.hold(files(**{ROUTES: resource({"name": "r", "bad": 1})}))
        async with asking(feed, tmp_path) as envoy:
            await envoy.ask("routes", old, "r")
            assert ROUTES not in feed.refused()
            envoy.send("routes", old, "r")
            await until_async(lambda: ROUTES in feed.refused())
            feed.hold(files(**{ROUTES: resource({"name": "r", "good": 1})}))
            assert (await envoy.answer())["resources"][0]["good"] == 1
            assert ROUTES not in feed.refused()

    fed(tmp_path, story)


def test_who_has_none_may_have_begun_anew_and_is_answered_again_but_not_for_ever(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(feed, tmp_path) as envoy:
            for _ in range(PATIENCE + 1):
                await envoy.ask("routes", "", "r")
            assert ROUTES not in feed.refused()
            envoy.send("routes", "", "r")
            await until_async(lambda: ROUTES in feed.refused())

    fed(tmp_path, story)


def test_another_envoy_is_told_everything(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(feed, tmp_path) as envoy:
            for _ in range(PATIENCE + 1):
                await envoy.ask("routes", "", "r")
        feed.forget()
        async with asking(feed, tmp_path) as envoy:
            assert (await envoy.ask("routes", "", "r"))["resources"] == [{"name": "r"}]

    fed(tmp_path, story)


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_is_no_question_is_hung_up_on(tmp_path: Path, data: bytes) -> None:
    async def story(feed: Feed) -> None:
        async with asking(feed, tmp_path) as envoy, asyncio.timeout(LIMIT_S):
            envoy.writer.write(data)
            assert await envoy.reader.read() == b""

    fed(tmp_path, story)


def test_a_socket_that_has_gone_is_made_again(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        (tmp_path / "feed.sock").unlink()
        await feed.open()
        async with asking(feed, tmp_path) as envoy:
            assert await envoy.ask("clusters")

    fed(tmp_path, story)


def named(text: str) -> list[str]:
    return [r["name"] for r in json.loads(text)["resources"]]


def test_a_new_backend_is_there_before_who_leads_to_it_and_an_old_one_until_nobody_does() -> None:
    """A request between two steps finds the backend of its route."""
    before = files()
    after = files(**{CLUSTERS: resource({"name": "d"}), ROUTES: resource({"name": "r", "to": "d"})})
    first, second, third = steps(before, after)
    assert (named(first[CLUSTERS]), first[ROUTES]) == (["d", "c"], before[ROUTES])
    assert (named(second[CLUSTERS]), second[ROUTES]) == (["d", "c"], after[ROUTES])
    assert third == after


def test_what_changes_routes_alone_is_one_step() -> None:
    after = files(**{ROUTES: resource({"name": "r", "new": 1})})
    assert steps(files(), after) == [after]


def test_the_first_configuration_is_one_step() -> None:
    assert steps({}, files()) == [files()]


def test_why_something_was_refused_is_in_envoy_s_words() -> None:
    state = {"error_state": {"failed_configuration": {"name": "b"}, "details": "no such filter\n"}}
    kind = "type.googleapis.com/envoy.admin.v3."
    dump = [
        {"@type": f"{kind}ListenersConfigDump", "dynamic_listeners": [{"name": "a"} | state, {"name": "well"}]},
        {"@type": f"{kind}RoutesConfigDump", "dynamic_route_configs": [state]},
        {"@type": f"{kind}BootstrapConfigDump"},
    ]
    assert admin.refused(json.dumps({"configs": dump}).encode()) == {"a": "no such filter", "b": "no such filter"}
