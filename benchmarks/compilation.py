"""Compiling: a whole network of 10,000 interfaces, one edit in it, and a list of 1,000 rules. In processor time."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import networks
from benchmarks.result import Goal, Result, alone
from lazulite.compiler.engine import Compiler
from lazulite.drivers.linux import acl
from lazulite.forwarding.model import AccessList
from lazulite.services import SERVICES

NICS, GROUPS = 10_000, 40
TURNS = 5


def compilation() -> Iterator[Result]:
    """Full and incremental compile, and the rendering of long lists."""
    bulk = networks.flat(NICS, groups=GROUPS)
    full = [_full(bulk) for _ in range(TURNS)]
    yield alone(
        f"compile of {NICS:,} NICs", [s for s, _ in full], "s", Goal(2, "ours"), f"{full[0][1]:,} compile calls"
    )
    edits = list(_edits(bulk))
    remark = f"{edits[0][1]} compile calls, {edits[0][2]} entries differ"
    yield alone(f"one NSG edit among {NICS:,} NICs", [1e3 * s for s, _, _ in edits], "ms", Goal(10, "ours"), remark)
    for name, write in (
        ("random", networks.random_rules),
        ("nested", networks.nested_rules),
        ("interleaved catch-all", networks.catch_all_rules),
    ):
        seconds = [_rules(list(write(1000, seed))) for seed in range(TURNS)]
        yield alone(f"compile and render 1,000 {name} rules", [1e3 * s for s in seconds], "ms", Goal(50, "ours"))


def _full(bulk: networks.Bulk) -> tuple[float, int]:
    compiler, began = Compiler(SERVICES), time.process_time()
    compiler.advance(bulk.snapshot)
    return time.process_time() - began, compiler.runs


def _edits(bulk: networks.Bulk) -> Iterator[tuple[float, int, int]]:
    """Seconds, compile calls and entries of each of a few edits of one group."""
    compiler = Compiler(SERVICES)
    compiler.advance(bulk.snapshot)
    for turn in range(TURNS):
        bulk.put("networkSecurityGroups", "group0", {"securityRules": list(networks.random_rules(10, 1000 + turn))})
        touched = bulk.flush()
        before, began = compiler.runs, time.process_time()
        delta = compiler.advance(bulk.snapshot, touched)
        yield time.process_time() - began, compiler.runs - before, len(delta.changed) + len(delta.removed)


def _rules(rules: list[dict[str, object]]) -> float:
    """Seconds from resources to nft text for a group of *rules* on one subnet."""
    bulk = networks.flat(2, groups=1, rules=0)
    compiler = Compiler(SERVICES)
    compiler.advance(bulk.snapshot)
    bulk.put("networkSecurityGroups", "group0", {"securityRules": rules})
    touched = bulk.flush()
    began = time.process_time()
    delta = compiler.advance(bulk.snapshot, touched)
    for entry in delta.changed.values():
        if isinstance(entry, AccessList):
            acl.body(entry.rules, 4)
    return time.process_time() - began
