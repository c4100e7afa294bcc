"""Writes: decode, assign, check everything, commit. One path for every resource type, and for templates.

Nothing here waits: between reading the snapshot and committing no other request runs, so a check holds until the
commit it was made for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm import checks, envelope, identity_member, scopes
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Address, Catalogue
from lazulite.arm.errors import ArmError, child_not_found, parent_not_found, refused, resource_not_found, unknown_type
from lazulite.arm.operations import Operation, Operations
from lazulite.arm.replacement import (
    carried,
    changed_immutables,
    falling,
    find_child,
    merged,
    parts,
    with_child,
    with_unmentioned,
)
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Kind, Resource, Violation
from lazulite.resources.schema import encode
from lazulite.resources.view import Snapshot, View

NO_CONDITIONS: Mapping[str, str] = {}
Along = Callable[[str], Mapping[tuple[str, str], None]]


class Written(msgspec.Struct, frozen=True):
    """What a write did. ``resource`` is the document as stored, ``None`` after a delete.

    ``snapshot`` is what was stored then: whoever answers the client has waited, and others may have written since.
    """

    address: Address
    operation: Operation
    snapshot: Snapshot
    resource: Resource[Any] | None = None
    created: bool = False


class Writes:
    """Changes documents. Every method raises :class:`ArmError` when refused, and then nothing is stored."""

    def __init__(
        self, backend: Backend, catalogue: Catalogue, operations: Operations, along: Along = lambda deleted: {}
    ) -> None:
        """*along* names the documents that go when a resource does."""
        self._along = along
        self._backend = backend
        self._catalogue = catalogue
        self._operations = operations

    def put(
        self, resource_id: ResourceId, body: Any, conditions: Mapping[str, str] = NO_CONDITIONS, version: str = ""
    ) -> Written:
        """Create or replace the resource or child at *resource_id*. *conditions* are the request's headers."""
        address = self._address(resource_id, version)
        if address.steps:
            return self._put_child(resource_id, address, body, conditions, version)
        old = self._backend.store.snapshot.get(address.root.key)
        checks.precondition(conditions, old.etag if old is not None else None)
        new, violations = envelope.decode(address.kind, address.root, body)
        if new is None or violations:
            raise refused(violations)
        if old is not None and address.kind.children_kept_since:
            since = address.kind.children_kept_since
            kept = with_unmentioned(new.properties, old.properties, body, since, version)
            new = msgspec.structs.replace(new, properties=kept)
        return self._replace(address, new, old, version)

    def patch(
        self, resource_id: ResourceId, body: Any, conditions: Mapping[str, str] = NO_CONDITIONS, version: str = ""
    ) -> Written:
        """Replace the tags; merge everything else of *body* into the resource."""
        address = self._address(resource_id, version)
        root = self._backend.store.snapshot.get(address.root.key)
        if root is None:
            raise resource_not_found(resource_id)
        checks.precondition(conditions, root.etag)
        if not isinstance(body, dict):
            raise refused([Violation("InvalidRequestContent", "The request content must be a JSON object.")])
        whole = not address.steps
        stored = _stored_body(root, address.kind) if whole else self._stored_child(resource_id, address, root)
        tags = {k: v for k, v in body.items() if k.lower() == "tags"}
        rest = {k: v for k, v in body.items() if k.lower() != "tags"}
        body = identity_member.patched(merged(stored, rest), rest)
        return self.put(resource_id, body | tags, NO_CONDITIONS, version)

    def delete(
        self, resource_id: ResourceId, conditions: Mapping[str, str] = NO_CONDITIONS, version: str = ""
    ) -> Written | None:
        """``None`` when there is nothing to delete."""
        address = self._address(resource_id, version, removing=True)
        snapshot = self._backend.store.snapshot
        old = snapshot.get(address.root.key)
        if old is None or resource_id.key not in snapshot.resources:
            checks.precondition({k: v for k, v in conditions.items() if k == "if-match"}, None)
            return None
        checks.precondition(conditions, old.etag)
        if address.steps:
            return self._put_in_parent(address, old, None, version)
        doomed = [old, *self._nested(address, old)]
        self._refuse_removal(address, doomed)
        return self.commit(address, {r.id.key: None for r in doomed}, old, self._along(old.id.text))

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        """Form and declared checks of a PUT, without references and without storing."""
        try:
            address = self._catalogue.address(resource_id)
        except ArmError as error:
            return [Violation(error.code, error.message, error.target)]
        if address.steps:
            return envelope.decode_child(address.model, resource_id.name, body)[1]
        new, violations = envelope.decode(address.kind, address.root, body)
        old = self._backend.store.snapshot.get(address.root.key)
        if new is not None and old is not None:
            violations += checks.same_location(new, old)
        return violations

    def commit(
        self,
        address: Address,
        changes: Mapping[str, Resource[Any] | None],
        subject: Resource[Any],
        documents: Mapping[tuple[str, str], Any | None] | None = None,
    ) -> Written:
        """Store *changes* (all about *subject*) and *documents*, and open the operation that follows them."""
        store = self._backend.store
        created = subject.id.key not in store.snapshot.resources
        changes = dict.fromkeys(falling(changes, store.snapshot)) | dict(changes)
        operation = self._operations.prepare(subject.id, store.snapshot.revision + 1)
        snapshot, touched = store.commit(changes, self._operations.records(operation) | dict(documents or {}))
        self._backend.committed(snapshot, touched)
        self._operations.follow(operation)
        return Written(address, operation, snapshot, snapshot.get(subject.id.key), created)

    def _address(self, resource_id: ResourceId, version: str, *, removing: bool = False) -> Address:
        """Where *resource_id* can be written; raises the errors of scope, type and missing parent."""
        snapshot = self._backend.store.snapshot
        address = self._catalogue.address(resource_id, version)
        scopes.scope_of(snapshot, resource_id)
        if resource_id.group is None and not address.kind.of_subscription:
            message = f"A resource of type '{address.kind.name}' must be in a resource group."
            raise ArmError(400, "ResourceGroupNotSpecified", message)
        if resource_id.group is not None and address.kind.of_subscription:
            raise unknown_type(resource_id.kind, version)
        if not (address.removable if removing else address.writable):
            message = f"'{address.type_name}' is written through its parent, not at a path of its own."
            raise ArmError(405, "MethodNotAllowed", message)
        nested = not removing and "/" in address.kind.name.partition("/")[2]
        if nested and address.root.parent.key not in snapshot.resources:
            raise parent_not_found(address.root)
        return address

    def _replace(self, address: Address, new: Resource[Any], old: Resource[Any] | None, version: str) -> Written:
        moved = list(checks.same_location(new, old)) if old is not None else []
        if moved:
            raise refused(moved)
        identity = old.id if old is not None else self._canonical(address)
        guid = old.guid if old is not None else self._backend.new_id()
        kept = carried(new.properties, old.properties if old is not None else None)
        new = msgspec.structs.replace(new, id=identity, guid=guid, properties=kept)
        return self._store(address, new, old, version)

    def _store(
        self,
        address: Address,
        new: Resource[Any],
        old: Resource[Any] | None,
        version: str,
        sent: Child[Any] | None = None,
    ) -> Written:
        """*sent* is the child that the client wrote, where it is not the whole."""
        snapshot, lab = self._backend.store.snapshot, self._backend.lab
        service, view = self._catalogue.service(address.kind), View(snapshot)
        new = service.assign(new, old, view, lab)
        violations = list(checks.dangling(new, old, snapshot))
        if old is not None:
            violations += changed_immutables(new.properties, old.properties)
            violations += self._removals(address, new, old)
        else:
            violations += checks.quota(address.kind, new, snapshot)
        violations += service.validate(new, view, lab)
        violations += service.since(new, old, version)
        if violations:
            raise refused(_as_sent(violations, address, new, sent))
        born = service.companions(new, view, lab) if old is None else ()
        brought = [*born, *self._brought(new, view)]
        stamped = {r.id.key: msgspec.structs.replace(r, guid=self._backend.new_id()) for r in brought}
        return self.commit(address, {new.id.key: new} | stamped, new)

    def _brought(self, new: Resource[Any], view: View) -> Iterator[Resource[Any]]:
        """What the platform makes of its own accord, each before it the group that it needs."""
        for service in self._catalogue.services:
            functions = [f for m, f in service.brings.items() if isinstance(new.properties, m)]
            for resource in (r for f in functions for r in f(new, view, self._backend.lab)):
                group = resource.id.scope
                if view.snapshot.get(group.key) is None:
                    yield Resource(group, scopes.ResourceGroup(), resource.location)
                yield resource

    def _removals(self, address: Address, new: Resource[Any], old: Resource[Any]) -> list[Violation]:
        """What speaks against the children that *new* leaves out."""
        left = {part.key for part, _ in parts(new.id, new.properties)}
        gone = [part for part, _ in parts(old.id, old.properties) if part.key not in left]
        inside = old.id.key + "/"
        found = checks.in_use(
            address.kind, gone, lambda k: k == old.id.key or k.startswith(inside), self._backend.store.snapshot
        )
        return list(found)

    def _put_child(
        self, resource_id: ResourceId, address: Address, body: Any, conditions: Mapping[str, str], version: str
    ) -> Written:
        root = self._backend.store.snapshot.get(address.root.key)
        if root is None:
            raise parent_not_found(resource_id)
        known = find_child(root.properties, address.steps)
        checks.precondition(conditions, root.etag if known is not None else None)
        child, violations = envelope.decode_child(address.model, resource_id.name, body)
        if child is None or violations:
            raise refused(violations)
        written = self._put_in_parent(address, root, child, version)
        return msgspec.structs.replace(written, created=known is None)

    def _put_in_parent(self, address: Address, root: Resource[Any], child: Child[Any] | None, version: str) -> Written:
        properties = with_child(root.properties, address.steps[0], child)
        kept = properties if child is None else carried(properties, root.properties)
        new = msgspec.structs.replace(root, properties=kept)
        return self._store(address, new, root, version, child)

    def _stored_child(self, resource_id: ResourceId, address: Address, root: Resource[Any]) -> dict[str, Any]:
        child = find_child(root.properties, address.steps)
        if child is None:
            raise child_not_found(resource_id)
        stored: dict[str, Any] = encode(child, secrets=True)
        return stored

    def _canonical(self, address: Address) -> ResourceId:
        """The id of a new resource: scope and parent in the case they were created with, types in their own."""
        namespace, *types = address.kind.name.split("/")
        names = address.root.text.split("/")[-2 * len(types) + 1 :: 2]
        if len(types) > 1:
            parent = self._backend.store.snapshot.resources[address.root.parent.key]
            return parent.id.child(types[-1], names[-1])
        scope = scopes.scope_of(self._backend.store.snapshot, address.root).id
        return ResourceId(f"{scope.text}/providers/{namespace}/{types[0]}/{names[0]}")

    def _nested(self, address: Address, root: Resource[Any]) -> list[Resource[Any]]:
        """Documents of their own that stand below *root* and go with it."""
        if not self._catalogue.nested(address.kind):
            return []
        return scopes.members(self._backend.store.snapshot, root.id)

    def _refuse_removal(self, address: Address, doomed: list[Resource[Any]]) -> None:
        """Raise what speaks against deleting *doomed*, a resource and what goes with it."""
        snapshot, root = self._backend.store.snapshot, doomed[0]
        inside = root.id.key + "/"
        gone = [part for r in doomed for part, _ in parts(r.id, r.properties)]
        violations = list(
            checks.in_use(address.kind, gone, lambda k: k == root.id.key or k.startswith(inside), snapshot)
        )
        violations += self._catalogue.service(address.kind).deletable(root, View(snapshot))
        if violations:
            raise refused(violations)


def _as_sent(
    violations: list[Violation], address: Address, new: Resource[Any], sent: Child[Any] | None
) -> list[Violation]:
    """Targets as paths of the body that was sent; what is wrong with a sibling keeps its path in the parent."""
    if sent is None:
        return violations
    spec = address.steps[0].spec
    names = [c.name.lower() for c in getattr(new.properties, spec.attribute)]
    index = names.index(sent.name.lower())
    place = f"properties.{spec.wire}[{index}]."
    return [msgspec.structs.replace(v, target=v.target.removeprefix(place)) for v in violations]


def _stored_body(resource: Resource[Any], kind: Kind) -> dict[str, Any]:
    """A body that would write *resource* as it is."""
    properties = encode(resource.properties, secrets=True)
    members: dict[str, Any] = {
        "location": resource.location,
        "tags": resource.tags,
        "sku": resource.sku and encode(resource.sku),
        "zones": list(resource.zones) or None,
        "properties": properties if kind.outward is None else kind.outward(properties),
    }
    return {k: v for k, v in members.items() if v is not None} | resource.envelope
