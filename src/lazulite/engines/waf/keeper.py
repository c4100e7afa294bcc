"""The process that keeps the workers: it holds their socket and what they count, and starts another when one dies."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from pathlib import Path

import msgspec

from lazulite.engines.waf import challenge, spec
from lazulite.engines.waf.counting import Counters
from lazulite.engines.waf.nursery import Nursery
from lazulite.engines.waf.spec import Count, Counted, Load, Loaded
from lazulite.engines.waf.worker import FIRST, to_keeper

_LOG = logging.getLogger(__name__)
WORKERS = 2
"""Each compiles what policies differ in, some 7 MB for each set of managed rules."""
_SHORT_S, _AGAIN_S = 1.0, 0.1
"""After a worker whose life was short another one waits, lest they come and go as fast as they can."""


class Keeper:
    """Belongs to one event loop. Its socket gets its name when the workers are ready.

    Until then those of the keeper before it, if they still live, are asked under that name.
    """

    def __init__(self, directory: Path, nursery: Nursery, workers: int = WORKERS) -> None:
        self._directory, self._nursery = directory, nursery
        self._counters = Counters()
        challenge.key(directory / spec.SECRET)
        self._closed = directory / f"{spec.SOCKET}.new"
        self._door = _listen(self._closed)
        identity = spec.identity(self._closed) or (0, 0)
        self._hands = [_Hand(nursery, self._door, identity, self._counters) for _ in range(workers)]
        self._open = asyncio.Event()

    async def run(self) -> None:
        """Until the nursery has gone; its workers go on."""
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._nursery.line, gone.set)
        ended = {loop.create_task(self._keep()), loop.create_task(gone.wait())}
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        _LOG.warning("what workers come from has gone; ending")

    async def _keep(self) -> None:
        running = [asyncio.create_task(h.run()) for h in self._hands]
        async with await asyncio.start_unix_server(self._told, sock=_listen(self._directory / spec.CONTROL)):
            for hand in self._hands:
                await hand.ready.wait()
            os.replace(self._closed, self._directory / spec.SOCKET)
            self._open.set()
            await asyncio.gather(*running)

    async def _told(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each line has all workers load; the answer comes when they have."""
        while await reader.readline():
            await self._open.wait()
            faults: dict[str, str] = {}
            for found in await asyncio.gather(*(h.load() for h in self._hands)):
                faults |= found
            writer.write(msgspec.json.encode(Loaded(0, faults)) + b"\n")
        writer.close()


class _Hand:
    """One worker, always there."""

    def __init__(self, nursery: Nursery, door: socket.socket, identity: spec.Identity, counters: Counters) -> None:
        self._nursery, self._door, self._identity, self._counters = nursery, door, identity, counters
        self._writer: asyncio.StreamWriter | None = None
        self._loads: dict[int, asyncio.Future[dict[str, str]]] = {}
        self._number = FIRST
        self.ready = asyncio.Event()

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            own, pair = socket.socketpair()
            with pair:
                self._nursery.bear(pair, self._door, self._identity)
            reader, self._writer = await asyncio.open_connection(sock=own)
            for number in self._loads:
                self._tell(Load(number))
            await self._listen(reader)
            self._writer.close()
            _LOG.warning("a worker has gone; starting another")
            if time.monotonic() - began < _SHORT_S:
                await asyncio.sleep(_AGAIN_S)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Until the worker is gone."""
        try:
            while line := await reader.readline():
                said = to_keeper.decode(line)
                if isinstance(said, Count):
                    within = self._counters.within(said.key, said.count, said.seconds, time.monotonic())
                    self._tell(Counted(said.id, within))
                elif said.id == FIRST:
                    self.ready.set()
                elif said.id in self._loads:
                    self._loads.pop(said.id).set_result(said.faults)
        except ConnectionError:
            return

    def _tell(self, message: Load | Counted) -> None:
        assert self._writer is not None
        self._writer.write(msgspec.json.encode(message) + b"\n")

    async def load(self) -> dict[str, str]:
        """Have the worker load; one that dies meanwhile has another do so."""
        self._number += 1
        loaded: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._loads[self._number] = loaded
        if self._writer is not None:
            self._tell(Load(self._number))
        return await loaded


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    path.chmod(0o600)
    made.listen(512)
    made.setblocking(False)
    return made
