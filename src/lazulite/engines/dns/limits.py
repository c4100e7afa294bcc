"""How many answers one client gets in a second."""

from __future__ import annotations

import time
from collections.abc import Callable

_SLIP = 2
"""Of the answers a server holds back, one in so many is sent truncated: a real client then comes over TCP."""


class Limiter:
    """Counts by client, and starts anew with every second. A *network* counts as one client where it is asked for."""

    def __init__(self, rate: int, *, network: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._network, self._clock = rate, network, clock
        self._second, self._counts = 0, dict[str, int]()
        self.held = 0
        """Answers that were not sent."""

    def allows(self, source: str) -> bool:
        if not self._rate:
            return True
        now = int(self._clock())
        if now != self._second:
            self._second = now
            self._counts.clear()
        key = _network(source) if self._network else source
        count = self._counts[key] = self._counts.get(key, 0) + 1
        if count <= self._rate:
            return True
        self.held += 1
        return False

    @property
    def slips(self) -> bool:
        """Whether this held answer is one of those to send truncated."""
        return self._network and self.held % _SLIP == 0


def _network(source: str) -> str:
    """The /24 or /64 of an address."""
    return ":".join(source.split(":")[:4]) if ":" in source else source.rpartition(".")[0]
