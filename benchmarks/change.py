"""How soon packets obey a PUT: a rule and a route, in a real lab, with a flow beside them that must lose nothing."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

from benchmarks.result import Goal, Result, alone
from lazulite.cli.guest import entry
from lazulite.testing import Lab, lab

COUNTS = (100, 1000)
CHANGES = 30
PORT = 7
_LISTEN = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7))
print("ready", flush=True)
while True:
    content, whose = s.recvfrom(64)
    s.sendto(content, whose)
"""
_SETTLE_S = 0.35
"""Between a change and the look at what it did: the probes' own patience, and some."""
_PER_SUBNET = 250


class Change(NamedTuple):
    """Seconds from the request, and from its answer, until every packet obeys."""

    asked: float
    answered: float


def change() -> Iterator[Result]:
    """A rule and a route changed at 100 and at 1,000 machines."""
    for count in COUNTS:
        with lab() as one:
            _build(one, count)
            yield from _measured(one, count)


def _measured(one: Lab, count: int) -> Iterator[Result]:
    with contextlib.ExitStack() as stack:
        for name in ("vm1", "vm3"):
            stack.enter_context(_inside(one, name, ["python3", "-c", _LISTEN]))
        probed = stack.enter_context(_inside(one, "vm0", _probe("fresh", _address(1))))
        beside = stack.enter_context(_inside(one, "vm2", _probe("same", _address(3))))
        time.sleep(2 * _SETTLE_S)
        _seen(beside)
        for what, put in (("rule", _put_rule), ("route", _put_route)):
            changes = [_obeyed(probed, partial(put, one, turn % 2 == 0), turn % 2 == 1) for turn in range(CHANGES)]
            yield from _figures(what, count, changes, sum(not answered for _, answered in _seen(beside)))


def _figures(what: str, count: int, changes: list[Change], lost: int) -> Iterator[Result]:
    note = f"{len(changes)} changes; an unrelated flow of 1,000 packets/s lost {lost}"
    after, whole = ([1e3 * c.answered for c in changes], [1e3 * c.asked for c in changes])
    goal = Goal(50 if count <= 100 else 300, "ours")
    yield alone(f"{what} at {count:,} VMs: PUT's answer to packets, p50", after, "ms", None, note)
    yield alone(f"{what} at {count:,} VMs: PUT's answer to packets, p95", [_p95(after)], "ms", goal)
    yield alone(f"{what} at {count:,} VMs: request to packets, p50", whole, "ms")
    yield alone(f"{what} at {count:,} VMs: request to packets, p95", [_p95(whole)], "ms")
    yield alone(f"packets an unrelated flow lost, {what} at {count:,} VMs", [lost], "packets", Goal(0, "ours"))


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[18]


def _build(one: Lab, count: int) -> None:
    """Machines 0 to *count*, in subnets with a security group each; the first has a route table too."""
    one.put("routeTables/table", {"properties": {"routes": [_route(False)]}})
    one.put("networkSecurityGroups/group", {"properties": {"securityRules": [_rule(False)]}})
    subnets = [_subnet(one, i) for i in range((count + _PER_SUBNET - 1) // _PER_SUBNET)]
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": subnets}
    one.put("virtualNetworks/net", {"properties": space})
    for number in range(count):
        _write(one, f"networkInterfaces/nic{number}", _nic(one, number))
        _write(one, f"Microsoft.Compute/virtualMachines/vm{number}", _vm(one, number))
    one.put("networkSecurityGroups/group", {"properties": {"securityRules": [_rule(False)]}})


def _write(one: Lab, path: str, properties: dict[str, Any]) -> None:
    """A PUT that is not followed to its end: the next one that is comes after it."""
    reply = one.client.exchange("PUT", one.id(path), {"location": "westeurope", "properties": properties})
    if reply.status >= 300:
        raise RuntimeError(f"{path}: {reply.status} {reply.body}")


def _subnet(one: Lab, number: int) -> dict[str, Any]:
    properties: dict[str, Any] = {"addressPrefix": f"10.0.{number}.0/24"}
    properties["networkSecurityGroup"] = one.ref("networkSecurityGroups/group")
    if number == 0:
        properties["routeTable"] = one.ref("routeTables/table")
    return {"name": f"s{number}", "properties": properties}


def _address(number: int) -> str:
    return f"10.0.{number // _PER_SUBNET}.{4 + number % _PER_SUBNET}"


def _nic(one: Lab, number: int) -> dict[str, Any]:
    place = {
        "subnet": one.ref(f"virtualNetworks/net/subnets/s{number // _PER_SUBNET}"),
        "privateIPAddress": _address(number),
        "privateIPAllocationMethod": "Static",
    }
    return {"ipConfigurations": [{"name": "primary", "properties": place}]}


def _vm(one: Lab, number: int) -> dict[str, Any]:
    image = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    login = {"computerName": f"vm{number}", "adminUsername": "lazulite", "adminPassword": "Lz-bench-1!"}
    return {
        "hardwareProfile": {"vmSize": "Standard_B1s"},
        "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage"}},
        "osProfile": login,
        "networkProfile": {"networkInterfaces": [one.ref(f"networkInterfaces/nic{number}")]},
    }


def _rule(blocked: bool) -> dict[str, Any]:
    properties = {
        "priority": 100,
        "direction": "Inbound",
        "access": "Deny" if blocked else "Allow",
        "protocol": "Udp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": _address(1),
        "destinationPortRange": str(PORT),
    }
    return {"name": "probe", "properties": properties}


def _route(blocked: bool) -> dict[str, Any]:
    hop = "None" if blocked else "VnetLocal"
    return {"name": "probe", "properties": {"addressPrefix": f"{_address(1)}/32", "nextHopType": hop}}


def _put_rule(one: Lab, blocked: bool) -> None:
    _write(one, "networkSecurityGroups/group/securityRules/probe", _rule(blocked)["properties"])


def _put_route(one: Lab, blocked: bool) -> None:
    _write(one, "routeTables/table/routes/probe", _route(blocked)["properties"])


def _obeyed(probed: subprocess.Popen[str], put: Callable[[], None], passes: bool) -> Change:
    """Make a change after which datagrams pass or not, and find the last one that did not obey."""
    asked = time.monotonic()
    put()
    answered = time.monotonic()
    time.sleep(_SETTLE_S)
    found = _seen(probed)
    if found[-1][1] is not passes:
        raise RuntimeError("packets do not obey")
    last = max((sent for sent, passed in found if passed is not passes), default=asked)
    return Change(max(0.0, last - asked), max(0.0, last - answered))


def _seen(process: subprocess.Popen[str]) -> list[tuple[float, bool]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return [(sent, passed) for sent, passed in json.loads(process.stdout.readline())]


def _probe(kind: str, address: str) -> list[str]:
    return ["python3", "-c", Path(__file__).with_name("inside_probe.py").read_text(), kind, address, str(PORT)]


@contextlib.contextmanager
def _inside(one: Lab, name: str, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A program in a machine, once it says that it is ready."""
    words = entry(one.client, name, argv)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"nothing runs in {name}")
            yield process
        finally:
            process.terminate()
