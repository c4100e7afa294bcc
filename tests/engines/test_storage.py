"""The storage service on loopback: what it keeps, whom it lets in, and that it comes back."""

from __future__ import annotations

import asyncio
import http.client
import os
import select
import signal
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from lazulite.engines.storage import programs
from lazulite.engines.storage.blobs import SinkError, StoreError
from lazulite.engines.storage.client import Access, AccountBlobs, signature
from lazulite.engines.storage.local import Local
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.engines.storage.supervise import RUNNING
from tests.engines.stored import account, alive, key, store, until

HOST = "one.blob.core.windows.net"


def blobs(directory: Path, name: str = "one", number: int = 1) -> AccountBlobs:
    access = Access(f"{name}.blob.core.windows.net", key(number))
    return AccountBlobs(directory, lambda account: access if account == name else None)


def serving(directory: Path) -> int:
    connection = Local(directory, 5)
    try:
        connection.connect()
        return connection.server()
    except OSError:
        return 0
    finally:
        connection.close()


async def ended(process: int) -> None:
    """Kill it, and be back when it has gone: until then it may still answer."""
    opened = os.pidfd_open(process)
    try:
        os.kill(process, signal.SIGKILL)
        readable, _, _ = await asyncio.to_thread(select.select, [opened], [], [], 20)
        assert readable
    finally:
        os.close(opened)


def asked(
    directory: Path, where: list[str], path: str, *, host: str = HOST, secure: bool = True, **headers: str
) -> Any:
    """Status and body of a GET over the network."""
    if secure:
        trust = ssl.create_default_context(cafile=str(directory / "tls" / "ca.pem"))
        connection: http.client.HTTPConnection = _At(where[2], host, trust)
    else:
        connection = http.client.HTTPConnection(where[0], int(where[1]), timeout=60)
    connection.request("GET", path, headers={"Host": host, **headers})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


class _At(http.client.HTTPSConnection):
    """Knows the server by its name and reaches it on loopback."""

    def __init__(self, port: str, name: str, trust: ssl.SSLContext) -> None:
        super().__init__("127.0.0.1", int(port), timeout=60, context=trust)
        self._name, self._trust = name, trust

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._trust.wrap_socket(self.sock, server_hostname=self._name)


def signed(path: str, number: int = 1, query: Mapping[str, str] = {}) -> dict[str, str]:
    named = {"x-ms-version": "2021-12-02", "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True)}
    return named | {"Authorization": signature(Access(HOST, key(number)), "GET", path, query, named)}


def test_what_is_written_is_read_by_the_lab_and_over_the_network(tmp_path: Path) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, where):
            await kept.hold({"one": account("one")})
            assert kept.state == RUNNING
            own = blobs(tmp_path)
            await own.put("one", "logs", "a b/y=1/x.json", b"[1]")
            assert await own.read("one", "logs", "a b/y=1/x.json") == b"[1]"
            path = "/logs/a%20b/y%3D1/x.json"
            assert asked(tmp_path, where, path, **signed(path)) == (200, b"[1]")
            assert await own.read("one", "logs", "nothing") is None
            assert await own.read("one", "nowhere", "nothing") is None

    asyncio.run(story())


@pytest.mark.parametrize("real", [pytest.param(True, id="in Azurite"), pytest.param(False, id="in memory")])
def test_a_blob_of_blocks_keeps_those_that_are_committed_again(tmp_path: Path, real: bool) -> None:
    async def write(own: Any) -> None:
        await own.write_blocks("one", "logs", "l", [("0000", b"["), ("0001", b"1"), ("9999", b"]")])
        await own.write_blocks("one", "logs", "l", [("0000", None), ("0001", None), ("0002", b",2"), ("9999", None)])
        assert await own.read("one", "logs", "l") == b"[1,2]"
        with pytest.raises(SinkError):
            await own.write_blocks("one", "logs", "l", [("0000", None), ("0003", None)])
        assert await own.read("one", "logs", "l") == b"[1,2]"
        await own.put("one", "logs", "k", b"")
        assert await own.names("one", "logs") == ["k", "l"]
        assert await own.names("one", "logs", "l") == ["l"]
        assert await own.names("one", "nowhere") == []
        for _ in range(2):
            await own.delete("one", "logs", "l")
        assert await own.read("one", "logs", "l") is None
        with pytest.raises(SinkError, match="no such"):
            await own.put("two", "logs", "l", b"")

    async def story() -> None:
        if not real:
            await write(MemoryBlobs(["one"]))
            return
        async with store(tmp_path) as (kept, _):
            await kept.hold({"one": account("one")})
            await write(blobs(tmp_path))

    asyncio.run(story())


def test_a_list_of_names_goes_over_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service gives at most 5,000 names an answer."""

    async def story() -> None:
        own = blobs(tmp_path)
        pages = [f"<R><Blobs><Blob><Name>{n}</Name></Blob></Blobs><NextMarker>{m}</NextMarker></R>" for n, m in PAGES]
        queries: list[str] = []

        def answer(who: str, method: str, target: str, data: bytes, headers: Any) -> tuple[int, bytes]:
            queries.append(target)
            return 200, pages[len(queries) - 1].encode()

        monkeypatch.setattr(own, "_answer", answer)
        assert await own.names("one", "logs") == ["a", "b"]
        assert ["marker=2" in q for q in queries] == [False, True]

    PAGES = (("b", "2"), ("a", ""))
    asyncio.run(story())


def test_a_service_that_is_killed_comes_back_with_all_that_it_had_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, _):
            await kept.hold({"one": account("one")})
            own = blobs(tmp_path)
            for number in range(5):
                await own.put("one", "logs", f"b{number}", b"x" * 100_000)
            process = serving(tmp_path)
            os.kill(process, signal.SIGKILL)
            await until(lambda: serving(tmp_path) not in (0, process))
            assert await own.names("one", "logs") == [f"b{n}" for n in range(5)]
            assert await own.read("one", "logs", "b4") == b"x" * 100_000

    asyncio.run(story())


def test_accounts_come_and_go_and_change_keys_in_one_process(tmp_path: Path) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, where):
            await kept.hold({"one": account("one")})
            process = serving(tmp_path)
            await blobs(tmp_path).put("one", "logs", "b", b"1")
            two = account("two")
            changed = account("one")
            changed = type(changed)(changed.guid, (key(3), key(2)), changed.hosts)
            await kept.hold({"one": changed, "two": two})
            await blobs(tmp_path, "two").put("two", "logs", "b", b"2")
            assert await blobs(tmp_path, number=3).read("one", "logs", "b") == b"1"
            assert await blobs(tmp_path, number=2).read("one", "logs", "b") == b"1"
            with pytest.raises(SinkError, match="403"):
                await blobs(tmp_path, number=1).read("one", "logs", "b")
            assert asked(tmp_path, where, "/logs/b", **signed("/logs/b", 1))[0] == 403
            assert serving(tmp_path) == process

    asyncio.run(story())


@pytest.mark.parametrize("dead", [pytest.param(False, id="while it runs"), pytest.param(True, id="while it is down")])
def test_data_goes_with_its_account_even_when_another_of_that_name_follows(tmp_path: Path, dead: bool) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, _):
            await kept.hold({"one": account("one"), "two": account("two")})
            for name in ("one", "two"):
                await blobs(tmp_path, name).put(name, "logs", "b", name.encode())
            if dead:
                await ended(serving(tmp_path))
            await kept.hold({"one": account("one", guid="2"), "two": account("two")})
            assert await blobs(tmp_path).names("one", "logs") == []
            assert await blobs(tmp_path, "two").read("two", "logs", "b") == b"two"
            await kept.hold({})
            assert not (tmp_path / "storage").exists()

    asyncio.run(story())


def test_who_follows_finds_the_process_that_runs(tmp_path: Path) -> None:
    """As an agent that takes over from a dead one does."""

    async def story() -> None:
        async with store(tmp_path) as (kept, where):
            await kept.hold({"one": account("one")})
            process = serving(tmp_path)
            kept.close()
            successor = type(kept)(tmp_path, kept._launch, lambda: None, *where)
            await successor.hold({"one": account("one")})
            assert (serving(tmp_path), alive(process)) == (process, True)
            os.kill(process, signal.SIGKILL)
            await until(lambda: serving(tmp_path) not in (0, process))
            await successor.hold({})
            successor.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("more", "secure", "path", "expected"),
    [
        pytest.param({}, False, "/logs/b", 400, id="plain HTTP"),
        pytest.param({"secure": False}, False, "/logs/b", 200, id="plain HTTP where it is allowed"),
        pytest.param({"shared": False}, True, "/logs/b", 403, id="a key where keys are not permitted"),
        pytest.param({}, True, "/logs/b", 200, id="a key over HTTPS"),
    ],
)
def test_who_is_let_in(tmp_path: Path, more: dict[str, bool], secure: bool, path: str, expected: int) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, where):
            await kept.hold({"one": account("one", **more)})
            await blobs(tmp_path).put("one", "logs", "b", b"1")
            status, _ = asked(tmp_path, where, path, secure=secure, **signed(path))
            assert status == expected
            assert asked(tmp_path, where, path, secure=secure)[0] in (400, 409)

    asyncio.run(story())


def test_a_host_name_of_no_account_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, where):
            await kept.hold({"one": account("one")})
            assert asked(tmp_path, where, "/", host="two.blob.core.windows.net")[0] == 400
            assert asked(tmp_path, where, "/", host="devstoreaccount1.blob.core.windows.net")[0] == 400

    asyncio.run(story())


@pytest.mark.parametrize("lacking", ["node", "modules"])
def test_what_is_not_installed_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, _):
            with monkeypatch.context() as without:
                without.setattr(programs, lacking, lambda: None if lacking == "node" else tmp_path)
                with pytest.raises(StoreError, match="script/setup storage"):
                    programs.command(tmp_path)
                await kept.hold({"one": account("one")})
                assert "script/setup storage" in kept.state
            await until(lambda: kept.state == RUNNING)

    asyncio.run(story())


def test_a_service_that_ends_at_once_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with store(tmp_path) as (kept, _):
            (tmp_path / "tls" / "storage.key").unlink()
            await kept.hold({"one": account("one")})
            assert "storage.key" in kept.state

    asyncio.run(story())
