"""The agent on the real kernel: any way of loads and changes, and any restart, ends at what was asked for last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazulite.agent.loop import Loop
from lazulite.agent.protocol import Applied, Change, Load, Reply
from lazulite.drivers.linux import LinuxDriver, namespaces
from lazulite.forwarding.model import Contents, EntryKey
from tests.drivers.worlds import worlds
from tests.packets.test_driver_walks import World, walks

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
PATIENCE_S = 60.0


class NoGuests:
    """Networks without processes in them."""

    async def retire(self, entries: Mapping[EntryKey, Any], among: Iterable[Any] | None = None) -> list[Any]:
        return []

    def settle(self, delta: Any) -> None:
        """Nothing is to be started."""


class NoSets:
    """Pools are filled by nobody."""

    known: Mapping[str, Contents] = {}
    wake: Callable[[], None]

    def take(self) -> Mapping[str, Contents | None]:
        return {}

    async def save(self) -> None:
        """Nothing is taken."""

    def settle(self, delta: Any) -> None:
        """Nobody is asked."""

    def replace(self, entries: Iterable[Any]) -> None:
        """Nobody is asked."""


class Agent:
    """A loop and its driver, and what the loop told last."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self.driver = thread.submit(LinuxDriver).result()
        self.told: asyncio.Queue[Reply] = asyncio.Queue()
        self.loop = Loop(self.driver, NoGuests(), NoSets(), thread, self.told.put_nowait)  # type: ignore[arg-type]
        self.following = asyncio.create_task(self.loop.run())

    async def reached(self, revision: int) -> Applied:
        while True:
            told = await asyncio.wait_for(self.told.get(), PATIENCE_S)
            if isinstance(told, Applied) and told.revision == revision:
                return told

    async def stop(self) -> None:
        """As kill -9 would between two revisions: the kernel keeps what is there."""
        self.following.cancel()
        await asyncio.gather(self.following, return_exceptions=True)
        await self.loop.in_driver(self.driver.close)


async def walk(path: list[tuple[World, str]]) -> None:
    with ThreadPoolExecutor(1) as thread:
        agent, world, loaded = Agent(thread), {}, False
        for revision, (wanted, how) in enumerate(path, 1):
            if how == "restart":
                await agent.stop()
                agent, loaded = Agent(thread), False
            if how != "change" or not loaded:
                agent.loop.offer(Load(f"epoch {revision}", revision, list(wanted.values())))
                loaded = True
            else:
                changed = [e for k, e in wanted.items() if world.get(k) != e]
                agent.loop.offer(Change(revision - 1, revision, changed, [k for k in world if k not in wanted]))
            world = wanted
            if how != "hurry":  # what is asked for while the driver works adds up to one difference
                assert (await agent.reached(revision)).refusals == []
                assert await agent.loop.in_driver(agent.driver.differences) == []
        agent.loop.offer(Load("end", len(path) + 1, []))
        await agent.reached(len(path) + 1)
        assert namespaces.names() == []
        await agent.stop()


HOW = st.sampled_from(["load", "change", "change", "hurry", "restart"])


@walks
@given(st.lists(st.tuples(worlds(), HOW), min_size=2, max_size=5))
def test_every_path_of_messages_and_restarts_ends_at_the_last_model(path: list[tuple[World, str]]) -> None:
    asyncio.run(walk(path))
