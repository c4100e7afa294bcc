"""What works for entries beside the driver and may refuse them, as one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from lazulite.agent.names import Names
from lazulite.drivers.driver import ModelDelta, Refusal


class Together:
    """Several of :class:`Names` as one."""

    def __init__(self, *parts: Names) -> None:
        self._parts = parts

    async def release(self, delta: ModelDelta) -> None:
        await asyncio.gather(*(p.release(delta) for p in self._parts))

    async def follow(self, delta: ModelDelta) -> list[Refusal]:
        return [r for refused in await asyncio.gather(*(p.follow(delta) for p in self._parts)) for r in refused]

    async def load(self, entries: Iterable[Any]) -> list[Refusal]:
        given = list(entries)
        return [r for refused in await asyncio.gather(*(p.load(given) for p in self._parts)) for r in refused]
