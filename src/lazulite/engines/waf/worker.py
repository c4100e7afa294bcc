"""One of the processes that look into requests. Envoy asks them all at one socket, in HTTP.

One whose keeper has died goes on with what it knows until the next keeper has others ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import socket
import time
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httptools
import msgspec

from lazulite.engines.waf import explaining, logs, spec
from lazulite.engines.waf.challenge import Clearance, key
from lazulite.engines.waf.counting import Counters
from lazulite.engines.waf.inspection import Compiler, Inspector, Request, Verdict
from lazulite.engines.waf.spec import (
    CLIENT,
    FORWARDED,
    KEY,
    LENGTH,
    TRANSACTION,
    VERSION,
    Count,
    Counted,
    Load,
    Loaded,
    State,
    Use,
)
from lazulite.engines.waf.whereabouts import Plan
from lazulite.forwarding.model import WafLimit

_LOG = logging.getLogger(__name__)

_ENGINES, _OTHERS = (b"x-lazulite-", b"x-envoy-"), (b"x-forwarded-for", b"content-length", b"transfer-encoding")
"""What beginnings the headers have that tell the firewall something, and which ones Envoy makes for its question."""
_PARTIAL = b"x-envoy-auth-partial-body"
_CLIENT, _VERSION, _LENGTH, _FORWARDED, _TRANSACTION, _KEY = (
    name.encode() for name in (CLIENT, VERSION, LENGTH, FORWARDED, TRANSACTION, KEY)
)
_PASSES = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"
)
COMM = "waf-worker"
"""What the process is called."""
FIRST = 0
"""The number under which a worker tells that it serves, unasked."""
LOOK_S = 0.05
_GARBAGE = 20_000, 50, 100
"""After how many new objects rings are looked for: a request leaves none behind."""
to_worker = msgspec.json.Decoder(Load | Counted)
to_keeper = msgspec.json.Decoder(Loaded | Count)


class Worker:
    """Belongs to one event loop; *pair* leads to the keeper, whose socket is *identity*."""

    def __init__(self, directory: Path, pair: socket.socket, identity: spec.Identity) -> None:
        self._directory, self._pair, self._identity = directory, pair, identity
        self._compiler = Compiler()
        self._clearance = Clearance(key(directory / spec.SECRET))
        self._policies: _Policies | None = None
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[bool]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._alone: Counters | None = None
        """What is counted while there is no keeper."""
        self._loading = asyncio.Lock()
        self._loads: set[asyncio.Task[None]] = set()
        self.askers: set[_Asker] = set()

    async def run(self, door: socket.socket) -> None:
        """Serve, without a keeper as long as no other one has opened."""
        reader, self._writer = await asyncio.open_connection(sock=self._pair)
        loop = asyncio.get_running_loop()
        first = loop.create_task(self._first())
        await asyncio.sleep(0)
        serving = await loop.create_unix_server(lambda: _Asker(self), sock=door)
        self._tell(Loaded(FIRST))
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self._told(to_worker.decode(line))
        await self._outlive()
        first.cancel()
        serving.close()
        await self._finish()

    async def _first(self) -> None:
        """Load; who cannot at all makes way for another."""
        try:
            await self.load()
        except Exception:
            _LOG.exception("nothing could be loaded")
            os._exit(1)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GARBAGE)

    def _told(self, said: Load | Counted) -> None:
        if isinstance(said, Load):
            task = asyncio.get_running_loop().create_task(self._reload(said.id))
            self._loads.add(task)
            task.add_done_callback(self._loads.discard)
        elif said.id in self._asked:
            self._asked.pop(said.id).set_result(said.within)

    async def _reload(self, number: int) -> None:
        self._tell(Loaded(number, await self.load()))

    def _tell(self, message: Loaded | Count) -> None:
        assert self._writer is not None
        self._writer.write(msgspec.json.encode(message) + b"\n")

    async def _outlive(self) -> None:
        """Until another keeper has opened, or the directory is gone."""
        self._alone, asked, self._asked = Counters(), self._asked, {}
        for waiting in asked.values():
            waiting.set_result(True)
        while self._identity == spec.identity(self._directory / spec.SOCKET):
            await asyncio.sleep(LOOK_S)

    async def _finish(self) -> None:
        """Answer what was asked, and hang up."""
        while self.askers:
            for asker in list(self.askers):
                asker.leave()
            await asyncio.sleep(LOOK_S)

    async def load(self) -> dict[str, str]:
        """Take what the file says; why policies could not be compiled.

        Until all are, the former ones count. Who has none serves at once, and compiles what is asked for first.
        """
        async with self._loading:
            state = msgspec.json.decode((self._directory / spec.FILE).read_bytes(), type=State)
            taken = _Policies(state, self._compiler, self._clearance)
            self._policies = self._policies or taken
            for name in taken.order():
                taken.get(name)
                await asyncio.sleep(0)
            self._compiler.keep({t for i in taken.made.values() for t in i.texts})
            self._policies = taken
            return taken.faults

    async def within(self, key: str, limit: WafLimit) -> bool:
        if self._alone is not None:
            return self._alone.within(key, limit.count, limit.seconds, time.monotonic())
        number = next(self._numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._tell(Count(number, key, limit.count, limit.seconds))
        return await self._asked[number]

    def waits(self, use_key: str) -> bool:
        """Whether an answer may have to wait for that of the keeper."""
        found = self._found(use_key)
        return found is not None and found[1].counts

    def _found(self, use_key: str) -> tuple[Use, Inspector] | None:
        use = self._policies.uses.get(use_key) if self._policies is not None else None
        inspector = self._policies.get(use.policy) if self._policies is not None and use is not None else None
        return (use, inspector) if use is not None and inspector is not None else None

    async def answer(self, use_key: str, request: Request) -> tuple[int, str]:
        """Status and page; 200 lets the request pass, 503 says that nobody knows."""
        found = self._found(use_key)
        if found is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, ""
        use, inspector = found
        verdict = await inspector.judge(request, f"{use.origin}|{use.site}", self.within)
        if verdict.events:
            self._log(inspector, use, request, verdict)
        return verdict.status, verdict.page

    async def explain(self, use_key: str, request: Request) -> bytes:
        """What :meth:`answer` would say, and why: nothing is counted or logged. Empty where nobody knows."""
        found = self._found(use_key)
        if found is None:
            return b""
        use, inspector = found
        limits = explaining.Limits()
        verdict = await inspector.judge(request, f"{use.origin}/{use.site}", limits.within)
        matched = tuple(explaining.Matched(e.rule, e.action, e.message, e.group) for e in verdict.events)
        return msgspec.json.encode(explaining.Explained(verdict.status, matched, tuple(limits.asked)))

    def _log(self, inspector: Inspector, use: Use, request: Request, verdict: Verdict) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            told = logs.lines(inspector.policy, use, request, verdict.events, now)
            logs.write(self._directory / spec.LOG, told)
        except OSError as error:
            _LOG.warning("log error=%s", error)


class _Policies:
    """The policies of one state, compiled when they are asked for."""

    def __init__(self, state: State, compiler: Compiler, clearance: Clearance) -> None:
        self.uses, self._given = state.uses, state.policies
        self._compiler, self._country, self._clearance = compiler, Plan(state.places).country, clearance
        self.made: dict[str, Inspector] = {}
        self.faults: dict[str, str] = {}
        """By policy, why it cannot be."""

    def order(self) -> list[str]:
        """All names, those first that requests ask for."""
        asked = {use.policy for use in self.uses.values()}
        return sorted(self._given, key=lambda name: name not in asked)

    def get(self, name: str) -> Inspector | None:
        found = self.made.get(name)
        if found is not None or name in self.faults or name not in self._given:
            return found
        try:
            made = Inspector(self._given[name], self._compiler, self._country, self._clearance)
        except ValueError as error:
            self.faults[name] = str(error)
            return None
        self.made[name] = made
        return made


class _Asker(asyncio.Protocol):
    """One connection of Envoy's: a request after the other."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._transport: Any = None
        self._parser: Any = None
        self._target, self._body = b"", bytearray()
        self._headers: list[tuple[bytes, bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self._busy = False

    def connection_made(self, transport: Any) -> None:
        self._transport, self._parser = transport, httptools.HttpRequestParser(self)
        self._worker.askers.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._worker.askers.discard(self)

    def leave(self) -> None:
        """Hang up unless a question is being read or answered."""
        if not self._busy:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            _LOG.warning("unreadable question error=%s", error)
            self._transport.close()

    def on_message_begin(self) -> None:
        self._busy = True
        self._target, self._headers, self._body = b"", [], bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        target, method = self._target.decode("latin-1"), self._parser.get_method().decode()
        key, request = _read(method, target, self._headers, bytes(self._body))
        if key.startswith(explaining.PREFIX):
            explanation = self._explain(key.removeprefix(explaining.PREFIX), request)
            self._task = asyncio.get_running_loop().create_task(explanation)
        elif self._worker.waits(key):
            self._task = asyncio.get_running_loop().create_task(self._answer(key, request))
        else:
            # What does not wait needs no task, which would cost more than all else here.
            with contextlib.suppress(StopIteration):
                self._answer(key, request).send(None)

    async def _explain(self, key: str, request: Request) -> None:
        told = await self._worker.explain(key, request)
        status = HTTPStatus.OK if told else HTTPStatus.NOT_FOUND
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: {len(told)}\r\n\r\n"
        self._transport.write(head.encode() + told)
        self._busy = False

    async def _answer(self, key: str, request: Request) -> None:
        try:
            status, page = await self._worker.answer(key, request)
        except Exception:
            _LOG.exception("a request could not be looked into")
            status, page = HTTPStatus.SERVICE_UNAVAILABLE, ""
        self._transport.write(_answer(status, page))
        self._busy = False


def _read(method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> tuple[str, Request]:
    """What Envoy asks about, and the key of the policy. Names of *headers* are in lower case."""
    told: dict[bytes, bytes] = {}
    kept = []
    for each in headers:
        name = each[0]
        if name.startswith(_ENGINES):
            told[name] = each[1]
        elif name not in _OTHERS:
            kept.append(each)
    length, forwarded = told.get(_LENGTH, b""), told.get(_FORWARDED, b"-")
    if length.isdigit():
        kept.append((b"content-length", length))
    elif body:
        kept.append((b"transfer-encoding", b"chunked"))
    if forwarded not in (b"-", b""):
        kept.append((b"x-forwarded-for", forwarded))
    return told.get(_KEY, b"").decode("latin-1"), Request(
        told.get(_CLIENT, b"").decode("latin-1"),
        method,
        target,
        told.get(_VERSION, b"HTTP/1.1")[len("HTTP/") :].decode("latin-1"),
        tuple(kept),
        body,
        int(length) if length.isdigit() else None,
        told.get(_PARTIAL) == b"true",
        told.get(_TRANSACTION, b"").strip(b"-").decode("latin-1"),
    )


def _answer(status: int, page: str) -> bytes:
    if status == HTTPStatus.OK:
        return _PASSES
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Blocked"
    body = (page or _PAGE.format(f"{status} {phrase}")).encode()
    head = f"HTTP/1.1 {status} {phrase}\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
