"""Packet captures over their lives: what is begun, what goes on, what ended for good. The recorder is played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.agent import captures, capturing
from lazulite.agent.captures import FILE, Captures
from lazulite.agent.capturing import Kept, Session, Where
from lazulite.agent.protocol import Observed
from lazulite.drivers.linux import names
from lazulite.drivers.linux.guests import Init
from lazulite.engines.capture import classic, spec
from lazulite.engines.capture.spec import Done, Source, Spec
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import Capture, CaptureFilter, Sink
from lazulite.incremental import Delta
from tests.agent.watching import VRF, port
from tests.waiting import until_async

ENTRY = Capture("cap", "cap", ("web",), sink=Sink("acc", "con", "one.cap"), guid="g1", origin="/cap")
HERE = Where((Source("web", names.router(VRF), names.nic("guid-web")),), "/vms/web")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
Play = Callable[[Session, Spec], Awaitable[Done]]


async def nowhere(guest: str) -> Init:
    raise AssertionError("nothing is written into a guest")


def done(reason: str, error: str = "") -> Done:
    return Done(reason, 0, 0, [], error)


async def endless(session: Session, wanted: Spec) -> Done:
    """Records until it is hung up on, as a recorder does."""
    session._note(capturing.RUNNING)
    await session._changed.wait()
    return done(spec.STOPPED)


class Stage:
    """Sessions whose recorders do what *play* says; *specs* is what these were told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, play: Play = endless) -> None:
        self.specs: list[Spec] = []
        monkeypatch.setattr(capturing, "AGAIN_S", 0.001)
        monkeypatch.setattr(captures, "PAUSE_S", 0.001)

        async def recorded(session: Session, wanted: Spec) -> Done:
            self.specs.append(wanted)
            return await play(session, wanted)

        monkeypatch.setattr(Session, "_recorded", recorded)


def run(act: Awaitable[Any]) -> Any:
    return asyncio.run(asyncio.wait_for(act, 60))


def session(entry: Capture = ENTRY, kept: Kept | None = None, turned: Callable[[], None] = lambda: None) -> Session:
    return Session(entry, kept or Kept(entry.guid), nowhere, MemoryBlobs(["acc"]), turned, lambda: NOW)


def reports(
    entry: Capture = ENTRY,
    where: Where = HERE,
    kept: Kept | None = None,
    until_status: str = "",
) -> dict[str, Any]:
    """Of a session that was followed, and left once it ended or has the status."""

    async def within() -> dict[str, Any]:
        one = session(entry, kept)
        one.follow(entry, where)
        await until_async(lambda: one.kept.ended or (until_status and one.kept.status == until_status))
        found = one.report()
        await one.leave()
        return found

    found: dict[str, Any] = run(within())
    return found


@pytest.mark.parametrize(
    "reason", [spec.STOPPED, spec.TIME, spec.SPACE, spec.COUNT], ids=["by hand", "time", "space", "count"]
)
def test_a_capture_ends_for_the_reason_that_its_recorder_says(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    async def play(one: Session, wanted: Spec) -> Done:
        one.entry = replace(one.entry, stopped=reason == spec.STOPPED)
        return done(reason)

    stage = Stage(monkeypatch, play)
    found = reports()
    assert (found["status"], found["stopReason"], found["errors"]) == ("Stopped", reason, [])
    assert len(stage.specs) == 1


def test_one_that_is_stopped_already_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    assert reports(replace(ENTRY, stopped=True))["stopReason"] == spec.STOPPED
    assert stage.specs == []


def test_one_whose_time_ran_out_while_nobody_looked_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    kept = Kept("g1", started=(NOW - timedelta(seconds=61)).isoformat())
    assert reports(replace(ENTRY, limit_s=60), kept=kept)["stopReason"] == spec.TIME
    assert stage.specs == []


def test_one_that_ended_is_never_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    kept = Kept("g1", "Stopped", spec.SPACE, packets=5)
    found = reports(kept=kept)
    assert (found["stopReason"], found["packets"], stage.specs) == (spec.SPACE, 5, [])


def test_without_a_machine_it_waits_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    found = reports(where=Where(), until_status="Error")
    assert (found["errors"], found["detail"]) == (["AgentStopped"], "there is no running machine")
    assert stage.specs == []


def test_when_the_machine_comes_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)

    async def act() -> None:
        one = session()
        await until_async(lambda: one.kept.status == "Error")
        one.follow(ENTRY, HERE)
        await until_async(lambda: one.kept.status == "Running")
        assert one.report()["errors"] == []
        await one.leave()

    run(act())


def test_a_recorder_that_fails_is_started_again_and_its_words_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    async def play(one: Session, wanted: Spec) -> Done:
        seen.append(list(one.kept.errors))
        if len(seen) == 1:
            raise OSError("there is no such program")
        return done(spec.GONE, "web: gone") if len(seen) == 2 else done(spec.SPACE)

    Stage(monkeypatch, play)
    assert reports()["stopReason"] == spec.SPACE
    assert seen == [[], ["CaptureFailed"], ["CaptureFailed"]]


def test_a_fault_of_ours_ends_one_capture_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(one: Session, wanted: Spec) -> Done:
        raise KeyError("what nobody thought of")

    Stage(monkeypatch, play)
    found = reports(until_status="Error")
    assert (found["errors"], found["detail"]) == (["InternalError"], "KeyError('what nobody thought of')")


def test_to_be_left_is_not_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next agent goes on."""
    Stage(monkeypatch)
    found = reports(until_status="Running")
    assert (found["status"], found["stopReason"]) == ("Running", "")


def test_other_interfaces_have_another_recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    other = Where((*HERE.sources, Source("db", "r", "n")), HERE.guest)

    async def act() -> None:
        one = session()
        one.follow(ENTRY, HERE)
        await until_async(lambda: len(stage.specs) == 1)
        one.follow(ENTRY, HERE)
        one.follow(ENTRY, other)
        await until_async(lambda: len(stage.specs) == 2)
        await one.leave()

    run(act())
    assert [len(s.sources) for s in stage.specs] == [1, 2]


LIMITS = [
    pytest.param({}, {}, {"cut": 0, "bytes": 0, "seconds": 0, "resumed": 0}, id="no limit is none"),
    pytest.param({"session_bytes": 100}, {}, {"bytes": 100}, id="bytes of the session"),
    pytest.param({"session_bytes": 100}, {"bytes": 30}, {"bytes": 70}, id="less those of recorders before"),
    pytest.param({"session_bytes": 100}, {"bytes": 300}, {"bytes": 1}, id="but never without a limit"),
    pytest.param({"limit_s": 60}, {}, {"seconds": 60}, id="seconds"),
    pytest.param(
        {"limit_s": 60}, {"started": "2026-01-01T11:59:30+00:00"}, {"seconds": 30}, id="those that are left of them"
    ),
    pytest.param({"packet_bytes": 96}, {}, {"cut": 96}, id="bytes a packet"),
    pytest.param({"file_bytes": 5000, "files": 3}, {}, {"file_bytes": 5000}, id="bytes a file"),
]


@pytest.mark.parametrize(("entry", "kept", "expected"), LIMITS)
def test_what_a_recorder_is_told(
    monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], kept: dict[str, Any], expected: dict[str, Any]
) -> None:
    stage = Stage(monkeypatch)
    reports(replace(ENTRY, **entry), kept=Kept("g1", **kept), until_status="Running")
    [wanted] = stage.specs
    assert {name: getattr(wanted, name) for name in expected} == expected
    assert (wanted.framed, wanted.turned, wanted.ng, wanted.sources) == (True, False, False, list(HERE.sources))


def test_a_file_that_was_begun_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    kept = Kept("g1")
    kept.blob.size = 400
    reports(kept=kept, until_status="Running")
    assert stage.specs[0].resumed == 400


def test_filters_that_the_kernel_does_not_take_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def program(*_: object) -> None:
        raise ValueError("too many instructions")

    Stage(monkeypatch)
    monkeypatch.setattr(classic, "program", program)
    entry = replace(ENTRY, filters=(CaptureFilter(local=(ip_network("10.0.0.0/8"),)),))
    found = reports(entry, until_status="Error")
    assert (found["errors"], found["detail"]) == (["CaptureFailed"], "too many instructions")


def heard(kept: Kept, *words: bytes) -> tuple[Done | None, Session]:
    """What a session makes of the lines of its recorder."""

    async def within() -> tuple[Done | None, Session]:
        one = session(kept=kept)
        lines = asyncio.StreamReader()
        lines.feed_data(b"".join(word + b"\n" for word in words))
        lines.feed_eof()
        try:
            return await one._hear(lines), one
        except OSError:
            return None, one
        finally:
            await one.leave()

    found: tuple[Done | None, Session] = run(within())
    return found


READY, COUNTS = b'{"type":"ready"}', b'{"type":"counts","packets":3,"bytes":300,"drops":1}'
END = b'{"type":"done","reason":"Manual","packets":5,"bytes":500,"sources":[["web",5,7,2],["db",0,1,1]]}'


def test_a_recorder_that_is_ready_runs_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)
    _, one = heard(Kept("g1"), READY)
    assert (one.kept.status, one.kept.started) == ("Running", "2026-01-01T12:00:00.000+00:00")


def test_the_start_is_that_of_the_first_recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)
    _, one = heard(Kept("g1", started="2026-01-01T08:00:00+00:00"), READY)
    assert one.kept.started == "2026-01-01T08:00:00+00:00"


def test_counts_go_on_where_those_of_the_last_recorder_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)
    kept = Kept("g1", packets=10, bytes=1000, drops=2)
    heard(kept, READY, COUNTS)
    assert (kept.packets, kept.bytes, kept.drops) == (13, 1300, 3)
    kept = Kept("g1", packets=10, bytes=1000, drops=2)
    last, _ = heard(kept, READY, COUNTS, COUNTS, END)
    assert (kept.packets, kept.bytes, kept.drops) == (15, 1500, 5)
    assert last is not None
    assert last.reason == "Manual"


def test_lines_that_are_no_message_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)
    last, _ = heard(Kept("g1"), b"Traceback (most recent call last):", b'{"type":"news"}', END)
    assert last is not None


def test_to_end_without_a_word_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)
    assert heard(Kept("g1"), READY)[0] is None


def test_what_an_outlet_left_out_is_lost_and_its_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(monkeypatch)

    async def act() -> dict[str, Any]:
        one = session(kept=Kept("g1", drops=2))
        one.follow(ENTRY, HERE)
        await until_async(lambda: one._outlets)
        one.kept.blob.left_out = 5
        one._outlets[0].failure = "acc: away"
        found = one.report()
        one._outlets[0].failure = ""
        await one.leave()
        return found

    found = run(act())
    assert (found["drops"], found["errors"], found["detail"]) == (7, ["StorageFailed"], "acc: away")


@pytest.mark.parametrize(
    ("entry", "number", "expected"),
    [
        pytest.param({}, -1, ["one.cap"], id="before the first packet, the first file"),
        pytest.param({"files": 3}, 4, ["one_1.cap"], id="in a ring, the file that is written"),
        pytest.param({"file": "/tmp/a.cap"}, 0, ["/tmp/a.cap", "one.cap"], id="the file in the guest first"),
        pytest.param({"file": "/tmp/a.cap", "sink": None}, 0, ["/tmp/a.cap"], id="no blob, none is told"),
    ],
)
def test_where_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], number: int, expected: list[str]
) -> None:
    Stage(monkeypatch)
    kept = Kept("g1", "Stopped", spec.TIME)
    kept.blob.file = number
    assert reports(replace(ENTRY, **entry), kept=kept)["location"] == expected


class Followed:
    """All captures, in a directory."""

    def __init__(self, directory: Path, life: str = "one") -> None:
        self.told: list[Observed] = []
        self.path = directory / FILE
        self.all = Captures(directory, nowhere, MemoryBlobs(["acc"]), self.told.append, life)

    def status(self, name: str = "cap") -> str:
        report = self.all.news().reports.get(name)
        return str(report["status"]) if report else ""

    async def begin(self, *entries: Any) -> None:
        self.all.replace(entries or (ENTRY, port()))
        await until_async(lambda: self.status() == "Running")


def test_a_capture_follows_its_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage = Stage(monkeypatch)

    async def act() -> None:
        one = Followed(tmp_path)
        await one.begin()
        one.all.settle(Delta(changed={port().key: port(guest=None)}))
        await until_async(lambda: one.status() == "Error")
        one.all.settle(Delta(removed={port().key: port(guest=None)}))
        one.all.settle(Delta(changed={port().key: port()}))
        await until_async(lambda: one.status() == "Running")
        await one.all.close()

    run(act())
    assert [s.sources for s in stage.specs] == [list(HERE.sources)] * 2


def test_one_that_is_deleted_is_told_to_be_gone_and_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Stage(monkeypatch)

    async def act() -> None:
        one = Followed(tmp_path)
        await one.begin()
        one.all.settle(Delta(removed={ENTRY.key: ENTRY}))
        await until_async(lambda: one.told and "cap" in one.told[-1].reports and one.told[-1].reports["cap"] is None)
        await one.all.close()
        assert json.loads(one.path.read_bytes())["sessions"] == {}

    run(act())


def test_another_of_the_same_name_is_another_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage = Stage(monkeypatch)
    anew = replace(ENTRY, guid="g2")

    async def act() -> None:
        one = Followed(tmp_path)
        await one.begin()
        one.all._kept["cap"].packets = 7
        one.all.settle(Delta(changed={anew.key: anew}))
        await until_async(lambda: len(stage.specs) == 2)
        report = one.all.news().reports["cap"]
        assert report is not None
        assert (report["guid"], report["packets"]) == ("g2", 0)
        await one.all.close()

    run(act())


def test_the_next_agent_goes_on_with_what_was_under_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Stage(monkeypatch)

    async def first() -> None:
        one = Followed(tmp_path)
        await one.begin()
        one.all._kept["cap"].packets = 7
        await one.all.close()

    async def second() -> None:
        one = Followed(tmp_path)
        await one.begin()
        report = one.all.news().reports["cap"]
        assert report is not None
        assert (report["packets"], report["stopReason"]) == (7, "")
        await one.all.close()

    run(first())
    run(second())


def test_in_a_lab_of_other_machines_it_has_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage = Stage(monkeypatch)

    async def first() -> None:
        one = Followed(tmp_path)
        await one.begin()
        await one.all.close()

    async def second() -> None:
        one = Followed(tmp_path, life="two")
        one.all.replace((ENTRY, port()))
        report = one.all.news().reports["cap"]
        assert report is not None
        assert (report["status"], report["stopReason"], report["errors"]) == (
            "Stopped",
            "AgentStopped",
            ["AgentStopped"],
        )
        await one.all.close()

    run(first())
    run(second())
    assert len(stage.specs) == 1


def test_a_capture_that_went_meanwhile_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Stage(monkeypatch)

    async def first() -> None:
        one = Followed(tmp_path)
        await one.begin()
        await one.all.close()

    async def second() -> None:
        one = Followed(tmp_path)
        one.all.replace(())
        await one.all.close()
        assert json.loads(one.path.read_bytes())["sessions"] == {}

    run(first())
    run(second())


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"life": 1}', b"[]"], ids=["empty", "cut off", "other types", "a list"]
)
def test_a_file_that_cannot_be_read_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    Stage(monkeypatch)
    (tmp_path / FILE).write_bytes(content)

    async def act() -> None:
        one = Followed(tmp_path)
        await one.begin()
        await one.all.close()

    run(act())
    assert json.loads((tmp_path / FILE).read_bytes())["sessions"]["cap"]["guid"] == "g1"


def test_a_directory_that_is_gone_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Stage(monkeypatch)

    async def act() -> None:
        one = Followed(tmp_path / "gone")
        await one.begin()
        await one.all.close()

    run(act())


def test_who_has_left_tells_and_keeps_nothing_any_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The next agent's word would be overwritten by the last one's."""

    async def talkative(one: Session, wanted: Spec) -> Done:
        found = await endless(one, wanted)
        one._turned()
        return found

    Stage(monkeypatch, talkative)
    monkeypatch.setattr(captures, "PAUSE_S", 0.1)

    async def act() -> None:
        one = Followed(tmp_path)
        await one.begin()
        await until_async(lambda: one.told)
        await one.all.close()
        one.told.clear()
        one.path.unlink()
        await asyncio.sleep(2 * captures.PAUSE_S)  # longer than what was to be told would have waited
        assert one.told == []
        assert not one.path.exists()

    run(act())
