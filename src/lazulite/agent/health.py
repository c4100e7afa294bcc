"""Which members of pools are healthy: what the loop gives the driver beside the model, and what it tells of it.

A file in the lab's directory has what was given last. An agent that starts goes on from there, so that the death of
one leaves no pool empty.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lazulite.agent.protocol import Observed, ProbeCounts
from lazulite.agent.targets import Targets
from lazulite.drivers.driver import ModelDelta
from lazulite.engines.probe import Members, Voting
from lazulite.engines.probe.standing import Noted
from lazulite.forwarding.model import Contents
from lazulite.incremental import Delta

_LOG = logging.getLogger(__name__)
FILE = "contents.json"
"""In the lab's directory."""
PROBER = "prober"
PAUSE_S = 0.1
"""Between two tellings of why members fail."""


class Health:
    """Implements :class:`lazulite.agent.loop.DynamicSets`. *make* builds who asks the members; *life* tells the lab's
    machines, as they were started, from those of another time."""

    def __init__(
        self,
        directory: Path,
        make: Callable[[Noted], Members],
        tell: Callable[[Observed], None],
        life: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path, self._tell, self._now = directory / FILE, tell, now
        self._members = Voting(make, self._note)
        self._life = life
        self._targets = Targets()
        self._known = _read(self._path, life)
        self._turned: set[str] = set()
        """Pools whose contents may be others by now."""
        self._failing: set[str] = set()
        """Pools whose reasons are to be told."""
        self._telling: asyncio.TimerHandle | None = None
        self.wake: Callable[[], None] = lambda: None

    @property
    def known(self) -> Mapping[str, Contents]:
        return self._known

    def take(self) -> dict[str, Contents | None]:
        turned, self._turned = self._turned, set()
        changed = {pool: found for pool in sorted(turned) if (found := self._filled(pool)) != self._known.get(pool)}
        for pool, found in changed.items():
            if found is None:
                del self._known[pool]
            else:
                self._known[pool] = found
        return changed

    def _filled(self, pool: str) -> Contents | None:
        """What the set of the pool holds now; as it was when it holds the same."""
        if pool not in self._targets.pools:
            return None
        healthy = tuple(m for m, s in self._members.standings(pool).items() if s.healthy)
        former = self._known.get(pool)
        if former is not None and set(former.members) == set(healthy):
            return former
        return Contents(pool, healthy, PROBER, self._now().isoformat(timespec="milliseconds"))

    async def save(self) -> None:
        content = msgspec.json.encode(_Kept(self._life, list(self._known.values())))
        try:
            await asyncio.to_thread(_write, self._path, content)
        except OSError as error:
            _LOG.warning("contents are not kept: %s", error)

    def settle(self, delta: ModelDelta) -> None:
        self._follow(self._targets.advance(delta))

    def replace(self, entries: Iterable[Any]) -> None:
        before, self._targets = self._targets, Targets()
        self._targets.advance(Delta(changed={e.key: e for e in entries}))
        self._follow(before.pools.keys() | self._targets.pools.keys() | self._known.keys())

    def _follow(self, pools: Iterable[str]) -> None:
        for pool in sorted(pools):
            entry, kept = self._targets.pools.get(pool), self._known.get(pool)
            if entry is None or entry.probe is None:
                self._members.forget(pool)
                self._note(pool, True)
            else:
                healthy = frozenset(kept.members) if kept is not None else None
                self._members.follow(pool, entry.probe, self._targets.members(pool), healthy)

    def news(self) -> Observed:
        """All that is known by now, for a controller that knows nothing."""
        return Observed(contents=dict(self._known), reasons={p: self._reasons(p) for p in sorted(self._targets.pools)})

    def counts(self) -> dict[str, dict[str, ProbeCounts]]:
        """By pool and member."""
        return {
            pool: {m: (s.sent, s.failed, s.reason) for m, s in self._members.standings(pool).items()}
            for pool in sorted(self._targets.pools)
        }

    def close(self) -> None:
        """Ask no more."""
        self._members.close()
        if self._telling is not None:
            self._telling.cancel()

    def _note(self, pool: str, turned: bool) -> None:
        self._failing.add(pool)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(PAUSE_S, self._tell_reasons)
        if turned:
            self._turned.add(pool)
            self.wake()

    def _tell_reasons(self) -> None:
        failing, self._failing, self._telling = self._failing, set(), None
        pools = self._targets.pools
        self._tell(Observed(reasons={p: self._reasons(p) if p in pools else None for p in sorted(failing)}))

    def _reasons(self, pool: str) -> Mapping[str, str]:
        return {m: s.told for m, s in self._members.standings(pool).items() if s.told}


class _Kept(msgspec.Struct, frozen=True):
    """What is in the file."""

    life: str
    contents: list[Contents]


def _read(path: Path, life: str) -> dict[str, Contents]:
    """What an earlier agent of the same machines wrote, or nothing."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
        return {c.name: c for c in kept.contents} if kept.life == life else {}
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        _LOG.warning("contents that were kept cannot be read: %s", error)
        return {}


def _write(path: Path, content: bytes) -> None:
    """Replace the file at once: whoever reads finds the old text or the new one. It need not outlive the machine."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.replace(new, path)
