"""When a member turns healthy or unhealthy, and when it is asked next. Pure: time comes in as a number of seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from lazulite.forwarding.model import Probe
from lazulite.values import IPAddress

SPACING_S = 0.001
"""Between the first probes of members that come together: a round of thousands is no burst, and stays spread."""
UNJUDGED = "not judged yet"
NOT_RUNNING = "no running machine has this address"
"""Of a member that is not asked: stopped machines are not probed.
Source: facts/load-balancer.md, "Probes" (custom-probe-overview)."""


class Said(msgspec.Struct, frozen=True):
    """What an HTTP request says beside its path: a name for ``Host``, and further headers."""

    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Target(msgspec.Struct, frozen=True):
    """Where a member is found: equal targets are the same machine, which keeps what is known of it.

    In a network (``vrf``), or where ``sites`` reach it, the guests and Internet hosts to ask from: then the address may
    be known by name alone, and ``resolver`` is who knows it.
    """

    vrf: str
    address: IPAddress | None
    port: str = ""
    """The incarnation of its interface, and of the guest behind that."""
    guest: str = ""
    sites: tuple[str, ...] = ()
    resolver: IPAddress | None = None
    said: Said = Said()


class Standing(msgspec.Struct):
    """What is known of one member. Nobody is healthy before good probes say so.

    Source: facts/load-balancer.md, "Probes": ``probeThreshold`` consecutive results turn the state both ways.
    """

    healthy: bool = False
    contrary: int = 0
    """The results in a row that say otherwise than the state."""
    sent: int = 0
    failed: int = 0
    reason: str = ""
    """Why the last probe failed, or nothing when it did not."""
    judged: bool = True
    """Whether probes have decided, or the state is the one to begin with."""

    @property
    def told(self) -> str:
        """The reason as others are told it."""
        return self.reason if self.judged else UNJUDGED

    def learn(self, reason: str, threshold: int, recovery: int = 0) -> bool:
        """Take the result of a probe, a success when there is no *reason*; whether the member turned."""
        good = not reason
        self.sent += 1
        self.failed += not good
        self.reason = reason
        if good is self.healthy:
            first, self.contrary = good and not self.judged, 0
            self.judged = self.judged or good
            return first
        self.contrary += 1
        if self.contrary < max(1, (recovery if good else 0) or threshold):
            return False
        self.healthy, self.contrary, self.judged = good, 0, True
        return True


class Pace:
    """Hands out the times of first probes."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def first(self, now: float, interval_s: float) -> float:
        """The next free time, but never later than one interval from *now*."""
        self._last = max(now, self._last + SPACING_S)
        return now + (self._last - now) % interval_s


def following(due: float, now: float, interval_s: float) -> float:
    """When the probe after the one that was *due* is. A delay does not add up, and nothing is made up for."""
    return max(due + interval_s, now)


class Members(Protocol):
    """Whoever keeps the standing of the members of pools."""

    def follow(
        self, pool: str, probe: Probe, targets: Mapping[str, Target | None], healthy: frozenset[str] | None
    ) -> None:
        """From now on the pool has these members; a target of ``None``: no machine runs there. Those that are the same
        machine as before keep their standing. In a pool that is new here, those are healthy that *healthy* has;
        ``None``: nobody knows."""

    def forget(self, pool: str) -> None:
        """The pool is gone, if there was one."""

    def standings(self, pool: str) -> Mapping[str, Standing]:
        """By member."""

    def close(self) -> None:
        """Ask no more."""


Noted = Callable[[str, bool], None]
"""Is told the pool of which a result changed something, and whether a member turned."""
