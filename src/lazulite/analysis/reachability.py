"""Who reaches whom over every protocol and port, without sending every flow.

Where a packet goes depends on its addresses alone, and what lists say of its ports depends on which of their rules
hold its addresses. So endpoints that no prefix of a list, table or peering tells apart are one class, a packet
between two classes is walked once, and walks that meet the same rules share their regions.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

import msgspec

from lazulite.analysis.answers import Disposition, Step, decisive
from lazulite.analysis.balancer import Pick
from lazulite.analysis.bindings import Bindings
from lazulite.analysis.headers import End, Gate, Gated, Region, joined, regions, settle
from lazulite.analysis.lookup import Index
from lazulite.analysis.matcher import Matcher
from lazulite.analysis.ports import Crossing, lists
from lazulite.analysis.tracing import Walk, Ways
from lazulite.analysis.transport import Band, Undecided
from lazulite.forwarding.model import (
    AccessList,
    AddressSet,
    Frontend,
    Member,
    Peering,
    Pool,
    Port,
    Route,
    RouteTable,
    SourceNat,
)
from lazulite.values import Flow, IPAddress, IPNetwork, PortRange, Protocol


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

    def __init__(
        self,
        index: Index,
        sources: Sequence[Endpoint],
        destinations: Sequence[Endpoint],
        *,
        seen: Callable[[Gated, Band], None] | None = None,
    ) -> None:
        """*seen* is told the lists that every walk met, narrowed to what its addresses select."""
        self._index, self._seen = index, seen
        self._telling = _Telling(index, {*sources, *destinations})
        self._senders = _classed(sources, self._telling.sender)
        self._receivers = _classed(destinations, self._telling.receiver)
        self._shared: dict[tuple[tuple[Gate, ...], End, tuple[Protocol, ...], PortRange], tuple[Region, ...]] = {}
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
        """Divide all flows between the two until no packet on the way tells those of one band apart."""
        found, left = [], [Band()]
        while left:
            band = left.pop()
            try:
                found.append(list(self._ways(source, destination, band)))
            except Undecided as parting:
                left += list(band.divided(parting.ports))[::-1]
        return joined(found)

    def _ways(self, source: Endpoint, destination: Endpoint, band: Band) -> Iterator[tuple[Region, ...]]:
        """The regions of a band, once for each backend that its flows may go to."""
        ways = Ways()
        while ways.more():
            yield self._way(source, destination, band, self._different(source, ways.pick))

    def _way(self, source: Endpoint, destination: Endpoint, band: Band, pick: Pick) -> tuple[Region, ...]:
        gates: list[tuple[Gate, Matcher]] = []

        def admit(crossing: Crossing) -> Iterable[Step]:
            gates.extend(_gates(self._index, crossing))
            return ()

        ends = source.address, destination.address
        walk = Walk(self._index, ends, band.fresh(), admit, Bindings(), pick)
        end = _end(walk, walk.start(source.name))
        if self._seen is not None:
            self._seen(tuple(gates), band)
        return self._regions(*settle(tuple(gates), end), band)

    def _different(self, source: Endpoint, pick: Pick) -> Pick:
        """*pick* among backends that a packet could tell apart; the sender is always one of its own."""

        def pick_one(vrf: str, members: Sequence[Member]) -> Member:
            return pick(vrf, list({self._telling.backend(vrf, m, source): m for m in reversed(members)}.values())[::-1])

        return pick_one

    def _regions(self, gates: Gated, end: End, band: Band) -> tuple[Region, ...]:
        key = tuple(gate for gate, _ in gates), end, band.protocols, band.dst_ports
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = regions(gates, end, band)
        return found


def witness(source: Endpoint, destination: Endpoint, region: Region) -> Flow:
    """A flow of the region between the pair."""
    src_port, dst_port = region.witness_ports
    return Flow(source.address, destination.address, region.protocol, dst_port, src_port)


def endpoints(index: Index) -> list[Endpoint]:
    """Every private address of every port."""
    return [Endpoint(p.name, a) for p in index.model.all(Port).values() for a in p.addresses]


def frontends(index: Index) -> list[Endpoint]:
    """Every address of a balancer; only packets to them have it on their way."""
    return [Endpoint(f.name, f.address) for f in index.model.all(Frontend).values()]


def matrix(index: Index) -> Matrix:
    """The reachability of all ports among each other, and of frontends from all of them."""
    found = endpoints(index)
    return Matrix(index, found, [*found, *frontends(index)])


def _gates(index: Index, crossing: Crossing) -> Iterator[tuple[Gate, Matcher]]:
    for _, name in lists(crossing.port, crossing.direction):
        matcher = index.matcher(name)
        selected = matcher.deciding(matcher.select(crossing.src, crossing.dst))
        yield Gate(name, selected, crossing.denied, crossing.src_port, crossing.dst_port), matcher


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
        self._steered = {*_hops(index, routes)}
        self._pools = _pools(index.model.all(Pool).values())
        self._nats = [n for n in index.model.all(SourceNat).values()]
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
        """The port, if nothing is its own alone: no public address, no fault, one port in its guest, no appliance of a
        route."""
        port = self._index.model.get(Port, endpoint.name)
        if port is None or port.public or endpoint.address not in port.addresses:
            return None
        if self._index.faults(port.name):
            return None
        alone = port.guest is not None and len(self._index.guest_ports(port.guest)) == 1
        sought = any((port.vrf, a) in self._steered for a in port.addresses)
        unique = self._index.owner(port.vrf, endpoint.address) is port
        return port if alone and unique and not sought and self._index.runs(port) else None

    def _sender(self, endpoint: Endpoint) -> Hashable:
        port, address = self._plain(endpoint), endpoint.address
        if port is None:
            return endpoint
        held = self._sent.of(address), self._sets.get(address, ()), self._pools.get((port.vrf, address), ())
        shared = tuple(self._shared_by(port.vrf, address))
        return address.version, port.vrf, port.egress, port.routes, port.default_outbound, held, shared

    def _shared_by(self, vrf: str, address: IPAddress) -> Iterator[Hashable]:
        """The shared translations that *address* leaves by, with where its ports are if they are its own."""
        for nat in self._nats:
            if nat.vrf == vrf:
                if any(address in p for p in nat.prefixes):
                    yield nat.name
                yield from (block for block in nat.blocks if block.private == address)

    def backend(self, vrf: str, member: Member, source: Endpoint) -> Hashable:
        """What tells a packet's backend from others of its pool; members that nobody is are all alike."""
        owner = self._index.owner(vrf, member.address)
        if owner is None:
            return None
        endpoint = Endpoint(owner.name, member.address)
        return self.together(source, endpoint), self._receiver(endpoint)

    def _receiver(self, endpoint: Endpoint) -> Hashable:
        port, address = self._plain(endpoint), endpoint.address
        if port is None:
            return endpoint
        return address.version, port.vrf, port.ingress, self._received.of(address), self._sets.get(address, ())


def _hops(index: Index, routes: Iterable[Route]) -> Iterator[tuple[str | None, IPAddress | None]]:
    """Where routes lead: appliances, and the backends of frontends that are next hops."""
    for vrf, via in {(r.target, r.via) for r in routes if r.via}:
        yield vrf, via
        found = index.frontend(vrf, via) if vrf is not None and via is not None else None
        rule = index.services(found.name).every_port if found is not None else None
        pool = index.model.get(Pool, rule.pool) if rule is not None else None
        yield from ((vrf, member.address) for member in (pool.members if pool is not None else ()))


def _pools(pools: Iterable[Pool]) -> dict[tuple[str, IPAddress], tuple[str, ...]]:
    """Each address of a network with the names of the pools it is in: no backend gets its own flows."""
    found: dict[tuple[str, IPAddress], tuple[str, ...]] = {}
    for pool in sorted(pools, key=lambda p: p.name):
        for address in dict.fromkeys(m.address for m in pool.members):
            found[pool.vrf, address] = (*found.get((pool.vrf, address), ()), pool.name)
    return found


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
