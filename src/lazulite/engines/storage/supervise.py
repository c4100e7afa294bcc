"""The process that serves storage accounts, from the side of whoever keeps it: found or started, told which accounts
there are, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from lazulite.engines.storage import programs
from lazulite.engines.storage.blobs import StoreError
from lazulite.engines.storage.local import Local

_LOG = logging.getLogger(__name__)
_PATIENCE_S = 20.0
"""How long a process may take to serve."""
_ANSWER_S = 10.0
_POLL_S = 0.02
_RETRY_S = 1.0
_LOG_FILE = "storage.log"
_DATA = "storage"
_ACCOUNTS = "/lazulite/accounts"
RUNNING = "running"


class Account(msgspec.Struct, frozen=True):
    """What the process is told of one account. ``hosts``: service by host name; ``keys``: base64."""

    guid: str
    keys: tuple[str, ...]
    hosts: dict[str, str]
    secure: bool = True
    anonymous: bool = False
    shared: bool = True


Launch = Callable[[list[str], Path], "subprocess.Popen[bytes]"]
"""Starts a command where the accounts' addresses are, in a session of its own, with its output in a file; blocks.
Raises ``OSError``."""


class Store:
    """Belongs to one event loop. *changed* is called when :attr:`state` is another."""

    def __init__(self, directory: Path, launch: Launch, changed: Callable[[], None], *listening: str) -> None:
        self._directory, self._launch, self._changed, self._listening = directory, launch, changed, listening
        self._accounts: Mapping[str, Account] = {}
        self._asked = self._done = 0
        """Numbers of the last accounts that were wanted, and of those that were told or could not be."""
        self._progress = asyncio.Condition()
        self._wake = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._watched: tuple[int, int] | None = None
        """The process and the descriptor that says when it ends."""
        self.state = RUNNING
        """:data:`RUNNING`, or why accounts are not served."""

    async def hold(self, accounts: Mapping[str, Account]) -> None:
        """Serve exactly *accounts* (by name), and keep nothing of any other. Returns once they are served or it is
        known why not, as :attr:`state` says; what failed is tried again until it is done."""
        self._accounts = dict(accounts)
        self._asked += 1
        number = self._asked
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        self._wake.set()
        async with self._progress:
            await self._progress.wait_for(lambda: self._done >= number)

    async def _keep(self) -> None:
        """Whenever something is to be done, do it; for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            number, accounts = self._asked, self._accounts
            try:
                await (self._serve(accounts) if accounts else self._end())
                state = RUNNING
            except (StoreError, OSError) as error:
                state = str(error)
                asyncio.get_running_loop().call_later(_RETRY_S, self._wake.set)
            async with self._progress:
                self._done = number
                self._progress.notify_all()
            self._tell(state)

    def _tell(self, state: str) -> None:
        if state != self.state:
            self.state = state
            _LOG.info("storage: %s", state)
            self._changed()

    async def _serve(self, accounts: Mapping[str, Account]) -> None:
        """Have a process that serves *accounts*. Raises :class:`StoreError` and ``OSError``."""
        command = programs.command(self._directory, *self._listening)
        body = msgspec.json.encode(accounts)
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        if self._child is not None and self._child.poll() is not None:
            self._child = None  # one that served and has gone is not one that fails to start
        while (process := await asyncio.to_thread(self._told, body)) is None:
            if self._child is None:
                self._child = await asyncio.to_thread(self._launch, command, self._directory / _LOG_FILE)
            elif self._child.poll() is not None:
                self._child = None
                raise StoreError(f"the storage service ended at once: {_last_line(self._directory / _LOG_FILE)}")
            if asyncio.get_running_loop().time() > deadline:
                self._child.kill()
                raise StoreError(f"the storage service does not come up; see {self._directory / _LOG_FILE}")
            await asyncio.sleep(_POLL_S)
        self._watch(process)

    def _told(self, body: bytes) -> int | None:
        """The process that serves what it was told; ``None``: there is none, or none any more."""
        connection = Local(self._directory, _ANSWER_S)
        try:
            connection.connect()
            process = connection.server()
            status, why = connection.ask("POST", _ACCOUNTS, body, {})
        except TimeoutError:
            _LOG.warning("the storage service does not answer and is ended")
            _kill(process, signal.SIGKILL)
            return None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if status != 204:
            raise StoreError(f"the storage service cannot follow: {why.decode(errors='replace')}")
        return process

    def _watch(self, process: int) -> None:
        """Be woken when the process ends."""
        if self._watched is not None and self._watched[0] == process:
            return
        self._unwatch()
        try:
            opened = os.pidfd_open(process)
        except ProcessLookupError:
            self._wake.set()
            return
        self._watched = process, opened
        asyncio.get_running_loop().add_reader(opened, self._gone)

    def _gone(self) -> None:
        _LOG.warning("the storage service has gone; starting another")
        self._unwatch()
        self._wake.set()

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched[1])
            os.close(self._watched[1])
            self._watched = None

    async def _end(self) -> None:
        """Serve nobody and keep nothing."""
        if (self._directory / _DATA).exists() or self._child is not None:
            self._unwatch()
            await asyncio.to_thread(self._ended)
            await asyncio.to_thread(shutil.rmtree, self._directory / _DATA, True)

    def _ended(self) -> None:
        """The process that serves, whoever started it, is gone."""
        connection = Local(self._directory, _ANSWER_S)
        with contextlib.suppress(OSError):
            connection.connect()
            process = connection.server()
            opened = os.pidfd_open(process)
            _kill(process, signal.SIGKILL)
            _await_end(opened)
        connection.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def close(self) -> None:
        """Let go of it; it goes on."""
        if self._keeper is not None:
            self._keeper.cancel()
            self._keeper = None
        self._unwatch()


def _await_end(opened: int) -> None:
    """Until the process of a descriptor is gone; closes it."""
    try:
        select.select([opened], [], [], _ANSWER_S)
    finally:
        os.close(opened)


def _kill(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _last_line(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"
    return "it said nothing"
