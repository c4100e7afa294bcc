"""``{scope}/providers/Microsoft.Authorization/locks[/{name}]``, for clients and for templates."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from lazulite.arm import envelope, locks
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address
from lazulite.arm.errors import (
    ArmError,
    group_not_found,
    method_not_allowed,
    refused,
    resource_not_found,
    subscription_not_found,
)
from lazulite.arm.locks import LOCK, Lock
from lazulite.arm.message import Request, Response
from lazulite.arm.paging import page
from lazulite.arm.writes import Writes
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.resources.schema import encode

_MOST = 20
"""Locks of one scope. Source: "Azure subscription and service limits", management locks per unique scope."""
_AT_SCOPE = "atscope()"


class LockRequests:
    """Locks of every scope. Implements :class:`lazulite.arm.extensions.Extension`."""

    def __init__(self, backend: Backend, writes: Writes) -> None:
        self._backend = backend
        self._writes = writes

    def answer(self, request: Request, provider: int) -> Response:
        """*provider* is the index of the namespace in the request's segments."""
        holder = "/" + "/".join(request.segments[: provider - 1])
        if len(request.segments) == provider + 2:
            return self._list(request, self._holder(holder))
        if len(request.segments) != provider + 3:
            raise ArmError(404, "NotFound", f"'{request.path}' was not found.")
        if request.method in ("GET", "HEAD"):
            found = self._known(request.path) or self._missing(holder, request.segments[-1])
            return Response(200 if request.method == "GET" else 204, show(found))
        if request.method == "PUT":
            stored, created = self._put(request.path, holder, request.body)
            return Response(201 if created else 200, show(stored))
        if request.method == "DELETE":
            return Response(200 if self._delete(request.path) else 204)
        raise method_not_allowed(request.method, request.path)

    async def put(self, resource_id: ResourceId, body: Any) -> dict[str, Any]:
        stored, _ = self._put(resource_id.text, locks.scope(resource_id).text, body)
        return show(stored)

    async def delete(self, resource_id: ResourceId) -> None:
        self._delete(resource_id.text)

    def get(self, resource_id: ResourceId) -> dict[str, Any] | None:
        found = self._known(resource_id.text)
        return None if found is None else show(found)

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        return envelope.decode(LOCK, resource_id, body)[1]

    def _known(self, path: str) -> Resource[Lock] | None:
        """The lock at *path*, also one whose child went with a write of the parent: it must remain removable."""
        return self._backend.store.snapshot.get(path.lower())

    def _holder(self, path: str) -> ResourceId:
        """The scope at *path*, in its own case. Raises the 404 of one that is not there."""
        try:
            scope = ResourceId.parse(path)
        except ValueError:
            raise ArmError(404, "NotFound", f"'{path}' is not a scope that can be locked.") from None
        snapshot = self._backend.store.snapshot
        found = snapshot.get(scope.key)
        if found is not None and not isinstance(found.properties, Lock):
            return found.id
        if snapshot.get(f"/subscriptions/{scope.subscription}".lower()) is None:
            raise subscription_not_found(scope.subscription)
        if scope.group is not None and snapshot.get(scope.scope.key) is None:
            raise group_not_found(scope.group)
        raise resource_not_found(scope)

    def _missing(self, holder: str, name: str) -> NoReturn:
        self._holder(holder)
        raise ArmError(404, "LockNotFound", f"The lock '{name}' could not be found.")

    def _put(self, path: str, holder: str, body: Any) -> tuple[Resource[Lock], bool]:
        """The lock as stored, and whether it is new."""
        old = self._known(path)
        name = path.rpartition("/")[2]
        identity = old.id if old is not None else ResourceId(f"{self._holder(holder)}/providers/{LOCK.name}/{name}")
        new, violations = envelope.decode(LOCK, identity, body)
        if new is None or violations:
            raise refused(violations)
        if old is None:
            self._refuse_more(identity)
        new = msgspec.structs.replace(new, guid=self._backend.new_id() if old is None else old.guid)
        written = self._writes.commit(Address(LOCK, identity), {identity.key: new}, new)
        assert written.resource is not None
        return written.resource, old is None

    def _refuse_more(self, lock_id: ResourceId) -> None:
        place = locks.scope(lock_id)
        beside = [r for r in self._all() if locks.scope(r.id) == place]
        if len(beside) >= _MOST:
            message = f"The number of locks of the scope '{place}' has reached its limit of {_MOST}."
            raise ArmError(409, "LockCountLimitExceeded", message)

    def _delete(self, path: str) -> bool:
        """Whether there was one."""
        old = self._known(path)
        if old is not None:
            self._writes.commit(Address(LOCK, old.id), {old.id.key: None}, old)
        return old is not None

    def _list(self, request: Request, holder: ResourceId) -> Response:
        """The locks that bind *holder*: its own, those above, and (without ``atScope()``) those below."""
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        wanted = request.query.get("$filter", "").replace(" ", "").lower()
        if wanted not in ("", _AT_SCOPE):
            message = f"The filter '{request.query['$filter']}' is not supported: atScope() is."
            raise ArmError(400, "InvalidFilterInQueryString", message, "$filter")
        found = [r for r in self._all() if _concerns(locks.scope(r.id), holder, below=not wanted)]
        return page(request, self._backend.base_url, found, show)

    def _all(self) -> list[Resource[Lock]]:
        return [r for _, r in sorted(self._backend.store.snapshot.kinds.get(Lock, {}).items())]


def _concerns(place: ResourceId, holder: ResourceId, *, below: bool) -> bool:
    return holder.within(place) or (below and place.within(holder))


def show(lock: Resource[Lock]) -> dict[str, Any]:
    """The wire form, as recorded ("Locks on the wire"): no etag, no state."""
    return {"properties": encode(lock.properties), "id": lock.id.text, "type": LOCK.name, "name": lock.id.name}
