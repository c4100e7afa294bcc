"""What ``script/bench`` measures can be measured: the benchmarks borrow from the tests, and those change."""

from __future__ import annotations

from benchmarks import networks
from benchmarks.table import BENCHMARKS
from lazulite.forwarding.model import Port


def test_every_benchmark_is_there() -> None:
    assert all(callable(measure) for measure in BENCHMARKS.values())
    assert {"gateway", "firewall", "names", "portal"} <= BENCHMARKS.keys()


def test_the_network_that_is_measured_can_be_written_edited_and_compiled() -> None:
    bulk = networks.flat(3, groups=2, rules=4, dual=True)
    assert len(bulk.compile().all(Port)) == 3
    bulk.put("networkSecurityGroups", "group0", {"securityRules": list(networks.random_rules(3, 1))})
    assert bulk.flush()
    assert len(networks.compiled(bulk).all(Port)) == 3
