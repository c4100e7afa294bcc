"""The map of machines that are really there: as many as ``LAZULITE_MACHINES`` says, with packets between some."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.portal import chromium, first_map, furnished, memory_kb, tabs, ticks
from benchmarks.result import Goal, Result, alone
from benchmarks.starting import agents
from lazulite.testing import Lab

MACHINES = int(os.environ.get("LAZULITE_MACHINES", "100"))
TALKING = 20
"""Machines that ping another five times a second, so that rates change with every beat."""
WATCHED_S = 20.0
READINGS = 20
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def portal_real() -> Iterator[Result]:
    began = time.perf_counter()
    with furnished(MACHINES, memory=False) as one:
        note = f"made in {time.perf_counter() - began:.0f} s"
        pids = [one.connection.pid, *agents(one.directory)]
        yield alone(f"memory of controller and agent, {MACHINES} machines", [sum(map(memory_kb, pids)) / 1024], "MB")
        yield _readings(one, pids[1:])
        with _talk(one):
            with chromium() as browser:
                if browser is not None:
                    yield from first_map(one, browser, f"{MACHINES} real machines", note)
            yield _idle(pids, "nobody looks")
            yield from tabs(one, f" of {MACHINES} real machines")


def _idle(pids: list[int], when: str) -> Result:
    """Percent of a core of controller and agent together."""
    before, began = sum(map(ticks, pids)), time.perf_counter()
    time.sleep(WATCHED_S)
    busy = (sum(map(ticks, pids)) - before) * _TICK_MS / 1000 / (time.perf_counter() - began)
    return alone(f"controller and agent while {when}", [100 * busy], "% of a core")


def _readings(one: Lab, agent: list[int]) -> Result:
    """What the agent works for one reading of all counters, which it makes once a minute: as part of that minute. A
    question for metrics has it read at most once a second."""
    path = f"{one.client.subscription}/providers/Microsoft.Insights/metrics?api-version=2023-10-01&interval=FULL&top=1"
    question = f"{path}&metricnamespace=Microsoft.Compute/virtualMachines"
    before = sum(map(ticks, agent))
    for _ in range(READINGS):
        one.client.get(question)
        time.sleep(1.05)
    taken_ms = (sum(map(ticks, agent)) - before) * _TICK_MS / READINGS
    name = f"keeping minutes of {MACHINES} machines: the agent, with answers"
    return alone(name, [100 * taken_ms / 60_000], "% of a core", Goal(0.1, "ours"), f"{taken_ms:.1f} ms a reading")


@contextmanager
def _talk(one: Lab) -> Iterator[None]:
    """Some machines ping their neighbours meanwhile."""
    addresses = {g["name"]: g["addresses"][0] for g in one.client.get("/lazulite/guests")["value"]}
    pinging = []
    for number in range(min(TALKING, MACHINES // 2 * 2)):
        argv = ["ping", "-q", "-i", "0.2", "-w", "900", addresses[f"vm{number ^ 1}"]]
        entered = one.client.post("/lazulite/enter", {"name": f"vm{number}", "argv": argv, "term": ""})["argv"]
        pinging.append(subprocess.Popen(entered, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
    try:
        yield
    finally:
        for process in pinging:
            process.terminate()
            process.wait()
