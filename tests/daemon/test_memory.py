"""A lab without packets: nobody can be asked, so who runs is healthy."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import Any

from lazulite.daemon.memory import ASSUMED, MemoryFabric
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import Contents, Member, Pool, Probe, ProbeProtocol
from lazulite.incremental import Delta
from tests.drivers.worlds import port

MEMBERS = tuple(Member(m, ip_address(a)) for m, a in (("a", "10.0.0.4"), ("b", "10.0.0.5")))
POOL = Pool("p", "p", "/one", MEMBERS, Probe(ProbeProtocol.TCP, 80))


class Listener:
    """What a network is told."""

    def __init__(self) -> None:
        self.holds: dict[str, Contents | None] = {}

    def filled(self, contents: Any) -> None:
        self.holds |= contents

    def refused(self, refusals: list[Refusal]) -> None:
        raise AssertionError(refusals)

    def healthy(self) -> tuple[str, ...] | None:
        held = self.holds["p"]
        return held.members if held is not None else None


def test_members_that_run_are_healthy_and_the_others_are_not() -> None:
    async def story() -> None:
        fabric, listener = MemoryFabric(), Listener()
        fabric.report_to(listener)
        [nic, guest] = port(0, "/one")
        await fabric.adopt(1, [POOL, nic, guest])
        assert listener.healthy() == ("a",)
        assert listener.holds["p"].producer == ASSUMED  # type: ignore[union-attr]
        await fabric.apply(2, Delta(changed={e.key: e for e in port(1, "/one")}))
        assert listener.healthy() == ("a", "b")
        await fabric.apply(3, Delta(removed={guest.key: guest}))
        assert listener.healthy() == ("b",)
        await fabric.adopt(4, [])
        assert listener.healthy() is None
        assert await fabric.probes() == {}

    asyncio.run(story())


def test_a_pool_without_a_probe_holds_nothing() -> None:
    async def story() -> None:
        fabric, listener = MemoryFabric(), Listener()
        fabric.report_to(listener)
        await fabric.adopt(1, [Pool("p", "p", "/one", MEMBERS), *port(0, "/one")])
        assert listener.holds == {}

    asyncio.run(story())
