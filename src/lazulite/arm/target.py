"""What a template deployment writes to: resources by id, with every check a client's own request would meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation
from lazulite.resources.view import Snapshot


class Target(Protocol):
    """Where a deployment's resources go. Every method raises :class:`lazulite.arm.errors.ArmError` when refused."""

    async def put(self, resource_id: ResourceId, body: Mapping[str, Any], api_version: str) -> Mapping[str, Any]:
        """The finished resource: returns when the network follows the write."""

    async def get(self, resource_id: ResourceId, api_version: str) -> Mapping[str, Any] | None:
        """The resource as a client would read it, ``None`` when there is none."""

    async def delete(self, resource_id: ResourceId) -> None:
        """Returns when the resource is gone, at once when it never was."""

    async def action(self, resource_id: ResourceId, verb: str, body: Any, api_version: str) -> Any:
        """The result of a POST verb (``listKeys`` …) or of one that templates alone have, when it is there."""

    def listing(self, group: ResourceId) -> list[ResourceId]:
        """Every tracked resource of *group*, in an order in which they can be deleted."""

    def known(self, kind: str) -> bool:
        """Whether *kind* (``Microsoft.Network/virtualNetworks/subnets``) can be written at a path of its own."""

    def check(self, resource_id: ResourceId, body: Mapping[str, Any]) -> list[Violation]:
        """Preflight: form and declared checks, without references to what is not there yet."""

    def stored(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        """What a write of the resource decided, without what services compute and without who it is."""


class Rehearsal(Protocol):
    """A target that starts out like the real one and keeps to itself what is written to it."""

    @property
    def target(self) -> Target: ...

    @property
    def snapshot(self) -> Snapshot: ...

    async def close(self) -> None: ...
