"""Where :mod:`lazulite.arm.deployments` meets the router: its requests, and its records in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm import scopes
from lazulite.arm.activity import Activity
from lazulite.arm.backend import Backend, Documents
from lazulite.arm.deployments import Deployments
from lazulite.arm.deployments.api import Surroundings
from lazulite.arm.deployments.history import CAPACITY
from lazulite.arm.discovery import Discovery, show_subscription
from lazulite.arm.group_requests import show
from lazulite.arm.message import Request, Response
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId

AREA = "deployments"
_ENDS = frozenset({"Succeeded", "Failed", "Canceled"})
REACHABILITY = "x-lazulite-reachability"
"""Header, or query parameter ``reachability``: ``true`` asks a what-if for the flows that become allowed or denied."""


class StoredHistory:
    """Implements :class:`lazulite.arm.deployments.History` over the store's documents; *activity* hears of ends."""

    def __init__(self, documents: Documents, activity: Activity) -> None:
        self._documents = documents
        self._activity = activity

    def get(self, deployment: ResourceId) -> Mapping[str, Any] | None:
        return self._documents.get(AREA, deployment.key)

    def put(self, deployment: ResourceId, record: Mapping[str, Any]) -> None:
        known = self._keys(deployment.scope)
        if deployment.key not in known:
            for oldest in known[: max(0, len(known) + 1 - CAPACITY)]:
                self._documents.delete(AREA, oldest)
        self._documents.put(AREA, deployment.key, record)
        properties = record["deployment"]["properties"]
        if properties["provisioningState"] in _ENDS:
            message = (properties.get("error") or {}).get("message", "")
            self._activity.conclude("PUT", deployment.text, properties["provisioningState"], message)

    def delete(self, deployment: ResourceId) -> None:
        self._documents.delete(AREA, deployment.key)

    def _keys(self, group: ResourceId) -> tuple[str, ...]:
        own = f"{group.key}/providers/microsoft.resources/deployments/"  # a subscription holds its groups' besides
        return tuple(k for k in self._documents.keys(AREA) if k.startswith(own))

    def list(self, group: ResourceId) -> list[Mapping[str, Any]]:
        return [self._documents.get(AREA, key) or {} for key in self._keys(group)]


def records(documents: Documents, group: ResourceId) -> dict[tuple[str, str], None]:
    """The deployments that go with *group*, as documents to delete."""
    return {(AREA, k): None for k in documents.keys(AREA) if k.startswith(group.key + "/")}


class DeploymentRequests:
    """``{group}[/providers/Microsoft.Resources]/deployments[/…]``."""

    def __init__(
        self,
        backend: Backend,
        discovery: Discovery,
        target: Target,
        surroundings: Surroundings,
        activity: Activity,
    ) -> None:
        self._backend = backend
        history = StoredHistory(backend.store.documents, activity)
        self._room = Deployments(target, history, discovery.environment(), backend.now, backend.new_id, surroundings)

    async def answer(self, request: Request, below: int) -> Response:
        """*below* is the index of ``deployments`` in the request's segments."""
        snapshot = self._backend.store.snapshot
        holder = scopes.subscription(snapshot, request.segments[1])
        grouped = request.folded[2] == "resourcegroups"
        group = scopes.group(snapshot, request.segments[1], request.segments[3]) if grouped else holder
        shown = show(group) if grouped else {}
        return await self._room.handle(
            request.method,
            group.id,
            request.segments[below + 1 :],
            {"reachability": request.headers.get(REACHABILITY, ""), **request.query},
            request.body,
            shown,
            show_subscription(holder),
        )
