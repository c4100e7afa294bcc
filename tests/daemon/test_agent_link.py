"""What the agent tells by itself, with no call under way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from lazulite.agent.protocol import Applied, Observed, Reply, frame
from lazulite.daemon.agent_link import AgentLink
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import Contents

HELD = Contents("p", ("m",), "prober", "now")


class Listener:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def filled(self, contents: Mapping[str, Contents | None]) -> None:
        self.told.append(dict(contents))

    def refused(self, refusals: list[Refusal]) -> None:
        self.told.append(refusals)


class Writer:
    """Takes whatever is sent to an agent that there is not."""

    def write(self, content: bytes) -> None:
        """Nobody reads it."""


async def hear(link: AgentLink, *replies: Reply) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(map(frame, replies)))
    reader.feed_eof()
    await link.listen(reader)


def test_a_listener_is_told_what_is_known_and_then_what_changes() -> None:
    async def story() -> None:
        link, listener = AgentLink(Writer()), Listener()  # type: ignore[arg-type]
        await hear(link, Observed(contents={"p": HELD}, reasons={"p": {"n": "connection refused"}}))
        link.report_to(listener)
        await hear(link, Observed(), Observed(contents={"p": None}), Observed(reasons={"p": None}))
        assert listener.told == [{"p": HELD}, {"p": None}]
        assert link.reasons == {}

    asyncio.run(story())


def test_what_the_machine_refuses_after_a_call_is_told_and_what_answers_a_call_is_not() -> None:
    async def story() -> None:
        link, listener = AgentLink(Writer()), Listener()  # type: ignore[arg-type]
        link.report_to(listener)
        adopting = asyncio.ensure_future(link.adopt(1, []))
        await asyncio.sleep(0)
        epoch = link._epoch
        first, later = [Refusal("a", "no")], [Refusal("b", "no room")]
        await hear(link, Applied(epoch, 1, first), Applied(epoch, 1, later), Applied("another", 1, []))
        assert await adopting == first
        assert listener.told == [{}, later]

    asyncio.run(story())
