"""``script/soak [HOURS]``: churn of every kind under flows that must not notice, while the lab's size is watched.

A conversation between two machines and one with a host on the Internet run throughout; a lost answer ends the soak.
Around them machines, networks, peerings, rules, routes and public addresses come, change and go, and the controller and
the agent are killed. Each minute the lab's descriptors, memory, namespaces, and a full read-back are sampled; at equal
live sets they must not grow.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from lazulite.cli.guest import entry
from lazulite.testing import Lab, lab, vm
from lazulite.testing.probes import address_of

_ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7))
print("listens", flush=True)
while True:
    content, whose = s.recvfrom(64)
    s.sendto(content, whose)
"""
_TALK = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
s.connect((sys.argv[1], 7))
number = 0
while True:
    number += 1
    s.send(b"%d" % number)
    answer = s.recv(64)
    if answer != b"%d" % number:
        sys.exit(f"{number} was answered by {answer}")
    if number % 500 == 0:
        print(number, flush=True)
    time.sleep(0.02)
"""
_STATIC = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
GROWTH = 1.15
"""How much more than its first full sample any size may be at the end: allocators and caches settle, leaks do not."""
PACE_S = 0.15
"""Between changes: a steady churn for an hour, not a race."""
WARM_UP = 5
"""Samples before the first that counts."""


class Sample(msgspec.Struct, frozen=True):
    """The lab at rest: the same live set every time."""

    seconds: int
    revision: int
    processes: int
    namespaces: int
    descriptors: int
    memory_kb: int
    """Proportional set size of anchor, agent and controller."""
    drift: int


class Soak:
    """Churns one lab."""

    def __init__(self, one: Lab, seed: int) -> None:
        self._lab, self._rng = one, random.Random(seed)
        self._began = time.monotonic()
        self.counts: dict[str, int] = {}

    def build(self) -> None:
        """What stays: two machines, a public address, a client, and a second network to peer with."""
        one = self._lab
        one.put("networkSecurityGroups/open", {"properties": {"securityRules": [_rule("echo", 100, "7")]}})
        for name, second in (("hub", 0), ("spoke", 1)):
            group = one.ref("networkSecurityGroups/open")
            subnet = {"addressPrefix": f"10.{second}.0.0/24", "networkSecurityGroup": group}
            space = {"addressPrefixes": [f"10.{second}.0.0/16"]}
            one.put(
                f"virtualNetworks/{name}",
                {"properties": {"addressSpace": space, "subnets": [{"name": "s", "properties": subnet}]}},
            )
        one.put(
            "publicIPAddresses/door",
            {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}},
        )
        one.put("Lazulite.Lab/clients/visitor", {"properties": {"country": "DE"}})
        vm(one, "left", "virtualNetworks/hub/subnets/s")
        vm(one, "right", "virtualNetworks/hub/subnets/s", public_ip="publicIPAddresses/door")

    @contextmanager
    def conversations(self) -> Iterator[list[subprocess.Popen[str]]]:
        """``left`` and the visitor talk to ``right``, each twenty milliseconds after the last answer."""
        with ExitStack() as stack:
            echo = stack.enter_context(_program(self._lab, "right", _ECHO))
            assert echo.stdout is not None
            echo.stdout.readline()
            targets = {who: address_of(self._lab, who, "right") for who in ("left", "visitor")}
            yield [stack.enter_context(_program(self._lab, who, _TALK, target)) for who, target in targets.items()]

    def churn(self) -> None:
        """One change that comes and goes, drawn at random."""
        change = self._rng.choice(
            [self._rules, self._routes, self._machine, self._network, self._peering, self._address, self._restart_guest]
            + [self._balancer, self._gateway, self._names]
            + ([self._kill_controller, self._kill_agent] if self._rng.random() < 0.1 else [])
        )
        change()
        name = change.__name__.strip("_")
        self.counts[name] = self.counts.get(name, 0) + 1

    def _rules(self) -> None:
        path = "networkSecurityGroups/open/securityRules/churn"
        self._lab.put(path, {"properties": _rule("churn", 200, str(self._rng.randint(1000, 2000)))["properties"]})
        self._lab.delete(path)

    def _routes(self) -> None:
        self._lab.put("routeTables/rt", {"properties": {"routes": [_route(self._rng.randint(1, 250))]}})
        prefix = {"addressPrefix": "10.1.0.0/24", "networkSecurityGroup": self._lab.ref("networkSecurityGroups/open")}
        for more in ({"routeTable": self._lab.ref("routeTables/rt")}, {}):
            self._lab.put("virtualNetworks/spoke/subnets/s", {"properties": prefix | more})
        self._lab.delete("routeTables/rt")

    def _machine(self) -> None:
        made = vm(
            self._lab, "guest", self._rng.choice(["virtualNetworks/hub/subnets/s", "virtualNetworks/spoke/subnets/s"])
        )
        made.exec("true")
        self._remove("guest")

    def _remove(self, name: str) -> None:
        self._lab.delete(f"Microsoft.Compute/virtualMachines/{name}")
        self._lab.delete(f"networkInterfaces/{name}")

    def _network(self) -> None:
        space = {"addressPrefixes": ["10.0.0.0/16"]}  # as the hub's: they must not meet
        subnets = [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]
        self._lab.put("virtualNetworks/twin", {"properties": {"addressSpace": space, "subnets": subnets}})
        vm(self._lab, "twin", "virtualNetworks/twin/subnets/s")
        self._remove("twin")
        self._lab.delete("virtualNetworks/twin")

    def _peering(self) -> None:
        ends = (("hub", "spoke"), ("spoke", "hub"))
        for here, there in ends:
            link = {"properties": {"remoteVirtualNetwork": self._lab.ref(f"virtualNetworks/{there}")}}
            self._lab.put(f"virtualNetworks/{here}/virtualNetworkPeerings/p", link)
        for here, _ in ends:
            self._lab.delete(f"virtualNetworks/{here}/virtualNetworkPeerings/p")

    def _address(self) -> None:
        body = {"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}
        self._lab.put("publicIPAddresses/other", body)
        vm(self._lab, "public", "virtualNetworks/spoke/subnets/s", public_ip="publicIPAddresses/other")
        self._remove("public")
        self._lab.delete("publicIPAddresses/other")

    def _balancer(self) -> None:
        """In front of one who talks all the while, who is probed and found without a server."""
        one, own = self._lab, self._lab.id("loadBalancers/lb")
        one.put("publicIPAddresses/front", _STATIC)
        right = {"ipAddress": address_of(one, "left", "right"), "virtualNetwork": one.ref("virtualNetworks/hub")}
        body: dict[str, Any] = {
            "frontendIPConfigurations": [
                {"name": "f", "properties": {"publicIPAddress": one.ref("publicIPAddresses/front")}}
            ],
            "backendAddressPools": [
                {"name": "p", "properties": {"loadBalancerBackendAddresses": [{"name": "right", "properties": right}]}}
            ],
            "probes": [{"name": "alive", "properties": {"protocol": "Tcp", "port": 80, "intervalInSeconds": 5}}],
        }
        for port in self._rng.sample(range(1000, 2000), 2):
            rule = {
                "frontendIPConfiguration": {"id": f"{own}/frontendIPConfigurations/f"},
                "backendAddressPool": {"id": f"{own}/backendAddressPools/p"},
                "probe": {"id": f"{own}/probes/alive"},
                "protocol": "Tcp",
                "frontendPort": port,
                "backendPort": port,
            }
            body["loadBalancingRules"] = [{"name": "r", "properties": rule}]
            one.put("loadBalancers/lb", {"sku": {"name": "Standard"}, "properties": body})
        one.delete("loadBalancers/lb")
        one.delete("publicIPAddresses/front")

    def _gateway(self) -> None:
        """For the network beside the one where everybody talks."""
        one = self._lab
        one.put("publicIPAddresses/out", _STATIC)
        addresses = {"publicIpAddresses": [one.ref("publicIPAddresses/out")]}
        one.put("natGateways/gw", {"sku": {"name": "Standard"}, "properties": addresses})
        prefix = {"addressPrefix": "10.1.0.0/24", "networkSecurityGroup": one.ref("networkSecurityGroups/open")}
        for more in ({"natGateway": one.ref("natGateways/gw")}, {}):
            one.put("virtualNetworks/spoke/subnets/s", {"properties": prefix | more})
        one.delete("natGateways/gw")
        one.delete("publicIPAddresses/out")

    def _names(self) -> None:
        one, zone = self._lab, f"dnsZones/zone{self._rng.randint(0, 9)}.example"
        one.put(zone, {"location": "global", "properties": {}})
        records = {"TTL": 60, "ARecords": [{"ipv4Address": f"198.18.9.{self._rng.randint(1, 250)}"}]}
        one.put(f"{zone}/A/www", {"properties": records})
        one.delete(zone)

    def _restart_guest(self) -> None:
        made = vm(self._lab, "again", "virtualNetworks/hub/subnets/s")
        for verb in ("deallocate", "start"):
            self._lab.post(f"Microsoft.Compute/virtualMachines/again/{verb}")
        made.exec("true")
        self._remove("again")

    def _kill_controller(self) -> None:
        self._lab.kill_controller()
        self._lab.start_controller()

    def _kill_agent(self) -> None:
        os.kill(_find("lazulite.agent", self._lab.directory)[0], signal.SIGKILL)
        self._lab.put("networkSecurityGroups/awake", {"properties": {}})
        self._lab.delete("networkSecurityGroups/awake")

    def sample(self) -> Sample:
        """What the lab takes right now."""
        own = _find(str(self._lab.directory))
        status = self._lab.status()
        return Sample(
            int(time.monotonic() - self._began),
            status["revision"]["applied"],
            len(own),
            _namespaces(own),
            sum(_descriptors(pid) for pid in own),
            sum(_memory_kb(pid) for pid in own),
            len(self._lab.drift()),
        )


def _rule(name: str, priority: int, port: str) -> dict[str, Any]:
    properties = {
        "priority": priority,
        "direction": "Inbound",
        "access": "Allow",
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": port,
    }
    return {"name": name, "properties": properties}


def _route(third: int) -> dict[str, Any]:
    hop = {"addressPrefix": f"10.9.{third}.0/24", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.0.0.4"}
    return {"name": "r", "properties": hop}


@contextmanager
def _program(one: Lab, guest: str, text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = entry(one.client, guest, ["python3", "-c", text, *arguments])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _find(*words: object) -> list[int]:
    """Processes whose command line has all *words*: those of one lab, by its directory."""
    found = []
    for pid in (p for p in os.listdir("/proc") if p.isdigit()):
        try:
            line = Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if int(pid) != os.getpid() and all(str(w) in line for w in words):
            found.append(int(pid))
    return found


def _namespaces(pids: list[int]) -> int:
    """Network namespaces that the lab's mount namespaces pin."""
    pinned = set()
    for pid in pids:
        try:
            mounts = Path("/proc", str(pid), "mountinfo").read_text()
        except OSError:
            continue
        pinned |= {line.split()[3] for line in mounts.splitlines() if "nsfs" in line}
    return len(pinned)


def _descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def _memory_kb(pid: int) -> int:
    try:
        rollup = Path("/proc", str(pid), "smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def _ended(talks: list[subprocess.Popen[str]]) -> str | None:
    """Why a conversation ended, if one did; drains what they print."""
    for talk in talks:
        if talk.poll() is not None:
            return talk.communicate()[1].strip() or f"exit code {talk.returncode}"
    return None


def _grown(samples: list[Sample]) -> list[str]:
    """Sizes that are larger at the end than when the lab had warmed up."""
    if len(samples) <= WARM_UP + 1:
        return []
    first, last = samples[WARM_UP], samples[-1]
    exact = [n for n in ("processes", "namespaces") if getattr(last, n) > getattr(first, n)]
    loose = [n for n in ("descriptors", "memory_kb") if getattr(last, n) > GROWTH * getattr(first, n)]
    return [f"{n} grew from {getattr(first, n)} to {getattr(last, n)}" for n in exact + loose] + (
        [f"{last.drift} objects are not as the model has them"] if last.drift else []
    )


def soak(hours: float, seed: int, tell: Callable[[str], None]) -> list[str]:
    """What went wrong; empty when nothing did."""
    samples: list[Sample] = []
    with lab() as one:
        work = Soak(one, seed)
        work.build()
        end = time.monotonic() + hours * 3600
        with work.conversations() as talks:
            due = time.monotonic()
            while time.monotonic() < end:
                work.churn()
                time.sleep(PACE_S)
                if (reason := _ended(talks)) is not None:
                    return [f"a conversation ended: {reason}"]
                if time.monotonic() >= due:
                    due += 60
                    samples.append(work.sample())
                    tell(json.dumps(msgspec.to_builtins(samples[-1])))
            samples.append(work.sample())
        tell(json.dumps({"changes": work.counts}))
    Path("build").mkdir(exist_ok=True)
    Path("build/soak.json").write_bytes(msgspec.json.encode(samples))
    return _grown(samples)


def main(words: list[str]) -> int:
    """Hours (default one) and, for repeating a run, a seed."""
    try:
        hours, seed = float(words[0]) if words else 1.0, int(words[1]) if len(words) > 1 else int(time.time())
    except ValueError:
        print("usage: script/soak [HOURS [SEED]]", file=sys.stderr)
        return 2
    print(f"soak of {hours} h, seed {seed}", flush=True)
    wrong = soak(hours, seed, lambda line: print(line, flush=True))
    print("\n".join(wrong) or "nothing grew and no answer was lost")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
