"""Edges on the real kernel: any way from one set of balancers to another, what is refused, and many flows meanwhile."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lazulite.drivers.linux import filled, names, namespaces
from tests.drivers import test_edge as parts
from tests.drivers.worlds import vrf
from tests.packets.test_driver_walks import EXAMPLES, Machine

pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
walks = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.target, Phase.shrink],
)


@pytest.fixture(scope="module")
def machine(runtime: None) -> Iterator[Machine]:
    made = Machine()
    yield made
    assert made.restart({}) == []
    assert namespaces.names() == []
    made.driver.close()


@walks
@given(st.lists(st.tuples(parts.worlds, st.booleans()), min_size=2, max_size=5))
def test_every_path_of_changes_and_restarts_ends_at_the_model(
    machine: Machine, path: list[tuple[dict[Any, Any], bool]]
) -> None:
    assert machine.become({}) == []
    for world, restarted in path:
        assert (machine.restart(world) if restarted else machine.become(world)) == []
        assert machine.driver.differences() == []


def world(**changed: Any) -> dict[Any, Any]:
    entries = {"vrf": vrf("/one"), "front": parts.front(), "pool": parts.among(), "rule": parts.rule()}
    return {e.key: e for e in (entries | {"nat": parts.gateway(), "forward": parts.forward()} | changed).values()}


EDGE, BUCKETS = names.edge("/one"), names.filled_map(filled.BUCKET_ADDRESS, "p")
STRANGE = [
    pytest.param(f"nft delete element ip lz {BUCKETS} '{{ 7 }}'", id="a bucket emptied"),
    pytest.param(f"nft flush map ip lz {BUCKETS}", id="all buckets emptied"),
    pytest.param("nft flush map ip lz balanced", id="a rule's port forgotten"),
    pytest.param("nft flush map ip lz forwards", id="a forward's target forgotten"),
    pytest.param("nft 'add element ip lz gateways { 10.9.0.0/16 : accept }'", id="a prefix let through"),
    pytest.param("nft 'add map ip lz h0123456789 { typeof symhash mod 4096 : ip daddr; }'", id="a map like ours"),
    pytest.param("nft flush chain netdev lz departing", id="a rule of a counting chain"),
    pytest.param("nft delete table netdev lz", id="a table dropped"),
]


@pytest.mark.parametrize("command", STRANGE)
def test_a_restart_mends_what_was_done_by_hand(machine: Machine, command: str) -> None:
    assert machine.restart({}) == []
    assert machine.become(world()) == []
    descriptor = namespaces.open(EDGE)
    with contextlib.closing(os.fdopen(descriptor)), namespaces.inside(descriptor):
        subprocess.run(["sh", "-ec", command], check=True)
    assert machine.restart(world()) == []
    assert machine.driver.differences() == []


@pytest.mark.parametrize("restarted", [False, True], ids=["changed", "restarted"])
def test_a_rule_that_the_kernel_refuses_stops_no_other(machine: Machine, restarted: bool) -> None:
    """No port is 70000: the rule's chain cannot be, and so nothing leads there."""
    assert machine.become({}) == []
    sick = world(rule=parts.rule(backend_port=70000))
    refusals = machine.restart(sick) if restarted else machine.become(sick)
    assert {r.origin for r in refusals} == {"r"}
    lacking = machine.driver.differences()
    assert {d.split()[2] for d in lacking} == {"Chain", "Element"}
    assert all("balanced" in d or f"l{names.digest('r')}" in d for d in lacking)
    assert machine.become(world()) == []
    assert machine.driver.differences() == []
