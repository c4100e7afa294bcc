"""The activity log: who wrote, deleted or called what, when, and how it ended. Reads are not logged.

Each call is two events, its beginning and its end; one that goes on behind its answer is ``Accepted`` first. Events
are kept in memory and written in batches a moment later, so that no write waits for them: a kill loses the last
second of the log, never a resource. Source: "Azure Activity Log event schema".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

import msgspec

from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError

AREA = "activity"
KEPT = 10_000
"""Events; the oldest are forgotten. Azure keeps 90 days of them."""
_FLUSH_S = 1.0
_ENDINGS = {"PUT": "write", "PATCH": "write", "DELETE": "delete"}
LOGGED = frozenset({*_ENDINGS, "POST"})


class Call(msgspec.Struct, frozen=True):
    """The request that events come from. What it starts behind its answer keeps it."""

    method: str
    correlation: str
    caller: str = ""
    """User principal name, or application id."""
    claims: Mapping[str, str] = {}
    client_request: str = ""


CALL: ContextVar[Call | None] = ContextVar("call", default=None)
_NOBODY = Call("", "00000000-0000-0000-0000-000000000000")
"""The process itself."""


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One entry. ``status`` is ``Started``, ``Accepted``, ``Succeeded``, ``Failed`` or ``Canceled``; ``code`` an HTTP
    status."""

    sequence: int
    at: str
    """ISO 8601, UTC."""
    status: str
    code: int
    action: str
    """``Microsoft.Network/virtualNetworks/write``, in the case of the request."""
    resource: str
    call: Call
    message: str = ""
    """Why it failed."""

    @property
    def reason(self) -> str:
        """The HTTP status in one word: ``Created``."""
        return "".join(w.capitalize() for w in HTTPStatus(self.code).phrase.split()) if self.code else ""


def action(method: str, path: str) -> tuple[str, str]:
    """The action that *method* on *path* is, and the resource that it is about.

    Source: "Azure resource provider operations": ``{namespace}/{types}/write``, ``delete`` or ``{verb}/action``.
    """
    segments = path.split("/")[1:]
    verb = _ENDINGS.get(method)
    target = segments if verb else segments[:-1]
    ending = verb or f"{segments[-1]}/action"
    return f"{_type(target)}/{ending}", "/" + "/".join(target)


def _type(target: list[str]) -> str:
    places = [i for i, s in enumerate(target[:-1]) if s.lower() == "providers"]
    if places:
        namespace = places[-1] + 1
        return "/".join([target[namespace], *target[namespace + 1 :: 2]])
    if len(target) > 4 and target[2].lower() == "resourcegroups":
        return "/".join(["Microsoft.Resources", *target[4::2]])
    kinds = ("resourceGroups" if t.lower() == "resourcegroups" else t for t in target[::2])
    return "/".join(["Microsoft.Resources", *kinds])


class Activity:
    """Records events and keeps the newest."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.events: deque[Event] = deque(maxlen=KEPT)
        """Oldest first."""
        self._batches: deque[tuple[str, int]] = deque()
        """Key and length of what is stored."""
        self._buffer: list[Event] = []
        self._timer: asyncio.TimerHandle | None = None
        for key, stored in backend.store.documents.area(AREA).items():
            batch = msgspec.convert(stored, list[Event])
            self.events.extend(batch)
            self._batches.append((key, len(batch)))
        self._next = self.events[-1].sequence + 1 if self.events else 1

    def begin(self, method: str, path: str) -> Event:
        """The first event of a call that is allowed to try."""
        found, resource = action(method, path)
        return self._note("Started", 0, found, resource, CALL.get() or _NOBODY, "")

    def end(self, begun: Event, status: str, code: int, message: str = "") -> None:
        self._note(status, code, begun.action, begun.resource, begun.call, message)

    def fail(self, begun: Event, error: ArmError) -> None:
        self.end(begun, "Failed", error.status, str(error))

    def conclude(self, method: str, path: str, status: str, message: str = "") -> None:
        """The last event of a call that was accepted, for what ends behind its answer."""
        found, resource = action(method, path)
        self._note(status, 200 if status == "Succeeded" else 409, found, resource, CALL.get() or _NOBODY, message)

    @contextmanager
    def recording(self, method: str, path: str) -> Iterator[None]:
        """Log what happens inside as one call."""
        begun = self.begin(method, path)
        try:
            yield
        except ArmError as error:
            self.fail(begun, error)
            raise
        self.end(begun, "Succeeded", 200)

    def flush(self) -> None:
        """Store what is not stored yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._buffer:
            batch, self._buffer = self._buffer, []
            key = f"{batch[0].sequence:012d}"
            self._backend.store.documents.put(AREA, key, batch)
            self._batches.append((key, len(batch)))
            self._forget()

    def _forget(self) -> None:
        surplus = sum(length for _, length in self._batches) - KEPT
        while self._batches and self._batches[0][1] <= surplus:
            key, length = self._batches.popleft()
            self._backend.store.documents.delete(AREA, key)
            surplus -= length

    def _note(self, status: str, code: int, done: str, resource: str, call: Call, message: str) -> Event:
        event = Event(self._next, self._backend.now().isoformat(), status, code, done, resource, call, message)
        self._next += 1
        self.events.append(event)
        self._buffer.append(event)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)
        return event


def call_of(method: str, headers: Mapping[str, str], claims: Mapping[str, Any]) -> Call:
    """The call that *headers* and the token's *claims* describe."""
    kept = {k: str(v) for k, v in claims.items() if k in _SHOWN_CLAIMS}
    caller = kept.get("upn") or kept.get("appid") or kept.get("oid", "")
    correlation, sent = headers.get("x-ms-correlation-request-id", ""), headers.get("x-ms-client-request-id", "")
    return Call(method, correlation, caller, kept, sent[:100])


_SHOWN_CLAIMS = frozenset({"aud", "iss", "tid", "oid", "sub", "appid", "upn", "name", "ver"})
