"""From packets to blobs: a log's JSON in a sink says what the packets did."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.agent.flow_logs import FlowLogs
from lazulite.agent.protocol import AskFlows, Observed
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import FlowLog, FlowLogFormat, Sink
from lazulite.incremental import Delta
from lazulite.values import Direction
from tests.drivers.worlds import access_list
from tests.packets.net import DEADLINE_S, Net
from tests.packets.test_flow_state import ADDRESS, A, B
from tests.packets.test_flow_tables import EVERY, NIC_B, NO_TELNET, conversation, network

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
GROUP = FlowLog("log", (NIC_B,), ("in",), FlowLogFormat.GROUP_2, "GROUP", "guid", Sink("acc", "con", "pre/"))


class Logs:
    """Flow logs over a net, with a sink in memory."""

    def __init__(self, net: Net) -> None:
        self.net, self.blobs, self.reports = net, MemoryBlobs(["acc"]), list[Observed]()
        self.now = time.time()

    def play(self, script: Callable[[FlowLogs], Awaitable[None]], directory: Path | None = None) -> None:
        """Each play is an agent of its own, which ends without writing anything."""

        async def played() -> None:
            logs = FlowLogs(self.blobs, self.reports.append, directory, clock=lambda: self.now)
            logs.replace(self.net.entries.values())
            try:
                await script(logs)
            finally:
                await logs.close()

        asyncio.run(played())

    def tuples(self) -> list[str]:
        """Rule and everything behind the ports, of all blobs."""
        found = []
        for key in sorted(self.blobs.held):
            document = json.loads(b"".join(data for _, data in self.blobs.held[key]))
            for record in document["records"]:
                found += [(f["rule"], t) for f in record["properties"]["flows"] for t in f["flows"][0]["flowTuples"]]
        return [f"{rule} {','.join(text.split(',')[4:9])}" for rule, text in found]

    def report(self) -> Any:
        return self.reports[-1].reports["log"]


def test_one_flow_is_allowed_and_one_is_denied(net: Net) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (NO_TELNET, EVERY)), GROUP, ingress=("in",), recording=()))
    conversation(net, 4)
    net.socket(A, "udp", ADDRESS[4][A]).sendto(b"x", (ADDRESS[4][B], 23))
    net.decided("no telnet", 1)
    logs = Logs(net)

    async def script(flows: FlowLogs) -> None:
        await flows.look()
        await flows.write()

    logs.play(script)
    assert sorted(logs.tuples()) == ["every 22,T,I,A,B", "no telnet 23,U,I,D,B"]
    ((account, container, blob),) = logs.blobs.held
    assert (account, container) == ("acc", "con")
    hour = time.strftime("y=%Y/m=%m/d=%d/h=%H", time.gmtime(logs.now))
    assert blob == f"pre/{hour}/m=00/macAddress=000D3A000001/PT1H.json"
    assert logs.report() == {"error": "", "written": 2, "lost": 0, "last": logs.report()["last"]}


def test_a_sink_that_fails_gets_everything_when_it_is_back(net: Net) -> None:
    net.become(network(access_list("in", Direction.INGRESS, (EVERY,)), GROUP, ingress=("in",), recording=()))
    conversation(net, 4)
    logs = Logs(net)

    async def script(flows: FlowLogs) -> None:
        logs.blobs.failing = "the disk is full"
        await flows.look()
        await flows.write()
        assert logs.report()["error"] == "acc: the disk is full"
        assert logs.report()["written"] == 0
        conversation(net, 4, to=80)
        await flows.look()
        await flows.write()
        assert logs.blobs.held == {}
        logs.blobs.failing = ""
        await flows.write()

    logs.play(script)
    assert sorted(logs.tuples()) == ["every 22,T,I,A,B", "every 80,T,I,A,B"]
    assert logs.report()["error"] == ""


def test_what_one_agent_saw_is_written_by_the_next_one_and_open_flows_go_on(net: Net, tmp_path: Path) -> None:
    log = replace(GROUP, analytics_s=600)
    net.become(network(access_list("in", Direction.INGRESS, (EVERY,)), log, ingress=("in",), recording=()))
    client, served = conversation(net, 4)
    logs = Logs(net)

    async def first(flows: FlowLogs) -> None:
        await flows.look()

    async def second(flows: FlowLogs) -> None:
        client.close()
        served.close()
        conversation(net, 4, to=80)
        end = time.monotonic() + DEADLINE_S
        while not any(",T,I,A,E," in said for told in flows.pending.lines.values() for *_, said in told):
            assert time.monotonic() < end, "the flow does not end"
            logs.now = time.time()
            await flows.look()
        await flows.write()

    async def third(flows: FlowLogs) -> None:
        await flows.look()
        await flows.write()
        begun = Counter[int]()
        for each in (await flows.answer(AskFlows(1, [], 0, True, "log"))).rows:
            begun[each["DestPort_d"]] += each["AllowedInFlows_d"]
        assert begun == {22: 1, 80: 1}

    for script in (first, second, third):
        logs.play(script, tmp_path)
    assert sorted(logs.tuples()) == ["every 22,T,I,A,B", "every 22,T,I,A,E", "every 80,T,I,A,B"]


def test_what_a_rule_decided_that_is_gone_by_now_is_told(net: Net) -> None:
    both = access_list("in", Direction.INGRESS, (NO_TELNET, EVERY))
    net.become(network(both, GROUP, ingress=("in",), recording=()))
    logs = Logs(net)

    async def script(flows: FlowLogs) -> None:
        net.socket(A, "udp", ADDRESS[4][A]).sendto(b"x", (ADDRESS[4][B], 23))
        net.decided("no telnet", 1)
        only = access_list("in", Direction.INGRESS, (EVERY,))
        net.put(only)
        flows.settle(Delta({only.key: only}))
        await flows.look()
        await flows.write()

    logs.play(script)
    assert logs.tuples() == ["no telnet 23,U,I,D,B"]


def test_whoever_watches_has_ports_recorded_without_a_log(net: Net) -> None:
    bare = network(access_list("in", Direction.INGRESS, (NO_TELNET, EVERY)), ingress=("in",), recording=())
    net.become(bare)
    lent: dict[Any, Any] = {}

    async def script(flows: FlowLogs) -> None:
        flows.lend = lent.update
        assert (await flows.answer(AskFlows(1, [NIC_B]))).rows == []
        net.put(*lent.values())
        flows.settle(Delta(dict(lent)))
        conversation(net, 4)
        seen = await flows.answer(AskFlows(2, [NIC_B]))
        assert [(r["state"], r["rule"], r["destinationPort"]) for r in seen.rows] == [("B", "every", 22)]
        assert (await flows.answer(AskFlows(3, [NIC_B], seen.last))).rows == []
        (row,) = (await flows.answer(AskFlows(4, [NIC_B], summary=True))).rows
        assert (row["DestPort_d"], row["AllowedInFlows_d"]) == (22, 1)

    Logs(net).play(script)
    assert [key for key in lent] == [("FlowLog", "live")]
