"""How soon a dead backend gets no more flows, and what asking thousands of members costs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address
from statistics import quantiles
from typing import Any

from benchmarks import sandbox
from benchmarks.result import Goal, Result, against, alone
from lazulite.cli.guest import entry
from lazulite.drivers.linux import names, namespaces, netlink, sockets
from lazulite.drivers.linux.handles import raise_limit
from lazulite.engines.probe import Prober, Target
from lazulite.forwarding.model import Probe, ProbeProtocol
from lazulite.testing import Lab, Machine, lab, vm

PORT, INTERVAL_S = 8080, 5
TURNS = {1: 5, 2: 3}
"""By threshold."""
PATIENCE_S = 60.0
_SERVE = """
import os, socket, sys, time
listening = socket.create_server(("", 8080))
print("ready", flush=True)
while True:
    opened, (client, _) = listening.accept()
    if client == "168.63.129.16":
        if os.path.exists("/run/doomed"):
            os.unlink("/run/doomed")
            print(time.monotonic(), flush=True)
            os._exit(0)
    else:
        opened.send(b"x")
    opened.close()
"""
"""Dies on demand, just after it answered a probe: as long before the next one as can be."""
_ASK = """
import socket, sys, time
while True:
    began = time.monotonic()
    try:
        with socket.create_connection((sys.argv[1], 8080), 5) as opened:
            good = bool(opened.recv(9))
    except OSError:
        good = False
    print(int(good), began, flush=True)
    time.sleep(0.01)
"""
MEMBERS = {"healthy": 4000, "refused": 400, "silent": 500, "hostile": 100}
"""Of those that are asked by HTTP; each kind on a port of its own."""


def failover() -> Iterator[Result]:
    """From the death of a backend to the last client that meets it, and five thousand members in one event loop."""
    with lab() as one:
        machines = _build(one)
        for threshold, turns in TURNS.items():
            one.put("loadBalancers/lb", _balancer(one, machines, threshold))
            pairs = [(_outage(one, machines), float(INTERVAL_S * threshold)) for _ in range(turns)]
            note = "the backend dies just after it answered a probe"
            yield against(
                f"balancer-failover, threshold {threshold}", pairs, "s", "interval × threshold", Goal(1.1), note
            )
    found = sandbox.run(crowd)
    note = f"{', '.join(f'{n:,} {kind}' for kind, n in MEMBERS.items())}, every {INTERVAL_S} s"
    yield alone("probing 5,000 members: processor time of the agent", [found["busy"]], "of one", None, note)
    yield alone(
        "probing 5,000 members: delay of the event loop, p99",
        [found["p99_ms"]],
        "ms",
        Goal(50, "ours"),
        "as far as others leave it time",
    )
    yield alone("probing 5,000 members: delay of the event loop, longest", [found["longest_ms"]], "ms")
    yield alone(
        "probing 5,000 members: healthy ones found so", [found["right"]], "of them", Goal(1, "ours", at_least=True)
    )


def _build(one: Lab) -> list[Machine]:
    rule = {"priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourcePortRange": "*"}
    rule |= {"sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "destinationPortRange": str(PORT)}
    one.put("networkSecurityGroups/g", {"properties": {"securityRules": [{"name": "r", "properties": rule}]}})
    subnet = {"addressPrefix": "10.0.0.0/24", "networkSecurityGroup": one.ref("networkSecurityGroups/g")}
    space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [{"name": "s", "properties": subnet}]}
    one.put("virtualNetworks/v", {"properties": space})
    one.put("publicIPAddresses/lb", {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}})
    one.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
    return [vm(one, name, "virtualNetworks/v/subnets/s") for name in ("doomed", "other")]


def _balancer(one: Lab, machines: list[Machine], threshold: int) -> dict[str, Any]:
    def child(name: str, **properties: Any) -> dict[str, Any]:
        return {"name": name, "properties": properties}

    rule: dict[str, Any] = {"protocol": "Tcp", "frontendPort": PORT, "backendPort": PORT, "disableOutboundSnat": True}
    rule["frontendIPConfiguration"] = one.ref("loadBalancers/lb/frontendIPConfigurations/f")
    rule |= {"backendAddressPool": one.ref("loadBalancers/lb/backendAddressPools/b")}
    rule |= {"probe": one.ref("loadBalancers/lb/probes/p")}
    members = [child(m.name, ipAddress=m.address) for m in machines]
    probe = {"protocol": "Tcp", "port": PORT, "intervalInSeconds": INTERVAL_S, "probeThreshold": threshold}
    properties = {
        "frontendIPConfigurations": [child("f", publicIPAddress=one.ref("publicIPAddresses/lb"))],
        "backendAddressPools": [
            child("b", virtualNetwork=one.ref("virtualNetworks/v"), loadBalancerBackendAddresses=members)
        ],
        "probes": [child("p", **probe)],
        "loadBalancingRules": [child("r", **rule)],
    }
    return {"sku": {"name": "Standard"}, "properties": properties}


def _outage(one: Lab, machines: list[Machine]) -> float:
    """Seconds from the death of a backend to the last connection that began and failed."""
    address = one.get("publicIPAddresses/lb")["properties"]["ipAddress"]
    with contextlib.ExitStack() as stack:
        serving = [stack.enter_context(_inside(one, m.name, ["python3", "-c", _SERVE])) for m in machines]
        for each in serving:
            assert each.stdout is not None
            each.stdout.readline()
        asking = stack.enter_context(_inside(one, "visitor", ["python3", "-c", _ASK, address]))
        heard: list[tuple[bool, float]] = []
        listener = threading.Thread(target=_listen, args=(asking, heard))
        listener.start()
        stack.callback(listener.join)
        stack.callback(asking.kill)
        _until(lambda: _settled(one))
        machines[0].exec("touch", "/run/doomed")
        assert serving[0].stdout is not None
        died = float(serving[0].stdout.readline())
        _until(lambda: len(heard) > 200 and heard[-200][1] > died and all(good for good, _ in heard[-200:]))
        failed = [began for good, began in heard if not good and began > died]
        return max(failed, default=died) - died


def _settled(one: Lab) -> bool:
    rows = one.post("loadBalancers/lb/loadBalancingRules/r/health")
    return bool(rows["up"] == 2)


def _until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it does not happen")
        time.sleep(0.05)


def _listen(asking: subprocess.Popen[str], heard: list[tuple[bool, float]]) -> None:
    assert asking.stdout is not None
    for line in asking.stdout:
        good, began = line.split()
        heard.append((good == "1", float(began)))


@contextlib.contextmanager
def _inside(one: Lab, name: str, argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(entry(one.client, name, argv), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


_BACKENDS = """
import asyncio, resource
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
async def healthy(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    writer.close()
async def silent(reader, writer):
    try:
        await reader.read(1 << 16)
        await reader.read(1 << 16)
    except OSError:
        pass
    writer.close()
async def hostile(reader, writer):
    try:
        writer.write(b"HTTP/1.1 200 OK\\r\\n" + b"A: b\\r\\n" * 40000)
        await writer.drain()
    except OSError:
        pass
    writer.close()
async def main():
    for port, serve in ((1, healthy), (3, silent), (4, hostile)):
        await asyncio.start_server(serve, "0.0.0.0", port, backlog=4096)
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def crowd() -> dict[str, float]:
    """In a sandbox: a router that has every address itself, and backends in a process of their own."""
    raise_limit()
    router = namespaces.create(names.router("net"), _lone_router)
    words = [sys.executable, "-c", _BACKENDS]
    backends = sandbox.start_inside(router, words, stdout=subprocess.PIPE)
    try:
        assert backends.stdout is not None
        backends.stdout.readline()
        return asyncio.run(_asked())
    finally:
        backends.kill()
        backends.communicate()
        os.close(router)


def _lone_router() -> None:
    with contextlib.closing(netlink.Socket(new=True)) as route:
        assert route.send([netlink.set_up("lo"), netlink.address(1, f"{names.PLATFORM}/32")]) == [None, None]
    subprocess.run(["ip", "route", "add", "local", "10.0.0.0/8", "dev", "lo"], check=True)


async def _asked() -> dict[str, float]:
    """Two rounds after a first one: processor time, how late the event loop is, and whether verdicts are right."""

    def stream(target: Target) -> socket.socket:
        return sockets.stream(target.vrf, target.address, target.port)

    prober = Prober(stream, lambda pool, turned: None)
    for port, (kind, count) in enumerate(MEMBERS.items(), 1):
        targets = {str(n): Target("net", ip_address(f"10.{port}.{n >> 8}.{n & 255}"), "", "") for n in range(count)}
        prober.follow(kind, Probe(ProbeProtocol.HTTP, port, "/", INTERVAL_S), targets, frozenset())
    await asyncio.sleep(2 * INTERVAL_S)
    began, used, late = time.monotonic(), time.process_time(), []
    while time.monotonic() < began + 2 * INTERVAL_S:
        asleep = time.monotonic()
        await asyncio.sleep(0.005)
        late.append(time.monotonic() - asleep - 0.005)
    busy = (time.process_time() - used) / (time.monotonic() - began)
    right = [s.healthy is (kind == "healthy") for kind in MEMBERS for s in prober.standings(kind).values()]
    prober.close()
    return {
        "busy": busy,
        "p99_ms": quantiles(late, n=100)[98] * 1000,
        "longest_ms": max(late) * 1000,
        "right": sum(right) / len(right),
    }
