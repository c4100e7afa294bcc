"""``{scope}/providers/Microsoft.Authorization/roleAssignments[/{guid}]``.

Source: "Role Assignments" (REST, 2022-04-01), "Role assignments on the wire" (recorded), "Troubleshoot Azure RBAC".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lazulite.arm import scopes
from lazulite.arm.access.access import Access
from lazulite.arm.access.assignments import Assignment, covers, scope_key
from lazulite.arm.access.caller import current
from lazulite.arm.access.filters import clauses, unsupported
from lazulite.arm.access.founding import timestamp
from lazulite.arm.access.principals import TYPES
from lazulite.arm.access.role_requests import assignable, does_not_exist, is_guid, role_id, split
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, bad_content, method_not_allowed, resource_not_found
from lazulite.arm.message import Request, Response
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

TYPE = "Microsoft.Authorization/roleAssignments"
_INFIX = f"/providers/{TYPE}/"
_MOST = 4000
"""Role assignments of a subscription. Source: "Troubleshoot Azure RBAC", limits."""


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """``properties`` of an assignment, as a client writes it."""

    role_definition_id: str
    principal_id: str
    principal_type: str | None = None
    description: str | None = None
    condition: str | None = None


class AssignmentRequests:
    """Role assignments at every scope. Implements :class:`lazulite.arm.extensions.Extension`."""

    def __init__(self, backend: Backend, access: Access) -> None:
        self._backend = backend
        self._access = access

    def answer(self, request: Request, scope: str, names: list[str]) -> Response:
        """*names* is what follows the type: nothing, or a GUID."""
        if not names:
            if request.method != "GET":
                raise method_not_allowed(request.method, request.path)
            return Response(200, {"value": [shown(a, scope) for a in self._selected(scope, request.query)]})
        if request.method in ("GET", "HEAD"):
            return Response(200, shown(self._known(scope, names[0]), scope))
        if request.method == "PUT":
            assignment, created = self._put(scope, names[0], request.body)
            return Response(201 if created else 200, shown(assignment, scope, created=created))
        if request.method == "DELETE":
            return self._delete(scope, names[0])
        raise method_not_allowed(request.method, request.path)

    async def put(self, resource_id: ResourceId, body: Any) -> Mapping[str, Any]:
        scope, name = split(resource_id)
        return shown(self._put(scope, name, body)[0], scope)

    async def delete(self, resource_id: ResourceId) -> None:
        self._delete(*split(resource_id))

    def get(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        scope, name = split(resource_id)
        found = self._at(scope, name)
        return None if found is None else shown(found, scope)

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        try:
            _wanted(body)
        except ArmError as error:
            return [Violation(error.code, error.message, error.target)]
        return []

    def _selected(self, scope: str, query: Mapping[str, str]) -> list[Assignment]:
        """Those at *scope* and above; those below too, unless ``atScope()`` leaves them out."""
        expression = query.get("$filter", "")
        key, found, below = scope_key(scope), list(self._access.assignments), True
        for name, verb, value in clauses(expression):
            if (name, verb) == ("principalid", "eq"):
                found = [a for a in found if a.principal == value.lower()]
            elif (name, verb) == ("assignedto", ""):
                holders = {value.lower(), *self._access.directory.groups_of(value)}
                found = [a for a in found if a.principal in holders]
            elif name == "atscope":
                below = False
            else:
                raise unsupported(expression)
        return [a for a in found if covers(a.key, key) or (below and covers(key, a.key))]

    def _at(self, scope: str, name: str) -> Assignment | None:
        found = self._access.assignments.find(name)
        return found if found is not None and found.key == scope_key(scope) else None

    def _known(self, scope: str, name: str) -> Assignment:
        found = self._at(scope, name)
        if found is None:
            raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")
        return found

    def _put(self, scope: str, name: str, body: Any) -> tuple[Assignment, bool]:
        wanted = _wanted(body)
        if not is_guid(name):
            message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
            raise ArmError(400, "InvalidRoleAssignmentId", message)
        self._check_scope(scope)
        new = self._made(scope, name.lower(), wanted)
        old = self._access.assignments.find(name)
        if old is not None:
            return self._again(old, new), False
        same = self._access.assignments.same(new)
        if same is not None:
            raise _exists(same)
        self._check_room(scope)
        return self._access.assignments.shelf.put(new.name, new), True

    def _again(self, old: Assignment, new: Assignment) -> Assignment:
        """A second PUT: the description may change, nothing else."""
        if (old.key, old.role, old.principal) != (new.key, new.role, new.principal):
            message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
            raise ArmError(409, "RoleAssignmentUpdateNotPermitted", message)
        kept = msgspec.structs.replace(
            old, description=new.description, updated_on=new.updated_on, updated_by=new.updated_by
        )
        return self._access.assignments.shelf.put(old.name, kept)

    def _made(self, scope: str, name: str, wanted: Wanted) -> Assignment:
        role = self._access.roles.find(wanted.role_definition_id.rstrip("/").rpartition("/")[2])
        if role is None:
            raise does_not_exist(wanted.role_definition_id.rpartition("/")[2])
        if not assignable(role, scope):
            message = f"The role '{role.role_name}' can not be assigned at '{scope}': no assignable scope is above it."
            raise ArmError(400, "RoleDefinitionNotAssignableAtScope", message)
        caller, now = current(), timestamp(self._backend)
        by = caller.oid if caller else None
        return Assignment(
            name=name,
            scope=scope,
            role=role.name,
            principal=wanted.principal_id.lower(),
            principal_type=self._principal_type(wanted),
            created_on=now,
            updated_on=now,
            created_by=by,
            updated_by=by,
            description=wanted.description,
        )

    def _principal_type(self, wanted: Wanted) -> str:
        principal = self._access.directory.principal(wanted.principal_id)
        if principal is None:
            raise self._unknown_principal(wanted.principal_id)
        found = TYPES[type(principal)]
        if wanted.principal_type is not None and wanted.principal_type.lower() != found.lower():
            message = (
                f"The PrincipalId '{principal.id.replace('-', '')}' has type '{found}', which is different from "
                f"specified PrincipalType '{wanted.principal_type}'."
            )
            raise ArmError(400, "UnmatchedPrincipalType", message)
        return found

    def _unknown_principal(self, principal: str) -> ArmError:
        message = (
            f"Principal {principal.replace('-', '')} does not exist in the directory "
            f"{self._backend.tenants[0].id}. Check that you have the correct principal ID. If you are creating this "
            "principal and then immediately assigning a role, this error might be related to a replication delay. In "
            "this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, "
            "or Group."
        )
        return ArmError(400, "PrincipalNotFound", message)

    def _check_scope(self, scope: str) -> None:
        """Raise the 404 of a scope that is not there."""
        if scope == "/":
            return
        try:
            resource = ResourceId.parse(scope)
        except ValueError:
            raise ArmError(404, "NotFound", f"'{scope}' is no scope of this lab.") from None
        snapshot = self._backend.store.snapshot
        holder = scopes.scope_of(snapshot, resource)
        if resource != holder.id and resource.key not in snapshot.resources:
            raise resource_not_found(resource)

    def _check_room(self, scope: str) -> None:
        subscription = "/".join(scope_key(scope).split("/")[:3])
        if subscription and sum(covers(subscription, a.key) for a in self._access.assignments) >= _MOST:
            raise ArmError(400, "RoleAssignmentLimitExceeded", "No more role assignments can be created.")

    def _delete(self, scope: str, name: str) -> Response:
        found = self._at(scope, name)
        if found is None:
            return Response(204)
        if not self._access.keeps_an_admin(assignment=found.name):
            message = "Cannot delete the last RBAC admin assignment."
            raise ArmError(412, "CannotDeleteLastRbacAdminAssignment", message)
        self._access.assignments.shelf.delete(found.name)
        return Response(200, shown(found, scope))


def shown(assignment: Assignment, scope: str, *, created: bool = False) -> dict[str, Any]:
    """The wire form of *assignment*, as it is seen from *scope*. The answer to its creation names no creator."""
    return {
        "id": f"{assignment.scope.rstrip('/')}{_INFIX}{assignment.name}",
        "name": assignment.name,
        "type": TYPE,
        "properties": {
            "roleDefinitionId": role_id(assignment.role, scope),
            "principalId": assignment.principal,
            "principalType": assignment.principal_type,
            "scope": assignment.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": assignment.created_on,
            "updatedOn": assignment.updated_on,
            "createdBy": None if created else assignment.created_by,
            "updatedBy": assignment.updated_by,
            "delegatedManagedIdentityResourceId": None,
            "description": assignment.description,
        },
    }


def _wanted(body: Any) -> Wanted:
    properties = body.get("properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        raise bad_content("it has no 'properties'.")
    try:
        wanted = msgspec.convert({k: v for k, v in properties.items() if v is not None}, Wanted)
    except msgspec.ValidationError as error:
        raise bad_content(f"{error}.") from None
    if wanted.condition is not None:
        # Without it the role would give more than the client meant to give.
        raise ArmError(400, "InvalidCondition", "Conditions of role assignments are not evaluated here.")
    if not is_guid(wanted.principal_id):
        message = f"The Principal ID '{wanted.principal_id}' is not valid. Principal ID must be a GUID."
        raise ArmError(400, "InvalidPrincipalId", message)
    return wanted


def _exists(known: Assignment) -> ArmError:
    identifier = known.name.replace("-", "")
    message = f"The role assignment already exists. The ID of the existing role assignment is {identifier}."
    return ArmError(409, "RoleAssignmentExists", message)
