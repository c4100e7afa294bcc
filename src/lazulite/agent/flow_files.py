"""The blobs of flow logs: what is not written yet, and what has been."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lazulite.agent.flow_spool import Frame, Told
from lazulite.engines.storage.blobs import Blobs, SinkError
from lazulite.forwarding.model import FlowLog
from lazulite.telemetry import hours, lines
from lazulite.telemetry.lines import Line, Subject

WRITE_S = 60
"""Source: facts/network-watcher.md, "NSG flow logs" (collected at one-minute intervals)."""
MOST_KEPT = 32 << 20
"""Bytes of records that a log keeps for a sink that fails; the oldest go first and count as lost."""
_LINES_KEPT = 400_000
"""The same of lines within a minute."""


class _Log:
    """One log: lines of this minute, records that wait for their sink, and how it went."""

    def __init__(self, entry: FlowLog) -> None:
        self.entry = entry
        self.lines: list[Told] = []
        self.waiting: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
        """By blob and MAC: records, and how many lines each is."""
        self.hours: dict[str, hours.Hour] = {}
        self.written = self.lost = self.kept = 0
        self.error, self.last = "", ""
        self.swept = 0.0

    @property
    def subject(self) -> Subject:
        entry = self.entry
        return Subject(lines.Form(entry.format), entry.subject, entry.system, entry.origin)

    def wait(self, blob: str, mac: str, encoded: bytes, count: int) -> None:
        self.waiting.setdefault((blob, mac), []).append((encoded, count))
        self.kept += len(encoded)


class Files:
    """What logs have still to write. Belongs to one event loop."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._logs: dict[str, _Log] = {}
        self._due = 0.0

    def follow(self, entries: Mapping[str, FlowLog]) -> None:
        """These logs there are."""
        for name in [n for n in self._logs if n not in entries]:
            del self._logs[name]
        for name, entry in entries.items():
            known = self._logs.setdefault(name, _Log(entry))
            if known.entry.sink != entry.sink:
                known.waiting, known.hours, known.kept = {}, {}, 0
            known.entry = entry

    def add(self, name: str, told: Iterable[Line]) -> list[Told]:
        """Take lines for a log; what of them it tells."""
        log = self._logs[name]
        form = log.subject.form
        added = [(li.mac, li.group, li.rule, said) for li in told if (said := lines.text(form, li)) is not None]
        self._add(log, added)
        return added

    def _add(self, log: _Log, added: list[Told]) -> None:
        log.lines += added
        over = len(log.lines) - _LINES_KEPT
        if over > 0:
            del log.lines[:over]
            log.lost += over

    def resume(self, frame: Frame) -> None:
        """Take what another agent did not write, of logs that there are still."""
        for name, told in frame.lines.items():
            if name in self._logs:
                self._add(self._logs[name], told)
        for name, records in frame.waiting.items():
            for record in records if name in self._logs else ():
                self._logs[name].wait(*record)

    def pending(self) -> Frame:
        """All that is not written."""
        told = {n: log.lines for n, log in self._logs.items() if log.lines}
        waiting = {
            n: [(blob, mac, *record) for (blob, mac), records in log.waiting.items() for record in records]
            for n, log in self._logs.items()
            if log.waiting
        }
        return Frame(told, {}, waiting)

    def due(self, now: float) -> bool:
        """Whether a minute has passed since this was true last."""
        if now < self._due:
            return False
        first, self._due = self._due == 0.0, (now // WRITE_S + 1) * WRITE_S
        return not first

    def report(self, name: str, lost: int) -> dict[str, Any]:
        log = self._logs[name]
        return {"error": log.error, "written": log.written, "lost": lost + log.lost, "last": log.last}

    async def write(self, now: float) -> None:
        """Write what was added, in each log's blobs; what fails waits for the next time."""
        for log in list(self._logs.values()):
            _close_minute(log, now)
            try:
                for blob, mac in list(log.waiting):
                    await self._write(log, blob, mac)
                    log.last = lines.when(now)
                await self._sweep(log, now)
                log.error = ""
            except SinkError as error:
                log.error = str(error)
                _bound(log)

    async def _write(self, log: _Log, blob: str, mac: str) -> None:
        sink = log.entry.sink
        if blob not in log.hours:
            found = await self._blobs.read(sink.account, sink.container, blob)
            log.hours = {b: h for b, h in log.hours.items() if hours.began(b) == hours.began(blob)}
            log.hours[blob] = hours.Hour(found)
        hour, waiting = log.hours[blob], log.waiting[blob, mac]
        blocks = hour.blocks(encoded for encoded, _ in waiting)
        try:
            await self._blobs.write_blocks(sink.account, sink.container, blob, blocks)
        except SinkError:
            log.hours.pop(blob, None)  # whether it was written is seen by looking
            raise
        hour.commit(blocks, len(waiting))
        log.waiting.pop((blob, mac), None)
        log.kept -= sum(len(encoded) for encoded, _ in waiting)
        log.written += sum(count for _, count in waiting)

    async def _sweep(self, log: _Log, now: float) -> None:
        """Once an hour, delete what is older than it may be."""
        if not log.entry.days or now - log.swept < hours.HOUR_S:
            return
        sink = log.entry.sink
        names = await self._blobs.names(sink.account, sink.container, sink.prefix)
        for name in hours.outdated(names, log.entry.days, now):
            await self._blobs.delete(sink.account, sink.container, name)
        log.swept = now


def _close_minute(log: _Log, now: float) -> None:
    """Lines become records: one an interface, in the blob of the hour that is just being written."""
    by_mac: dict[str, list[tuple[str, str, str]]] = {}
    for mac, group, rule, said in log.lines:
        by_mac.setdefault(mac, []).append((group, rule, said))
    log.lines = []
    for mac, told in by_mac.items():
        encoded = lines.encoded(lines.record(log.subject, mac, now, told))
        log.wait(hours.name(log.entry.sink.prefix, now, mac), mac, encoded, len(told))


def _bound(log: _Log) -> None:
    """Let go of what has waited longest."""
    for where in list(log.waiting):
        while log.kept > MOST_KEPT and log.waiting[where]:
            encoded, count = log.waiting[where].pop(0)
            log.kept -= len(encoded)
            log.lost += count
        if not log.waiting[where]:
            del log.waiting[where]
