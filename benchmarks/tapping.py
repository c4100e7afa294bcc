"""Virtual network TAP: what it costs the machine whose packets are copied, and whether any frame is not."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import sandbox
from benchmarks.balancing import Figures, driven, in_turns, paired
from benchmarks.paths import Way, measured, probe_program, serve
from benchmarks.result import Goal, Result, against, alone
from lazulite.drivers.linux import namespaces
from tests.packets.copies import IDENTIFIER, machines, source, tap

FLOODS, RATE, SECONDS = 5, 50_000, 3
SMALL = 7100
_PLAIN = "another machine of the same network, not tapped"
_STEADY = """
import socket, sys, time
address, port, rate, seconds = sys.argv[1], *map(int, sys.argv[2:])
opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
opened.connect((address, port))
began = time.perf_counter()
for tick in range(seconds * 1000):
    while time.perf_counter() - began < tick / 1000:
        pass
    for _ in range(rate // 1000):
        opened.send(b"small packet")
print(time.perf_counter() - began)
"""


def tapping() -> Iterator[Result]:
    """Round trips and throughput of a tapped machine against one that is not; frames that the collector misses."""
    found: dict[str, Any] = sandbox.run(sample)
    figures: Figures = found["ways"]
    for kind in ("udp", "tcp"):
        yield against(f"tap-round-trip-{kind}", paired(figures, kind, "tapped", "plain"), "µs", _PLAIN, Goal(1.4))
    yield against("tap-throughput", paired(figures, "flood", "tapped", "plain"), "Gbit/s", _PLAIN)
    for what, label in (("flood", "full TCP load"), ("small", f"{RATE:,} small packets a second")):
        sent, missed, rate = (sum(part) for part in zip(*found[what], strict=True))
        note = f"of {sent:,.0f} frames; {rate / len(found[what]):,.4g} {'Gbit/s' if what == 'flood' else 'a second'}"
        yield alone(f"tap-missed, {label}", [missed], "frames", Goal(0, "ours"), note)


def sample() -> dict[str, Any]:
    """The figure of each turn by way and kind; and of each load, the frames of the tapped interface, those of them that
    the collector did not get, and how much it was."""
    with driven([*machines(4), tap(), source(0)]) as guest, contextlib.ExitStack() as stack:
        program, collector = probe_program(), guest("/one/vm2")
        serve(stack, program, guest("/one/vm1"))
        _decode(collector)
        ways = {"tapped": Way(guest("/one/vm0"), "10.0.0.5"), "plain": Way(guest("/one/vm3"), "10.0.0.5")}
        found: dict[str, Any] = {"ways": in_turns(program, ways, dict.fromkeys(ways, ("udp", "tcp")))}
        for _ in range(FLOODS):
            for name, way in ways.items():
                gigabits = measured(program, "flood", way)["rate"] * 8e-9
                found["ways"][name].setdefault("flood", []).append(gigabits)
        tapped = ways["tapped"]
        loads: dict[str, Callable[[], float]] = {
            "flood": lambda: measured(program, "flood", tapped)["rate"] * 8e-9,
            "small": lambda: steady(tapped),
        }
        with namespaces.inside(guest("/one/vm1")):
            sink = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sink.bind(("", SMALL))
        for what, load in loads.items():
            found[what] = [_missed(tapped.source, collector, load) for _ in range(FLOODS if what == "flood" else 2)]
        return found


def _decode(collector: int) -> None:
    """A VXLAN device, as an administrator makes one."""
    said = f"type vxlan id {IDENTIFIER} dstport 4789 dev eth0"
    for command in (f"link add copies {said}", "link set copies mtu 1500 up addrgenmode none"):
        _run(collector, f"ip {command}")


def _run(namespace: int, command: str) -> str:
    process = sandbox.start_inside(namespace, command.split(), stdout=subprocess.PIPE)
    output = process.communicate(timeout=30)[0]
    if process.returncode != 0:
        raise RuntimeError(command)
    return output


def steady(way: Way) -> float:
    """Send small datagrams at a steady rate to a socket that nobody reads; how many a second it was."""
    words = [sys.executable, "-c", _STEADY, way.address, str(SMALL), str(RATE), str(SECONDS)]
    process = sandbox.start_inside(way.source, words, stdout=subprocess.PIPE)
    return RATE * SECONDS / float(process.communicate(timeout=60)[0])


def _missed(tapped: int, collector: int, load: Callable[[], float]) -> tuple[int, int, float]:
    """Frames that the tapped interface sent and got, those that the collector did not decode, and how much it was."""
    before = _frames(tapped, "eth0"), _frames(collector, "copies", "rx")
    rate = load()
    end = time.monotonic() + sandbox.PATIENCE_S / 10
    while True:
        sent = _frames(tapped, "eth0") - before[0]
        missed = sent - (_frames(collector, "copies", "rx") - before[1])
        if missed <= 0 or time.monotonic() > end:
            return sent, max(missed, 0), rate
        time.sleep(0.05)


def _frames(namespace: int, interface: str, *ways: str) -> int:
    said = json.loads(_run(namespace, f"ip -s -j link show {interface}"))[0]["stats64"]
    return sum(int(said[way]["packets"]) for way in ways or ("rx", "tx"))
