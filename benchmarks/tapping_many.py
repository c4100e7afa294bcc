"""As many TAPs as Azure lets a region have, each with as many interfaces: applied, changed, and copying. In processor
time."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks import networks, sandbox
from benchmarks.networks import Bulk
from benchmarks.result import Goal, Result, alone
from lazulite.compiler.engine import Compiler
from lazulite.drivers.linux import LinuxDriver, namespaces
from lazulite.forwarding.model import Port
from lazulite.incremental import Delta
from lazulite.services import SERVICES
from tests.build import ref, resource_id

SIZES = ((10, 100), (100, 100))
"""TAPs, and interfaces of each. Source: "Azure subscription and service limits", virtual network TAP."""
TURNS, PORT, AT_ONCE = 20, 4789, 5_000
"""Of entries: a driver holds descriptors of all machines of one change."""
CHANGE_MS = Goal(300, "ours")
"""As for other changes of a network of that size."""
WORD = b"a packet of a tapped machine"


def tapping_many() -> Iterator[Result]:
    """What TAPs cost beside their machines, at a tenth of the limits and at the limits."""
    for taps, each in SIZES:
        found = sandbox.run(sample, taps, each)
        size, count = f"{taps} TAPs of {each} interfaces", taps * each
        yield alone(f"{size}: compile", [1e3 * found["compile"] / count], "ms a source")
        yield alone(
            f"{size}: apply", [1e3 * found["apply"] / count], "ms a source", None, f"{found['apply']:,.3g} s in all"
        )
        yield alone(f"{size}: memory", [found["memory"] / count], "kB a source", None, "of the whole computer")
        for what in CHANGES:
            times = [1e3 * s for s in found[what]]
            yield alone(f"{size}: {what}, p95", [quantiles(times, n=20)[18]], "ms", CHANGE_MS, "compiled and applied")
        note = f"of {taps}: a packet from the first and the last interface of each TAP"
        yield alone(f"{size}: collectors that miss a copy", [found["missing"]], "", Goal(0, "ours"), note)


def sample(taps: int, each: int) -> dict[str, Any]:
    """Seconds and kilobytes that TAPs need beside their machines, seconds of changes, and copies that did not come."""
    bulk, compiler, found = networks.flat(taps * each + taps), Compiler(SERVICES), dict[str, Any]()
    driver = LinuxDriver()
    with contextlib.closing(driver):
        machines = list(compiler.advance(bulk.snapshot).changed.items())
        for start in range(0, len(machines), AT_ONCE):
            _apply(driver, Delta(dict(machines[start : start + AT_ONCE])))
        for number in range(taps):
            _tap(bulk, number, PORT, taps * each + number)
        for number in range(taps * each):
            _copied(bulk, number, number // each)
        touched, before, began = bulk.flush(), _used_kb(), time.process_time()
        tapped = compiler.advance(bulk.snapshot, touched)
        found["compile"], began = time.process_time() - began, time.process_time()
        _apply(driver, tapped)
        found["apply"], found["memory"] = time.process_time() - began, _used_kb() - before
        found["missing"] = _missing(bulk, driver, taps, each)
        for what, write in CHANGES.items():
            found[what] = [_changed(bulk, compiler, driver, write, taps * each, turn) for turn in range(TURNS)]
    return found


def _changed(bulk: Bulk, compiler: Compiler, driver: LinuxDriver, write: Change, last: int, turn: int) -> float:
    write(bulk, last, turn)
    touched, began = bulk.flush(), time.process_time()
    _apply(driver, compiler.advance(bulk.snapshot, touched))
    return time.process_time() - began


def _apply(driver: LinuxDriver, delta: Delta[Any, Any]) -> None:
    refused = driver.apply(delta)
    if refused:
        raise RuntimeError(str(refused[:3]))


def _tap(bulk: Bulk, number: int, port: int, collector: int) -> None:
    there = resource_id("networkInterfaces", f"nic{collector}").child("ipConfigurations", "ip0").text
    said = {"destinationNetworkInterfaceIPConfiguration": {"id": there}, "destinationPort": port}
    bulk.put("virtualNetworkTaps", f"tap{number}", said)


def _copied(bulk: Bulk, machine: int, tap: int | None) -> None:
    """Have a machine's interface copied to a TAP, or not any more."""
    kind = f"Microsoft.Network/networkInterfaces/nic{machine}/tapConfigurations"
    if tap is None:
        bulk.delete(kind, "copies")
        return
    bulk.put(kind, "copies", {"virtualNetworkTap": ref("virtualNetworkTaps", f"tap{tap}")}, location=None)


def _used_kb() -> int:
    """Of the whole computer: the kernel's part is nobody's own."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return found["MemTotal"] - found["MemAvailable"]


def _missing(bulk: Bulk, driver: LinuxDriver, taps: int, each: int) -> int:
    """Collectors that did not get a copy of what the first and the last source of their TAP sent."""
    missing, ports = 0, {p.guest: p for p in bulk.compile().all(Port).values()}
    guests = {name.rpartition("/")[2]: name for name in ports if name is not None}
    for number in range(taps):
        collector = guests[f"vm{taps * each + number}"]
        for source in (number * each, number * each + each - 1):
            with _listening(driver.descriptor(collector)) as opened:
                address = str(ports[collector].addresses[0])
                with namespaces.inside(driver.descriptor(guests[f"vm{source}"])), _datagrams() as sending:
                    sending.sendto(WORD, (address, 9))
                missing += not _came(opened)
    return missing


def _datagrams() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def _listening(collector: int) -> socket.socket:
    with namespaces.inside(collector):
        opened = _datagrams()
        opened.bind(("", PORT))
    opened.settimeout(sandbox.PATIENCE_S / 10)
    return opened


def _came(opened: socket.socket) -> bool:
    """Whether a copy of the word comes; copies of ARP and of others' frames may be first."""
    try:
        while WORD not in opened.recv(4096):
            pass
    except TimeoutError:
        return False
    return True


Change = Callable[[Bulk, int, int], None]
"""Writes what differs in a turn, with the number of the first collector's machine."""
CHANGES: dict[str, Change] = {
    "one source less, one more": lambda bulk, last, turn: _copied(bulk, 0, 0 if turn % 2 else None),
    "one source to another TAP": lambda bulk, last, turn: _copied(bulk, 0, 1 - turn % 2),
    "another port for a TAP": lambda bulk, last, turn: _tap(bulk, 0, PORT + 1 - turn % 2, last),
}
