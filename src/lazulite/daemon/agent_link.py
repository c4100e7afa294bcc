"""The controller's end of the agent: starting one below the anchor, and speaking with it."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from lazulite.agent.protocol import (
    Applied,
    AskFlows,
    AskMinutes,
    AskPorts,
    AskTraffic,
    Change,
    Enter,
    Entered,
    FlowsSeen,
    Inspect,
    Inspected,
    Load,
    LoadWanted,
    MinutesSeen,
    Observed,
    Output,
    PortsHeld,
    ProbeCounts,
    Question,
    Reply,
    Report,
    Request,
    Run,
    Status,
    TrafficSeen,
    frame,
    receive,
    reply,
)
from lazulite.agent.server import address
from lazulite.daemon.network import Listener
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux import anchor
from lazulite.drivers.linux.guests import GuestError, Init
from lazulite.forwarding.model import Contents
from lazulite.telemetry.meter import Minutes

PATIENCE_S = 20.0
"""How long a new agent may take to listen."""
_POLL_S = 0.01
_KEPT_VARIABLES = ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "LAZULITE_AZURITE")
R = TypeVar("R", Output, Entered, Report, Inspected, PortsHeld, TrafficSeen, MinutesSeen, FlowsSeen)
V = TypeVar("V")


def launch(below: anchor.Anchor) -> None:
    """Start an agent in a session of its own, which outlives this process. Where one runs, the new one ends at once.

    Raises ``OSError`` or ``subprocess.CalledProcessError``.
    """
    program = [sys.executable, "-m", "lazulite.agent", "--directory", str(below.directory)]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    with (below.directory / "agent.log").open("ab") as log:
        detached = ["setsid", "--fork", *anchor.enter_command(below), *program]
        subprocess.run(detached, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, check=True)


@asynccontextmanager
async def connect(directory: Path) -> AsyncIterator[AgentLink]:
    """A link to the agent of the lab. Raises ``ConnectionError`` when none listens within the patience."""
    reader, writer = await _open(directory)
    link = AgentLink(writer)
    listening = asyncio.create_task(link.listen(reader))
    try:
        yield link
    finally:
        listening.cancel()
        writer.close()
        await asyncio.gather(listening, return_exceptions=True)


async def _open(directory: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        try:
            with address(directory) as path:
                return await asyncio.open_unix_connection(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise ConnectionError(f"the agent does not come up; see {directory / 'agent.log'}") from error
            await asyncio.sleep(_POLL_S)


class AgentLink:
    """Implements :class:`lazulite.daemon.network.Fabric`. Every method raises ``ConnectionError`` once it is lost."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._applying: asyncio.Future[list[Refusal]] | None = None
        self._epoch, self._revision = "", 0
        """What the agent was told last; the network has one call at a time under way."""
        self._lost = ""
        self._end = asyncio.Event()
        self.guests: dict[str, str] = {}
        """Guest to ``running`` or what is wrong with it."""
        self.scripts: dict[str, tuple[int, str, str]] = {}
        """Script to exit code and output, once it has ended."""
        self.reasons: dict[str, Mapping[str, str]] = {}
        """Pool to why the last probe of a member failed, by member."""
        self.reports: dict[str, Mapping[str, Any]] = {}
        """Entry to what whoever works for it says of it."""
        self._contents: dict[str, Contents] = {}
        self._listener: Listener | None = None

    def report_to(self, listener: Listener) -> None:
        self._listener = listener
        listener.filled(self._contents)

    async def adopt(self, revision: int, entries: list[Any]) -> list[Refusal]:
        self._epoch, self._revision = uuid.uuid4().hex, revision
        return await self._applied(Load(self._epoch, revision, entries))

    async def apply(self, revision: int, delta: ModelDelta) -> list[Refusal]:
        base, self._revision = self._revision, revision
        return await self._applied(Change(base, revision, list(delta.changed.values()), list(delta.removed)))

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        """Raises :class:`GuestError` when nothing can run in the guest."""
        done = await self._asked(Run(next(self._ids), guest, script), Output)
        return done.exit_code, done.stdout, done.stderr

    async def enter(self, guest: str) -> Init:
        """The guest's init, started unless it runs. Raises :class:`GuestError`."""
        entered = await self._asked(Enter(next(self._ids), guest), Entered)
        return Init(entered.pid, entered.guid)

    async def counters(self) -> Mapping[str, tuple[int, int]]:
        return (await self._asked(Status(next(self._ids)), Report)).counters

    async def probes(self) -> Mapping[str, Mapping[str, ProbeCounts]]:
        return (await self._asked(Status(next(self._ids)), Report)).probes

    async def traffic(self) -> Mapping[str, tuple[int, int]]:
        return (await self._asked(AskTraffic(next(self._ids)), TrafficSeen)).bytes

    async def minutes(self, names: list[str], first: int, end: int) -> Minutes:
        return (await self._asked(AskMinutes(next(self._ids), names, first, end), MinutesSeen)).minutes

    async def ports(self) -> list[tuple[str, str, str, str, int]]:
        return (await self._asked(AskPorts(next(self._ids)), PortsHeld)).held

    async def flows(
        self, ports: list[str], after: int, summary: bool, log: str = ""
    ) -> tuple[int, list[dict[str, Any]]]:
        seen = await self._asked(AskFlows(next(self._ids), ports, after, summary, log), FlowsSeen)
        return seen.last, seen.rows

    async def differences(self) -> list[str]:
        return (await self._asked(Inspect(next(self._ids)), Inspected)).differences

    async def gone(self) -> None:
        await self._end.wait()

    async def _applied(self, message: Load | Change) -> list[Refusal]:
        self._applying = asyncio.get_running_loop().create_future()
        self._send(message)
        return await self._applying

    async def _asked(self, message: Question, kind: type[R]) -> R:
        self._answers[message.id] = asyncio.get_running_loop().create_future()
        try:
            self._send(message)
            answer = await self._answers[message.id]
        finally:
            del self._answers[message.id]
        if not isinstance(answer, kind):
            raise GuestError(answer.message)
        return answer

    def _send(self, message: Request) -> None:
        if self._lost:
            raise ConnectionError(self._lost)
        self._writer.write(frame(message))

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Take what the agent says until it is gone."""
        try:
            while (body := await receive(reader)) is not None:
                self._take(reply(body))
            self._lose("the agent has gone")
        except ValueError as error:
            self._lose(f"the agent speaks another protocol: {error}")

    def _take(self, message: Reply) -> None:
        if isinstance(message, Applied):
            self._take_applied(message)
        elif isinstance(message, LoadWanted):
            self._lose("the agent has lost track of the model")
        elif isinstance(message, Observed):
            _merge(self.guests, message.guests)
            _merge(self.scripts, message.scripts)
            _merge(self.reasons, message.reasons)
            _merge(self.reports, message.reports)
            self._take_contents(message.contents)
        else:
            _resolve(self._answers.get(message.id), message)

    def _take_applied(self, message: Applied) -> None:
        if (message.epoch, message.revision) != (self._epoch, self._revision):
            return
        if self._applying is not None and self._applying.done() and self._listener is not None:
            self._listener.refused(message.refusals)
        _resolve(self._applying, message.refusals)

    def _take_contents(self, news: Mapping[str, Contents | None]) -> None:
        _merge(self._contents, news)
        if news and self._listener is not None:
            self._listener.filled(news)

    def _lose(self, why: str) -> None:
        """Fail whoever waits, and whoever comes."""
        self._lost = why
        self._end.set()
        for future in (self._applying, *self._answers.values()):
            if future is not None and not future.done():
                future.set_exception(ConnectionError(why))


def _resolve(future: asyncio.Future[Any] | None, value: Any) -> None:
    if future is not None and not future.done():
        future.set_result(value)


def _merge(known: dict[str, V], news: Mapping[str, V | None]) -> None:
    for name, value in news.items():
        if value is None:
            known.pop(name, None)
        else:
            known[name] = value
