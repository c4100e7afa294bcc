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
_POLLS_A_START = 50
"""One that is started while the last still holds the lab ends at once, so it may take another."""
_LOG_FILE = "dns.log"


class EngineError(Exception):
    """The server does not come up; the text says why."""


class _Link:
    """One connection to a server. Every message is answered, or raises ``ConnectionError`` when the server goes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._answers: dict[int, asyncio.Future[Done]] = {}
        self.gone = False

    async def said(self, message: Any) -> Done:
        if self.gone:
            raise ConnectionError("the name server has gone")
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._answers[message.id] = answer
        self._writer.write(spec.frame(message))
        try:
            return await answer
        finally:
            self._answers.pop(message.id, None)

    async def listen(self) -> None:
        """Take answers until the server is gone."""
        try:
            while True:
                length = int.from_bytes(await self._reader.readexactly(4))
                done = spec.done_of.decode(await self._reader.readexactly(length))
                answer = self._answers.get(done.id)
                if answer is not None and not answer.done():
                    answer.set_result(done)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone = True
            self.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the name server has gone"))

    def close(self) -> None:
        self._writer.close()


class Engine:
    """Belongs to one event loop. *everything* gives what a server that knows nothing is to be told."""

    def __init__(self, directory: Path, everything: Callable[[], tuple[list[AnyItem], dict[str, bytes]]]) -> None:
        self._directory, self._everything = directory, everything
        self._ids = itertools.count(1)
        self._link: _Link | None = None
        self._lock = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self.members: dict[str, tuple[list[str], list[str]]] = {}
        """What the dynamic sets hold, told again to a server that was started again."""

    @property
    def running(self) -> bool:
        """Whether a server is there that knows everything."""
        return self._link is not None and not self._link.gone and not self._lock.locked()

    async def load(self) -> Done:
        """Have a server that knows everything. Raises :class:`EngineError`."""
        async with self._lock:
            return await self._loaded()

    async def change(
        self,
        put: Iterable[AnyItem],
        drop: Iterable[tuple[str, str]],
        sets: dict[str, bytes],
        gone: dict[str, list[tuple[str, str]]],
    ) -> Done:
        """Tell a difference; to a server that has to be started for it, everything. Raises :class:`EngineError`."""
        async with self._lock:
            if self._link is not None:
                with contextlib.suppress(ConnectionError):
                    return await self._link.said(Change(next(self._ids), list(put), list(drop), sets, gone))
            return await self._loaded()

    async def tell_members(self, available: str, up: list[str], down: list[str]) -> None:
        """What a dynamic set holds now."""
        self.members[available] = up, down
        async with self._lock:
            if self._link is not None:
                with contextlib.suppress(ConnectionError):
                    await self._link.said(Members(next(self._ids), available, up, down))

    async def _loaded(self) -> Done:
        """A server may end just as it is found: then it is looked for again, or another one started."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            if self._link is None or self._link.gone:
                self._link = await self._reached(deadline)
                self._watching = asyncio.create_task(self._watch(self._link))
            try:
                items, zones = self._everything()
                done = await self._link.said(Load(next(self._ids), items, zones))
                for available, (up, down) in self.members.items():
                    await self._link.said(Members(next(self._ids), available, up, down))
                return done
            except ConnectionError:
                self._late(deadline)

    async def _reached(self, deadline: float) -> _Link:
        """A connection to the server that is there, or to one that is started for it."""
        polls = 0
        while (found := await self._connected()) is None:
            if polls % _POLLS_A_START == 0:
                self._start()
            polls += 1
            self._late(deadline)
            await asyncio.sleep(_POLL_S)
        return found

    def _late(self, deadline: float) -> None:
        if asyncio.get_running_loop().time() > deadline:
            raise EngineError(f"the name server does not come up; see {self._directory / _LOG_FILE}")

    async def _connected(self) -> _Link | None:
        try:
            with reachable(self._directory) as path:
                return _Link(*await asyncio.open_unix_connection(path))
        except (FileNotFoundError, ConnectionError):
            return None

    def _start(self) -> None:
        """In a session of its own: it outlives whoever started it."""
        command = [sys.executable, "-m", "lazulite.engines.dns", "--directory", str(self._directory)]
        with (self._directory / _LOG_FILE).open("ab") as log:
            detached = ["setsid", "--fork", *command]
            subprocess.run(detached, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(os.environ), check=True)

    async def _watch(self, link: _Link) -> None:
        """When the server is gone, have another one, unless somebody has one already."""
        await link.listen()
        _LOG.warning("the name server has gone; starting another")
        async with self._lock:
            if self._link is link:
                try:
                    await self._loaded()
                except EngineError as error:
                    _LOG.warning("%s", error)

    def close(self) -> None:
        """Let go of it; it goes on."""
        if self._watching is not None:
            self._watching.cancel()
        if self._link is not None:
            self._link.close()
