"""Connection monitors as packets: from the machine itself, through the lists of both ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import dns.message
import dns.rrset
import msgspec
import pytest

from lazulite.agent.monitors import LinuxSpaces, Monitors
from lazulite.agent.protocol import Observed
from lazulite.engines.measure import rounds
from lazulite.forwarding.model import Action, Check, Monitor, NextHop, Route, RouteTable, Rule
from lazulite.values import Direction, PortRange, Protocol
from tests.drivers.worlds import access_list, port, vrf
from tests.packets.net import Net
from tests.waiting import until_async

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime", "impatient")]
"""Bound of what must happen."""
A, B = "/one/vm0", "/one/vm1"
ADDRESS = {4: "10.0.0.5", 6: "fd00::5"}
LOCAL = tuple(Route(p, NextHop.LOCAL) for p in vrf("/one").prefixes)
OPEN = access_list("open", Direction.INGRESS, (Rule(100, Action.ALLOW, origin="open"),))
SHUT = access_list(
    "shut",
    Direction.INGRESS,
    (
        Rule(100, Action.DENY, protocol=Protocol.TCP, destination_ports=(PortRange(80, 80),), origin="no web"),
        *OPEN.rules,
    ),
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dropped is waited for a second, and a state that must come may come in a later round."""
    monkeypatch.setattr(rounds, "PATIENCE_S", 1.0)


def machines(ingress: str = "open") -> list[Any]:
    ends = [*port(0, "/one", routes="t", ingress=("open",)), *port(1, "/one", routes="t", ingress=(ingress,))]
    return [vrf("/one"), RouteTable("t", "/one", LOCAL), OPEN, SHUT, *ends]


def monitor(*checks: Check) -> Monitor:
    return Monitor("m", "m", checks, "g")


def check(protocol: str, version: int = 4, **rest: Any) -> Check:
    """From A to B, again and again."""
    settings: dict[str, Any] = {"port": 80, "interval_s": 0.05} | rest
    return Check("c", A, protocol, ip_address(ADDRESS[version]), **settings)


class Scene:
    """A network of the driver's, and an agent's monitors over it."""

    def __init__(self, net: Net, directory: Path) -> None:
        self.net = net
        self.told: list[Observed] = []
        self.monitors = Monitors(directory, self.told.append, LinuxSpaces())

    def become(self, *entries: Any) -> None:
        self.net.become(entries)
        self.monitors.replace(entries)

    def check(self) -> dict[str, Any]:
        report = self.monitors.news().reports["m"]
        assert report is not None
        found: dict[str, Any] = report["checks"]["c"]
        return found

    async def turns(self, state: str, reason: str = "") -> None:
        await until_async(self.check, lambda found: (found["state"], found["reason"]) == (state, reason))


def play(net: Net, directory: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def played() -> None:
        scene = Scene(net, directory)
        try:
            await story(scene)
        finally:
            await scene.monitors.close()

    asyncio.run(played())


@pytest.mark.parametrize("version", [4, 6])
def test_a_list_of_the_destination_decides(net: Net, tmp_path: Path, version: int) -> None:
    async def story(s: Scene) -> None:
        watched = monitor(check("tcp", version, listens=B))
        s.become(*machines(), watched)
        await s.turns("Pass")
        s.become(*machines("shut"), watched)
        await s.turns("Fail", "no answer in time")
        s.become(*machines(), watched)
        await s.turns("Pass")

    play(net, tmp_path, story)


@pytest.mark.parametrize("version", [4, 6])
def test_an_echo_needs_nobody_who_listens(net: Net, tmp_path: Path, version: int) -> None:
    async def story(s: Scene) -> None:
        s.become(*machines("shut"), monitor(check("icmp", version)))
        await s.turns("Pass")
        assert s.check()["sent"] == 10
        assert 0 < s.check()["rtt"][0] <= s.check()["rtt"][1] <= s.check()["rtt"][2]

    play(net, tmp_path, story)


def test_a_port_where_nobody_listens_refuses(net: Net, tmp_path: Path) -> None:
    async def story(s: Scene) -> None:
        s.become(*machines(), monitor(check("tcp")))
        await s.turns("Fail", "connection refused")

    play(net, tmp_path, story)


def test_a_destination_goes_on_listening_when_its_machine_is_another(net: Net, tmp_path: Path) -> None:
    async def story(s: Scene) -> None:
        watched = monitor(check("tcp", listens=B))
        s.become(*machines(), watched)
        await s.turns("Pass")
        without = [e for e in machines() if getattr(e, "guest", e.name) != B]
        s.become(*without, watched)
        await s.turns("Fail", "no answer in time")
        s.become(*machines(), watched)
        await s.turns("Pass")

    play(net, tmp_path, story)


def test_a_name_is_what_the_machines_own_resolver_says(net: Net, tmp_path: Path) -> None:
    """The resolver is B, and so is the page that the name leads to."""

    async def story(s: Scene) -> None:
        entries = [
            msgspec.structs.replace(e, nameservers=(ip_address(ADDRESS[4]),)) if e.key == ("Guest", A) else e
            for e in machines()
        ]
        page = Check("c", A, "http", host="shop.example", port=80, interval_s=0.05)  # type: ignore[arg-type]
        s.become(*entries, monitor(page))
        await s.turns("Fail", "cannot resolve shop.example: connection refused")
        hosts: list[str] = []
        async with answering(net, hosts):
            await s.turns("Pass")
        assert set(hosts) == {"shop.example"}

    play(net, tmp_path, story)


@contextlib.asynccontextmanager
async def answering(net: Net, hosts: list[str]) -> AsyncIterator[None]:
    """B says that every name has its address, and serves a page, noting the hosts it is asked for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked = (await reader.readuntil(b"\r\n\r\n")).decode()
            hosts.append(asked.partition("Host: ")[2].partition("\r\n")[0])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    listener = net.listen(B, ADDRESS[4], 80)
    datagrams = net.socket(B, "udp", ADDRESS[4], 53)
    for opened in (listener, datagrams):
        opened.setblocking(False)
    server = await asyncio.start_server(serve, sock=listener)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Resolver, sock=datagrams)
    try:
        yield
    finally:
        transport.close()
        server.close()


class Resolver(asyncio.DatagramProtocol):
    """Has an address for every name."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", ADDRESS[4]))
        self.transport.sendto(answer.to_wire(), addr)
