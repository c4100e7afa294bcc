"""Where captured packets go: each byte once, whatever fails in between."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.agent import outlets
from lazulite.agent.outlets import BlobFile, GuestFile, Outlet, Progress, slot
from lazulite.drivers.linux.guests import GuestError, Init
from lazulite.engines.capture.spec import MORE, NEW_FILE
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import Sink
from tests.waiting import until_async

SINK = Sink("acc", "con", "some/one.cap")
HEADER = b"HEAD"
WHERE = ("acc", "con", "some/one.cap")


@pytest.mark.parametrize(
    ("number", "files", "expected"),
    [
        pytest.param(0, 0, "/a/one.cap", id="the first file has the name itself"),
        pytest.param(1, 0, "/a/one_1.cap", id="others have a number before the suffix"),
        pytest.param(12, 0, "/a/one_12.cap", id="without a ring they go on"),
        pytest.param(2, 3, "/a/one_2.cap", id="within the ring too"),
        pytest.param(3, 3, "/a/one.cap", id="after the last file comes the first"),
        pytest.param(7, 3, "/a/one_1.cap", id="again and again"),
    ],
)
def test_names_of_a_ring(number: int, files: int, expected: str) -> None:
    assert slot("/a/one.cap", number, files) == expected


@given(st.integers(0, 10_000), st.integers(1, 50))
def test_a_ring_has_as_many_names_as_files(number: int, files: int) -> None:
    assert slot("/a/one.cap", number, files) in {slot("/a/one.cap", n, files) for n in range(files)}


class Turns:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


Act = Callable[[Outlet], Awaitable[None]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries and pauses take no time; what is proven is what is kept meanwhile."""
    monkeypatch.setattr(outlets, "RETRY_S", 0.001)
    monkeypatch.setattr(outlets, "_pause_s", lambda blocks: 0.0)


def through(make: Callable[[], Outlet], act: Act) -> Outlet:
    async def within() -> Outlet:
        outlet = make()
        try:
            await act(outlet)
        finally:
            await outlet.close()
        return outlet

    return asyncio.run(asyncio.wait_for(within(), 60))


def to_blob(blobs: MemoryBlobs, act: Act, progress: Progress | None = None, files: int = 0) -> Outlet:
    return through(lambda: BlobFile(SINK, files, HEADER, progress or Progress(), Turns(), blobs), act)


def held(blobs: MemoryBlobs, name: str = "some/one.cap") -> bytes:
    return b"".join(data for _, data in blobs.held["acc", "con", name])


def test_a_blob_has_all_that_was_taken_in_its_order() -> None:
    blobs = MemoryBlobs(["acc"])

    async def act(outlet: Outlet) -> None:
        outlet.take(NEW_FILE, b"HEAD", 0)
        for part in (b"one", b"two", b"three"):
            outlet.take(MORE, part, 1)
        await outlet.finish()

    outlet = to_blob(blobs, act)
    assert held(blobs) == b"HEADonetwothree"
    assert (outlet.progress.file, outlet.progress.size, outlet.failure) == (0, 15, "")
    assert outlet.progress.left_out == 0


def test_a_file_that_begins_without_its_header_is_given_one() -> None:
    blobs = MemoryBlobs(["acc"])

    async def act(outlet: Outlet) -> None:
        outlet.take(MORE, b"one", 1)
        await outlet.finish()

    to_blob(blobs, act)
    assert held(blobs) == b"HEADone"


def test_each_new_file_is_a_blob_of_its_own_and_the_ring_is_closed() -> None:
    blobs = MemoryBlobs(["acc"])

    async def act(outlet: Outlet) -> None:
        for number in b"0123":
            outlet.take(NEW_FILE, HEADER, 0)
            outlet.take(MORE, bytes([number]), 1)
        await outlet.finish()

    outlet = to_blob(blobs, act, files=3)
    assert {name: held(blobs, name) for _, _, name in blobs.held} == {
        "some/one.cap": b"HEAD3",
        "some/one_1.cap": b"HEAD1",
        "some/one_2.cap": b"HEAD2",
    }
    assert outlet.location == "some/one.cap"


def test_a_blob_that_was_begun_goes_on_behind_its_blocks() -> None:
    """Another agent takes over: what it knows is the progress."""
    blobs = MemoryBlobs(["acc"])
    blobs.held[WHERE] = [("00000000", b"HEADone"), ("00000001", b"two")]

    async def act(outlet: Outlet) -> None:
        outlet.take(MORE, b"three", 1)
        await outlet.finish()

    outlet = to_blob(blobs, act, Progress(file=0, size=10, blocks=2))
    assert held(blobs) == b"HEADonetwothree"
    assert (outlet.progress.size, outlet.progress.blocks) == (15, 3)


def test_what_cannot_be_stored_is_told_and_stored_later() -> None:
    blobs = MemoryBlobs(["acc"])
    blobs.failing = "the disk is full"

    async def act(outlet: Outlet) -> None:
        outlet.take(NEW_FILE, HEADER, 0)
        outlet.take(MORE, b"one", 1)
        await until_async(lambda: outlet.failure)
        assert (outlet.failure, outlet.problem) == ("acc: the disk is full", "StorageFailed")
        outlet.take(MORE, b"two", 1)
        blobs.failing = ""
        await outlet.finish()

    outlet = to_blob(blobs, act)
    assert (outlet.failure, held(blobs)) == ("", b"HEADonetwo")
    assert outlet.progress.file == 0, "a file that was begun is not begun by each try"


def test_past_its_backlog_packets_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "BACKLOG", 10)
    blobs = MemoryBlobs(["acc"])
    blobs.failing = "away"

    async def act(outlet: Outlet) -> None:
        outlet.take(NEW_FILE, HEADER, 0)
        for part, packets in ((b"123456", 2), (b"7", 3), (b"89", 4)):
            outlet.take(MORE, part, packets)
        blobs.failing = ""
        await outlet.finish()

    outlet = to_blob(blobs, act)
    assert (outlet.progress.left_out, held(blobs)) == (7, b"HEAD123456")


def test_there_is_room_again_when_something_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "BACKLOG", 8)
    blobs = MemoryBlobs(["acc"])

    async def act(outlet: Outlet) -> None:
        for part in (b"1234", b"5678"):
            outlet.take(MORE, part, 1)
            await until_async(lambda: not outlet._frames)
        await outlet.finish()

    assert to_blob(blobs, act).progress.left_out == 0
    assert held(blobs) == b"HEAD12345678"


def test_the_start_of_a_file_is_never_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers could do nothing with what follows."""
    monkeypatch.setattr(outlets, "BACKLOG", 1)
    blobs = MemoryBlobs(["acc"])

    async def act(outlet: Outlet) -> None:
        outlet.take(NEW_FILE, HEADER, 0)
        await outlet.finish()

    to_blob(blobs, act)
    assert held(blobs) == HEADER


def test_frames_that_wait_are_one_block_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlets, "_BLOCK", 8)
    blobs = MemoryBlobs(["acc"])

    async def act(outlet: Outlet) -> None:
        outlet.take(NEW_FILE, HEADER, 0)
        for part in (b"1", b"2345678", b"9"):
            outlet.take(MORE, part, 1)
        await outlet.finish()

    to_blob(blobs, act)
    assert [data for _, data in blobs.held[WHERE]] == [b"HEAD1", b"23456789"]
    assert [name for name, _ in blobs.held[WHERE]] == ["00000000", "00000001"]


def test_who_goes_without_finishing_stores_nothing_more() -> None:
    blobs = MemoryBlobs(["acc"])
    blobs.failing = "away"

    async def act(outlet: Outlet) -> None:
        outlet.take(MORE, b"one", 1)
        await until_async(lambda: outlet.failure)

    to_blob(blobs, act)
    assert blobs.held == {}


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=6)), max_size=12), st.integers(0, 4))
def test_each_byte_is_stored_once_in_its_file(frames: list[tuple[bool, bytes]], failures: int) -> None:
    """However often the sink failed."""
    blobs = MemoryBlobs(["acc"])
    left = [failures]
    real = blobs._check

    def check(account: str) -> None:
        left[0] -= 1
        blobs.failing = "again" if left[0] >= 0 else ""
        real(account)

    blobs._check = check  # type: ignore[method-assign]

    async def act(outlet: Outlet) -> None:
        outlet.take(NEW_FILE, HEADER, 0)
        for new, data in frames:
            outlet.take(NEW_FILE if new else MORE, HEADER + data if new else data, 1)
        await outlet.finish()

    to_blob(blobs, act)
    whole, number = {slot(SINK.prefix, 0, 0): HEADER}, 0
    for new, data in frames:
        number += new
        name = slot(SINK.prefix, number, 0)
        whole[name] = whole.get(name, b"") + (HEADER + data if new else data)
    assert {name: held(blobs, name) for _, _, name in blobs.held} == whole


@pytest.mark.parametrize(
    ("blocks", "seconds"),
    [
        pytest.param(0, 1.0, id="a capture that begins is seen after a second"),
        pytest.param(50, 2.0, id="one that goes on is stored less often"),
        pytest.param(1_000_000, 60.0, id="and at least once a minute"),
    ],
)
def test_pauses_grow_so_that_a_day_fits_into_a_blob(
    monkeypatch: pytest.MonkeyPatch, blocks: int, seconds: float
) -> None:
    monkeypatch.undo()
    assert outlets._pause_s(blocks) == seconds


def test_five_hours_of_blocks_are_fewer_than_a_blob_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source of both figures: packet captures end after 18,000 s; a blob has 50,000 blocks."""
    monkeypatch.undo()
    at, blocks = 0.0, 0
    while at < 18_000 and blocks < 50_001:
        at, blocks = at + outlets._pause_s(blocks), blocks + 1
    assert blocks < 50_000


def to_file(act: Act, progress: Progress, path: str, enter: Callable[[], Awaitable[Init]] | None = None) -> Outlet:
    """This process is the guest: its root is that of the guest."""

    async def here() -> Init:
        return Init(os.getpid(), "1")

    return through(lambda: GuestFile(path, 0, HEADER, progress, Turns(), enter or here), act)


async def one(outlet: Outlet) -> None:
    outlet.take(MORE, b"one", 1)
    await outlet.finish()


def test_a_file_of_a_guest_is_made_with_its_directories(tmp_path: Path) -> None:
    path = tmp_path / "captures" / "of" / "one.cap"
    outlet = to_file(one, Progress(), str(path))
    assert path.read_bytes() == b"HEADone"
    assert path.stat().st_mode & 0o777 == 0o644
    assert outlet.progress.size == 7


def test_a_file_that_was_begun_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "one.cap"
    path.write_bytes(b"HEADzero")
    to_file(one, Progress(file=0, size=8), str(path))
    assert path.read_bytes() == b"HEADzeroone"


def test_what_stands_behind_what_is_known_is_cut_off(tmp_path: Path) -> None:
    """The agent before was killed while it wrote."""
    path = tmp_path / "one.cap"
    path.write_bytes(b"HEADzeroha")
    to_file(one, Progress(file=0, size=8), str(path))
    assert path.read_bytes() == b"HEADzeroone"


def test_a_file_that_somebody_took_away_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "one.cap"
    outlet = to_file(one, Progress(file=0, size=800), str(path))
    assert (path.read_bytes(), outlet.progress.size) == (b"HEADone", 7)


def test_what_is_no_file_is_not_written_to(tmp_path: Path) -> None:
    async def act(outlet: Outlet) -> None:
        outlet.take(MORE, b"one", 1)
        await until_async(lambda: outlet.failure)
        assert outlet.problem == "LocalFileFailed"

    outlet = to_file(act, Progress(), str(tmp_path))
    assert "directory" in outlet.failure


def test_a_guest_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    tries: list[int] = []

    async def enter() -> Init:
        tries.append(1)
        if len(tries) < 3:
            raise GuestError("it does not run")
        return Init(os.getpid(), "1")

    path = tmp_path / "one.cap"
    outlet = to_file(one, Progress(), str(path), enter)
    assert (path.read_bytes(), len(tries), outlet.failure) == (b"HEADone", 3, "")


def test_a_disk_that_is_full_leaves_no_half_of_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real, tries = tmp_path / "one.cap", os.pwrite, list[int]()

    def pwrite(opened: int, data: bytes, at: int) -> int:
        tries.append(1)
        if len(tries) == 2:
            raise OSError(28, "No space left on device")
        return real(opened, bytes(data)[:3], at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    seen: list[bytes] = []

    async def act(outlet: Outlet) -> None:
        outlet.take(MORE, b"one", 1)
        await until_async(lambda: outlet.failure or outlet.progress.size)
        seen.append(path.read_bytes() if outlet.failure else b"")
        await outlet.finish()

    to_file(act, Progress(), str(path))
    assert seen == [b""]
    assert path.read_bytes() == b"HEADone"
