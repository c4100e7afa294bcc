"""What a round of measurements says of a check. Pure.

Source of all thresholds: facts/network-watcher.md, "Connection monitor v2" (connection-monitor-overview).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from lazulite.forwarding.model import Check

MOST_FAILED_PERCENT = 10
"""More than that are a warning where no threshold is set."""
LONGEST_ROUND_TRIP_MS = 750
"""More than that is a warning where no threshold is set; HTTP has no such limit."""
NEAR = 0.8
"""The part of a threshold from which on there is a warning."""


class State(StrEnum):
    PASS = "Pass"
    WARNING = "Warning"
    FAIL = "Fail"
    INDETERMINATE = "Indeterminate"


class Round(msgspec.Struct, frozen=True):
    """What came of the packets, or requests, of one round: ``times`` are milliseconds of those that were answered."""

    at: str
    """ISO 8601, UTC."""
    sent: int
    failed: int
    times: tuple[float, ...] = ()
    reason: str = ""
    """Why the last failure failed, or why nothing was sent."""

    @property
    def failed_percent(self) -> float:
        return 100 * self.failed / self.sent if self.sent else 0

    @property
    def average_ms(self) -> float | None:
        return sum(self.times) / len(self.times) if self.times else None


def verdict(check: Check, last: Round | None) -> State:
    """The state of *check* after its last round; a round that sent nothing says nothing."""
    if last is None or not last.sent:
        return State.INDETERMINATE
    if _fails(check, last):
        return State.FAIL
    return State.WARNING if _warns(check, last) else State.PASS


def _fails(check: Check, last: Round) -> bool:
    slow = check.round_trip_ms and (last.average_ms or 0) > check.round_trip_ms
    lost = last.failed_percent > check.failed_percent if check.failed_percent else last.failed == last.sent
    return bool(slow or lost)


def _warns(check: Check, last: Round) -> bool:
    most = NEAR * check.failed_percent if check.failed_percent else MOST_FAILED_PERCENT
    limited = check.protocol in ("tcp", "icmp") and not check.round_trip_ms
    return last.failed_percent > most or (limited and (last.average_ms or 0) > LONGEST_ROUND_TRIP_MS)
