"""From forwarding entries to kernel objects: pure, and incremental by the same engine that compiles resources.

Each function below is a node: it reads entries through a :class:`Scene` and yields items. What several entries need
(a rendered list, a route table, a link) is demanded, not repeated.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Address
from typing import Any, TypeAlias, TypeVar

from lazulite.drivers.linux import acl, names
from lazulite.drivers.linux.netlink import MAIN
from lazulite.drivers.linux.state import (
    BLACKHOLE,
    THROW,
    Address,
    Chain,
    Declared,
    Element,
    Item,
    Key,
    ListBody,
    MarkRule,
    Namespace,
    Neighbour,
    Skeleton,
    Spec,
    Veth,
    key,
    towards,
)
from lazulite.forwarding.model import (
    AccessList,
    AddressSet,
    Entry,
    ForwardingModel,
    Guest,
    InternetHost,
    NextHop,
    Peering,
    PlatformResolver,
    Port,
    Route,
    RouteTable,
    Vrf,
)
from lazulite.incremental import Delta, Incremental, Node, Trace
from lazulite.values import IPAddress

Items: TypeAlias = Iterator[tuple[Key, Item]]
E = TypeVar("E", bound=Entry)
_EVERYTHING = ("0.0.0.0/0", "::/0")
_FAMILY = {4: "ip", 6: "ip6"}
_FORWARD_LINK_MAC = "02:00:00:00:00:01"
"""Both ends of a link between routers have it: without ARP a packet goes to the sender's own address."""


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

    def forget(self, entry: Any) -> Iterator[Hashable]:
        """Take an old entry out; yields the read keys that this touches."""
        if isinstance(entry, Port):
            for address in entry.addresses:
                if self.owners.get((entry.vrf, address)) == entry.name:
                    del self.owners[entry.vrf, address]
                yield "address", entry.vrf, address
        elif isinstance(entry, Peering):
            self.peers.discard((entry.vrf, entry.remote))
            yield "peer", entry.vrf, entry.remote

    def learn(self, entry: Any) -> Iterator[Hashable]:
        """Take a new entry in."""
        if isinstance(entry, Port):
            for address in entry.addresses:
                self.owners[entry.vrf, address] = entry.name
                yield "address", entry.vrf, address
        elif isinstance(entry, Peering):
            self.peers.add((entry.vrf, entry.remote))
            yield "peer", entry.vrf, entry.remote


class Realiser:
    """Keeps the wanted state of a model; :attr:`wanted` is the same however the model came about."""

    def __init__(self) -> None:
        self.model = ForwardingModel()
        self._index = Index()
        self._engine: Incremental[Key, Item] = Incremental()

    @property
    def wanted(self) -> dict[Key, Item]:
        return self._engine.entries

    def advance(self, changed: Iterable[Any], removed: Iterable[Any]) -> Delta[Key, Item]:
        """Follow the model: entries that are new or different, and entries that are gone."""
        touched: set[Hashable] = set()
        add, drop = [], []
        for entry in removed:
            touched |= {entry.key, *self._index.forget(entry)}
            self.model.drop([entry])
            drop += _roots(entry)
        for entry in changed:
            old = self.model.get(type(entry), entry.name)
            touched |= {entry.key, *(self._index.forget(old) if old else ()), *self._index.learn(entry)}
            self.model.put([entry])
            add += [] if old else _roots(entry)
        return self._engine.advance(self._run, touched, add, drop)

    def _run(self, node: Node, trace: Trace) -> Iterable[tuple[Key, Item]]:
        return node.function(Scene(self.model, self._index, trace), *node.arguments)


def _roots(entry: Any) -> list[Node]:
    function = _ROOTS.get(type(entry))
    return [Node(function, (entry.name,))] if function else []


def _put(namespace: str, spec: Spec, *name: object, origin: str = "") -> tuple[Key, Item]:
    return key(namespace, spec, *name), Item(spec, origin)


def attached(scene: Scene, port: Port) -> bool:
    """Whether the port carries traffic: its guest runs and its network exists."""
    return port.guest is not None and scene.get(Guest, port.guest) is not None and scene.get(Vrf, port.vrf) is not None


def vrf(scene: Scene, name: str) -> Items:
    """A router, its edge, and the way to the Internet."""
    entry = scene.get(Vrf, name)
    if entry is None:
        return
    router, edge, origin = names.router(name), names.edge(name), entry.origin
    scene.demand(internet)
    yield _put(router, Namespace("router"), origin=origin)
    yield _put(edge, Namespace("edge"), origin=origin)
    yield _put(router, Skeleton("router", entry.flow_timeout_s), origin=origin)
    yield _put(edge, Skeleton("edge"), origin=origin)
    mac = _FORWARD_LINK_MAC
    yield _put(router, Veth(mac, edge, names.INSIDE, mac, True, entry.label), names.EDGE_LINK, origin=origin)
    yield _put(
        edge, Veth(mac, names.INTERNET, names.uplink(name), mac, True, entry.label), names.OUTSIDE, origin=origin
    )
    yield _put(router, MarkRule(names.ARP_TABLE), 4, names.ARP_TABLE)
    yield _put(router, towards(names.EDGE_LINK), names.ARP_TABLE, _EVERYTHING[0])
    for family in (4, 6):
        everything = _EVERYTHING[family == 6]
        yield _put(router, BLACKHOLE, MAIN, everything)
        yield _put(edge, towards(names.OUTSIDE), MAIN, everything)
        yield _put(router, Element("accept"), _FAMILY[family], "links", names.EDGE_LINK)
    for prefix in entry.prefixes:
        yield _put(edge, towards(names.INSIDE), MAIN, prefix, origin=origin)
    for family, word in _FAMILY.items():
        given = entry.default_snat is not None and entry.default_snat.version == family
        rules = (f"snat to {entry.default_snat}",) if given else ()
        yield _put(edge, Chain(rules), word, "default_snat", origin=origin)
    if entry.default_snat is not None:
        yield _put(names.INTERNET, towards(names.uplink(name)), MAIN, _host(entry.default_snat), origin=origin)


def platform_resolver(scene: Scene, name: str) -> Items:
    """An address of the router itself: what comes to it is for the name server, which listens there."""
    entry = scene.get(PlatformResolver, name)
    if entry is not None and scene.get(Vrf, entry.vrf) is not None:
        yield _put(names.router(entry.vrf), Address("lo"), _host(entry.address), origin=entry.origin)


def internet(scene: Scene) -> Items:
    """The network between the edges and the hosts of the simulated Internet."""
    yield _put(names.INTERNET, Namespace("internet"))
    for everything in _EVERYTHING:
        yield _put(names.INTERNET, BLACKHOLE, MAIN, everything)


def port(scene: Scene, name: str) -> Items:
    """A workload's link and all that is said of its interface; nothing while its guest does not run."""
    entry = scene.get(Port, name)
    if entry is None or entry.guest is None or not attached(scene, entry):
        return
    router, guest, nic = names.router(entry.vrf), names.guest(entry.guest), names.nic(entry.guid)
    inner, origin = f"eth{entry.slot}", entry.origin
    link = Veth(names.GATEWAY_MAC, guest, inner, _mac(entry), label=entry.label)
    yield _put(router, link, nic, origin=origin)
    for address, subnet in zip(entry.addresses, entry.gateways, strict=True):
        yield from _reach(entry, address, subnet, router, guest, nic, inner)
    for family in sorted({a.version for a in entry.addresses}):
        yield from _first_hop(entry, family, guest, inner)
        yield from _interface(scene, entry, family, router, nic)
    scene.demand(table, entry.vrf, entry.routes)
    yield from _translations(entry)


def _reach(entry: Port, address: IPAddress, subnet: Any, router: str, guest: str, nic: str, inner: str) -> Items:
    """One address: on the guest, known to the router, and let through the interface."""
    word, origin = _FAMILY[address.version], entry.origin
    yield _put(guest, Address(inner), f"{address}/{subnet.prefixlen if address.version == 4 else 128}", origin=origin)
    yield _put(router, Neighbour(nic, _mac(entry)), nic, address, origin=origin)
    yield _put(router, towards(nic), MAIN, _host(address), origin=origin)
    yield _put(router, Element(), word, "own", f"{nic} . {address}", origin=origin)
    if address.version == 4:
        yield _put(router, Element(), "arp", "own", f"{nic} . {address}", origin=origin)


def _mac(entry: Port) -> str:
    """As the kernel prints it."""
    return entry.mac.replace("-", ":").lower()


def _first_hop(entry: Port, family: int, guest: str, inner: str) -> Items:
    """The guest's gateway: known for good, and the default route of the primary interface only.
    Source: facts/virtual-network.md 7 (virtual-network-network-interface)."""
    subnet = next(s for s in entry.gateways if s.version == family)
    gateway = str(subnet.network_address + 1) if isinstance(subnet, IPv4Network) else names.GATEWAY_6
    yield _put(guest, Neighbour(inner, names.GATEWAY_MAC), inner, gateway, origin=entry.origin)
    prefix = _EVERYTHING[family == 6] if entry.slot == 0 else subnet
    yield _put(guest, towards(inner, gateway), MAIN, prefix, origin=entry.origin)


def _interface(scene: Scene, entry: Port, family: int, router: str, nic: str) -> Items:
    """What one IP version's ruleset knows of the interface."""
    word, origin = _FAMILY[family], entry.origin
    yield _put(router, Element(), word, "nics", nic, origin=origin)
    yield _put(router, Element(hex(names.table(entry.routes))), word, "marks", nic, origin=origin)
    if entry.forwards:
        yield _put(router, Element(), word, "forwarders", nic, origin=origin)
    for place, listed in _places(entry):
        scene.demand(access_list, router, listed, family)
        yield _put(router, Element(f"jump {names.access_list(listed)}"), word, place, nic, origin=origin)


def _places(entry: Port) -> Iterator[tuple[str, str]]:
    """Verdict map and list: the port's own list is asked first on the way out and last on the way in."""
    for way, lists, own in (("egress", entry.egress, 0), ("ingress", entry.ingress, len(entry.ingress) - 1)):
        for place, listed in enumerate(lists):
            yield f"{way}_{'nic' if entry.own_list and place == own else 'subnet'}", listed


def _translations(entry: Port) -> Items:
    """Public addresses one to one, and leave to use the network's default one."""
    edge, uplink, origin = names.edge(entry.vrf), names.uplink(entry.vrf), entry.origin
    for pair in entry.public:
        word = _FAMILY[pair.public.version]
        yield _put(edge, Element(str(pair.private)), word, "to_private", pair.public, origin=pair.origin)
        yield _put(edge, Element(str(pair.public)), word, "to_public", pair.private, origin=pair.origin)
        yield _put(names.INTERNET, towards(uplink), MAIN, _host(pair.public), origin=pair.origin)
    if entry.default_outbound:
        for address in entry.addresses:
            yield _put(edge, Element(), _FAMILY[address.version], "default_outbound", address, origin=origin)


def access_list(scene: Scene, router: str, name: str, family: int) -> Items:
    """A list in a router: the chain that interfaces jump to, and the rendered body it goes to."""
    entry, word = scene.get(AccessList, name), _FAMILY[family]
    if entry is None:  # closed until it exists
        yield _put(router, Chain(("goto list_missing",)), word, names.access_list(name))
        return
    body = acl.body(entry.rules, family)
    for rule in entry.rules:
        for address_set in rule.source_sets + rule.destination_sets:
            scene.demand(members, router, address_set, family)
    for counter in sorted(body.counters):
        yield _put(router, Declared("counter"), word, counter)
    yield _put(router, ListBody(body.create, body.remove), word, body.name, origin=entry.origin)
    yield _put(router, Chain((f"goto {body.name}_0",)), word, names.access_list(name), origin=entry.origin)


def members(scene: Scene, router: str, name: str, family: int) -> Items:
    """An address set in a router."""
    entry, word, identity = scene.get(AddressSet, name), _FAMILY[family], names.address_set(name)
    yield _put(router, Declared(f"set ipv{family}_addr"), word, identity)
    for address in entry.members if entry else ():
        if address.version == family:
            yield _put(router, Element(), word, identity, address, origin=entry.origin if entry else "")


def table(scene: Scene, vrf_name: str, name: str) -> Items:
    """A route table of a router, reached by its mark. What it does not route is dropped."""
    entry, router, number = scene.get(RouteTable, name), names.router(vrf_name), names.table(name)
    for family in (4, 6):
        yield _put(router, MarkRule(number), family, number)
        yield _put(router, BLACKHOLE, number, _EVERYTHING[family == 6])
    for route in entry.routes if entry else ():
        if route.active:
            yield from _route(scene, vrf_name, router, number, route)


def _route(scene: Scene, vrf_name: str, router: str, number: int, route: Route) -> Items:
    spec = BLACKHOLE
    if route.next_hop is NextHop.LOCAL:
        spec = THROW
    elif route.next_hop is NextHop.INTERNET:
        spec = towards(names.EDGE_LINK)
    elif route.next_hop in (NextHop.PEERING, NextHop.GLOBAL_PEERING):
        if route.target is not None and scene.linked(vrf_name, route.target):
            spec = towards(names.peer(route.target))
    elif route.next_hop is NextHop.APPLIANCE and route.via is not None and route.target is not None:
        if route.target == vrf_name:
            owner = scene.port_at(vrf_name, route.via)
            spec = towards(names.nic(owner.guid), str(route.via)) if owner else BLACKHOLE
        elif scene.linked(vrf_name, route.target):
            scene.demand(steering, route.target, route.via)
            link, via = names.peer(route.target), str(route.via)
            spec = towards(link, via)
            mac = names.steering_mac(route.target, via)
            yield _put(router, Neighbour(link, mac), link, via, origin=route.origin)
    yield _put(router, spec, number, route.prefix, origin=route.origin)


def steering(scene: Scene, vrf_name: str, via: IPAddress) -> Items:
    """An appliance that peered networks use as a next hop: its MAC on the links is a mark, the mark its table."""
    router, number = names.router(vrf_name), names.steering_table(vrf_name, str(via))
    owner = scene.port_at(vrf_name, via)
    spec = towards(names.nic(owner.guid), str(via)) if owner else BLACKHOLE
    mac = names.steering_mac(vrf_name, str(via))
    yield _put(router, Element(hex(number)), "netdev", "steer", mac)
    yield _put(router, MarkRule(number), via.version, number)
    yield _put(router, spec, number, _EVERYTHING[via.version == 6])


def peering(scene: Scene, name: str) -> Items:
    """One end of a link: what may come in over it."""
    entry = scene.get(Peering, name)
    if entry is None or not scene.linked(entry.vrf, entry.remote):
        return
    if scene.get(Vrf, entry.vrf) is None or scene.get(Vrf, entry.remote) is None:
        return
    router, link = names.router(entry.vrf), names.peer(entry.remote)
    scene.demand(peer_link, *sorted((entry.vrf, entry.remote)))
    for family in (4, 6):
        word = _FAMILY[family]
        chain = Chain(_peer_rules(entry, family))
        yield _put(router, chain, word, f"from_{link}", origin=entry.origin)
        yield _put(router, Element(f"jump from_{link}"), word, "links", link, origin=entry.origin)
    steer = Chain(
        ("meta mark set ether daddr map @steer meta pkttype set host",),
        f'filter hook ingress device "{link}" priority 0',
    )
    yield _put(router, steer, "netdev", f"steer_{link}", origin=entry.origin)


def _peer_rules(entry: Peering, family: int) -> tuple[str, ...]:
    word = _FAMILY[family]
    prefixes = ", ".join(str(p) for p in entry.prefixes if p.version == family)
    direct = "accept" if entry.access else "counter name drop_peering_access drop"
    other = "accept" if entry.forwarded else "counter name drop_peering_forwarded drop"
    return (*((f"{word} saddr {{ {prefixes} }} {direct}",) if prefixes else ()), other)


def peer_link(scene: Scene, one: str, other: str) -> Items:
    """The link between the routers of two peered networks."""
    mac = _FORWARD_LINK_MAC
    link = Veth(mac, names.router(other), names.peer(one), mac, True, "peering")
    yield _put(names.router(one), link, names.peer(other))


def guest(scene: Scene, name: str) -> Items:
    """The namespace of a workload."""
    entry = scene.get(Guest, name)
    if entry is not None:
        yield _put(names.guest(name), Namespace("guest"), origin=entry.origin)


def host(scene: Scene, name: str) -> Items:
    """A host on the simulated Internet."""
    entry = scene.get(InternetHost, name)
    if entry is None:
        return
    scene.demand(internet)
    space, link, mac, origin = names.guest(name), names.client(entry.guid), _FORWARD_LINK_MAC, entry.origin
    yield _put(space, Namespace("guest"), origin=origin)
    yield _put(names.INTERNET, Veth(mac, space, "eth0", mac, True, entry.label), link, origin=origin)
    for address in entry.addresses:
        yield _put(space, Address("eth0"), f"{address}/{address.max_prefixlen}", origin=origin)
        yield _put(names.INTERNET, towards(link), MAIN, _host(address), origin=origin)
        yield _put(space, towards("eth0"), MAIN, _EVERYTHING[isinstance(address, IPv6Address)], origin=origin)


def _host(address: IPAddress) -> str:
    return f"{address}/{address.max_prefixlen}"


_ROOTS: dict[type, Any] = {
    Vrf: vrf,
    Port: port,
    Peering: peering,
    Guest: guest,
    InternetHost: host,
    PlatformResolver: platform_resolver,
}
