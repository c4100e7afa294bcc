"""How a test waits: for a condition, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

LIMIT_S = 60.0
"""How long what must come true may take on a busy machine. A test that passes never waits for it."""
PAUSE_S = 0.02

T = TypeVar("T")


def until(
    found: Callable[[], T],
    good: Callable[[T], Any] = bool,
    *,
    limit_s: float = LIMIT_S,
    pause_s: float = PAUSE_S,
    told: Callable[[], object] = str,
    despite: tuple[type[Exception], ...] = (),
) -> T:
    """The first of what *found* gives that is *good*, asked every *pause_s* seconds.

    What it raises of *despite* counts as not yet. Fails after *limit_s* with the last it gave, and with what *told*
    says of the world then.
    """
    end = time.monotonic() + limit_s
    while True:
        late = time.monotonic() > end  # before the look: a machine that slept through it all looks once more
        try:
            if good(last := found()):
                return last
            seen = repr(last)
        except despite as error:
            seen = repr(error)
        assert not late, _never(limit_s, seen, told)
        time.sleep(pause_s)


async def until_async(
    found: Callable[[], T],
    good: Callable[[T], Any] = bool,
    *,
    limit_s: float = LIMIT_S,
    pause_s: float = PAUSE_S / 4,
    told: Callable[[], object] = str,
) -> T:
    """The same where the loop goes on meanwhile. *found* must take next to no time."""
    end = time.monotonic() + limit_s
    while True:
        late = time.monotonic() > end
        if good(last := found()):
            return last
        assert not late, _never(limit_s, repr(last), told)
        await asyncio.sleep(pause_s)


def _never(limit_s: float, seen: str, told: Callable[[], object]) -> str:
    return f"after {limit_s:g} s it is still {seen}. {told()}".rstrip(". ")
