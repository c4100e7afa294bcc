"""The model and the kernel are asked the same questions about random networks; they must give the same answers."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

import msgspec
import pytest

from lazulite.analysis import Index, RoundTrip, edge, next_hop
from lazulite.analysis.explain import explain
from lazulite.analysis.tracing import round_trips
from lazulite.compiler.engine import Compiler
from lazulite.drivers.linux import LinuxDriver, names, namespaces, netlink
from lazulite.forwarding.model import ForwardingModel, Frontend, GlobalRule, Guest, InternetHost, Port, SourceNat
from lazulite.incremental import Delta
from lazulite.services import SERVICES
from lazulite.values import Flow, IPAddress, Protocol, host_prefix
from tests.packets.balancers import Balancers, floating, services
from tests.packets.net import wait_until_local
from tests.packets.prober import Outcome, Prober
from tests.packets.topology import PORTS, World

SEEDS = int(os.environ.get("LAZULITE_SEEDS", "100"))
PROBES = 56
pytestmark = [pytest.mark.packets, pytest.mark.usefixtures("runtime")]


class Machine:
    """A kernel that goes from one random network to the next."""

    def __init__(self) -> None:
        self.driver = LinuxDriver()
        self.entries: dict[object, object] = {}
        self._given: list[tuple[str, IPAddress]] = []

    def become(self, model: ForwardingModel) -> None:
        self._take_back()
        wanted = {e.key: e for e in model}
        changed = {k: e for k, e in wanted.items() if self.entries.get(k) != e}
        removed = {k: e for k, e in self.entries.items() if k not in wanted}
        before = {k: self.entries[k] for k in changed if k in self.entries}
        self.entries = wanted
        assert self.driver.apply(Delta(changed, removed, before)) == []
        assert self.driver.differences() == []
        for guest in (*model.all(Guest), *model.all(InternetHost)):
            with namespaces.inside(self.driver.descriptor(guest)):
                self._be_a_router()
        self._give(model, floating(model))

    def _give(self, model: ForwardingModel, addresses: dict[str, list[IPAddress]]) -> None:
        """Addresses of frontends to the loopbacks of their backends, as an administrator has to."""
        self._given = [(guest, address) for guest, found in addresses.items() for address in found]
        for guest, address in self._given:
            assert self._tell(guest, netlink.address(1, str(host_prefix(address)))) == [None]
        self._settle([*self._given, *((p.guest or "", a) for p in model.all(Port).values() for a in p.addresses)])

    def _settle(self, given: list[tuple[str, IPAddress]]) -> None:
        """Until every guest has its addresses as its own."""
        for name in dict.fromkeys(guest for guest, _ in given):
            descriptor = namespaces.open(names.guest(name))
            try:
                with namespaces.inside(descriptor):
                    wait_until_local(a for guest, a in given if guest == name and isinstance(a, IPv6Address))
            finally:
                os.close(descriptor)

    def _take_back(self) -> None:
        for guest, address in self._given:
            assert self._tell(guest, netlink.delete_address(1, str(host_prefix(address)))) == [None]
        self._given = []

    def _tell(self, guest: str, message: bytes) -> list[OSError | None]:
        descriptor = namespaces.open(names.guest(guest))
        try:
            with namespaces.inside(descriptor), contextlib.closing(netlink.Socket()) as route:
                return route.send([message])
        finally:
            os.close(descriptor)

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
    rng, first = random.Random(seed), 8100 + seed * PROBES % 56000
    senders = sources(model)
    targets = 3 * [address for _, _, address in senders]
    targets += 2 * [str(p.public) for port in model.all(Port).values() for p in port.public]
    targets += 4 * [str(f.address) for f in model.all(Frontend).values()]
    targets += 4 * [str(rule.address) for rule in model.all(GlobalRule).values()]
    targets += [str(address) for nat in model.all(SourceNat).values() for address in nat.addresses]
    targets += ["10.1.0.99", "10.9.9.9", "198.18.77.77", "fd01::99", "fd09::1", "10.1.0.1"]
    index, asked = Index(model), []
    led = [(sender, t) for sender in senders for t in sorted(set(targets)) if by_a_frontend(index, sender[0], t)]
    for number in range(PROBES):
        name, guest, source = rng.choice(senders)
        if led and number % 8 == 0:
            (name, guest, source), there = rng.choice(led)
            flow = Flow(ip_address(source), ip_address(there), rng.choice(EITHER), rng.choice(PORTS), first + number)
            asked += [(name, guest, flow)] if flow.src.version == flow.dst.version and flow.src != flow.dst else []
            continue
        same = [t for t in targets if (":" in t) is (":" in source) and t != source]
        target = ip_address(rng.choice(same))
        named = services(model, target) if rng.random() < 0.8 else []
        usual = [(Protocol.TCP, rng.choice(PORTS)), (Protocol.UDP, rng.choice(PORTS)), (Protocol.ICMP, 0)]
        protocol, port = rng.choice(named or usual)
        asked.append((name, guest, Flow(ip_address(source), target, protocol, port, first + number)))
    return asked


EITHER = (Protocol.TCP, Protocol.UDP)


def by_a_frontend(index: Index, name: str, target: str) -> bool:
    """Whether the routes of the port that sends lead to the target by a frontend."""
    port = index.model.get(Port, name)
    route = next_hop(index, name, ip_address(target)) if port is not None else None
    if route is None or route.via is None or route.target is None:
        return False
    return index.frontend(route.target, route.via) is not None


def modelled(index: Index, name: str, flow: Flow) -> list[tuple[Outcome, RoundTrip]]:
    """What may become of the flow: more than one thing only where nothing tells which backend it gets."""
    return [(_outcome(index, flow, trip), trip) for trip in round_trips(index, name, flow)]


def _outcome(index: Index, flow: Flow, trip: RoundTrip) -> Outcome:
    arrives = trip.forward.disposition.arrives
    answered = arrives and trip.reply is not None and trip.reply.disposition.arrives
    arrived = arrives if flow.protocol is Protocol.UDP else answered
    port = index.model.get(Port, trip.forward.destination)
    receiver = port.guest or "" if port else trip.forward.destination
    return Outcome(arrived, answered, receiver if arrived and flow.protocol.has_ports else "")


def explained(index: Index, flow: Flow, found: Outcome, trip: RoundTrip) -> bool:
    """Whether the source that the receiver saw is one that the model says."""
    if not found.receiver or trip.forward.arrived is None:
        return True
    address, port = ip_address(found.seen[0]), found.seen[1]
    stages = [step for hop in trip.forward.hops for step in hop.steps]
    shared = next((s for s in stages if s.stage in SHARED), None)
    # Out and in again by one edge with no translation on the way in: its kernel must tell the two flows by a port.
    any_port = any(s.stage.endswith("snat") for s in stages) and any(" stays" in s.detail for s in stages)
    if shared is None:
        any_port |= any(s.stage == "default-outbound-snat" for s in stages)
        return address == trip.forward.arrived.src and (any_port or port == trip.forward.arrived.src_port)
    nat = next(n for n in index.model.all(SourceNat).values() if n.origin == shared.origin)
    assert shared.stage == ("nat-gateway-snat" if nat.is_gateway else "load-balancer-outbound-snat")
    spans = [b.ports for b in nat.blocks if b.private == flow.src] or [edge.GATEWAY_PORTS]
    return address in nat.addresses and (any_port or any(port in span for span in spans))


SHARED = {"nat-gateway-snat", "load-balancer-outbound-snat"}


def disagreement(index: Index, name: str, flow: Flow, found: Outcome) -> str:
    """What is wrong with what a packet met; empty when it is one of the model's answers."""
    expected = modelled(index, name, flow)
    same = [trip for outcome, trip in expected if msgspec.structs.replace(found, seen=outcome.seen) == outcome]
    if not same:
        said = " or ".join(f"{outcome}" for outcome, _ in expected)
        told = "\n    ".join(explain(expected[0][1].forward))
        return f"{name.rsplit('/', 1)[-1]} {flow}: model {said}, packet {found}\n    {told}"
    if not any(explained(index, flow, found, trip) for trip in same):
        return f"{name.rsplit('/', 1)[-1]} {flow}: seen as {found.seen}, model {same[0].forward.arrived}"
    return ""


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_verdict_is_what_a_real_packet_meets(machine: Machine, seed: int) -> None:
    world = World(seed, faults=True)
    compiler = Compiler(SERVICES)
    compiler.advance(world.lab.snapshot)
    model = ForwardingModel([*compiler.model, *Balancers(compiler.model, PORTS, seed).entries])
    machine.become(model)
    index = Index(model)
    asked = questions(model, seed)
    guests: dict[str, list[str]] = {}
    for _, guest, address in sources(model):
        guests.setdefault(guest, []).append(address)
    for guest, addresses in floating(model).items():
        guests[guest] += [str(a) for a in addresses]
    with Prober(guests, PORTS) as prober:
        found = prober.probe([(guest, flow) for _, guest, flow in asked])
    wrong = [disagreement(index, name, flow, outcome) for (name, _, flow), outcome in zip(asked, found, strict=True)]
    if any(wrong):
        pytest.fail("\n".join(filter(None, wrong)), pytrace=False)
