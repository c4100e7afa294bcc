"""Flow logs: looks at recorded flows every second, writes what logs tell of them every minute, and shows it live.

Looking is done in a thread. What was seen is in the lab's directory before it is taken out of the kernel's tables, so
another agent writes what this one did not. A sink that fails keeps nobody waiting: its records are kept, up to a bound.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lazulite.agent.flow_files import Files
from lazulite.agent.flow_spool import Frame, Spool, Told
from lazulite.agent.flow_watch import Look, Recorded, Seen, Watcher, recorded, rule_origins
from lazulite.agent.protocol import AskFlows, FlowsSeen, Observed
from lazulite.drivers.driver import ModelDelta
from lazulite.engines.storage.blobs import Blobs
from lazulite.forwarding.model import AccessList, EntryKey, FlowLog, FlowLogFormat, Port, Sink, Vrf
from lazulite.telemetry.analytics import Analytics
from lazulite.telemetry.book import State
from lazulite.telemetry.lines import there_and_back, when

LOOK_S = 1.0
"""Between two looks; longer where a look itself takes long, so that it never takes more than a part of a processor."""
LEAST_S = 0.1
SHARE = 0.4
"""With less, looks at 10,000 connections a second would come later and later, and find more and more."""
LEASE_S = 15.0
"""How long ports are recorded for somebody who has stopped asking."""
LIVE = "live"
"""Name of the log of those who watch; it has no sink."""
_MANY = 1_500
"""Flows from which on it is looked more often: what the kernel does to list a table grows with its square."""
_SHOWN = 20_000
"""Records kept for those who watch."""
_MOST_ROWS = 2_000
"""In one answer."""
_LOG = logging.getLogger(__name__)


class FlowLogs:
    """Implements :class:`lazulite.agent.loop.Follower`, and answers who watches flows."""

    def __init__(
        self,
        blobs: Blobs,
        tell: Callable[[Observed], None],
        directory: Path | None = None,
        watcher: Watcher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._watcher, self._clock, self._tell = watcher or Watcher(), clock, tell
        self._logs: dict[str, FlowLog] = {}
        self._ports: dict[str, Port] = {}
        self._vrfs: dict[str, Vrf] = {}
        self._lists: dict[str, AccessList] = {}
        self._whose = Recorded({}, {}, {})
        self._origins: dict[int, str] = {}
        self._files, self._spool = Files(blobs), Spool(directory)
        self._resumed = False
        self._telling: dict[str, tuple[frozenset[str], frozenset[str] | None]] = {}
        """By log: ports, and origins of rules it tells of; ``None``: of all, and of what no rule decided."""
        self._numbered: dict[str, AccessList] = {}
        self._named: dict[str, set[str]] = {}
        """By list, origins of all rules that it has had: what one decided that is no more is still to be told."""
        self._lost: dict[str, int] = {}
        self._shown: deque[tuple[int, Seen]] = deque(maxlen=_SHOWN)
        self._number = 0
        self._analytics: dict[str, Analytics] = {}
        self._leases: dict[str, float] = {}
        self._pause_s = LOOK_S
        self._thread = ThreadPoolExecutor(1, "flows")
        self._task: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self.lend: Callable[[Mapping[EntryKey, Any]], None] = lambda entries: None
        """Has the loop give the driver entries that no controller knows of."""

    def settle(self, delta: ModelDelta) -> None:
        gone = [(kept, e) for e in delta.removed.values() if (kept := self._kept(e)) is not None]
        come = [(kept, e) for e in delta.changed.values() if (kept := self._kept(e)) is not None]
        for kept, entry in gone:
            kept.pop(entry.name, None)
        for kept, entry in come:
            kept[entry.name] = entry
        if gone or come:
            self._settled([e.name for _, e in gone if isinstance(e, FlowLog)])

    def replace(self, entries: Iterable[Any]) -> None:
        before = set(self._logs)
        for held in (self._logs, self._ports, self._vrfs, self._lists):
            held.clear()
        for entry in entries:
            kept = self._kept(entry)
            if kept is not None:
                kept[entry.name] = entry
        self._settled(sorted(before - self._logs.keys()))

    def _kept(self, entry: Any) -> dict[str, Any] | None:
        kinds: dict[type, dict[str, Any]] = {
            FlowLog: self._logs,
            Port: self._ports,
            Vrf: self._vrfs,
            AccessList: self._lists,
        }
        return kinds.get(type(entry))

    def _settled(self, gone: list[str]) -> None:
        """Record what is wanted from now on, and have somebody look as long as there is something."""
        logs = self._logs.values()
        whose = recorded(logs, self._ports, self._vrfs)
        used = {n for ports in whose.ports.values() for p in ports.values() for n in (*p.egress, *p.ingress)}
        self._number_rules(used | {n for log in logs for n in log.lists})
        self._whose = whose._replace(origins=self._origins)
        self._telling = {log.name: (frozenset(log.ports), self._told_by(log)) for log in logs if log.name != LIVE}
        self._files.follow({log.name: log for log in logs if log.name != LIVE})
        self._analytics = {log.name: self._analytics_of(log) for log in logs if log.analytics_s}
        if not self._resumed and self._logs:
            self._resume()
        if gone:
            self._tell(Observed(reports=dict.fromkeys(n for n in gone if n != LIVE)))
        if self._task is None and self._logs:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def _analytics_of(self, log: FlowLog) -> Analytics:
        """Another interval begins anew: rows of two lengths do not add up."""
        kept = self._analytics.get(log.name)
        return kept if kept is not None and kept.interval_s == log.analytics_s else Analytics(log.analytics_s)

    def _number_rules(self, used: Iterable[str]) -> None:
        """Know the rules of lists that are new, or others than they were."""
        fresh = [a for n in used if (a := self._lists.get(n)) is not None and self._numbered.get(n) is not a]
        if fresh:
            self._origins = self._origins | rule_origins(fresh)
        for listed in fresh:
            self._numbered[listed.name] = listed
            self._named.setdefault(listed.name, set()).update(r.origin for r in listed.rules)

    def _told_by(self, log: FlowLog) -> frozenset[str] | None:
        return frozenset().union(*(self._named.get(n, ()) for n in log.lists)) if log.lists else None

    def _resume(self) -> None:
        """Take over from the agent before this one."""
        self._resumed = True
        for frame in self._spool.read():
            self._watcher.resume(frame.standing)
            self._files.resume(frame)
            for name in frame.sums.keys() & self._analytics.keys():
                self._analytics[name].resume(frame.sums[name])

    def news(self) -> Observed:
        return Observed(reports=self._reports())

    def _reports(self) -> dict[str, Mapping[str, Any] | None]:
        return {name: self._files.report(name, self._lost_of(log)) for name, log in self._logs.items() if name != LIVE}

    def _lost_of(self, log: FlowLog) -> int:
        vrfs = {self._ports[p].vrf for p in log.ports if p in self._ports}
        return sum(self._lost.get(vrf, 0) for vrf in vrfs)

    async def _run(self) -> None:
        """Look every second, write every minute, for as long as anything is recorded."""
        while self._logs or len(self._whose.ports):
            started = time.monotonic()
            try:
                await self.look()
                if self._files.due(self._clock()):
                    await self.write()
            except Exception:  # of any kind: the logs must outlive it, and the agent does not depend on them
                _LOG.exception("flow logs failed")
            took = time.monotonic() - started
            await asyncio.sleep(max(self._pause_s - took, took * (1 - SHARE) / SHARE))
        await self.look()
        self._task = None

    async def look(self) -> None:
        """Take what has happened since the last time."""
        async with self._looking:
            self._expire()
            run = asyncio.get_running_loop().run_in_executor
            look = await run(self._thread, self._watcher.look, self._whose, self._clock())
            self._take(look)

    def _take(self, look: Look) -> None:
        self._lost.update(look.lost)
        self._pause_s = max(LEAST_S, LOOK_S * min(1.0, _MANY / max(look.read, 1)))
        for seen in look.seen:
            self._number += 1
            self._shown.append((self._number, seen))
        told = {name: added for name in self._telling if (added := self._give(name, look.seen))}
        sums = {name: rows for name, kept in self._analytics.items() if (rows := kept.changed()).rows}
        self._spool.append(Frame(told, look.standing, sums=sums))

    def _give(self, name: str, seen: list[Seen]) -> list[Told]:
        """What the log tells of it: decisions of its lists, or of whoever decides about its ports."""
        ports, origins = self._telling[name]
        told = [s.line for s in seen if s.port in ports and (origins is None or s.origin in origins)]
        if name in self._analytics:
            self._analytics[name].add(told)
        return self._files.add(name, told)

    @property
    def pending(self) -> Frame:
        """What logs have not written yet."""
        return self._files.pending()

    async def write(self) -> None:
        """Store what is due, and report how it went."""
        await self._files.write(self._clock())
        async with self._looking:
            standing = await asyncio.get_running_loop().run_in_executor(self._thread, self._watcher.saved)
            sums = {name: kept.all() for name, kept in self._analytics.items()}
            self._spool.begin([Frame(standing=standing, sums=sums), self._files.pending()])
        self._tell(self.news())

    def _expire(self) -> None:
        now = time.monotonic()
        over = [p for p, until in self._leases.items() if until < now]
        for port in over:
            del self._leases[port]
        if over:
            self._record()

    def _record(self) -> None:
        """Have the ports of leases recorded, whatever else is."""
        ports = tuple(sorted(self._leases))
        live = FlowLog(LIVE, ports, (), FlowLogFormat.NETWORK, "", "", Sink("", "", "")) if ports else None
        self.lend({(FlowLog.__name__, LIVE): live})

    async def answer(self, asked: AskFlows) -> FlowsSeen:
        """Records of the ports after number ``after``, which are recorded for a while because somebody asks.

        Of a log: its rows of analytics, as far back as they are kept, whichever agent summed them up.
        """
        if asked.log:
            kept = self._analytics.get(asked.log)
            return FlowsSeen(asked.id, self._number, kept.rows() if kept is not None else [])
        until, fresh = time.monotonic() + LEASE_S, any(p not in self._leases for p in asked.ports)
        self._leases |= dict.fromkeys(asked.ports, until)
        if fresh:
            self._record()
        if asked.summary:
            return FlowsSeen(asked.id, self._number, self._summary(frozenset(asked.ports)))
        await self.look()
        ports = frozenset(asked.ports)
        rows = [(n, s) for n, s in self._shown if n > asked.after and s.port in ports][:_MOST_ROWS]
        last = rows[-1][0] if len(rows) == _MOST_ROWS else self._number
        return FlowsSeen(asked.id, last, [row(seen) for _, seen in rows])

    def _summary(self, ports: frozenset[str]) -> list[dict[str, Any]]:
        known = Analytics(3600)
        known.add(s.line for _, s in self._shown if s.port in ports)
        return known.rows()

    async def close(self) -> None:
        """Write what there is; what stands in the kernel stays there for the next agent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()
        self._watcher.close()


def row(seen: Seen) -> dict[str, Any]:
    """A record as JSON, for those who watch."""
    line = seen.line
    local, remote = (line.local, line.local_port), (line.remote, line.remote_port)
    (source, source_port), (destination, port) = (remote, local) if line.inward else (local, remote)
    packets_there, bytes_there, packets_back, bytes_back = there_and_back(line)
    return {
        "time": when(line.at),
        "port": seen.port,
        "state": str(line.state),
        "verdict": "deny" if line.state is State.DENIED else "allow",
        "rule": seen.origin,
        "direction": "in" if line.inward else "out",
        "protocol": line.protocol,
        "source": source,
        "sourcePort": source_port,
        "destination": destination,
        "destinationPort": port,
        "packets": [packets_there, packets_back],
        "bytes": [bytes_there, bytes_back],
    }
