"""The agent's socket: each question has its answer, whatever goes wrong, and one controller hears it."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from lazulite.agent import server
from lazulite.agent.protocol import (
    SOCKET,
    AskFlows,
    AskMinutes,
    AskPorts,
    AskTraffic,
    Change,
    Enter,
    Entered,
    Failed,
    FlowsSeen,
    Inspect,
    Inspected,
    Load,
    MinutesSeen,
    Observed,
    Output,
    PortsHeld,
    Report,
    Run,
    Status,
    TrafficSeen,
    frame,
    receive,
    reply,
)
from lazulite.agent.server import Outbox, Server
from lazulite.agent.workloads import Finished
from lazulite.drivers.driver import PortUse
from lazulite.drivers.linux.guests import GuestError, Init
from lazulite.telemetry.meter import Minutes
from lazulite.values import Protocol


class Lab:
    """Driver, loop, machines, health and a follower in one, as far as questions go."""

    applied = 7

    def __init__(self) -> None:
        self.capabilities = {"tap": "yes"}
        self.offered: list[Any] = []
        self.failing: Exception | None = None

    def offer(self, message: Any) -> None:
        self.offered.append(message)

    async def in_driver(self, ask: Callable[[], Any]) -> Any:
        if self.failing is not None:
            raise self.failing
        return ask()

    def differences(self) -> list[str]:
        return ["one route too many"]

    def port_use(self) -> list[PortUse]:
        return [PortUse("/v", ip_address("198.18.0.1"), Protocol.TCP, ip_address("10.0.0.4"), 3)]

    def traffic(self) -> dict[str, tuple[int, int]]:
        return {"/nic": (100, 20)}

    def counters(self) -> dict[str, tuple[int, int]]:
        return {"/rule": (1, 100)}

    def counts(self) -> dict[str, dict[str, tuple[int, int, str]]]:
        return {"/pool": {"web": (5, 1, "refused")}}

    async def run(self, guest: str, script: str) -> Finished:
        if guest == "gone":
            raise GuestError("it does not run")
        return Finished(3, f"{guest}: {script}", "oops")

    async def minutes(self, names: list[str], first: int, end: int) -> Minutes:
        return Minutes(first, {name: [float(end), None] for name in names})

    async def enter(self, guest: str) -> Init:
        if guest == "gone":
            raise GuestError("it does not run")
        return Init(42, "g1")

    def news(self) -> Observed:
        return Observed(reports={"/log": {"written": 1}})

    async def answer(self, asked: AskFlows) -> FlowsSeen:
        return FlowsSeen(asked.id, 9, [{"ports": asked.ports}])


class Talk:
    """A controller's end of a connection to the agent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *messages: Any) -> None:
        for message in messages:
            self.writer.write(frame(message))

    async def hear(self, count: int = 1) -> list[Any]:
        found = []
        for _ in range(count):
            body = await receive(self.reader)
            assert body is not None
            found.append(reply(body))
        return found

    async def greeted(self) -> list[Any]:
        """Past the news that everybody is told first."""
        return await self.hear(3)


def served(
    directory: Path, act: Callable[[Lab, Callable[[], Awaitable[Talk]]], Awaitable[None]], *, flows: bool = True
) -> None:
    async def within() -> None:
        one, outbox = Lab(), Outbox()
        parts: Any = one
        made = Server(parts, parts, parts, parts, outbox, [parts], parts if flows else None, parts if flows else None)
        serving = await asyncio.start_unix_server(made.attend, sock=server.listen(directory))
        talks: list[Talk] = []

        async def connect() -> Talk:
            with server.address(directory) as path:
                talks.append(Talk(*await asyncio.open_unix_connection(path)))
            return talks[-1]

        try:
            await act(one, connect)
        finally:
            for talk in talks:
                talk.writer.close()
            serving.close()

    asyncio.run(asyncio.wait_for(within(), 60))


QUESTIONS = [
    pytest.param(Run(1, "web", "ls"), Output(1, 3, "web: ls", "oops"), id="a script says how it ended"),
    pytest.param(Run(1, "gone", "ls"), Failed(1, "it does not run"), id="a script where nobody runs"),
    pytest.param(Enter(2, "web"), Entered(2, 42, "g1"), id="a machine that is entered has an init"),
    pytest.param(Enter(2, "gone"), Failed(2, "it does not run"), id="and one that is gone has none"),
    pytest.param(Inspect(3), Inspected(3, ["one route too many"]), id="a read-back tells what differs"),
    pytest.param(
        AskPorts(4), PortsHeld(4, [("/v", "198.18.0.1", "tcp", "10.0.0.4", 3)]), id="ports of shared addresses"
    ),
    pytest.param(AskTraffic(7), TrafficSeen(7, {"/nic": (100, 20)}), id="bytes that machines sent and got"),
    pytest.param(
        AskMinutes(8, ["sent /nic"], 60, 180),
        MinutesSeen(8, Minutes(60, {"sent /nic": [180.0, None]})),
        id="minutes of counters",
    ),
    pytest.param(AskFlows(5, ["/nic"]), FlowsSeen(5, 9, [{"ports": ["/nic"]}]), id="flows of ports"),
    pytest.param(
        Status(6),
        Report(6, 7, {"tap": "yes"}, {"/rule": (1, 100)}, {"/pool": {"web": (5, 1, "refused")}}),
        id="how the agent is",
    ),
]


@pytest.mark.parametrize(("question", "expected"), QUESTIONS)
def test_a_question_has_its_answer(tmp_path: Path, question: Any, expected: Any) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        talk = await connect()
        await talk.greeted()
        talk.say(question)
        assert await talk.hear() == [expected]

    served(tmp_path, act)


def test_where_nobody_meters_nobody_tells_of_minutes(tmp_path: Path) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        talk = await connect()
        await talk.greeted()
        talk.say(AskMinutes(5, ["sent /nic"], 0, 60))
        assert await talk.hear() == [Failed(5, "nothing is metered here")]

    served(tmp_path, act, flows=False)


def test_where_nobody_records_flows_nobody_tells_of_any(tmp_path: Path) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        talk = await connect()
        await talk.greeted()
        talk.say(AskFlows(5, ["/nic"]))
        assert await talk.hear() == [Failed(5, "nothing records flows here")]

    served(tmp_path, act, flows=False)


@pytest.mark.parametrize("question", [Status(1), Inspect(1), AskPorts(1)], ids=["status", "read-back", "ports"])
def test_a_kernel_that_fails_is_an_answer_and_not_the_end(tmp_path: Path, question: Any) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        talk = await connect()
        await talk.greeted()
        lab.failing = OSError("no buffer space")
        talk.say(question)
        assert await talk.hear() == [Failed(1, "no buffer space")]
        lab.failing = None
        talk.say(Enter(2, "web"))
        assert await talk.hear() == [Entered(2, 42, "g1")]

    served(tmp_path, act)


def test_revisions_are_the_loops_and_have_no_answer_here(tmp_path: Path) -> None:
    load, change = Load("e", 1, []), Change(1, 2, [], [])

    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        talk = await connect()
        await talk.greeted()
        talk.say(load, change, Enter(2, "web"))
        assert await talk.hear() == [Entered(2, 42, "g1")]
        assert [type(m) for m in lab.offered] == [Load, Change]

    served(tmp_path, act)


def test_who_comes_is_told_first_what_was_seen(tmp_path: Path) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        assert await (await connect()).greeted() == [lab.news()] * 3

    served(tmp_path, act)


def test_a_controller_that_comes_takes_over_from_the_one_before(tmp_path: Path) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        first = await connect()
        await first.greeted()
        second = await connect()
        await second.greeted()
        assert await receive(first.reader) is None, "the first is let go of"
        second.say(Enter(2, "web"))
        assert await second.hear() == [Entered(2, 42, "g1")]

    served(tmp_path, act)


def test_nonsense_ends_the_connection_and_not_the_agent(tmp_path: Path) -> None:
    async def act(lab: Lab, connect: Callable[[], Awaitable[Talk]]) -> None:
        talk = await connect()
        await talk.greeted()
        talk.writer.write(b"\0\0\0\3abc")
        assert await receive(talk.reader) is None
        await (await connect()).greeted()

    served(tmp_path, act)


def test_an_outbox_without_a_controller_says_nothing_to_nobody() -> None:
    Outbox().tell(Failed(1, "nobody hears it"))


def test_the_socket_is_the_users_alone_and_replaces_one_that_was_left(tmp_path: Path) -> None:
    for _ in range(2):
        with server.listen(tmp_path):
            mode = (tmp_path / SOCKET).stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600


def test_a_directory_may_have_a_name_that_no_socket_address_holds(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    with server.listen(deep), server.address(deep) as path, socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
