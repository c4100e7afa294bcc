"""The model and the kernel are asked the same questions about random networks; they must give the same answers."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from lazulite.analysis import Index, round_trip
from lazulite.compiler.engine import Compiler
from lazulite.drivers.linux import LinuxDriver, namespaces
from lazulite.forwarding.model import ForwardingModel, Guest, InternetHost, Port
from lazulite.incremental import Delta
from lazulite.services import SERVICES
from lazulite.values import Flow, Protocol
from tests.packets.prober import Outcome, Prober
from tests.packets.topology import PORTS, World

SEEDS = int(os.environ.get("LAZULITE_SEEDS", "100"))
PROBES = 60
pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


class Machine:
    """A kernel that goes from one random network to the next."""

    def __init__(self) -> None:
        self.driver = LinuxDriver()
        self.entries: dict[object, object] = {}

    def become(self, model: ForwardingModel) -> None:
        wanted = {e.key: e for e in model}
        changed = {k: e for k, e in wanted.items() if self.entries.get(k) != e}
        removed = {k: e for k, e in self.entries.items() if k not in wanted}
        self.entries = wanted
        assert self.driver.apply(Delta(changed, removed)) == []
        assert self.driver.differences() == []
        for guest in (*model.all(Guest), *model.all(InternetHost)):
            with namespaces.inside(self.driver.descriptor(guest)):
                self._be_a_router()

    def _be_a_router(self) -> None:
        """Guests forward what they are sent, as an appliance does; whether they may is the platform's affair."""
        for path in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
                file.write("1")
        for path in ("all/rp_filter", "eth0/rp_filter", "all/send_redirects", "eth0/send_redirects"):
            with open(f"/proc/sys/net/ipv4/conf/{path}", "w", encoding="ascii") as file:
                file.write("0")


@pytest.fixture(scope="module")
def machine(runtime: None) -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.become(ForwardingModel())
    assert namespaces.names() == []
    machine.driver.close()


def sources(model: ForwardingModel) -> list[tuple[str, str, str]]:
    """Who can send: (entry the model knows it by, guest, address)."""
    found = [(p.name, p.guest or "", str(a)) for p in model.all(Port).values() for a in p.addresses]
    return found + [(h.name, h.name, str(a)) for h in model.all(InternetHost).values() for a in h.addresses]


def questions(model: ForwardingModel, seed: int) -> list[tuple[str, str, Flow]]:
    """Flows with ports of their own each, so that none meets the state of another, or of an earlier network."""
    rng, first = random.Random(seed), 10000 + seed * PROBES % 50000
    senders = sources(model)
    targets = 3 * [address for _, _, address in senders]
    targets += 2 * [str(p.public) for port in model.all(Port).values() for p in port.public]
    targets += ["10.1.0.99", "10.9.9.9", "198.18.77.77", "fd01::99", "fd09::1", "10.1.0.1"]
    asked = []
    for number in range(PROBES):
        name, guest, source = rng.choice(senders)
        same = [t for t in targets if (":" in t) is (":" in source) and t != source]
        protocol = rng.choice([Protocol.TCP, Protocol.UDP, Protocol.ICMP])
        port = rng.choice(PORTS) if protocol.has_ports else 0
        asked.append(
            (name, guest, Flow(ip_address(source), ip_address(rng.choice(same)), protocol, port, first + number))
        )
    return asked


def modelled(index: Index, name: str, flow: Flow) -> Outcome:
    trip = round_trip(index, name, flow)
    arrives = trip.forward.disposition.arrives
    answered = arrives and trip.reply is not None and trip.reply.disposition.arrives
    return Outcome(arrives if flow.protocol is Protocol.UDP else answered, answered)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_verdict_is_what_a_real_packet_meets(machine: Machine, seed: int) -> None:
    world = World(seed)
    compiler = Compiler(SERVICES)
    compiler.advance(world.lab.snapshot)
    model = compiler.model
    machine.become(model)
    index = Index(model)
    asked = questions(model, seed)
    guests: dict[str, list[str]] = {}
    for _, guest, address in sources(model):
        guests.setdefault(guest, []).append(address)
    with Prober(guests, PORTS) as prober:
        found = prober.probe([(guest, flow) for _, guest, flow in asked])
    wrong = [
        f"{name.rsplit('/', 1)[-1]} {flow}: model {expected}, packet {outcome}"
        for (name, _, flow), outcome in zip(asked, found, strict=True)
        if (expected := modelled(index, name, flow)) != outcome
    ]
    assert wrong == []
