"""From nothing to a first ping, the demo, and what an idle lab holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.result import Goal, Result, alone
from lazulite.cli import start
from lazulite.drivers.linux import anchor
from lazulite.testing import Lab, lab, vm

TURNS = 5


def starting() -> Iterator[Result]:
    """Cold start, idle memory, demo."""
    with lab() as one:
        subnets = [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]
        space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
        one.put("virtualNetworks/net", {"properties": space})
        machines = [vm(one, f"vm{number}", "virtualNetworks/net/subnets/s") for number in range(2)]
        seconds = [_cold_start(one, machines[1].address) for _ in range(TURNS)]
        yield alone("`up` to first ping", seconds, "s", Goal(2, "ours"), "two VMs in the store")
        yield from _memory(one)
    demo = [_demo() for _ in range(2)]
    yield alone("demo of a hub and spokes", [s for s, _ in demo], "s", Goal(10, "ours"), f"{demo[0][1]} rows proven")


def _cold_start(one: Lab, address: str) -> float:
    one.close()
    began = time.monotonic()
    one.start_controller()
    ping = one.exec("vm0", ["ping", "-c1", "-W5", address])
    if ping.returncode:
        raise RuntimeError(ping.stdout + ping.stderr)
    return time.monotonic() - began


def _memory(one: Lab) -> Iterator[Result]:
    """Proportional set sizes: shared pages are counted once."""
    found = anchor.find(one.directory)
    if found is None:
        raise RuntimeError("the lab has no anchor")
    parts = {"controller": [one.connection.pid], "agent": agents(one.directory), "anchor": [found.launcher, found.pid]}
    total = sum(_pss_mb(pid) for pids in parts.values() for pid in pids)
    remark = ", ".join(f"{name} {sum(map(_pss_mb, pids)):.0f}" for name, pids in parts.items())
    yield alone("idle memory of the control plane", [total], "MB", Goal(150, "ours"), remark)


def agents(directory: Path) -> list[int]:
    """Processes that run the agent of a lab."""
    wanted = ["lazulite.agent", str(directory)]
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if all(word in words for word in wanted):
            found.append(int(path.parent.name))
    return found


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _demo() -> tuple[float, int]:
    """Seconds of ``lazulite demo`` in a fresh home, and the rows it proved. Raises when one is not as designed."""
    with tempfile.TemporaryDirectory(prefix="lazulite-bench-") as home:
        began = time.monotonic()
        words = [str(Path(sys.executable).with_name("lazulite")), "demo", "--json"]
        try:
            done = subprocess.run(
                words, env=os.environ | {"LAZULITE_HOME": home}, capture_output=True, text=True, check=True
            )
            return time.monotonic() - began, len(json.loads(done.stdout)["rows"])
        finally:
            start.stop(Path(home, "default"))
