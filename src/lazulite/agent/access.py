"""Azure's access log in the lab's directory, made of Envoy's as that grows; neither becomes larger than it may."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lazulite.engines.http import access, admin, render
from lazulite.engines.waf.logs import write
from lazulite.forwarding.model import HttpBackend, HttpProxy, WafPolicy

_LOG = logging.getLogger(__name__)
POLL_S = 0.25
MAX_RAW = 8 << 20
"""Bytes of Envoy's file, after which it begins another."""
_PIECE = 1 << 20
Known = Callable[[], tuple[Mapping[str, HttpProxy], Mapping[str, HttpBackend], Mapping[str, WafPolicy]]]


class AccessLog:
    """Follows Envoy's file in *directory* from where it ends now. Belongs to one event loop."""

    def __init__(self, directory: Path, known: Known) -> None:
        self._raw, self._shown, self._known = directory / access.RAW, directory / access.SHOWN, known
        self._socket = str(directory / render.ADMIN)
        self._task: asyncio.Task[None] | None = None
        self._rest = b""

    def start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(self._size()))

    async def _follow(self, at: int) -> None:
        """Envoy's file is there once a listener is, and another one after it was begun anew."""
        while True:
            try:
                at = await asyncio.to_thread(self.read, at)
                if at > MAX_RAW:
                    at = await self._anew(at)
            except OSError as error:
                _LOG.warning("log=%s error=%s", self._raw, error)
            await asyncio.sleep(POLL_S)

    def _size(self) -> int:
        try:
            return self._raw.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, at: int) -> int:
        """Take what came after *at*; where it now ends. A line that is not whole waits for its end."""
        if self._size() < at:
            at, self._rest = 0, b""
        with contextlib.suppress(FileNotFoundError), self._raw.open("rb") as file:
            file.seek(at)
            while piece := file.read(_PIECE):
                at += len(piece)
                whole, end, self._rest = (self._rest + piece).rpartition(b"\n")
                if end:
                    write(self._shown, self._lines(whole))
        return at

    def _lines(self, whole: bytes) -> Iterator[dict[str, Any]]:
        lines = access.Lines(*self._known())
        for text in whole.decode("utf-8", "replace").split("\n"):
            raw = access.fields(text)
            if raw is not None:
                with contextlib.suppress(ValueError):
                    yield lines.line(raw)

    async def _anew(self, at: int) -> int:
        """Have Envoy begin another file; what it wrote into this one until then is read first."""
        old = self._raw.with_suffix(".old")
        await asyncio.to_thread(os.replace, self._raw, old)
        await admin.ask(self._socket, "/reopen_logs", method="POST")
        raw, self._raw = self._raw, old
        try:
            await asyncio.to_thread(self.read, at)
        finally:
            self._raw, self._rest = raw, b""
        old.unlink(missing_ok=True)
        return 0

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
