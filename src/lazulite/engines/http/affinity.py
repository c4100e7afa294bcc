"""Clients that are kept with their servers by a cookie, as Envoy's filters; pure.

Source: facts/application-gateway.md, "Affinity".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from lazulite.engines.http.rewriting import lua
from lazulite.engines.http.wording import STICKY, TYPES, Json, cookie, enabled, sticky, typed
from lazulite.forwarding.model import HttpBackend, Site

OTHERS = "others"
"""The filter that has a second cookie for requests from other sites."""
_LUA = "envoy.extensions.filters.http.lua.v3.Lua"


def filters() -> list[Json]:
    """Off, but where :func:`works` says otherwise."""
    return [typed(OTHERS, _LUA, clear_route_cache=False) | {"disabled": True}, sticky()]


def works(sites: Iterable[Site], backends: Mapping[str, HttpBackend]) -> Json:
    """For all *sites* that one set of routes serves; who keeps nobody pays for nothing."""
    asked = (backends.get(rule.backend) for site in sites for rule in site.rules)
    return {OTHERS: enabled(), STICKY: enabled()} if any(b.affinity for b in asked if b is not None) else {}


def settings(backend: HttpBackend) -> Json:
    """Of a route, by the names of filters."""
    if not backend.affinity:
        return {}
    source = {"inline_string": f"NAME = {lua(backend.affinity)}\n{_program()}"}
    return {OTHERS: {"@type": f"{TYPES}{_LUA}PerRoute", "source_code": source}, STICKY: cookie(backend.affinity)}


@cache
def _program() -> str:
    return files("lazulite.engines.http").joinpath("affinity.lua").read_text()
