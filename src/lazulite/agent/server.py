"""The agent's socket: one controller at a time, and a new one takes over from the old."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lazulite.agent.flow_logs import FlowLogs
from lazulite.agent.health import Health
from lazulite.agent.loop import Follower, Loop
from lazulite.agent.metering import Metering
from lazulite.agent.protocol import (
    SOCKET,
    AskFlows,
    AskMinutes,
    AskPorts,
    AskTraffic,
    Change,
    Enter,
    Entered,
    Failed,
    Inspect,
    Inspected,
    Load,
    MinutesSeen,
    Output,
    PortsHeld,
    Question,
    Reply,
    Report,
    Request,
    Run,
    TrafficSeen,
    frame,
    receive,
    request,
)
from lazulite.agent.workloads import Workloads
from lazulite.drivers.driver import Driver
from lazulite.drivers.linux.guests import GuestError

_LOG = logging.getLogger(__name__)


@contextmanager
def address(directory: Path) -> Iterator[str]:
    """The socket's path in a form that fits a socket address, however long the directory's name is."""
    opened = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)


def listen(directory: Path) -> socket.socket:
    """A socket that only the lab's user can connect to. One left by an earlier agent is replaced."""
    (directory / SOCKET).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        with address(directory) as path:
            listener.bind(path)
    finally:
        os.umask(before)
    listener.listen()
    return listener


class Outbox:
    """Where replies go: to the controller of the moment, or nowhere. What they said is kept where it was found."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    def replace(self, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = writer

    def release(self, writer: asyncio.StreamWriter) -> None:
        """That controller is gone, unless another took over already."""
        if self._writer is writer:
            self._writer = None
        writer.close()

    def tell(self, message: Reply) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(frame(message))


class Server:
    """Answers requests, and hands revisions to the loop."""

    def __init__(
        self,
        driver: Driver,
        loop: Loop,
        workloads: Workloads,
        health: Health,
        outbox: Outbox,
        followers: Sequence[Follower] = (),
        flows: FlowLogs | None = None,
        metering: Metering | None = None,
    ) -> None:
        self._flows, self._metering = flows, metering
        self._driver, self._loop, self._workloads, self._health = driver, loop, workloads, health
        self._outbox, self._followers = outbox, followers
        self._tasks: set[asyncio.Task[None]] = set()

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one controller until it, or its successor, ends the connection."""
        self._outbox.replace(writer)
        self._outbox.tell(self._workloads.news())
        self._outbox.tell(self._health.news())
        for follower in self._followers:
            self._outbox.tell(follower.news())
        try:
            while (body := await receive(reader)) is not None:
                self._take(request(body))
        except ValueError as error:
            _LOG.warning("controller sent nonsense: %s", error)
        finally:
            self._outbox.release(writer)

    def _take(self, message: Request) -> None:
        if isinstance(message, Load | Change):
            self._loop.offer(message)
        else:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Question) -> None:
        try:
            self._outbox.tell(await self._answered(message))
        except (GuestError, OSError) as error:
            self._outbox.tell(Failed(message.id, str(error)))

    async def _answered(self, message: Question) -> Reply:
        if isinstance(message, Run):
            done = await self._workloads.run(message.guest, message.script)
            return Output(message.id, done.exit_code, done.stdout, done.stderr)
        if isinstance(message, Enter):
            init = await self._workloads.enter(message.guest)
            return Entered(message.id, init.pid, init.guid)
        if isinstance(message, Inspect):
            return Inspected(message.id, await self._loop.in_driver(self._driver.differences))
        if isinstance(message, AskFlows):
            if self._flows is None:
                return Failed(message.id, "nothing records flows here")
            return await self._flows.answer(message)
        return await self._counted(message)

    async def _counted(self, message: Question) -> Reply:
        if isinstance(message, AskMinutes):
            if self._metering is None:
                return Failed(message.id, "nothing is metered here")
            return MinutesSeen(message.id, await self._metering.minutes(message.names, message.first, message.end))
        if isinstance(message, AskTraffic):
            return TrafficSeen(message.id, await self._loop.in_driver(self._driver.traffic))
        if isinstance(message, AskPorts):
            used = await self._loop.in_driver(self._driver.port_use)
            held = [(u.vrf, str(u.public), str(u.protocol), str(u.private), u.ports) for u in used]
            return PortsHeld(message.id, held)
        counters = await self._loop.in_driver(self._driver.counters)
        return Report(message.id, self._loop.applied, self._driver.capabilities, counters, self._health.counts())
