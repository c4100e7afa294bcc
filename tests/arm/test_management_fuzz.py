"""Locks, tags, moves, lists, features, the log: whatever is sent is answered, and a refusal changes nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.arm.client import GARDEN, GROUP, SUBSCRIPTION, client

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
OTHER = f"{GROUP}2"
WELL, PLANT = f"{GARDEN}/wells/w", f"{GARDEN}/beds/b/plants/p"
SCOPES = st.sampled_from([WHOLE, GROUP, OTHER, WELL, PLANT, f"{GARDEN}/beds/none", f"{WHOLE}x", GARDEN, "/providers/x"])
ROOMS = st.sampled_from(
    [
        "/providers/Microsoft.Authorization/locks/l",
        "/providers/Microsoft.Authorization/locks/l.",
        "/providers/Microsoft.Authorization/locks",
        "/providers/Microsoft.Authorization/locks/l/providers/Microsoft.Authorization/locks/m",
        "/providers/Microsoft.Resources/tags/default",
        "/providers/Microsoft.Resources/tags/other",
        "/providers/Microsoft.Resources/tags",
        "/tagNames/env",
        "/tagNames/env/tagValues/dev",
        "/tagNames/a/b/c/d",
        "/resources",
        "/moveResources",
        "/validateMoveResources",
        "/providers/Microsoft.Features/providers/Microsoft.Network/features/F/register",
        "/providers/Microsoft.Features/features",
        "/providers/Microsoft.Insights/eventtypes/management/values",
        "/providers/Microsoft.Insights/metrics",
        "/providers/Microsoft.Insights/metricDefinitions",
        "/providers/Microsoft.Insights/metricNamespaces/x",
        "/providers/Contoso.Garden/register",
        "/providers/Contoso.Garden/unregister",
        "",
    ]
)
METHODS = st.sampled_from(["GET", "PUT", "PUT", "PATCH", "DELETE", "POST", "POST", "HEAD"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["ReadOnly", "CanNotDelete", "Merge", "Delete", WELL, PLANT, GROUP, OTHER, WHOLE, "a" * 600])
)
KEYS = st.sampled_from(
    ["properties", "level", "notes", "owners", "applicationId", "tags", "operation", "resources", "targetResourceGroup"]
)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
BODIES = st.one_of(
    ANYTHING,
    st.fixed_dictionaries({"properties": st.fixed_dictionaries({"level": LEAVES, "notes": LEAVES})}),
    st.fixed_dictionaries({"operation": LEAVES, "properties": st.fixed_dictionaries({"tags": ANYTHING})}),
    st.fixed_dictionaries({"resources": st.lists(LEAVES, max_size=3), "targetResourceGroup": LEAVES}),
)
FILTERS = st.text(alphabet="()', eqandortgNVm*/-.x\0é", max_size=24) | st.sampled_from(
    ["eventTimestamp ge '2026-01-01'", "tagName eq 'a' and tagValue eq 'b'", "atScope()", "startswith(tagName, 'a')"]
)
OPTIONS = st.dictionaries(
    st.sampled_from(["$expand", "$select", "$top", "$skiptoken"]), st.text(max_size=5), max_size=2
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(METHODS, SCOPES, ROOMS, FILTERS, OPTIONS, BODIES), min_size=1, max_size=4))
def test_no_request_fails_for_a_reason_of_ours(requests: list[tuple[str, str, str, str, dict[str, str], Any]]) -> None:
    with client() as garden:
        for group in (GROUP, OTHER):
            garden.put(group, {"location": "local"})
        garden.put(WELL, {"location": "local"})
        garden.put(f"{GARDEN}/beds/b", {"location": "local", "properties": {"plants": [{"name": "p"}]}})
        for method, scope, room, expression, options, body in requests:
            before = garden.backend.store.snapshot
            query = "&".join(f"{k}={quote(v)}" for k, v in {"$filter": expression, **options}.items())
            content = json.dumps(body).encode("utf-8", "surrogatepass")
            answer = garden.call(method, f"{scope}{room}?{query}", content=content)
            assert answer.status < 500, (method, scope, room, query, answer.content)
            if answer.status >= 400 or method in ("GET", "HEAD"):
                assert garden.backend.store.snapshot is before
