"""Frames for whoever listens (``text/event-stream``), made once for all of them and only while somebody does."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, Protocol

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.arm.message import Response

_LOG = logging.getLogger(__name__)
QUEUED = 8
"""Frames that wait for one listener; whoever is slower than that misses some."""
MOST_LISTENERS = 512
"""Of all streams of a lab, so that they never take the connections that questions need."""
SILENCE_S = 15.0
"""After which a comment tells that the stream lives."""
LONGEST_S = 3600.0
"""A stream ends after that, and whoever opens the next one shows a token again."""
COMMENT = b": nothing new\n\n"
_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}


def frame(told: Any) -> bytes:
    """*told* as one event."""
    return b"data: " + msgspec.json.encode(told) + b"\n\n"


class Source(Protocol):
    """What a hub has frames of."""

    async def follow(self, hub: Hub) -> None:
        """Call ``hub.ready`` once :meth:`caught_up` can be asked, and ``hub.tell`` for ever; cancelled when nobody
        listens any more. When it ends or fails, so do the streams."""

    def caught_up(self, missed: int, waiting: list[bytes]) -> bytes:
        """What one is sent for whom *waiting* wait, and who came just now or *missed* frames of that weight."""


class Places:
    """How many streams a lab has open."""

    def __init__(self, most: int = MOST_LISTENERS) -> None:
        self.most, self.taken = most, 0

    def require(self) -> None:
        """Raises :class:`ArmError` when there is none left."""
        if self.taken >= self.most:
            raise ArmError(429, "TooManyStreams", f"{self.most} streams are open; close one of them.")


class _Listener:
    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, int]] = deque()
        self.news = asyncio.Event()
        self.missed = 0

    def put(self, told: bytes, weight: int) -> None:
        """The oldest frame goes when too many wait."""
        if len(self.waiting) >= QUEUED:
            self.missed += self.waiting.popleft()[1]
        self.waiting.append((told, weight))
        self.news.set()

    def take(self) -> list[bytes]:
        parts = [told for told, _ in self.waiting]
        self.waiting.clear()
        self.news.clear()
        return parts


class Hub:
    """Listeners of one source."""

    def __init__(self, source: Source, places: Places) -> None:
        self._source, self._places = source, places
        self._listeners: set[_Listener] = set()
        self._working: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def response(self) -> Response:
        """A stream of all that is told from now on. Raises :class:`ArmError` when too many are open."""
        self._places.require()
        return Response(200, headers=_HEADERS, stream=self.stream())

    def ready(self) -> None:
        self._ready.set()

    def tell(self, told: bytes, weight: int = 1) -> None:
        for listener in self._listeners:
            listener.put(told, weight)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Frames until the source fails, the time is up, or whoever listens is gone."""
        loop, listener = asyncio.get_running_loop(), self._enter()
        until = loop.time() + LONGEST_S
        try:
            await self._ready.wait()
            if self._works():
                yield self._source.caught_up(0, listener.take())
            while loop.time() < until:
                told = await self._next(listener)
                if not self._works():
                    return
                yield told
        finally:
            self._leave(listener)

    def _works(self) -> bool:
        return self._working is not None and not self._working.done()

    async def _next(self, listener: _Listener) -> bytes:
        try:
            async with asyncio.timeout(SILENCE_S):
                await listener.news.wait()
        except TimeoutError:
            return COMMENT
        missed, listener.missed = listener.missed, 0
        parts = listener.take()
        return self._source.caught_up(missed, parts) if missed else b"".join(parts)

    def _enter(self) -> _Listener:
        listener = _Listener()
        self._listeners.add(listener)
        self._places.taken += 1
        if not self._works():
            self._ready.clear()
            self._working = asyncio.ensure_future(self._source.follow(self))
            self._working.add_done_callback(self._ended)
        return listener

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        self._places.taken -= 1
        if not self._listeners and self._working is not None:
            self._working.cancel()
            self._working = None

    def _ended(self, working: asyncio.Task[None]) -> None:
        """Wake all, so that they find out; nobody waits for the source itself."""
        if not working.cancelled() and (error := working.exception()) is not None:
            _LOG.error("a stream's source failed", exc_info=error)
        if working is self._working:
            self._ready.set()
            for listener in self._listeners:
                listener.news.set()
