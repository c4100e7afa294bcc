"""Stands around every request that changes something: locks are asked first, and the activity log hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lazulite.arm import locks
from lazulite.arm.activity import CALL, LOGGED, Activity, Event, call_of
from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError
from lazulite.arm.message import Request, Response
from lazulite.arm.operations import Operation, Operations
from lazulite.arm.registrations import Registrations

Answer = Callable[[Request], Awaitable[Response]]
Admit = Callable[[Request], None]


class Recorder:
    """Lets requests through to their answer."""

    def __init__(
        self, backend: Backend, activity: Activity, operations: Operations, registrations: Registrations
    ) -> None:
        self._backend = backend
        self._activity = activity
        self._operations = operations
        self._registrations = registrations

    async def pass_on(self, request: Request, claims: Mapping[str, Any], admit: Admit, answer: Answer) -> Response:
        """The answer to *request* by the holder of *claims*, when *admit* lets it in. Raises :class:`ArmError`."""
        if request.method not in LOGGED or len(request.folded) < 3 or request.folded[0] != "subscriptions":
            admit(request)
            return await answer(request)
        token = CALL.set(call_of(request.method, request.headers, claims))
        try:
            return await self._logged(request, admit, answer)
        finally:
            CALL.reset(token)

    async def _logged(self, request: Request, admit: Admit, answer: Answer) -> Response:
        begun = self._activity.begin(request.method, request.path)
        try:
            admit(request)
            locks.guard(self._backend.store.snapshot, request.method, request.path)
            if request.method == "PUT":
                self._registrations.require(request.path)
            response = await answer(request)
        except ArmError as error:
            self._activity.fail(begun, error)
            raise
        await self._conclude(begun, response)
        return response

    async def _conclude(self, begun: Event, response: Response) -> None:
        """The end of a call, or its acceptance: what goes on behind the answer ends later."""
        address = response.headers.get("Azure-AsyncOperation") or response.headers.get("Location")
        if address is None:
            self._activity.end(begun, "Succeeded", response.status)
            return
        self._activity.end(begun, "Accepted", response.status)
        name = address.partition("?")[0].rpartition("/")[2]
        operation = await self._operations.find(name)
        if operation is not None:
            operation.follow(lambda done: self._ended(begun, done))

    def _ended(self, begun: Event, operation: Operation) -> None:
        if operation.error is None:
            self._activity.end(begun, "Succeeded", 200)
        else:
            self._activity.fail(begun, operation.error)
