"""In random networks the flow log says what the packets did: the ports, directions, verdicts and rules of the model."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lazulite.agent.flow_watch import Seen, Watcher, recorded, rule_origins
from lazulite.analysis import Hop, Index, StepAction, Trace
from lazulite.compiler.engine import Compiler
from lazulite.forwarding.model import AccessList, FlowLog, FlowLogFormat, ForwardingModel, Port, Sink, Vrf
from lazulite.services import SERVICES
from lazulite.telemetry.book import State
from lazulite.values import Flow, Protocol
from tests.packets.balancers import Balancers, floating
from tests.packets.prober import Outcome, Prober
from tests.packets.test_model_agrees import SEEDS, Machine, machine, modelled, questions, sources
from tests.packets.topology import PORTS, World

__all__ = ["machine"]
pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
NUMBERS = {Protocol.TCP: {6}, Protocol.UDP: {17}, Protocol.ICMP: {1, 58}}
Told = tuple[str, str, str, str, int]
"""Port, direction, state, rule, protocol: one decision, as log and model both know it."""


def decisions(trace: Trace) -> Iterator[tuple[str, str, str, str]]:
    """What each port on the way says of the packet, if it has to say something."""
    for hop in trace.hops:
        for way in ("out", "in"):
            yield from _decision(hop, way)


def _decision(hop: Hop, way: str) -> Iterator[tuple[str, str, str, str]]:
    steps = [s for s in hop.steps if s.stage.endswith(f"-{way}")]
    if not any(s.stage == f"flow-table-{way}" and s.action is StepAction.NEW for s in steps):
        return
    asked = [s for s in steps if "access-list" in s.stage]
    last = asked[-1] if asked else None
    denied = last is not None and last.action is StepAction.DENIED
    yield hop.port, way, "D" if denied else "B", last.origin if last is not None else ""


def said(seen: list[Seen]) -> set[Told]:
    """What the log says; but for flows that a balancer leads back to their sender: its lists let them in, and only then
    does the balancer drop them."""
    return {
        (s.port, "in" if s.line.inward else "out", str(s.line.state), s.origin, s.line.protocol)
        for s in seen
        if s.line.state in (State.BEGUN, State.DENIED) and s.line.local != s.line.remote
    }


def expected(index: Index, name: str, flow: Flow) -> list[set[Told]]:
    """What the log must say of a flow: one set for each thing that may become of it."""
    found = []
    for _, trip in modelled(index, name, flow):
        traces = [trip.forward, *([trip.reply] if trip.reply is not None else [])]
        protocol = next(n for n in NUMBERS[flow.protocol] if n != (58 if flow.version == 4 else 1))
        found.append({(*told, protocol) for trace in traces for told in decisions(trace)})
    return found


def logged(model: ForwardingModel) -> ForwardingModel:
    """The same network, with all its flows recorded."""
    ports = tuple(sorted(model.all(Port)))
    return ForwardingModel([*model, FlowLog("all", ports, (), FlowLogFormat.NETWORK, "", "", Sink("", "", ""))])


@pytest.mark.parametrize("seed", range(max(SEEDS // 4, 1)))
def test_the_log_says_what_the_packets_did(machine: Machine, seed: int) -> None:
    world, compiler = World(seed), Compiler(SERVICES)
    compiler.advance(world.lab.snapshot)
    model = logged(ForwardingModel([*compiler.model, *Balancers(compiler.model, PORTS, seed).entries]))
    machine.become(model)
    index, watcher = Index(model), Watcher()
    whose = recorded(model.all(FlowLog).values(), model.all(Port), model.all(Vrf))
    whose = whose._replace(origins=rule_origins(model.all(AccessList).values()))
    try:
        watcher.look(whose, time.time())
        asked, found = probed(model, seed)
        log = said(watcher.look(whose, time.time()).seen)
    finally:
        watcher.close()
    assert len(found) == len(asked)
    options = [expected(index, name, flow) for name, _, flow in asked]
    sure = [(flow, told) for (_, _, flow), (told, *more) in zip(asked, options, strict=True) if not more]
    missing = [f"{flow}: {told - log}" for flow, told in sure if told - log]
    assert missing == []
    possible = set().union(*(told for one in options for told in one))
    assert {t for t in log - possible if t[4] in (6, 17)} == set()


def probed(model: ForwardingModel, seed: int) -> tuple[list[tuple[str, str, Flow]], list[Outcome]]:
    asked = questions(model, seed)
    guests: dict[str, list[str]] = {}
    for _, guest, address in sources(model):
        guests.setdefault(guest, []).append(address)
    for guest, addresses in floating(model).items():
        guests[guest] += [str(a) for a in addresses]
    with Prober(guests, PORTS) as prober:
        return asked, prober.probe([(guest, flow) for _, guest, flow in asked])
