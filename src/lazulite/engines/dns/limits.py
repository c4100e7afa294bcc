"""How many answers one client gets in a second."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

_SLIP = 2
"""Of the answers a server holds back, one in so many is sent truncated: a real client then comes over TCP."""


class Limiter:
    """Counts by client, and starts anew with every second. A *network* counts as one client where it is asked for."""

    def __init__(self, rate: int, *, network: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self._network, self._clock = rate, network, clock
        self._second, self._counts = 0, dict[bytes, int]()
        self.held = 0
        """Answers that were not sent."""

    def octets(self, family: int) -> int:
        """How much of an address tells one client from another: the whole, or its /24 or /64."""
        whole, part = (16, 8) if family == socket.AF_INET6 else (4, 3)
        return part if self._network else whole

    def allows(self, client: bytes) -> bool:
        """Whether the client, by the octets of its address that count, may have one more answer."""
        if not self.rate:
            return True
        now = int(self._clock())
        if now != self._second:
            self._second = now
            self._counts.clear()
        count = self._counts[client] = self._counts.get(client, 0) + 1
        if count <= self.rate:
            return True
        self.held += 1
        return False

    @property
    def slips(self) -> bool:
        """Whether this held answer is one of those to send truncated."""
        return self._network and self.held % _SLIP == 0
