"""The network as people draw it: boxes in boxes, and what joins them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lazulite.daemon.links import loose
from lazulite.forwarding.model import (
    BalancingRule,
    Fault,
    ForwardingModel,
    Frontend,
    Guest,
    InternetHost,
    Peering,
    Pool,
    Port,
    SourceNat,
    Vrf,
)
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import Snapshot
from lazulite.services.virtual_network.model import Subnet, VirtualNetwork
from lazulite.values import IPAddress, IPNetwork

NOWHERE = "nowhere"
"""Region of a network that says none."""


class Box(msgspec.Struct, frozen=True, rename="camel"):
    """Something drawn: ``kind`` is one of ``internet client region network subnet machine balancer gateway``."""

    kind: str
    key: str
    """Tells it from all others; links name it."""
    name: str
    details: tuple[str, ...] = ()
    id: str = ""
    flags: tuple[str, ...] = ()
    """``stopped``, ``forwards``, ``fault``: what is unlike others of the kind."""
    children: tuple[Box, ...] = ()


class Joint(msgspec.Struct, frozen=True, rename="camel"):
    """A line between two boxes: ``kind`` is ``peering`` or ``serves``. ``whole``: both ends of a peering are there."""

    kind: str
    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    whole: bool = True


class Picture(msgspec.Struct, frozen=True):
    """Regions below the Internet, if it has clients or the network public addresses."""

    boxes: tuple[Box, ...]
    joints: tuple[Joint, ...]


def picture(model: ForwardingModel, snapshot: Snapshot) -> Picture:
    """All that there is, in an order that depends on names alone."""
    drawn = _Drawing(model, snapshot)
    return Picture(tuple(drawn.boxes()), tuple(drawn.joints()))


class _Drawing:
    def __init__(self, model: ForwardingModel, snapshot: Snapshot) -> None:
        self._model, self._snapshot = model, snapshot
        self._faulty = {fault.port for fault in model.all(Fault).values()}
        self._ports: dict[str, list[Port]] = {}
        for port in sorted(model.all(Port).values(), key=lambda p: (p.label, p.name)):
            self._ports.setdefault(port.vrf, []).append(port)
        self._owners = {(p.vrf, a): p.name for ports in self._ports.values() for p in ports for a in p.addresses}
        self._networks = sorted(model.all(Vrf).values(), key=lambda v: (v.label, v.name))

    def boxes(self) -> Iterator[Box]:
        hosts = [h for h in self._model.all(InternetHost).values() if not h.platform]
        if hosts or self._is_public():
            hosts.sort(key=lambda h: (h.label, h.name))
            clients = tuple(Box("client", h.name, h.label, _addresses(h.addresses), h.origin) for h in hosts)
            yield Box("internet", "internet", "Internet", children=clients)
        regions: dict[str, list[Vrf]] = {}
        for network in self._networks:
            regions.setdefault(self._region(network), []).append(network)
        for region, networks in sorted(regions.items()):
            yield Box("region", f"region {region}", region, children=tuple(map(self._network, networks)))

    def joints(self) -> Iterator[Joint]:
        ends = {(p.vrf, p.remote) for p in self._model.all(Peering).values()}
        there = {v.name for v in self._networks}
        for one, other in sorted({tuple(sorted(end)) for end in ends}):
            if {one, other} <= there:
                yield Joint("peering", one, other, {(one, other), (other, one)} <= ends)
        for end in loose(self._snapshot):
            if {end.here, end.there} <= there:
                yield Joint("peering", end.here, end.there, whole=False)
        for frontend in sorted(self._model.all(Frontend).values(), key=lambda f: f.name):
            yield from (Joint("serves", frontend.name, name) for name in sorted(self._backends(frontend)))

    def _is_public(self) -> bool:
        frontends = any(f.public for f in self._model.all(Frontend).values())
        return frontends or any(p.public for p in self._model.all(Port).values())

    def _resource(self, network: Vrf) -> Resource[VirtualNetwork] | None:
        found = self._snapshot.get(network.name)
        return found if found is not None and isinstance(found.properties, VirtualNetwork) else None

    def _region(self, network: Vrf) -> str:
        found = self._resource(network)
        return (found.location if found is not None else None) or NOWHERE

    def _network(self, network: Vrf) -> Box:
        found, left = self._resource(network), list(self._ports.get(network.name, ()))
        edge = [*self._public_frontends(network), *self._gateways(network)]
        private = [f for f in self._model.all(Frontend).values() if f.vrf == network.name and not f.public]
        subnets = []
        for child in sorted(found.properties.subnets if found is not None else (), key=lambda c: c.name):
            prefixes = _prefixes(child.properties)
            inside = [p for p in left if any(_is_in(a, prefixes) for a in p.addresses[:1])]
            taken = {p.name for p in inside}
            left = [p for p in left if p.name not in taken]
            near = sorted((f for f in private if _is_in(f.address, prefixes)), key=lambda f: f.name)
            key = f"{network.name}/subnets/{child.name}"
            subnets.append(self._subnet(key, child.name, child.properties, inside, near))
        details = tuple(map(str, network.prefixes))
        return Box("network", network.name, network.label, details, network.origin, (), (*edge, *subnets))

    def _subnet(self, key: str, name: str, said: Subnet, ports: list[Port], frontends: list[Frontend]) -> Box:
        refs = (said.network_security_group, said.route_table, said.nat_gateway)
        prefixes = [str(p) for p in _prefixes(said)]
        details = tuple([*prefixes, *(ref.target.name for ref in refs if isinstance(ref, Ref))])
        inside = (*map(_balancer, frontends), *map(self._machine, ports))
        return Box("subnet", key.lower(), name, details, key, (), inside)

    def _machine(self, port: Port) -> Box:
        guest = self._model.get(Guest, port.guest) if port.guest is not None else None
        name = guest.label if guest is not None else port.label
        if port.slot:
            name = f"{name} (eth{port.slot})"
        flags = {
            "stopped": guest is None,
            "forwards": port.forwards,
            "fault": port.name in self._faulty,
            "platform": guest is not None and guest.platform,
        }
        details = (*_addresses(port.addresses), *(str(p.public) for p in port.public))
        origin = (guest.origin if guest is not None else "") or port.origin
        return Box("machine", port.name, name, details, origin, tuple(f for f, yes in flags.items() if yes))

    def _public_frontends(self, network: Vrf) -> list[Box]:
        found = sorted(self._model.all(Frontend).values(), key=lambda f: f.name)
        return [_balancer(f) for f in found if f.vrf == network.name and f.public]

    def _gateways(self, network: Vrf) -> list[Box]:
        found = sorted(self._model.all(SourceNat).values(), key=lambda n: n.name)
        mine = [n for n in found if n.vrf == network.name and n.prefixes]
        return [Box("gateway", n.name, n.label, _addresses(n.addresses), n.origin) for n in mine]

    def _backends(self, frontend: Frontend) -> set[str]:
        """Names of the ports that a frontend's rules lead to."""
        rules = (r for r in self._model.all(BalancingRule).values() if r.frontend == frontend.name)
        pools = (self._model.get(Pool, rule.pool) for rule in rules)
        wanted = {(p.vrf, m.address) for p in pools if p is not None for m in p.members}
        return {self._owners[place] for place in wanted if place in self._owners}


def _balancer(frontend: Frontend) -> Box:
    """A frontend, with its balancer's name, which is what people call it."""
    above = ResourceId(frontend.origin).parent.name if "/frontendIPConfigurations/" in frontend.origin else ""
    name = f"{above}/{frontend.label}" if above else frontend.label
    return Box("balancer", frontend.name, name, (str(frontend.address),), frontend.origin)


def _addresses(found: tuple[IPAddress, ...]) -> tuple[str, ...]:
    return tuple(map(str, found))


def _prefixes(said: Subnet) -> list[IPNetwork]:
    own = [said.address_prefix] if said.address_prefix is not None else []
    return list(dict.fromkeys([*own, *said.address_prefixes]))


def _is_in(address: IPAddress, prefixes: Iterable[IPNetwork]) -> bool:
    return any(address in p for p in prefixes)
