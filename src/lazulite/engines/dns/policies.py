"""Names whose answer is computed: a method chooses among what a dynamic set says is up.

A method is a function of the choices that can be chosen and of who asks; it returns those to answer with, best first.
Add one by a row of :data:`METHODS`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import TypeAlias

import msgspec

from lazulite.engines.dns.spec import ChoiceSpec, PolicySpec
from lazulite.values import IPAddress

_DEEPEST = 10
"""Policies in policies. Source: facts/traffic-manager.md, limits."""
MEMBERS: TypeAlias = Mapping[str, frozenset[str]]
"""By dynamic set: the names that are known to be down."""


class Asked(msgspec.Struct, frozen=True):
    """Who asks: the client's address as far as it is known, and how many bits of it."""

    qtype: int
    client: IPAddress | None = None
    bits: int = 0


class Chosen(msgspec.Struct, frozen=True):
    """The answer: addresses, or one domain name. ``scope``: how many bits of the client's address decided."""

    ttl: int
    addresses: tuple[IPAddress, ...] = ()
    target: str = ""
    scope: int = 0


Method: TypeAlias = Callable[[Sequence[ChoiceSpec], Asked], tuple[list[ChoiceSpec], int]]


def priority(choices: Sequence[ChoiceSpec], asked: Asked) -> tuple[list[ChoiceSpec], int]:
    """The lowest number."""
    return sorted(choices, key=lambda c: c.priority), 0


def weighted(choices: Sequence[ChoiceSpec], asked: Asked) -> tuple[list[ChoiceSpec], int]:
    """At random, independently each time, by weight."""
    return random.choices(choices, [c.weight for c in choices]), 0


def multivalue(choices: Sequence[ChoiceSpec], asked: Asked) -> tuple[list[ChoiceSpec], int]:
    """Any of them, as many as the policy's limit."""
    return random.sample(choices, len(choices)), 0


METHODS: dict[str, Method] = {"priority": priority, "weighted": weighted, "multivalue": multivalue}


def choose(policies: Mapping[str, PolicySpec], name: str, asked: Asked, down: MEMBERS, depth: int = 0) -> Chosen | None:
    """What the policy answers, ``None`` where it has nothing to choose from."""
    policy = policies.get(name)
    if policy is None or depth >= _DEEPEST or policy.method not in METHODS or not policy.choices:
        return None
    lost = down.get(policy.available, frozenset())
    up = [c for c in policy.choices if c.fixed or _is_up(policies, c, lost, down, depth)]
    ranked, scope = METHODS[policy.method](up or policy.choices, asked)
    if not ranked:
        return None
    first = ranked[0]
    if first.nested:
        inner = choose(policies, first.nested, asked, down, depth + 1)
        return inner and msgspec.structs.replace(inner, scope=max(scope, inner.scope))
    if first.target:
        return Chosen(policy.ttl, (), first.target, scope)
    version = 4 if asked.qtype == 1 else 6
    found = [a for a in (ip_address(c.address) for c in ranked[: len(ranked)] if c.address) if a.version == version]
    return Chosen(policy.ttl, tuple(found[: policy.limit]), "", scope)


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
