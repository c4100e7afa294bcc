"""The ASGI application: HTTP in, :class:`Request` to the router, HTTP out. Nothing here knows a path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from copy import copy
from typing import Any
from urllib.parse import parse_qsl, quote

from lazulite.arm.backend import Backend
from lazulite.arm.errors import ArmError
from lazulite.arm.message import CONTENT_LIMIT, Request, Response
from lazulite.arm.router import Router

_LOG = logging.getLogger(__name__)
_QUERY_FIELDS = 100
_REQUEST, _CORRELATION = "x-ms-request-id", "x-ms-correlation-request-id"
"""The second is what a client calls its own chain of requests; the activity log keeps it."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's headers. Ours: az sends about two thousand."""
PRIVATE = "lazulite.private"
"""Of the scope: true where a connection without TLS never leaves this host's loopback."""
NEAR = "lazulite.near"
"""Of the scope, where the process puts it: a function that says whether the lab's own user on this host asks."""

_VISIBLE = "".join(map(chr, range(0x20, 0x7F)))
"""What may stand in a header as it is; names in links have more, and get there as in every URL."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Api:
    """The protocol on top of *backend*. Close it (or let the server's lifespan do so) to stop its operations."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.router = Router(backend)
        self._answer: Callable[[Request], Awaitable[Response]] = self.router.answer
        self._resuming: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request, response = await self._exchange(scope, receive)
            if response.stream is None:
                await self._send(scope["method"], request, response, send)
            else:
                await self._pour(request, response, response.stream, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1002})

    def through(self, answer: Callable[[Request], Awaitable[Response]]) -> Api:
        """An application whose requests *answer* answers, with all that is done here around that."""
        other = copy(self)
        other._answer = answer
        return other

    async def close(self) -> None:
        if self._resuming is not None:
            self._resuming.cancel()
        await self.router.operations.close()
        self.router.activity.flush()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._resuming = asyncio.get_running_loop().create_task(self._resume())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _resume(self) -> None:
        try:
            await self.router.operations.resume()
        except Exception:
            _LOG.exception("what was stored before the start could not be followed")

    async def _exchange(self, scope: Message, receive: Receive) -> tuple[dict[str, str], Response]:
        """The request's headers and the answer to it."""
        headers = _headers(scope)
        headers[_REQUEST] = self._backend.new_id()
        if not _GUID.fullmatch(headers.get(_CORRELATION, "")):
            headers[_CORRELATION] = headers[_REQUEST]
        try:
            content = await _content(headers, receive)
            return headers, await self._answer(_request(scope, headers, content))
        except ArmError as error:
            return headers, Response(error.status, error.envelope(), error.headers)
        except Exception:
            _LOG.exception("method=%s path=%s", scope["method"], scope["path"])
            ours = ArmError(500, "InternalServerError", "The request failed for a reason of ours; see the log.")
            return headers, Response(500, ours.envelope())

    async def _send(self, method: str, asked: dict[str, str], response: Response, send: Send) -> None:
        content = b"" if method == "HEAD" else response.content()
        headers = self._common(asked) | dict(response.headers)
        if content:
            headers["Content-Type"] = "application/json; charset=utf-8"
        # A HEAD says nothing of a body, and 204 must not.
        if method != "HEAD" and response.status != 204:
            headers["Content-Length"] = str(len(content))
        raw = [(k.lower().encode("ascii"), quote(v, safe=_VISIBLE).encode("ascii")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        await send({"type": "http.response.body", "body": content})

    async def _pour(
        self,
        asked: dict[str, str],
        response: Response,
        stream: AsyncGenerator[bytes, None],
        receive: Receive,
        send: Send,
    ) -> None:
        """Until the stream ends or the client goes away."""
        headers = {**self._common(asked), "Cache-Control": "no-store", **response.headers}
        raw = [(k.lower().encode("ascii"), v.encode("ascii")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        sending = asyncio.ensure_future(_sent(stream, send))
        leaving = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            failed, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
            if isinstance(failed, Exception):
                _LOG.error("a stream broke off", exc_info=failed)

    def _common(self, asked: dict[str, str]) -> dict[str, str]:
        """Headers of every answer, as recorded of Azure ("Common headers")."""
        request_id = asked[_REQUEST]
        headers = {
            "Cache-Control": "no-cache",
            "Pragma": "no-cache",
            "X-Content-Type-Options": "nosniff",
            _REQUEST: request_id,
            _CORRELATION: asked[_CORRELATION],
            "x-ms-routing-request-id": f"LOCAL:{self._backend.now():%Y%m%dT%H%M%SZ}:{request_id}",
        }
        sent = asked.get("x-ms-client-request-id")
        if sent is not None and asked.get("x-ms-return-client-request-id", "").lower() == "true":
            headers["x-ms-client-request-id"] = sent
        return headers


async def _sent(stream: AsyncGenerator[bytes, None], send: Send) -> None:
    async with contextlib.aclosing(stream):
        async for part in stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _request(scope: Message, headers: dict[str, str], content: bytes) -> Request:
    path = "/" + "/".join(s for s in scope["path"].split("/") if s)
    try:
        fields = parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=_QUERY_FIELDS)
    except ValueError:
        raise ArmError(400, "InvalidQueryString", f"More than {_QUERY_FIELDS} query parameters.") from None
    query = {k.lower(): v for k, v in fields}
    if sum(map(len, (part for header in scope["headers"] for part in header))) > HEAD_LIMIT:
        raise ArmError(431, "RequestHeaderFieldsTooLarge", f"The headers have more than {HEAD_LIMIT} bytes.")
    plain = scope.get("scheme") == "http" and not scope.get(PRIVATE, False)
    near = scope.get(NEAR, lambda: False)
    return Request(scope["method"], path, query, headers, content, plain, near)


def _headers(scope: Message) -> dict[str, str]:
    """By folded name; one that comes several times is one with all values (RFC 9110, 5.3), so none is overlooked."""
    found: dict[str, str] = {}
    for name, value in ((k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in scope["headers"]):
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def _content(headers: dict[str, str], receive: Receive) -> bytes:
    """The body. Raises the 413 of one that is too long, as soon as that is known."""
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > CONTENT_LIMIT:
        raise _too_long()
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ArmError(400, "RequestAborted", "The client went away before its request was complete.")
        content += message.get("body", b"")
        if len(content) > CONTENT_LIMIT:
            raise _too_long()
        if not message.get("more_body"):
            return bytes(content)


def _too_long() -> ArmError:
    message = f"The request content size exceeds the maximum size of {CONTENT_LIMIT >> 20} MB."
    return ArmError(413, "RequestContentTooLarge", message)
