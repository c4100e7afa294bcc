"""Connection monitors: checks from inside machines, each at its own time; the last results are kept and told.

A file in the lab's directory has what is known. An agent that starts goes on from there; rounds of the last second
before the death of one may be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from lazulite.agent.protocol import Observed
from lazulite.drivers.driver import ModelDelta
from lazulite.drivers.linux import sockets
from lazulite.engines.measure import Round, Spaces, measured, verdict
from lazulite.engines.probe.standing import Pace, following
from lazulite.forwarding.model import Check, Guest, InternetHost, Monitor
from lazulite.incremental import Delta
from lazulite.values import IPAddress

_LOG = logging.getLogger(__name__)
FILE = "monitors.json"
"""In the lab's directory."""
KEPT_ROUNDS = 50
"""Results of a check that are kept."""
PAUSE_S = 1.0
"""Between two tellings, which are also when results are written down."""
_NO_SOURCE = "the source does not run"
Measure: TypeAlias = Callable[[Check, Guest | InternetHost], Any]
"""An awaitable :class:`Round` from a machine."""


class LinuxSpaces:
    """Implements :class:`lazulite.engines.measure.Spaces` in the namespaces of the Linux driver."""

    def stream(self, guest: str, to: IPAddress) -> socket.socket:
        return sockets.outside(guest, to)

    def datagrams(self, guest: str, to: IPAddress) -> socket.socket:
        return sockets.outside(guest, to, datagrams=True)

    def echo(self, guest: str, to: IPAddress) -> socket.socket:
        return sockets.echo(guest, to)

    def listener(self, guest: str, port: int) -> socket.socket:
        return sockets.listener(guest, port)


class Kept(msgspec.Struct):
    """The results of one check, which ``said`` is in JSON: those of another one of the same name do not count."""

    said: str
    rounds: list[Round] = []

    def learn(self, found: Round) -> None:
        self.rounds.append(found)
        del self.rounds[:-KEPT_ROUNDS]

    def report(self, check: Check) -> dict[str, Any]:
        """As clients of the agent are told it: counts and round trips (least, average, most) of the last round."""
        last = self.rounds[-1] if self.rounds else Round("", 0, 0)
        return {
            "state": str(verdict(check, last)),
            "sent": last.sent,
            "failed": last.failed,
            "rtt": [min(last.times), _rounded(last.average_ms), max(last.times)] if last.times else [],
            "last": [[r.at, _rounded(r.average_ms)] for r in self.rounds if r.sent],
            "reason": last.reason,
        }


class History(msgspec.Struct):
    """What is known of one monitor, since ``started``."""

    guid: str
    started: str
    checks: dict[str, Kept] = {}


class Monitors:
    """Implements :class:`lazulite.agent.loop.Follower`; belongs to one event loop.

    Without *spaces* (a lab without packets) nothing is measured, and all states are indeterminate.
    """

    def __init__(
        self,
        directory: Path,
        tell: Callable[[Observed], None],
        spaces: Spaces | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        measure: Measure | None = None,
    ) -> None:
        self._path, self._tell, self._now = directory / FILE, tell, now
        self._measure = measure or (self._round if spaces is not None else None)
        self._listeners = Listeners(spaces)
        self._spaces, self._writing = spaces, threading.Lock()
        self._monitors: dict[str, Monitor] = {}
        self._machines: dict[str, Guest | InternetHost] = {}
        self._known = _read(self._path)
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._pace = Pace()
        self._news: set[str] = set()
        """Monitors to tell of."""
        self._telling: asyncio.Task[None] | None = None

    def settle(self, delta: ModelDelta) -> None:
        for entry in delta.removed.values():
            self._leave(entry)
        for entry in delta.changed.values():
            if isinstance(entry, Guest | InternetHost):
                self._machines[entry.name] = entry
        for entry in delta.changed.values():
            if isinstance(entry, Monitor):
                self._join(entry)
        if any(isinstance(e, Monitor | Guest) for e in (*delta.changed.values(), *delta.removed.values())):
            self._listen()

    def replace(self, entries: Iterable[Any]) -> None:
        given = {e.key: e for e in entries}
        kept = {e.name for e in given.values() if isinstance(e, Monitor)}
        for name in self._known.keys() | self._monitors.keys():
            if name not in kept:
                self._forget(name)
        self._machines.clear()
        self.settle(Delta(changed=given))

    def news(self) -> Observed:
        return Observed(reports={name: self._report(name) for name in sorted(self._monitors)})

    def _report(self, name: str) -> dict[str, Any] | None:
        monitor, known = self._monitors.get(name), self._known.get(name)
        if monitor is None or known is None:
            return None
        checks = {c.name: known.checks[c.name].report(c) for c in monitor.checks}
        return {"guid": known.guid, "started": known.started, "checks": checks}

    async def close(self) -> None:
        for task in (*self._tasks.values(), *((self._telling,) if self._telling else ())):
            task.cancel()
        self._listeners.follow({})
        await self._save()

    def _leave(self, entry: Any) -> None:
        if isinstance(entry, Monitor):
            self._forget(entry.name)
        elif isinstance(entry, Guest | InternetHost):
            self._machines.pop(entry.name, None)

    def _forget(self, name: str) -> None:
        self._monitors.pop(name, None)
        self._known.pop(name, None)
        for key in [k for k in self._tasks if k[0] == name]:
            self._end(*key)
        self._note(name)

    def _join(self, monitor: Monitor) -> None:
        """Follow the monitor as it is now; what is the same check as before keeps its results."""
        known = self._known.get(monitor.name)
        if known is None or known.guid != monitor.guid:
            known = self._known[monitor.name] = History(monitor.guid, self._at())
        before, known.checks = known.checks, {c.name: _kept(known.checks.get(c.name), c) for c in monitor.checks}
        self._monitors[monitor.name] = monitor
        wanted = () if monitor.stopped or self._measure is None else monitor.checks
        same = {c.name for c in wanted if before.get(c.name) is known.checks[c.name]}
        for key in [k for k in self._tasks if k[0] == monitor.name and k[1] not in same]:
            self._end(*key)
        for check in wanted:
            if (monitor.name, check.name) not in self._tasks:
                following_it = self._follow(monitor.name, check, known.checks[check.name])
                self._tasks[monitor.name, check.name] = asyncio.create_task(following_it)
        self._note(monitor.name)

    def _end(self, monitor: str, check: str) -> None:
        task = self._tasks.pop((monitor, check), None)
        if task is not None:
            task.cancel()

    async def _follow(self, monitor: str, check: Check, kept: Kept) -> None:
        """Measure for ever."""
        clock = asyncio.get_running_loop().time
        due = self._pace.first(clock(), check.interval_s)
        while True:
            await asyncio.sleep(due - clock())
            kept.learn(await self._measured(check))
            self._note(monitor)
            due = following(due, clock(), check.interval_s)

    async def _measured(self, check: Check) -> Round:
        assert self._measure is not None
        machine = self._machines.get(check.source)
        if machine is None:
            return Round(self._at(), 0, 0, reason=_NO_SOURCE)
        self._listen()
        try:
            found: Round = await self._measure(check, machine)
        except Exception as error:  # our own fault, of any kind: nothing is known of the network, and time goes on
            _LOG.exception("check=%s not measured", check.name)
            return Round(self._at(), 0, 0, reason=f"not measured: {error}")
        return found

    async def _round(self, check: Check, machine: Guest | InternetHost) -> Round:
        assert self._spaces is not None
        return await measured(check, self._spaces, machine.nameservers, self._at)

    def _listen(self) -> None:
        """Answer where checks want somebody to, and nobody else does."""
        checks = [c for m in self._monitors.values() if not m.stopped for c in m.checks]
        wanted = {(c.listens, c.port) for c in checks if c.listens in self._machines}
        self._listeners.follow({place: self._machines[place[0]].guid for place in wanted})

    def _at(self) -> str:
        return self._now().isoformat(timespec="milliseconds")

    def _note(self, monitor: str) -> None:
        self._news.add(monitor)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_soon())

    async def _tell_soon(self) -> None:
        """Tell at once, and then not again before a pause. What was told, the next agent knows: it is kept first."""
        while self._news:
            news, self._news = self._news, set()
            reports = {name: self._report(name) for name in sorted(news)}
            await self._save()
            self._tell(Observed(reports=reports))
            await asyncio.sleep(PAUSE_S)
        self._telling = None

    async def _save(self) -> None:
        content = msgspec.json.encode(self._known)
        try:
            await asyncio.to_thread(self._write, content)
        except OSError as error:
            _LOG.warning("results of monitors are not kept: %s", error)

    def _write(self, content: bytes) -> None:
        """Replace the file at once: whoever reads finds the old text or the new one."""
        with self._writing:
            new = self._path.with_suffix(".new")
            new.write_bytes(content)
            os.replace(new, self._path)


def _kept(former: Kept | None, check: Check) -> Kept:
    said = msgspec.json.encode(check, enc_hook=str).decode()
    return former if former is not None and former.said == said else Kept(said)


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 3)


Place: TypeAlias = tuple[str, int]
"""A machine and a port of it."""


class Listeners:
    """Takes connections in machines, and closes them."""

    def __init__(self, spaces: Spaces | None) -> None:
        self._spaces = spaces
        self._open: dict[Place, tuple[str, socket.socket]] = {}
        """With the incarnation of the machine."""

    def follow(self, wanted: Mapping[Place, str]) -> None:
        """Listen there and nowhere else; places where somebody else does are left to them, and asked for again."""
        for place, (guid, opened) in list(self._open.items()):
            if wanted.get(place) != guid:
                asyncio.get_running_loop().remove_reader(opened)
                opened.close()
                del self._open[place]
        for place in sorted(wanted.keys() - self._open.keys()):
            if self._spaces is not None:
                with contextlib.suppress(OSError):
                    opened = self._spaces.listener(*place)
                    self._open[place] = wanted[place], opened
                    asyncio.get_running_loop().add_reader(opened, _take, opened)


def _take(listening: socket.socket) -> None:
    for connection in _waiting(listening):
        connection.close()


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    with contextlib.suppress(OSError):
        yield listening.accept()[0]


def _read(path: Path) -> dict[str, History]:
    """What an earlier agent wrote, or nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, History])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        _LOG.warning("results of monitors that were kept cannot be read: %s", error)
        return {}
