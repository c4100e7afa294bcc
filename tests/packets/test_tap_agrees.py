"""In random networks under random traffic a collector gets the copies that the model says it gets, and no other.

Each tapped interface is captured, and each frame that it saw is looked for where the model has its copy end, byte for
byte.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from msgspec.structs import replace

from lazulite.analysis import Disposition, Index
from lazulite.analysis.tracing import copy as copied
from lazulite.analysis.tracing import round_trips
from lazulite.compiler.engine import Compiler
from lazulite.drivers.linux import names, namespaces
from lazulite.forwarding.model import BalancingRule, ForwardingModel, Frontend, Peering, Port, Tap, TapSource
from lazulite.services import SERVICES
from lazulite.values import Flow, IPAddress, Protocol
from tests.packets.balancers import Balancers, floating
from tests.packets.copies import Seen, copy, opened
from tests.packets.net import DEADLINE_S
from tests.packets.prober import Prober
from tests.packets.test_model_agrees import Machine, questions, sources
from tests.packets.topology import PORTS, World

SEEDS = int(os.environ.get("LAZULITE_SEEDS", "100")) // 5
pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]
COPIES = 4789
AT_ONCE = 4
"""Probes whose frames fit into what a socket of anybody holds."""
_ECHOES = {1: (0, 8), 58: (128, 129)}
_PROTOCOLS = {1: Protocol.ICMP, 6: Protocol.TCP, 17: Protocol.UDP, 58: Protocol.ICMP}


@pytest.fixture(scope="module")
def machine(runtime: None) -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.become(ForwardingModel())
    assert namespaces.names() == []
    machine.driver.close()


def tapped(model: ForwardingModel, seed: int) -> list[Any]:
    """Up to three taps, to interfaces, frontends with a rule for them and nobody; most interfaces are copied."""
    rng = random.Random(f"taps {seed}")
    ports = sorted((p for p in model.all(Port).values() if p.guest), key=lambda p: p.name)
    found: list[Any] = []
    for number in range(rng.randint(1, 3)):
        vrf, address = where(model, ports, rng, found)
        found.append(Tap(f"tap {number}", f"tap {number}", vrf, address, COPIES, 100 + number, "tap"))
    near = {(p.vrf, p.remote) for p in model.all(Peering).values()}
    taps = [e for e in found if isinstance(e, Tap)]
    for each in ports:
        within = [t for t in taps if t.vrf == each.vrf or (each.vrf, t.vrf) in near] or taps
        if rng.random() < 0.7:
            found.append(TapSource(f"of {each.name}", each.name, rng.choice(within).name, "source"))
    return found


def where(model: ForwardingModel, ports: list[Port], rng: random.Random, found: list[Any]) -> tuple[str, IPAddress]:
    """Network and address of a collector. A frontend that is one gets a rule for copies, by a pool that it has."""
    fronts = {f.name: f for f in model.all(Frontend).values() if not f.public and f.address.version == 4}
    rules = [r for _, r in sorted(model.all(BalancingRule).items()) if r.frontend in fronts]
    if rules and rng.random() < 0.5:
        chosen = rng.choice(rules)
        front = fronts[chosen.frontend]
        name = f"copies {front.name}"
        if name not in {e.name for e in found}:
            made = {"name": name, "protocol": Protocol.UDP, "port": COPIES, "backend_port": COPIES, "floating": False}
            found.append(replace(chosen, **made))
        return front.vrf, front.address
    port = rng.choice(ports)
    own = next(a for a in port.addresses if a.version == 4)
    return port.vrf, own if rng.random() < 0.9 else ip_address("10.1.0.99")


def watch(machine: Machine, port: Port) -> Seen:
    """All that an interface sees from now on."""
    seen = Seen.__new__(Seen)
    with namespaces.inside(machine.driver.descriptor(port.guest or "")):
        seen._socket, seen.frames = opened(f"eth{port.slot}"), []
    return seen


def flow_of(frame: bytes) -> Flow | None:
    """The flow of a whole packet as probes and answers are; ``None`` for a frame that is none. What machines say of
    themselves, and errors about that, may have begun before anybody watched."""
    if frame[12:14] == b"\x08\x00" and frame[23] in _PROTOCOLS and not int.from_bytes(frame[20:22]) & 0x3FFF:
        src, dst, kind, at = frame[26:30], frame[30:34], frame[23], 34
    elif frame[12:14] == b"\x86\xdd" and frame[20] in _PROTOCOLS:
        src, dst, kind, at = frame[22:38], frame[38:54], frame[20], 54
    else:
        return None
    protocol = _PROTOCOLS[kind]
    if protocol is Protocol.ICMP and frame[at] not in _ECHOES[kind]:
        return None
    first, second = (int.from_bytes(frame[at + n : at + n + 2]) if protocol.has_ports else 0 for n in (0, 2))
    return Flow(ip_address(src), ip_address(dst), protocol, second, first)


def goes_in_circles(index: Index, name: str, flow: Flow) -> bool:
    """Whether the packet or its answer is seen hundreds of times: too many for a socket of anybody."""
    for trip in round_trips(index, name, flow):
        ends = trip.forward.disposition, trip.reply.disposition if trip.reply else None
        if Disposition.LOOP in ends:
            return True
    return False


def expected(index: Index, port: Port, frames: list[bytes]) -> tuple[Counter[tuple[str, bytes]], Counter[bytes]]:
    """By collector, the frames of a port whose copies it is to get; and the frames whose copies nobody is to get."""
    at: Counter[tuple[str, bytes]] = Counter()
    nowhere: Counter[bytes] = Counter()
    for frame in frames:
        flow = flow_of(frame)
        if flow is None:
            continue
        way = copied(index, port.name, flow, sent=frame[:6].hex(":") == names.GATEWAY_MAC)
        if way is not None and way.disposition is Disposition.DELIVERED:
            at[way.destination, frame] += 1
        else:
            nowhere[frame] += 1
    return at, nowhere


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_collector_gets_the_copies_that_the_model_says(machine: Machine, seed: int) -> None:
    compiler = Compiler(SERVICES)
    compiler.advance(World(seed).lab.snapshot)
    plain = [*compiler.model, *Balancers(compiler.model, PORTS, seed).entries]
    model = ForwardingModel([*plain, *tapped(ForwardingModel(plain), seed)])
    machine.become(model)
    index, guests = Index(model), dict[str, list[str]]()
    for _, guest, address in sources(model):
        guests.setdefault(guest, []).append(address)
    for guest, addresses in floating(model).items():
        guests[guest] += [str(a) for a in addresses]
    ports = {p.name: p for p in model.all(Port).values() if p.guest}
    of = [s.port for s in model.all(TapSource).values()]
    here = {name: watch(machine, ports[name]) for name in of}
    there = {name: watch(machine, port) for name, port in ports.items()}
    try:
        with Prober(guests, PORTS) as prober:
            asked = [(g, flow) for n, g, flow in questions(model, seed) if not goes_in_circles(index, n, flow)]
            for first in range(0, len(asked), AT_ONCE):
                prober.probe(asked[first : first + AT_ONCE])
                for seen in (*here.values(), *there.values()):
                    seen.read()
        compare(index, ports, here, there, {t.identifier for t in model.all(Tap).values()})
    finally:
        for seen in (*here.values(), *there.values()):
            seen.close()


def compare(
    index: Index, ports: dict[str, Port], here: dict[str, Seen], there: dict[str, Seen], taps: set[int]
) -> None:
    """Wait for every copy that is to come, and look for others."""
    end = time.monotonic() + DEADLINE_S
    while True:
        wanted, unwanted = Counter[tuple[str, bytes]](), Counter[bytes]()
        for name, seen in here.items():
            frames = [f for f in seen.read() if (c := copy(f)) is None or c.identifier not in taps]
            at, nowhere = expected(index, ports[name], frames)
            wanted, unwanted = wanted + at, unwanted + nowhere
        arrived = ((n, c) for n, seen in there.items() for c in seen.copies(COPIES) if c.came and c.identifier in taps)
        found = Counter((name, c.frame) for name, c in arrived if flow_of(c.frame) is not None)
        if not wanted - found:
            break
        late = [(short(name), flow_of(frame), frame[:80].hex()) for name, frame in wanted - found]
        assert time.monotonic() < end, late[:5]
        time.sleep(0.01)
    surplus = [(short(name), flow_of(frame), frame in unwanted) for name, frame in found - wanted]
    assert not surplus, surplus[:5]
    assert not any(seen.drops() for seen in (*here.values(), *there.values()))


def short(name: str) -> str:
    return name.rpartition("/")[2]
