"""Packet captures of the model: a session for each, which goes on when another agent takes over.

A file in the lab's directory has what is known of every session. One that ended is never begun again; one that was
under way goes on into the same file and blob, if the lab's machines are still the same. What came between two agents
is missing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from lazulite.agent.capturing import AGENT_STOPPED, NOT_STARTED, STOPPED, Kept, Session, Where
from lazulite.agent.protocol import Observed
from lazulite.drivers.driver import ModelDelta
from lazulite.drivers.linux import listening
from lazulite.drivers.linux.guests import Init
from lazulite.engines.capture.spec import Source
from lazulite.engines.storage.blobs import Blobs
from lazulite.forwarding.model import Capture, Port
from lazulite.incremental import Delta

_LOG = logging.getLogger(__name__)
FILE = "captures.json"
"""In the lab's directory."""
PAUSE_S = 0.2
"""Between two tellings."""


class _File(msgspec.Struct):
    life: str
    sessions: dict[str, Kept]


class Captures:
    """Implements :class:`lazulite.agent.loop.Follower`. *life* tells the lab's machines from those of another time."""

    def __init__(
        self,
        directory: Path,
        enter: Callable[[str], Awaitable[Init]],
        blobs: Blobs,
        tell: Callable[[Observed], None],
        life: str,
    ) -> None:
        self._path, self._enter, self._blobs, self._tell, self._life = directory / FILE, enter, blobs, tell, life
        self._kept = _read(self._path, life)
        self._entries: dict[str, Capture] = {}
        self._ports: dict[str, Port] = {}
        self._sessions: dict[str, Session] = {}
        self._turned: set[str] = set()
        self._telling: asyncio.TimerHandle | None = None
        self._parting: set[asyncio.Task[None]] = set()

    def settle(self, delta: ModelDelta) -> None:
        for entry in delta.removed.values():
            self._without(entry)
        for entry in delta.changed.values():
            if isinstance(entry, Capture):
                self._entries[entry.name] = entry
            elif isinstance(entry, Port):
                self._ports[entry.name] = entry
        touched = {e.name for e in (*delta.changed.values(), *delta.removed.values()) if isinstance(e, Capture | Port)}
        for entry in self._entries.values():
            if entry.name in touched or touched.intersection(entry.ports):
                self._follow(entry)

    def replace(self, entries: Iterable[Any]) -> None:
        wanted = {e.key: e for e in entries if isinstance(e, Capture | Port)}
        held: list[Capture | Port] = [*self._entries.values(), *self._ports.values()]
        for name in self._kept.keys() - {e.name for e in wanted.values() if isinstance(e, Capture)}:
            self._kept.pop(name)
        self.settle(Delta(changed=wanted, removed={e.key: e for e in held if e.key not in wanted}))

    def _without(self, entry: Any) -> None:
        if isinstance(entry, Port):
            self._ports.pop(entry.name, None)
        elif isinstance(entry, Capture):
            self._entries.pop(entry.name, None)
            self._kept.pop(entry.name, None)
            self._end(entry.name)
            self._turn(entry.name)

    def _end(self, name: str) -> None:
        """What it captured stays where it is."""
        session = self._sessions.pop(name, None)
        if session is not None:
            task = asyncio.create_task(session.leave())
            self._parting.add(task)
            task.add_done_callback(self._parting.discard)

    def _follow(self, entry: Capture) -> None:
        session = self._sessions.get(entry.name)
        if session is not None and session.entry.guid != entry.guid:
            self._end(entry.name)
            session = None
        if session is None:
            kept = self._kept.get(entry.name)
            if kept is None or kept.guid != entry.guid:
                kept = self._kept[entry.name] = Kept(entry.guid)
            name = entry.name
            session = Session(entry, kept, self._enter, self._blobs, lambda: self._turn(name))
            self._sessions[entry.name] = session
            self._turn(entry.name)
        session.follow(entry, self._where(entry))

    def _where(self, entry: Capture) -> Where:
        ports = [p for p in map(self._ports.get, entry.ports) if p is not None and p.guest is not None]
        sources = tuple(Source(p.label, *listening.place(p)) for p in ports)
        return Where(sources, (ports[0].guest or "") if ports else "")

    def news(self) -> Observed:
        return Observed(reports={name: session.report() for name, session in self._sessions.items()})

    async def close(self) -> None:
        await asyncio.gather(*(s.leave() for s in self._sessions.values()), *self._parting)
        if self._telling is not None:  # not before: those that left may have had something to tell
            self._telling.cancel()
        self._save()

    def _turn(self, name: str) -> None:
        self._turned.add(name)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(PAUSE_S, self._tell_turned)

    def _tell_turned(self) -> None:
        turned, self._turned, self._telling = self._turned, set(), None
        sessions = self._sessions
        self._save()
        self._tell(Observed(reports={n: sessions[n].report() if n in sessions else None for n in sorted(turned)}))

    def _save(self) -> None:
        new = self._path.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode(_File(self._life, self._kept)))
            os.replace(new, self._path)
        except OSError as error:
            _LOG.warning("captures are not kept: %s", error)


def _read(path: Path, life: str) -> dict[str, Kept]:
    """What an earlier agent knew. A session that was under way ended with the machines it was of."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        _LOG.warning("captures that were kept cannot be read: %s", error)
        return {}
    for kept in found.sessions.values():
        if not kept.ended and found.life == life:
            kept.status = NOT_STARTED
        elif not kept.ended:
            kept.status, kept.stop_reason, kept.errors = STOPPED, AGENT_STOPPED, [AGENT_STOPPED]
    return found.sessions
