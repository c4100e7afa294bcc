"""How often something was let through lately."""

from __future__ import annotations

from collections import OrderedDict, deque

MAX_KEYS = 100_000
"""What was asked for longest ago is forgotten beyond that."""


class Counters:
    """A sliding window for each key. Source: facts/web-application-firewall.md, W13."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, deque[float]] = OrderedDict()

    def within(self, key: str, count: int, seconds: float, now: float) -> bool:
        """Whether fewer than *count* were let through in the last *seconds*; if so, one more was."""
        passed = self._held.setdefault(key, deque())
        self._held.move_to_end(key)
        if len(self._held) > MAX_KEYS:
            self._held.popitem(last=False)
        while passed and passed[0] <= now - seconds:
            passed.popleft()
        if len(passed) >= count:
            return False
        passed.append(now)
        return True
