"""Azure's line of a request, made of Envoy's and of the names that its place had then; pure.

What is made here is made for every request, on the processors that serve them: lines are structures that are filled by
position and encoded many at a time. Source: facts/application-gateway.md, "Logs and metrics".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

CATEGORY = "ApplicationGatewayAccessLog"
RAW, SHOWN, KNOWN = "access.log", f"{CATEGORY}.json", "access.names"
"""Names of files: Envoy's, Azure's, and of what the second is made of the first with."""
BETWEEN = "\x1f"
"""Stands in no value: a header with it is refused, and so is a path."""
FIELDS = (
    "where",
    "time",
    "clientIP",
    "clientPort",
    "method",
    "host",
    "path",
    "version",
    "agent",
    "status",
    "flags",
    "details",
    "received",
    "sent",
    "milliseconds",
    "sending",
    "server",
    "serverMilliseconds",
    "serverPort",
    "type",
    "random",
    "trace",
    "toldHost",
    "toldPath",
    "keptTrace",
    "keptHost",
    "keptPath",
    "looked",
    "tls",
    "cipher",
    "client",
)
"""Of Envoy's line, in their order; empty is what says nothing."""
CLEAR = "clear"
"""The route of who speaks no TLS where it is wanted."""
CLIENT_CLOSED = 499
_SERVED = "via_upstream"
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


class Names(msgspec.Struct, frozen=True, array_like=True):
    """What Azure calls where a request went."""

    origin: str = ""
    """Of the gateway."""
    listener: str = ""
    rule: str = ""
    pool: str = ""
    settings: str = ""
    mode: str = ""
    """Of the firewall policy, and its id; empty without one."""
    policy: str = ""


class Since(msgspec.Struct, frozen=True, array_like=True):
    """Names of requests that began at a time, as Envoy writes it, or after it."""

    time: str
    names: Names
    over: bool = False
    """There is no such place any more; who began there before may still be told of."""


Places: TypeAlias = Mapping[str, Sequence[Since]]
"""By :func:`place`, the newest names first."""


class Known(msgspec.Struct, frozen=True):
    """All that lines are made with."""

    serving: bool = False
    """Whether there may be requests at all."""
    places: Places = {}


class Properties(msgspec.Struct, gc=False):
    """Of Azure's line, in Azure's words."""

    instanceId: str
    clientIP: str
    clientPort: int
    httpMethod: str
    originalRequestUriWithArgs: str
    requestUri: str
    requestQuery: str
    userAgent: str
    httpVersion: str
    receivedBytes: int
    originalHost: str
    host: str
    transactionId: str
    httpStatus: int
    sentBytes: int
    clientResponseTime: float
    timeTaken: float
    WAFEvaluationTime: str
    serverRouted: str
    serverStatus: str
    serverResponseLatency: float
    upstreamSourcePort: str
    error_info: str
    contentType: str
    WAFMode: str
    WAFPolicyID: str
    sslEnabled: str
    sslCipher: str
    sslProtocol: str
    sslClientVerify: str


class Line(msgspec.Struct, gc=False):
    """Azure's."""

    timeStamp: str
    resourceId: str
    listenerName: str
    ruleName: str
    backendPoolName: str
    backendSettingName: str
    operationName: str
    category: str
    properties: Properties


_NOWHERE = (Since("", Names()),)


def place(proxy: str, route: str = "") -> str:
    """The first field of a line: a proxy's short name, and its route's."""
    return f"{proxy}|{route}"


def of(texts: Iterable[str], known: Known) -> Iterator[Line]:
    """Of Envoy's lines; what is none is passed over."""
    places = known.places
    for text in texts:
        try:
            made = line(text, places)
        except ValueError:
            continue
        yield made


def names(places: Places, where: str, time: str) -> Names:
    """The names of a place at a time, before all others the first; of an unknown route, the gateway's."""
    found = places.get(where) or places.get(place(where.partition("|")[0])) or _NOWHERE
    for since in found:
        if since.time <= time:
            return since.names
    return found[-1].names


def line(text: str, places: Places) -> Line:
    """Of one line. Raises ``ValueError``: it is none."""
    (
        where,
        time,
        client,
        client_port,
        method,
        host,
        whole,
        version,
        agent,
        status_,
        flags,
        details,
        received,
        sent,
        took,
        sending,
        server,
        server_took,
        server_port,
        kind,
        random,
        trace,
        told_host,
        told_path,
        kept_trace,
        kept_host,
        kept_path,
        looked,
        tls,
        cipher,
        shown,
    ) = text.split(BETWEEN)  # In the order of FIELDS.
    called = names(places, where, time)
    path, _, query = whole.partition("?")
    if random:  # No server was told of it, and what the client says of itself counts for nothing.
        number, first_host, first_path = random, host, whole
    else:
        number, first_host, first_path = kept_trace or trace, kept_host or told_host, kept_path or told_path
    status = int(status_ or 0)
    served = details == _SERVED
    fault = "NO_ERROR" if served and not flags else _error(where, status, flags, details)
    return Line(
        f"{time[:4]}-{time[4:6]}-{time[6:8]}T{time[8:10]}:{time[10:12]}:{time[12:14]}.{time[14:17]}Z" if time else "",
        called.origin,
        called.listener,
        called.rule,
        called.pool,
        called.settings,
        "ApplicationGatewayAccess",
        CATEGORY,
        Properties(
            "appgw_0",
            client,
            int(client_port or 0),
            method,
            first_path or whole,
            path,
            query,
            agent,
            version,
            int(received or 0),
            first_host or host,
            host,
            f"{number}0{time}" if number else "",
            CLIENT_CLOSED if fault == "CLIENT_CLOSED_REQUEST" else status,
            int(sent or 0),
            int(sending or 0) / 1000,
            int(took or 0) / 1000,
            _looked(looked) if looked else "",
            server,
            status_ if served else "",
            int(server_took or 0) / 1000,
            server_port.rpartition(":")[2],
            f"ERRORINFO_{fault}",
            kind,
            called.mode,
            called.policy,
            "on" if tls else "off",
            cipher,
            tls,
            "SUCCESS" if shown else "NONE",
        ),
    )


def _looked(text: str) -> str:
    """Seconds that the firewall took, of microseconds; empty where it was not asked. One of two filters says them."""
    found = text.strip("-")
    return f"{int(found) / 1_000_000:.3f}" if found else ""


def _error(where: str, status: int, flags: str, details: str) -> str:
    """What was wrong with a request, or with its server; a server's own errors are none."""
    found = next((_FLAGS[f] for f in flags.split(",") if f in _FLAGS), "")
    if found:
        return found
    if details == _SERVED:
        return "NO_ERROR"
    if where.endswith(f"|{CLEAR}"):
        return "HTTP_TO_HTTPS_PORT"
    if status == 400:
        found = next((name for part, name in _DETAILS if part in details), "")
    return found or _OWN.get(status, "NO_ERROR")
