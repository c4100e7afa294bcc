"""``{scope}/providers/Microsoft.Authorization/roleDefinitions[/{guid}]``.

Source: "Role Definitions" (REST, 2022-04-01), "Azure custom roles", "Troubleshoot Azure RBAC".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.access.access import Access
from lazulite.arm.access.assignments import covers, scope_key
from lazulite.arm.access.built_in_roles import BUILT_IN, Role
from lazulite.arm.access.caller import current, linked_authorization_failed
from lazulite.arm.access.filters import clauses, unsupported
from lazulite.arm.access.founding import timestamp
from lazulite.arm.access.permission import Permission
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, bad_content, method_not_allowed
from lazulite.arm.message import Request, Response
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

ROLE_TYPE = "Microsoft.Authorization/roleDefinitions"
WRITE = "Microsoft.Authorization/roleDefinitions/write"
_MOST = 5000
"""Custom roles of a tenant. Source: "Azure custom roles", limits."""
_ACTION = re.compile(r"\*|[\w*]+(\.[\w*]+)*(/[\w.*-]+)*/([\w.*-]+)", re.ASCII)
_ASSIGNABLE = re.compile(
    r"/subscriptions/[^/]+(/resourceGroups/[^/]+)?|/providers/Microsoft\.Management/managementGroups/[^/]+",
    re.IGNORECASE,
)


class Definition(msgspec.Struct, frozen=True, rename="camel"):
    """``properties`` of a role, as a client writes it."""

    role_name: str
    assignable_scopes: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    description: str | None = None


class RoleRequests:
    """Role definitions, seen from any scope. Implements :class:`lazulite.arm.extensions.Extension`."""

    def __init__(self, backend: Backend, access: Access) -> None:
        self._backend = backend
        self._access = access

    def answer(self, request: Request, scope: str, names: list[str]) -> Response:
        """*names* is what follows the type: nothing, or a GUID."""
        if not names:
            if request.method != "GET":
                raise method_not_allowed(request.method, request.path)
            return Response(200, {"value": [shown(r, scope) for r in self._selected(scope, request.query)]})
        name = names[0].lower()
        if request.method in ("GET", "HEAD"):
            return Response(200, shown(self._known(name), scope))
        if request.method == "PUT":
            return Response(201, shown(self._put(scope, name, request.body), scope))
        if request.method == "DELETE":
            return self._delete(scope, name)
        raise method_not_allowed(request.method, request.path)

    async def put(self, resource_id: ResourceId, body: Any) -> Mapping[str, Any]:
        scope, name = split(resource_id)
        return shown(self._put(scope, name.lower(), body), scope)

    async def delete(self, resource_id: ResourceId) -> None:
        scope, name = split(resource_id)
        self._delete(scope, name.lower())

    def get(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        scope, name = split(resource_id)
        found = self._access.roles.find(name.lower())
        return None if found is None else shown(found, scope)

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        try:
            _check(_definition(body))
        except ArmError as error:
            return [Violation(error.code, error.message, error.target)]
        return []

    def _selected(self, scope: str, query: Any) -> list[Role]:
        expression = query.get("$filter", "")
        found, below = list(self._access.roles), False
        for name, verb, value in clauses(expression):
            if (name, verb) == ("rolename", "eq"):
                found = [r for r in found if r.role_name.lower() == value.lower()]
            elif (name, verb) == ("type", "eq"):
                found = [r for r in found if r.custom is (value.lower() == "customrole")]
            elif name == "atscopeandbelow":
                below = True
            else:
                raise unsupported(expression)
        return [r for r in found if assignable(r, scope, below=below)]

    def _known(self, name: str) -> Role:
        found = self._access.roles.find(name)
        if found is None:
            raise does_not_exist(name)
        return found

    def _put(self, scope: str, name: str, body: Any) -> Role:
        definition = _definition(body)
        if not is_guid(name):
            message = f"The role definition ID '{name}' is not valid. The role definition ID must be a GUID."
            raise ArmError(400, "InvalidRoleDefinitionId", message)
        if name in BUILT_IN:
            raise _built_in(name)
        _check(definition)
        old = self._access.roles.custom.get(name)
        self._authorise(scope, definition.assignable_scopes + (old.assignable_scopes if old else ()))
        known = self._access.roles.named(definition.role_name)
        if known is not None and known.name != name:
            message = (
                "A custom role with the same name already exists in this directory. Use a different name: "
                f"'{definition.role_name}'."
            )
            raise ArmError(409, "RoleDefinitionWithSameNameExists", message)
        if old is None and len(self._access.roles.custom) >= _MOST:
            message = "Role definition limit exceeded. No more role definitions can be created."
            raise ArmError(400, "RoleDefinitionLimitExceeded", message)
        return self._access.roles.custom.put(name, self._made(name, definition, old))

    def _made(self, name: str, definition: Definition, old: Role | None) -> Role:
        caller, now = current(), timestamp(self._backend)
        by = caller.oid if caller else None
        return Role(
            name=name,
            role_name=definition.role_name,
            description=definition.description or "",
            custom=True,
            permissions=definition.permissions,
            assignable_scopes=definition.assignable_scopes,
            created_on=old.created_on if old else now,
            created_by=old.created_by if old else by,
            updated_on=now,
            updated_by=by,
        )

    def _authorise(self, scope: str, assignable_scopes: tuple[str, ...]) -> None:
        """A role is written by who may write it in every scope where it can be assigned."""
        caller = current()
        if caller is None:
            return
        scopes = [s for s in assignable_scopes if not self._access.allowed(caller.oid, WRITE, s)]
        if scopes:
            raise linked_authorization_failed(caller, WRITE, scope, [(WRITE, s) for s in scopes])

    def _delete(self, scope: str, name: str) -> Response:
        role = self._access.roles.find(name)
        if role is None:
            return Response(204)
        if not role.custom:
            raise _built_in(name)
        self._authorise(scope, role.assignable_scopes)
        if any(a.role == name for a in self._access.assignments):
            message = f"There are existing role assignments referencing role '{role.role_name}'. Remove those first."
            raise ArmError(400, "RoleDefinitionHasAssignments", message)
        self._access.roles.custom.delete(name)
        return Response(200, shown(role, scope))


def split(resource_id: ResourceId) -> tuple[str, str]:
    """Scope and name of the extension resource at an id."""
    place = resource_id.key.rindex("/providers/")
    return resource_id.text[:place] or "/", resource_id.name


def shown(role: Role, scope: str) -> dict[str, Any]:
    """The wire form of *role*, as it is seen from *scope*."""
    return {
        "id": role_id(role.name, scope),
        "name": role.name,
        "type": ROLE_TYPE,
        "properties": {
            "roleName": role.role_name,
            "type": "CustomRole" if role.custom else "BuiltInRole",
            "description": role.description,
            "assignableScopes": list(role.assignable_scopes),
            "permissions": [msgspec.to_builtins(p) for p in role.permissions],
            "createdOn": role.created_on,
            "updatedOn": role.updated_on,
            "createdBy": role.created_by,
            "updatedBy": role.updated_by,
        },
    }


def role_id(name: str, scope: str) -> str:
    """Roles are shown below the subscription one asks in ("Role assignments on the wire")."""
    parts = scope.split("/")
    holder = "/".join(parts[:3]) if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""
    return f"{holder}/providers/Microsoft.Authorization/roleDefinitions/{name}"


def assignable(role: Role, scope: str, *, below: bool = False) -> bool:
    """Whether *role* can be assigned at *scope*; or, with *below*, in some scope inside it."""
    key = scope_key(scope)
    above = (scope_key(s) for s in role.assignable_scopes)
    return any(covers(a, key) or (below and covers(key, a)) for a in above)


def is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def does_not_exist(name: str) -> ArmError:
    message = f"The specified role definition with ID '{name.replace('-', '')}' does not exist."
    return ArmError(404, "RoleDefinitionDoesNotExist", message)


def _definition(body: Any) -> Definition:
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise bad_content("it has no 'properties'.")
    try:
        return msgspec.convert({k: v for k, v in properties.items() if v is not None}, Definition)
    except msgspec.ValidationError as error:
        raise bad_content(f"{error}.") from None


def _check(definition: Definition) -> None:
    for problem in _problems(definition):
        raise problem


def _problems(definition: Definition) -> Iterator[ArmError]:
    if not 0 < len(definition.role_name) <= 512:
        yield ArmError(400, "RoleDefinitionNameInvalid", "The role name must have between 1 and 512 characters.")
    if not definition.assignable_scopes:
        yield ArmError(400, "MissingAssignableScopes", "A custom role needs at least one assignable scope.")
    for scope in definition.assignable_scopes:
        if not _ASSIGNABLE.fullmatch(scope.rstrip("/")):
            message = f"'{scope}' is not a subscription, resource group or management group: it is no assignable scope."
            yield ArmError(400, "InvalidAssignableScope", message)
    for permission in definition.permissions:
        yield from _wrong_actions(permission)


def _wrong_actions(permission: Permission) -> Iterator[ArmError]:
    """Only the form is checked: roles that name what the lab does not have are valid too."""
    for action in (*permission.actions, *permission.not_actions):
        if len(action) > 512 or not _ACTION.fullmatch(action):
            message = f"'{action}' does not match any of the actions supported by the providers."
            yield ArmError(400, "InvalidActionOrNotAction", message)
    if permission.data_actions and any(a == "*" for a in permission.data_actions):
        message = "The data action '*' is not allowed in a custom role."
        yield ArmError(400, "InvalidDataActionOrNotDataAction", message)


def _built_in(name: str) -> ArmError:
    message = f"The role '{BUILT_IN[name].role_name}' is built in: it can be neither changed nor deleted."
    return ArmError(403, "RoleDefinitionIsBuiltIn", message)
