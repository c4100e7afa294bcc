"""What is logged of a request: Envoy's line of it, and Azure's made of that; pure.

Source: facts/application-gateway.md, "Logs and metrics".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.engines.http import answers, headers
from lazulite.engines.http.wording import Json, typed
from lazulite.forwarding.model import HttpBackend, HttpProxy, HttpRule, Site

CATEGORY = "ApplicationGatewayAccessLog"
RAW, SHOWN = "access.log", f"{CATEGORY}.json"
"""Names of files: Envoy's, and Azure's."""
CLIENT_CLOSED = 499
_KIND = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_TOLD = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "clientIP": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "clientPort": "%DOWNSTREAM_REMOTE_PORT%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "originalHost": headers.HOST,
    "path": "%REQ(:PATH)%",
    "originalPath": headers.PATH,
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
    "tls": "%DOWNSTREAM_TLS_VERSION%",
    "cipher": "%DOWNSTREAM_TLS_CIPHER%",
    "client": "%DOWNSTREAM_PEER_FINGERPRINT_256%",
    "type": "%RESP(CONTENT-TYPE)%",
    "id": headers.TRANSACTION,
}
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


def log(proxy: HttpProxy, directory: str) -> Json:
    """Envoy's part: a line of JSON for every request."""
    told = {"proxy": proxy.name} | _TOLD
    return typed("log", _KIND, path=f"{directory}/{RAW}", log_format={"json_format": told})


def line(raw: Mapping[str, Any], proxies: Mapping[str, HttpProxy], backends: Mapping[str, HttpBackend]) -> Json:
    """Azure's line, of Envoy's. What is not known any more is left empty."""
    proxy = proxies.get(str(raw.get("proxy")))
    site, rule = _matched(proxy, str(raw.get("route") or ""))
    backend = backends.get(rule.backend) if rule is not None else None
    pool, _, settings = backend.label.partition("/") if backend is not None else ("", "", "")
    return {
        "timeStamp": raw.get("time"),
        "resourceId": proxy.origin if proxy is not None else "",
        "listenerName": site.name if site is not None else "",
        "ruleName": rule.name.partition("/")[0] if rule is not None else "",
        "backendPoolName": pool,
        "backendSettingName": settings,
        "operationName": "ApplicationGatewayAccess",
        "category": CATEGORY,
        "properties": _request(raw) | _answer(raw) | _tls(raw),
    }


def _matched(proxy: HttpProxy | None, route: str) -> tuple[Site | None, HttpRule | None]:
    called, _, rule = route.partition("|")
    site = next((s for s in proxy.sites if s.name == called), None) if proxy is not None else None
    return site, next((r for r in site.rules if r.name == rule), None) if site is not None else None


def _text(raw: Mapping[str, Any], key: str) -> str:
    found = raw.get(key)
    return "" if found in (None, "-") else str(found)


def _seconds(raw: Mapping[str, Any], key: str) -> float:
    found = raw.get(key)
    return found / 1000 if isinstance(found, int) else 0.0


def _request(raw: Mapping[str, Any]) -> Json:
    path, _, query = _text(raw, "path").partition("?")
    host = _text(raw, "host")
    return {
        "instanceId": "appgw_0",
        "clientIP": _text(raw, "clientIP"),
        "clientPort": raw.get("clientPort"),
        "httpMethod": _text(raw, "method"),
        "originalRequestUriWithArgs": _text(raw, "originalPath") or _text(raw, "path"),
        "requestUri": path,
        "requestQuery": query,
        "userAgent": _text(raw, "agent"),
        "httpVersion": _text(raw, "version"),
        "receivedBytes": raw.get("received"),
        "originalHost": _text(raw, "originalHost") or host,
        "host": host,
        "transactionId": _text(raw, "id"),
    }


def _answer(raw: Mapping[str, Any]) -> Json:
    by_server = _text(raw, "details") == "via_upstream"
    fault = error(raw)
    status = CLIENT_CLOSED if fault == "ERRORINFO_CLIENT_CLOSED_REQUEST" else raw.get("status")
    return {
        "httpStatus": status,
        "sentBytes": raw.get("sent"),
        "clientResponseTime": _seconds(raw, "sending"),
        "timeTaken": _seconds(raw, "milliseconds"),
        "WAFEvaluationTime": "",
        "WAFMode": "",
        "serverRouted": _text(raw, "server"),
        "serverStatus": str(raw.get("status")) if by_server else "",
        "serverResponseLatency": _seconds(raw, "serverMilliseconds"),
        "upstreamSourcePort": _text(raw, "serverPort").rpartition(":")[2],
        "error_info": fault,
        "contentType": _text(raw, "type"),
    }


def _tls(raw: Mapping[str, Any]) -> Json:
    version = _text(raw, "tls")
    return {
        "sslEnabled": "on" if version else "off",
        "sslCipher": _text(raw, "cipher"),
        "sslProtocol": version,
        "sslClientVerify": "SUCCESS" if _text(raw, "client") else "NONE",
    }


def error(raw: Mapping[str, Any]) -> str:
    """What was wrong with a request, or with its server; a server's own errors are none."""
    return f"ERRORINFO_{_error(raw)}"


def _error(raw: Mapping[str, Any]) -> str:
    flags, details, status = _text(raw, "flags").split(","), _text(raw, "details"), raw.get("status")
    found = next((_FLAGS[f] for f in flags if f in _FLAGS), "")
    if found:
        return found
    if details == "via_upstream":
        return "NO_ERROR"
    if _text(raw, "route") == answers.CLEAR:
        return "HTTP_TO_HTTPS_PORT"
    if status == 400:
        found = next((name for part, name in _DETAILS if part in details), "")
    return found or _OWN.get(status if isinstance(status, int) else 0, "NO_ERROR")
