"""Answers from the model alone: verdicts a second, and the matrix of everyone to everyone. In processor time."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from benchmarks import networks
from benchmarks.result import Goal, Result, alone
from lazulite.analysis import Index, trace
from lazulite.analysis.findings import findings
from lazulite.analysis.reach import Reach, Service
from lazulite.analysis.reachability import endpoints, matrix, witness
from lazulite.forwarding.model import BalancingRule, Frontend, InternetHost, Member, Pool, Port
from lazulite.testing import lab
from lazulite.values import Flow, Protocol

NICS, GROUPS, RULES = 1000, 50, 20
FLOWS, SAMPLES = 20_000, 500
TURNS, COMMANDS = 5, 20
SERVICES = [Service(Protocol.TCP, port) for port in (22, 80, 443, 1433, 3306, 3389, 5432, 6379, 8080, 9000)]
DEMO = Path(str(files("lazulite.cli.demo") / "hub-and-spoke.json"))
FRONTENDS, BACKENDS = 100, 10
CLIENT, FIRST_FRONTEND = ip_address("198.18.250.1"), ip_address("198.18.251.0")


def analysis() -> Iterator[Result]:
    """Flow verdicts, and the reachability matrix checked against samples of them."""
    index = Index(networks.flat(NICS, groups=GROUPS, rules=RULES).compile())
    rates = [_verdicts(index, turn) for turn in range(TURNS)]
    yield alone(f"verdicts at {NICS:,} NICs", rates, "a second", Goal(20_000, "ours", at_least=True))
    balanced = Index([*index.model, *_balancers(index)])
    rates = [_balanced(balanced, turn) for turn in range(TURNS)]
    note = f"{FRONTENDS} public frontends with {BACKENDS} backends each"
    yield alone(
        f"verdicts on balanced flows at {NICS:,} NICs", rates, "a second", Goal(20_000, "ours", at_least=True), note
    )
    seconds, pairs, wrong = _matrix(index)
    note = f"{pairs:,} pairs over all ports; {SAMPLES} sampled flows, {wrong} disagree"
    yield alone(f"reachability matrix of {NICS:,} NICs", [seconds], "s", Goal(60, "ours"), note)
    seconds, pairs, wrong = _services(index)
    note = f"{pairs:,} verdicts told, the Internet's among them; {SAMPLES} sampled flows, {wrong} disagree"
    yield alone(f"who reaches whom: {NICS:,} NICs, {len(SERVICES)} ports", [seconds], "s", Goal(60, "ours"), note)
    seconds, told = _audit(index)
    yield alone(f"audit of {NICS:,} NICs", [seconds], "s", Goal(60, "ours"), f"{told} findings")
    yield alone(
        "trace from the command line", list(_commands()), "ms", Goal(50, "ours"), "processor time of the command"
    )


def _services(index: Index) -> tuple[float, int, int]:
    """Seconds to tell who reaches whom, for how many pairs and ports, and how many sampled traces say otherwise."""
    began = time.process_time()
    reach = Reach(index.model)
    rows = list(reach.flows(SERVICES, denied=True))
    seconds = time.process_time() - began
    rng, wrong = random.Random(0), 0
    for _ in range(SAMPLES):
        row = rng.choice(rows)
        source, target = rng.choice(row.sources.endpoints), rng.choice(row.destinations.endpoints)
        if reach.pair([source], [target]) is not None:
            flow = Flow(source.address, target.address, row.protocols[0], row.dst_ports.first)
            wrong += trace(reach.index, source.name, flow).disposition is not row.disposition
    return seconds, sum(len(r.sources.endpoints) * len(r.destinations.endpoints) for r in rows), wrong


def _audit(index: Index) -> tuple[float, int]:
    began = time.process_time()
    told = sum(1 for _ in findings(index.model, lambda origin: "/securityRules/" in origin))
    return time.process_time() - began, told


def _commands() -> Iterator[float]:
    """Milliseconds of processor time of ``lazulite trace``, of itself and not of the lab."""
    with lab(memory=True) as one:
        one.deploy(DEMO, group="demo")
        words = [
            str(Path(sys.executable).with_name("lazulite")),
            "trace",
            "web",
            "db:5432",
            "--lab",
            one.directory.name,
        ]
        environment = os.environ | {"LAZULITE_HOME": str(one.directory.parent)}
        for _ in range(COMMANDS):
            before = _spent()
            subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
            yield (_spent() - before) * 1000


def _spent() -> float:
    """Seconds of processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _verdicts(index: Index, seed: int) -> float:
    rng = random.Random(seed)
    ports = list(index.model.all(Port).values())
    asked = [_flow(rng, rng.choice(ports), rng.choice(ports)) for _ in range(FLOWS)]
    began = time.process_time()
    for port, flow in asked:
        trace(index, port, flow)
    return FLOWS / (time.process_time() - began)


def _balancers(index: Index) -> Iterator[Any]:
    ports = list(index.model.all(Port).values())
    yield InternetHost("client", "client", "client", (CLIENT,))
    for number in range(FRONTENDS):
        name, vrf = f"lb{number}", ports[0].vrf
        backends = ports[number * BACKENDS : (number + 1) * BACKENDS]
        yield Pool(name, name, vrf, tuple(Member(p.name, p.addresses[0]) for p in backends))
        yield Frontend(name, name, vrf, FIRST_FRONTEND + number, public=True)
        yield BalancingRule(name, name, name, name, Protocol.TCP, 80, 8080)


def _balanced(index: Index, seed: int) -> float:
    rng = random.Random(seed)
    asked = [
        Flow(CLIENT, FIRST_FRONTEND + rng.randrange(FRONTENDS), Protocol.TCP, 80, rng.randrange(1024, 65536))
        for _ in range(FLOWS)
    ]
    began = time.process_time()
    for flow in asked:
        trace(index, "client", flow)
    return FLOWS / (time.process_time() - began)


def _flow(rng: random.Random, source: Port, destination: Port) -> tuple[str, Flow]:
    protocol = rng.choice((Protocol.TCP, Protocol.UDP))
    return source.name, Flow(source.addresses[0], destination.addresses[0], protocol, rng.randrange(1, 60000), 40000)


def _matrix(index: Index) -> tuple[float, int, int]:
    """Seconds for all classes, the pairs they stand for, and how many sampled flows a trace answers otherwise."""
    began, pairs = time.process_time(), 0
    found = matrix(index)
    for one in found.classes():
        pairs += len(one.sources) * len(one.destinations)
    seconds = time.process_time() - began
    rng, everyone, wrong = random.Random(0), endpoints(index), 0
    for _ in range(SAMPLES):
        source, destination = rng.sample(everyone, 2)
        region = rng.choice(found.between(source, destination))
        answer = trace(index, source.name, witness(source, destination, region))
        wrong += answer.disposition is not region.disposition
    return seconds, pairs, wrong
