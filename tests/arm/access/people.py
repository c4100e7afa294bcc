"""Principals for tests: made in the directory, given roles, signed in."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from lazulite.arm.access.claims import claims
from lazulite.arm.access.principals import ServicePrincipal, User
from tests.arm.client import Client
from tests.arm.garden import TENANT

AUTHORIZATION = "providers/Microsoft.Authorization"


def guid(name: str) -> str:
    """The same GUID for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def known(arm: Client, name: str) -> ServicePrincipal:
    """The service principal of that name."""
    found = ServicePrincipal(id=guid(name), app_id=guid(f"{name} application"), display_name=name)
    arm.api.router.access.directory.put(found)
    return found


def as_principal(arm: Client, principal: User | ServicePrincipal, audience: str = "") -> Client:
    """A client that is signed in as *principal*."""
    found = copy.copy(arm)
    wanted = audience or f"{arm.backend.base_url}/"
    found.token = arm.api.router.tokens.sign("access", 3600, claims(arm.backend, TENANT, principal, wanted))
    return found


def someone(arm: Client, *held: tuple[str, str], name: str = "someone") -> Client:
    """A client that is signed in as a service principal that has each role of *held* (role name, scope)."""
    principal = known(arm, name)
    for role, scope in held:
        assign(arm, role, scope, principal.id)
    return as_principal(arm, principal)


def assign(arm: Client, role: str, scope: str, principal: str) -> dict[str, Any]:
    """The role of that name, assigned to *principal* by the lab's owner."""
    found = arm.api.router.access.roles.named(role)
    assert found is not None, role
    url = f"{scope.rstrip('/')}/{AUTHORIZATION}/roleAssignments/{guid(f'{role} {scope} {principal}')}"
    answer = arm.put(url, {"properties": {"roleDefinitionId": role_id(found.name), "principalId": principal}})
    assert answer.status == 201, answer.content
    made: dict[str, Any] = answer.body
    return made


def role_id(name: str) -> str:
    return f"/{AUTHORIZATION}/roleDefinitions/{name}"


def custom_role(arm: Client, name: str, scope: str, *actions: str, less: tuple[str, ...] = ()) -> str:
    """The name of a custom role that permits *actions*, *less* some, assignable at *scope*."""
    permissions = [{"actions": list(actions), "notActions": list(less)}]
    properties = {"roleName": name, "assignableScopes": [scope], "permissions": permissions}
    answer = arm.put(f"{scope}/{AUTHORIZATION}/roleDefinitions/{guid(name)}", {"properties": properties})
    assert answer.status == 201, answer.content
    return name
