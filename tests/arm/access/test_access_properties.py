"""What holds of every set of assignments, and of every request."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazulite.arm.access.access import Grant
from lazulite.arm.access.assignments import scope_key
from lazulite.arm.access.built_in_roles import BUILT_IN
from lazulite.arm.access.founding import CLI, LAB
from lazulite.arm.access.permission import Permission
from lazulite.arm.tokens import object_id
from tests.arm.access.people import AUTHORIZATION, as_principal, assign, guid, known
from tests.arm.client import GARDEN, GROUP, client
from tests.arm.garden import SUBSCRIPTION

S = f"/subscriptions/{SUBSCRIPTION}"
SCOPES = st.sampled_from(["/", S, GROUP, f"{GARDEN}/beds/b", f"{GARDEN}/wells/w"])
PLACES = [GROUP, S, f"{GARDEN}/beds/b", f"{GARDEN}/beds/b/plants/p", f"{GARDEN}/wells/w", "/subscriptions/other", "/"]
ACTIONS = [
    f"{kind}/{verb}"
    for kind in ("Contoso.Garden/beds", "Microsoft.Network/virtualNetworks", "Microsoft.Authorization/roleAssignments")
    for verb in ("read", "write", "delete", "join/action")
]
ROLES = st.sampled_from([r.role_name for r in BUILT_IN.values()])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(ROLES, SCOPES), min_size=1, max_size=5, unique=True))
def test_another_assignment_never_takes_access_away(held: list[tuple[str, str]]) -> None:
    with client() as arm:
        arm.put(GROUP, {"location": "local"})
        for name in ("beds/b", "wells/w"):
            arm.put(f"{GARDEN}/{name}", {"location": "local"})
        principal, access = known(arm, "someone").id, arm.api.router.access
        before: set[tuple[str, str]] = set()
        for role, scope in held:
            assign(arm, role, scope, principal)
            after = {(a, p) for a in ACTIONS for p in PLACES if access.allowed(principal, a, p)}
            assert before <= after
            before = after


PATTERNS = st.lists(st.sampled_from(["*", "*/read", "Contoso.Garden/*", "*/write", "Contoso.Garden/beds/delete"]))


@given(PATTERNS, PATTERNS, SCOPES, st.sampled_from(ACTIONS), st.sampled_from(PLACES))
def test_a_grant_gives_below_what_it_gives_at_its_scope(
    actions: list[str], less: list[str], scope: str, action: str, place: str
) -> None:
    permission = Permission(actions=tuple(actions), not_actions=tuple(less))
    grant = Grant(scope_key(scope), (permission,))
    inside = scope_key(place).startswith(scope_key(scope))
    assert grant.gives(action.lower(), scope_key(place)) is (inside and permission.permits(action.lower()))


NAMES = st.sampled_from(
    ["roleAssignments", "roleDefinitions", "permissions", "denyAssignments", guid("a"), "x", "providers", "locks"]
)
GRAPH = st.sampled_from(
    [
        "users",
        "groups",
        "applications",
        "servicePrincipals",
        "directoryObjects",
        "me",
        "members",
        "owners",
        "$ref",
        "addPassword",
        "removePassword",
        "getMemberGroups",
        "checkMemberGroups",
        "getByIds",
        object_id(CLI),
        "x",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(
        [guid("a"), S, GROUP, "/", "*", f"/{AUTHORIZATION}/roleDefinitions/{guid('r')}", object_id(CLI), "AAAA"]
    )
)
KEYS = st.sampled_from(
    [
        "properties",
        "roleName",
        "assignableScopes",
        "permissions",
        "actions",
        "notActions",
        "roleDefinitionId",
        "principalId",
        "principalType",
        "displayName",
        "userPrincipalName",
        "passwordProfile",
        "password",
        "appId",
        "keyCredentials",
        "key",
        "keyId",
        "passwordCredential",
        "@odata.id",
        "groupIds",
        "ids",
        "accountEnabled",
    ]
)
BODIES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
QUERIES = st.sampled_from(["", "$filter=", "$filter=atScope()", "$filter=a eq", "$filter=assignedTo('x')", "$filter='"])
METHODS = st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST", "HEAD"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    METHODS,
    st.sampled_from(["", S, GROUP, f"{GARDEN}/beds/b", "/subscriptions", f"{S}/providers"]),
    st.lists(NAMES, max_size=3),
    QUERIES,
    BODIES,
)
def test_no_request_about_roles_fails_for_a_reason_of_ours(
    method: str, scope: str, names: list[str], query: str, body: Any
) -> None:
    with client() as arm:
        url = "/".join([scope, AUTHORIZATION, *names]) + f"?{query}"
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        answer = arm.call(method, url, content=content)
        assert answer.status < 500, (method, url, answer.content)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(METHODS, st.lists(GRAPH, max_size=4), QUERIES, BODIES)
def test_no_request_about_the_directory_fails_for_a_reason_of_ours(
    method: str, names: list[str], query: str, body: Any
) -> None:
    with client() as arm:
        me: Any = arm.api.router.access.directory.find(object_id(LAB))
        graph = as_principal(arm, me, "https://localhost:8443/graph")
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        answer = graph.call(method, "/".join(["/graph/v1.0", *names]) + f"?{query}", content=content)
        assert answer.status < 500, (method, names, answer.content)
        assert as_principal(arm, me).get("/subscriptions").body["value"] != []
