"""A process beside the real one in which a deployment is tried: it reads what is stored and keeps what it writes.

Nothing here reaches the store, the network or a guest, and all of it is forgotten when it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from lazulite.arm.backend import Backend, Documents, Storage, Tenant
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.model import Resource
from lazulite.resources.view import Registry, Snapshot
from lazulite.services.service import Analysis, Observations, Service


class Rehearsal:
    """Implements :class:`lazulite.arm.backend.Backend`. Its network follows at once and refuses nothing."""

    def __init__(self, base: Backend) -> None:
        self._base = base
        self.lab = base.lab
        """Services may be told of another directory: that of what was written here."""
        self.store = OverlaidStorage(base.store)

    @property
    def services(self) -> Sequence[Service]:
        return self._base.services

    @property
    def registry(self) -> Registry:
        return self._base.registry

    @property
    def model(self) -> ForwardingModel:
        return self._base.model

    @property
    def observations(self) -> Observations:
        return self._base.observations

    @property
    def analysis(self) -> Analysis:
        return self._base.analysis

    @property
    def base_url(self) -> str:
        return self._base.base_url

    @property
    def grace_s(self) -> float:
        return 0.0

    @property
    def tenants(self) -> Sequence[Tenant]:
        return self._base.tenants

    def committed(self, snapshot: Snapshot, touched: Collection[Any]) -> None:
        """Nobody follows."""

    async def settled(self, revision: int) -> list[tuple[str, str]]:
        return []

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        return 0, "", ""

    def now(self) -> datetime:
        return self._base.now()

    def new_id(self) -> str:
        return self._base.new_id()


class OverlaidStorage:
    """Implements :class:`lazulite.arm.backend.Storage`: begins where *base* is, and parts from it with every commit."""

    def __init__(self, base: Storage) -> None:
        self.snapshot = base.snapshot
        self.documents = OverlaidDocuments(base.documents)

    def commit(
        self,
        changes: Mapping[str, Resource[Any] | None],
        documents: Mapping[tuple[str, str], Any | None] | None = None,
    ) -> tuple[Snapshot, set[Any]]:
        revision = self.snapshot.revision + 1
        written = {k: r and msgspec.structs.replace(r, revision=revision) for k, r in changes.items()}
        self.snapshot, touched = self.snapshot.with_changes(revision, written)
        for (area, key), value in (documents or {}).items():
            self.documents.put(area, key, value)
        return self.snapshot, touched


class OverlaidDocuments:
    """Implements :class:`lazulite.arm.backend.Documents` over others that it never writes."""

    def __init__(self, base: Documents) -> None:
        self._base = base
        self._own: dict[str, dict[str, Any | None]] = {}
        """By area and key; ``None`` for what was deleted."""

    def get(self, area: str, key: str) -> Any | None:
        own = self._own.get(area, {})
        return own[key] if key in own else self._base.get(area, key)

    def put(self, area: str, key: str, value: Any) -> None:
        self._own.setdefault(area, {})[key] = msgspec.to_builtins(value)

    def delete(self, area: str, key: str) -> None:
        self._own.setdefault(area, {})[key] = None

    def keys(self, area: str) -> list[str]:
        own = self._own.get(area, {})
        known = dict.fromkeys(self._base.keys(area))
        return [key for key in {**known, **own} if own.get(key, known) is not None]

    def area(self, area: str) -> Mapping[str, Any]:
        merged = {**self._base.area(area), **self._own.get(area, {})}
        return {key: value for key, value in merged.items() if value is not None}


class Stage:
    """Implements :class:`lazulite.arm.target.Rehearsal`: a rehearsal with everything a deployment needs."""

    def __init__(self, backend: Rehearsal, target: Any, close: Callable[[], Any]) -> None:
        self._backend, self.target, self._close = backend, target, close

    @property
    def snapshot(self) -> Snapshot:
        return self._backend.store.snapshot

    async def close(self) -> None:
        await self._close()
