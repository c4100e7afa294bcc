"""Flow logs as the agent keeps them: what is looked at, what is told of it, and who may watch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.agent import flow_logs
from lazulite.agent.flow_logs import LIVE, FlowLogs, row
from lazulite.agent.flow_watch import Look, Seen, Watcher
from lazulite.agent.protocol import AskFlows, FlowsSeen, Observed
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import AccessList, FlowLog, FlowLogFormat, Port, Sink, Vrf
from lazulite.incremental import Delta
from lazulite.telemetry.book import State
from tests.agent.entries import guest
from tests.agent.watching import NO, SSH, Router, inward, key, network, noted, number, port
from tests.telemetry.test_lines import line

AT = 1542110435.0  # 2018-11-13 12:00:35
LOG = FlowLog("log", ("web",), (), FlowLogFormat.NETWORK, "SUBJECT", "guid", Sink("acc", "con", "pre/"), origin="/log")
GROUP = replace(LOG, format=FlowLogFormat.GROUP_2, lists=("nsg|in",))


class Told:
    """Logs over a router of a script; *clock* stands still unless it is set."""

    def __init__(self, router: Router, directory: Path | None = None) -> None:
        self.router, self.at = router, AT
        self.blobs = MemoryBlobs(["acc"])
        self.heard: list[Observed] = []
        self.lent: list[Any] = []
        self.logs = FlowLogs(self.blobs, self.heard.append, directory, Watcher(lambda vrf: router), lambda: self.at)
        self.logs.lend = self.lent.append

    def lines(self) -> list[str]:
        """Tuples that are not written yet, of the only log."""
        return [told[3] for told in self.logs.pending.lines.get("log", ())]

    async def look(self, *ahead: float) -> None:
        for seconds in ahead or (0,):
            self.at += seconds
            await self.logs.look()


def run(router: Router, act: Callable[[Told], Awaitable[None]], directory: Path | None = None) -> Told:
    """Nothing looks but *act*: the loop of the logs waits for its first pause."""

    async def within() -> Told:
        told = Told(router, directory)
        try:
            await act(told)
        finally:
            await told.logs.close()
        return told

    return asyncio.run(asyncio.wait_for(within(), 60))


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks is the test."""

    async def never(self: FlowLogs) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(FlowLogs, "_run", never)


def entries(*logs: FlowLog, lists: AccessList | None = None) -> list[Any]:
    return [port(), network(), lists or inward(SSH, NO), *logs]


def delta(*changed: Any, removed: tuple[Any, ...] = ()) -> Delta[Any, Any]:
    return Delta(changed={e.key: e for e in changed}, removed={e.key: e for e in removed})


SSH_FLOW = (key(), 1, number(SSH), 0.0)
DENIED = (key(remote_port=41000), 1, number(NO, denies=True), 0.0)
OUTSIDE = (key(remote_port=42000), 1, number(""), 0.0)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param(LOG, ["B", "D", "B"], id="a log of a network tells of every decision"),
        pytest.param(GROUP, ["B", "B"], id="a log of a group tells what the group's rules decided"),
        pytest.param(replace(GROUP, lists=("other|in",)), [], id="and nothing of another group's"),
        pytest.param(replace(LOG, ports=("db",)), [], id="and nothing of ports that are not its own"),
    ],
)
def test_what_a_log_tells(log: FlowLog, expected: list[str]) -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(log))
        await told.look()

    told = run(Router(noted([SSH_FLOW, DENIED, OUTSIDE])), act)
    where = 7 if log.format is FlowLogFormat.NETWORK else 8
    assert [said.split(",")[where] for said in told.lines()] == expected


def test_a_disabled_log_is_none_and_nothing_is_looked_at() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries())
        await told.look()
        assert told.logs.news() == Observed(reports={})

    assert len(run(Router(noted([SSH_FLOW])), act).router.script) == 1


def test_what_a_rule_decided_that_is_gone_is_told_still() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(GROUP))
        await told.look()
        told.logs.settle(delta(inward(NO)))
        await told.look(1, 1)

    told = run(Router(noted([SSH_FLOW]), noted(closed={key(): (3, 0.0)}), noted()), act)
    assert [said.split(",")[8] for said in told.lines()] == ["B", "E"]


def test_a_rule_that_comes_is_told_from_then_on() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(GROUP, lists=inward(SSH)))
        told.logs.settle(delta(inward(SSH, NO)))
        await told.look()

    assert len(run(Router(noted([DENIED])), act).lines()) == 1


def test_a_log_that_goes_is_told_to_be_gone_and_the_live_one_is_nobodys_business() -> None:
    async def act(told: Told) -> None:
        live = replace(LOG, name=LIVE)
        told.logs.replace(entries(LOG, live))
        assert set(told.logs.news().reports) == {"log"}
        told.logs.settle(delta(removed=(LOG,)))
        assert told.heard == [Observed(reports={"log": None})]
        told.logs.settle(delta(removed=(live,)))
        assert told.heard[1:] == [Observed(reports={})]

    run(Router(), act)


def test_a_model_that_came_whole_has_no_more_the_logs_that_it_lacks() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG))
        told.logs.replace(entries(replace(LOG, name="other")))
        assert told.heard == [Observed(reports={"log": None})]
        assert set(told.logs.news().reports) == {"other"}

    run(Router(), act)


def test_what_moves_no_flow_settles_nothing() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG))
        before = told.logs._whose
        told.logs.settle(delta(guest("web")))
        assert told.logs._whose is before

    run(Router(), act)


def test_a_port_that_loses_its_guest_is_recorded_no_more() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look()
        told.logs.settle(delta(port(guest=None)))
        await told.look(1)

    told = run(Router(noted([SSH_FLOW])), act)
    assert [said.split(",")[7] for said in told.lines()] == ["B", "E"]
    assert told.router.closed


def test_losses_of_the_router_are_the_logs() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG, replace(LOG, name="far", ports=("nobody",))))
        await told.look()
        reports = told.logs.news().reports
        assert [reports[n]["lost"] for n in ("log", "far")] == [5, 0]  # type: ignore[index]

    run(Router(noted(lost=5)), act)


def test_what_was_seen_is_written_and_reported() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look()
        await told.logs.write()

    told = run(Router(noted([SSH_FLOW])), act)
    [(where, blocks)] = told.blobs.held.items()
    assert where[:2] == ("acc", "con")
    assert where[2].endswith("/h=12/m=00/macAddress=000D3A000004/PT1H.json")
    [record] = json.loads(b"".join(data for _, data in blocks))["records"]
    assert record["flowLogResourceID"] == "/LOG"
    assert told.heard[-1].reports["log"] == {
        "error": "",
        "written": 1,
        "lost": 0,
        "last": "2018-11-13T12:00:35.0000000Z",
    }
    assert told.lines() == []


def test_the_next_agent_goes_on_where_this_one_was(tmp_path: Path) -> None:
    """It writes what this one had not, and knows how the flow began."""

    async def first(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look()

    async def second(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look(1, 1)

    run(Router(noted([SSH_FLOW])), first, tmp_path)
    told = run(Router(noted(closed={key(): (3, 0.0)}), noted()), second, tmp_path)
    assert [said.split(",")[7] for said in told.lines()] == ["B", "E"]


def test_what_was_written_is_not_written_again_by_the_next_agent(tmp_path: Path) -> None:
    async def first(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look()
        await told.logs.write()

    async def second(told: Told) -> None:
        told.logs.replace(entries(LOG))
        assert told.lines() == []
        await told.look(1, 1)

    run(Router(noted([SSH_FLOW])), first, tmp_path)
    told = run(Router(noted(closed={key(): (3, 0.0)}), noted()), second, tmp_path)
    assert [said.split(",")[7] for said in told.lines()] == ["E"], "the flow that stood is known, its beginning told"


def test_a_log_that_is_gone_by_then_is_not_resumed(tmp_path: Path) -> None:
    async def first(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look()

    async def second(told: Told) -> None:
        told.logs.replace(entries(replace(LOG, name="other")))
        assert told.logs.pending.lines == {}

    run(Router(noted([SSH_FLOW])), first, tmp_path)
    run(Router(), second, tmp_path)


def ask(after: int = 0, *ports: str, summary: bool = False) -> AskFlows:
    return AskFlows(1, list(ports or ("web",)), after, summary)


def test_who_asks_has_the_ports_recorded_once() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries())
        for _ in range(2):
            await told.logs.answer(ask())
        [lent] = told.lent
        [(name, live)] = lent.items()
        assert (name, live.ports, live.lists) == (("FlowLog", LIVE), ("web",), ())
        await told.logs.answer(ask(0, "db"))
        assert told.lent[-1]["FlowLog", LIVE].ports == ("db", "web")

    run(Router(), act)


def test_who_has_stopped_asking_has_them_recorded_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_logs, "LEASE_S", -1.0)

    async def act(told: Told) -> None:
        told.logs.replace(entries())
        await told.logs.answer(ask())
        assert told.lent[-1] == {("FlowLog", LIVE): None}

    run(Router(), act)


def test_who_asks_is_told_each_record_once() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(replace(LOG, name=LIVE)))
        first = await told.logs.answer(ask())
        assert [r["state"] for r in first.rows] == ["B", "D"]
        assert first.last == 2
        second = await told.logs.answer(ask(first.last))
        assert (second.rows, second.last) == ([], 2)
        assert [r["state"] for r in (await told.logs.answer(ask(1))).rows] == ["D"]
        assert (await told.logs.answer(ask(0, "db"))).rows == []

    run(Router(noted([SSH_FLOW, DENIED])), act)


def test_an_answer_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_logs, "_MOST_ROWS", 2)
    flows = [(key(remote_port=1000 + n), 1, number(SSH), 0.0) for n in range(5)]

    async def act(told: Told) -> None:
        told.logs.replace(entries(replace(LOG, name=LIVE)))
        seen, answers = 0, list[FlowsSeen]()
        for _ in range(4):
            answers.append(await told.logs.answer(ask(seen)))
            seen = answers[-1].last
        assert [[r["sourcePort"] for r in a.rows] for a in answers] == [[1000, 1001], [1002, 1003], [1004], []]

    run(Router(noted(flows)), act)


def of_log(name: str) -> AskFlows:
    return AskFlows(1, [], 0, True, name)


def test_what_a_log_has_summed_up_is_told_and_nobody_is_recorded_for_it() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(replace(LOG, analytics_s=600)))
        await told.look()
        rows = (await told.logs.answer(of_log("log"))).rows
        assert [(r["FlowStatus_s"], r["FlowIntervalStartTime_t"]) for r in rows] == [
            ("A", "2018-11-13T12:00:00.0000000Z"),
            ("D", "2018-11-13T12:00:00.0000000Z"),
        ]
        assert (await told.logs.answer(of_log("other"))).rows == []
        assert told.lent == []

    run(Router(noted([SSH_FLOW, DENIED])), act)


def test_a_log_without_analytics_sums_nothing_up() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG))
        await told.look()
        assert (await told.logs.answer(of_log("log"))).rows == []

    run(Router(noted([SSH_FLOW])), act)


@pytest.mark.parametrize(
    ("interval", "rows"),
    [pytest.param(600, 1, id="the same interval goes on"), pytest.param(3600, 0, id="another one begins anew")],
)
def test_rows_of_two_lengths_are_not_mixed(interval: int, rows: int) -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(replace(LOG, analytics_s=600)))
        await told.look()
        told.logs.settle(delta(replace(LOG, analytics_s=interval)))
        assert len((await told.logs.answer(of_log("log"))).rows) == rows

    run(Router(noted([SSH_FLOW])), act)


def test_a_summary_is_of_what_was_seen_at_the_ports() -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(replace(LOG, name=LIVE)))
        await told.look()
        found = await told.logs.answer(ask(summary=True))
        assert [(r["FlowStatus_s"], r["NSGRule_s"], r["AllowedInFlows_d"]) for r in found.rows] == [
            ("A", "UserRule_ssh", 2),
            ("D", "UserRule_no", 0),
        ]
        assert (await told.logs.answer(ask(0, "db", summary=True))).rows == []

    again = (key(remote_port=40001), 1, number(SSH), 0.0)
    run(Router(noted([SSH_FLOW, again, DENIED])), act)


@pytest.mark.parametrize(
    ("read", "pause"),
    [
        pytest.param(0, flow_logs.LOOK_S, id="a quiet network is looked at every second"),
        pytest.param(1500, flow_logs.LOOK_S, id="as is one that is not yet busy"),
        pytest.param(3000, flow_logs.LOOK_S / 2, id="twice as many flows, twice as often"),
        pytest.param(1_000_000, flow_logs.LEAST_S, id="but never without a pause"),
    ],
)
def test_a_busy_network_is_looked_at_more_often(read: int, pause: float) -> None:
    async def act(told: Told) -> None:
        told.logs.replace(entries(LOG))
        told.logs._take(Look([], {}, {}, read))
        assert told.logs._pause_s == pause

    run(Router(), act)


def test_analytics_are_kept_over_an_edit_and_begin_with_the_wish() -> None:
    async def act(told: Told) -> None:
        wanted = replace(LOG, analytics_s=600)
        told.logs.replace(entries(wanted))
        await told.look()
        told.logs.settle(delta(replace(wanted, days=3)))
        assert len(told.logs._analytics["log"].rows()) == 1
        told.logs.settle(delta(LOG))
        assert told.logs._analytics == {}

    run(Router(noted([SSH_FLOW])), act)


ROWS = [
    pytest.param(line(State.BEGUN), ("in", "198", 35370, 23), "allow", id="inward, the other end is the source"),
    pytest.param(line(State.BEGUN, inward=False), ("out", "10.", 23, 35370), "allow", id="outward, the port is"),
    pytest.param(line(State.DENIED), ("in", "198", 35370, 23), "deny", id="what was refused is denied"),
    pytest.param(line(State.ENDED), ("in", "198", 35370, 23), "allow", id="what ends was allowed"),
]


@pytest.mark.parametrize(("one", "ends", "verdict"), ROWS)
def test_a_record_as_json(one: Any, ends: tuple[str, str, int, int], verdict: str) -> None:
    found = row(Seen(one._replace(remote="198.18.0.9"), "web", SSH))
    assert (found["direction"], found["source"][:3], found["sourcePort"], found["destinationPort"]) == ends
    assert (found["verdict"], found["rule"], found["port"], found["protocol"]) == (verdict, SSH, "web", 6)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("inbound", "packets"),
    [pytest.param(True, [3, 1], id="inward"), pytest.param(False, [1, 3], id="outward")],
)
def test_counters_are_from_the_source_first(inbound: bool, packets: list[int]) -> None:
    found = row(Seen(line(State.ENDED, (1, 10, 3, 30), inward=inbound), "web", ""))
    assert found["packets"] == packets
    assert found["bytes"] == [10 * p for p in packets]


def test_only_what_flows_depend_on_is_kept() -> None:
    async def act(told: Told) -> None:
        for entry in entries(LOG):
            assert told.logs._kept(entry) is not None
        assert told.logs._kept(LOG.sink) is None
        assert {type(e) for e in entries(LOG)} == {FlowLog, Port, Vrf, AccessList}

    run(Router(), act)


SUMMED = replace(LOG, analytics_s=600)


async def summed(told: Told) -> list[tuple[str, int]]:
    """Verdict and flows of each row."""
    rows = (await told.logs.answer(of_log("log"))).rows
    return [(r["FlowStatus_s"], r["AllowedInFlows_d"] + r["DeniedInFlows_d"]) for r in rows]


@pytest.mark.parametrize("written", [False, True], ids=["killed before it writes", "killed after it has written"])
def test_the_next_agent_goes_on_with_what_this_one_has_summed_up(tmp_path: Path, written: bool) -> None:
    async def first(told: Told) -> None:
        told.logs.replace(entries(SUMMED))
        await told.look()
        if written:
            await told.logs.write()
        await told.look(1)

    async def second(told: Told) -> None:
        told.logs.replace(entries(SUMMED))
        assert await summed(told) == [("A", 2), ("D", 1)]
        await told.look(2)
        assert await summed(told) == [("A", 3), ("D", 1)]
        await told.logs.write()

    async def third(told: Told) -> None:
        told.logs.replace(entries(SUMMED))
        assert await summed(told) == [("A", 3), ("D", 1)]

    another, one_more = ((key(remote_port=port), 1, number(SSH), 0.0) for port in (42000, 43000))
    run(Router(noted([SSH_FLOW, DENIED]), noted([another])), first, tmp_path)
    run(Router(noted([one_more])), second, tmp_path)
    run(Router(), third, tmp_path)


def test_a_log_that_sums_up_other_intervals_by_then_begins_anew(tmp_path: Path) -> None:
    async def first(told: Told) -> None:
        told.logs.replace(entries(SUMMED))
        await told.look()

    async def second(told: Told) -> None:
        told.logs.replace(entries(replace(SUMMED, analytics_s=3600)))
        assert await summed(told) == []

    run(Router(noted([SSH_FLOW])), first, tmp_path)
    run(Router(), second, tmp_path)
