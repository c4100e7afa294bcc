"""Drives the application in process: one call, one answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from lazulite.arm.app import NEAR, Api
from lazulite.store import Store
from tests.arm.garden import SUBSCRIPTION, Garden

VERSION = "api-version=2025-07-01"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
GARDEN = f"{GROUP}/providers/Contoso.Garden"


class Answer:
    def __init__(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.status = status
        self.headers = headers
        self.content = content

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["error"]
        return found

    @property
    def outcome(self) -> tuple[int, str]:
        """Status, and the error code if there is one."""
        return self.status, self.error["code"] if self.status >= 400 and self.content else ""


class Client:
    """A signed-in client of the application."""

    def __init__(self, api: Api, backend: Garden, runner: asyncio.Runner) -> None:
        self.api = api
        self.backend = backend
        self.runner = runner
        self.token = api.router.lab_token(3600)

    def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
    ) -> Answer:
        return self.runner.run(self.exchange(method, url, body, headers, content=content))

    async def exchange(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
    ) -> Answer:
        parts = urlsplit(url)
        query = parts.query if "api-version" in parts.query else "&".join(filter(None, [VERSION, parts.query]))
        sent = {"authorization": f"Bearer {self.token}", **(headers or {})}
        return await exchange(
            self.api, method, parts.path, query, sent, content or (b"" if body is None else json.dumps(body).encode())
        )

    def get(self, url: str, **headers: str) -> Answer:
        return self.call("GET", url, headers=headers)

    def put(self, url: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("PUT", url, body, headers)

    def patch(self, url: str, body: Any) -> Answer:
        return self.call("PATCH", url, body)

    def delete(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("DELETE", url, headers=headers)

    def post(self, url: str, body: Any = None) -> Answer:
        return self.call("POST", url, body)

    def made(self, url: str, body: Any) -> dict[str, Any]:
        """The resource after its operation is done."""
        answer = self.put(url, body)
        assert answer.status in (200, 201), answer.content
        self.settle(answer)
        found: dict[str, Any] = self.get(url).body
        return found

    def settle(self, answer: Answer) -> dict[str, Any]:
        """The final state of the operation that *answer* started."""
        found: dict[str, Any] = self.get(answer.headers["azure-asyncoperation"]).body
        return found


async def exchange(
    api: Api,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    content: bytes = b"",
    *,
    near: bool = True,
    scheme: str = "https",
) -> Answer:
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path),
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "scheme": scheme,
        NEAR: lambda: near,
    }
    chunks = [content[: len(content) // 2], content[len(content) // 2 :]]
    incoming = [{"type": "http.request", "body": c, "more_body": i == 0} for i, c in enumerate(chunks)]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await api(scope, receive, send)
    start, body = sent
    answered = {k.decode(): v.decode() for k, v in start["headers"]}
    return Answer(start["status"], answered, body["body"])


@contextmanager
def client(url: str = "sqlite://", backend_type: type[Garden] = Garden) -> Iterator[Client]:
    """A client of a garden (or of what stands in its place) whose documents are at *url*."""
    store = Store(url, backend_type.registry)
    with asyncio.Runner() as runner:
        backend = backend_type(store)

        async def start() -> Api:
            return Api(backend)

        api = runner.run(start())
        try:
            yield Client(api, backend, runner)
        finally:
            runner.run(api.close())
            store.close()
