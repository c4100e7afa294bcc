"""Who reaches whom over every protocol and port, without sending every flow.

Where a packet goes depends on its addresses alone, and what lists say of its ports depends on which of their rules
hold its addresses. So endpoints that no prefix of a list, table or peering tells apart are one class, a packet
between two classes is walked once, and walks that meet the same rules share their regions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import msgspec

from lazulite.analysis.answers import Disposition, Step, decisive
from lazulite.analysis.headers import End, Gate, Gated, Region, regions, settle
from lazulite.analysis.lookup import Index
from lazulite.analysis.matcher import Matcher
from lazulite.analysis.ports import Crossing, lists
from lazulite.analysis.tracing import Walk
from lazulite.forwarding.model import AccessList, AddressSet, Peering, Port, RouteTable
from lazulite.values import Flow, IPAddress, IPNetwork


class Endpoint(msgspec.Struct, frozen=True):
    """An address of a port, private or public, or of an Internet host."""

    name: str
    address: IPAddress


class FlowClass(msgspec.Struct, frozen=True):
    """Flows between any of the sources and any other of the destinations, which all end alike."""

    sources: tuple[Endpoint, ...]
    destinations: tuple[Endpoint, ...]
    regions: tuple[Region, ...]


class Matrix:
    """The regions between all pairs of endpoints, as of the index when it was made."""

    def __init__(self, index: Index, sources: Sequence[Endpoint], destinations: Sequence[Endpoint]) -> None:
        self._index = index
        self._telling = _Telling(index, {*sources, *destinations})
        self._senders = _classed(sources, self._telling.sender)
        self._receivers = _classed(destinations, self._telling.receiver)
        self._shared: dict[tuple[tuple[Gate, ...], End], tuple[Region, ...]] = {}
        self._known: dict[tuple[Hashable, Hashable], tuple[Region, ...]] = {}

    def between(self, source: Endpoint, destination: Endpoint) -> tuple[Region, ...]:
        """The regions of one pair: disjoint, and together every protocol and port. Empty across IP versions."""
        if source.address.version != destination.address.version:
            return ()
        if self._telling.together(source, destination):
            return self._walk(source, destination)
        pair = self._telling.sender(source), self._telling.receiver(destination)
        found = self._known.get(pair)
        if found is None:
            found = self._known[pair] = self._walk(source, destination)
        return found

    def sender(self, endpoint: Endpoint) -> Hashable:
        """The class of *endpoint*, one of the sources: sources of one class fare alike."""
        return self._telling.sender(endpoint)

    def receiver(self, endpoint: Endpoint) -> Hashable:
        """The class of *endpoint*, one of the destinations."""
        return self._telling.receiver(endpoint)

    def together(self, one: Endpoint, other: Endpoint) -> bool:
        """Whether both are one workload, which talks to itself without the network."""
        return self._telling.together(one, other)

    def classes(self) -> Iterator[FlowClass]:
        """All pairs of different endpoints of one IP version, each in one class."""
        for senders in self._senders.values():
            for receivers in self._receivers.values():
                pairs = ((s, d) for s in senders for d in receivers if not self._telling.together(s, d))
                found = next(pairs, None)
                if found and found[0].address.version == found[1].address.version:
                    yield FlowClass(tuple(senders), tuple(receivers), self.between(*found))

    def _walk(self, source: Endpoint, destination: Endpoint) -> tuple[Region, ...]:
        gates: list[tuple[Gate, Matcher]] = []

        def admit(crossing: Crossing) -> Iterable[Step]:
            gates.extend(_gates(self._index, crossing))
            return ()

        walk = Walk(self._index, source.address, destination.address, admit, {})
        end = _end(walk, walk.start(source.name))
        return self._regions(*settle(tuple(gates), end))

    def _regions(self, gates: Gated, end: End) -> tuple[Region, ...]:
        key = tuple(gate for gate, _ in gates), end
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = regions(gates, end)
        return found


def witness(source: Endpoint, destination: Endpoint, region: Region) -> Flow:
    """A flow of the region between the pair."""
    src_port, dst_port = region.witness_ports
    return Flow(source.address, destination.address, region.protocol, dst_port, src_port)


def endpoints(index: Index) -> list[Endpoint]:
    """Every private address of every port."""
    return [Endpoint(p.name, a) for p in index.model.all(Port).values() for a in p.addresses]


def matrix(index: Index) -> Matrix:
    """The reachability of all ports among each other."""
    found = endpoints(index)
    return Matrix(index, found, found)


def _gates(index: Index, crossing: Crossing) -> Iterator[tuple[Gate, Matcher]]:
    for _, name in lists(crossing.port, crossing.direction):
        matcher = index.matcher(name)
        selected = matcher.deciding(matcher.select(crossing.src, crossing.dst))
        yield Gate(name, selected, crossing.denied), matcher


def _end(walk: Walk, disposition: Disposition) -> End:
    """How the walk ended when every list agreed. Its steps hold no list: an arrival without any is the route's."""
    by = decisive([s for hop in walk.hops for s in hop.steps], disposition)
    return End(disposition, by.origin if by else "", explains=not disposition.arrives)


def _classed(found: Iterable[Endpoint], tell: Callable[[Endpoint], Hashable]) -> dict[Hashable, list[Endpoint]]:
    classes: dict[Hashable, list[Endpoint]] = {}
    for endpoint in dict.fromkeys(found):
        classes.setdefault(tell(endpoint), []).append(endpoint)
    return classes


class _Telling:
    """What the network can tell endpoints apart by. Equal answers mean no packet shows a difference."""

    def __init__(self, index: Index, found: Iterable[Endpoint]) -> None:
        self._index = index
        rules = [r for a in index.model.all(AccessList).values() for r in a.rules]
        routes = [r for t in index.model.all(RouteTable).values() for r in t.routes]
        peers = [p for end in index.model.all(Peering).values() for p in end.prefixes]
        arms = [s for p in index.model.all(Port).values() if p.slot for s in p.gateways]
        self._sent = _Holders([*(p for r in rules for p in r.sources), *peers])
        self._received = _Holders([*(p for r in rules for p in r.destinations), *(r.prefix for r in routes), *arms])
        self._sets = _memberships(index.model.all(AddressSet).values())
        self._steered = {(r.target, r.via) for r in routes if r.via}
        self._senders = {e: self._sender(e) for e in found}
        self._receivers = {e: self._receiver(e) for e in found}

    def sender(self, endpoint: Endpoint) -> Hashable:
        return self._senders[endpoint]

    def receiver(self, endpoint: Endpoint) -> Hashable:
        return self._receivers[endpoint]

    def together(self, one: Endpoint, other: Endpoint) -> bool:
        """Whether both are one workload, which talks to itself without the network."""
        ports = self._index.model.get(Port, one.name), self._index.model.get(Port, other.name)
        if ports[0] is None or ports[1] is None:
            return one.name == other.name
        return ports[0] is ports[1] or (ports[0].guest is not None and ports[0].guest == ports[1].guest)

    def _plain(self, endpoint: Endpoint) -> Port | None:
        """The port, if nothing is its own alone: no public address, one port in its guest, no appliance of a route."""
        port = self._index.model.get(Port, endpoint.name)
        if port is None or port.public or endpoint.address not in port.addresses:
            return None
        alone = port.guest is not None and len(self._index.guest_ports(port.guest)) == 1
        sought = any((port.vrf, a) in self._steered for a in port.addresses)
        unique = self._index.owner(port.vrf, endpoint.address) is port
        return port if alone and unique and not sought and self._index.runs(port) else None

    def _sender(self, endpoint: Endpoint) -> Hashable:
        port, address = self._plain(endpoint), endpoint.address
        if port is None:
            return endpoint
        held = self._sent.of(address), self._sets.get(address, ())
        return address.version, port.vrf, port.egress, port.routes, port.default_outbound, held

    def _receiver(self, endpoint: Endpoint) -> Hashable:
        port, address = self._plain(endpoint), endpoint.address
        if port is None:
            return endpoint
        return address.version, port.vrf, port.ingress, self._received.of(address), self._sets.get(address, ())


class _Holders:
    """All prefixes of a kind, to ask which of them hold an address: one look-up a prefix length."""

    def __init__(self, prefixes: Iterable[IPNetwork]) -> None:
        self._known = {(p.version, p.max_prefixlen - p.prefixlen, _number(p)) for p in prefixes}
        self._shifts = sorted({(version, shift) for version, shift, _ in self._known})

    def of(self, address: IPAddress) -> tuple[int, ...]:
        """The lengths, counted from the right, of the prefixes that hold *address*, and with them their bits."""
        number = int(address)
        lengths = (shift for version, shift in self._shifts if version == address.version)
        return tuple(n for s in lengths if (address.version, s, number >> s) in self._known for n in (s, number >> s))


def _number(prefix: IPNetwork) -> int:
    return int(prefix.network_address) >> prefix.max_prefixlen - prefix.prefixlen


def _memberships(sets: Iterable[AddressSet]) -> dict[IPAddress, tuple[str, ...]]:
    """Each address with the names of the sets it is in."""
    found: dict[IPAddress, tuple[str, ...]] = {}
    for each in sorted(sets, key=lambda s: s.name):
        for address in dict.fromkeys(each.members):
            found[address] = (*found.get(address, ()), each.name)
    return found
