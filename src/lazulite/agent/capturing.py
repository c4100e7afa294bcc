"""One packet capture, from its start to its end: a recorder, started again where it must be, and its outlets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from lazulite.agent.outlets import BlobFile, GuestFile, Outlet, Progress, slot
from lazulite.drivers.linux.guests import Init
from lazulite.engines.capture import classic, spec
from lazulite.engines.capture.files import Pcap
from lazulite.engines.capture.spec import Source, Spec
from lazulite.engines.storage.blobs import Blobs
from lazulite.forwarding.model import Capture

_LOG = logging.getLogger(__name__)
AGAIN_S = 1.0
"""Before a recorder is started again."""
_PARTING_S = 5.0
"""How long the last packets may take to be stored when the agent ends."""
NOT_STARTED, RUNNING, STOPPED, ERROR = "NotStarted", "Running", "Stopped", "Error"
AGENT_STOPPED, CAPTURE_FAILED, INTERNAL = "AgentStopped", "CaptureFailed", "InternalError"
_ENDS = frozenset({spec.STOPPED, spec.TIME, spec.SPACE, spec.COUNT})


class Kept(msgspec.Struct):
    """What is known of a session, and outlives the agent. Counts are of all its recorders."""

    guid: str
    status: str = NOT_STARTED
    stop_reason: str = ""
    started: str = ""
    packets: int = 0
    bytes: int = 0
    drops: int = 0
    errors: list[str] = []
    detail: str = ""
    """What is wrong, in words."""
    file: Progress = msgspec.field(default_factory=Progress)
    blob: Progress = msgspec.field(default_factory=Progress)

    @property
    def ended(self) -> bool:
        return bool(self.stop_reason)


class Where(msgspec.Struct, frozen=True):
    """The interfaces of a capture as they are now, and the guest that a file goes to."""

    sources: tuple[Source, ...] = ()
    guest: str = ""


class Session:
    """Belongs to one event loop. *enter* gives the init of a guest, *turned* hears that there is something to tell."""

    def __init__(
        self,
        entry: Capture,
        kept: Kept,
        enter: Callable[[str], Awaitable[Init]],
        blobs: Blobs,
        turned: Callable[[], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.entry, self.kept = entry, kept
        self._where = Where()
        self._enter, self._blobs, self._turned, self._now = enter, blobs, turned, now
        self._outlets: list[Outlet] = []
        self._process: asyncio.subprocess.Process | None = None
        self._changed = asyncio.Event()
        self._leaving = False
        self._task = asyncio.create_task(self._run())

    def follow(self, entry: Capture, where: Where) -> None:
        """The entry, of the same guid, and its interfaces are these by now."""
        if (entry, where) == (self.entry, self._where):
            return
        self.entry, self._where = entry, where
        self._changed.set()
        self._hang_up()

    async def leave(self) -> None:
        """The agent ends. What was captured is stored, if that does not take long; the next agent goes on."""
        self._leaving = True
        self._changed.set()
        self._hang_up()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._task), _PARTING_S)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        for outlet in self._outlets:
            await outlet.close()

    def report(self) -> dict[str, Any]:
        """As services read it."""
        kept = self.kept
        failures = {o.problem: o.failure for o in self._outlets if o.failure}
        return {
            "guid": kept.guid,
            "status": kept.status,
            "stopReason": kept.stop_reason,
            "errors": [*kept.errors, *failures],
            "detail": "; ".join(filter(None, (kept.detail, *failures.values()))),
            "started": kept.started,
            "packets": kept.packets,
            "bytes": kept.bytes,
            "drops": kept.drops + max(kept.file.left_out, kept.blob.left_out),
            "location": self._location(),
        }

    def _location(self) -> list[str]:
        """The files that are written now, or were last: in the guest, and the blob."""
        entry, kept = self.entry, self.kept
        named = [(entry.file, kept.file.file), (entry.sink.prefix if entry.sink else "", kept.blob.file)]
        return [slot(path, max(0, number), entry.files) for path, number in named if path]

    def _hang_up(self) -> None:
        """The recorder writes what it has, and ends."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _run(self) -> None:
        try:
            await self._follow_entry()
        except Exception as error:  # a fault of ours ends one capture, and its user learns of it
            _LOG.exception("capture=%s", self.entry.label)
            self._note(ERROR, INTERNAL, repr(error))

    async def _follow_entry(self) -> None:
        if not self.kept.ended:
            self._open()
        while not self.kept.ended and not self._leaving:
            self._changed.clear()
            await self._once()
        for outlet in self._outlets:
            await outlet.finish()

    def _open(self) -> None:
        entry, kept, header = self.entry, self.kept, Pcap(self.entry.packet_bytes).header()
        if entry.file:
            self._outlets.append(
                GuestFile(entry.file, entry.files, header, kept.file, self._turned, lambda: self._enter(self._guest))
            )
        if entry.sink is not None:
            self._outlets.append(BlobFile(entry.sink, entry.files, header, kept.blob, self._turned, self._blobs))

    @property
    def _guest(self) -> str:
        return self._where.guest

    async def _once(self) -> None:
        """One recorder, or a wait where there cannot be any."""
        if self.entry.stopped:
            self._end(spec.STOPPED)
        elif self.entry.limit_s and self._left_s() <= 0:
            self._end(spec.TIME)
        elif not self._where.sources:
            self._note(ERROR, AGENT_STOPPED, "there is no running machine")
            await self._changed.wait()
        else:
            await self._record()

    def _end(self, reason: str) -> None:
        self.kept.status, self.kept.stop_reason, self.kept.errors, self.kept.detail = STOPPED, reason, [], ""
        self._turned()

    def _note(self, status: str, error: str = "", detail: str = "") -> None:
        kept = self.kept
        kept.status, kept.errors, kept.detail = status, [error] if error else [], detail
        self._turned()

    def _left_s(self) -> float:
        if not self.entry.limit_s or not self.kept.started:
            return self.entry.limit_s
        return self.entry.limit_s - (self._now() - datetime.fromisoformat(self.kept.started)).total_seconds()

    def _spec(self) -> Spec:
        """Raises ``ValueError``: the filters are more than the kernel takes."""
        entry, kept = self.entry, self.kept
        return Spec(
            list(self._where.sources),
            classic.program(entry.filters, entry.packet_bytes),
            cut=entry.packet_bytes,
            bytes=max(1, entry.session_bytes - kept.bytes) if entry.session_bytes else 0,
            seconds=self._left_s(),
            file_bytes=entry.file_bytes,
            resumed=max(kept.file.size, kept.blob.size),
            framed=True,
        )

    async def _record(self) -> None:
        try:
            done = await self._recorded(self._spec())
        except (OSError, ValueError) as error:
            done = spec.Done(spec.FAILED, 0, 0, [], str(error))
        if self._leaving or (done.reason == spec.STOPPED and not self.entry.stopped):
            return
        if done.reason in _ENDS:
            self._end(done.reason)
            return
        self._note(ERROR, CAPTURE_FAILED, done.error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), AGAIN_S)

    async def _recorded(self, wanted: Spec) -> spec.Done:
        """What a recorder says at its end. Raises ``OSError`` when it cannot be started or ends without a word."""
        pipe = asyncio.subprocess.PIPE
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lazulite.agent.recorder"),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        try:
            return await self._attended(process, wanted)
        finally:
            self._process = None
            self._hang_up_on(process)
            await process.wait()

    def _hang_up_on(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def _attended(self, process: asyncio.subprocess.Process, wanted: Spec) -> spec.Done:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        if self._leaving or self._changed.is_set():
            process.stdin.close()
        _, done = await asyncio.gather(self._take(process.stdout), self._hear(process.stderr))
        return done

    async def _take(self, frames: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                letter, length, packets = spec.FRAME.unpack(await frames.readexactly(spec.FRAME.size))
                data = await frames.readexactly(length)
                for outlet in self._outlets:
                    outlet.take(letter, data, packets)

    async def _hear(self, lines: asyncio.StreamReader) -> spec.Done:
        before = self.kept.packets, self.kept.bytes, self.kept.drops
        async for line in lines:
            try:
                said = spec.message.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(said, spec.Ready):
                self.kept.started = self.kept.started or self._now().isoformat(timespec="milliseconds")
                self._note(RUNNING)
            elif isinstance(said, spec.Counts):
                self._count(before, said.packets, said.bytes, said.drops)
            elif isinstance(said, spec.Done):
                self._count(before, said.packets, said.bytes, sum(s[3] for s in said.sources))
                return said
        raise OSError("the recorder ended without a word")

    def _count(self, before: Sequence[int], packets: int, size: int, drops: int) -> None:
        kept = self.kept
        found = before[0] + packets, before[1] + size, before[2] + drops
        if found != (kept.packets, kept.bytes, kept.drops):
            kept.packets, kept.bytes, kept.drops = found
            self._turned()
