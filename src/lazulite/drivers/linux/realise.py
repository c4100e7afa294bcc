"""From forwarding entries to kernel objects: pure, and incremental by the same engine that compiles resources.

Each function below is a node: it reads entries through a :class:`Scene` and yields items. What several entries need
(a rendered list, a route table, a link) is demanded, not repeated.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Address
from typing import Any

from lazulite.drivers.linux import (
    acl,
    flow_tables,
    names,
    realise_detour,
    realise_edge,
    realise_fault,
    realise_floating,
    realise_global,
    realise_internal,
    realise_steering,
    realise_tap,
)
from lazulite.drivers.linux.netlink import MAIN
from lazulite.drivers.linux.realise_steering import LINK_MAC
from lazulite.drivers.linux.scene import EVERYTHING, FAMILY, Index, Items, Scene, attached, host_prefix, put
from lazulite.drivers.linux.state import (
    BLACKHOLE,
    THROW,
    Address,
    Chain,
    Declared,
    Element,
    FlowTables,
    Item,
    Key,
    ListBody,
    MarkRule,
    Namespace,
    Neighbour,
    Skeleton,
    Veth,
    towards,
)
from lazulite.forwarding.model import (
    AccessList,
    Action,
    AddressSet,
    BalancingRule,
    Detour,
    Fault,
    ForwardingModel,
    Frontend,
    GlobalRule,
    Guest,
    InternetHost,
    Nearness,
    NextHop,
    Peering,
    Port,
    PortForward,
    Route,
    RouteTable,
    SourceNat,
    TapSource,
    Vrf,
)
from lazulite.incremental import Delta, Incremental, Node, Trace
from lazulite.values import IPAddress


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
        touched |= set(self._index.collect(self.model))
        return self._engine.advance(self._run, touched, add, drop)

    def _run(self, node: Node, trace: Trace) -> Iterable[tuple[Key, Item]]:
        return node.function(Scene(self.model, self._index, trace), *node.arguments)


def _roots(entry: Any) -> list[Node]:
    return [Node(function, (entry.name,)) for function in _ROOTS.get(type(entry), ())]


def vrf(scene: Scene, name: str) -> Items:
    """A router, its edge, and the way to the Internet."""
    entry = scene.get(Vrf, name)
    if entry is None:
        return
    router, edge, origin = names.router(name), names.edge(name), entry.origin
    scene.demand(internet)
    yield put(router, Namespace("router"), origin=origin)
    yield put(edge, Namespace("edge"), origin=origin)
    yield put(router, Skeleton("router", entry.flow_timeout_s), origin=origin)
    yield put(edge, Skeleton("edge"), origin=origin)
    mac = LINK_MAC
    yield put(router, Veth(mac, edge, names.INSIDE, mac, True, entry.label), names.EDGE_LINK, origin=origin)
    yield put(edge, Veth(mac, names.INTERNET, names.uplink(name), mac, True, entry.label), names.OUTSIDE, origin=origin)
    yield put(router, Address("lo"), f"{names.PLATFORM}/32", origin=origin)
    yield put(router, MarkRule(names.ARP_TABLE), 4, names.ARP_TABLE)
    yield put(router, towards(names.EDGE_LINK), names.ARP_TABLE, EVERYTHING[0])
    for family in (4, 6):
        everything = EVERYTHING[family == 6]
        yield put(router, BLACKHOLE, MAIN, everything)
        yield put(edge, towards(names.OUTSIDE), MAIN, everything)
        yield put(router, Element("accept"), FAMILY[family], "links", names.EDGE_LINK)
    for prefix in entry.prefixes:
        yield put(edge, towards(names.INSIDE), MAIN, prefix, origin=origin)
    for family, word in FAMILY.items():
        given = entry.default_snat is not None and entry.default_snat.version == family
        rules = (f"snat to {entry.default_snat}",) if given else ()
        yield put(edge, Chain(rules), word, "default_snat", origin=origin)
    if entry.default_snat is not None:
        yield put(names.INTERNET, towards(names.uplink(name)), MAIN, host_prefix(entry.default_snat), origin=origin)


def internet(scene: Scene) -> Items:
    """The network between the edges and the hosts of the simulated Internet."""
    yield put(names.INTERNET, Namespace("internet"))
    yield put(names.INTERNET, Skeleton("internet"))
    for everything in EVERYTHING:
        yield put(names.INTERNET, BLACKHOLE, MAIN, everything)


def port(scene: Scene, name: str) -> Items:
    """A workload's link and all that is said of its interface; nothing while its guest does not run."""
    entry = scene.get(Port, name)
    if entry is None or entry.guest is None or not attached(scene, entry):
        return
    router, guest, nic = names.router(entry.vrf), names.guest(entry.guest), names.nic(entry.guid)
    inner, origin = f"eth{entry.slot}", entry.origin
    mtu = names.JUMBO_MTU if scene.collects(entry) else names.USUAL_MTU
    link = Veth(names.GATEWAY_MAC, guest, inner, _mac(entry), label=entry.label, mtu=mtu)
    yield put(router, link, nic, origin=origin)
    for address, subnet in zip(entry.addresses, entry.gateways, strict=True):
        yield from _reach(entry, address, subnet, router, guest, nic, inner)
    for family in sorted({a.version for a in entry.addresses}):
        yield from _first_hop(entry, family, guest, inner, names.USUAL_MTU if mtu != names.USUAL_MTU else 0)
        yield from _interface(scene, entry, family, router, nic)
    scene.demand(table, entry.vrf, entry.routes)
    yield from _translations(scene, entry)


def _reach(entry: Port, address: IPAddress, subnet: Any, router: str, guest: str, nic: str, inner: str) -> Items:
    """One address: on the guest, known to the router, and let through the interface."""
    word, origin = FAMILY[address.version], entry.origin
    yield put(guest, Address(inner), f"{address}/{subnet.prefixlen if address.version == 4 else 128}", origin=origin)
    yield put(router, Neighbour(nic, _mac(entry)), nic, address, origin=origin)
    yield put(router, towards(nic), MAIN, host_prefix(address), origin=origin)
    yield put(router, Element(), word, "own", f"{nic} . {address}", origin=origin)
    if address.version == 4:
        yield put(router, Element(), "arp", "own", f"{nic} . {address}", origin=origin)
    else:  # where probes come from: the guest knows the way back to its gateway
        yield put(router, Address(nic), f"{names.GATEWAY_6}/128", nic, origin=origin)


def _mac(entry: Port) -> str:
    """As the kernel prints it."""
    return entry.mac.replace("-", ":").lower()


def _first_hop(entry: Port, family: int, guest: str, inner: str, mtu: int) -> Items:
    """The guest's gateway: known for good, and the default route of the primary interface only. *mtu* is what the guest
    sends where its link takes more.
    Source: facts/virtual-network.md 7 (virtual-network-network-interface)."""
    subnet = next(s for s in entry.gateways if s.version == family)
    gateway = str(subnet.network_address + 1) if isinstance(subnet, IPv4Network) else names.GATEWAY_6
    yield put(guest, Neighbour(inner, names.GATEWAY_MAC), inner, gateway, origin=entry.origin)
    prefix = EVERYTHING[family == 6] if entry.slot == 0 else subnet
    yield put(guest, towards(inner, gateway, mtu), MAIN, prefix, origin=entry.origin)


def _interface(scene: Scene, entry: Port, family: int, router: str, nic: str) -> Items:
    """What one IP version's ruleset knows of the interface."""
    word, origin = FAMILY[family], entry.origin
    yield put(router, Element(), word, "nics", nic, origin=origin)
    yield put(router, Element(hex(names.table(entry.routes))), word, "marks", nic, origin=origin)
    if entry.forwards:
        yield put(router, Element(), word, "forwarders", nic, origin=origin)
    if scene.recorded(entry.name):
        yield from _recorded(scene, entry, family, router, nic)
        return
    for place, listed in _places(entry):
        scene.demand(access_list, router, listed, family)
        yield put(router, Element(f"jump {names.access_list(listed)}"), word, place, nic, origin=origin)


def _recorded(scene: Scene, entry: Port, family: int, router: str, nic: str) -> Items:
    """The same lists, in the form that notes what they decide; where there is none, that it was not asked."""
    word, origin = FAMILY[family], entry.origin
    scene.demand(recording, router, family)
    yield put(router, Element(), word, flow_tables.PORTS, nic, origin=origin)
    for way, inward, nobody in (("egress", False, "admitted_out"), ("ingress", True, "admitted_in")):
        asked = [(place, listed) for place, listed in _places(entry) if place.startswith(way)]
        for place, listed in asked:
            last = (place, listed) == asked[-1]
            scene.demand(noted_list, router, listed, family, inward, last)
            chain = names.noted_list(listed, last=last)
            yield put(router, Element(f"jump {chain}"), word, place, nic, origin=origin)
        if not asked:
            chain = f"{flow_tables.PREFIX}{nobody}"
            yield put(router, Element(f"jump {chain}"), word, f"{way}_nic", nic, origin=origin)


def recording(scene: Scene, router: str, family: int) -> Items:
    """What the flows of recorded interfaces leave in a router."""
    yield put(router, FlowTables(), FAMILY[family])


def _places(entry: Port) -> Iterator[tuple[str, str]]:
    """Verdict map and list: the port's own list is asked first on the way out and last on the way in."""
    for way, lists, own in (("egress", entry.egress, 0), ("ingress", entry.ingress, len(entry.ingress) - 1)):
        for place, listed in enumerate(lists):
            yield f"{way}_{'nic' if entry.own_list and place == own else 'subnet'}", listed


def _translations(scene: Scene, entry: Port) -> Items:
    """Public addresses one to one, and leave to use the network's default one."""
    edge, origin = names.edge(entry.vrf), entry.origin
    for pair in entry.public:
        word = FAMILY[pair.public.version]
        yield put(edge, Element(str(pair.private)), word, "to_private", pair.public, origin=pair.origin)
        yield put(edge, Element(str(pair.public)), word, "to_public", pair.private, origin=pair.origin)
        yield from realise_detour.way(scene, entry.vrf, pair.public, pair.origin)
    if entry.default_outbound:
        for address in entry.addresses:
            yield put(edge, Element(), FAMILY[address.version], "default_outbound", address, origin=origin)


def access_list(scene: Scene, router: str, name: str, family: int) -> Items:
    """A list in a router: the chain that interfaces jump to, and the rendered body it goes to."""
    entry, word = scene.get(AccessList, name), FAMILY[family]
    if entry is None:  # closed until it exists
        yield put(router, Chain(("goto list_missing",)), word, names.access_list(name))
        return
    body = acl.body(entry.rules, family)
    for rule in entry.rules:
        for address_set in rule.source_sets + rule.destination_sets:
            scene.demand(members, router, address_set, family)
    for counter in sorted(body.counters):
        yield put(router, Declared("counter"), word, counter)
    yield put(router, ListBody(body.create, body.remove), word, body.name, origin=entry.origin)
    yield put(router, Chain((f"goto {body.name}_0",)), word, names.access_list(name), origin=entry.origin)


def noted_list(scene: Scene, router: str, name: str, family: int, inward: bool, last: bool) -> Items:
    """A list as recorded interfaces are asked: a body of its own, and the counters of the other one."""
    entry, word, chain = scene.get(AccessList, name), FAMILY[family], names.noted_list(name, last=last)
    scene.demand(access_list, router, name, family)
    noting = acl.Noting(inward, last)
    if entry is None:  # closed until it exists
        yield put(router, Chain((noting.verdict(Action.DENY, flow_tables.NOBODY),)), word, chain)
        return
    body = acl.body(entry.rules, family, noting)
    yield put(router, ListBody(body.create, body.remove), word, body.name, origin=entry.origin)
    yield put(router, Chain((f"goto {body.name}_0",)), word, chain, origin=entry.origin)


def members(scene: Scene, router: str, name: str, family: int) -> Items:
    """An address set in a router."""
    entry, word, identity = scene.get(AddressSet, name), FAMILY[family], names.address_set(name)
    yield put(router, Declared(f"set ipv{family}_addr"), word, identity)
    for address in entry.members if entry else ():
        if address.version == family:
            yield put(router, Element(), word, identity, address, origin=entry.origin if entry else "")


def table(scene: Scene, vrf_name: str, name: str) -> Items:
    """A route table of a router, reached by its mark. What it does not route is dropped."""
    entry, router, number = scene.get(RouteTable, name), names.router(vrf_name), names.table(name)
    for family in (4, 6):
        yield put(router, MarkRule(number), family, number)
        yield put(router, BLACKHOLE, number, EVERYTHING[family == 6])
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
            spec = realise_steering.next_hop(scene, vrf_name, route.via)
        elif scene.linked(vrf_name, route.target):
            scene.demand(realise_steering.steering, route.target, route.via)
            link, via = names.peer(route.target), str(route.via)
            spec = towards(link, via)
            mac = names.steering_mac(route.target, via)
            yield put(router, Neighbour(link, mac), link, via, origin=route.origin)
    yield put(router, spec, number, route.prefix, origin=route.origin)


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
        word = FAMILY[family]
        chain = Chain(_peer_rules(entry, family))
        yield put(router, chain, word, f"from_{link}", origin=entry.origin)
        yield put(router, Element(f"jump from_{link}"), word, "links", link, origin=entry.origin)
    yield put(router, realise_steering.steered(link), "netdev", f"steer_{link}", origin=entry.origin)


def _peer_rules(entry: Peering, family: int) -> tuple[str, ...]:
    word = FAMILY[family]
    prefixes = ", ".join(str(p) for p in entry.prefixes if p.version == family)
    direct = "accept" if entry.access else "counter name drop_peering_access drop"
    other = "accept" if entry.forwarded else "counter name drop_peering_forwarded drop"
    return (*((f"{word} saddr {{ {prefixes} }} {direct}",) if prefixes else ()), other)


def peer_link(scene: Scene, one: str, other: str) -> Items:
    """The link between the routers of two peered networks."""
    mac = LINK_MAC
    link = Veth(mac, names.router(other), names.peer(one), mac, True, "peering")
    yield put(names.router(one), link, names.peer(other))


def guest(scene: Scene, name: str) -> Items:
    """The namespace of a workload."""
    entry = scene.get(Guest, name)
    if entry is not None:
        yield put(names.guest(name), Namespace("guest"), origin=entry.origin)


def host(scene: Scene, name: str) -> Items:
    """A host on the simulated Internet."""
    entry = scene.get(InternetHost, name)
    if entry is None:
        return
    scene.demand(internet)
    space, link, mac, origin = names.guest(name), names.client(entry.guid), LINK_MAC, entry.origin
    yield put(space, Namespace("guest"), origin=origin)
    yield put(names.INTERNET, Veth(mac, space, "eth0", mac, True, entry.label), link, origin=origin)
    for address in entry.addresses:
        yield put(space, Address("eth0"), f"{address}/{address.max_prefixlen}", origin=origin)
        yield put(names.INTERNET, towards(link), MAIN, host_prefix(address), origin=origin)
        yield put(space, towards("eth0"), MAIN, EVERYTHING[isinstance(address, IPv6Address)], origin=origin)


_ROOTS: dict[type, tuple[Any, ...]] = {
    Vrf: (vrf,),
    Port: (port,),
    Peering: (peering,),
    Guest: (guest,),
    InternetHost: (host,),
    Frontend: (realise_edge.frontend, realise_internal.frontend),
    BalancingRule: (realise_edge.balancing_rule, realise_floating.rule, realise_internal.rule),
    PortForward: (realise_edge.port_forward, realise_floating.port_forward, realise_internal.port_forward),
    SourceNat: (realise_edge.source_nat,),
    Detour: (realise_detour.detour,),
    Fault: (realise_fault.fault,),
    GlobalRule: (realise_global.rule,),
    Nearness: (realise_global.source,),
    TapSource: (realise_tap.source,),
}
"""What begins with an entry of a type; several may, in different namespaces."""
