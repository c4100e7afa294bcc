"""Long-running operations: a write is stored at once, and its operation is done when the network follows.

An operation is a document written in the same transaction as what it is about, so a poll after a restart finds it
and waits for the same revision again. Only results of actions are written when it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Violation

_LOG = logging.getLogger(__name__)
_AREA = "operations"
_KEPT = 2000
"""Operations that can still be asked for; the oldest are forgotten."""


class Operation:
    """One operation. ``body`` is an action's result (``UNSET``: none), ``error`` why it failed."""

    def __init__(self, name: str, subject: ResourceId, revision: int, started: str) -> None:
        self.name = name
        self.subject = subject
        self.revision = revision
        self.started = started
        self.ended: str | None = None
        self.error: ArmError | None = None
        self.body: Any = msgspec.UNSET
        self.done = asyncio.Event()
        self._followers: list[Callable[[Operation], None]] = []

    def follow(self, follower: Callable[[Operation], None]) -> None:
        """Call *follower* when it is done, now if it is."""
        if self.done.is_set():
            follower(self)
        else:
            self._followers.append(follower)

    def end(self, at: str) -> None:
        self.ended = at
        self.done.set()
        for follower in self._followers:
            follower(self)

    @property
    def status(self) -> str:
        if not self.done.is_set():
            return "InProgress"
        return "Succeeded" if self.error is None else "Failed"

    def document(self) -> dict[str, Any]:
        kept = {"subject": self.subject.text, "revision": self.revision, "started": self.started}
        return kept if self.body is msgspec.UNSET else kept | {"body": self.body, "ended": self.ended}

    async def wait(self, timeout_s: float | None = None) -> None:
        """Until it is done, or *timeout_s* have passed. Raises nothing."""
        if not self.done.is_set():
            waiter = asyncio.ensure_future(self.done.wait())
            await asyncio.wait({waiter}, timeout=timeout_s)
            waiter.cancel()

    async def over(self, grace_s: float) -> bool:
        """Whether it ends well within *grace_s*, so soon that its client need not hear of it."""
        if grace_s:
            await self.wait(grace_s)
        return bool(grace_s) and self.status == "Succeeded"

    async def finish(self) -> None:
        """Until it is done. Raises :class:`ArmError` when it failed."""
        await self.wait()
        if self.error is not None:
            raise self.error


class Operations:
    """Every operation that is open or may still be asked for, and what the network refuses."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[str, Operation] = {}
        self._names = dict.fromkeys(backend.store.documents.keys(_AREA))
        """In the order they were opened."""
        self._open: dict[str, int] = {}
        """How many writes of a resource the network does not follow yet, by id key."""
        self._refused: dict[str, tuple[str, str]] = {}
        """What the network refused when it was last heard of: folded origin to origin and message."""
        self._heard = 0
        """The revision of that answer."""
        self._tasks: set[asyncio.Task[None]] = set()

    def prepare(self, subject: ResourceId, revision: int) -> Operation:
        return Operation(self._backend.new_id(), subject, revision, self._backend.now().isoformat())

    def records(self, operation: Operation) -> dict[tuple[str, str], Any | None]:
        """Documents to commit along with what *operation* is about; makes room by forgetting the oldest."""
        records: dict[tuple[str, str], Any | None] = {(_AREA, operation.name): operation.document()}
        if len(self._names) >= _KEPT:
            oldest = next(iter(self._names))
            del self._names[oldest]
            self._known.pop(oldest, None)
            records[(_AREA, oldest)] = None
        self._names[operation.name] = None
        return records

    def follow(self, operation: Operation) -> Operation:
        """Start waiting for the network to reach the operation's revision."""
        key = operation.subject.key
        self._open[key] = self._open.get(key, 0) + 1
        return self._start(operation, self._settle(operation))

    def work(self, operation: Operation, result: Coroutine[Any, Any, Any]) -> Operation:
        """Start an operation whose result *result* computes; it may raise :class:`ArmError`."""
        self._backend.store.documents.put(_AREA, operation.name, self.records(operation)[(_AREA, operation.name)])
        return self._start(operation, self._conclude(operation, result))

    async def find(self, name: str) -> Operation | None:
        """The operation of that name, also one of an earlier life of this process."""
        if name in self._known or name not in self._names:
            return self._known.get(name)
        stored: Any = self._backend.store.documents.get(_AREA, name)
        operation = Operation(name, ResourceId(stored["subject"]), stored["revision"], stored["started"])
        if "body" in stored:
            operation.body, operation.ended = stored["body"], stored["ended"]
            operation.done.set()
        return self._keep(operation) if operation.done.is_set() else self.follow(operation)

    async def resume(self) -> None:
        """Hear what the network makes of what an earlier life of this process stored."""
        revision = self._backend.store.snapshot.revision
        self._hear(revision, await self._backend.settled(revision))

    def refresh(self) -> None:
        """What the network refuses is something else by now."""
        self._hold(asyncio.get_running_loop().create_task(self.resume()))

    def state(self, root: str, part: str) -> str:
        """``provisioningState`` of a resource or of a child of it, by id keys."""
        if root in self._open:
            return "Updating"
        return "Failed" if self._refusals(part) else "Succeeded"

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, operation: Operation, course: Coroutine[Any, Any, None]) -> Operation:
        self._hold(asyncio.get_running_loop().create_task(self._run(operation, course)))
        return self._keep(operation)

    def _hold(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _keep(self, operation: Operation) -> Operation:
        self._known[operation.name] = operation
        return operation

    async def _run(self, operation: Operation, course: Coroutine[Any, Any, None]) -> None:
        try:
            await course
        except ArmError as error:
            operation.error = error
        except Exception:
            _LOG.exception("operation=%s subject=%s", operation.name, operation.subject)
            operation.error = ArmError(500, "InternalServerError", "The operation ended unexpectedly; see the log.")
        finally:
            operation.end(self._backend.now().isoformat())

    async def _settle(self, operation: Operation) -> None:
        try:
            self._hear(operation.revision, await self._backend.settled(operation.revision))
        finally:
            self._close(operation.subject.key)
        refusals = self._refusals(operation.subject.key)
        if refusals:
            raise ArmError(400, "ProvisioningFailed", refusals[0].message, refusals[0].target, refusals)

    def _close(self, key: str) -> None:
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    async def _conclude(self, operation: Operation, result: Coroutine[Any, Any, Any]) -> None:
        operation.body = await result
        operation.ended = self._backend.now().isoformat()
        self._backend.store.documents.put(_AREA, operation.name, operation.document())

    def _hear(self, revision: int, refused: list[tuple[str, str]]) -> None:
        if revision >= self._heard:
            self._heard = revision
            self._refused = {origin.lower(): (origin, message) for origin, message in refused}

    def _refusals(self, key: str) -> list[Violation]:
        below = key + "/"
        return [
            Violation("ProvisioningFailed", message, origin)
            for folded, (origin, message) in self._refused.items()
            if folded == key or folded.startswith(below)
        ]
