"""All that Envoy asks for, answered at a socket: each question is held until the answer differs from what Envoy has.

Which version it has is in the question, so a question also says what became of the last answer. Files would need an
inotify instance for every route table and certificate, of which a user has 128 in all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping
from http import HTTPMethod
from pathlib import Path

import httptools
import msgspec

from lazulite.engines.http.files import file_of

_LOG = logging.getLogger(__name__)
SOCKET = "feed.sock"
LISTENERS, CLUSTERS = "listeners.json", "clusters.json"
WHOLE = {"/v3/discovery:listeners": LISTENERS, "/v3/discovery:clusters": CLUSTERS}
NAMED = {"/v3/discovery:routes": "routes", "/v3/discovery:endpoints": "servers", "/v3/discovery:secrets": "secret"}
"""What Envoy's paths are about: a file, or the kind of the file of what is named."""
PATIENCE = 5
"""How often Envoy may ask for the same without having any version of it."""
_PIECE = 1 << 16


class Asked(msgspec.Struct, frozen=True):
    """Of a question what counts: the version that Envoy has, empty for none, and of what."""

    version_info: str = ""
    resource_names: list[str] = []


class _Versioned(msgspec.Struct, frozen=True):
    version_info: str


class _Question:
    """Takes a request piece by piece."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.path, self.body, self.over = "", bytearray(), False

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self.path += url.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self.body += piece

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self.over = True


class Feed:
    """Answers at a socket in *directory*. Belongs to one event loop."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / SOCKET
        self._texts: Mapping[str, str] = {}
        self._versions: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._asks: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._asking: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Answer from now on; again where the socket has gone."""
        if self._server is not None and self._path.exists():
            return
        self.close()
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._answer, self._path)
        self._path.chmod(0o600)

    def hold(self, files: Mapping[str, str]) -> None:
        """Answer with *files*, texts by name, and at once those who wait for one that has changed."""
        self._texts = files
        self._versions = {n: msgspec.json.decode(t, type=_Versioned).version_info for n, t in files.items()}
        for names in (self._told, self._taken):
            for gone in names.keys() - files.keys():
                del names[gone]
        self._asks.clear()
        before, self._changed = self._changed, asyncio.Event()
        before.set()

    def forget(self) -> None:
        """Another Envoy asks from now on."""
        self._told, self._taken = {}, {}
        self._asks.clear()

    def behind(self) -> set[str]:
        """The files whose newest version Envoy has not said to have, of those that it asks for."""
        always = {n: self._taken.get(n, "") for n in (LISTENERS, CLUSTERS)}
        return {n for n, version in (self._taken | always).items() if version != self._versions.get(n, version)}

    def refused(self) -> set[str]:
        """Those of which Envoy was told the newest version and asks again with another. With none it may ask because it
        has begun anew, as for the servers of a cluster that was changed: that counts only when it goes on."""
        return {n for n in self.behind() if self._asks[n] > (0 if self._taken.get(n) else PATIENCE)}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question after the other, until Envoy closes."""
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            while (question := await _read(reader)) is not None:
                name, has = _named(question)
                if not await self._newer(name, has, reader):
                    return
                body, version = self._texts[name].encode(), self._versions[name]
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
                self._told[name] = version
        except (OSError, ValueError, httptools.HttpParserError) as error:
            _LOG.info("feed=%s error=%s", self._path, error)
        finally:
            self._asking.discard(task)
            writer.close()

    async def _newer(self, name: str, has: str, reader: asyncio.StreamReader) -> bool:
        """Wait until there is another version than Envoy *has* and than it was told; false: it asks no more."""
        if name in self._versions:
            self._taken[name] = has
            self._asks[name] += self._told.get(name) == self._versions[name] != has
        while self._versions.get(name, has) == has or name in self.refused():
            changed = asyncio.ensure_future(self._changed.wait())
            gone = asyncio.ensure_future(reader.read(1))
            await asyncio.wait((changed, gone), return_when=asyncio.FIRST_COMPLETED)
            over = gone.done()
            for waiting in (changed, gone):
                waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await gone
            if over:
                return False
        return True

    def close(self) -> None:
        """Answer no more; Envoy goes on with what it has, and asks again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._asking:
            task.cancel()


def _named(question: _Question) -> tuple[str, str]:
    """The file that a question is about, and the version that Envoy has. Raises ``ValueError``."""
    asked = msgspec.json.decode(bytes(question.body), type=Asked)
    if question.path in WHOLE:
        return WHOLE[question.path], asked.version_info
    if question.path not in NAMED or len(asked.resource_names) != 1:
        raise ValueError(f"{question.path} is not for {asked.resource_names}")
    return file_of(NAMED[question.path], asked.resource_names[0]), asked.version_info


async def _read(reader: asyncio.StreamReader) -> _Question | None:
    """The next question. Raises ``OSError`` and ``HttpParserError``."""
    question = _Question()
    while not question.over:
        piece = await reader.read(_PIECE)
        if not piece:
            return None
        question.parser.feed_data(piece)
    if question.parser.get_method() != HTTPMethod.POST.encode():
        raise ValueError("that is no question")
    return question
