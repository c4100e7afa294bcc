"""``POST {group}/moveResources`` and ``validateMoveResources``.

Source: "Move Azure resources to a new resource group or subscription": all or nothing, top-level resources of one
group, and no read-only lock at either end. Resources that can only be deleted by unlocking them first move, and their
locks move along.
"""

from __future__ import annotations

from typing import Any

from lazulite.arm import locks, moves, scopes
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue
from lazulite.arm.errors import ArmError, bad_content, method_not_allowed, refused, resource_not_found
from lazulite.arm.locks import Lock
from lazulite.arm.message import RETRY_HINTS, Request, Response
from lazulite.arm.writes import Writes
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation

VERBS = frozenset({"moveresources", "validatemoveresources"})
_MOST = 800
"""Resources of one move. Source: the same page, "Checklist before moving resources"."""


class MoveRequests:
    """Moves between groups of one subscription."""

    def __init__(self, backend: Backend, catalogue: Catalogue, writes: Writes) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._writes = writes

    def answer(self, request: Request) -> Response:
        if request.method != "POST":
            raise method_not_allowed(request.method, request.path)
        group = scopes.group(self._backend.store.snapshot, request.segments[1], request.segments[3])
        target, renaming = self._checked(group, request.body)
        if request.folded[-1] == "validatemoveresources":
            return Response(204)
        changed = moves.changes(self._backend.store.snapshot, renaming)
        written = self._writes.commit(Address(scopes.RESOURCE_GROUP, target.id), changed, target)
        place = f"{self._backend.base_url}/subscriptions/{group.id.subscription}/operationresults"
        location = f"{place}/{written.operation.name}?api-version={request.api_version}"
        return Response(202, headers={"Location": location, **RETRY_HINTS})

    def _checked(self, group: Resource[Any], body: Any) -> tuple[Resource[Any], moves.Renaming]:
        """The target group, and what becomes of which id. Raises whatever speaks against the move."""
        ids, target_id = _asked(body)
        target = self._target(group, target_id)
        snapshot = self._backend.store.snapshot
        moved = [self._resource(i) for i in ids]
        violations = moves.stranded(moved, group.id)
        if violations:
            raise refused(violations)
        renaming = moves.Renaming((r.id for r in moved), target.id)
        locks.refuse(snapshot, target.id.text)
        for resource in moved:
            self._refuse_locked(resource)
        violations = moves.taken(snapshot, renaming)
        if violations:
            raise ArmError(409, "ResourceMoveConflict", violations[0].message, details=violations)
        return target, renaming

    def _target(self, group: Resource[Any], target: ResourceId) -> Resource[Any]:
        if target.subscription.lower() != group.id.subscription.lower():
            message = "Resources move between resource groups of one subscription only, in this lab."
            raise ArmError(400, "CrossSubscriptionMoveNotSupported", message, "targetResourceGroup")
        if target == group.id:
            message = f"The target resource group '{target.name}' is the one that the resources are in."
            raise ArmError(400, "InvalidTargetResourceGroup", message, "targetResourceGroup")
        return scopes.group(self._backend.store.snapshot, target.subscription, target.name)

    def _resource(self, resource_id: ResourceId) -> Resource[Any]:
        self._catalogue.address(resource_id)
        found = self._backend.store.snapshot.get(resource_id.key)
        if found is None:
            raise resource_not_found(resource_id)
        return found

    def _refuse_locked(self, resource: Resource[Any]) -> None:
        """A read-only lock above, on or below *resource* holds it in place."""
        snapshot = self._backend.store.snapshot
        locks.refuse(snapshot, resource.id.text)
        for lock in snapshot.kinds.get(Lock, {}).values():
            if lock.properties.level == "ReadOnly" and lock.id.within(resource.id):
                locks.refuse(snapshot, locks.scope(lock.id).text)


def _asked(body: Any) -> tuple[list[ResourceId], ResourceId]:
    """The resources and the group that *body* names. Raises the 400 of what it lacks."""
    members = {k.lower(): v for k, v in body.items()} if isinstance(body, dict) else {}
    texts, target = members.get("resources"), members.get("targetresourcegroup")
    if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
        raise bad_content("'resources' must be a list of ids.")
    if len(texts) > _MOST:
        raise ArmError(400, "MoveResourcesLimitExceeded", f"More than {_MOST} resources can not move at once.")
    parsed = [_id(t, "resources") for t in texts]
    group = _id(target, "targetResourceGroup")
    if group.group is None or group != group.scope:
        raise refused([Violation("InvalidTargetResourceGroup", f"'{target}' is no group.", "targetResourceGroup")])
    return list(dict.fromkeys(parsed)), group


def _id(text: Any, member: str) -> ResourceId:
    try:
        return ResourceId.parse(str(text))
    except ValueError:
        raise ArmError(400, "LinkedInvalidPropertyId", f"'{text}' is not an id.", member) from None
