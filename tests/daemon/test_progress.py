"""Services that go on by themselves: one step after the other, each when the network follows the last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from lazulite.daemon.controller import Controller
from lazulite.daemon.memory import MemoryFabric, MemoryParts
from lazulite.daemon.network import Network
from lazulite.daemon.progress import Progress
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import SshPublicKey
from lazulite.services.service import Lab, Observations, Service, Write

KEY = ResourceId("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/sshPublicKeys/k")


def longer(view: View, observations: Observations, lab: Lab) -> Iterable[Write]:
    """Adds a letter until there are five."""
    for key in view.all(SshPublicKey):
        text = key.properties.public_key or ""
        if len(text) < 5:
            yield Write(replace(key, properties=SshPublicKey(text + "a")))


def play(directory: Path, progress: object, nudged: Callable[[], bool] = lambda: False) -> tuple[str, int]:
    """Let *progress* go on until the key has five letters; the text, and the revisions it took.

    Something changes elsewhere whenever *nudged* says so.
    """

    @asynccontextmanager
    async def connect() -> AsyncIterator[MemoryFabric]:
        yield MemoryFabric()

    async def story() -> tuple[str, int]:
        controller = Controller(f"sqlite:///{directory}/store.db", Network([], connect), MemoryParts())
        controller.services = [Service("keys", (), progress=progress)]  # type: ignore[arg-type]
        tasks = [
            asyncio.create_task(controller.network.follow()),
            asyncio.create_task(Progress(controller, 0).follow()),
        ]
        controller.committed(*controller.store.commit({KEY.key: Resource(KEY, SshPublicKey(""), "westeurope")}))
        first = controller.store.snapshot.revision
        async with asyncio.timeout(60):
            while len(controller.store.snapshot.resources[KEY.key].properties.public_key) < 5:
                await asyncio.sleep(0)
                if nudged():
                    controller.network.news.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        text = controller.store.snapshot.resources[KEY.key].properties.public_key
        controller.store.close()
        return text, controller.store.snapshot.revision - first

    return asyncio.run(story())


def test_it_goes_on_until_there_is_nothing_to_write(tmp_path: Path) -> None:
    assert play(tmp_path, longer) == ("aaaaa", 5)


def test_a_service_that_fails_ends_nothing(tmp_path: Path) -> None:
    calls = 0

    def faulty(view: View, observations: Observations, lab: Lab) -> Iterable[Write]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ZeroDivisionError
        return longer(view, observations, lab)

    assert play(tmp_path, faulty, nudged=lambda: calls == 3) == ("aaaaa", 5)
    assert calls > 5
