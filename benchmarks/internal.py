"""A private frontend: what it costs a flow that goes by it, and one that does not, against a network without any."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from msgspec.structs import replace

from benchmarks import networks, sandbox
from benchmarks.balancing import BALANCERS, Figures, driven, in_turns, paired, thousand
from benchmarks.paths import Way, probe_program, serve
from benchmarks.result import Goal, Result, against, alone
from lazulite.drivers.linux import LinuxDriver
from lazulite.forwarding.model import Frontend
from lazulite.incremental import Delta
from lazulite.values import Protocol
from tests.packets import balanced, edges

_FIRST = ip_address("10.0.4.0")
_KINDS = ("connect", "tcp", "udp")


def internal() -> Iterator[Result]:
    """Connections and round trips within a network: by a frontend, beside it, and where there is none."""
    figures: Figures = sandbox.run(sample)
    plain, goal = "directly, in a network without balancers", Goal(0.9, at_least=True)
    yield against(
        "internal-balancer-connections", paired(figures, "connect", "balanced", "plain"), "a second", plain, goal
    )
    for kind in ("udp", "tcp"):
        pairs = paired(figures, kind, "balanced", "plain")
        yield against(f"internal-balancer-round-trip-{kind}", pairs, "µs", plain, Goal(1.15))
    past = "past the frontend, in the same network"
    pairs = paired(figures, "connect", "balanced", "beside")
    yield against("internal-balancer-connections, same network", pairs, "a second", past, goal)
    for kind in ("udp", "tcp"):
        pairs = paired(figures, kind, "balanced", "beside")
        yield against(f"internal-balancer-round-trip-{kind}, same network", pairs, "µs", past, Goal(1.15))
    seconds: float = sandbox.run(sample_programming)
    note = f"{BALANCERS:,} balancers of 2 rules, 3 backends each, in one network; read back"
    yield alone("internal-balancer-programming", [seconds], "s", Goal(20, "ours"), note)
    pairs = paired(figures, "udp", "beside", "plain")
    yield against("internal-balancer-round-trip-udp, not balanced", pairs, "µs", plain)


def sample_programming() -> float:
    """Seconds to make a thousand of them, of two rules each, in one network."""
    entries = [_private(n, e) for n, e in enumerate(thousand())]
    with contextlib.closing(LinuxDriver()) as driver:
        began = time.perf_counter()
        refusals = driver.apply(Delta({e.key: e for e in entries}))
        if refusals:
            raise RuntimeError(str(refusals[:3]))
        return time.perf_counter() - began


def _private(number: int, entry: Any) -> Any:
    return replace(entry, public=False, address=_FIRST + number) if isinstance(entry, Frontend) else entry


def sample() -> Figures:
    """By way and kind, the figure of each turn: connections a second, or the median round trip in µs."""
    port, both = networks.PORT, (Protocol.TCP, Protocol.UDP)
    rules = [balanced.balanced(4, str(p), protocol=p, port=port, backend_port=0) for p in both]
    members = [f"/one/vm{n}" for n in (1, 2)]
    entries: list[Any] = [*edges.machines(4), *edges.machines(2, "/two"), balanced.pool(4, members), *rules]
    with driven([*entries, balanced.frontend()]) as guest, contextlib.ExitStack() as stack:
        program = probe_program()
        for name in (*members, "/two/vm1"):
            serve(stack, program, guest(name))
        client = guest("/one/vm0")
        ways = {
            "balanced": Way(client, str(balanced.VIP[4])),
            "beside": Way(guest("/one/vm3"), str(edges.address(1))),
            "plain": Way(guest("/two/vm0"), str(edges.address(1, "/two"))),
        }
        return in_turns(program, ways, dict.fromkeys(ways, _KINDS))
