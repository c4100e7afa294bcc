"""The parts of a lab without packets: a driver in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lazulite.agent.targets import Targets
from lazulite.daemon.guests import Workload
from lazulite.daemon.network import Listener
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux.guests import GuestError
from lazulite.drivers.memory import MemoryDriver
from lazulite.engines.waf.explaining import Explained
from lazulite.forwarding.model import Contents
from lazulite.forwarding.requests import HttpRequest
from lazulite.incremental import Delta
from lazulite.telemetry.meter import Minutes

NO_PACKETS = "this lab has no packets (it was started with --memory)"
ASSUMED = "assumed"
"""Who says what is healthy in such a lab: nobody has asked."""


class MemoryFabric:
    """Implements :class:`lazulite.daemon.network.Fabric` over the memory driver."""

    def __init__(self) -> None:
        self.driver = MemoryDriver()
        self._targets = Targets()
        self._listener: Listener | None = None

    def report_to(self, listener: Listener) -> None:
        self._listener = listener

    async def adopt(self, revision: int, entries: list[Any]) -> list[Refusal]:
        refusals = self.driver.adopt(entries)
        gone, self._targets = self._targets.pools.keys(), Targets()
        self._fill(gone | self._targets.advance(Delta(changed={e.key: e for e in entries})))
        return refusals

    async def apply(self, revision: int, delta: ModelDelta) -> list[Refusal]:
        refusals = self.driver.apply(delta)
        self._fill(self._targets.advance(delta))
        return refusals

    def _fill(self, pools: Iterable[str]) -> None:
        """No packets, so no probes: members that run are taken for healthy, as they are where their services run."""
        if self._listener is not None:
            self._listener.filled({pool: self._contents(pool) for pool in sorted(pools)})

    def _contents(self, pool: str) -> Contents | None:
        if pool not in self._targets.pools:
            return None
        running = tuple(m for m, target in self._targets.members(pool).items() if target is not None)
        return Contents(pool, running, ASSUMED, datetime.now(UTC).isoformat(timespec="milliseconds"))

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        return 1, "", NO_PACKETS

    async def gone(self) -> None:
        await asyncio.Event().wait()

    async def probes(self) -> dict[str, dict[str, tuple[int, int, str]]]:
        return {}

    async def traffic(self) -> dict[str, tuple[int, int]]:
        return {}

    async def minutes(self, names: list[str], first: int, end: int) -> Minutes:
        return Minutes(first, {name: [] for name in names})

    async def ports(self) -> list[tuple[str, str, str, str, int]]:
        return []

    async def flows(
        self, ports: list[str], after: int, summary: bool, log: str = ""
    ) -> tuple[int, list[dict[str, Any]]]:
        return 0, []

    async def differences(self) -> list[str]:
        return self.driver.differences()

    async def counters(self) -> dict[str, tuple[int, int]]:
        return {}


class MemoryParts:
    """Implements :class:`lazulite.daemon.parts.Parts`."""

    driver = "memory"
    guests: Mapping[str, str] = {}
    scripts: Mapping[str, tuple[int, str, str]] = {}
    reasons: Mapping[str, Mapping[str, str]] = {}
    reports: Mapping[str, Mapping[str, Any]] = {}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[MemoryFabric]:
        yield MemoryFabric()

    def report(self) -> list[dict[str, str]]:
        return []

    async def enter(self, workload: Workload, argv: Sequence[str], term: str) -> list[str]:
        raise GuestError(NO_PACKETS)

    async def inspected(self, key: str, asked: HttpRequest) -> Explained | None:
        return None

    def below(self, words: Sequence[str]) -> list[str]:
        raise GuestError(NO_PACKETS)

    def namespaces(self, workload: Workload) -> dict[str, str]:
        raise GuestError(NO_PACKETS)

    def recordings(self) -> Path:
        raise GuestError(NO_PACKETS)
