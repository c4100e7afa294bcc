"""Where the lab's network reaches the controller: connections to a host on the Internet, handed on to a unix socket.

Nothing of them is read: TLS ends in the controller. While there is none, a connection is closed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux import sockets
from lazulite.forwarding.model import Doorway

_PIECE = 64 * 1024
MOST = 256
"""Connections at a time; of more, each is closed at once, so that no machine takes all descriptors there are. Ours."""
Listen = Callable[[str, int], Any]


class Doorways:
    """Implements :class:`lazulite.agent.loop.Engine`; belongs to one event loop."""

    def __init__(self, directory: Path, listen: Listen = sockets.listener) -> None:
        self._directory, self._listen = directory, listen
        self._wanted: dict[str, Doorway] = {}
        self._open: dict[str, tuple[Doorway, asyncio.Server]] = {}
        self._passing: set[asyncio.Task[Any]] = set()

    async def load(self, entries: Iterable[Any]) -> list[Refusal]:
        self._wanted = {e.name: e for e in entries if isinstance(e, Doorway)}
        return await self._serve()

    async def release(self, delta: ModelDelta) -> None:
        for entry in delta.removed.values():
            if isinstance(entry, Doorway):
                self._wanted.pop(entry.name, None)
                self._shut(entry.name)

    async def follow(self, delta: ModelDelta) -> list[Refusal]:
        self._wanted |= {e.name: e for e in delta.changed.values() if isinstance(e, Doorway)}
        return await self._serve()

    async def _serve(self) -> list[Refusal]:
        for name, (entry, _) in list(self._open.items()):
            if self._wanted.get(name) != entry:
                self._shut(name)
        refused = []
        for entry in self._wanted.values():
            if entry.name not in self._open:
                try:
                    at = self._listen(entry.host, entry.port)
                except OSError as error:
                    refused.append(Refusal(entry.origin, f"port {entry.port} of {entry.host}: {error.strerror}"))
                    continue
                self._open[entry.name] = entry, await asyncio.start_server(self._passer(entry), sock=at)
        return refused

    def _shut(self, name: str) -> None:
        held = self._open.pop(name, None)
        if held is not None:
            held[1].close()

    def _passer(self, entry: Doorway) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            if len(self._passing) >= MOST:
                await _shut(writer)
                return
            self._passing.add(task)
            try:
                await self._pass(entry, reader, writer)
            finally:
                self._passing.discard(task)
                await _shut(writer)

        return passed

    async def _pass(self, entry: Doorway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await self._inner(entry)
        except OSError:
            return
        ways = [
            asyncio.ensure_future(_pour(reader, inner_writer)),
            asyncio.ensure_future(_pour(inner_reader, writer)),
        ]
        try:
            await ways[1]  # once the controller has no more to say, whatever the client still sends is for nobody
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _shut(inner_writer)

    async def _inner(self, entry: Doorway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """By a path that fits a socket address, however long the directory's name is."""
        opened = os.open(self._directory, os.O_PATH | os.O_CLOEXEC)
        try:
            return await asyncio.open_unix_connection(f"/proc/self/fd/{opened}/{entry.socket}")
        finally:
            os.close(opened)

    async def close(self) -> None:
        for name in list(self._open):
            self._shut(name)
        for task in list(self._passing):
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)


async def _shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, and its end; one that breaks ends the other way too."""
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
    except OSError:
        writer.close()
