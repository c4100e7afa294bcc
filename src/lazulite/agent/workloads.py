"""The guests of the lab as the agent sees them: started when first used, their scripts run once, told about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import msgspec

from lazulite.agent.protocol import Observed
from lazulite.drivers.driver import ModelDelta
from lazulite.drivers.linux import guests, names
from lazulite.drivers.linux.guests import GuestError, Init, Workload
from lazulite.forwarding.model import EntryKey, Guest, InternetHost, Script

_LOG = logging.getLogger(__name__)
_CUSTOM_DATA = ""
"""Name under which custom data is among the scripts of a guest: before all others."""
RUNNING = "running"


class Finished(msgspec.Struct, frozen=True):
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


class Workloads(Protocol):
    """What the loop needs of the guests around each call of the driver."""

    async def retire(self, entries: Mapping[EntryKey, Any], among: Iterable[Any] | None = None) -> list[Workload]:
        """End guests that are gone from *entries*, or have become others in them; returns the latter.

        *among* are the entries that may have; ``None``: whatever runs may.
        """

    def settle(self, delta: ModelDelta) -> None:
        """The network of *delta* is there: what is to run in guests may start."""

    async def enter(self, name: str) -> Init:
        """The guest's init. Raises :class:`GuestError` when there is no such guest or it does not start."""

    async def run(self, name: str, script: str) -> Finished:
        """Run *script* in the guest to its end. Raises :class:`GuestError`."""

    def news(self) -> Observed:
        """All that is known by now, for a controller that knows nothing."""


class LinuxWorkloads:
    """Implements :class:`Workloads` with :mod:`lazulite.drivers.linux.guests`; belongs to one event loop."""

    def __init__(self, tell: Callable[[Observed], None]) -> None:
        self._tell = tell
        self._workloads: dict[str, Workload] = {}
        self._scripts: dict[str, dict[str, Script]] = {}
        """By guest and name."""
        self._done: dict[str, set[tuple[str, str]]] = {}
        """By guest, name and guid of the scripts that ended in it."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, str] = {}
        self._outcomes: dict[str, tuple[int, str, str]] = {}

    def news(self) -> Observed:
        return Observed(dict(self._states), dict(self._outcomes))

    async def retire(self, entries: Mapping[EntryKey, Any], among: Iterable[Any] | None = None) -> list[Workload]:
        again: list[Workload] = []
        wanted = {names.guest(e.name): e for e in _workloads(entries.values() if among is None else among)}
        suspects = guests.running() if among is None else {n: guests.find(e.name) for n, e in wanted.items()}
        for namespace, init in suspects.items():
            entry = wanted.get(namespace)
            entry = entries.get(entry.key) if entry is not None else None
            if init is not None and (entry is None or entry.guid != init.guid):
                await self._end(namespace)
                again += [entry] if entry is not None else []
        return again

    async def _end(self, namespace: str) -> None:
        """Stop a guest that nobody can enter any more."""
        name = next((n for n in self._workloads if names.guest(n) == namespace), "")
        async with self._lock(name):
            self._forget(name)
            await asyncio.to_thread(guests.stop, namespace)

    def settle(self, delta: ModelDelta) -> None:
        for entry in delta.removed.values():
            self._leave(entry)
        for entry in delta.changed.values():
            self._join(entry)
        changed = {e.name for e in _workloads(delta.changed.values())}
        states: dict[str, str | None] = {e.name: None for e in _workloads(delta.removed.values())}
        unscripted = {e.name: None for e in delta.removed.values() if isinstance(e, Script)}
        self._tell(Observed(states | dict.fromkeys(changed, RUNNING), unscripted))
        scripted = {e.guest for e in delta.changed.values() if isinstance(e, Script)}
        for name in sorted((changed | scripted) & self._workloads.keys()):
            self._provision(name)

    def _leave(self, entry: Any) -> None:
        if isinstance(entry, Guest | InternetHost):
            self._forget(entry.name)
        elif isinstance(entry, Script):
            self._scripts.get(entry.guest, {}).pop(entry.name, None)
            self._outcomes.pop(entry.name, None)

    def _forget(self, name: str) -> None:
        self._workloads.pop(name, None)
        self._done.pop(name, None)
        self._states.pop(name, None)

    def _join(self, entry: Any) -> None:
        if isinstance(entry, Guest | InternetHost):
            former = self._workloads.get(entry.name)
            if former is not None and former.guid != entry.guid:
                self._forget(entry.name)
            self._workloads[entry.name] = entry
            self._states[entry.name] = RUNNING
        elif isinstance(entry, Script):
            self._scripts.setdefault(entry.guest, {})[entry.name] = entry

    def _provision(self, name: str) -> None:
        """Have one task a guest see to its scripts; a task that is at it finds the new ones by itself."""
        if name not in self._tasks:
            task = self._tasks[name] = asyncio.create_task(self._see_to(name))
            task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def _see_to(self, name: str) -> None:
        try:
            workload = self._workloads.get(name)
            if workload is not None:
                await asyncio.to_thread(guests.refresh, workload)
            while (pending := self._pending(name)) is not None:
                await self._run_once(name, pending)
        except (GuestError, OSError) as error:
            _LOG.warning("guest=%s error=%s", name, error)
            if name in self._workloads:
                self._states[name] = str(error)
                self._tell(Observed({name: str(error)}))

    def _pending(self, name: str) -> Script | None:
        """The next script that has not run in the guest as it is now."""
        workload, done = self._workloads.get(name), self._done.get(name, set())
        if workload is None:
            return None
        scripts = [*_custom_data(workload), *(s for _, s in sorted(self._scripts.get(name, {}).items()))]
        return next((s for s in scripts if (s.name, s.guid) not in done), None)

    async def _run_once(self, name: str, script: Script) -> None:
        init = await self.enter(name)
        command = guests.script_command if script.name != _CUSTOM_DATA else guests.custom_data_command
        finished = await _finished(command(init, script), script.body)
        workload = self._workloads.get(name)
        if workload is None or workload.guid != init.guid:
            return  # it ran in a guest that is no more
        self._done.setdefault(name, set()).add((script.name, script.guid))
        _LOG.info("guest=%s script=%s exit_code=%d", name, script.label, finished.exit_code)
        if self._scripts.get(name, {}).get(script.name) == script:
            outcome = finished.exit_code, finished.stdout, finished.stderr
            self._outcomes[script.name] = outcome
            self._tell(Observed({}, {script.name: outcome}))

    async def enter(self, name: str) -> Init:
        async with self._lock(name):
            workload = self._workloads.get(name)
            if workload is None:
                raise GuestError(f"no guest {name} runs")
            return await asyncio.to_thread(guests.start, workload)

    async def run(self, name: str, script: str) -> Finished:
        return await _finished(guests.run_command(await self.enter(name)), script)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())


def _workloads(entries: Iterable[Any]) -> Iterator[Workload]:
    return (e for e in entries if isinstance(e, Guest | InternetHost))


def _custom_data(workload: Workload) -> list[Script]:
    if not isinstance(workload, Guest) or not workload.startup:
        return []
    return [Script(_CUSTOM_DATA, "custom data", workload.name, workload.startup, workload.guid)]


async def _finished(command: list[str], stdin: str) -> Finished:
    """Run *command* to its end. Raises ``OSError`` when it cannot be started."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    stdout, stderr = await process.communicate(stdin.encode())
    code = process.returncode or 0
    return Finished(code if code >= 0 else 128 - code, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
