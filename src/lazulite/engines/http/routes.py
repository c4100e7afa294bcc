"""Sites as Envoy's routes: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from lazulite.engines.http import hosts
from lazulite.engines.http.wording import STICKY, Json, cookie
from lazulite.forwarding.model import HttpBackend, HttpRule, Redirect, Site

_REDIRECTS = {301: "MOVED_PERMANENTLY", 302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT"}
_NOBODY = "nobody"
"""Name of the host for whom no site answers."""


def virtual_hosts(sites: Sequence[Site], backends: Mapping[str, HttpBackend]) -> list[Json]:
    """For the sites of one place, in the order in which they are asked."""
    named = hosts.domains(sites)
    if named is None:
        rows = [r for s in sites for r in _rows(s, backends, _asked_for(s))]
        return [{"name": "all", "domains": [hosts.ANY], "routes": rows}]
    return [
        {"name": s.name, "domains": names, "routes": list(_rows(s, backends, []))}
        for s, names in zip(sites, named, strict=True)
        if names
    ]


def _asked_for(site: Site) -> list[Json]:
    """A matcher of the host, with or without a port, where names alone do not tell."""
    if not site.hosts:
        return []
    either = "|".join(hosts.pattern(h).pattern for h in site.hosts)
    return [{"name": ":authority", "string_match": {"safe_regex": {"regex": f"(?i)({either})(:[0-9]+)?"}}}]


def _rows(site: Site, backends: Mapping[str, HttpBackend], asked_for: list[Json]) -> Iterator[Json]:
    trace = {"name": ":method", "string_match": {"exact": "TRACE"}}
    refused = {"status": HTTPStatus.METHOD_NOT_ALLOWED.value}
    yield {"match": {"prefix": "/", "headers": [*asked_for, trace]}, "direct_response": refused}
    for rule in site.rules:
        yield from _rule(site, rule, backends.get(rule.backend), asked_for)
    if asked_for or not site.hosts:
        missing = {"status": HTTPStatus.NOT_FOUND.value}
        yield {"match": {"prefix": "/"} | _with(asked_for), "direct_response": missing}


def _rule(site: Site, rule: HttpRule, backend: HttpBackend | None, asked_for: list[Json]) -> Iterator[Json]:
    match = _match(rule.path) | _with(asked_for)
    row: Json = {"name": f"{site.name}|{rule.name}", "match": match}
    if rule.redirect is not None:
        yield row | {"redirect": _redirect(rule.redirect)}
    elif backend is None:
        yield row | {"direct_response": {"status": HTTPStatus.BAD_GATEWAY.value}}
    else:
        yield row | _forwarded(rule, backend)


def _with(asked_for: list[Json]) -> Json:
    return {"headers": asked_for} if asked_for else {}


def _match(path: str) -> Json:
    """Source: facts/application-gateway.md, "Path rules": letter case does not count."""
    if path.endswith("*") or not path:
        return {"prefix": path.rstrip("*") or "/", "case_sensitive": False}
    return {"path": path, "case_sensitive": False}


def _forwarded(rule: HttpRule, backend: HttpBackend) -> Json:
    route: dict[str, Any] = {"cluster": backend.name, "timeout": f"{backend.timeout_s}s", "idle_timeout": "0s"}
    if backend.own_host:
        route["auto_host_rewrite"] = True
    elif backend.host:
        route["host_rewrite_literal"] = backend.host
    if backend.prefix:
        route |= _prefixed(rule.path, backend.prefix)
    kept = {"typed_per_filter_config": {STICKY: cookie(backend.affinity)}} if backend.affinity else {}
    return {"route": route} | kept


def _prefixed(path: str, prefix: str) -> Json:
    """The part of the path that the rule matched gives way to *prefix*. Source: facts/application-gateway.md, "Path
    override": a rule without a path matched the slash."""
    matched = path.rstrip("*") or "/"
    if matched.endswith("/") or not path.endswith("*"):
        return {"prefix_rewrite": prefix}
    # What follows may begin with a slash of its own, which the prefix ends with already.
    escaped = "".join(c if c.isalnum() or c in "/-_" else f"[{c}]" for c in matched)
    substitution = prefix.rstrip("/") + "/\\1"
    return {"regex_rewrite": {"pattern": {"regex": f"(?i)^{escaped}/*(.*)$"}, "substitution": substitution}}


def _redirect(to: Redirect) -> Json:
    found: dict[str, Any] = {"response_code": _REDIRECTS[to.status], "strip_query": not to.keep_query}
    if to.scheme:
        found["scheme_redirect"] = to.scheme
    if to.host:
        found["host_redirect"] = to.host
    if to.port:
        found["port_redirect"] = to.port
    if to.path and to.keep_path:
        found["prefix_rewrite"] = to.path
    elif not to.keep_path:
        found["path_redirect"] = to.path or "/"
    return found
