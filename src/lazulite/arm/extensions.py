"""Extension resources that the protocol itself answers for, as template deployments write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation


class Extension(Protocol):
    """One extension type at any scope. Methods raise :class:`lazulite.arm.errors.ArmError` when refused."""

    async def put(self, resource_id: ResourceId, body: Any) -> Mapping[str, Any]:
        """The resource as a client would read it."""

    async def delete(self, resource_id: ResourceId) -> None: ...

    def get(self, resource_id: ResourceId) -> Mapping[str, Any] | None: ...

    def check(self, resource_id: ResourceId, body: Any) -> list[Violation]:
        """Preflight: the form alone."""
