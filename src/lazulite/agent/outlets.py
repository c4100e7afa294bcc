"""Where the files of a capture are kept: in a guest, or as blobs. Each keeps what it cannot store for a while.

What a recorder writes comes as frames (:data:`lazulite.engines.capture.spec.FRAME`). An outlet that fails tries again;
past its backlog it leaves packets out, and counts them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath

import msgspec

from lazulite.drivers.linux import guest_files
from lazulite.drivers.linux.guests import GuestError, Init
from lazulite.engines.capture.spec import MORE, NEW_FILE
from lazulite.engines.storage.blobs import Blobs, Block, SinkError
from lazulite.forwarding.model import Sink

BACKLOG = 1 << 25
"""Bytes that wait for an outlet that fails."""
RETRY_S = 1.0
_BLOCK = 1 << 22
"""Bytes that make a block at once; fewer wait a while."""


class Progress(msgspec.Struct):
    """How far an outlet is: the file it is at, how long that is, and in how many blocks."""

    file: int = -1
    size: int = 0
    blocks: int = 0
    left_out: int = 0
    """Packets."""


def slot(path: str, number: int, files: int) -> str:
    """Name of a file of the ring: the first has the name itself, others a number before the suffix."""
    number = number % files if files else number
    plain = PurePosixPath(path)
    return str(plain.with_name(f"{plain.stem}_{number}{plain.suffix}")) if number else path


class Outlet:
    """Takes frames at any time, and stores them in a task of its own."""

    problem = ""
    """What of Azure's errors a failure is."""

    def __init__(self, path: str, files: int, header: bytes, progress: Progress, turned: Callable[[], None]) -> None:
        self._path, self._files, self._header, self._turned = path, files, header, turned
        self.progress = progress
        self.failure = ""
        """Why nothing can be stored now."""
        self._frames: deque[tuple[bytes, bytes]] = deque()
        self._size = 0
        self._wake = asyncio.Event()
        self._ending = False
        self._task = asyncio.create_task(self._run())

    @property
    def location(self) -> str:
        """Name of the file that is written now."""
        return slot(self._path, max(0, self.progress.file), self._files)

    def take(self, letter: bytes, data: bytes, packets: int) -> None:
        if letter == MORE and self._size + len(data) > BACKLOG:
            self.progress.left_out += packets
            return
        self._frames.append((letter, data))
        self._size += len(data)
        self._wake.set()

    async def finish(self) -> None:
        """Nothing comes any more; returns when all is stored."""
        self._ending = True
        self._wake.set()
        await self._task

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while not (self._ending and not self._frames):
            await self._wake.wait()
            self._wake.clear()
            while self._frames:
                await self._try()

    async def _try(self) -> None:
        try:
            await self._store()
        except (OSError, GuestError, SinkError) as error:
            self._told(str(error) or type(error).__name__)
            await asyncio.sleep(RETRY_S)
        else:
            self.failure = ""
            self._turned()  # how far it is must be kept, too

    def _told(self, failure: str) -> None:
        if failure != self.failure:
            self.failure = failure
            self._turned()

    async def _store(self) -> None:
        """Store some of the frames, and forget these. Raises where it cannot."""
        raise NotImplementedError

    def _advance(self, letter: bytes) -> None:
        """The first frame may begin a file; the next try finds that it has."""
        if letter == NEW_FILE:
            self.progress.file += 1
            self.progress.size = self.progress.blocks = 0
            self._frames[0] = MORE, self._frames[0][1]
            self._turned()

    def _begun(self, data: bytes) -> bytes:
        """What a file that is empty begins with."""
        return data if data.startswith(self._header) else self._header + data

    def _stored(self, count: int) -> None:
        for _ in range(count):
            self._size -= len(self._frames.popleft()[1])


class GuestFile(Outlet):
    """A file in a guest. One that somebody took away, or that went with the guest, begins anew."""

    problem = "LocalFileFailed"

    def __init__(
        self,
        path: str,
        files: int,
        header: bytes,
        progress: Progress,
        turned: Callable[[], None],
        enter: Callable[[], Awaitable[Init]],
    ) -> None:
        self._enter = enter
        super().__init__(path, files, header, progress, turned)

    async def _store(self) -> None:
        self._advance(self._frames[0][0])
        init = await self._enter()
        await asyncio.to_thread(self._append, init, self._frames[0][1])
        self._stored(1)

    def _append(self, init: Init, data: bytes) -> None:
        """All of *data*, or nothing: what could not be written whole is cut off again."""
        opened, progress = guest_files.open_file(init, self.location), self.progress
        try:
            if os.fstat(opened).st_size < progress.size:
                progress.size = 0
            os.ftruncate(opened, progress.size)
            content = data if progress.size else self._begun(data)
            _write(opened, content, progress.size)
            progress.size += len(content)
        finally:
            os.close(opened)


def _write(opened: int, content: bytes, at: int) -> None:
    left = memoryview(content)
    try:
        while left:
            left = left[os.pwrite(opened, left, at + len(content) - len(left)) :]
    except OSError:
        os.ftruncate(opened, at)
        raise


class BlobFile(Outlet):
    """A blob of :class:`Sink`, whose prefix is its name. It is whole after each block."""

    problem = "StorageFailed"

    def __init__(
        self, sink: Sink, files: int, header: bytes, progress: Progress, turned: Callable[[], None], blobs: Blobs
    ) -> None:
        self._sink, self._blobs = sink, blobs
        self._due = 0.0
        super().__init__(sink.prefix, files, header, progress, turned)

    async def _store(self) -> None:
        self._advance(self._frames[0][0])
        await self._gathered()
        frames = self._together()
        progress, sink = self.progress, self._sink
        data = b"".join(data for _, data in frames)
        blocks: list[Block] = [(_block_id(n), None) for n in range(progress.blocks)]
        blocks.append((_block_id(progress.blocks), data if progress.size else self._begun(data)))
        await self._blobs.write_blocks(sink.account, sink.container, self.location, blocks)
        progress.size += len(blocks[-1][1] or b"")
        progress.blocks += 1
        self._stored(len(frames))
        self._due = asyncio.get_running_loop().time() + _pause_s(progress.blocks)

    async def _gathered(self) -> None:
        """Wait until there is enough for a block, the file is whole, or the last block is some time ago."""
        while not self._ending and self._size < _BLOCK and not self._whole:
            left = self._due - asyncio.get_running_loop().time()
            if left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)
            self._wake.clear()

    @property
    def _whole(self) -> bool:
        return any(letter == NEW_FILE for letter, _ in itertools.islice(self._frames, 1, None))

    def _together(self) -> list[tuple[bytes, bytes]]:
        """The frames of one block: of one file, and not too many."""
        frames, size = [self._frames[0]], len(self._frames[0][1])
        for letter, data in itertools.islice(self._frames, 1, None):
            if letter == NEW_FILE or size + len(data) > _BLOCK:
                break
            frames.append((letter, data))
            size += len(data)
        return frames


def _block_id(number: int) -> str:
    return f"{number:08d}"


def _pause_s(blocks: int) -> float:
    """Between two blocks: more the longer the capture lasts, because a blob has 50,000 of them.

    Source: learn.microsoft.com/rest/api/storageservices/put-block-list, "Remarks".
    """
    return min(60.0, 1 + blocks / 50)
