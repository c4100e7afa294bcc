"""Load balancers and the compiler: incremental equals full, an edit costs what it changes, templates mean packets."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazulite.compiler.engine import Compiler, compile_model
from lazulite.forwarding.model import BalancingRule, Frontend, Pool, PortForward, SourceNat
from lazulite.services import SERVICES
from tests.arm.deployments.test_templates import body_of
from tests.arm.product import QUICKSTARTS, deploy, product
from tests.build import Lab, Refused
from tests.services.balancers import (
    NAT_RULES,
    OUTBOUND,
    POOLS,
    PROBES,
    RULES,
    backend,
    balancer,
    nat,
    nat_range,
    network,
    outbound,
    part,
    pool,
    probe,
    public,
    rule,
)

RULE_SETS: list[list[dict[str, Any]]] = [
    [],
    [rule("r", 80, disableOutboundSnat=True)],
    [rule("r", 80, probe=part(PROBES, "x"), disableOutboundSnat=True), rule("s", 81, pool="c", frontend="g")],
    [rule("r", 81, frontend="g", enableFloatingIP=True)],
]
NAT_SETS: list[list[dict[str, Any]]] = [[], [nat()], [nat_range("n", 5000, 5002)], [nat("m", 5001), nat("n", 5000, 23)]]
OUTBOUND_SETS: list[list[dict[str, Any]]] = [[], [outbound()], [outbound(allocatedOutboundPorts=16000)]]
POOL_SETS: list[list[dict[str, Any]]] = [
    [pool("b"), pool("c")],
    [pool("b"), pool("c", {"one": "10.0.0.99"})],
]

WRITES = st.tuples(
    st.sampled_from(RULE_SETS), st.sampled_from(NAT_SETS), st.sampled_from(OUTBOUND_SETS), st.sampled_from(POOL_SETS)
)
JOINS = st.tuples(st.sampled_from("de"), st.sets(st.sampled_from("bc")), st.sets(st.sampled_from("nm")), st.booleans())
STEPS = st.one_of(WRITES, JOINS, st.sampled_from(["delete", "stop"]))


class Compiled:
    """A lab whose every write is compiled as the controller does."""

    def __init__(self) -> None:
        self.lab = network(Lab())
        self.lab.public_ip("q")
        self.compiler = Compiler(SERVICES)
        self.compiler.advance(self.lab.snapshot)
        self._before = self.lab.snapshot

    def follow(self) -> int:
        """Compile what was written since, and say how many functions ran."""
        now, before, runs = self.lab.snapshot, self._before, self.compiler.runs
        roots = {k for s in (now, before) for k, r in s.resources.items() if r.id.parent.key not in s.resources}
        changes = {k: now.resources.get(k) for k in roots if now.resources.get(k) != before.resources.get(k)}
        snapshot, touched = before.with_changes(now.revision, changes)
        self.compiler.advance(snapshot, touched)
        self.lab.snapshot = self._before = snapshot
        return self.compiler.runs - runs

    def step(self, step: Any) -> None:
        if step == "delete":
            self.lab.delete("loadBalancers", "lb")
        elif step == "stop":
            self.lab.edit("Microsoft.Compute/virtualMachines", "vm-d", power_state="deallocated")
        elif len(step[0]) == 1 and isinstance(step[0], str):
            name, pools, rules, runs = step
            backend(self.lab, name, *sorted(pools), rules=tuple(sorted(rules)), runs=runs)
        else:
            rules, nats, outs, pools = step
            said = {RULES: rules, NAT_RULES: nats, OUTBOUND: outs, POOLS: pools, PROBES: [probe()]}
            balancer(self.lab, public("f"), public("g", "q"), **said)


@settings(deadline=None, max_examples=50)
@given(st.lists(STEPS, max_size=12))
def test_incremental_equals_full_after_every_write(steps: list[Any]) -> None:
    world = Compiled()
    for step in steps:
        try:
            world.step(step)
        except (Refused, KeyError):  # a write of what is not there, or that does not fit the rest
            continue
        world.follow()
        assert world.compiler.model == compile_model(SERVICES, world.lab.snapshot)


def test_the_walk_is_not_refused_all_the_way() -> None:
    """What the property above leans on: these writes are taken in this order. A load balancer that nobody is behind
    means nothing yet, and every later one something."""
    world, changed = Compiled(), []
    for step in (
        (RULE_SETS[2], NAT_SETS[2], OUTBOUND_SETS[2], POOL_SETS[0]),
        ("d", {"b"}, set(), True),
        ("e", {"b", "c"}, set(), True),
        (RULE_SETS[1], NAT_SETS[1], OUTBOUND_SETS[1], POOL_SETS[0]),
        ("d", {"b"}, {"n"}, False),
        "stop",
        "delete",
    ):
        before = compile_model(SERVICES, world.lab.snapshot)
        world.step(step)
        world.follow()
        changed.append(world.compiler.model != before)
    assert changed == [False, True, True, True, True, True, True]


@pytest.mark.parametrize("size", [1, 30])
def test_a_rules_edit_costs_the_same_for_many_members_and_other_rules(size: int) -> None:
    """The rule itself, the pool it demands anew, and the way out: no interface, no other rule."""
    world = Compiled()
    others = [rule(f"r{n}", 1000 + n) for n in range(10)]
    balancer(world.lab, **{RULES: [*others, rule("r", 80)]})
    for number in range(size):
        backend(world.lab, f"n{number}", "b")
    world.follow()
    balancer(world.lab, **{RULES: [*others, rule("r", 80, 8080)]})
    assert world.follow() <= 4


EXPECTED = {
    "2-vms-loadbalancer-lbrules": {Frontend: 1, Pool: 1, BalancingRule: 1, PortForward: 2, SourceNat: 1},
    "internal-loadbalancer-create-haports": {Frontend: 1, Pool: 1, BalancingRule: 1},
    "loadbalancer-with-nat-rule": {Frontend: 1, PortForward: 1},
}


@pytest.mark.parametrize("path", [pytest.param(p, id=p.parent.name) for p in QUICKSTARTS if p.parent.name in EXPECTED])
def test_templates_of_others_mean_what_they_say(path: Any) -> None:
    with product() as one:
        done = deploy(one, body_of(path))
        model = one.backend.model
    counted = Counter(type(e) for e in model)
    assert done["provisioningState"] == "Succeeded"
    assert {k: counted[k] for k in (Frontend, Pool, BalancingRule, PortForward, SourceNat) if counted[k]} == EXPECTED[
        path.parent.name
    ]
