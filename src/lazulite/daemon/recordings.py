"""Captures of packets that are asked for over HTTP: recorded into the lab's directory, to be fetched as pcapng.

They belong to the lab, like its network, and not to who asked; a controller that starts begins without any.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.daemon import captures
from lazulite.daemon.bodies import body, invalid
from lazulite.daemon.controller import Controller
from lazulite.daemon.parts import Parts
from lazulite.daemon.programs import Programs, end, started
from lazulite.engines.capture import spec

AT_ONCE = 8
KEPT = 16
"""Those that have ended among them: so much of the disk is taken at most."""
BYTES = 64 << 20
LONGEST_S = 600.0
FILTER_LIMIT = 1000
_COMPILE_S = 10.0
_CHUNK = 1 << 16
_MEMORY = 1 << 24
"""Bytes of a recorder's rings."""
_VARIABLES = ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
_ALL = [[6, 0, 0, 0x40000]]
"""The program of a filter that keeps everything."""
_COMPILE = "import os, sys; os.execvp('tcpdump', ['tcpdump', '-y', 'EN10MB', '-ddd', *sys.argv[1:]])"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Wanted(msgspec.Struct, frozen=True):
    """Machines and interfaces by name, what to keep, and when to end."""

    names: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=100)]
    filter: Annotated[str, msgspec.Meta(max_length=FILTER_LIMIT)] = ""
    count: Annotated[int, msgspec.Meta(ge=0, le=10_000_000)] = 0
    """Packets; 0 is no limit."""
    duration: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)] = LONGEST_S
    """Seconds."""
    snap: Annotated[int, msgspec.Meta(ge=0, le=262144)] = 0
    """Bytes kept of each packet; 0 keeps all."""


class Recording:
    """One capture: its file, and the recorder that writes it."""

    def __init__(self, wanted: Wanted, found: list[dict[str, str]], path: Path) -> None:
        self.key, self.wanted, self.path = path.stem, wanted, path
        self.found = found
        self.began = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.packets = self.bytes = self.lost = 0
        self.done: spec.Done | None = None
        self.ready = asyncio.Event()
        """Set once no packet is missed any more, and at the end."""
        self.process: Process | None = None
        self.working: asyncio.Task[None] | None = None

    @property
    def runs(self) -> bool:
        return self.done is None

    def document(self) -> dict[str, Any]:
        done = self.done
        ended = {"reason": done.reason, "error": done.error} if done is not None else {}
        state = "ended" if done is not None else "recording" if self.ready.is_set() else "starting"
        counts = {"packets": self.packets, "bytes": self.bytes, "lost": self.lost}
        asked = {"filter": self.wanted.filter, "count": self.wanted.count, "duration": self.wanted.duration}
        places = [source["name"] for source in self.found]
        return {"id": self.key, "state": state, "names": places, "began": self.began, **asked, **counts, **ended}

    async def stop(self) -> None:
        """Have the recorder finish its file."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        if self.working is not None:
            await asyncio.wait([self.working])

    async def content(self) -> AsyncGenerator[bytes, None]:
        """The file as far as it is written now."""
        left = self.path.stat().st_size
        with self.path.open("rb") as opened:
            while left > 0 and (chunk := opened.read(min(_CHUNK, left))):
                left -= len(chunk)
                yield chunk
                await asyncio.sleep(0)


class Recordings:
    """Answers ``recordings`` and what is below."""

    def __init__(self, controller: Controller, parts: Parts) -> None:
        self._controller, self._parts, self._programs = controller, parts, Programs()
        self._kept: dict[str, Recording] = {}
        self._cleared = False

    def listing(self, request: Request) -> dict[str, Any]:
        return {"value": [r.document() for r in self._kept.values()]}

    async def start(self, request: Request) -> dict[str, Any]:
        """Answers when nothing is missed any more. Raises :class:`ArmError` for a filter that is none, and others."""
        wanted = body(request, Wanted)
        found = captures.sources(self._controller.model, captures.Wish(wanted.names))
        self._require_room()
        argv = self._parts.below(captures.RECORDER)
        code = await self._compiled(wanted)
        self._require_room()
        recording = Recording(wanted, found, self._folder() / f"{secrets.token_hex(8)}.pcapng")
        self._kept[recording.key] = recording
        recording.working = asyncio.create_task(self._record(recording, argv, code))
        await recording.ready.wait()
        done = recording.done
        if done is not None and done.reason == spec.FAILED:
            self._forget(recording)
            raise ArmError(409, "CaptureFailed", f"Nothing can be captured: {done.error}.", "names")
        return recording.document()

    async def below(self, request: Request) -> Any:
        words = request.folded[2:]
        recording = self._kept.get(words[0])
        act = (request.method, *words[1:])
        if act not in {("GET",), ("DELETE",), ("GET", "file"), ("POST", "stop")}:
            raise ArmError(404, "NotFound", f"The lab has no {request.method} {request.path}.")
        if recording is None:
            raise ArmError(404, "RecordingNotFound", f"There is no recording '{words[0]}'.")
        if act == ("GET", "file"):
            name = f'attachment; filename="{recording.key}.pcapng"'
            headers = {"Content-Type": "application/x-pcapng", "Content-Disposition": name}
            return Response(200, headers=headers, stream=recording.content())
        if request.method != "GET":
            await recording.stop()
        if request.method == "DELETE":
            self._forget(recording)
        return recording.document()

    def _require_room(self) -> None:
        if sum(r.runs for r in self._kept.values()) >= AT_ONCE:
            raise ArmError(429, "TooManyRecordings", f"{AT_ONCE} recordings are under way; stop one of them.")
        if len(self._kept) >= KEPT:
            raise ArmError(409, "TooManyRecordings", f"{KEPT} recordings are kept; delete one of them.")

    def _folder(self) -> Path:
        """Where they are; those of an earlier controller are nobody's."""
        folder = self._parts.recordings()
        if not self._cleared:
            shutil.rmtree(folder, ignore_errors=True)
            self._cleared = True
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    async def _compiled(self, wanted: Wanted) -> list[list[int]]:
        """The program of the filter, made by tcpdump below the anchor, where no name of a host leads outside."""
        if not wanted.filter.strip():
            return [[6, 0, 0, wanted.snap]] if wanted.snap else _ALL
        if not wanted.filter.isprintable():
            raise invalid("A filter is a line of text.", "filter")
        if shutil.which("tcpdump") is None:
            raise ArmError(409, "FilterNotAvailable", "A filter needs tcpdump, which is not installed.", "filter")
        snapped = ["-s", str(wanted.snap)] if wanted.snap else []
        argv = self._parts.below(["-c", _COMPILE, *snapped, "--", wanted.filter])
        done = await self._programs.run(argv, b"", _COMPILE_S)
        if done.code:
            said = done.stderr.decode("utf-8", "replace").strip().removeprefix("tcpdump: ") or "it takes too long"
            raise invalid(f"'{wanted.filter}' is no filter: {said}.", "filter")
        return [[int(word) for word in line.split()] for line in done.stdout.decode().splitlines()[1:]]

    async def _record(self, recording: Recording, argv: list[str], code: list[list[int]]) -> None:
        try:
            await self._run(recording, argv, code)
        except OSError as error:
            recording.done = spec.Done(spec.FAILED, 0, 0, [], error.strerror or str(error))
        finally:
            if recording.done is None:
                counted = recording.packets, recording.bytes
                recording.done = spec.Done(spec.OUTPUT, *counted, [], "the recorder ended by itself")
            recording.ready.set()

    async def _run(self, recording: Recording, argv: list[str], code: list[list[int]]) -> None:
        kept = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        with recording.path.open("wb") as output:
            process = await started(*argv, stdin=PIPE, stdout=output, stderr=PIPE, env=kept, start_new_session=True)
        recording.process = process
        try:
            wanted = recording.wanted
            limits = {
                "packets": wanted.count,
                "seconds": wanted.duration,
                "bytes": BYTES,
                "cut": wanted.snap,
                "memory": _MEMORY,
            }
            told = {
                "sources": recording.found,
                "code": code,
                "turned": True,
                "ng": True,
                "asks": True,
                "memory": _MEMORY,
                **limits,
            }
            _say(process, told)
            assert process.stderr is not None
            async for line in process.stderr:
                self._hear(recording, process, line)
        finally:
            await end(process, signal.SIGTERM)

    def _hear(self, recording: Recording, process: Process, line: bytes) -> None:
        try:
            said = spec.message.decode(line)
        except msgspec.DecodeError:
            return
        match said:
            case spec.Ready():
                recording.ready.set()
            case spec.Counts():
                recording.packets, recording.bytes, recording.lost = said.packets, said.bytes, said.drops
            case spec.Ask():
                _say(process, {"number": said.number, "comments": self._comments(recording, said)})
            case spec.Done():
                recording.packets, recording.bytes = said.packets, said.bytes
                recording.lost = sum(source[3] for source in said.sources)
                recording.done = said

    def _comments(self, recording: Recording, asked: spec.Ask) -> list[str]:
        """What to say of each flow."""
        names = ("sent", "protocol", "src", "src_port", "dst", "dst_port", "answers")
        rows = [
            dict(zip(names, flow[1:], strict=True)) | {"at": recording.found[flow[0]]["at"]} for flow in asked.flows
        ]
        seen = msgspec.convert({"flows": rows}, captures.SeenFlows)
        return [captures.comment(said) for said in captures.explain(self._controller.index, seen)["value"]]

    def _forget(self, recording: Recording) -> None:
        self._kept.pop(recording.key, None)
        recording.path.unlink(missing_ok=True)


def _say(process: Process, message: Any) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError, RuntimeError):  # it has ended, or is asked to
        process.stdin.write(msgspec.json.encode(message) + b"\n")
