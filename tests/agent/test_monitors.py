"""Connection monitors as the agent follows them: measured when, kept where, told to whom."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lazulite.agent.monitors import FILE, KEPT_ROUNDS, Monitors
from lazulite.agent.protocol import Observed
from lazulite.engines.measure import Round
from lazulite.forwarding.model import Check, Guest, InternetHost, Monitor
from lazulite.incremental import Delta
from tests.engines.test_measure import Loopback
from tests.waiting import until_async

"""Bound of what must happen."""
VM = Guest("vm", label="vm", hostname="vm", guid="1")
CHECK = Check("web", "vm", "tcp", ip_address("10.0.0.5"), port=80, interval_s=1000)
FAST = msgspec.structs.replace(CHECK, interval_s=0.01)  # type: ignore[arg-type]
MONITOR = Monitor("m", "m", (CHECK,), "g")


class Scene:
    """A follower whose measurements a test gives; its clock goes on a second whenever it is looked at."""

    def __init__(self, directory: Path, **rest: Any) -> None:
        self.told: dict[str, dict[str, Any] | None] = {}
        self.asked: list[str] = []
        self.result: Callable[[], Round] = lambda: Round(self.at(), 10, 0, (1.0, 3.0))
        self._seconds = 0
        settings = {"spaces": None, "measure": self._measure} | rest
        self.monitors = Monitors(directory, self._tell, now=self._now, **settings)

    def _now(self) -> datetime:
        self._seconds += 1
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._seconds)

    def at(self) -> str:
        return self._now().isoformat()

    async def _measure(self, check: Check, machine: Guest | InternetHost) -> Round:
        self.asked.append(check.name)
        await asyncio.sleep(0)
        return self.result()

    def _tell(self, message: Observed) -> None:
        self.told |= message.reports

    def take(self, *entries: Any) -> None:
        self.monitors.settle(Delta(changed={e.key: e for e in entries}))

    def drop(self, *entries: Any) -> None:
        self.monitors.settle(Delta(removed={e.key: e for e in entries}))

    def check(self, name: str = "web") -> dict[str, Any]:
        report = self.monitors.news().reports["m"]
        assert report is not None
        found: dict[str, Any] = report["checks"][name]
        return found

    async def until(self, condition: Callable[[], bool]) -> None:
        await until_async(condition, told=lambda: (self.told, self.asked))


def scene(directory: Path, play: Callable[[Scene], Awaitable[None]], **rest: Any) -> Scene:
    """Let *play* happen, and close."""

    async def run() -> Scene:
        made = Scene(directory, **rest)
        try:
            await play(made)
        finally:
            await made.monitors.close()
        return made

    return asyncio.run(run())


def test_a_monitor_is_measured_at_once_and_told(tmp_path: Path) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, MONITOR)
        assert s.check() == {"state": "Indeterminate", "sent": 0, "failed": 0, "rtt": [], "last": [], "reason": ""}
        await s.until(lambda: (s.told.get("m") or {}).get("checks", {}).get("web", {}).get("state") == "Pass")

    found = scene(tmp_path, play).told["m"]
    assert found is not None
    assert (found["guid"], found["started"]) == ("g", "2026-01-01T00:00:01.000+00:00")
    web = found["checks"]["web"]
    assert (web["sent"], web["failed"], web["rtt"]) == (10, 0, [1.0, 2.0, 3.0])
    assert [ms for _, ms in web["last"]] == [2.0]


def test_results_are_bounded(tmp_path: Path) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, msgspec.structs.replace(MONITOR, checks=(FAST,)))
        await s.until(lambda: len(s.asked) > KEPT_ROUNDS + 10)
        assert len(s.check()["last"]) == KEPT_ROUNDS

    scene(tmp_path, play)


def test_the_next_agent_knows_what_the_last_one_did(tmp_path: Path) -> None:
    async def first(s: Scene) -> None:
        s.take(VM, MONITOR)
        await s.until(lambda: bool(s.check()["last"]))

    async def second(s: Scene) -> None:
        s.monitors.replace([VM, MONITOR])
        assert len(s.check()["last"]) == 1
        await s.until(lambda: len(s.check()["last"]) == 2)

    before = scene(tmp_path, first).check()["last"]
    after = scene(tmp_path, second)
    assert after.check()["last"][0] == before[0]
    assert after.monitors.news().reports["m"]["started"] == "2026-01-01T00:00:01.000+00:00"  # type: ignore[index]


@pytest.mark.parametrize("content", ["", "{", '{"m": 1}', '{"m": {"guid": "g"}}'])
def test_a_file_that_is_broken_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)

    async def play(s: Scene) -> None:
        s.monitors.replace([VM, MONITOR])
        await s.until(lambda: len(s.check()["last"]) == 1)

    scene(tmp_path, play)
    assert json.loads((tmp_path / FILE).read_text())["m"]["guid"] == "g"


CHANGES = [
    pytest.param(MONITOR, 1, id="what is the same goes on"),
    pytest.param(msgspec.structs.replace(MONITOR, guid="h"), 0, id="another monitor of the name begins anew"),
    pytest.param(
        msgspec.structs.replace(MONITOR, checks=(msgspec.structs.replace(CHECK, port=81),)), 0, id="so does a new check"
    ),
    pytest.param(msgspec.structs.replace(MONITOR, label="other"), 1, id="another label changes nothing"),
    pytest.param(msgspec.structs.replace(MONITOR, stopped=True), 1, id="a stopped one keeps what it knows"),
]


@pytest.mark.parametrize(("after", "kept"), CHANGES)
def test_what_a_change_leaves_of_the_results(tmp_path: Path, after: Monitor, kept: int) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, MONITOR)
        await s.until(lambda: bool(s.check()["last"]))
        s.take(after)
        assert len(s.check()["last"]) == kept

    scene(tmp_path, play)


def test_a_stopped_monitor_measures_no_more_until_it_is_started(tmp_path: Path) -> None:
    going = msgspec.structs.replace(MONITOR, checks=(FAST,))

    async def play(s: Scene) -> None:
        s.take(VM, going)
        await s.until(lambda: len(s.asked) > 3)
        s.take(msgspec.structs.replace(going, stopped=True))
        other = Monitor("n", "n", (msgspec.structs.replace(FAST, name="other"),), "n")
        s.take(other)
        s.asked.clear()
        await s.until(lambda: len(s.asked) > 5)
        assert set(s.asked) == {"other"}
        s.take(going)
        await s.until(lambda: "web" in s.asked)

    scene(tmp_path, play)


def test_a_removed_monitor_is_gone_and_told_so(tmp_path: Path) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, MONITOR)
        await s.until(lambda: bool(s.told.get("m")))
        s.drop(MONITOR)
        await s.until(lambda: s.told["m"] is None)

    scene(tmp_path, play)
    assert json.loads((tmp_path / FILE).read_text()) == {}


def test_a_load_without_it_ends_it_too(tmp_path: Path) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, MONITOR)
        s.monitors.replace([VM])
        await s.until(lambda: "m" in s.told and s.told["m"] is None)
        assert s.monitors.news().reports == {}

    scene(tmp_path, play)


def test_a_source_that_does_not_run_says_nothing_of_the_network(tmp_path: Path) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, msgspec.structs.replace(MONITOR, checks=(FAST,)))
        await s.until(lambda: s.check()["state"] == "Pass")
        s.drop(VM)
        await s.until(lambda: s.check()["state"] == "Indeterminate")
        assert s.check()["reason"] == "the source does not run"
        s.take(VM)
        await s.until(lambda: s.check()["state"] == "Pass")

    scene(tmp_path, play)


def test_a_measurement_that_breaks_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(s: Scene) -> None:
        def broken() -> Round:
            raise ValueError("a fault of our own")

        works, s.result = s.result, broken
        s.take(VM, msgspec.structs.replace(MONITOR, checks=(FAST,)))
        await s.until(lambda: s.check()["reason"] == "not measured: a fault of our own")
        s.result = works
        await s.until(lambda: s.check()["state"] == "Pass")

    scene(tmp_path, play)
    assert "not measured" in caplog.text


def test_a_lab_without_packets_knows_nothing(tmp_path: Path) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, MONITOR)
        await s.until(lambda: "m" in s.told)
        assert s.check()["state"] == "Indeterminate"

    assert scene(tmp_path, play, measure=None).asked == []


def test_results_that_cannot_be_kept_are_told_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play(s: Scene) -> None:
        s.take(VM, MONITOR)
        await s.until(lambda: bool(s.told.get("m")))

    scene(tmp_path / "not there", play)
    assert "not kept" in caplog.text


@pytest.fixture
def unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def test_a_destination_that_is_to_listen_does_unless_somebody_else_is_there(tmp_path: Path, unused: int) -> None:
    check = Check("web", "vm", "tcp", ip_address("127.0.0.1"), port=unused, interval_s=0.01, listens="db")  # type: ignore[arg-type]
    monitor = Monitor("m", "m", (check,), "g")
    db = Guest("db", label="db", hostname="db", guid="1")

    async def play(s: Scene) -> None:
        with socket.create_server(("127.0.0.1", unused), backlog=64) as other:
            s.take(VM, db, monitor)
            await s.until(lambda: s.check()["state"] == "Pass")
            other.accept()[0].close()
        await s.until(lambda: s.check()["state"] == "Fail" or len(s.check()["last"]) > 3)
        await s.until(lambda: s.check()["state"] == "Pass")
        s.drop(db)
        await s.until(lambda: s.check()["state"] == "Fail")

    scene(tmp_path, play, spaces=Loopback(), measure=None)
