"""A running name server, from the side of whoever keeps it: found or started, told things, started again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lazulite.engines.dns import spec
from lazulite.engines.dns.control import reachable
from lazulite.engines.dns.spec import AnyItem, Change, Done, Load, Members

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 20.0
"""How long a new server may take to listen."""
_POLL_S = 0.01
_LOG_FILE = "dns.log"


class EngineError(Exception):
    """The server does not come up; the text says why."""


class Engine:
    """Belongs to one event loop. *everything* gives what a server that knows nothing is to be told."""

    def __init__(self, directory: Path, everything: Callable[[], tuple[list[AnyItem], dict[str, bytes]]]) -> None:
        self._directory, self._everything = directory, everything
        self._ids = itertools.count(1)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Done]] = {}
        self.members: dict[str, tuple[list[str], list[str]]] = {}
        """What the dynamic sets hold, told again to a server that was started again."""

    async def load(self) -> Done:
        """Have a server that knows everything. Raises :class:`EngineError`."""
        async with self._lock:
            if self._streams is None:
                await self._reach()
            return await self._load()

    async def change(
        self,
        put: Iterable[AnyItem],
        drop: Iterable[tuple[str, str]],
        sets: dict[str, bytes],
        gone: dict[str, list[tuple[str, str]]],
    ) -> Done:
        """Tell a difference; to a server that has to be started for it, everything. Raises :class:`EngineError`."""
        async with self._lock:
            if self._streams is not None:
                with contextlib.suppress(ConnectionError):
                    return await self._said(Change(next(self._ids), list(put), list(drop), sets, gone))
            await self._reach()
            return await self._load()

    async def tell_members(self, available: str, up: list[str], down: list[str]) -> None:
        """What a dynamic set holds now."""
        self.members[available] = up, down
        async with self._lock:
            if self._streams is not None:
                with contextlib.suppress(ConnectionError):
                    await self._said(Members(next(self._ids), available, up, down))

    async def status(self) -> Done:
        """How the server is. Raises ``ConnectionError`` when there is none."""
        return await self._said(spec.Status(next(self._ids)))

    async def _load(self) -> Done:
        try:
            items, zones = self._everything()
            done = await self._said(Load(next(self._ids), items, zones))
            for available, (up, down) in self.members.items():
                await self._said(Members(next(self._ids), available, up, down))
            return done
        except ConnectionError as error:
            raise EngineError(f"the name server ended: {error}; see {self._directory / _LOG_FILE}") from error

    async def _said(self, message: Any) -> Done:
        if self._streams is None:
            raise ConnectionError("there is no name server")
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._answers[message.id] = answer
        self._streams[1].write(spec.frame(message))
        try:
            return await answer
        finally:
            self._answers.pop(message.id, None)

    async def _reach(self) -> None:
        """Connect to the server that is there, or to one that is started for it."""
        self._streams = await self._connected()
        if self._streams is None:
            self._start()
            deadline = asyncio.get_running_loop().time() + _PATIENCE_S
            while self._streams is None:
                if asyncio.get_running_loop().time() > deadline:
                    raise EngineError(f"the name server does not come up; see {self._directory / _LOG_FILE}")
                await asyncio.sleep(_POLL_S)
                self._streams = await self._connected()
        self._watching = asyncio.create_task(self._watch(self._streams[0]))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        try:
            with reachable(self._directory) as path:
                return await asyncio.open_unix_connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def _start(self) -> None:
        """In a session of its own: it outlives whoever started it."""
        command = [sys.executable, "-m", "lazulite.engines.dns", "--directory", str(self._directory)]
        with (self._directory / _LOG_FILE).open("ab") as log:
            detached = ["setsid", "--fork", *command]
            subprocess.run(detached, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ), check=True)

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        """Take answers until the server is gone, then have another one."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(await reader.readexactly(4))
                done = spec.done_of.decode(await reader.readexactly(length))
                answer = self._answers.get(done.id)
                if answer is not None and not answer.done():
                    answer.set_result(done)
        self._streams = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the name server has gone"))
        _LOG.warning("the name server has gone; starting another")
        try:
            await self.load()
        except EngineError as error:
            _LOG.warning("%s", error)

    def close(self) -> None:
        """Let go of it; it goes on."""
        if self._watching is not None:
            self._watching.cancel()
        if self._streams is not None:
            self._streams[1].close()
