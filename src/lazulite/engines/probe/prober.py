"""Asks every member of every pool again and again, each in its own time, in one event loop without a thread."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from lazulite.engines.probe.check import TIMEOUT, check, patience_s, reason
from lazulite.engines.probe.standing import NOT_RUNNING, Noted, Pace, Standing, Target, following
from lazulite.forwarding.model import Probe
from lazulite.values import IPAddress

_LOG = logging.getLogger(__name__)
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Of this machine: they say nothing about a member."""
AT_ONCE = 20
"""Probes that begin before the event loop turns to others: a machine that has no time for all is asked more seldom, and
does everything else as before."""
LATE_S = 0.05
"""A probe that is told later than this that its time is over was not heard: this process had no time itself."""
MOST_EXCUSES = 3
"""Probes in a row that may go unheard; after them a member that does not answer in time is taken at its word."""
LookUp = Callable[[Target], Awaitable[IPAddress]]
"""The address of a target that is known by name. Raises ``OSError``."""
Open = Callable[[Target], socket.socket]
"""A non-blocking stream socket that reaches the target when it is connected. Raises ``OSError``."""


async def nobody(target: Target) -> IPAddress:
    """For those whose targets all have addresses."""
    raise OSError(errno.EHOSTUNREACH, target.said.host)


class _Asked:
    """A member that is asked, with what is under way for it."""

    __slots__ = ("due", "excuses", "member", "pool", "probe", "standing", "stopped", "target", "task", "timer")

    def __init__(self, pool: str, member: str, target: Target, probe: Probe, standing: Standing) -> None:
        self.pool, self.member, self.target, self.probe, self.standing = pool, member, target, probe, standing
        self.due, self.excuses, self.stopped = 0.0, 0, False
        self.timer: asyncio.TimerHandle | None = None
        self.task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        self.stopped = True
        for under_way in (self.timer, self.task):
            if under_way is not None:
                under_way.cancel()


class Prober:
    """Implements :class:`lazulite.engines.probe.standing.Members`; belongs to one event loop."""

    def __init__(self, open_socket: Open, noted: Noted, look_up: LookUp = nobody) -> None:
        self._open, self._noted, self._look_up = open_socket, noted, look_up
        self._pace = Pace()
        self._pools: dict[str, dict[str, Standing]] = {}
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._due: deque[_Asked] = deque()
        """Those whose time has come."""

    def follow(
        self, pool: str, probe: Probe, targets: Mapping[str, Target | None], healthy: frozenset[str] | None
    ) -> None:
        known = self._pools.get(pool)
        healthy_before, told_before = _healthy(known or {}), _told(known or {})
        for member in (known or {}).keys() - targets.keys():
            self._stop(pool, member)
        promised = healthy if known is None else None
        trusted = {m: probe.trusting if promised is None else m in promised for m in targets}
        judged = promised is not None or not probe.trusting
        self._pools[pool] = {
            m: self._follow(pool, m, probe, t, Standing(trusted[m], judged=judged)) for m, t in targets.items()
        }
        turned = known is None or healthy_before != _healthy(self._pools[pool])
        if turned or told_before != _told(self._pools[pool]):
            self._noted(pool, turned)

    def _follow(self, pool: str, member: str, probe: Probe, target: Target | None, standing: Standing) -> Standing:
        asked = self._asked.get((pool, member))
        if asked is not None and (asked.target, asked.probe) == (target, probe):
            return asked.standing
        self._stop(pool, member)
        if target is None:
            return Standing(reason=NOT_RUNNING)
        if asked is not None and asked.target == target:
            standing = asked.standing
            standing.contrary = 0
        now = asyncio.get_running_loop().time()
        asked = self._asked[pool, member] = _Asked(pool, member, target, probe, standing)
        self._plan(asked, self._pace.first(now, probe.interval_s))
        return standing

    def forget(self, pool: str) -> None:
        for member in self._pools.pop(pool, {}):
            self._stop(pool, member)

    def standings(self, pool: str) -> Mapping[str, Standing]:
        return self._pools.get(pool, {})

    def close(self) -> None:
        for pool in list(self._pools):
            self.forget(pool)

    def _stop(self, pool: str, member: str) -> None:
        asked = self._asked.pop((pool, member), None)
        if asked is not None:
            asked.stop()

    def _plan(self, asked: _Asked, due: float) -> None:
        asked.due = due
        asked.timer = asyncio.get_running_loop().call_at(due, self._begin, asked)

    def _begin(self, asked: _Asked) -> None:
        self._due.append(asked)
        if len(self._due) == 1:
            asyncio.get_running_loop().call_soon(self._begin_some)

    def _begin_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._due))):
            asked = self._due.popleft()
            if not asked.stopped:
                asked.task = asyncio.create_task(self._ask(asked))
        if self._due:
            asyncio.get_running_loop().call_soon(self._begin_some)

    async def _ask(self, asked: _Asked) -> None:
        began = asyncio.get_running_loop().time()
        result = await self._result(asked)
        if result == TIMEOUT and self._unheard(asked, began):
            result = None
        if result is not None:
            former = asked.standing.reason
            turned = asked.standing.learn(result, asked.probe.threshold, asked.probe.recovery)
            if turned:
                _LOG.info("pool=%s member=%s healthy=%s reason=%s", asked.pool, asked.member, not result, result)
            if turned or result != former:
                self._noted(asked.pool, turned)
        self._plan(asked, following(asked.due, asyncio.get_running_loop().time(), asked.probe.interval_s))

    def _unheard(self, asked: _Asked, began: float) -> bool:
        """Whether the silence of the member may be this process's own."""
        late_s = asyncio.get_running_loop().time() - began - patience_s(asked.probe)
        asked.excuses = asked.excuses + 1 if late_s > LATE_S else 0
        return 0 < asked.excuses <= MOST_EXCUSES

    async def _result(self, asked: _Asked) -> str | None:
        """Why the probe fails, nothing for a success, and ``None`` when there was none."""
        try:
            target = asked.target
            if target.address is None:
                async with asyncio.timeout(patience_s(asked.probe)):
                    target = msgspec.structs.replace(target, address=await self._look_up(target))
            assert target.address is not None
            with self._open(target) as opened:
                return await check(opened, target.address, asked.probe, target.said)
        except OSError as error:
            if error.errno not in _SHORTAGES:
                return reason(error)
            _LOG.warning("pool=%s member=%s not asked: %s", asked.pool, asked.member, error)
        except Exception:  # our own fault, of any kind: the member is not to blame, and has to be asked again
            _LOG.exception("pool=%s member=%s not asked", asked.pool, asked.member)
        return None


def _healthy(standings: Mapping[str, Standing]) -> set[str]:
    return {m for m, s in standings.items() if s.healthy}


def _told(standings: Mapping[str, Standing]) -> dict[str, str]:
    return {m: s.told for m, s in standings.items()}
