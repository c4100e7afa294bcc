"""The target of template deployments that run in this process: the same generic path, the same checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm import locks, scopes
from lazulite.arm.actions import Actions
from lazulite.arm.activity import Activity
from lazulite.arm.backend import Backend
from lazulite.arm.catalogue import Catalogue
from lazulite.arm.errors import resource_not_found, unknown_type
from lazulite.arm.extensions import Extension
from lazulite.arm.operations import Operation
from lazulite.arm.replacement import parts
from lazulite.arm.representation import Representation, decided
from lazulite.arm.writes import Writes
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import references
from lazulite.services.service import Reply


class InProcessTarget:
    """Implements :class:`lazulite.arm.target.Target`."""

    def __init__(
        self,
        backend: Backend,
        catalogue: Catalogue,
        shown: Representation,
        writes: Writes,
        actions: Actions,
        activity: Activity,
    ) -> None:
        self._backend = backend
        self._catalogue = catalogue
        self._shown = shown
        self._writes = writes
        self._actions = actions
        self._activity = activity
        self.extensions: dict[str, Extension] = {}
        """Types, folded, that rooms of the protocol itself answer for."""

    async def put(self, resource_id: ResourceId, body: Mapping[str, Any], api_version: str) -> Mapping[str, Any]:
        with self._activity.recording("PUT", resource_id.text):
            return await self._put(resource_id, body, api_version)

    async def _put(self, resource_id: ResourceId, body: Mapping[str, Any], api_version: str) -> Mapping[str, Any]:
        extension = self.extensions.get(resource_id.kind.lower())
        if extension is not None:
            return await extension.put(resource_id, body)
        locks.refuse(self._backend.store.snapshot, resource_id.text)
        written = self._writes.put(resource_id, body, version=api_version)
        await written.operation.finish()
        assert written.resource is not None
        # Another writer may have been quicker than the network: what is shown is what is there now.
        root = self._backend.store.snapshot.get(written.address.root.key)
        if root is None or (written.address.steps and resource_id.key not in self._backend.store.snapshot.resources):
            raise resource_not_found(resource_id)
        return self._shown.resource(written.address, root)

    async def get(self, resource_id: ResourceId, api_version: str) -> Mapping[str, Any] | None:
        extension = self.extensions.get(resource_id.kind.lower())
        if extension is not None:
            return extension.get(resource_id)
        snapshot = self._backend.store.snapshot
        if resource_id.key not in snapshot.resources:
            return None
        address = self._catalogue.address(resource_id, api_version)
        return self._shown.resource(address, snapshot.resources[address.root.key])

    async def delete(self, resource_id: ResourceId) -> None:
        with self._activity.recording("DELETE", resource_id.text):
            await self._delete(resource_id)

    async def _delete(self, resource_id: ResourceId) -> None:
        extension = self.extensions.get(resource_id.kind.lower())
        if extension is not None:
            await extension.delete(resource_id)
            return
        locks.refuse(self._backend.store.snapshot, resource_id.text, deleting=True)
        written = self._writes.delete(resource_id)
        if written is not None:
            await written.operation.finish()

    async def action(self, resource_id: ResourceId, verb: str, body: Any, api_version: str) -> Any:
        address = self._catalogue.address(resource_id, api_version)
        of_clients = self._actions.find(address, verb)
        action = of_clients or self._actions.of_templates(address, verb)
        if action is None:
            raise unknown_type(f"{address.type_name}/{verb}", api_version)
        part = self._backend.store.snapshot.get(resource_id.key)
        if part is None:
            raise resource_not_found(resource_id)
        if of_clients is not None:
            locks.refuse(self._backend.store.snapshot, resource_id.text)
        result = self._actions.perform(action, address, part, body, {"api-version": api_version})
        return result.body if isinstance(result, Reply) else await _result(result)

    def listing(self, group: ResourceId) -> list[ResourceId]:
        """Tracked resources, those that refer to others before what they refer to."""
        snapshot = self._backend.store.snapshot
        tracked = {
            r.id.key: r.id
            for r in scopes.members(snapshot, group)
            if self._catalogue.registry.models[type(r.properties)].tracked
        }
        users: dict[str, set[str]] = {key: set() for key in tracked}
        for key in tracked:
            for used in _uses(snapshot.resources[key], tracked) - {key}:
                users[used].add(key)
        ordered: list[ResourceId] = []
        while users:
            # Among those that only each other use (a cycle of weak references), the first by name goes first.
            free = [k for k, who in users.items() if not who & users.keys()] or [min(users)]
            for key in free:
                del users[key]
                ordered.append(tracked[key])
        return ordered

    def stored(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        extension = self.extensions.get(resource_id.kind.lower())
        if extension is not None:
            return extension.get(resource_id)
        held = self._backend.store.snapshot.resources
        if resource_id.key not in held:
            return None
        address = self._catalogue.address(resource_id)
        return decided(held[resource_id.key], address.kind, child=bool(address.steps))

    def known(self, kind: str) -> bool:
        return kind.lower() in self.extensions or self._catalogue.known(kind)

    def check(self, resource_id: ResourceId, body: Mapping[str, Any]) -> list[Violation]:
        extension = self.extensions.get(resource_id.kind.lower())
        if extension is not None:
            return extension.check(resource_id, body)
        if resource_id.group is None:
            message = f"A resource of type '{resource_id.kind}' must be in a resource group."
            return [Violation("ResourceGroupNotSpecified", message)]
        return self._writes.check(resource_id, body)


def _uses(resource: Resource[Any], tracked: Mapping[str, ResourceId]) -> set[str]:
    """The tracked documents that *resource* refers to, or stands below."""
    targets = [r.target.key for _, p in parts(resource.id, resource.properties) for r, _ in references(p)]
    targets += [r.target.key for r in resource.assigned]
    found = {_root(t, tracked) for t in [*targets, resource.id.key.rpartition("/")[0]]}
    return {key for key in found if key is not None}


def _root(key: str, tracked: Mapping[str, ResourceId]) -> str | None:
    """The tracked document that the resource or child at *key* is part of."""
    while key and key not in tracked:
        key = key.rpartition("/")[0]
    return key or None


async def _result(operation: Operation) -> Any:
    await operation.finish()
    return operation.body
