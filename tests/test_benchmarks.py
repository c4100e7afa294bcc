"""What ``script/bench`` measures can be measured: the benchmarks borrow from the tests, and those change."""

from __future__ import annotations

from benchmarks.table import BENCHMARKS


def test_every_benchmark_is_there() -> None:
    assert all(callable(measure) for measure in BENCHMARKS.values())
    assert {"gateway", "firewall", "names", "portal"} <= BENCHMARKS.keys()
