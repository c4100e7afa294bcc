"""What the protocol needs from the process it runs in. The daemon implements :class:`Backend`; tests fake it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.model import Resource
from lazulite.resources.view import Registry, Snapshot
from lazulite.services.service import Analysis, Lab, Observations, Service


class Tenant(msgspec.Struct, frozen=True):
    """A directory that subscriptions trust."""

    id: str
    display_name: str = "Lazulite"
    domain: str = "lazulite.test"


class Documents(Protocol):
    """Small JSON values by area and key, beside the resources: operations, keys, settings, deployments."""

    def get(self, area: str, key: str) -> Any | None: ...

    def put(self, area: str, key: str, value: Any) -> None: ...

    def delete(self, area: str, key: str) -> None: ...

    def keys(self, area: str) -> list[str]:
        """Keys of *area*, oldest first."""

    def area(self, area: str) -> Mapping[str, Any]:
        """Everything in *area*, oldest first."""


class Storage(Protocol):
    """The part of :class:`lazulite.store.Store` that the protocol uses."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def documents(self) -> Documents: ...

    def commit(
        self,
        changes: Mapping[str, Resource[Any] | None],
        documents: Mapping[tuple[str, str], Any | None] | None = None,
    ) -> tuple[Snapshot, set[Any]]: ...


class Backend(Protocol):
    """The process around the protocol."""

    @property
    def store(self) -> Storage: ...

    @property
    def services(self) -> Sequence[Service]: ...

    @property
    def registry(self) -> Registry:
        """The kinds of :data:`lazulite.arm.scopes.KINDS` and of every service."""

    @property
    def lab(self) -> Lab: ...

    @property
    def model(self) -> ForwardingModel: ...

    @property
    def observations(self) -> Observations: ...

    @property
    def analysis(self) -> Analysis: ...

    @property
    def base_url(self) -> str:
        """``https://localhost:8443``, without a trailing slash."""

    @property
    def grace_s(self) -> float:
        """How long the answer to a write waits for its operation. One that is over by then is answered as finished, as
        ARM lets a service do (200 or 201 without ``Azure-AsyncOperation``): clients save a poll and a read, and
        azure-cli a pause of half a second before it looks."""

    @property
    def tenants(self) -> Sequence[Tenant]:
        """At least one; the first is the default. Subscriptions are documents of the store."""

    def committed(self, snapshot: Snapshot, touched: Collection[Any]) -> None:
        """Called after each commit, in order, before the client is answered: compile and push."""

    async def settled(self, revision: int) -> list[tuple[str, str]]:
        """Wait until the network follows *revision* or a later one.

        Returns ``(origin, message)`` of *everything* the network refuses by then, not only of what this revision
        changed: a resource that no answer names any more is healthy again.
        """

    async def run(self, guest: str, script: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of *script* in the guest of that name."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def new_id(self) -> str:
        """A fresh GUID, in lower case."""
