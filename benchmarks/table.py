"""The benchmarks by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.analysis import analysis
from benchmarks.balancing import balancer, nat_gateway
from benchmarks.capture import capture
from benchmarks.change import change
from benchmarks.compilation import compilation
from benchmarks.creation import creation
from benchmarks.differential import differential
from benchmarks.failover import failover
from benchmarks.firewall import firewall
from benchmarks.gateway import gateway
from benchmarks.internal import internal
from benchmarks.management import management
from benchmarks.naming import naming
from benchmarks.paths import paths
from benchmarks.portal import portal
from benchmarks.portal_memory import portal_memory
from benchmarks.portal_real import portal_real
from benchmarks.recording import recording
from benchmarks.result import Result
from benchmarks.starting import starting
from benchmarks.tapping import tapping
from benchmarks.tapping_many import tapping_many

BENCHMARKS: Mapping[str, Callable[[], Iterator[Result]]] = {
    "creation": creation,
    "paths": paths,
    "balancer": balancer,
    "internal-balancer": internal,
    "nat-gateway": nat_gateway,
    "balancer-failover": failover,
    "compilation": compilation,
    "analysis": analysis,
    "management": management,
    "names": naming,
    "tap": tapping,
    "tap-limits": tapping_many,
    "capture": capture,
    "flow-log": recording,
    "gateway": gateway,
    "firewall": firewall,
    "change": change,
    "portal": portal,
    "portal-memory": portal_memory,
    "portal-real": portal_real,
    "starting": starting,
    "differential": differential,
}
