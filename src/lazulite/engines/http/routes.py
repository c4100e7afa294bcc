"""Sites as Envoy's routes: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from lazulite.engines.http import affinity, headers, hosts, rewriting
from lazulite.engines.http.wording import Json, enabled
from lazulite.forwarding.model import HttpBackend, HttpRule, Redirect, Site

_REDIRECTS = {301: "MOVED_PERMANENTLY", 302: "FOUND", 303: "SEE_OTHER", 307: "TEMPORARY_REDIRECT"}
_MARKED = {
    "response_headers_to_add": [
        {"header": {"key": rewriting.MARK, "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    ]
}
SLOW_S = 60
"""How long a client may pause within its request; then it gets 408. A server that is slower is its own matter. Source:
facts/application-gateway.md, "Gateway-made status codes"."""
_UPGRADE = {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}
"""Who holds a WebSocket may be silent."""
_NOBODY = "nobody"
"""Name of the host for whom no site answers."""


Filtered = Callable[[Site, HttpRule], Json]
"""What a rule says of filters, by their names."""


def _unfiltered(site: Site, rule: HttpRule) -> Json:
    return {}


def routed(sites: Sequence[Site], backends: Mapping[str, HttpBackend], filtered: Filtered = _unfiltered) -> Json:
    """What is said of the sites of one place, and of the place itself.

    Filters that work for some site work for all: a rewrite may lead to another, where one that was off would stay off.
    """
    found = virtual_hosts(sites, backends, filtered)
    works = affinity.works(sites, backends)
    if any(rewriting.concerns(s) for s in sites):
        return _place(found, works | {headers.FORWARDED: enabled()})
    each, place = headers.passed_on()
    return _place([host | each for host in found], works) | place


def _place(found: list[Json], works: Json) -> Json:
    return {"virtual_hosts": found} | ({"typed_per_filter_config": works} if works else {})


def virtual_hosts(
    sites: Sequence[Site], backends: Mapping[str, HttpBackend], filtered: Filtered = _unfiltered
) -> list[Json]:
    """For the sites of one place, in the order in which they are asked."""
    named = hosts.domains(sites)
    if named is None:
        rows = [r for s in sites for r in _rows(s, backends, hosts.asked_for(s), filtered)]
        return [{"name": "all", "domains": [hosts.ANY], "routes": rows}]
    return [
        {"name": s.name, "domains": names, "routes": list(_rows(s, backends, [], filtered))} | _rewritten(s)
        for s, names in zip(sites, named, strict=True)
        if names
    ]


def _rewritten(site: Site) -> Json:
    """A site's rules are one program: a rewrite may have them chosen anew."""
    if not rewriting.concerns(site):
        return {}
    return {"typed_per_filter_config": {rewriting.FILTER: rewriting.settings(site)} | headers.kept()}


def _rows(site: Site, backends: Mapping[str, HttpBackend], asked_for: list[Json], filtered: Filtered) -> Iterator[Json]:
    trace = {"name": ":method", "string_match": {"exact": "TRACE"}}
    refused = {"status": HTTPStatus.METHOD_NOT_ALLOWED.value}
    yield {"match": {"prefix": "/", "headers": [*asked_for, trace]}, "direct_response": refused}
    shared = _rewritten(site).get("typed_per_filter_config", {}) if asked_for else {}
    for rule in site.rules:
        settings = shared | filtered(site, rule)
        for row in _rule(site, rule, backends.get(rule.backend), asked_for):
            said = settings | row.get("typed_per_filter_config", {})
            yield row | ({"typed_per_filter_config": said} if said else {})
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
        found = row | _forwarded(rule, backend) | (_MARKED if rewriting.concerns(site) else {})
        upgraded = match | {"headers": [*match.get("headers", []), _UPGRADE]}
        yield found | {"match": upgraded, "route": found["route"] | {"idle_timeout": "0s"}}
        yield found


def _with(asked_for: list[Json]) -> Json:
    return {"headers": asked_for} if asked_for else {}


def _match(path: str) -> Json:
    """Source: facts/application-gateway.md, "Path rules": letter case does not count."""
    if path.endswith("*") or not path:
        return {"prefix": path.rstrip("*") or "/", "case_sensitive": False}
    return {"path": path, "case_sensitive": False}


def _forwarded(rule: HttpRule, backend: HttpBackend) -> Json:
    route: dict[str, Any] = {"cluster": backend.name, "timeout": f"{backend.timeout_s}s"}
    route["idle_timeout"] = f"{max(SLOW_S, backend.timeout_s + 1)}s"
    if backend.own_host:
        route["auto_host_rewrite"] = True
    elif backend.host:
        route["host_rewrite_literal"] = backend.host
    if backend.prefix:
        route |= _prefixed(rule, backend.prefix)
    kept = affinity.settings(backend)
    return {"route": route} | ({"typed_per_filter_config": kept} if kept else {})


def _prefixed(rule: HttpRule, prefix: str) -> Json:
    """The part of the path that the rule matched gives way to *prefix*. Source: facts/application-gateway.md, "Path
    override": a rule without a path matched the slash."""
    path = rule.path
    matched = path.rstrip("*") or "/"
    if (matched.endswith("/") or not path.endswith("*")) and not rule.rewrites:
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
