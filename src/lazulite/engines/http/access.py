"""What is logged of a request: Envoy's line of it, and Azure's made of that; pure.

Source: facts/application-gateway.md, "Logs and metrics".
"""

from __future__ import annotations

from collections.abc import Mapping

from lazulite.engines.http import answers, headers
from lazulite.engines.http.firewall import CLOSED, OPEN
from lazulite.engines.http.wording import Json, typed
from lazulite.engines.waf.spec import use_of
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Site, WafPolicy

CATEGORY = "ApplicationGatewayAccessLog"
RAW, SHOWN = "access.log", f"{CATEGORY}.json"
"""Names of files: Envoy's, and Azure's."""
CLIENT_CLOSED = 499
NO_POLICIES: Mapping[str, WafPolicy] = {}
_KIND = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_BETWEEN = "\x1f"
"""Stands in no value: a header with it is refused, and so is a path."""
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
    "route": "%ROUTE_NAME%",
    "server": "%UPSTREAM_HOST%",
    "serverMilliseconds": "%RESPONSE_DURATION%",
    "serverPort": "%UPSTREAM_LOCAL_ADDRESS%",
    "type": "%RESP(CONTENT-TYPE)%",
    "random": headers.RANDOM,
    **headers.TOLD,
    **headers.KEPT,
}
_SECURE = {
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "cipher": "%DOWNSTREAM_TLS_CIPHER%",
    "client": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
}
_GUARDED = {"looked": f"%FILTER_STATE({CLOSED}:FIELD:latency_us)%%FILTER_STATE({OPEN}:FIELD:latency_us)%"}
_ROWS = [("proxy", *_TOLD, *guarded, *secure) for guarded in ((), _GUARDED) for secure in ((), _SECURE)]
_NAMES = {len(names): names for names in _ROWS}
"""Of the fields of a line, by how many there are."""
_BEFORE = tuple(zip(headers.KEPT, headers.TOLD, strict=True))
_FLAGS = {
    "DC": "CLIENT_CLOSED_REQUEST",
    "UT": "UPSTREAM_TIMED_OUT",
    "UH": "UPSTREAM_NO_LIVE",
    "NC": "UPSTREAM_NO_LIVE",
    "UF": "UPSTREAM_CLOSED_CONNECTION",
    "UC": "UPSTREAM_CLOSED_CONNECTION",
    "UR": "UPSTREAM_CLOSED_CONNECTION",
    "UPE": "UPSTREAM_CLOSED_CONNECTION",
}
_DETAILS = (
    ("missing_host", "HTTP_NO_HOST_HEADER"),
    ("content_length", "INVALID_CONTENT_LENGTH"),
    ("invalid_method", "INVALID_METHOD"),
    ("path", "REQUEST_URI_INVALID"),
    ("low_version", "INVALID_VERSION"),
)
_OWN = {405: "INVALID_METHOD_TRACE", 404: "INVALID_HOST", 502: "UPSTREAM_NO_LIVE", 400: "INVALID_REQUEST"}


def log(proxy: HttpProxy, directory: str, *, secure: bool) -> Json:
    """Envoy's part: a line for every request. Text costs half of what JSON does, here and for who reads it."""
    guarded = any(use_of(proxy, s, r) for s in proxy.sites for r in s.rules)
    more = [*(_GUARDED.values() if guarded else ()), *(_SECURE.values() if secure else ())]
    told = [proxy.name.replace("%", "%%"), *_TOLD.values(), *more]
    format_ = {"text_format_source": {"inline_string": _BETWEEN.join(told) + "\n"}}
    return typed("log", _KIND, path=f"{directory}/{RAW}", log_format=format_)


def fields(text: str) -> Mapping[str, str] | None:
    """Those of Envoy's line by their names, empty where they say nothing; ``None`` for what is no line."""
    values = text.split(_BETWEEN)
    names = _NAMES.get(len(values))
    if names is None:
        return None
    return dict(zip(names, ["" if v == "-" else v for v in values], strict=True))


class Lines:
    """Makes Azure's lines of what is known now; who comes by the same route has the same beginning."""

    def __init__(
        self,
        proxies: Mapping[str, HttpProxy],
        backends: Mapping[str, HttpBackend],
        policies: Mapping[str, WafPolicy] = NO_POLICIES,
    ) -> None:
        self._proxies, self._backends, self._policies = proxies, backends, policies
        self._places: dict[tuple[str, str], tuple[Json, Json]] = {}

    def line(self, raw: Mapping[str, str]) -> Json:
        """Of the fields of Envoy's. What is not known any more is left empty. Raises ``ValueError``: it is no line."""
        where = raw.get("proxy", ""), raw.get("route", "")
        if where not in self._places:
            self._places[where] = self._place(*where)
        place, guard = self._places[where]
        return {
            "timeStamp": _time(raw.get("time", "")),
            **place,
            "properties": _request(raw) | _answer(raw) | guard | _tls(raw),
        }

    def _guard(self, proxy: HttpProxy | None, site: Site | None, rule: HttpRule | None) -> Json:
        used = use_of(proxy, site, rule) if proxy is not None and site is not None and rule is not None else None
        policy = self._policies.get(used[1].policy) if used is not None else None
        if policy is None or not policy.enabled:
            return {"WAFMode": "", "WAFPolicyID": ""}
        return {"WAFMode": "Detection" if policy.detect else "Prevention", "WAFPolicyID": policy.origin}

    def _place(self, name: str, route: str) -> tuple[Json, Json]:
        """What stands beside the properties, and those about the firewall."""
        proxy = self._proxies.get(name)
        site, rule = _matched(proxy, route)
        backend = self._backends.get(rule.backend) if rule is not None else None
        pool, _, settings = backend.label.partition("/") if backend is not None else ("", "", "")
        place = {
            "resourceId": proxy.origin if proxy is not None else "",
            "listenerName": site.name if site is not None else "",
            "ruleName": rule.name.partition("/")[0] if rule is not None else "",
            "backendPoolName": pool,
            "backendSettingName": settings,
            "operationName": "ApplicationGatewayAccess",
            "category": CATEGORY,
        }
        return place, self._guard(proxy, site, rule)


def _time(text: str) -> str:
    """Of :data:`headers.TIME`, to the millisecond."""
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}.{text[14:17]}Z" if text else ""


def _matched(proxy: HttpProxy | None, route: str) -> tuple[Site | None, HttpRule | None]:
    called, _, rule = route.partition("|")
    site = next((s for s in proxy.sites if s.name == called), None) if proxy is not None else None
    return site, next((r for r in site.rules if r.name == rule), None) if site is not None else None


def _seconds(raw: Mapping[str, str], key: str) -> float:
    return int(raw.get(key) or 0) / 1000


def _number(raw: Mapping[str, str], key: str) -> int:
    return int(raw.get(key) or 0)


def _request(raw: Mapping[str, str]) -> Json:
    whole, host = raw.get("path", ""), raw.get("host", "")
    path, _, query = whole.partition("?")
    number, first_host, first_path = _before(raw)
    return {
        "instanceId": "appgw_0",
        "clientIP": raw.get("clientIP", ""),
        "clientPort": _number(raw, "clientPort"),
        "httpMethod": raw.get("method", ""),
        "originalRequestUriWithArgs": first_path or whole,
        "requestUri": path,
        "requestQuery": query,
        "userAgent": raw.get("agent", ""),
        "httpVersion": raw.get("version", ""),
        "receivedBytes": _number(raw, "received"),
        "originalHost": first_host or host,
        "host": host,
        "transactionId": number,
    }


def _before(raw: Mapping[str, str]) -> tuple[str, str, str]:
    """Number, host and path before anything was changed: what of that a server was told counts only where one was."""
    if random := raw.get("random"):
        return f"{random}0{raw.get('time', '')}", "", ""
    number, host, path = (raw.get(kept) or raw.get(name, "") for kept, name in _BEFORE)
    return number, host, path


def _answer(raw: Mapping[str, str]) -> Json:
    by_server = raw.get("details") == "via_upstream"
    fault = error(raw)
    status = _number(raw, "status")
    return {
        "httpStatus": CLIENT_CLOSED if fault == "ERRORINFO_CLIENT_CLOSED_REQUEST" else status,
        "sentBytes": _number(raw, "sent"),
        "clientResponseTime": _seconds(raw, "sending"),
        "timeTaken": _seconds(raw, "milliseconds"),
        "WAFEvaluationTime": _looked(raw.get("looked", "")),
        "serverRouted": raw.get("server", ""),
        "serverStatus": str(status) if by_server else "",
        "serverResponseLatency": _seconds(raw, "serverMilliseconds"),
        "upstreamSourcePort": raw.get("serverPort", "").rpartition(":")[2],
        "error_info": fault,
        "contentType": raw.get("type", ""),
    }


def _looked(text: str) -> str:
    """Seconds that the firewall took, of microseconds; empty where it was not asked. One of two filters says them."""
    found = text.strip("-")
    return f"{int(found) / 1_000_000:.3f}" if found else ""


def _tls(raw: Mapping[str, str]) -> Json:
    version = raw.get("tls", "")
    return {
        "sslEnabled": "on" if version else "off",
        "sslCipher": raw.get("cipher", ""),
        "sslProtocol": version,
        "sslClientVerify": "SUCCESS" if raw.get("client") else "NONE",
    }


def error(raw: Mapping[str, str]) -> str:
    """What was wrong with a request, or with its server; a server's own errors are none."""
    return f"ERRORINFO_{_error(raw)}"


def _error(raw: Mapping[str, str]) -> str:
    details, status = raw.get("details", ""), _number(raw, "status")
    flags = raw.get("flags", "")
    found = next((_FLAGS[f] for f in flags.split(",") if f in _FLAGS), "") if flags else ""
    if found:
        return found
    if details == "via_upstream":
        return "NO_ERROR"
    if raw.get("route") == answers.CLEAR:
        return "HTTP_TO_HTTPS_PORT"
    if status == 400:
        found = next((name for part, name in _DETAILS if part in details), "")
    return found or _OWN.get(status, "NO_ERROR")
