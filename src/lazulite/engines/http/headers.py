"""Headers that a gateway gives to servers; pure.

Where sites rewrite, a filter of Envoy's gives them, so that what changes headers comes after; elsewhere Envoy does when
it passes a request on, which costs less. Numbers of requests are made of what Envoy has at hand for each: to form them
anew costs more than all else here.
"""

from __future__ import annotations

from lazulite.engines.http.wording import Json, enabled, typed

TIME = "%Y%m%d%H%M%S%9f"
"""When a request began: 23 digits, to the nanosecond."""
RANDOM = "%REQ(X-REQUEST-ID):8%"
"""Hexadecimal digits that differ for each request; gone once the request was passed on."""
TRANSACTION = f"{RANDOM}0%START_TIME({TIME})%"
"""The request's number, while it has not been passed on: 32 hexadecimal digits. Source:
facts/application-gateway.md, "Headers added to backend"."""
TOLD = {
    "trace": "%REQ(X-APPGW-TRACE-ID):8%",
    "toldHost": "%REQ(X-ORIGINAL-HOST)%",
    "toldPath": "%REQ(X-ORIGINAL-URL)%",
}
"""What a server was told, if the request was passed on: what its number begins with, and what the client had asked
for."""
_SPACE, KEEPING, FORWARDED = "lazulite", "keeping", "forwarded"
KEPT = {
    "keptTrace": f"%DYNAMIC_METADATA({_SPACE}:Trace):8%",
    "keptHost": f"%DYNAMIC_METADATA({_SPACE}:Host)%",
    "keptPath": f"%DYNAMIC_METADATA({_SPACE}:Path)%",
}
"""The same, where rewrites may have changed it."""
_MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
_TO_METADATA = "envoy.extensions.filters.http.header_to_metadata.v3.Config"
_FORWARDED = (
    ("X-Forwarded-For", "%DOWNSTREAM_REMOTE_ADDRESS%", "APPEND_IF_EXISTS_OR_ADD"),
    ("X-Forwarded-Port", "%DOWNSTREAM_LOCAL_PORT%", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ("X-Original-Host", "%REQ(:AUTHORITY)%", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ("X-Original-URL", "%REQ(:PATH)%", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ("X-AppGW-Trace-Id", TRANSACTION, "OVERWRITE_IF_EXISTS_OR_ADD"),
)
"""What servers are told of the client. Source: facts/application-gateway.md, "Headers added to backend"."""
OWN = ("x-envoy-external-address", "x-request-id")
"""Envoy's, which no server sees."""
QUICK: list[Json] = [
    {"inline_header_name": name, "inline_header_type": "REQUEST_HEADER"}
    for name in ("x-original-host", "x-original-url", "x-appgw-trace-id")
]
"""Those that Envoy does not know by itself: it has a place for each of these. Else it would make a table of all headers
of a request to find the first of them."""


def forwarded() -> Json:
    """The filter; off, but for the sites of a place where some rewrite."""
    told = [{"append": row} for row in _given()]
    removed = [{"remove": name} for name in OWN]
    return typed(FORWARDED, _MUTATION, mutations={"request_mutations": [*told, *removed]}) | {"disabled": True}


def _given() -> list[Json]:
    return [{"header": {"key": k, "value": v}, "append_action": how} for k, v, how in _FORWARDED]


def passed_on() -> tuple[Json, Json]:
    """What each site of a place says, and what the place does: Envoy has done with sites before it comes to places, and
    what is removed is needed until then."""
    return {"request_headers_to_add": _given()}, {"request_headers_to_remove": list(OWN)}


def keeping() -> Json:
    """Keeps for the log what rewrites may change; off, but for sites that have any."""
    named = ("x-appgw-trace-id", "x-original-host", "x-original-url")
    rules = [_kept(header, key.removeprefix("kept")) for header, key in zip(named, KEPT, strict=True)]
    return typed(KEEPING, _TO_METADATA, request_rules=rules) | {"disabled": True}


def _kept(header: str, key: str) -> Json:
    return {"header": header, "on_header_present": {"metadata_namespace": _SPACE, "key": key, "type": "STRING"}}


def kept() -> Json:
    """For a site with rewrites."""
    return {KEEPING: enabled()}
