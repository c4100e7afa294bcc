"""A controller in this process behind real HTTPS, so that a test has both clients and what the controller knows."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from lazulite.arm import pki
from lazulite.arm.app import Api
from lazulite.compiler.engine import compile_model
from lazulite.daemon.controller import SUBSCRIPTIONS, Controller
from lazulite.daemon.memory import MemoryFabric, MemoryParts
from lazulite.daemon.network import Network
from lazulite.resources.view import Snapshot
from lazulite.services import SERVICES
from lazulite.store import Store
from tests.waiting import until

VERSION = "api-version=2024-05-01"
GROUP = f"/subscriptions/{SUBSCRIPTIONS[0][0]}/resourceGroups/test"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
LIMIT_S = 60
"""A bound for what hangs."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """By folded name."""
    body: Any

    @property
    def outcome(self) -> tuple[int, str]:
        """Status, and Azure's word for what is wrong if something is."""
        return self.status, self.body["error"]["code"] if self.status >= 400 else ""


class Caller:
    """One client with a connection of its own: one thread's."""

    def __init__(self, port: int, token: str, authority: Path) -> None:
        trust = ssl.create_default_context(cafile=str(authority))
        self._http = HTTPSConnection("localhost", port, context=trust, timeout=LIMIT_S)
        self._token = token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """*headers* by their names with ``_`` for ``-``."""
        sent = {"Authorization": f"Bearer {self._token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        self._http.request(method, f"{path}?{VERSION}", None if body is None else json.dumps(body), sent)
        answer = self._http.getresponse()
        content = answer.read()
        return Answer(
            answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(content) if content else None
        )

    def close(self) -> None:
        self._http.close()


class Served:
    """The controller, and callers of it."""

    def __init__(self, controller: Controller, fabric: MemoryFabric, database: str, call: Callable[[], Caller]) -> None:
        self.controller = controller
        self.snapshots = {controller.store.snapshot.revision: controller.store.snapshot}
        """By revision: what every commit left behind."""
        follow = controller.committed

        def committed(snapshot: Snapshot, touched: Collection[Any]) -> None:
            self.snapshots[snapshot.revision] = snapshot
            follow(snapshot, touched)

        controller.committed = committed  # type: ignore[method-assign]
        self._fabric, self._database, self._call = fabric, database, call

    @contextmanager
    def caller(self) -> Iterator[Caller]:
        one = self._call()
        try:
            yield one
        finally:
            one.close()

    @property
    def revision(self) -> int:
        return self.controller.store.snapshot.revision

    def at_rest(self) -> list[str]:
        """What is not the same in memory, on disk, in the compiled model and below it, once the network follows."""
        snapshot, network = self.controller.store.snapshot, self.controller.network
        until(lambda: network.applied == snapshot.revision)
        again = Store(self._database, self.controller.registry)
        stored = again.snapshot
        again.close()
        full = {e.key: e for e in compile_model(SERVICES, snapshot)}
        same = {
            "what is stored": stored.resources == snapshot.resources,
            "who refers to whom": stored.referrers == snapshot.referrers,
            "the model, compiled change by change": {e.key: e for e in self.controller.model} == full,
            "what the driver holds": {e.key: e for e in self._fabric.driver.model} == full,
        }
        return [what for what, agrees in same.items() if not agrees]


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


class _Running:
    """The thread that serves, from the outside."""

    def __init__(self, directory: Path) -> None:
        self.files = pki.ensure(directory / "tls", datetime.now(UTC))
        self.database = f"sqlite:///{directory}/store.db"
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        tls = {"ssl_certfile": str(self.files.certificate), "ssl_keyfile": str(self.files.key)}
        self.server = _Server(uvicorn.Config("unset", log_level="error", http="httptools", **tls))  # type: ignore[arg-type]
        self.served: Served | None = None
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        fabric, port = MemoryFabric(), self.listener.getsockname()[1]

        @asynccontextmanager
        async def connect() -> AsyncIterator[MemoryFabric]:
            yield fabric

        network = Network(SERVICES, connect)
        controller = Controller(self.database, network, MemoryParts())
        controller.base_url = f"https://localhost:{port}"
        api = Api(controller)
        token = api.router.lab_token(3600)
        self.served = Served(controller, fabric, self.database, lambda: Caller(port, token, self.files.authority))
        self.server.config.app = api
        following = asyncio.create_task(network.follow())
        await self.server.serve([self.listener])
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        controller.store.close()


@contextmanager
def served(directory: Path) -> Iterator[Served]:
    """A running controller with the empty resource group :data:`GROUP`; its store is in *directory*."""
    running = _Running(directory)
    running.thread.start()
    try:
        assert running.server.listening.wait(LIMIT_S)
        one = running.served
        assert one is not None
        with one.caller() as first:
            assert first.call("PUT", GROUP, {"location": "westeurope"}).status == 201
        yield one
    finally:
        running.server.should_exit = True
        running.thread.join()
        running.listener.close()
