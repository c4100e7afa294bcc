"""Flow logs: decisions that no record tells of, what records cost, and what being recorded costs a machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import networks, sandbox
from benchmarks.balancing import Figures, in_turns, paired
from benchmarks.paths import Way, probe_program, serve
from benchmarks.result import Goal, Result, against, alone
from lazulite.agent.collecting import collect_seldom
from lazulite.agent.flow_logs import FlowLogs
from lazulite.drivers.linux import LinuxDriver
from lazulite.engines.storage.memory import MemoryBlobs
from lazulite.forwarding.model import Action, FlowLog, FlowLogFormat, Rule, Sink
from lazulite.incremental import Delta
from lazulite.telemetry.book import QUIET_S
from lazulite.values import Direction
from tests.drivers.worlds import access_list
from tests.packets.copies import machines

FLOODS, SECONDS = 3, 5.0
GOAL_RATE = 5_000
_CLIENTS = (0, 2, 4)
_SERVER = 1
_NIC = "/one/nic{}"
_PLAIN = "another machine of the same network, not recorded"
_UNRECORDED = "the same network with no log"


def recording() -> Iterator[Result]:
    """Connections at full speed to a recorded machine; round trips of one that is recorded and one that is not."""
    found: dict[str, Any] = sandbox.run(sample)
    figures: Figures = found["ways"]
    for kind in ("udp", "tcp", "connect"):
        unit = "a second" if kind == "connect" else "µs"
        yield against(f"flow-log, {kind}", paired(figures, kind, "recorded", "plain"), unit, _PLAIN)
        yield against(f"flow-log, {kind} beside", paired(figures, kind, "plain", "none"), unit, _UNRECORDED)
    rates, lost, shares = zip(*found["floods"], strict=True)
    note = f"of {sum(rates) * SECONDS:,.0f} connections at {min(rates):,.0f} to {max(rates):,.0f} a second"
    yield alone("flow-log-lost", [sum(lost)], "records", Goal(0, "ours"), note)
    yield alone(f"flow-log-cost at {GOAL_RATE:,} connections a second", shares, "% of a core", Goal(15, "ours"))


def sample() -> dict[str, Any]:
    """The figure of each turn by way and kind; of each flood connections a second, lost records, and the share."""
    rule = Rule(100, Action.ALLOW, origin="every")
    listed = access_list("in", Direction.INGRESS, (rule,))
    entries = [*machines(5, ingress=("in",)), listed]
    ports = (_NIC.format(_SERVER), _NIC.format(3))
    log = FlowLog("log", ports, ("in",), FlowLogFormat.GROUP_2, "GROUP", "guid", Sink("a", "c", "p/"))
    with _driver([*entries, log]) as driver, contextlib.ExitStack() as stack:
        program = probe_program()
        for server in (_SERVER, 4):
            serve(stack, program, driver.descriptor(f"/one/vm{server}"))
        floods = [_flood(driver, program, [*entries, log]) for _ in range(FLOODS)]
        return {"ways": _ways(driver, program, log), "floods": floods}


def _ways(driver: LinuxDriver, program: list[str], log: FlowLog) -> Figures:
    """Recorded ends, and ends that are not beside them; then the latter once more when nothing is recorded."""
    recorded = Way(os.dup(driver.descriptor("/one/vm3")), "10.0.0.5")
    plain = Way(os.dup(driver.descriptor("/one/vm0")), "10.0.0.8")
    kinds = ("udp", "tcp", "connect")
    figures = in_turns(program, {"recorded": recorded, "plain": plain}, {"recorded": kinds, "plain": kinds})
    _expect(driver.apply(Delta({}, {log.key: log})))
    return figures | in_turns(program, {"none": plain}, {"none": kinds})


@contextlib.contextmanager
def _driver(entries: list[Any]) -> Iterator[LinuxDriver]:
    driver = LinuxDriver()
    with contextlib.closing(driver):
        _expect(driver.apply(Delta({e.key: e for e in entries})))
        yield driver


def _expect(refusals: list[Any]) -> None:
    if refusals:
        raise RuntimeError(str(refusals[:3]))


def _flood(driver: LinuxDriver, program: list[str], entries: list[Any]) -> tuple[float, int, float]:
    """Connections a second that the kernel let in, how many of them no record begins, and percent of a core that the
    recording takes at the goal's rate."""
    before = driver.counters()["every"][0]
    with tempfile.TemporaryDirectory() as directory:
        recorder = _Recorder(entries, Path(directory))
        recorder.start()
        ways = [Way(driver.descriptor(f"/one/vm{n}"), "10.0.0.5") for n in _CLIENTS]
        began = time.monotonic()
        clients = [_connecting(program, way) for way in ways]
        for client in clients:
            client.wait(timeout=60)
        rate = (driver.counters()["every"][0] - before) / (time.monotonic() - began)
        recorder.finish()
    decided = driver.counters()["every"][0] - before
    return rate, decided - recorder.begun(), 100 * recorder.cpu_s / (decided / GOAL_RATE)


def _connecting(program: list[str], way: Way) -> subprocess.Popen[str]:
    words = [*program, "connect", way.address, str(networks.PORT), str(SECONDS)]
    return sandbox.start_inside(way.source, words, stdout=subprocess.DEVNULL)


class _Recorder(threading.Thread):
    """The agent's part, in a thread with a loop of its own; all that this process works meanwhile is its."""

    def __init__(self, entries: list[Any], directory: Path) -> None:
        super().__init__()
        self._entries, self._directory, self._blobs = entries, directory, MemoryBlobs()
        self._over, self._ready = threading.Event(), threading.Event()
        self.cpu_s = 0.0

    def start(self) -> None:
        super().start()
        self._ready.wait(30)

    def run(self) -> None:
        asyncio.run(self._record())

    async def _record(self) -> None:
        collect_seldom()  # as the agent does
        logs = FlowLogs(self._blobs, lambda told: None, self._directory)
        logs.replace(self._entries)
        await logs.look()
        before = time.process_time()
        self._ready.set()
        while not self._over.is_set():
            await asyncio.sleep(0.1)
        await logs.look()
        await asyncio.sleep(2 * QUIET_S)  # what a flood leaves is not for the next one to begin
        await logs.look()
        await logs.write()
        self.cpu_s = time.process_time() - before
        await logs.close()

    def finish(self) -> None:
        """Take and write what is left."""
        self._over.set()
        self.join()

    def begun(self) -> int:
        """Records that begin a flow."""
        documents = (json.loads(b"".join(d for _, d in blocks)) for blocks in self._blobs.held.values())
        flows = (f for d in documents for r in d["records"] for f in r["properties"]["flows"])
        return sum(text.endswith(",B,,,,") for f in flows for text in f["flows"][0]["flowTuples"])
