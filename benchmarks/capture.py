"""Packet capture under a steady load of small packets: what the kernel had to leave out, and processor time."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import sandbox
from benchmarks.balancing import driven
from benchmarks.paths import Way
from benchmarks.result import Goal, Result, against, alone
from benchmarks.tapping import RATE, SECONDS, SMALL, steady
from lazulite.drivers.linux import names, namespaces
from lazulite.engines.capture.classic import program
from lazulite.forwarding.model import CaptureFilter
from lazulite.values import Protocol
from tests.captures import Recorder
from tests.packets.edges import machines

_TURNS = 3
_NIC = names.nic("guid /one/nic0")
_TICKS = os.sysconf("SC_CLK_TCK")
_UDP = program([CaptureFilter(Protocol.UDP)])
_TCPDUMP = ["tcpdump", "-Z", "root", "-B", "32768", "-n", "-i", _NIC, "-w"]


def capture() -> Iterator[Result]:
    """A machine that sends small datagrams, captured by ours and by tcpdump, in turns."""
    found: dict[str, list[list[float]]] = sandbox.run(sample)
    ours, peer = found["ours"], found["tcpdump"]
    note = f"of {sum(f[0] for f in ours):,.0f} packets; {sum(f[3] for f in ours) / len(ours):,.0f} a second"
    limit = Goal(0, "ours")
    yield alone("capture-lost", [sum(f[1] for f in ours)], "packets", limit, note)
    yield alone("capture-missing-in-file", [sum(f[0] - f[4] for f in ours)], "packets", limit, note)
    pairs = [(100 * o[2] / SECONDS, 100 * p[2] / SECONDS) for o, p in zip(ours, peer, strict=True)]
    lost = f"which lost {sum(f[1] for f in peer):,.0f}"
    yield against(
        "capture-processor", pairs, "% of a core", f"tcpdump -w, {lost}", note=f"at {RATE:,} packets a second"
    )


def sample() -> dict[str, list[list[float]]]:
    """Each turn of each: packets sent, packets lost, seconds of processor, the rate, and packets in the file."""
    with driven(machines(2)) as guest, tempfile.TemporaryDirectory() as directory:
        way = Way(guest("/one/vm0"), "10.0.0.5")
        with namespaces.inside(guest("/one/vm1")):
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sink:
            sink.bind(("", SMALL))
            router = namespaces.open(names.router("/one"))
            found: dict[str, list[list[float]]] = {"ours": [], "tcpdump": []}
            for _ in range(_TURNS):
                found["ours"].append(_recorded(way, Path(directory, "ours")))
                found["tcpdump"].append(_dumped(way, router, Path(directory, "tcpdump")))
            os.close(router)
            return found


def _recorded(way: Way, path: Path) -> list[float]:
    recorder = Recorder(path, [("nic0", names.router("/one"), _NIC)], ng=True, code=_UDP)
    rate = steady(way)
    spent = _spent_s(recorder.process.pid)
    done = recorder.stop()
    lost = sum(source[3] for source in done["sources"])
    return [RATE * SECONDS, lost, spent, rate, done["packets"]]


def _dumped(way: Way, router: int, path: Path) -> list[float]:
    pipe = subprocess.PIPE
    process = sandbox.start_inside(router, [*_TCPDUMP, str(path), "udp"], stdout=pipe, stderr=pipe)
    _await_file(path)
    rate = steady(way)
    spent = _spent_s(process.pid)
    process.send_signal(signal.SIGINT)
    said: Any = process.communicate(timeout=60)[1]
    count = {word: int(number) for number, word in re.findall(r"(\d+) packets? (captured|dropped by kernel)", said)}
    return [RATE * SECONDS, count["dropped by kernel"], spent, rate, count["captured"]]


def _await_file(path: Path) -> None:
    end = time.monotonic() + sandbox.PATIENCE_S
    while not path.exists():
        if time.monotonic() > end:
            raise RuntimeError("tcpdump does not begin")
        time.sleep(0.05)


def _spent_s(pid: int) -> float:
    """Processor time of a process, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
