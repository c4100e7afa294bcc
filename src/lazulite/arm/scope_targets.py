"""Resource groups and subscriptions as template deployments write and read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm import envelope, locks, scopes
from lazulite.arm.backend import Backend
from lazulite.arm.discovery import show_subscription
from lazulite.arm.errors import ArmError
from lazulite.arm.group_requests import GroupRequests, show
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation


class GroupTarget:
    """Implements :class:`lazulite.arm.extensions.Extension` for resource groups."""

    def __init__(self, backend: Backend, requests: GroupRequests) -> None:
        self._backend, self._requests = backend, requests

    async def put(self, resource_id: ResourceId, body: Any) -> Mapping[str, Any]:
        return show(self._requests.write(resource_id.subscription, resource_id.name, body))

    async def delete(self, resource_id: ResourceId) -> None:
        found = self._backend.store.snapshot.get(resource_id.key)
        if found is not None:
            locks.refuse(self._backend.store.snapshot, resource_id.text, deleting=True)
            self._requests.remove(found)

    def get(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        found = self._backend.store.snapshot.get(resource_id.key)
        return None if found is None else show(found)

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        return envelope.decode(scopes.RESOURCE_GROUP, resource_id, body)[1]


class SubscriptionTarget:
    """Implements :class:`lazulite.arm.extensions.Extension` for subscriptions, which templates only read."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def put(self, resource_id: ResourceId, body: Any) -> Mapping[str, Any]:
        raise _not_here(resource_id)

    async def delete(self, resource_id: ResourceId) -> None:
        raise _not_here(resource_id)

    def get(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        found = self._backend.store.snapshot.get(resource_id.key)
        return None if found is None else show_subscription(found)

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        error = _not_here(resource_id)
        return [Violation(error.code, error.message)]


def _not_here(resource_id: ResourceId) -> ArmError:
    message = f"'{resource_id}' can not be written or deleted by a deployment."
    return ArmError(400, "InvalidTemplateDeployment", message)
