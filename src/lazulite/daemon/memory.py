"""The parts of a lab without packets: a driver in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from lazulite.daemon.guests import Workload
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux.guests import GuestError
from lazulite.drivers.memory import MemoryDriver

NO_PACKETS = "this lab has no packets (it was started with --memory)"


class MemoryFabric:
    """Implements :class:`lazulite.daemon.network.Fabric` over the memory driver."""

    def __init__(self) -> None:
        self.driver = MemoryDriver()

    async def adopt(self, revision: int, entries: list[Any]) -> list[Refusal]:
        return self.driver.adopt(entries)

    async def apply(self, revision: int, delta: ModelDelta) -> list[Refusal]:
        return self.driver.apply(delta)

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        return 1, "", NO_PACKETS

    async def gone(self) -> None:
        await asyncio.Event().wait()

    async def differences(self) -> list[str]:
        return self.driver.differences()

    async def counters(self) -> dict[str, tuple[int, int]]:
        return {}


class MemoryParts:
    """Implements :class:`lazulite.daemon.parts.Parts`."""

    driver = "memory"
    guests: Mapping[str, str] = {}
    scripts: Mapping[str, tuple[int, str, str]] = {}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[MemoryFabric]:
        yield MemoryFabric()

    def report(self) -> list[dict[str, str]]:
        return []

    async def enter(self, workload: Workload, argv: Sequence[str], term: str) -> list[str]:
        raise GuestError(NO_PACKETS)

    def namespaces(self, workload: Workload) -> dict[str, str]:
        raise GuestError(NO_PACKETS)
