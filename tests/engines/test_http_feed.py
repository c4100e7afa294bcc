"""What Envoy wants is told as soon as there is something new, and it says of each answer whether it takes it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lazulite.engines.http import feed as feeds
from lazulite.engines.http import wording
from lazulite.engines.http.feed import CLUSTERS, LISTENERS, Feed
from lazulite.engines.http.files import file_of, resource, version
from lazulite.engines.http.supervise import steps
from lazulite.engines.http.wording import Json
from tests.engines.envoy import LIMIT_S, Asker, asking
from tests.waiting import until_async

LISTENER: Json = {"@type": wording.LISTENER, "name": "l"}
CLUSTER: Json = {"@type": wording.CLUSTER, "name": "c"}
TABLE: Json = {"@type": wording.ROUTES, "name": "r"}
SERVERS: Json = {"@type": wording.ENDPOINTS, "cluster_name": "c"}
NEWER = TABLE | {"virtual_hosts": [{"name": "v"}]}
ROUTES, OF_C = file_of("routes", "r"), file_of("servers", "c")


def files(**more: str) -> dict[str, str]:
    return {
        LISTENERS: resource(LISTENER),
        CLUSTERS: resource(CLUSTER),
        ROUTES: resource(TABLE),
        OF_C: resource(SERVERS),
    } | more


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


async def has_the_newest(envoy: Asker, feed: Feed) -> None:
    """Of the route table; nothing that differs is left to tell."""
    envoy.want("routes", "r", has={"r": version(TABLE)})
    await until_async(lambda: (wording.ROUTES, "r") in feed._taken)


def test_who_has_nothing_is_told_at_once_what_it_wants(tmp_path: Path) -> None:
    """Of listeners and clusters all, of others what it names."""

    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("listeners")
            assert (await envoy.answer()).found.keys() == {"l"}
            envoy.want("routes", "r", "unknown")
            answer = await envoy.answer()
            assert answer.kind == wording.ROUTES
            assert {n: v for n, (v, _) in answer.found.items()} == {"r": version(TABLE)}

    fed(tmp_path, story)


def test_who_has_the_newest_is_told_the_next(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            await has_the_newest(envoy, feed)
            feed.hold(files(**{ROUTES: resource(NEWER)}))
            assert (await envoy.answer()).found["r"][0] == version(NEWER)

    fed(tmp_path, story)


def test_what_is_not_there_yet_is_told_once_it_is(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("secret", "s")
            await until_async(lambda: (wording.SECRET, "s") in feed._taken)
            secret = {"@type": wording.SECRET, "name": "s"}
            feed.hold(files(**{file_of("secret", "s"): resource(secret)}))
            assert (await envoy.answer()).found.keys() == {"s"}

    fed(tmp_path, story)


def test_a_change_of_something_else_is_not_told(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            await has_the_newest(envoy, feed)
            feed.hold(files(**{OF_C: resource(SERVERS | {"endpoints": []})}))
            feed.hold(files(**{ROUTES: resource(NEWER)}))
            assert (await envoy.answer()).found["r"][0] == version(NEWER)

    fed(tmp_path, story)


def test_envoy_is_behind_until_it_says_that_it_takes_the_newest(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        always = {(wording.LISTENER, "l"), (wording.CLUSTER, "c")}
        assert feed.behind() == always  # which every Envoy wants
        async with asking(tmp_path) as envoy:
            for kind in ("clusters", "listeners"):
                envoy.want(kind)
                answer = await envoy.answer()
                assert feed.behind() == always
                envoy.judge(answer)
                always.remove((answer.kind, next(iter(answer.found))))
                await until_async(lambda: feed.behind() == always)
            assert not feed.behind()

    fed(tmp_path, story)


def test_whoever_waits_for_envoy_waits_as_long_as_it_goes_on_saying_something(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            for kind in ("clusters", "listeners"):
                envoy.want(kind)
                envoy.judge(await envoy.answer())
            await feed.settled(LIMIT_S)
            feed.hold(files(**{CLUSTERS: resource(CLUSTER | {"connect_timeout": "1s"})}))
            with pytest.raises(TimeoutError):
                await feed.settled(0.01)

    fed(tmp_path, story)


def test_what_envoy_does_not_take_is_refused_in_its_words_and_not_told_again(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("routes", "r", has={"r": "old"})
            envoy.judge(await envoy.answer(), "no such filter")
            await until_async(feed.refused)
            assert feed.refused() == {(wording.ROUTES, "r"): "no such filter"}
            feed.hold(files())
            assert feed.refused()
            feed.hold(files(**{ROUTES: resource(NEWER)}))
            assert not feed.refused()
            answer = await envoy.answer()
            assert answer.found["r"][0] == version(NEWER)
            envoy.judge(answer)
            await until_async(lambda: (wording.ROUTES, "r") not in feed.behind())

    fed(tmp_path, story)


def test_what_was_refused_gives_way_to_what_was_there_before(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            await has_the_newest(envoy, feed)
            feed.hold(files(**{ROUTES: resource(NEWER)}))
            envoy.judge(await envoy.answer(), "no")
            await until_async(feed.refused)
            feed.hold(files())
            assert not feed.refused()
            assert (wording.ROUTES, "r") not in feed.behind()

    fed(tmp_path, story)


def test_a_listener_that_is_no_more_is_told_and_missed_until_envoy_says_so(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("listeners")
            envoy.judge(await envoy.answer())
            await until_async(lambda: (wording.LISTENER, "l") not in feed.behind())
            feed.hold(files(**{LISTENERS: resource()}))
            assert (wording.LISTENER, "l") in feed.behind()
            answer = await envoy.answer()
            assert (answer.gone, answer.found) == (["l"], {})
            envoy.judge(answer)
            await until_async(lambda: (wording.LISTENER, "l") not in feed.behind())

    fed(tmp_path, story)


def test_a_cluster_that_changes_is_followed_by_its_servers(tmp_path: Path) -> None:
    """Envoy wants them for the new one, and does not say so."""

    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("clusters", has={"c": version(CLUSTER)})
            envoy.want("servers", "c", has={"c": version(SERVERS)})
            await until_async(lambda: (wording.ENDPOINTS, "c") in feed._taken)
            feed.hold(files(**{CLUSTERS: resource(CLUSTER | {"connect_timeout": "1s"})}))
            first, second = await envoy.answer(), await envoy.answer()
            assert (first.kind, second.kind) == (wording.CLUSTER, wording.ENDPOINTS)
            assert second.found["c"][0] == version(SERVERS)

    fed(tmp_path, story)


def test_who_comes_again_says_what_it_has_and_is_told_the_rest(tmp_path: Path) -> None:
    """Another agent than the last has listeners of its own."""

    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("listeners", has={"l": version(LISTENER), "old": "1"})
            answer = await envoy.answer()
            assert (answer.gone, answer.found) == (["old"], {})
            assert (wording.LISTENER, "l") not in feed.behind()

    fed(tmp_path, story)


def test_what_is_not_wanted_any_more_is_not_told(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.want("routes", "r")
            envoy.judge(await envoy.answer())
            envoy.want("routes", not_=("r",))
            await until_async(lambda: (wording.ROUTES, "r") not in feed._taken)
            feed.hold(files(**{ROUTES: resource(NEWER), LISTENERS: resource(LISTENER | {"address": {}})}))
            assert (wording.ROUTES, "r") not in feed.behind()
            envoy.want("listeners")
            assert (await envoy.answer()).found.keys() == {"l"}

    fed(tmp_path, story)


def test_another_envoy_has_nothing(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            for kind in ("clusters", "listeners"):
                envoy.want(kind)
                envoy.judge(await envoy.answer())
            await until_async(lambda: not feed.behind())
        feed.forget()
        assert feed.behind() == {(wording.LISTENER, "l"), (wording.CLUSTER, "c")}

    fed(tmp_path, story)


def test_what_is_larger_than_envoy_takes_at_once_comes_in_pieces(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        long = TABLE | {"virtual_hosts": [{"name": "v" * 300_000}]}
        feed.hold(files(**{ROUTES: resource(long)}))
        async with asking(tmp_path, window=1000) as envoy:
            envoy.want("routes", "r")
            assert len((await envoy.answer()).found["r"][1]) > 300_000

    fed(tmp_path, story)


def test_many_are_told_over_one_stream(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        names = [f"r{n}" for n in range(300)]
        feed.hold(files() | {file_of("routes", n): resource(TABLE | {"name": n}) for n in names})
        async with asking(tmp_path) as envoy:
            for name in names:
                envoy.want("routes", name)
            found = {name for _ in names for name in (await envoy.answer()).found}
            assert found == set(names)

    fed(tmp_path, story)


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"POST /v3/discovery:clusters HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_who_does_not_speak_http_2_is_hung_up_on(tmp_path: Path, data: bytes) -> None:
    async def story(feed: Feed) -> None:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / feeds.SOCKET))
        with contextlib.closing(writer), contextlib.suppress(ConnectionResetError):
            writer.write(data)
            async with asyncio.timeout(LIMIT_S):
                while await reader.read(100):
                    pass

    fed(tmp_path, story)


@pytest.mark.parametrize(
    ("path", "method", "message"),
    [
        pytest.param("/elsewhere", "POST", b"", id="another path"),
        pytest.param(feeds.PATH, "GET", b"", id="another method"),
        pytest.param(feeds.PATH, "POST", b"\x12\x01x", id="a type that there is not"),
        pytest.param(feeds.PATH, "POST", b"\x12\x09x", id="a message that is cut short"),
        pytest.param(feeds.PATH, "POST", b"\x13", id="a kind of field that there is not"),
    ],
)
def test_who_makes_no_sense_is_hung_up_on(tmp_path: Path, path: str, method: str, message: bytes) -> None:
    async def story(feed: Feed) -> None:
        async with asking(tmp_path) as envoy:
            envoy.begin(path, method)
            envoy.say(message)
            await envoy.over()
            assert not feed._streams

    fed(tmp_path, story)


def test_a_socket_that_has_gone_is_made_again(tmp_path: Path) -> None:
    async def story(feed: Feed) -> None:
        (tmp_path / feeds.SOCKET).unlink()
        await feed.open()
        async with asking(tmp_path) as envoy:
            envoy.want("clusters")
            assert await envoy.answer()

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
