"""Which region a new flow to a global address goes to: one definition for the analysis and for the drivers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

import msgspec

from lazulite.forwarding.balancing import eligible
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    Entry,
    Frontend,
    GlobalMember,
    GlobalRule,
    Pool,
    Vrf,
)

E = TypeVar("E", bound=Entry)


class Look(Protocol):
    """What finds an entry by type and name, or ``None``."""

    def __call__(self, kind: type[E], name: str, /) -> E | None: ...


class Regional(msgspec.Struct, frozen=True):
    """A member of a global rule with all that there is of it."""

    member: GlobalMember
    rule: BalancingRule
    frontend: Frontend
    open: bool
    """Whether it may get new flows."""


def regionals(found: GlobalRule, look: Look) -> list[Regional]:
    """The members that exist, in order; of several in one network only the one that its edge leads to.

    A floating rule is none: its backends have the regional address, not this one. Nor is a rule on a frontend with a
    detour, which flows by this address would not make.
    """
    by_vrf: dict[str, Regional] = {}
    for member in found.members:
        one = _regional(found, member, look)
        if one is not None:
            known = by_vrf.get(one.frontend.vrf)
            if known is None or (one.open and not known.open):
                by_vrf[one.frontend.vrf] = one
    return sorted(by_vrf.values(), key=lambda r: r.member)


def _regional(found: GlobalRule, member: GlobalMember, look: Look) -> Regional | None:
    rule = look(BalancingRule, member.rule)
    frontend = look(Frontend, rule.frontend) if rule is not None else None
    if rule is None or frontend is None or not frontend.public or look(Vrf, frontend.vrf) is None:
        return None
    same = frontend.address.version == found.address.version and rule.protocol is found.protocol
    if rule.floating or frontend.detour or not rule.port or not same:
        return None
    pool = look(Pool, rule.pool)
    able = eligible(pool, look(Contents, rule.pool)) if pool is not None else ()
    return Regional(member, rule, frontend, any(m.address.version == found.address.version for m in able))


def nearest(found: Iterable[Regional], regions: Sequence[str]) -> list[Regional]:
    """Those of *found* that new flows may go to, in the first of *regions* that has any; regions that are not among
    them come last, by name."""
    rank = {region: number for number, region in enumerate(regions)}
    able = [one for one in found if one.open]
    if not able:
        return []
    first = min(able, key=lambda r: (rank.get(r.member.region, len(rank)), r.member.region)).member.region
    return [one for one in able if one.member.region == first]
