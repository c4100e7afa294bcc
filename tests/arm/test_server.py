"""The application behind a real server: TLS on loopback with the lab's own certificates."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from lazulite.arm import pki
from lazulite.arm.app import Api
from lazulite.store import Store
from tests.arm.client import GARDEN, GROUP, VERSION
from tests.arm.garden import REGISTRY, Garden


class _Server(uvicorn.Server):
    """Tells when it listens, and leaves signals to the test."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def served(directory: Path) -> Iterator[tuple[int, str, pki.Files]]:
    """Port and token of a garden served over TLS, and the certificates."""
    files = pki.ensure(directory / "tls", datetime.now(UTC))
    store = Store(f"sqlite:///{directory}/lab.db", REGISTRY)
    tokens: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    async def serve() -> None:
        backend = Garden(store)
        backend.clock = datetime.now(UTC)
        api = Api(backend)
        tokens.append(api.router.lab_token(3600))
        server.config.app = api
        await server.serve([listener])

    config = uvicorn.Config(
        "unset", ssl_certfile=files.certificate, ssl_keyfile=files.key, log_level="error", http="httptools"
    )
    server = _Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert server.listening.wait(30)
        yield listener.getsockname()[1], tokens[0], files
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        store.close()


def test_put_poll_and_get_over_tls(tmp_path: Path) -> None:
    with served(tmp_path) as (port, token, files):
        context = ssl.create_default_context(cafile=str(files.bundle))
        connection = http.client.HTTPSConnection("localhost", port, context=context)

        def call(method: str, path: str, body: object = None) -> tuple[http.client.HTTPResponse, bytes]:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"{path}?{VERSION}", content, {"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer, answer.read()

        assert call("PUT", GROUP, {"location": "local"})[0].status == 201
        created, _ = call("PUT", f"{GARDEN}/wells/w", {"location": "local"})
        assert created.status == 201
        poll = created.headers["Azure-AsyncOperation"].partition("8443")[2].partition("?")[0]
        assert json.loads(call("GET", poll)[1])["status"] == "Succeeded"
        found = json.loads(call("GET", f"{GARDEN}/wells/w")[1])
        assert found["properties"]["provisioningState"] == "Succeeded"
        head, content = call("HEAD", GROUP)
        assert (head.status, content) == (204, b"")
        gone, content = call("DELETE", f"{GARDEN}/wells/none")
        assert (gone.status, content) == (204, b"")
        long, _ = call("PUT", f"{GARDEN}/wells/w", "x" * (5 * 2**20))
        assert long.status == 413
        connection.close()
