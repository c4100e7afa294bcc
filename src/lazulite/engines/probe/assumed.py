"""Who is healthy where there are no packets to ask with."""

from __future__ import annotations

from collections.abc import Mapping

from lazulite.engines.probe.standing import NOT_RUNNING, Noted, Standing, Target
from lazulite.forwarding.model import Probe


class Assumed:
    """Implements :class:`lazulite.engines.probe.standing.Members`: what runs is healthy."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted
        self._pools: dict[str, dict[str, Standing]] = {}

    def follow(
        self, pool: str, probe: Probe, targets: Mapping[str, Target | None], healthy: frozenset[str] | None
    ) -> None:
        found = {m: Standing(True) if t is not None else Standing(reason=NOT_RUNNING) for m, t in targets.items()}
        if found != self._pools.get(pool):
            self._pools[pool] = found
            self._noted(pool, True)

    def forget(self, pool: str) -> None:
        self._pools.pop(pool, None)

    def standings(self, pool: str) -> Mapping[str, Standing]:
        return self._pools.get(pool, {})

    def close(self) -> None:
        """Nothing is held."""
