"""Names whose answer is computed: a method chooses among what a dynamic set says is up.

A method is a function of what there is to choose from and of who asks; it returns those to answer with, best first.
Add one by a row of :data:`METHODS`. Source of all rules: "Traffic Manager routing methods"; facts/traffic-manager.md,
selection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import TypeAlias

import msgspec

from lazulite.engines.dns.chance import Chance
from lazulite.engines.dns.message import A
from lazulite.engines.dns.places import Whereabouts
from lazulite.engines.dns.spec import ChoiceSpec, PolicySpec
from lazulite.values import IPAddress

_DEEPEST = 10
"""Policies in policies. Source: facts/traffic-manager.md, limits."""
_WORLD = "WORLD"
_MULTIVALUE = "multivalue"
_FAR_MS = float("inf")
MEMBERS: TypeAlias = Mapping[str, frozenset[str]]
"""By dynamic set: the names that are known to be down."""


class Asked(msgspec.Struct, frozen=True):
    """Who asks: the client's address as far as it is known, how many bits of it, and where that is; and whether they
    want signatures, and the code beside a proof. ``chance`` draws for them."""

    qtype: int
    client: IPAddress | None = None
    bits: int = 0
    place: Whereabouts | None = None
    dnssec: bool = False
    compact: bool = False
    chance: Chance = msgspec.field(default_factory=Chance)


class Chosen(msgspec.Struct, frozen=True):
    """The answer: addresses, or one domain name. ``scope``: how many bits of the client's address decided. ``missing``:
    for this client there is no such name. ``lasting``: whoever asks is answered this, until something changes, but for
    what chance decided."""

    ttl: int
    addresses: tuple[IPAddress, ...] = ()
    target: str = ""
    scope: int = 0
    missing: bool = False
    lasting: bool = False


class Field(msgspec.Struct, frozen=True):
    """What there is to choose from: ``eligible`` is up, or the best that there is; ``every`` has those down as well."""

    eligible: Sequence[ChoiceSpec]
    every: Sequence[ChoiceSpec]
    limit: int = 1
    """How many are wanted of a method that gives several."""


class Pick(msgspec.Struct, frozen=True):
    """What a method chose, and whether it would do so for anyone with the same luck."""

    ranked: Sequence[ChoiceSpec]
    scope: int = 0
    missing: bool = False
    lasting: bool = False


Method: TypeAlias = Callable[[Field, Asked], Pick]


def priority(field: Field, asked: Asked) -> Pick:
    """The lowest number."""
    return Pick(sorted(field.eligible, key=lambda c: c.priority), lasting=True)


def weighted(field: Field, asked: Asked) -> Pick:
    """At random, independently each time, by weight."""
    weights = [c.weight for c in field.eligible]
    return Pick([field.eligible[asked.chance.draw(weights)]] if weights else (), lasting=True)


def multivalue(field: Field, asked: Asked) -> Pick:
    """Any of them, as many as the policy's limit."""
    left = [c for c in field.eligible if not c.address or ip_address(c.address).version == _version(asked)]
    count = min(field.limit, len(left))
    return Pick([left.pop(asked.chance.draw([1] * len(left))) for _ in range(count)], lasting=True)


def performance(field: Field, asked: Asked) -> Pick:
    """The one that the client's network is nearest to; those that are equally near share. A subnet of the client's own
    is stronger, as long as its endpoint is up."""
    own, bits = _by_subnet(field.eligible, asked)
    if own is not None:
        return Pick([own], bits)
    ways = asked.place.latencies if asked.place is not None else {}
    least = min((ways.get(c.location, _FAR_MS) for c in field.eligible), default=_FAR_MS)
    nearest = [c for c in field.eligible if ways.get(c.location, _FAR_MS) == least]
    return Pick([nearest[asked.chance.draw([1] * len(nearest))]] if nearest else (), _located(asked))


def geographic(field: Field, asked: Asked) -> Pick:
    """The one that has the narrowest region around the client, whatever its health."""
    own, bits = _by_subnet(field.every, asked)
    if own is not None:
        return Pick([own], bits)
    codes = asked.place.codes if asked.place is not None else (_WORLD,)
    found = next((c for code in codes for c in field.every if code in c.places), None)
    return Pick([found] if found is not None else (), _located(asked))


def subnet(field: Field, asked: Asked) -> Pick:
    """The one that the client's subnet is mapped to, or the one without subnets; if that is down there is no name."""
    found, bits = _by_subnet(field.every, asked)
    if found is None:
        found, bits = next((c for c in field.every if not c.subnets), None), asked.bits
    if found is None or found not in field.eligible:
        return Pick((), bits, missing=True)
    return Pick([found], bits)


def _by_subnet(choices: Sequence[ChoiceSpec], asked: Asked) -> tuple[ChoiceSpec | None, int]:
    """The choice with the client in one of its subnets, and the length of that."""
    if asked.client is not None:
        for choice in choices:
            for text in choice.subnets:
                network = ip_network(text)
                if network.version == asked.client.version and asked.client in network:
                    return choice, network.prefixlen
    return None, 0


def _version(asked: Asked) -> int:
    return 4 if asked.qtype == A else 6


def _located(asked: Asked) -> int:
    return asked.place.bits if asked.place is not None else asked.bits


METHODS: dict[str, Method] = {
    "priority": priority,
    "weighted": weighted,
    _MULTIVALUE: multivalue,
    "performance": performance,
    "geographic": geographic,
    "subnet": subnet,
}


def choose(policies: Mapping[str, PolicySpec], name: str, asked: Asked, down: MEMBERS, depth: int = 0) -> Chosen | None:
    """What the policy answers, ``None`` where it has nothing to choose from."""
    policy = policies.get(name)
    if policy is None or depth >= _DEEPEST or policy.method not in METHODS or not policy.choices:
        return None
    lost = down.get(policy.available, frozenset())
    usable = [c for c in policy.choices if c.target or c.address or c.nested]
    up = [c for c in usable if c.fixed or _is_up(policies, c, lost, down, depth)]
    pick = METHODS[policy.method](Field(up or usable, policy.choices, policy.limit), asked)
    if pick.missing:
        return Chosen(policy.ttl, scope=pick.scope, missing=True)
    if not pick.ranked:
        return Chosen(policy.ttl, scope=pick.scope)
    first = pick.ranked[0]
    if first.nested:
        inner = choose(policies, first.nested, asked, down, depth + 1)
        both = {"scope": max(pick.scope, inner.scope), "lasting": pick.lasting and inner.lasting} if inner else {}
        return inner and msgspec.structs.replace(inner, **both)
    if first.target:
        return Chosen(policy.ttl, (), first.target, pick.scope, lasting=pick.lasting)
    given = pick.ranked if policy.method == _MULTIVALUE else pick.ranked[:1]
    found = [a for a in (ip_address(c.address) for c in given if c.address) if a.version == _version(asked)]
    return Chosen(policy.ttl, tuple(found[: policy.limit]), "", pick.scope, lasting=pick.lasting)


def _is_up(
    policies: Mapping[str, PolicySpec], choice: ChoiceSpec, lost: frozenset[str], down: MEMBERS, depth: int
) -> bool:
    if not choice.nested:
        return choice.name not in lost
    inner = policies.get(choice.nested)
    if inner is None or depth >= _DEEPEST:
        return False
    gone = down.get(inner.available, frozenset())
    up = [c for c in inner.choices if c.fixed or _is_up(policies, c, gone, down, depth + 1)]
    versions = [ip_address(c.address).version for c in up if c.address]
    enough = versions.count(4) >= choice.minimum_4 and versions.count(6) >= choice.minimum_6
    return choice.name not in lost and enough and len(up) >= choice.minimum
