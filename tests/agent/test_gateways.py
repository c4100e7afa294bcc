"""What the agent has Envoy serve, by what is told to an Envoy that only writes it down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from lazulite.agent.gateways import Gateways
from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.engines.http.files import file_of
from lazulite.engines.http.render import Place
from lazulite.forwarding.model import AddressSet, HttpBackend, Port, Server
from lazulite.incremental import Delta
from lazulite.values import IPAddress
from tests.waiting import until_async

STAYS, GOES = Server("10.0.1.4", ip_address("10.0.1.4")), Server("10.0.1.5", ip_address("10.0.1.5"))
BOTH = HttpBackend("b", "b/s", "gw", 80, (STAYS, GOES), origin="/gw/b")
ONE = HttpBackend("b", "b/s", "gw", 80, (STAYS,), origin="/gw/b")
PORT = Port("p", "p", "p", "net", "00-0D-3A-00-00-01", (ip_address("10.0.1.5"),), ())
BESIDE = AddressSet("beside", ())


class Written:
    """Stands for Envoy."""

    def __init__(self) -> None:
        self.place = Place("", lambda guest: "", lambda guest: "")
        self.story: list[Any] = []
        self.refuses: dict[str, str] = {}
        self.answers: Callable[[], Awaitable[None]] = _at_once

    async def serve(self, files: Mapping[str, str]) -> dict[str, str]:
        told = json.loads(files.get(file_of("servers", "b"), '{"resources": []}'))["resources"]
        rows = [r for t in told for e in t["endpoints"] for r in e["lb_endpoints"]]
        self.story.append({_address(r): r["health_status"] for r in rows})
        return self.refuses

    async def finished(self, servers: Collection[IPAddress]) -> None:
        self.story.append(sorted(map(str, servers)))
        await self.answers()


class Idle:
    """Stands for the firewall, and for who makes the log."""

    async def serve(self, *told: Any) -> dict[str, str]:
        return {}


async def _at_once() -> None:
    pass


def _address(row: Mapping[str, Any]) -> str:
    return str(row["endpoint"]["address"]["socket_address"]["address"])


def story(directory: Path, told: Callable[[Gateways, Written], Awaitable[None]], drain_s: int = 30) -> list[Any]:
    """What Envoy is told, and waited for, when *told* is done with gateways that have two servers."""
    written = Written()

    async def run() -> None:
        gateways: Any = Gateways(directory)
        gateways.engine, gateways.firewall, gateways.access = written, Idle(), Idle()
        await gateways.load([_draining(BOTH, drain_s), PORT])
        written.story.clear()
        await told(gateways, written)
        for leaving in gateways._leaving.values():
            for timer in leaving.values():
                timer.cancel()

    asyncio.run(run())
    return written.story


def _draining(backend: HttpBackend, seconds: int) -> HttpBackend:
    return HttpBackend("b", "b/s", "gw", 80, backend.servers, drain_s=seconds, origin="/gw/b")


def delta(*changed: Any, removed: tuple[Any, ...] = ()) -> ModelDelta:
    return Delta(changed={e.key: e for e in changed}, removed={e.key: e for e in removed})


def test_a_server_that_goes_with_its_machine_is_asked_by_nobody_and_waited_for_before(tmp_path: Path) -> None:
    async def told(gateways: Gateways, written: Written) -> None:
        gone = delta(ONE, removed=(PORT,))
        await gateways.release(gone)
        written.story.append("the machine ends")
        await gateways.follow(gone)

    assert story(tmp_path, told) == [
        {"10.0.1.4": "HEALTHY", "10.0.1.5": "UNHEALTHY"},
        ["10.0.1.5"],
        "the machine ends",
        {"10.0.1.4": "HEALTHY"},
    ]


def test_a_server_whose_machine_stays_is_drained_and_not_waited_for(tmp_path: Path) -> None:
    async def told(gateways: Gateways, written: Written) -> None:
        await gateways.release(delta(ONE))
        await gateways.follow(delta(ONE))

    assert story(tmp_path, told) == [{"10.0.1.4": "HEALTHY", "10.0.1.5": "DRAINING"}]


def test_a_machine_may_be_waited_for_longer_than_its_servers_are_drained(tmp_path: Path) -> None:
    async def told(gateways: Gateways, written: Written) -> None:
        drained = len(written.story) + 3  # told that it ends, waited for, and told when its time is over

        async def slowly() -> None:
            await until_async(lambda: len(written.story) == drained)

        written.answers = slowly
        await gateways.release(delta(ONE, removed=(PORT,)))

    assert story(tmp_path, told, drain_s=0)[-1] == {"10.0.1.4": "HEALTHY", "10.0.1.5": "UNHEALTHY"}


def test_a_gateway_that_comes_again_has_nobody_who_left_the_former(tmp_path: Path) -> None:
    async def told(gateways: Gateways, written: Written) -> None:
        await gateways.follow(delta(ONE))
        await gateways.follow(delta(removed=(ONE,)))
        await gateways.follow(delta(ONE))

    assert story(tmp_path, told)[-1] == {"10.0.1.4": "HEALTHY"}


def test_what_is_refused_is_told_until_it_is_not(tmp_path: Path) -> None:
    """Also when something else changes."""
    found: list[list[Refusal]] = []

    async def told(gateways: Gateways, written: Written) -> None:
        written.refuses = {"b": "too many"}
        for change in (ONE, BESIDE):
            found.append(await gateways.follow(delta(change)))
        written.refuses = {}
        for change in (BOTH, BESIDE):
            found.append(await gateways.follow(delta(change)))

    story(tmp_path, told)
    assert found == [[Refusal("/gw/b", "too many")]] * 2 + [[]] * 2


def test_what_is_refused_with_no_change_wakes_who_tells_it(tmp_path: Path) -> None:
    woken: list[str] = []

    async def told(gateways: Gateways, written: Written) -> None:
        gateways.wake = lambda: woken.append("woken")
        written.refuses = {"b": "no more"}
        for again in (1, 2):
            gateways._again()
            await until_async(lambda again=again: len(written.story) == again and not gateways._serving)
        assert await gateways.follow(delta(BESIDE)) == [Refusal("/gw/b", "no more")]

    story(tmp_path, told)
    assert woken == ["woken"]
