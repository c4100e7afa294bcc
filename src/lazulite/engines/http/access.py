"""What Envoy is told to write of each request, and what Azure calls the places that requests go to; pure.

Envoy writes as little as Azure's line can be made of: text costs half of what JSON does, and a name that many lines
share is written short.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from lazulite.engines.http import headers, rewriting
from lazulite.engines.http.firewall import CLOSED, OPEN
from lazulite.engines.http.lines import BETWEEN, FIELDS, RAW, Known, Names, Since, place
from lazulite.engines.http.wording import Json, typed
from lazulite.engines.waf.spec import use_of
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Site, WafPolicy

VERSIONS = 16
"""Of a place's names, at most."""
_KIND = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_TOLD = {
    "time": f"%START_TIME({headers.TIME})%",
    "clientIP": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "clientPort": "%DOWNSTREAM_REMOTE_PORT%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%REQ(:PATH)%",
    "version": "%PROTOCOL%",
    "agent": "%REQ(USER-AGENT)%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "received": "%DOWNSTREAM_WIRE_BYTES_RECEIVED%",
    "sent": "%DOWNSTREAM_WIRE_BYTES_SENT%",
    "milliseconds": "%DURATION%",
    "sending": "%RESPONSE_TX_DURATION%",
    "server": "%UPSTREAM_HOST%",
    "serverMilliseconds": "%RESPONSE_DURATION%",
    "serverPort": "%UPSTREAM_LOCAL_ADDRESS%",
    "type": "%RESP(CONTENT-TYPE)%",
    "random": headers.RANDOM,
    **headers.TOLD,
}
_GUARDED = {"looked": f"%FILTER_STATE({CLOSED}:FIELD:latency_us)%%FILTER_STATE({OPEN}:FIELD:latency_us)%"}
_SECURE = {
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "cipher": "%DOWNSTREAM_TLS_CIPHER%",
    "client": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
}


def log(proxy: HttpProxy, directory: str, *, secure: bool) -> Json:
    """Envoy's part: a line for every request, of :data:`FIELDS`. What nothing is known of is not asked for."""
    told = {"where": place(short(proxy), "%ROUTE_NAME%"), **_TOLD}
    told |= headers.KEPT if any(rewriting.concerns(s) for s in proxy.sites) else {}
    told |= _GUARDED if any(use_of(proxy, s, r) for s in proxy.sites for r in s.rules) else {}
    told |= _SECURE if secure else {}
    text = BETWEEN.join(told.get(name, "") for name in FIELDS) + "\n"
    form = {"text_format_source": {"inline_string": text}, "omit_empty_values": True}
    return typed("log", _KIND, path=f"{directory}/{RAW}", log_format=form)


def short(proxy: HttpProxy) -> str:
    """Its name in a line."""
    return hashlib.blake2s(proxy.name.encode(), digest_size=6).hexdigest()


def places(
    proxies: Mapping[str, HttpProxy], backends: Mapping[str, HttpBackend], policies: Mapping[str, WafPolicy]
) -> dict[str, Names]:
    """What Azure calls each place that a line can name."""
    return {where: names for p in proxies.values() for where, names in _places(p, backends, policies)}


def _places(
    proxy: HttpProxy, backends: Mapping[str, HttpBackend], policies: Mapping[str, WafPolicy]
) -> Iterator[tuple[str, Names]]:
    key = short(proxy)
    yield place(key), Names(proxy.origin)
    for site in proxy.sites:
        for rule in site.rules:
            backend = backends.get(rule.backend)
            pool, _, settings = backend.label.partition("/") if backend is not None else ("", "", "")
            called = rule.name.partition("/")[0]
            guard = _guard(proxy, site, rule, policies)
            yield place(key, f"{site.name}|{rule.name}"), Names(proxy.origin, site.name, called, pool, settings, *guard)


def _guard(proxy: HttpProxy, site: Site, rule: HttpRule, policies: Mapping[str, WafPolicy]) -> tuple[str, str]:
    """How the firewall is set, and the policy's id; empty where none is."""
    used = use_of(proxy, site, rule)
    policy = policies.get(used[1].policy) if used is not None else None
    if policy is None or not policy.enabled:
        return "", ""
    return "Detection" if policy.detect else "Prevention", policy.origin


def followed(before: Known, now: Mapping[str, Names], time: str, oldest: str) -> Known:
    """What is known when *now* counts from *time* on. Who began before has the names of then, unless those were over
    before *oldest*. Times are as Envoy writes them."""
    found: dict[str, Sequence[Since]] = {}
    for where in before.places.keys() | now.keys():
        rows = before.places.get(where, ())
        names = now.get(where)
        if names is not None and not (rows and rows[0].names == names and not rows[0].over):
            rows = [Since(time if rows else "", names), *rows]
        elif names is None and rows and not rows[0].over:
            rows = [Since(time, rows[0].names, over=True), *rows]
        found[where] = _needed(rows, oldest)
    return Known(bool(now), {where: rows for where, rows in found.items() if rows})


def _needed(rows: Sequence[Since], oldest: str) -> Sequence[Since]:
    """Without what was over before *oldest*."""
    kept = [r for i, r in enumerate(rows[:VERSIONS]) if i == 0 or rows[i - 1].time >= oldest]
    return () if kept[0].over and kept[0].time < oldest else kept
