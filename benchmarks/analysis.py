"""Answers from the model alone: verdicts a second, and the matrix of everyone to everyone. In processor time."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from benchmarks import networks
from benchmarks.result import Goal, Result, alone
from lazulite.analysis import Index, trace
from lazulite.analysis.reachability import endpoints, matrix, witness
from lazulite.forwarding.model import BalancingRule, Frontend, InternetHost, Member, Pool, Port
from lazulite.values import Flow, Protocol

NICS, GROUPS, RULES = 1000, 50, 20
FLOWS, SAMPLES = 20_000, 500
TURNS = 5
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
