"""Azure's access log is made by a process of its own, which the agent has run while gateways are served."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from lazulite.agent.access import AccessLog
from lazulite.engines.http import __main__ as process
from lazulite.engines.http import access, conversion, lines, render
from lazulite.engines.http.__main__ import LITTLE, MOST, Effort
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Site
from tests.json_lines import rows
from tests.waiting import until, until_async

SITE = Site("l", ip_address("10.0.0.4"), 80, rules=(HttpRule("r", "", "b"),))
PROXY = HttpProxy("gw", "gw", "gw", (SITE,), origin="/gw")
PROXIES = {"gw": PROXY}
WHERE = f"{access.short(PROXY)}|l|r"


def backends(pool: str = "pool") -> dict[str, HttpBackend]:
    return {"b": HttpBackend("b", f"{pool}/settings", "gw", 80)}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose name is short enough for sockets; who makes its log is ended."""
    with TemporaryDirectory(prefix="log") as made:
        yield Path(made)
        with contextlib.suppress(OSError):
            if running := maker(Path(made)):
                os.kill(running, signal.SIGKILL)


def maker(place: Path) -> int:
    """Its number, once there is one."""
    return int((place / conversion.LOCK).read_text() or 0)


def alive(process: int) -> bool:
    """Not as one that has ended and that nobody has asked for."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


def tell(place: Path, first: int, count: int = 1) -> None:
    """Envoy writes lines with those numbers."""
    with (place / lines.RAW).open("a") as raw:
        for number in range(first, first + count):
            said = {"where": WHERE, "time": "20990101000000000000000", "method": f"M{number}"}
            raw.write("\x1f".join(said.get(name, "") for name in lines.FIELDS) + "\n")


def shown(place: Path) -> list[int]:
    return [int(row["properties"]["httpMethod"][1:]) for row in rows(place / lines.SHOWN)]


@contextlib.asynccontextmanager
async def kept(place: Path) -> AsyncIterator[AccessLog]:
    """As an agent does, until it ends."""
    log = AccessLog(place)
    await log.serve(PROXIES, backends(), {})
    try:
        yield log
    finally:
        log.close()


async def made(place: Path, count: int) -> None:
    """Each line once: what one that was killed did not finish is there for a moment only."""
    await until_async(lambda: shown(place), lambda found: found == list(range(count)))


def test_lines_are_made_with_the_names_that_the_agent_tells(place: Path) -> None:
    async def told() -> None:
        async with kept(place):
            tell(place, 0)
            await made(place, 1)

    asyncio.run(told())
    (row,) = rows(place / lines.SHOWN)
    assert (row["resourceId"], row["ruleName"], row["backendPoolName"]) == ("/gw", "r", "pool")


def test_lines_are_made_while_there_is_no_agent_and_the_next_finds_who_makes_them(place: Path) -> None:
    async def told() -> None:
        async with kept(place):
            tell(place, 0)
            await made(place, 1)
        first = maker(place)
        tell(place, 1)
        await made(place, 2)
        async with kept(place):
            tell(place, 2)
            await made(place, 3)
        assert maker(place) == first

    asyncio.run(told())


def test_who_is_killed_is_followed_by_another_and_each_line_is_there_once(place: Path) -> None:
    """Also by one who has much to do; not so much that it would wait for others to leave it a processor."""

    async def told() -> None:
        async with kept(place):
            for turn in range(3):
                tell(place, 200 * turn, 200)
                await until_async(lambda turn=turn: len(shown(place)) > 200 * turn)
                old = maker(place)
                os.kill(old, signal.SIGKILL)
                await until_async(lambda old=old: maker(place) != old)
            tell(place, 600)
            assert sum(p.stat().st_size for p in place.glob(f"{lines.RAW}*")) < LITTLE
            await made(place, 601)

    asyncio.run(told())


def test_who_is_killed_while_there_is_no_agent_is_followed_by_another_with_the_next_agent(place: Path) -> None:
    async def told() -> None:
        async with kept(place):
            tell(place, 0)
            await made(place, 1)
        old = maker(place)
        os.kill(old, signal.SIGKILL)
        tell(place, 1)
        async with kept(place):
            await made(place, 2)
        assert maker(place) != old

    asyncio.run(told())


def test_it_ends_once_nothing_is_served_and_what_came_before_is_in_the_log(place: Path) -> None:
    async def told() -> None:
        async with kept(place) as log:
            tell(place, 0)
            await made(place, 1)
            old = maker(place)
            tell(place, 1)
            await log.serve({}, {}, {})
            await until_async(lambda: not alive(old))
            assert shown(place) == [0, 1]
            tell(place, 2)
            await log.serve(PROXIES, backends(), {})
            await made(place, 3)
            assert maker(place) != old

    asyncio.run(told())


def test_with_nothing_to_serve_there_is_no_process_and_no_file(place: Path) -> None:
    async def told() -> None:
        log = AccessLog(place / "http")
        await log.serve({}, backends(), {})
        log.close()

    asyncio.run(told())
    assert list(place.iterdir()) == []


def test_it_ends_with_its_directory() -> None:
    async def told(place: Path) -> int:
        async with kept(place):
            tell(place, 0)
            await made(place, 1)
        return maker(place)

    with TemporaryDirectory(prefix="log") as directory:
        process = asyncio.run(told(Path(directory)))
    until(lambda: not alive(process))


def test_two_agents_have_one_process(place: Path) -> None:
    async def told() -> None:
        async with kept(place), kept(place):
            tell(place, 0, 500)
            await made(place, 500)
            old = maker(place)
            os.kill(old, signal.SIGKILL)
            await until_async(lambda: maker(place) != old)
            tell(place, 500)
            await made(place, 501)

    asyncio.run(told())


def test_names_reach_who_makes_lines_before_the_requests_that_have_them(place: Path) -> None:
    async def told() -> None:
        async with kept(place) as log:
            for number in range(20):
                await log.serve(PROXIES, backends(f"pool-{number}"), {})
                tell(place, number)
                if number % 5 == 0:
                    await made(place, number + 1)
            await made(place, 20)

    asyncio.run(told())
    called = [int(row["backendPoolName"].removeprefix("pool-")) for row in rows(place / lines.SHOWN)]
    assert all(pool >= number for number, pool in enumerate(called))
    assert called[0] == 0
    assert called[-1] == 19


def test_the_same_names_are_not_told_again(place: Path) -> None:
    async def told() -> None:
        async with kept(place) as log:
            before = (place / lines.KNOWN).stat()
            await log.serve(PROXIES, backends() | {"unused": HttpBackend("unused", "u/u", "gw", 80)}, {})
            assert (place / lines.KNOWN).stat() == before

    asyncio.run(told())


@contextlib.contextmanager
def answering(place: Path, told: Callable[[bytes], None]) -> Iterator[None]:
    """Envoy, as far as it is asked for another file."""
    with conversion.socket.socket(conversion.socket.AF_UNIX) as door:
        door.bind(str(place / render.ADMIN))
        door.listen()
        door.settimeout(60)

        def serve() -> None:
            with door.accept()[0] as one:
                told(one.recv(4096))
                one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

        serving = threading.Thread(target=serve)
        serving.start()
        yield
        serving.join()


def test_envoy_s_file_is_begun_anew_before_it_is_too_large(place: Path) -> None:
    """It was read but for its last bytes."""

    async def told() -> None:
        (place / lines.RAW).touch()
        os.truncate(place / lines.RAW, conversion.MAX_RAW + 100)
        (place / conversion.STANDING).write_text(f"0 {conversion.MAX_RAW} 0 0")
        asked: list[bytes] = []
        with answering(place, asked.append):
            async with kept(place):
                await until_async(lambda: bool(asked))
                tell(place, 0)
                await made(place, 1)
                await until_async(lambda: not (place / f"{lines.RAW}.0").exists())
        assert asked[0].startswith(b"POST /reopen_logs ")

    asyncio.run(told())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, it is not long."""
    monkeypatch.setattr(process, "LONG_S", float("inf"))


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("behind", "busy", "quiet", "group"),
    [
        pytest.param(0, True, True, "19", id="nothing at once"),
        pytest.param(1, True, True, "19", id="a little at once"),
        pytest.param(LITTLE, True, True, "19", id="a little more too"),
        pytest.param(LITTLE + 1, False, True, "19", id="much while others leave some of the processors"),
        pytest.param(MOST, False, True, "19", id="very much too"),
        pytest.param(MOST + 1, True, True, "", id="what would fill the disk at once"),
    ],
)
def test_how_much_is_behind_decides_what_it_may_cost_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: int, busy: bool, quiet: bool, group: str
) -> None:
    said, processors = tmp_path / "group", tmp_path / "stat"
    said.write_text("")
    monkeypatch.setattr(process, "GROUP", said)
    monkeypatch.setattr(process, "PROCESSORS", processors)
    monkeypatch.setattr(process.os, "getsid", lambda pid: os.getpid())
    processors.write_text("cpu  1000 0 100 5000 10 0 0 0 0 0\ncpu0 1 2 3\n")
    effort = Effort()
    assert effort.grants(behind) is busy
    processors.write_text("cpu  1900 0 190 5002 10 0 5 0 0 0\n")
    assert effort.grants(behind) is busy
    processors.write_text("cpu  1950 0 200 5502 10 0 5 0 0 0\n")
    assert effort.grants(behind) is quiet
    assert said.read_text() == group
    assert effort.grants(MOST + 1)
    assert said.read_text() == ("0" if group else "")


@pytest.mark.usefixtures("patient")
def test_the_quiet_before_it_was_behind_counts_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests begin after a pause: they are what it would be in the way of."""
    processors = tmp_path / "stat"
    monkeypatch.setattr(process, "PROCESSORS", processors)
    monkeypatch.setattr(process, "GROUP", tmp_path / "group")
    rows = iter([(0, 0), (100, 5000), (100, 5100), (200, 5101), (250, 5200)])

    def look(behind: int) -> bool:
        processors.write_text("cpu  {} 0 0 {} 0 0 0 0\n".format(*next(rows)))
        return effort.grants(behind)

    effort = Effort()
    assert look(0)
    assert not look(LITTLE + 1)
    assert look(LITTLE + 1)
    assert not look(LITTLE + 1)
    assert look(LITTLE + 1)
    processors.write_text("cpu  250 0 0 9000 0 0 0 0\n")
    assert effort.grants(0)
    assert not effort.grants(LITTLE + 1)


@pytest.mark.usefixtures("patient")
def test_what_this_process_uses_itself_counts_as_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter((1.0, 1.9))
    monkeypatch.setattr(process, "PROCESSORS", tmp_path / "stat")
    monkeypatch.setattr(process.time, "process_time", lambda: next(used))
    (tmp_path / "stat").write_text("cpu  1000 0 0 0 0 0 0 0\n")
    effort = Effort()
    assert not effort.grants(LITTLE + 1)
    (tmp_path / "stat").write_text("cpu  1100 0 0 0 0 0 0 0\n")
    assert effort.grants(LITTLE + 1)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("text", [None, "", "cpu  1 2 x\n"], ids=["no file", "nothing", "no numbers"])
def test_who_cannot_know_what_others_leave_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.setattr(process, "PROCESSORS", tmp_path / "stat")
    monkeypatch.setattr(process, "LOOK_S", 0)
    if text is not None:
        (tmp_path / "stat").write_text(text)
    effort = Effort()
    assert not effort.grants(LITTLE + 1)  # It looks,
    assert effort.grants(LITTLE + 1)  # and sees nobody.


def test_no_line_is_left_for_ever_where_others_never_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece is made, and then it is long again until the next."""
    now = iter((0.0, process.LONG_S - 1, process.LONG_S, process.LONG_S, process.LONG_S + 1))
    monkeypatch.setattr(process, "PROCESSORS", tmp_path / "stat")
    (tmp_path / "stat").write_text("cpu  1000 0 0 0 0 0 0 0\n")
    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: next(now), process_time=lambda: 0.0))
    effort = Effort()
    assert [effort.grants(MOST) for _ in range(3)] == [False, True, False]


def test_a_session_of_others_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GROUP", tmp_path / "group")
    monkeypatch.setattr(process.os, "getsid", lambda pid: os.getpid() + 1)
    assert Effort().grants(1)
    assert not (tmp_path / "group").exists()
