"""Terminals in machines over plain HTTP: what a shell writes is a stream, what is typed a request each.

A terminal belongs to the principal who opened it. It ends with its program, with the machine, with the controller, and
by itself once nobody has read it for :data:`IDLE_S`; what it started ends with it, like on a line that is cut. What is
to go on needs a session of its own (``setsid``).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any

import msgspec

from lazulite.arm.access import current
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.daemon.bodies import body, invalid
from lazulite.daemon.controller import Controller
from lazulite.daemon.guests import find
from lazulite.daemon.parts import Parts
from lazulite.daemon.probing import check_words
from lazulite.daemon.pty_process import PtyProcess
from lazulite.daemon.streams import COMMENT, SILENCE_S, frame

AT_ONCE = 32
READERS = 4
"""Who read one terminal at a time."""
INPUT_LIMIT = 1 << 16
"""Characters of one request."""
IDLE_S = 600.0
LONGEST_S = 3600.0
"""A stream ends after that: whoever opens the next one shows a token again."""
_SHELL = ("bash", "-l")
_KIND = "xterm-256color"
_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
Rows = Annotated[int, msgspec.Meta(ge=1, le=500)]
Columns = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Size(msgspec.Struct, frozen=True):
    rows: Rows = 24
    columns: Columns = 80


class Opening(msgspec.Struct, frozen=True):
    """A wish for a terminal in the machine *name*; without words a shell."""

    name: str
    rows: Rows = 24
    columns: Columns = 80
    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=1000)] = _SHELL


class Input(msgspec.Struct, frozen=True):
    text: Annotated[str, msgspec.Meta(max_length=INPUT_LIMIT)]


class Terminal:
    """One of them, and who reads it."""

    def __init__(self, key: str, owner: str, machine: str, process: PtyProcess) -> None:
        self.key, self.owner, self.machine, self.process = key, owner, machine, process
        self.readers = 0
        self.used = time.monotonic()

    def document(self) -> dict[str, Any]:
        ended = self.process.ended
        state = {"state": "running"} if ended is None else {"state": "ended", "code": ended}
        return {"id": self.key, "name": self.machine, **state, "output": self.process.written}

    def idle(self, now: float) -> bool:
        return not self.readers and now - self.used >= IDLE_S

    async def output(self, after: int, gone: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
        """Frames ``output`` with the offsets ``from`` and ``to`` of their ``data`` (base64), at the end ``ended``."""
        process, until = self.process, time.monotonic() + LONGEST_S
        self.readers += 1
        process.watched = True
        try:
            while time.monotonic() < until:
                heard = process.news()
                start, data = process.since(after)
                if data:
                    after = start + len(data)
                    text = base64.b64encode(data).decode()
                    yield frame({"type": "output", "from": start, "to": after, "data": text})
                elif process.ended is not None:
                    yield frame({"type": "ended", "code": process.ended, "machineGone": gone()})
                    return
                elif not await _within(heard, SILENCE_S):
                    yield COMMENT
        finally:
            self.readers -= 1
            self.used = time.monotonic()
            process.watched = self.readers > 0


async def _within(heard: asyncio.Future[None], seconds: float) -> bool:
    return bool((await asyncio.wait([heard], timeout=seconds))[0])


class Terminals:
    """Answers ``terminals`` and what is below."""

    def __init__(self, controller: Controller, parts: Parts) -> None:
        self._controller, self._parts = controller, parts
        self._open: dict[str, Terminal] = {}
        self._opening = 0
        self._tending: asyncio.Task[None] | None = None
        self._below: dict[tuple[str, str], Callable[[Terminal, Request], Any]] = {
            ("POST", "input"): self._input,
            ("POST", "size"): self._size,
            ("GET", "output"): self._output,
            ("DELETE", ""): self._close,
            ("GET", ""): lambda terminal, request: terminal.document(),
        }

    def mine(self, request: Request) -> dict[str, Any]:
        """The caller's own."""
        me = _caller()
        return {"value": [t.document() for t in self._open.values() if t.owner == me]}

    async def open(self, request: Request) -> dict[str, Any]:
        wish = body(request, Opening)
        check_words(wish.argv)
        found = find(self._controller.model, wish.name)
        self._forget_ended()
        if len(self._open) + self._opening >= AT_ONCE:
            raise ArmError(429, "TooManyTerminals", f"{AT_ONCE} terminals are open; close one of them.")
        self._opening += 1
        try:
            entered = await self._controller.network.asked(lambda _: self._parts.enter(found.entry, wish.argv, _KIND))
            process = await PtyProcess.start(entered, wish.rows, wish.columns)
        finally:
            self._opening -= 1
        terminal = Terminal(secrets.token_hex(16), _caller(), found.entry.label, process)
        self._open[terminal.key] = terminal
        if self._tending is None or self._tending.done():
            self._tending = asyncio.create_task(self._tend())
        return terminal.document()

    async def below(self, request: Request) -> Any:
        """What is asked of one terminal. Raises the 404 of one that is not there or another's, without a difference."""
        words = request.folded[2:]
        act = self._below.get((request.method, words[1] if len(words) > 1 else ""))
        if act is None or len(words) > 2:
            raise ArmError(404, "NotFound", f"The lab has no {request.method} {request.path}.")
        terminal = self._open.get(words[0])
        if terminal is None or terminal.owner != _caller():
            raise ArmError(404, "TerminalNotFound", "You have no such terminal; one that ended is kept for a while.")
        terminal.used = time.monotonic()
        done = act(terminal, request)
        return await done if asyncio.iscoroutine(done) else done

    async def _input(self, terminal: Terminal, request: Request) -> dict[str, Any]:
        content = body(request, Input).text
        if terminal.process.ended is not None:
            raise ArmError(409, "TerminalEnded", "What ran in the terminal has ended.")
        try:
            taken = terminal.process.write(content.encode())
        except UnicodeEncodeError:
            raise invalid("What is typed is text.", "text") from None
        if not taken:
            raise ArmError(429, "TerminalBusy", "What was typed before has not been read yet.", "text")
        return {"taken": len(content)}

    def _size(self, terminal: Terminal, request: Request) -> dict[str, Any]:
        wanted = body(request, Size)
        terminal.process.resize(wanted.rows, wanted.columns)
        return {"rows": wanted.rows, "columns": wanted.columns}

    def _output(self, terminal: Terminal, request: Request) -> Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 16):
            raise ArmError(
                400, "InvalidQueryParameter", "'after' is an offset: how much of the output is known.", "after"
            )
        if terminal.readers >= READERS:
            raise ArmError(429, "TooManyReaders", f"{READERS} read this terminal already.")
        return Response(200, headers=_HEADERS, stream=terminal.output(int(after), lambda: self._gone(terminal)))

    def _gone(self, terminal: Terminal) -> bool:
        try:
            find(self._controller.model, terminal.machine)
        except LookupError:
            return True
        return False

    async def _close(self, terminal: Terminal, request: Request) -> dict[str, Any]:
        self._open.pop(terminal.key, None)
        await terminal.process.end()
        return {}

    def _forget_ended(self) -> None:
        """Room for new ones: of what has ended nobody waits for more."""
        for key in [k for k, t in self._open.items() if t.process.ended is not None and not t.readers]:
            if len(self._open) < AT_ONCE:
                return
            del self._open[key]

    async def _tend(self) -> None:
        """Close what nobody reads any more; when the process ends, and cancels this, close all."""
        try:
            while self._open:
                await asyncio.sleep(IDLE_S / 60)
                now = time.monotonic()
                for terminal in [t for t in self._open.values() if t.idle(now)]:
                    self._open.pop(terminal.key, None)
                    await terminal.process.end()
        finally:
            await asyncio.gather(*(t.process.end() for t in self._open.values()))


def _caller() -> str:
    caller = current()
    return caller.oid if caller is not None else ""
