"""Recordings as the lab's API offers them, with a made-up recorder in the place of the one below the anchor."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lazulite.analysis import Index
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Response
from lazulite.daemon import captures, recordings
from lazulite.daemon.guests import UnknownGuestError
from lazulite.daemon.recordings import Recordings
from lazulite.drivers.linux.guests import GuestError
from lazulite.forwarding.model import ForwardingModel
from tests.daemon.test_programs import play, runs
from tests.daemon.test_terminals import made
from tests.packets.edges import machines
from tests.waiting import until

BOUND_S = 60.0
RECORDER = """
import json, os, sys
told = json.loads(sys.stdin.readline())
say = lambda message: print(json.dumps(message), file=sys.stderr, flush=True)
if "fails" in os.environ.get("LANG", ""):
    say({"type": "done", "reason": "CaptureFailed", "packets": 0, "bytes": 0, "sources": [], "error": "no memory"})
    sys.exit(0)
os.write(1, json.dumps(told["code"]).encode())
say({"type": "ready"})
say({"type": "ask", "number": 1, "flows": [[0, True, 6, "10.0.0.4", 1, "10.0.0.99", 80, False]]})
answer = json.loads(sys.stdin.readline())
os.write(1, json.dumps([answer, os.getpid(), told]).encode())
say({"type": "counts", "packets": 1, "bytes": 9, "drops": 0})
print("not a message", file=sys.stderr, flush=True)
if "dies" in os.environ.get("LANG", ""):
    sys.exit(1)
sys.stdin.read()
source = [told["sources"][0]["name"], 1, 3, 2]
say({"type": "done", "reason": "Manual", "packets": 1, "bytes": 9, "sources": [source], "error": ""})
"""


class Parts:
    """Runs Python beside the tests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def below(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, *(("-c", RECORDER) if tuple(words) == captures.RECORDER else words)]

    def recordings(self) -> Path:
        return self._folder / "recordings"


class Controller:
    def __init__(self) -> None:
        self.model = ForwardingModel(machines(2))
        self.index = Index(self.model)


def room(folder: Path) -> Recordings:
    return Recordings(Controller(), Parts(folder))  # type: ignore[arg-type]


def told(folder: Path, story: Callable[[Recordings], Any]) -> Any:
    async def main() -> Any:
        async with asyncio.timeout(BOUND_S):
            return await story(room(folder))

    return play(main())


async def started(here: Recordings, **wanted: Any) -> dict[str, Any]:
    return await here.start(made("POST", "recordings", {"names": ["vm0"], **wanted}))


async def asked(here: Recordings, method: str, path: str) -> Any:
    return await here.below(made(method, f"recordings/{path}"))


async def content(here: Recordings, key: str) -> bytes:
    answer = await asked(here, "GET", f"{key}/file")
    assert isinstance(answer, Response)
    assert answer.stream is not None
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{key}.pcapng"'
    return b"".join([part async for part in answer.stream])


async def counted(here: Recordings, key: str) -> dict[str, Any]:
    """The recording, once it has packets."""
    while not (found := await asked(here, "GET", key))["packets"]:
        await asyncio.sleep(0.01)
    assert isinstance(found, dict)
    return found


def test_a_recording_is_started_counted_stopped_fetched_and_deleted(tmp_path: Path) -> None:
    async def story(here: Recordings) -> None:
        first = await started(here, filter="tcp", duration=30)
        key = first["id"]
        assert (first["state"], first["names"], first["filter"]) == ("recording", ["vm0/nic0"], "tcp")
        assert (await counted(here, key))["bytes"] == 9
        assert here.listing(made("GET", "recordings"))["value"] == [await asked(here, "GET", key)]
        done = await asked(here, "POST", f"{key}/stop")
        assert (done["state"], done["reason"], done["lost"]) == ("ended", "Manual", 2)
        assert await asked(here, "POST", f"{key}/stop") == done
        assert (await content(here, key)).startswith(b"[[40, 0, 0, 12]")
        assert await asked(here, "DELETE", key) == done
        assert list((tmp_path / "recordings").iterdir()) == []
        assert here.listing(made("GET", "recordings")) == {"value": []}

    told(tmp_path, story)


def test_the_recorder_is_told_the_bounds_and_hears_what_decided(tmp_path: Path) -> None:
    async def story(here: Recordings) -> None:
        key = (await started(here, count=7, snap=96))["id"]
        await counted(here, key)
        text = (await content(here, key)).decode()
        assert '"comments": ["dropped, ' in text
        assert '"packets": 7' in text
        assert '"cut": 96' in text
        assert f'"bytes": {recordings.BYTES}, ' in text
        assert '"seconds": 600.0' in text
        await asked(here, "DELETE", key)

    told(tmp_path, story)


WRONG = [
    pytest.param({"names": []}, "names", id="nowhere"),
    pytest.param({"names": ["x" * 201]}, "names[0]", id="a name that is too long"),
    pytest.param({"names": ["vm0"], "filter": "tcp prt"}, "filter", id="a filter that is none"),
    pytest.param({"names": ["vm0"], "filter": "-w /tmp/x"}, "filter", id="an option for a filter"),
    pytest.param({"names": ["vm0"], "filter": "tcp\nudp"}, "filter", id="two lines for a filter"),
    pytest.param({"names": ["vm0"], "filter": "tcp" + " or tcp" * 400}, "filter", id="a filter that is too long"),
    pytest.param({"names": ["vm0"], "duration": 601}, "duration", id="too long"),
    pytest.param({"names": ["vm0"], "duration": 0}, "duration", id="no time"),
    pytest.param({"names": ["vm0"], "count": -1}, "count", id="less than nothing"),
    pytest.param({"names": "vm0"}, "names", id="a word for names"),
]


@pytest.mark.parametrize(("body", "target"), WRONG)
def test_a_wish_that_is_wrong_names_the_member(tmp_path: Path, body: Any, target: str) -> None:
    async def story(here: Recordings) -> None:
        with pytest.raises(ArmError) as error:
            await here.start(made("POST", "recordings", body))
        assert (error.value.status, error.value.target) == (400, target)
        assert here.listing(made("GET", "recordings")) == {"value": []}

    told(tmp_path, story)


def test_nobody_captures_at_what_is_not_there(tmp_path: Path) -> None:
    async def story(here: Recordings) -> None:
        with pytest.raises(UnknownGuestError):
            await started(here, names=["nobody"])

    told(tmp_path, story)


def test_a_recording_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async def story(here: Recordings) -> None:
        for method, path, code in (
            ("GET", "x/file", "RecordingNotFound"),
            ("DELETE", "..", "RecordingNotFound"),
            ("POST", "x", "NotFound"),
            ("GET", "x/file/more", "NotFound"),
        ):
            with pytest.raises(ArmError) as error:
                await asked(here, method, path)
            assert (error.value.status, error.value.code) == (404, code)

    told(tmp_path, story)


def test_only_so_many_run_and_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "AT_ONCE", 1)
    monkeypatch.setattr(recordings, "KEPT", 2)

    async def story(here: Recordings) -> None:
        keys = []
        for _ in range(2):
            keys.append((await started(here))["id"])
            with pytest.raises(ArmError) as busy:
                await started(here)
            assert (busy.value.status, busy.value.code) == (429, "TooManyRecordings")
            await asked(here, "POST", f"{keys[-1]}/stop")
        with pytest.raises(ArmError) as full:
            await started(here)
        assert (full.value.status, full.value.code) == (409, "TooManyRecordings")
        await asked(here, "DELETE", keys[0])
        await started(here)

    told(tmp_path, story)


def test_a_recorder_that_cannot_listen_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "fails")

    async def story(here: Recordings) -> None:
        with pytest.raises(ArmError, match="no memory") as error:
            await started(here)
        assert (error.value.status, error.value.code) == (409, "CaptureFailed")
        assert here.listing(made("GET", "recordings")) == {"value": []}

    told(tmp_path, story)


def test_a_recorder_that_dies_is_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "dies")

    async def story(here: Recordings) -> None:
        key = (await started(here))["id"]
        while (found := await asked(here, "GET", key))["state"] != "ended":
            await asyncio.sleep(0.01)
        assert (found["reason"], found["error"], found["packets"]) == (
            "OutputFailed",
            "the recorder ended by itself",
            1,
        )

    told(tmp_path, story)


def test_recorders_end_with_the_controller_and_the_next_one_begins_without_files(tmp_path: Path) -> None:
    async def story(here: Recordings) -> int:
        key = (await started(here))["id"]
        await counted(here, key)
        found = (await content(here, key)).decode()
        return int(found.rpartition("]}, ")[2].partition(",")[0])

    pid = told(tmp_path, story)
    until(lambda: not runs(pid))
    assert len(list((tmp_path / "recordings").iterdir())) == 1

    async def again(here: Recordings) -> None:
        key = (await started(here))["id"]
        assert [p.name for p in (tmp_path / "recordings").iterdir()] == [f"{key}.pcapng"]
        assert os.stat(tmp_path / "recordings").st_mode & 0o777 == 0o700

    told(tmp_path, again)


def test_without_tcpdump_a_filter_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    async def story(here: Recordings) -> None:
        with pytest.raises(ArmError) as error:
            await started(here, filter="tcp")
        assert (error.value.status, error.value.code) == (409, "FilterNotAvailable")

    told(tmp_path, story)


def test_a_lab_without_packets_refuses_before_anything_is_written() -> None:
    from lazulite.daemon.memory import MemoryParts

    async def story() -> None:
        here = Recordings(Controller(), MemoryParts())  # type: ignore[arg-type]
        with pytest.raises(GuestError):
            await started(here)

    play(story())
