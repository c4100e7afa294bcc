"""Probes as packets: from the platform's address, through the filters of the member, to whatever listens there."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from lazulite.agent.health import Health
from lazulite.agent.protocol import Observed
from lazulite.drivers.linux import names, sockets
from lazulite.engines.probe import Prober
from lazulite.engines.probe.check import TIMEOUT
from lazulite.engines.probe.standing import NOT_RUNNING
from lazulite.forwarding.model import (
    Action,
    Guest,
    Member,
    NextHop,
    Pool,
    Probe,
    ProbeProtocol,
    Route,
    RouteTable,
    Rule,
)
from lazulite.values import Direction
from tests.drivers.worlds import access_list, port, vrf
from tests.packets.net import Net
from tests.waiting import until_async

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
"""Bound of what must happen."""
A, B = "/one/vm0", "/one/vm1"
ADDRESS = {4: {A: "10.0.0.4", B: "10.0.0.5"}, 6: {A: "fd00::4", B: "fd00::5"}}
PLATFORM = {4: ip_network("168.63.129.16/32"), 6: ip_network(f"{names.GATEWAY_6}/128")}
LOCAL = tuple(Route(p, NextHop.LOCAL) for p in vrf("/one").prefixes)
OPEN = access_list("open", Direction.INGRESS, (Rule(100, Action.ALLOW, origin="open"),))
SHUT = access_list(
    "shut", Direction.INGRESS, (Rule(100, Action.DENY, tuple(PLATFORM.values()), origin="probes denied"), *OPEN.rules)
)


def pool(version: int = 4, protocol: str = "Tcp", interval_s: int = 1, threshold: int = 1, number: int = 80) -> Pool:
    members = tuple(Member(guest, ip_address(address)) for guest, address in ADDRESS[version].items())
    return Pool("pool", "pool", "/one", members, Probe(ProbeProtocol(protocol), number, "/up", interval_s, threshold))


def machines(*lists: str, stopped: tuple[str, ...] = ()) -> list[Any]:
    """A and B behind access lists."""
    entries = [e for n in (0, 1) for e in port(n, "/one", routes="t", ingress=lists or ("open",))]
    running = [e for e in entries if not (isinstance(e, Guest) and e.name in stopped)]
    return [vrf("/one"), RouteTable("t", "/one", LOCAL), OPEN, SHUT, *running]


class Scene:
    """A network of the driver's, and an agent's health over it."""

    def __init__(self, net: Net, directory: Path) -> None:
        self.net, self.directory = net, directory
        self.told: list[Observed] = []
        self.health = self._start()

    def _start(self) -> Health:
        def stream(target: Any) -> socket.socket:
            return sockets.stream(target.vrf, target.address, target.port)

        return Health(self.directory, lambda noted: Prober(stream, noted), self.told.append, "1")

    def become(self, *entries: Any) -> None:
        self.net.become(entries)
        self.health.replace(entries)

    def restart(self) -> None:
        """Another agent."""
        self.health.close()
        self.health = self._start()

    def healthy(self) -> list[str]:
        self.health.take()
        found = self.health.known.get("pool")
        return [] if found is None else [m.rpartition("/")[2] for m in found.members]

    def reason(self, member: str = A) -> str:
        return self.health.counts()["pool"][member][2]

    def sent(self, member: str = A) -> int:
        return self.health.counts()["pool"][member][0]

    async def until(self, condition: Callable[[], bool]) -> None:
        await until_async(condition, told=self.health.counts)

    async def fails(self, reason: str, member: str = A) -> None:
        await self.until(lambda: self.reason(member) == reason)

    def close(self) -> None:
        self.health.close()


def play(net: Net, directory: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def played() -> None:
        scene = Scene(net, directory)
        try:
            await story(scene)
        finally:
            scene.close()

    asyncio.run(played())


def says(status: str) -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return serve


@contextlib.asynccontextmanager
async def listening(net: Net, guest: str, version: int = 4, serve: Any = None, port: int = 80) -> Any:
    """A service in the guest; yields where its clients come from."""
    clients: list[str] = []
    serving: list[Any] = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        clients.append(writer.get_extra_info("peername")[0].partition("%")[0])
        try:
            await (serve or says("200 OK"))(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    with net.listen(guest, ADDRESS[version][guest], port) as opened:
        opened.setblocking(False)
        server = await asyncio.start_server(served, sock=opened)
        try:
            yield clients
        finally:
            server.close()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)


def test_who_listens_is_healthy_and_the_probe_comes_from_the_platform(net: Net, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool())
        async with listening(net, A) as clients:
            await scene.until(lambda: scene.healthy() == ["vm0"])
            await scene.until(lambda: set(clients) == {names.PLATFORM})  # who accepts is told after who connects
            await scene.fails("connection refused", B)
        await scene.until(lambda: scene.healthy() == [])
        assert scene.reason() == "connection refused"

    play(net, tmp_path, story)


@pytest.mark.parametrize(
    ("status", "healthy", "reason"),
    [
        pytest.param("200 OK", ["vm0"], "", id="200 is up"),
        pytest.param("301 Moved", [], "status 301", id="301 is down"),
        pytest.param("404 Not Found", [], "status 404", id="404 is down"),
        pytest.param("503 Busy", [], "status 503", id="503 is down"),
    ],
)
def test_only_200_is_up(net: Net, tmp_path: Path, status: str, healthy: list[str], reason: str) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool(protocol="Http"))
        async with listening(net, A, serve=says(status)):
            await scene.until(lambda: scene.sent() > 0)
            assert (scene.healthy(), scene.reason()) == (healthy, reason)

    play(net, tmp_path, story)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    opened = writer.get_extra_info("socket")
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        pytest.param(silent, TIMEOUT, id="a slow answer is down"),
        pytest.param(resets, "connection reset", id="a reset is down"),
    ],
)
def test_who_does_not_answer_is_down(net: Net, tmp_path: Path, serve: Any, reason: str) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool(protocol="Http"))
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])
        async with listening(net, A, serve=serve):
            await scene.until(lambda: scene.healthy() == [])
            await scene.fails(reason)

    play(net, tmp_path, story)


def test_a_list_that_denies_the_platform_takes_a_member_down(net: Net, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool())
        async with listening(net, A) as clients:
            await scene.until(lambda: scene.healthy() == ["vm0"])
            scene.become(*machines("shut"), pool())
            await scene.until(lambda: scene.healthy() == [])
            assert scene.reason() == TIMEOUT
            assert net.count("probes denied") > 0
            clients.clear()
            scene.become(*machines(), pool())
            await scene.until(lambda: scene.healthy() == ["vm0"] and bool(clients))

    play(net, tmp_path, story)


def test_a_stopped_machine_is_down_at_once_and_not_asked(net: Net, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool())
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])
        scene.become(*machines(stopped=(A,)), pool())
        assert (scene.healthy(), scene.reason(), scene.sent()) == ([], NOT_RUNNING, 0)
        scene.become(*machines(), pool())
        assert scene.healthy() == []
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])

    play(net, tmp_path, story)


def test_with_a_threshold_of_two_a_member_that_flaps_stays(net: Net, tmp_path: Path) -> None:
    """The backend answers every other request with 503."""
    answers = itertools.cycle([says("200 OK"), says("503 Busy")])

    async def flaps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool(protocol="Http", threshold=2, interval_s=2))
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])
            since = scene.health.known["pool"].since
        async with listening(net, A, serve=flaps) as clients:
            await scene.until(lambda: len(clients) > 4 or scene.healthy() == [])
            kept = scene.healthy(), scene.health.known["pool"].since
        assert kept == (["vm0"], since)
        await scene.until(lambda: scene.healthy() == [])

    play(net, tmp_path, story)


def test_probes_of_ipv6_come_from_the_link_local_address_of_the_gateway(net: Net, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool(version=6, protocol="Http"))
        async with listening(net, A, version=6) as clients:
            await scene.until(lambda: scene.healthy() == ["vm0"])
            assert set(clients) == {names.GATEWAY_6}
            await scene.fails("connection refused", B)
            scene.become(*machines("shut"), pool(version=6, protocol="Http"))
            await scene.until(lambda: scene.healthy() == [])
            assert scene.reason() == TIMEOUT

    play(net, tmp_path, story)


def test_another_agent_starts_with_what_the_last_one_knew(net: Net, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool())
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])
            kept = scene.health.known["pool"]
            await scene.health.save()
            scene.restart()
            assert scene.health.known == {"pool": kept}
            scene.become(*machines(), pool())
            assert (scene.healthy(), scene.sent()) == (["vm0"], 0)  # nobody has been asked again yet
            assert scene.health.known["pool"] == kept
            await scene.until(lambda: scene.sent() > 0)
        await scene.until(lambda: scene.healthy() == [])

    play(net, tmp_path, story)


def test_a_network_that_is_made_again_is_reached_again(net: Net, tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.become(*machines(), pool())
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])
        scene.become()
        assert scene.healthy() == []
        scene.become(*machines(), pool())
        async with listening(net, A):
            await scene.until(lambda: scene.healthy() == ["vm0"])

    play(net, tmp_path, story)
