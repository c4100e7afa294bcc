"""Nothing a client sends causes a 5xx, and what is refused changes nothing."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, Client, client

NAMES = st.sampled_from(
    ["beds", "wells", "gates", "b", "w", "plants", "p", "stones", "tools", "listKeys", "pump", "%00"]
)
SCOPES = st.sampled_from(
    [GARDEN, GROUP, f"{GROUP}/providers", f"/subscriptions/{SUBSCRIPTION}", "/subscriptions", "/providers", "", "/adfs"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([f"{GARDEN}/wells/w", "local", "10.0.0.0/8", "Rose", GARDEN, SUBSCRIPTION])
)
KEYS = st.sampled_from(
    [
        "location",
        "tags",
        "properties",
        "plants",
        "stones",
        "name",
        "id",
        "lock",
        "water",
        "companion",
        "zones",
        "sku",
        "height",
        "soil",
        "notes",
        "depth",
        "key",
        "identity",
        "leaves",
        "script",
        "template",
        "mode",
        "code",
        "owner",
    ]
)
BODIES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
HEADERS = st.dictionaries(
    st.sampled_from(["if-match", "if-none-match", "content-length", "x-ms-client-request-id"]),
    st.text(alphabet='*"W/0123456789abc, -', max_size=12),
    max_size=2,
)
QUERIES = st.sampled_from(
    ["", "$top=1", "$top=-1", "$filter=name eq 'a'", "$filter='", "$skiptoken=AAA", "api-version=1"]
)
METHODS = st.sampled_from(["GET", "PUT", "PUT", "PUT", "PATCH", "DELETE", "POST", "HEAD", "OPTIONS"])


def prepared(garden: Client) -> None:
    garden.put(GROUP, {"location": "local"})
    garden.put(f"{GARDEN}/wells/w", {"location": "local"})
    garden.put(f"{GARDEN}/beds/b", {"location": "local", "properties": {"plants": [{"name": "p"}]}})


def content(body: Any) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(METHODS, SCOPES, st.lists(NAMES, max_size=5), QUERIES, HEADERS, BODIES)
def test_no_request_fails_for_a_reason_of_ours(
    method: str, scope: str, names: list[str], query: str, headers: dict[str, str], body: Any
) -> None:
    with client() as garden:
        prepared(garden)
        before = garden.backend.store.snapshot
        url = "/".join([scope, *names]) + (f"?{query}" if query else "")
        answer = garden.call(method, url, headers=headers, content=content(body))
        assert answer.status < 500, (method, url, answer.content)
        if answer.status >= 400:
            assert garden.backend.store.snapshot is before


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES, st.sampled_from(["beds/b", "wells/w", "beds/b/plants/p", "gates/g"]))
def test_what_is_accepted_can_be_read_and_put_again(body: Any, path: str) -> None:
    with client() as garden:
        prepared(garden)
        whole = {"location": "local", "properties": body}
        if garden.call("PUT", f"{GARDEN}/{path}", content=content(whole)).status < 300:
            shown = garden.get(f"{GARDEN}/{path}").body
            assert garden.put(f"{GARDEN}/{path}", shown).status == 200
            again = garden.get(f"{GARDEN}/{path}").body
            assert {k: v for k, v in again.items() if k != "etag"}.keys() == shown.keys() - {"etag"}
