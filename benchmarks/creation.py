"""Creation and removal of machines: the driver against the bare floor and against Mininet."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import floor, networks, sandbox
from benchmarks.result import Goal, Result, against, alone
from lazulite.drivers.linux import LinuxDriver, namespaces
from lazulite.forwarding.model import ForwardingModel, Port
from lazulite.incremental import Delta

COUNTS = (100, 500, 1000)
TURNS = 5
_MININET_MOST = 500
"""Machines up to which Mininet is measured: at 1,000 it takes minutes."""
_MININET_PYTHON = "/usr/bin/python3"


def creation() -> Iterator[Result]:
    """Machines created and removed, and one more beside them."""
    for count in COUNTS:
        machines = machines_of(networks.flat(count).compile())
        pairs = [(sandbox.run(driver, count), sandbox.run(floor.sample, machines)) for _ in range(TURNS)]
        yield from _compared(count, pairs)
        if count <= _MININET_MOST:
            yield from _mininet(count, [ours for ours, _ in pairs])


def _compared(count: int, pairs: list[tuple[dict[str, float], dict[str, float]]]) -> Iterator[Result]:
    def both(what: str) -> list[tuple[float, float]]:
        return [(ours[what], peer[what]) for ours, peer in pairs]

    def ours(what: str) -> list[float]:
        return [sample[what] for sample, _ in pairs]

    milliseconds = [(1e3 * a / count, 1e3 * b / count) for a, b in both("create")]
    yield against(f"create {count} VMs", milliseconds, "ms a VM", "bare netlink", Goal(1.5))
    removal = Goal(1.0, "ours") if count == 500 else None
    yield against(f"remove {count} VMs", both("remove"), "s", "closing bare namespaces", removal)
    more = Goal(50, "ours") if count == 1000 else None
    yield alone(f"one more VM beside {count}", [1e3 * s for s in ours("one more")], "ms", more)
    yield alone(f"adopt {count} VMs after a restart", ours("adopt"), "s")


def machines_of(model: ForwardingModel) -> list[tuple[str, str, str]]:
    """Address, MAC and gateway of every interface."""
    ports = model.all(Port).values()
    return [(str(p.addresses[0]), p.mac.replace("-", ":"), str(p.gateways[0].network_address + 1)) for p in ports]


def driver(count: int, dual: bool = False) -> dict[str, float]:
    """Seconds for the driver to create *count* machines from a compiled model, add one, adopt all and remove all."""
    bulk = networks.flat(count, dual=dual)
    wanted = networks.entries(bulk.compile())
    networks.machine(bulk, count, dual)
    bulk.flush()
    more = {k: e for k, e in networks.entries(bulk.compile()).items() if wanted.get(k) != e}
    sandbox.settle()
    seconds: dict[str, float] = {}
    one = LinuxDriver()
    began = time.perf_counter()
    _done(one.apply(Delta(wanted)))
    seconds["create"] = time.perf_counter() - began
    began = time.perf_counter()
    _done(one.apply(Delta(more)))
    seconds["one more"] = time.perf_counter() - began
    one.close()
    everything = wanted | more
    other = LinuxDriver()
    began = time.perf_counter()
    _done(other.adopt(list(everything.values())))
    seconds["adopt"] = time.perf_counter() - began
    began = time.perf_counter()
    _done(other.apply(Delta({}, everything)))
    sandbox.settle()
    seconds["remove"] = time.perf_counter() - began
    _done(namespaces.names())
    return seconds


def _done(left: list[Any]) -> None:
    if left:
        raise RuntimeError(f"not as asked for: {left[:5]}")


def _mininet(count: int, ours: list[dict[str, float]]) -> Iterator[Result]:
    if not _has_mininet():
        return
    script = Path(__file__).with_name("mininet_hosts.py")
    words = [*sandbox.command(), _MININET_PYTHON, str(script), str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    peer = json.loads(done.stdout.splitlines()[-1])
    note = "one run of Mininet"
    created = [(1e3 * s["create"] / count, 1e3 * peer["create"] / count) for s in ours]
    yield against(f"create {count} VMs, Mininet", created, "ms a VM", "Mininet", Goal(0.1), note)
    removed = [(s["remove"], peer["remove"]) for s in ours]
    yield against(f"remove {count} VMs, Mininet", removed, "s", "Mininet", None, note)


def _has_mininet() -> bool:
    """Whether the system's Python finds Mininet, installed now if it was absent."""
    if not _finds_mininet():
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"]
        subprocess.run([*as_root, *install, "--no-install-recommends", "mininet"], capture_output=True, check=False)
    return _finds_mininet()


def _finds_mininet() -> bool:
    done = subprocess.run([_MININET_PYTHON, "-c", "import mininet"], capture_output=True, check=False)
    return done.returncode == 0
