"""Which site answers for a host name, and how Envoy is told: it prefers the longest name, the model the first site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from lazulite.forwarding.model import Site

ANY = "*"


@cache
def pattern(host: str) -> re.Pattern[str]:
    """``*`` is any run of letters, digits, dashes and dots, ``?`` one of them. Source: facts/application-gateway.md,
    "Listener choice"."""
    parts = {"*": "[a-z0-9.-]*", "?": "[a-z0-9-]"}
    return re.compile("".join(parts.get(c, re.escape(c)) for c in host.lower()))


def matches(site: Site, host: str) -> bool:
    """Whether *site* answers for *host*, a name with no port."""
    return not site.hosts or any(pattern(h).fullmatch(host.lower()) for h in site.hosts)


def chosen(sites: Sequence[Site], host: str) -> Site | None:
    """The first of *sites* at one place that answers for *host*."""
    return next((s for s in sites if matches(s, host)), None)


def plain(host: str) -> bool:
    """Whether Envoy's own order finds the host: a name, or a name below ``*.``."""
    rest = host.removeprefix("*.")
    return "*" not in rest and "?" not in rest


def domains(sites: Sequence[Site]) -> list[list[str]] | None:
    """For each site the names that Envoy is to choose it by, so that it chooses as the model does; ``None``: there are
    none, and all sites must be asked one after the other.

    A name that an earlier site answers for is left out; what then remains is found by the longest name.
    """
    if not all(plain(h) for s in sites for h in s.hosts):
        return None
    found: list[list[str]] = []
    for index, site in enumerate(sites):
        names = [h.lower() for h in site.hosts] or [ANY]
        found.append([n for n in dict.fromkeys(names) if not any(_covers(s, n) for s in sites[:index])])
    return found


def _covers(site: Site, name: str) -> bool:
    """Whether *site* answers for all that *name*, a plain pattern, stands for."""
    return not site.hosts or any(_covered(h.lower(), name) for h in site.hosts)


def _covered(wide: str, name: str) -> bool:
    if wide == name:
        return True
    return wide.startswith("*.") and name.removeprefix("*").endswith(wide[1:]) and name != ANY


def unknown(sites: Iterable[Site]) -> bool:
    """Whether a host that no site names is refused."""
    return all(s.hosts for s in sites)
