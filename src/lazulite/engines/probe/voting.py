"""What several sites find out about the same members: each asks on its own, and the majority decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from lazulite.engines.probe.standing import Members, Noted, Standing, Target
from lazulite.forwarding.model import Probe


class Voting:
    """Implements :class:`lazulite.engines.probe.standing.Members` by one pool of others for each site of a pool."""

    def __init__(self, make: Callable[[Noted], Members], noted: Noted) -> None:
        self._members, self._noted = make(self._note), noted
        self._parts: dict[str, tuple[str, ...]] = {}
        """By pool, what it is called for each of its sites."""
        self._pools: dict[str, str] = {}
        """The pool of such a name."""

    def follow(
        self, pool: str, probe: Probe, targets: Mapping[str, Target | None], healthy: frozenset[str] | None
    ) -> None:
        sites = _sites(targets)
        parts = {f"{pool}|{site}": (site,) for site in sites} if len(sites) > 1 else {pool: sites}
        self._drop(part for part in self._parts.get(pool, ()) if part not in parts)
        self._parts[pool] = tuple(parts)
        self._pools |= dict.fromkeys(parts, pool)
        for part, at in parts.items():
            found = {m: t and (t if t.sites == at else replace(t, sites=at)) for m, t in targets.items()}
            self._members.follow(part, probe, found, healthy)

    def forget(self, pool: str) -> None:
        self._drop(self._parts.pop(pool, ()))

    def _drop(self, parts: Iterable[str]) -> None:
        for part in parts:
            self._pools.pop(part)
            self._members.forget(part)

    def standings(self, pool: str) -> Mapping[str, Standing]:
        found = [self._members.standings(part) for part in self._parts.get(pool, ())]
        if len(found) < 2:
            return found[0] if found else {}
        members = dict.fromkeys(m for one in found for m in one)
        return {m: verdict([one[m] for one in found if m in one]) for m in members}

    def close(self) -> None:
        self._members.close()

    def _note(self, part: str, turned: bool) -> None:
        pool = self._pools.get(part)
        if pool is not None:
            self._noted(pool, turned)


def _sites(targets: Mapping[str, Target | None]) -> tuple[str, ...]:
    """The same for all members of a pool."""
    return next((t.sites for t in targets.values() if t is not None), ())


def verdict(found: Sequence[Standing]) -> Standing:
    """What the sites say together: healthy is what more than half of them hold healthy. It is a judgement when those
    who have judged say so without the others. Source: facts/traffic-manager.md, "Probing"."""
    half = len(found) // 2
    healthy = sum(s.healthy for s in found) > half
    needed = half + 1 if healthy else len(found) - half
    judged = sum(s.judged for s in found if s.healthy is healthy) >= needed
    failing = [s.reason for s in found if s.reason]
    reason = failing[0] if failing else ""
    if failing and len(failing) < len(found):
        reason += f" (at {len(failing)} of {len(found)} sites)"
    sent, failed = sum(s.sent for s in found), sum(s.failed for s in found)
    return Standing(healthy, 0, sent, failed, reason, judged)
