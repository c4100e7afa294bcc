"""What flow logs have still to write: nothing is lost while there is room, and room is bounded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.agent import flow_files
from lazulite.agent.flow_files import Files
from lazulite.agent.flow_spool import Frame, Spool
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import FlowLog, FlowLogFormat, Sink
from lazulite.telemetry.book import State
from tests.telemetry.test_lines import BEGUN, line

AT = 1542110435.0  # 2018-11-13 12:00:35
LOG = FlowLog("log", ("/nic",), (), FlowLogFormat.GROUP_2, "GROUP", "guid", Sink("acc", "con", "pre/"))
OTHER = replace(LOG, name="other", sink=Sink("gone", "con", "pre/"))


class Written:
    """Files over a sink in memory."""

    def __init__(self, *logs: FlowLog) -> None:
        self.blobs = MemoryBlobs(["acc"])
        self.files = Files(self.blobs)
        self.files.follow({log.name: log for log in logs or (LOG,)})

    def write(self, at: float = AT) -> dict[str, Any]:
        asyncio.run(self.files.write(at))
        return self.files.report("log", 0)

    def times(self) -> list[str]:
        """Of all records, by blob in order."""
        found = []
        for _, blocks in sorted(self.blobs.held.items()):
            found += [r["time"] for r in json.loads(b"".join(data for _, data in blocks))["records"]]
        return found


def test_every_minute_adds_a_record_to_the_hours_blob() -> None:
    written = Written()
    for minute in (0, 60):
        written.files.add("log", [BEGUN])
        report = written.write(AT + minute)
    assert written.times() == ["2018-11-13T12:00:35.0000000Z", "2018-11-13T12:01:35.0000000Z"]
    assert len(written.blobs.held) == 1
    assert (report["written"], report["last"]) == (2, "2018-11-13T12:01:35.0000000Z")


def test_the_next_hour_is_another_blob() -> None:
    written = Written()
    for hour in (0, 3600):
        written.files.add("log", [BEGUN])
        written.write(AT + hour)
    assert ["/h=12/" in blob for _, _, blob in sorted(written.blobs.held)] == [True, False]


def test_each_interface_has_its_own_blob() -> None:
    written = Written()
    written.files.add("log", [BEGUN, BEGUN._replace(mac="0011")])
    written.write()
    assert [blob.split("macAddress=")[1] for _, _, blob in sorted(written.blobs.held)] == [
        "000D3AF8801A/PT1H.json",
        "0011/PT1H.json",
    ]


def test_a_blob_of_an_earlier_agent_is_continued() -> None:
    first = Written()
    first.files.add("log", [BEGUN])
    first.write()
    second = Written()
    second.blobs.held = first.blobs.held
    second.files.add("log", [BEGUN])
    second.write(AT + 60)
    assert len(second.times()) == 2


def test_nothing_is_written_when_nothing_happened() -> None:
    written = Written()
    assert written.write() == {"error": "", "written": 0, "lost": 0, "last": ""}
    assert written.blobs.held == {}


def test_a_sink_that_fails_is_told_and_holds_up_no_other_log() -> None:
    written = Written(OTHER, LOG)
    for name in ("log", "other"):
        written.files.add(name, [BEGUN])
    assert written.write()["written"] == 1
    assert written.files.report("other", 0)["error"] == "gone: there is no such account"
    written.blobs.accounts = {"acc", "gone"}
    written.write(AT + 60)
    assert written.files.report("other", 0) | {"last": ""} == {"error": "", "written": 1, "lost": 0, "last": ""}


def test_what_waits_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_files, "MOST_KEPT", 1000)
    written = Written()
    written.blobs.failing = "the disk is full"
    for minute in range(10):
        written.files.add("log", [BEGUN])
        written.write(AT + 60 * minute)
    written.blobs.failing = ""
    report = written.write(AT + 600)
    assert report["lost"] + report["written"] == 10
    assert report["lost"] > 0
    assert written.times()[-1] == "2018-11-13T12:09:35.0000000Z"


def test_lines_of_a_minute_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_files, "_LINES_KEPT", 3)
    written = Written()
    written.files.add("log", [BEGUN] * 5)
    assert written.write() | {"last": ""} == {"error": "", "written": 3, "lost": 2, "last": ""}


def test_the_kernels_losses_are_told_too() -> None:
    assert Written().files.report("log", 7)["lost"] == 7


def test_version_1_tells_no_ends() -> None:
    written = Written(replace(LOG, format=FlowLogFormat.GROUP_1))
    assert written.files.add("log", [line(State.ENDED)]) == []


def test_what_is_older_than_it_may_be_is_deleted() -> None:
    written = Written(replace(LOG, days=1))
    old = "pre/y=2018/m=11/d=11/h=00/m=00/macAddress=M/PT1H.json"
    written.blobs.held["acc", "con", old] = [("", b"{}")]
    written.files.add("log", [BEGUN])
    written.write()
    assert [blob for _, _, blob in written.blobs.held if "d=11" in blob] == []
    assert len(written.blobs.held) == 1


def test_a_log_that_is_gone_writes_nothing_any_more() -> None:
    written = Written()
    written.files.add("log", [BEGUN])
    written.files.follow({})
    asyncio.run(written.files.write(AT))
    assert written.blobs.held == {}


def test_another_sink_gets_what_comes_from_then_on() -> None:
    written = Written(OTHER)
    written.files.add("other", [BEGUN])
    asyncio.run(written.files.write(AT))
    written.files.follow({"other": replace(OTHER, sink=LOG.sink)})
    written.files.add("other", [BEGUN])
    asyncio.run(written.files.write(AT + 60))
    assert written.times() == ["2018-11-13T12:01:35.0000000Z"]


def test_a_minute_is_due_once() -> None:
    files = Files(MemoryBlobs())
    assert [files.due(120.0 + s) for s in (0, 30, 59, 60, 61, 130)] == [False, False, False, True, False, True]


def test_what_is_pending_is_resumed_by_the_next_one(tmp_path: Path) -> None:
    first, second = Written(), Written()
    first.blobs.failing = "gone"
    first.files.add("log", [BEGUN])
    first.write()
    first.files.add("log", [BEGUN])
    spool = Spool(tmp_path)
    spool.begin([first.files.pending()])
    spool.append(Frame({"log": [("M", "g", "r", "tuple")]}))
    for frame in Spool(tmp_path).read():
        second.files.resume(frame)
    assert second.write(AT + 60)["written"] == 3


FRAMES = [
    Frame({"log": [("M", "g", "r", "t")]}),
    Frame(standing={"/one": {2: [(b"key", 1, 2, 3.0, 4.0, 5.0, (1, 2, 3, 4), 1)]}}),
]


def test_frames_are_read_in_their_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.read() == []
    for frame in (*FRAMES, Frame()):
        spool.append(frame)
    assert spool.read() == FRAMES
    spool.begin(FRAMES[1:])
    assert Spool(tmp_path).read() == FRAMES[1:]


@pytest.mark.parametrize("cut", range(1, 30, 7))
def test_a_frame_that_was_cut_off_is_not_there(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path)
    for frame in FRAMES:
        spool.append(frame)
    file = tmp_path / "flows.pending"
    file.write_bytes(file.read_bytes()[:-cut])
    assert spool.read() == FRAMES[:1]


def test_a_directory_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "gone")
    spool.append(FRAMES[0])
    spool.begin(FRAMES)
    assert spool.read() == []
    assert Spool(None).read() == []
