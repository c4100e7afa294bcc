"""A deployment's target that lets through what its caller could do by hand, and nothing else.

Source: "Authorization failed for template resource" in "Troubleshoot common Azure deployment errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.arm.access.access import Access
from lazulite.arm.access.caller import current
from lazulite.arm.access.wish import wish
from lazulite.arm.errors import ArmError
from lazulite.arm.target import Target
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation


class GuardedTarget:
    """Implements :class:`lazulite.arm.target.Target` over another one."""

    def __init__(self, target: Target, access: Access) -> None:
        self._target = target
        self._access = access

    async def put(self, resource_id: ResourceId, body: Mapping[str, Any], api_version: str) -> Mapping[str, Any]:
        self._authorise_write(resource_id, body)
        return await self._target.put(resource_id, body, api_version)

    async def get(self, resource_id: ResourceId, api_version: str) -> Mapping[str, Any] | None:
        self._authorise("GET", resource_id.text)
        return await self._target.get(resource_id, api_version)

    async def delete(self, resource_id: ResourceId) -> None:
        self._authorise("DELETE", resource_id.text)
        await self._target.delete(resource_id)

    async def action(self, resource_id: ResourceId, verb: str, body: Any, api_version: str) -> Any:
        self._authorise("POST", f"{resource_id}/{verb}")
        return await self._target.action(resource_id, verb, body, api_version)

    def listing(self, group: ResourceId) -> list[ResourceId]:
        return self._target.listing(group)

    def known(self, kind: str) -> bool:
        return self._target.known(kind)

    def stored(self, resource_id: ResourceId) -> Mapping[str, Any] | None:
        self._authorise("GET", resource_id.text)
        return self._target.stored(resource_id)

    def check(self, resource_id: ResourceId, body: Mapping[str, Any]) -> list[Violation]:
        """Also what the caller may not write, so that a template is refused before half of it is there."""
        try:
            self._authorise_write(resource_id, body)
        except ArmError as error:
            what = f"Authorization failed for template resource '{resource_id.name}' of type '{resource_id.kind}'."
            return [Violation(error.code, f"{what} {error.message}", error.target)]
        return self._target.check(resource_id, body)

    def _authorise_write(self, resource_id: ResourceId, body: Mapping[str, Any]) -> None:
        caller = current()
        if caller is not None:
            self._access.authorise_write(caller, resource_id, body)

    def _authorise(self, method: str, path: str) -> None:
        caller, wanted = current(), wish(method, path.split("/")[1:])
        if caller is None or wanted is None:
            return
        if wanted.listing and self._access.around(caller.oid, wanted.scope):
            return
        self._access.authorise_wish(caller, wanted)
