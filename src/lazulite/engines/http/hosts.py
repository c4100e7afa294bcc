"""Which site answers for a host name, and how Envoy is told: it prefers the longest name, the model the first site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lazulite.forwarding.model import Site
from lazulite.forwarding.requests import chosen, matches, pattern

__all__ = ["asked_for", "chosen", "domains", "matches", "plain", "unknown"]

ANY = "*"


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


def asked_for(site: Site) -> list[dict[str, Any]]:
    """A matcher of the host, with or without a port, where names alone do not tell."""
    if not site.hosts:
        return []
    either = "|".join(pattern(h).pattern for h in site.hosts)
    return [{"name": ":authority", "string_match": {"safe_regex": {"regex": f"(?i)({either})(:[0-9]+)?"}}}]


def unknown(sites: Iterable[Site]) -> bool:
    """Whether a host that no site names is refused."""
    return all(s.hosts for s in sites)
