"""Headers that a gateway gives to servers, as Envoy's filters, so that what changes headers comes after; pure."""

from __future__ import annotations

from lazulite.engines.http.wording import Json, typed

NAMESPACE, ID = "lazulite", "id"
TRANSACTION = f"%DYNAMIC_METADATA({NAMESPACE}:{ID})%"
"""The request's number: 32 hexadecimal digits."""
HOST, PATH = f"%DYNAMIC_METADATA({NAMESPACE}:host)%", f"%DYNAMIC_METADATA({NAMESPACE}:path)%"
"""As the client asked for them."""
_MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
_TO_METADATA = "envoy.extensions.filters.http.header_to_metadata.v3.Config"
_DASHED = "^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$"
_FORWARDED = (
    ("X-Forwarded-For", "%DOWNSTREAM_REMOTE_ADDRESS%", "APPEND_IF_EXISTS_OR_ADD"),
    ("X-Forwarded-Port", "%DOWNSTREAM_LOCAL_PORT%", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ("X-Original-Host", "%REQ(:AUTHORITY)%", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ("X-Original-URL", "%REQ(:PATH)%", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ("X-AppGW-Trace-Id", TRANSACTION, "OVERWRITE_IF_EXISTS_OR_ADD"),
)
"""What servers are told of the client. Source: facts/application-gateway.md, "Headers added to backend"."""


def identity() -> Json:
    """Keeps the number that Envoy gives every request, without its dashes, and tells no server of the original."""
    without = {"pattern": {"regex": _DASHED}, "substitution": "\\1\\2\\3\\4\\5"}
    kept = {"metadata_namespace": NAMESPACE, "key": ID, "type": "STRING", "regex_value_rewrite": without}
    rule = {"header": "x-request-id", "on_header_present": kept, "remove": True}
    asked = [_kept(":authority", "host"), _kept(":path", "path")]
    return typed("identity", _TO_METADATA, request_rules=[rule, *asked])


def _kept(header: str, key: str) -> Json:
    return {"header": header, "on_header_present": {"metadata_namespace": NAMESPACE, "key": key, "type": "STRING"}}


def forwarded() -> Json:
    rows = [{"append": {"header": {"key": k, "value": v}, "append_action": how}} for k, v, how in _FORWARDED]
    gone = [{"remove": "x-envoy-external-address"}]
    return typed("forwarded", _MUTATION, mutations={"request_mutations": [*rows, *gone]})
