"""Balancers and gateways in the edge: connections and round trips against the plain way and a proxy; programming."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks import networks, sandbox
from benchmarks.paths import Way, measured, probe_program, serve
from benchmarks.result import Goal, Result, against, alone
from lazulite.drivers.linux import LinuxDriver, namespaces
from lazulite.forwarding.model import Contents, Port, Probe, ProbeProtocol, PublicAddress, SourceNat
from lazulite.incremental import Delta
from lazulite.values import Protocol
from tests.packets import edges

TURNS = 9
CLIENTS = 8
"""At once, against the proxy: so what counts is what a connection costs the host."""
BALANCERS = 1000
CHANGES = 60
_PROXY = "haproxy"
_OWN, _PROXIED, _NAT = "198.18.1.0", "198.18.1.2", "198.18.6.1"
Figures = dict[str, dict[str, list[float]]]


def balancer() -> Iterator[Result]:
    """What a balancer costs a flow, and how fast a thousand of them are made and changed."""
    figures: Figures = sandbox.run(sample_balancer)
    plain = "an address of the machine's own"
    pairs = paired(figures, "connect", "balanced", "own")
    yield against("balancer-connections", pairs, "a second", plain, Goal(0.9, at_least=True))
    if "proxied" in figures:
        pairs, peer = paired(figures, "together", "balanced", "proxied"), f"HAProxy, {CLIENTS} clients"
        yield against("balancer-connections-proxy", pairs, "a second", peer, Goal(2.5, at_least=True))
    for kind in ("udp", "tcp"):
        pairs = paired(figures, kind, "balanced", "own")
        yield against(f"balancer-round-trip-{kind}", pairs, "µs", plain, Goal(1.15))
    made: dict[str, list[float]] = sandbox.run(sample_programming)
    note = f"{BALANCERS:,} balancers of 2 rules, 3 backends each, in one network; read back"
    yield alone("balancer-programming", made["all"], "s", Goal(20, "ours"), note)
    for what, name in (("rule", "balancer-rule-change"), ("health", "balancer-health-change")):
        yield alone(f"{name} p95 beside {BALANCERS}", [1e3 * _p95(made[what])], "ms", Goal(50, "ours"))


def nat_gateway() -> Iterator[Result]:
    """What a gateway costs a machine's new flows."""
    figures: Figures = sandbox.run(sample_gateway)
    pairs = paired(figures, "connect", "gateway", "own")
    plain = "an address of the machine's own"
    yield against("nat-gateway-connections", pairs, "a second", plain, Goal(0.9, at_least=True))
    yield against("nat-gateway-round-trip-udp", paired(figures, "udp", "gateway", "own"), "µs", plain, Goal(1.15))


def paired(figures: Figures, kind: str, ours: str, peer: str) -> list[tuple[float, float]]:
    return list(zip(figures[ours][kind], figures[peer][kind], strict=True))


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def _owning(entries: list[Any], **public: str) -> list[Any]:
    """The entries, with a public address for some interfaces, by label."""

    def one(entry: Any) -> Any:
        if not isinstance(entry, Port) or entry.label not in public:
            return entry
        return replace(entry, public=(PublicAddress(entry.addresses[0], ip_address(public[entry.label])),))

    return [one(e) for e in entries]


@contextlib.contextmanager
def driven(entries: list[Any]) -> Iterator[Callable[[str], int]]:
    """A driver that holds *entries*; gives the namespace of a guest by its name."""
    with contextlib.ExitStack() as stack:
        driver = LinuxDriver()
        stack.callback(driver.close)
        refusals = driver.apply(Delta({e.key: e for e in entries}))
        if refusals:
            raise RuntimeError(str(refusals[:3]))

        def guest(name: str) -> int:
            descriptor = os.dup(driver.descriptor(name))
            stack.callback(os.close, descriptor)
            return descriptor

        yield guest


def sample_balancer() -> Figures:
    """By way and kind, the figure of each turn: the median round trip in µs, or connections a second. For clients
    ``together`` these are counted; for one they follow from its median time, in which what else goes on shows less."""
    port = networks.PORT
    rules = [edges.rule(name=str(p), protocol=p, port=port, backend_port=0) for p in (Protocol.TCP, Protocol.UDP)]
    entries = _owning(edges.machines(3), nic0=_OWN, nic2=_PROXIED)
    entries += [edges.client(), edges.pool([0, 1]), edges.frontend(), *rules]
    with driven(entries) as guest, contextlib.ExitStack() as stack:
        program = probe_program()
        for number in (0, 1):
            serve(stack, program, guest(edges.guest(number)))
        client = guest("/client")
        ways = {"balanced": Way(client, edges.VIP), "own": Way(client, _OWN)}
        kinds = {name: ("connect", "tcp", "udp") for name in ways}
        if _proxied(stack, guest(edges.guest(2))):
            ways["proxied"], kinds["proxied"] = Way(client, _PROXIED), ("together",)
            kinds["balanced"] = ("together", *kinds["balanced"])
        return in_turns(program, ways, kinds)


def sample_gateway() -> Figures:
    """The same for machines that reach a server on the Internet."""
    nat = SourceNat("nat", "nat", "/one", (ip_address(_NAT),), prefixes=(ip_network("10.0.0.5/32"),), origin="nat")
    entries = _owning(edges.machines(2), nic0=_OWN)
    with driven([*entries, edges.client("/client", edges.CLIENT), nat]) as guest, contextlib.ExitStack() as stack:
        program = probe_program()
        serve(stack, program, guest("/client"))
        ends = {"gateway": guest(edges.guest(1)), "own": guest(edges.guest(0))}
        ways = {name: Way(end, edges.CLIENT) for name, end in ends.items()}
        return in_turns(program, ways, dict.fromkeys(ways, ("connect", "udp")))


def in_turns(program: list[str], ways: dict[str, Way], kinds: dict[str, tuple[str, ...]]) -> Figures:
    """All ways once a turn, every other turn in reverse order."""
    figures: Figures = {name: {} for name in ways}
    for turn in range(TURNS):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            for kind in kinds[name]:
                figures[name].setdefault(kind, []).append(_figure(program, kind, ways[name]))
    return figures


def _figure(program: list[str], kind: str, way: Way) -> float:
    if kind == "together":
        with ThreadPoolExecutor(CLIENTS) as pool:
            return sum(found["rate"] for found in pool.map(lambda _: measured(program, "connect", way), range(CLIENTS)))
    typical_us = measured(program, kind, way)["p50_us"]
    return 1e6 / typical_us if kind == "connect" else typical_us


def _proxied(stack: contextlib.ExitStack, namespace: int) -> bool:
    """HAProxy in a machine, in front of the two backends; whether there is one on this host."""
    if shutil.which(_PROXY) is None:
        return False
    servers = "\n".join(f"  server s{n} {edges.address(n)}:{networks.PORT}" for n in (0, 1))
    limits = "  timeout connect 5s\n  timeout client 30s\n  timeout server 30s"
    config = Path("/run/haproxy.cfg")
    config.write_text(
        f"defaults\n  mode tcp\n{limits}\nfrontend f\n  bind 0.0.0.0:{networks.PORT}\n  default_backend b\n"
        f"backend b\n  balance roundrobin\n{servers}\n"
    )
    process = sandbox.start_inside(namespace, [_PROXY, "-db", "-f", str(config)], stderr=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    end = time.monotonic() + sandbox.PATIENCE_S
    while not _answers(namespace):
        if time.monotonic() > end or process.poll() is not None:
            raise RuntimeError("the proxy does not start")
        time.sleep(0.01)
    return True


def _answers(namespace: int) -> bool:
    with namespaces.inside(namespace), contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", networks.PORT), 1).close()
        return True
    return False


def thousand(count: int = BALANCERS) -> list[Any]:
    """Balancers of two rules, each with an address and a pool of its own, over three machines."""
    probe, members = Probe(ProbeProtocol.TCP, 80), edges.pool(range(3)).members
    found: list[Any] = edges.machines(3)
    for n in range(count):
        pool = replace(edges.pool([]), name=f"p{n}", members=members, probe=probe, origin=f"p{n}")
        front = replace(edges.frontend(), name=f"f{n}", address=ip_address("198.19.0.1") + n, origin=f"f{n}")
        found += [pool, front, Contents(pool.name, tuple(m.name for m in members))]
        for port in (80, 443):
            rule = edges.rule(port=port, backend_port=8000 + port)
            found.append(replace(rule, name=f"r{n}-{port}", frontend=front.name, pool=pool.name, origin=f"r{n}-{port}"))
    return found


def sample_programming() -> dict[str, list[float]]:
    """Seconds to make all of them, and for each of many changes of one rule, and of one pool's health."""
    entries = {e.key: e for e in thousand()}
    driver = LinuxDriver()
    seconds: dict[str, list[float]] = {"all": [], "rule": [], "health": []}

    def apply(what: str, *changed: Any) -> None:
        began = time.perf_counter()
        refusals = driver.apply(Delta({e.key: e for e in changed}))
        seconds[what].append(time.perf_counter() - began)
        if refusals:
            raise RuntimeError(str(refusals[:3]))

    with contextlib.closing(driver):
        apply("all", *entries.values())
        for turn in range(CHANGES):
            rule = entries["BalancingRule", f"r{turn}-80"]
            apply("rule", replace(rule, backend_port=9000 + turn))
            apply("health", Contents(f"p{turn}", ("m0", "m1")))
    return seconds
