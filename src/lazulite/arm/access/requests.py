"""``Microsoft.Authorization`` beside its locks and policies: roles, assignments, and what the caller may do."""

from __future__ import annotations

import msgspec

from lazulite.arm.access.access import Access
from lazulite.arm.access.assignment_requests import TYPE, AssignmentRequests
from lazulite.arm.access.caller import current
from lazulite.arm.access.role_requests import ROLE_TYPE, RoleRequests
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError, method_not_allowed
from lazulite.arm.extensions import Extension
from lazulite.arm.message import Request, Response

TYPES = ("roleDefinitions", "roleAssignments", "permissions", "denyAssignments")


class AccessRequests:
    """Answers what it knows of ``{scope}/providers/Microsoft.Authorization/{type}[/{name}]``."""

    def __init__(self, backend: Backend, access: Access) -> None:
        self._access = access
        self._roles = RoleRequests(backend, access)
        self._assignments = AssignmentRequests(backend, access)
        self.extensions: dict[str, Extension] = {TYPE.lower(): self._assignments, ROLE_TYPE.lower(): self._roles}
        """What templates may write of it."""

    def answer(self, request: Request, namespace: int) -> Response | None:
        """*namespace* is its index in the request's segments; ``None`` for types of other rooms."""
        scope = "/" + "/".join(request.segments[: namespace - 1])
        kind, *names = request.segments[namespace + 1 :] or [""]
        folded = kind.lower()
        if folded not in map(str.lower, TYPES):
            return None
        if len(names) > 1:
            raise ArmError(404, "NotFound", f"'{request.path}' was not found.")
        if folded == "roledefinitions":
            return self._roles.answer(request, scope, names)
        if folded == "roleassignments":
            return self._assignments.answer(request, scope, names)
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        return self._permissions(scope) if folded == "permissions" else _deny_assignments(names)

    def _permissions(self, scope: str) -> Response:
        caller = current()
        found = self._access.permissions(caller.oid, scope) if caller else []
        return Response(200, {"value": [msgspec.to_builtins(p) for p in found]})


def _deny_assignments(names: list[str]) -> Response:
    """The lab has none: Azure makes them itself, for managed applications and the like."""
    if names:
        raise ArmError(404, "DenyAssignmentNotFound", f"The deny assignment '{names[0]}' is not found.")
    return Response(200, {"value": []})
