"""Polls of operations. A poll is held until the operation is done, so that the first one a client makes, at once,
usually gets the final answer."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.arm.message import RETRY_HINTS, Request, Response
from lazulite.arm.operations import Operation, Operations
from lazulite.resources.ids import ResourceId

HOLD_S = 2.0
"""How long a poll is held. Well below the read timeouts of clients (azure-core: 300 s, curl: none)."""


def poll_headers(
    base_url: str, subject: ResourceId, location: str | None, operation: Operation, version: str
) -> dict[str, str]:
    """``Azure-AsyncOperation`` and ``Location`` of *operation*, and when to ask."""
    place = f"{base_url}/subscriptions/{subject.subscription}/providers/{subject.namespace}"
    place += f"/locations/{location or 'global'}"
    return {
        "Azure-AsyncOperation": f"{place}/operations/{operation.name}?api-version={version}",
        "Location": f"{place}/operationResults/{operation.name}?api-version={version}",
        **RETRY_HINTS,
    }


async def status(operations: Operations, request: Request) -> Response:
    """``GET …/operations/{name}``: 200 whatever the state."""
    operation = await _held(operations, request)
    body: dict[str, Any] = {
        "id": request.path,
        "name": operation.name,
        "status": operation.status,
        "startTime": operation.started,
    }
    if not operation.done.is_set():
        return Response(200, body, RETRY_HINTS)
    body["endTime"] = operation.ended
    if operation.error is not None:
        body["error"] = operation.error.error()
    elif operation.body is not msgspec.UNSET:
        body["properties"] = operation.body
    return Response(200, body)


async def result(operations: Operations, request: Request, empty_status: int = 204) -> Response:
    """``GET …/operationResults/{name}``: 202 while it runs, then the result (*empty_status* when it has none)."""
    operation = await _held(operations, request)
    if not operation.done.is_set():
        # A 202 must say again where to ask; the URL is the one that was asked.
        return Response(202, None, RETRY_HINTS)
    if operation.error is not None:
        raise operation.error
    if operation.body is msgspec.UNSET:
        return Response(empty_status)
    return Response(200, operation.body)


async def _held(operations: Operations, request: Request) -> Operation:
    name = request.segments[-1].lower()
    operation = await operations.find(name)
    if operation is None:
        raise ArmError(404, "NotFound", f"The operation '{name}' was not found.")
    await operation.wait(HOLD_S)
    return operation
