"""Round trips, connections and throughput between machines, against a raw veth pair; and what 1,000 rules cost."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import networks, sandbox
from benchmarks.result import Goal, Result, against
from lazulite.drivers.linux import LinuxDriver, namespaces, netlink
from lazulite.forwarding.model import Guest
from lazulite.incremental import Delta
from tests.build import Lab, ref

TURNS = 7
SECONDS = 0.4
_RAW = "raw veth pair"
_RULES: dict[str, tuple[int, Callable[[int], Iterable[Any]]]] = {
    "no rules": (0, networks.random_rules),
    "10 rules": (10, networks.random_rules),
    "1,000 random rules": (1000, networks.random_rules),
    "1,000 nested rules": (1000, networks.nested_rules),
    "1,000 rules with catch-alls": (1000, networks.catch_all_rules),
}
_TEN = "10 rules"
_SEGMENTATION = (0x1F, 0x24)
"""``ETHTOOL_STSO``, ``ETHTOOL_SGSO``."""
_ETHTOOL = 0x8946
_PLACES = {"on one processor": 0, "on two processors": -1}
"""Where the asking end runs when the answering one has the first processor. Left alone, the scheduler chooses by what
else the machine does: on two, waking the other one costs more than any path; on one, all that a path costs shows."""


class Way(NamedTuple):
    """A way between two network namespaces."""

    source: int
    address: str


def paths() -> Iterator[Result]:
    """Everything about the data plane's speed."""
    sampled: dict[str, dict[str, list[float]]] = sandbox.run(sample)
    program = "probe in C" if shutil.which("gcc") else "probe in Python"
    for name, goal in (
        ("within a VNet, no rules", None),
        (f"within a VNet, {_TEN}", Goal(1.35)),
        ("within a VNet, 1,000 random rules", Goal(1.35)),
        ("across subnets, 10 rules", Goal(1.35)),
        ("across peering, 10 rules", Goal(1.6)),
    ):
        yield _row("UDP round trip", "udp", name, _RAW, sampled, goal, program)
        yield _row("TCP round trip", "tcp", name, _RAW, sampled, None, program)
        yield _row("TCP connection", "connect", name, _RAW, sampled, None, program)
        yield _row("TCP throughput", "flood", name, _RAW, sampled, Goal(0.95, at_least=True), program)
        yield _row(
            "TCP throughput without GSO", "flood without", name, _RAW, sampled, Goal(0.85, at_least=True), program
        )
        for place in _PLACES:
            yield _row(f"UDP round trip {place}", f"udp {place}", name, _RAW, sampled, None, program)
    for rules in list(_RULES)[2:]:
        name, ten = f"within a VNet, {rules}", f"within a VNet, {_TEN}"
        yield _row("new connection", "connect", name, ten, sampled, Goal(1.1), program)
        yield _row("established flow", "tcp", name, ten, sampled, Goal(1.1), program)


def _row(
    what: str, kind: str, name: str, peer: str, sampled: dict[str, dict[str, list[float]]], goal: Goal | None, note: str
) -> Result:
    pairs = list(zip(sampled[name][kind], sampled[peer][kind], strict=True))
    unit = "Gbit/s" if kind.startswith("flood") else "µs"
    return against(f"{what}: {name}" + ("" if peer == _RAW else f" against {_TEN}"), pairs, unit, peer, goal, note)


def sample() -> dict[str, dict[str, list[float]]]:
    """By path and kind, the figure of each turn: µs (median of its round trips), or Gbit/s."""
    with contextlib.ExitStack() as stack:
        ways = _ways(stack)
        program = probe_program()
        figures: dict[str, dict[str, list[float]]] = {name: {} for name in ways}
        with _served(ways, program):
            for kind in ("udp", "tcp", "connect", "flood"):
                _take_turns(figures, kind, kind, ways, program)
            for way, server in ways.values():
                for end in (way.source, server):
                    _segment_in_software(end)
            _take_turns(figures, "flood", "flood without", ways, program)
        processors = sorted(os.sched_getaffinity(0))
        with _held(processors[0]), _served(ways, program):
            for place, number in _PLACES.items():
                with _held(processors[number]):
                    _take_turns(figures, "udp", f"udp {place}", ways, program)
        return figures


@contextlib.contextmanager
def _served(ways: Mapping[str, tuple[Way, int]], program: list[str]) -> Iterator[None]:
    """The other ends of all ways answer."""
    with contextlib.ExitStack() as stack:
        for server in {server for _, server in ways.values()}:
            serve(stack, program, server)
        yield


@contextlib.contextmanager
def _held(processor: int) -> Iterator[None]:
    """What is started meanwhile stays on a processor."""
    former = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, former)


def _take_turns(
    figures: dict[str, dict[str, list[float]]],
    kind: str,
    label: str,
    ways: Mapping[str, tuple[Way, int]],
    program: list[str],
) -> None:
    for _ in range(TURNS):
        for name, (way, _server) in ways.items():
            figures[name].setdefault(label, []).append(_measure(program, kind, way))


def _measure(program: list[str], kind: str, way: Way) -> float:
    found = measured(program, kind, way)
    return found["rate"] * 8e-9 if kind == "flood" else found["p50_us"]


def measured(program: list[str], kind: str, way: Way) -> dict[str, float]:
    """Rate a second, median and 99th percentile in µs, of what nothing was lost of."""
    port = networks.PORT + (1 if kind == "flood" else 0)
    words = [*program, kind, way.address, str(port), str(SECONDS)]
    process = sandbox.start_inside(way.source, words, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(process.communicate(timeout=30)[0])
    if found["lost"]:
        raise RuntimeError(f"{kind} to {way.address} lost {found['lost']}")
    return found


def _ways(stack: contextlib.ExitStack) -> dict[str, tuple[Way, int]]:
    """Paths by name, each with the namespace of its server."""
    found = {_RAW: _raw(stack)}
    driver = LinuxDriver()
    stack.callback(driver.close)
    lab, ends = _lab()
    model = lab.compile()
    refusals = driver.apply(Delta(networks.entries(model)))
    if refusals:
        raise RuntimeError(str(refusals[:3]))
    ids = {g.label: g.name for g in model.all(Guest).values()}
    for name, (source, target, address) in ends.items():
        one, other = (os.dup(driver.descriptor(ids[vm])) for vm in (source, target))
        found[name] = Way(one, address), other
    return found


def _raw(stack: contextlib.ExitStack) -> tuple[Way, int]:
    ends = [stack.enter_context(sandbox.namespace()) for _ in range(2)]
    routes = []
    for end in ends:
        with namespaces.inside(end):
            routes.append(stack.enter_context(contextlib.closing(netlink.Socket())))
    near, far = (netlink.End("eth0", 7 + n, f"02:00:00:00:00:0{n + 1}") for n in range(2))
    answers = routes[0].send([netlink.veth(near, far, ends[1], 1500)])
    for number, route in enumerate(routes):
        own, other = f"192.0.2.{1 + number}", f"192.0.2.{2 - number}"
        index = 7 + number
        answers += route.send(
            [
                netlink.set_up("lo"),
                netlink.set_up("eth0"),
                netlink.address(index, f"{own}/32"),
                netlink.route(f"{other}/32", netlink.MAIN, netlink.ROUTE_UNICAST, index),
            ]
        )
    if any(answers):
        raise RuntimeError(f"no raw veth pair: {answers}")
    return Way(ends[0], "192.0.2.2"), ends[1]


def _lab() -> tuple[Lab, dict[str, tuple[str, str, str]]]:
    """A network with a pair of machines per set of rules, and by path who talks to whom at which address."""
    lab = Lab()
    lab.vnet("hub", "10.0.0.0/16", subnets={"app": "10.0.1.0/24", "db": "10.0.2.0/24"})
    lab.vnet("spoke", "10.1.0.0/16", subnets={"app": "10.1.1.0/24"})
    for one, other in (("hub", "spoke"), ("spoke", "hub")):
        lab.peer(one, other, allowVirtualNetworkAccess=True)
    ends = {}
    for number, (rules, (count, write)) in enumerate(_RULES.items()):
        lab.put("networkSecurityGroups", f"g{number}", {"securityRules": list(write(count))})
        for side in (0, 1):
            _machine(lab, f"m{number}-{side}", "hub/app", f"10.0.1.{10 + 2 * number + side}", f"g{number}")
        ends[f"within a VNet, {rules}"] = f"m{number}-0", f"m{number}-1", f"10.0.1.{11 + 2 * number}"
    _machine(lab, "db", "hub/db", "10.0.2.4", "g1")
    _machine(lab, "far", "spoke/app", "10.1.1.4", "g1")
    ends["across subnets, 10 rules"] = "m1-0", "db", "10.0.2.4"
    ends["across peering, 10 rules"] = "m1-0", "far", "10.1.1.4"
    return lab, ends


def _machine(lab: Lab, name: str, subnet: str, address: str, group: str) -> None:
    lab.nic(name, subnet, address, networkSecurityGroup=ref("networkSecurityGroups", group))
    lab.vm(name, name)


def probe_program() -> list[str]:
    """The probe: compiled now if there is a compiler, else in Python."""
    here = Path(__file__).parent
    if shutil.which("gcc") is None:
        return [sys.executable, str(here / "wire.py")]
    made = Path("/run/wire")
    subprocess.run(["gcc", "-O2", "-pthread", "-o", str(made), str(here / "wire.c")], check=True)
    return [str(made)]


def serve(stack: contextlib.ExitStack, program: list[str], server: int) -> None:
    """Start the other end of the probe in a namespace."""
    words = [*program, "serve", str(networks.PORT)]
    process = sandbox.start_inside(server, words, stdout=subprocess.PIPE)
    stack.callback(process.wait)
    stack.callback(process.kill)
    assert process.stdout is not None
    process.stdout.readline()


def _segment_in_software(namespace: int) -> None:
    """Turn segmentation offload off on ``eth0``."""
    with namespaces.inside(namespace):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with opened:
        for command in _SEGMENTATION:
            value = bytearray(struct.pack("II", command, 0))
            address = ctypes.addressof(ctypes.c_char.from_buffer(value))
            fcntl.ioctl(opened, _ETHTOOL, struct.pack("16sP16x", b"eth0", address))
