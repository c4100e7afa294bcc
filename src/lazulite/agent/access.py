"""Who makes Azure's access log, as the agent keeps it: a process of its own, started again if it dies, that goes on
while there is no agent. It is told what Azure calls the places of requests by a file, before Envoy knows of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from lazulite.engines.http import access, render
from lazulite.engines.http.conversion import LOCK
from lazulite.engines.http.lines import KNOWN, Known
from lazulite.engines.http.supervise import ended
from lazulite.forwarding.model import HttpBackend, HttpProxy, WafPolicy

_LOG = logging.getLogger(__name__)
KEPT = timedelta(minutes=15)
"""How long names are told that count no more: lines are made later than requests."""
_AGAIN_S = 0.5
_MODULE = "lazulite.engines.http"
_LOG_FILE = "access-process.log"
World = tuple[Mapping[str, HttpProxy], Mapping[str, HttpBackend], Mapping[str, WafPolicy]]


class AccessLog:
    """Belongs to one event loop."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._told: World | None = None
        self._known: Known | None = None
        self._task: asyncio.Task[None] | None = None

    async def serve(
        self, proxies: Mapping[str, HttpProxy], backends: Mapping[str, HttpBackend], policies: Mapping[str, WafPolicy]
    ) -> None:
        """Have lines made for all *proxies*; with none, for what is left."""
        world = dict(proxies), dict(backends), dict(policies)
        if world == self._told:
            return
        try:
            await asyncio.to_thread(self._tell, world)
        except OSError as error:
            _LOG.warning("log=%s error=%s", self._directory / KNOWN, error)
            return
        self._told = world
        if proxies and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._keep())

    def _tell(self, world: World) -> None:
        """Replace the file, unless it says so already."""
        path = self._directory / KNOWN
        before = self._known if self._known is not None else _read(path)
        now = datetime.now(UTC)
        known = access.followed(before, access.places(*world), _written(now), _written(now - KEPT))
        if known != before:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            new = path.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_bytes(msgspec.json.encode(known))
            os.replace(new, path)
        self._known = known

    async def _keep(self) -> None:
        """Have it run while anything is served."""
        while self._known is not None and self._known.serving:
            try:
                process = self._running() or self._start()
            except OSError as error:
                _LOG.warning("the access log cannot be made: %s", error)
            else:
                await ended(process)
                with contextlib.suppress(ChildProcessError):  # It is another agent's.
                    os.waitpid(process, os.WNOHANG)
            await asyncio.sleep(_AGAIN_S)

    def _running(self) -> int | None:
        """Also one that another agent started."""
        try:
            process = int((self._directory / LOCK).read_text())
            told = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return process if {_MODULE.encode(), str(self._directory).encode()} <= set(told) else None

    def _start(self) -> int:
        """In a session of its own: it outlives whoever started it."""
        where = ["--directory", str(self._directory), "--admin", str(self._directory / render.ADMIN)]
        log = str(self._directory / _LOG_FILE), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            *((os.POSIX_SPAWN_OPEN, n, *log) for n in (1, 2)),
        ]
        command = [sys.executable, "-m", _MODULE, *where]
        return os.posix_spawn(sys.executable, command, os.environ, file_actions=files, setsid=True)

    def close(self) -> None:
        """Let go of it; it goes on."""
        if self._task is not None:
            self._task.cancel()


def _read(path: Path) -> Known:
    """What an earlier agent told."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Known)
    except (OSError, msgspec.MsgspecError):
        return Known()


def _written(time: datetime) -> str:
    """As Envoy writes it: 23 digits, to the nanosecond."""
    return f"{time:%Y%m%d%H%M%S%f}000"
