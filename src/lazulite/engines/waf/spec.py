"""What the service is given: one file, written whole, which it reads when it is told to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

import msgspec

from lazulite.forwarding.model import HttpProxy, HttpRule, Site, WafPolicy

FILE, SOCKET, CONTROL, LOG, PID = "waf.state", "waf.sock", "waf-control.sock", "firewall.log", "waf.pid"
"""In the directory of the lab's proxies: what is given, where it is asked and told, and what it tells."""
SECRET = "waf.key"
"""There too: the secret that cookies are signed with."""
KEY_LENGTH = 16
KEY = "x-lazulite-policy"
"""The header with the key of the policy as a route has it."""
CLIENT, VERSION = "x-lazulite-client", "x-lazulite-version"
LENGTH, FORWARDED = "x-lazulite-length", "x-lazulite-forwarded"
TRANSACTION = "x-lazulite-transaction"
"""Headers in which Envoy says what it alone knows; what a client sends under these names is overwritten."""


Identity: TypeAlias = tuple[int, int]
"""Of a file, whatever its name is."""


def identity(place: Path) -> Identity | None:
    """What is behind a name, ``None`` for nothing."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


class Use(msgspec.Struct, frozen=True):
    """A policy as one route has it. ``scope`` is ``Global``, ``Listener`` or ``Location``; ``site`` keeps counts
    apart; ``origin`` is the resource that logs are of."""

    policy: str
    scope: str
    scope_name: str
    site: str
    origin: str
    instance: str = ""


class State(msgspec.Struct, frozen=True):
    """Everything. ``places`` are prefixes with the country they are in."""

    policies: dict[str, WafPolicy] = {}
    uses: dict[str, Use] = {}
    places: list[tuple[str, str]] = []


class Load(msgspec.Struct, frozen=True, tag=True):
    """Read the file again. Answered by :class:`Loaded`, which is also said unasked when a worker begins to serve."""

    id: int


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """``faults``: by policy, why its rules could not be compiled; such a policy lets nothing pass."""

    id: int
    faults: dict[str, str] = {}


class Count(msgspec.Struct, frozen=True, tag=True):
    """Whether one more of *key* is within the limit. Answered by :class:`Counted`."""

    id: int
    key: str
    count: int
    seconds: int


class Counted(msgspec.Struct, frozen=True, tag=True):
    id: int
    within: bool


def use_of(proxy: HttpProxy, site: Site, rule: HttpRule) -> tuple[str, Use] | None:
    """The policy that a rule's requests pass, the most specific one, and the key it is asked by; ``None`` for none.

    Source: facts/web-application-firewall.md, "What it does".
    """
    if rule.policy:
        found = Use(rule.policy, "Location", rule.path or rule.name, site.name, proxy.origin, proxy.label)
    elif site.policy:
        found = Use(site.policy, "Listener", site.name, site.name, proxy.origin, proxy.label)
    elif proxy.policy:
        found = Use(proxy.policy, "Global", "Global", site.name, proxy.origin, proxy.label)
    else:
        return None
    return hashlib.sha256(msgspec.json.encode(found)).hexdigest()[:KEY_LENGTH], found


def used(proxies: Iterable[HttpProxy]) -> dict[str, Use]:
    """Every policy as a route has it, by its key."""
    found = (use_of(p, s, r) for p in proxies for s in p.sites for r in s.rules)
    return dict(f for f in found if f is not None)
