"""The firewall of a lab, as whoever keeps it sees it: found or started, given policies, started again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from lazulite.engines.waf import spec
from lazulite.engines.waf.spec import Loaded, State

_LOG = logging.getLogger(__name__)
PATIENCE_S = 20.0
"""How long new processes may take to answer."""
_POLL_S = 0.01
_MEMORY = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000"}
"""A fifth of what a request costs is to get and give back small pieces of memory; more of them are kept at hand."""
_LOG_FILE, _LOCK_FILE = "waf.log", "waf.lock"


class FirewallError(Exception):
    """The firewall does not come up; the text says why."""


class Firewall:
    """Belongs to one event loop. What is started goes on when whoever started it ends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = asyncio.Lock()
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._given: State | None = None

    async def serve(self, state: State) -> dict[str, str]:
        """Serve exactly *state*; by policy, why it cannot be. With no policies nothing runs that was not there.

        Raises :class:`FirewallError`.
        """
        async with self._lock:
            if state == self._given or (self._given is None and not state.policies):
                return {}
            await asyncio.to_thread(self._write, state)
            faults = await self._told()
            self._given = state
            return faults

    def _write(self, state: State) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        new = self._directory / (spec.FILE + ".new")
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.encode(state))
        os.replace(new, self._directory / spec.FILE)

    async def _told(self) -> dict[str, str]:
        """Have all processes load the file."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            reader, writer = await self._linked(deadline)
            writer.write(b"load\n")
            with contextlib.suppress(ConnectionError):
                if line := await reader.readline():
                    self._watch(reader)
                    return msgspec.json.decode(line, type=Loaded).faults
            self._unlink()

    async def _linked(self, deadline: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])  # It reads from the link; nobody else can meanwhile.
            self._watching = None
        while self._link is None:
            try:
                self._link = await asyncio.open_unix_connection(str(self._directory / spec.CONTROL))
            except (FileNotFoundError, ConnectionError) as error:
                self._start()
                if asyncio.get_running_loop().time() > deadline:
                    where = self._directory / _LOG_FILE
                    raise FirewallError(f"the firewall does not come up; see {where}") from error
                await asyncio.sleep(_POLL_S)
        return self._link

    def _start(self) -> None:
        """In a session of its own, unless one lives: whoever does holds the lock that it was given."""
        command = [sys.executable, "-m", "lazulite.engines.waf", "--directory", str(self._directory)]
        with (self._directory / _LOCK_FILE).open("ab") as lock, (self._directory / _LOG_FILE).open("ab") as log:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            detached = ["setsid", "--fork", *command]
            nothing, held, given = subprocess.DEVNULL, (lock.fileno(),), os.environ | _MEMORY
            subprocess.run(detached, stdin=nothing, stdout=log, stderr=log, pass_fds=held, env=given, check=True)

    def _watch(self, reader: asyncio.StreamReader) -> None:
        self._watching = asyncio.create_task(self._again(reader))

    async def _again(self, reader: asyncio.StreamReader) -> None:
        """When it is gone, start another, which is given the same."""
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
        _LOG.warning("the firewall has gone; starting another")
        async with self._lock:
            self._watching = None
            self._unlink()
            try:
                await self._told()
            except FirewallError as error:
                _LOG.warning("%s", error)
                self._watch(reader)  # It has ended, so this is tried again.

    def _unlink(self) -> None:
        if self._link is not None:
            self._link[1].close()
        self._link = None

    def close(self) -> None:
        """Let go of it; it goes on."""
        if self._watching is not None:
            self._watching.cancel()
        self._unlink()
