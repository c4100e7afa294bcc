"""Resource groups: they hold resources, and take them along when they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lazulite.arm import checks, envelope, scopes
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue
from lazulite.arm.errors import bad_content, group_not_found, method_not_allowed, refused
from lazulite.arm.message import RETRY_HINTS, Request, Response
from lazulite.arm.paging import page
from lazulite.arm.replacement import parts
from lazulite.arm.resource_lists import resource_filter
from lazulite.arm.writes import Writes, Written
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import Snapshot, View

Along = Callable[[ResourceId], Mapping[tuple[str, str], None]]
Sees = Callable[[ResourceId], bool]


class GroupRequests:
    """``/subscriptions/{s}/resourcegroups[/{g}]``."""

    def __init__(self, backend: Backend, catalogue: Catalogue, writes: Writes, along: Along, sees: Sees) -> None:
        """*along* names the documents that go when a group does; *sees* tells what the caller may list."""
        self._sees = sees
        self._backend = backend
        self._along = along
        self._catalogue = catalogue
        self._writes = writes

    def listing(self, request: Request) -> Response:
        if request.method != "GET":
            raise method_not_allowed(request.method, request.path)
        snapshot = self._backend.store.snapshot
        holder = scopes.subscription(snapshot, request.segments[1])
        held = sorted(snapshot.kinds.get(scopes.ResourceGroup, {}).items())
        wanted = resource_filter(request.query.get("$filter", ""))
        found = [r for k, r in held if k.startswith(holder.id.key + "/") and self._sees(r.id) and wanted(r)]
        return page(request, self._backend.base_url, found, show)

    def answer(self, request: Request) -> Response:
        if request.method == "PUT":
            return self._put(request)
        snapshot = self._backend.store.snapshot
        scopes.subscription(snapshot, request.segments[1])
        found = snapshot.get(request.path.lower())
        if found is None:
            # HEAD asks whether it exists, and an error body would say nothing more.
            if request.method == "HEAD":
                return Response(404)
            raise group_not_found(request.segments[3])
        if request.method in ("GET", "HEAD"):
            return Response(200, show(found)) if request.method == "GET" else Response(204)
        if request.method == "PATCH":
            return self._patch(request, found)
        if request.method == "DELETE":
            return self._delete(request, found)
        raise method_not_allowed(request.method, request.path)

    def _put(self, request: Request) -> Response:
        known = self._backend.store.snapshot.get(request.path.lower()) is not None
        return Response(200 if known else 201, show(self.write(request.segments[1], request.segments[3], request.body)))

    def write(self, subscription: str, name: str, body: Any) -> Resource[Any]:
        """Create the group or replace what is said of it."""
        snapshot = self._backend.store.snapshot
        holder = scopes.subscription(snapshot, subscription)
        group_id = ResourceId(f"{holder.id.text}/resourceGroups/{name}")
        old = snapshot.get(group_id.key)
        new, violations = envelope.decode(scopes.RESOURCE_GROUP, group_id, body)
        if new is not None and old is not None:
            violations += checks.same_location(new, old, "InvalidResourceGroupLocation")
        if new is None or violations:
            raise refused(violations)
        identity = old.id if old is not None else group_id
        guid = old.guid if old is not None else self._backend.new_id()
        return self._store(msgspec.structs.replace(new, id=identity, guid=guid))

    def _patch(self, request: Request, old: Resource[Any]) -> Response:
        if not isinstance(request.body, dict):
            raise bad_content("it must be a JSON object.")
        body = {"location": old.location, "tags": old.tags} | old.envelope | request.body
        new, violations = envelope.decode(scopes.RESOURCE_GROUP, old.id, body)
        if new is None or violations:
            raise refused(violations)
        return Response(200, show(self._store(msgspec.structs.replace(new, guid=old.guid))))

    def _store(self, group: Resource[Any]) -> Resource[Any]:
        written = self._writes.commit(Address(scopes.RESOURCE_GROUP, group.id), {group.id.key: group}, group)
        assert written.resource is not None
        return written.resource

    def remove(self, group: Resource[Any]) -> Written:
        """All or nothing, in one revision: no order of deletion can strand a half-empty group. Raises what refuses."""
        snapshot = self._backend.store.snapshot
        members = scopes.members(snapshot, group.id)
        violations = [v for r in members for v in self._objections(group, r, members, snapshot)]
        if violations:
            raise refused(violations)
        gone: dict[str, Resource[Any] | None] = dict.fromkeys([*(r.id.key for r in members), group.id.key])
        history = self._along(group.id)
        return self._writes.commit(Address(scopes.RESOURCE_GROUP, group.id), gone, group, history)

    def _delete(self, request: Request, group: Resource[Any]) -> Response:
        written = self.remove(group)
        place = f"{self._backend.base_url}/subscriptions/{group.id.subscription}/operationresults"
        location = f"{place}/{written.operation.name}?api-version={request.api_version}"
        return Response(202, headers={"Location": location, **RETRY_HINTS})

    def _objections(
        self, group: Resource[Any], member: Resource[Any], members: list[Resource[Any]], snapshot: Snapshot
    ) -> list[Violation]:
        """What speaks against deleting *member* along with the rest of the group."""
        kind = self._catalogue.registry.models[type(member.properties)]
        inside = group.id.key + "/"
        ids = [part for part, _ in parts(member.id, member.properties)]
        found = list(checks.in_use(kind, ids, lambda k: k.startswith(inside), snapshot))
        service = self._catalogue.service(kind)
        if self._catalogue.objects(service):
            others = dict.fromkeys(r.id.key for r in members if r.id != member.id)
            alone, _ = snapshot.with_changes(snapshot.revision, others)
            found += service.deletable(member, View(alone))
        return found


def show(group: Resource[Any]) -> dict[str, Any]:
    """The wire form of a group. Its id spells ``resourceGroups``, whatever the request did."""
    shown: dict[str, Any] = {
        "id": group.id.text,
        "name": group.id.name,
        "type": scopes.RESOURCE_GROUP.name,
        "location": group.location,
    }
    if group.tags:
        shown["tags"] = group.tags
    return shown | group.envelope | {"properties": {"provisioningState": "Succeeded"}}
