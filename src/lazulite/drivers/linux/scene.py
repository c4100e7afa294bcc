"""What a node of :mod:`realise` and its neighbours sees of the model, and how it says what it wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any, TypeAlias, TypeVar

from lazulite.drivers.linux.state import Item, Key, Spec, key
from lazulite.forwarding import copying
from lazulite.forwarding.model import (
    BalancingRule,
    Entry,
    FlowLog,
    ForwardingModel,
    Frontend,
    Guest,
    Nearness,
    Peering,
    Port,
    Vrf,
)
from lazulite.incremental import Node, Trace
from lazulite.values import IPAddress

Items: TypeAlias = Iterator[tuple[Key, Item]]
E = TypeVar("E", bound=Entry)
EVERYTHING = ("0.0.0.0/0", "::/0")
FAMILY = {4: "ip", 6: "ip6"}


class Scene:
    """The model as a node sees it: every look is recorded."""

    __slots__ = ("_index", "_trace", "model")

    def __init__(self, model: ForwardingModel, index: Index, trace: Trace) -> None:
        self.model, self._index, self._trace = model, index, trace

    def get(self, kind: type[E], name: str) -> E | None:
        self._trace.reads.add((kind.__name__, name))
        return self.model.get(kind, name)

    def port_at(self, vrf: str, address: IPAddress) -> Port | None:
        """The port that owns an address of a VRF, if its guest runs."""
        self._trace.reads.add(("address", vrf, address))
        name = self._index.owners.get((vrf, address))
        port = self.get(Port, name) if name is not None else None
        return port if port is not None and attached(self, port) else None

    def frontend_at(self, vrf: str, address: IPAddress) -> Frontend | None:
        """The private frontend that owns an address of a VRF."""
        self._trace.reads.add(("frontend", vrf, address))
        name = self._index.frontends.get((vrf, address))
        return self.get(Frontend, name) if name is not None else None

    def detour_of(self, public: IPAddress) -> str:
        """Name of the detour that packets of a public address make; empty when they make none."""
        self._trace.reads.add(("detour", public))
        return self._index.detours.get(public, "")

    def rules_of(self, frontend: str) -> list[BalancingRule]:
        """The balancing rules of a frontend, by name."""
        self._trace.reads.add(("rules", frontend))
        found = (self.get(BalancingRule, name) for name in sorted(self._index.rules.get(frontend, ())))
        return [rule for rule in found if rule is not None]

    def collects(self, port: Port) -> bool:
        """Whether copies of packets may come to a port, for it or for a frontend that it is behind."""
        keys = {("collector", port.vrf, a) for a in port.addresses if a.version == 4}
        self._trace.reads |= keys
        return any((vrf, a) in self._index.collectors for _, vrf, a in keys)

    def orders(self) -> list[tuple[str, ...]]:
        """Each order of regions that a source has, once."""
        self._trace.reads.add(("orders",))
        return sorted(self._index.orders)

    def recorded(self, port: str) -> bool:
        """Whether the flows of a port are recorded."""
        self._trace.reads.add(("recorded", port))
        return port in self._index.recorded

    def linked(self, vrf: str, remote: str) -> bool:
        """Whether both ends of a peering link exist."""
        self._trace.reads |= {("peer", vrf, remote), ("peer", remote, vrf)}
        return (vrf, remote) in self._index.peers and (remote, vrf) in self._index.peers

    def demand(self, function: Any, *arguments: Hashable) -> None:
        self._trace.demands[Node(function, arguments)] = None


class Index:
    """Who owns an address, and which VRFs are peers: kept up to date, so that no node scans the model."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, IPAddress], str] = {}
        self.peers: set[tuple[str, str]] = set()
        self.frontends: dict[tuple[str, IPAddress], str] = {}
        self.rules: dict[str, set[str]] = {}
        self.detours: dict[IPAddress, str] = {}
        self.orders: Counter[tuple[str, ...]] = Counter()
        self.collectors: frozenset[tuple[str, IPAddress]] = frozenset()
        self.recorded: Counter[str] = Counter()
        """Ports by how many logs record them."""

    def collect(self, model: ForwardingModel) -> Iterator[Hashable]:
        """Find the collectors of all taps; yields the read keys of those that became one or are none any more."""
        before, self.collectors = self.collectors, frozenset(copying.collectors(model))
        yield from (("collector", *address) for address in before ^ self.collectors)

    def forget(self, entry: Any) -> Iterator[Hashable]:
        """Take an old entry out; yields the read keys that this touches."""
        yield from self._detour(entry, present=False)
        if isinstance(entry, Port):
            for address in entry.addresses:
                if self.owners.get((entry.vrf, address)) == entry.name:
                    del self.owners[entry.vrf, address]
                yield "address", entry.vrf, address
        elif isinstance(entry, Peering):
            self.peers.discard((entry.vrf, entry.remote))
            yield "peer", entry.vrf, entry.remote
        elif isinstance(entry, Frontend) and not entry.public:
            if self.frontends.get((entry.vrf, entry.address)) == entry.name:
                del self.frontends[entry.vrf, entry.address]
            yield "frontend", entry.vrf, entry.address
        elif isinstance(entry, BalancingRule):
            self.rules[entry.frontend].discard(entry.name)
            yield "rules", entry.frontend
        else:
            yield from self._count(entry, -1)

    def learn(self, entry: Any) -> Iterator[Hashable]:
        """Take a new entry in."""
        yield from self._detour(entry, present=True)
        if isinstance(entry, Port):
            for address in entry.addresses:
                self.owners[entry.vrf, address] = entry.name
                yield "address", entry.vrf, address
        elif isinstance(entry, Peering):
            self.peers.add((entry.vrf, entry.remote))
            yield "peer", entry.vrf, entry.remote
        elif isinstance(entry, Frontend) and not entry.public:
            self.frontends[entry.vrf, entry.address] = entry.name
            yield "frontend", entry.vrf, entry.address
        elif isinstance(entry, BalancingRule):
            self.rules.setdefault(entry.frontend, set()).add(entry.name)
            yield "rules", entry.frontend
        else:
            yield from self._count(entry, 1)

    def _detour(self, entry: Any, *, present: bool) -> Iterator[Hashable]:
        """What detour the packets of a public address make."""
        for address, name in _detours(entry):
            self.detours.pop(address, None)
            if present:
                self.detours[address] = name
            yield "detour", address

    def _count(self, entry: Any, change: int) -> Iterator[Hashable]:
        """How many sources have an order of regions, and how many logs record a port."""
        if isinstance(entry, Nearness):
            before = self.orders.pop(entry.regions, 0)
            if before + change:
                self.orders[entry.regions] = before + change
            if not before or not before + change:
                yield ("orders",)
        elif isinstance(entry, FlowLog):
            for port in entry.ports:
                self.recorded[port] += change
                if not self.recorded[port]:
                    del self.recorded[port]
                yield "recorded", port


def _detours(entry: Any) -> list[tuple[IPAddress, str]]:
    """Public addresses of an entry whose packets make a detour, and which."""
    if isinstance(entry, Port):
        return [(p.public, p.detour) for p in entry.public if p.detour]
    return [(entry.address, entry.detour)] if isinstance(entry, Frontend) and entry.detour else []


def put(namespace: str, spec: Spec, *name: object, origin: str = "") -> tuple[Key, Item]:
    return key(namespace, spec, *name), Item(spec, origin)


def attached(scene: Scene, port: Port) -> bool:
    """Whether the port carries traffic: its guest runs and its network exists."""
    return port.guest is not None and scene.get(Guest, port.guest) is not None and scene.get(Vrf, port.vrf) is not None


def host_prefix(address: IPAddress) -> str:
    return f"{address}/{address.max_prefixlen}"
