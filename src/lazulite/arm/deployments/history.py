"""Where deployments are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lazulite.resources.ids import ResourceId

CAPACITY = 800
"""Deployments of one scope that are kept; the oldest go first. Source: "View deployment history"."""


class History(Protocol):
    """Deployments by id, as JSON. A put is durable when it returns."""

    def get(self, deployment: ResourceId) -> Mapping[str, Any] | None: ...

    def put(self, deployment: ResourceId, record: Mapping[str, Any]) -> None:
        """Keep *record*, and forget the oldest of its group beyond :data:`CAPACITY`."""

    def delete(self, deployment: ResourceId) -> None: ...

    def list(self, group: ResourceId) -> list[Mapping[str, Any]]:
        """The records of *group*, oldest first."""


class MemoryHistory:
    """A history that ends with the process."""

    def __init__(self) -> None:
        self._records: dict[ResourceId, Mapping[str, Any]] = {}

    def get(self, deployment: ResourceId) -> Mapping[str, Any] | None:
        return self._records.get(deployment)

    def put(self, deployment: ResourceId, record: Mapping[str, Any]) -> None:
        self._records[deployment] = record
        of_group = [d for d in self._records if d.scope == deployment.scope]
        for oldest in of_group[: max(len(of_group) - CAPACITY, 0)]:
            del self._records[oldest]

    def delete(self, deployment: ResourceId) -> None:
        self._records.pop(deployment, None)

    def list(self, group: ResourceId) -> list[Mapping[str, Any]]:
        return [record for deployment, record in self._records.items() if deployment.scope == group]


class OverlaidHistory:
    """A history over another that it never writes: for deployments that are only tried."""

    def __init__(self, base: History) -> None:
        self._base, self._own = base, MemoryHistory()

    def get(self, deployment: ResourceId) -> Mapping[str, Any] | None:
        return self._own.get(deployment) or self._base.get(deployment)

    def put(self, deployment: ResourceId, record: Mapping[str, Any]) -> None:
        self._own.put(deployment, record)

    def delete(self, deployment: ResourceId) -> None:
        self._own.delete(deployment)

    def list(self, group: ResourceId) -> list[Mapping[str, Any]]:
        return self._own.list(group)
