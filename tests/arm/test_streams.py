"""Answers that go on: sent piece by piece, and let go of when the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from lazulite.arm.app import PRIVATE
from lazulite.arm.message import Request, Response
from lazulite.arm.router import Mount
from tests.arm.client import Client


class Visit:
    """One request for a stream: what came, and a way to leave."""

    def __init__(self, arm: Client, path: str, **scope: Any) -> None:
        self._arm, self.sent = arm, list[dict[str, Any]]()
        self.leave = asyncio.Event()
        self._first = True
        headers = [(b"authorization", f"Bearer {arm.token}".encode()), (b"host", b"localhost")]
        self._scope: dict[str, Any] = {
            "type": "http", "method": "GET", "path": path, "query_string": b"", "scheme": "https", "headers": headers
        }  # fmt: skip
        self._scope |= scope

    async def _receive(self) -> dict[str, Any]:
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b""}
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    async def stay(self) -> None:
        await asyncio.wait_for(self._arm.api(self._scope, self._receive, self._send), 60)

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent[1:])


def mounted(arm: Client, stream: AsyncGenerator[bytes, None]) -> None:
    async def answer(request: Request) -> Response:
        return Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)

    arm.api.router.mounts["lazulite"] = Mount(answer)


def test_a_stream_is_sent_piece_by_piece_and_ends(arm: Client) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield b"two"

    async def story() -> Visit:
        mounted(arm, pieces())
        visit = Visit(arm, "/lazulite/stream")
        await visit.stay()
        return visit

    visit = arm.runner.run(story())
    headers = dict(visit.sent[0]["headers"])
    assert (headers[b"content-type"], headers[b"cache-control"]) == (b"text/event-stream", b"no-store")
    assert [m["body"] for m in visit.sent[1:]] == [b"one", b"two", b""]
    assert "more_body" not in visit.sent[-1]


def test_a_client_that_leaves_ends_its_stream(arm: Client) -> None:
    ended = []

    async def story() -> None:
        visit = Visit(arm, "/lazulite/stream")

        async def pieces() -> AsyncGenerator[bytes, None]:
            try:
                yield b"one"
                visit.leave.set()
                await asyncio.Event().wait()
            finally:
                ended.append(visit.body)

        mounted(arm, pieces())
        await visit.stay()

    arm.runner.run(story())
    assert ended == [b"one"]


def test_without_tls_only_a_private_connection_is_answered(arm: Client) -> None:
    async def story(**scope: Any) -> int:
        async def pieces() -> AsyncGenerator[bytes, None]:
            yield b"one"

        mounted(arm, pieces())
        visit = Visit(arm, "/lazulite/stream", scheme="http", **scope)
        await visit.stay()
        return int(visit.sent[0]["status"])

    assert arm.runner.run(story()) == 403
    assert arm.runner.run(story(**{PRIVATE: True})) == 200
