"""The forwarding model arranged for questions: who owns an address, which route is longest, what a list says.

Built once and kept up to date from deltas; an index that took every delta answers like one built afresh.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar, get_args

from lazulite.analysis.backends import Backends, Services, holds
from lazulite.analysis.matcher import Matcher
from lazulite.forwarding.model import (
    AccessList,
    AddressSet,
    AnyEntry,
    BalancingRule,
    Contents,
    Detour,
    Entry,
    EntryKey,
    Fault,
    ForwardingModel,
    Frontend,
    GlobalRule,
    Guest,
    InternetHost,
    Nearness,
    Peering,
    PlatformResolver,
    Pool,
    Port,
    PortForward,
    PublicAddress,
    Route,
    RouteSource,
    RouteTable,
    SourceNat,
    Tap,
    TapSource,
    Vrf,
)
from lazulite.incremental import Delta
from lazulite.values import Direction, IPAddress

_PREFERENCE = {source: rank for rank, source in enumerate(RouteSource)}
E = TypeVar("E", bound=Entry)
REMEMBERED = 1 << 16
"""Destinations a route table remembers before it forgets them all."""


class LongestPrefix:
    """The active rows of one route table, by prefix length."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Route]] = {}
        for route in sorted((r for r in routes if r.active), key=lambda r: _PREFERENCE[r.source]):
            version, length = route.prefix.version, route.prefix.prefixlen
            rows = self._by_length.setdefault((version, route.prefix.max_prefixlen - length), {})
            rows.setdefault(int(route.prefix.network_address) >> route.prefix.max_prefixlen - length, route)
        self._shifts = {v: sorted(s for version, s in self._by_length if version == v) for v in (4, 6)}
        self._known: dict[IPAddress, Route | None] = {}

    def find(self, address: IPAddress) -> Route | None:
        """The row that decides for *address*, or none."""
        try:
            return self._known[address]
        except KeyError:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            route = self._known[address] = self._search(address)
            return route

    def _search(self, address: IPAddress) -> Route | None:
        version, number = address.version, int(address)
        for shift in self._shifts[version]:
            route = self._by_length[version, shift].get(number >> shift)
            if route is not None:
                return route
        return None


class Index:
    """All that a trace looks up. Where two entries claim one key, the name that sorts first has it."""

    def __init__(self, model: Iterable[Any]) -> None:
        self.model = ForwardingModel(model)
        """The entries, in a copy of its own: the compiler goes on changing the one it was built from."""
        self._claims: dict[Hashable, list[str]] = {}
        self._matchers: dict[str, Matcher] = {}
        self._tables: dict[str, LongestPrefix] = {}
        self._services: dict[str, Services] = {}
        self._backends: dict[str, Backends] = {}
        self._list_readers: dict[str, set[str]] = {}
        """Address set to the lists whose matcher holds its members."""
        for entry in self.model:
            self._claim(entry)

    def update(self, delta: Delta[EntryKey, Any]) -> None:
        """Follow the model one step."""
        for key, entry in delta.removed.items():
            self._release(key)
            self.model.drop([entry])
        for key in delta.changed:
            self._release(key)
        self.model.put(delta.changed.values())
        for entry in delta.changed.values():
            self._claim(entry)

    def port(self, name: str) -> Port:
        """Raises ``LookupError`` when there is none."""
        port = self.model.get(Port, name)
        if port is None:
            raise LookupError(f"no port {name}")
        return port

    def owner(self, vrf: str, address: IPAddress) -> Port | None:
        """The port of *vrf* that has the private *address*."""
        names = self._claims.get(("address", vrf, address))
        return self.model.get(Port, names[0]) if names else None

    def public(self, address: IPAddress) -> tuple[Port, PublicAddress] | None:
        """The port that the public *address* leads to, and the translation."""
        names = self._claims.get(("public", address))
        port = self.model.get(Port, names[0]) if names else None
        return (port, next(p for p in port.public if p.public == address)) if port else None

    def host(self, address: IPAddress) -> InternetHost | None:
        """The host on the Internet that has *address*."""
        names = self._claims.get(("host", address))
        return self.model.get(InternetHost, names[0]) if names else None

    def resolver(self, vrf: str, address: IPAddress) -> PlatformResolver | None:
        """The platform's resolver in *vrf*, where it has *address*."""
        names = self._claims.get(("resolver", vrf, address))
        return self.model.get(PlatformResolver, names[0]) if names else None

    def peering(self, vrf: str, remote: str) -> Peering | None:
        """The end in *vrf* of its link to *remote*."""
        names = self._claims.get(("peering", vrf, remote))
        return self.model.get(Peering, names[0]) if names else None

    def frontend(self, vrf: str | None, address: IPAddress) -> Frontend | None:
        """The frontend at a private *address* of *vrf*, or at a public one when *vrf* is ``None``."""
        names = self._claims.get(("frontend", vrf, address))
        return self.model.get(Frontend, names[0]) if names else None

    def detour(self, address: IPAddress) -> tuple[str, Detour | None]:
        """Name of the detour that packets of a public address make, empty when they make none; and what there is of
        that name."""
        frontend, own = self.frontend(None, address), self.public(address)
        name = frontend.detour if frontend is not None else own[1].detour if own is not None else ""
        return name, self.model.get(Detour, name)

    def tap(self, port: str) -> tuple[TapSource, Tap | None] | None:
        """That the packets of the port of that name are copied, and where to."""
        found = self._named(TapSource, ("tap", port))
        return (found[0], self.model.get(Tap, found[0].tap)) if found else None

    def faults(self, port: str) -> list[Fault]:
        """What is wrong on purpose with the port of that name."""
        return self._named(Fault, ("fault", port))

    def global_rules(self, address: IPAddress) -> list[GlobalRule]:
        """The rules on an address of several regions."""
        return self._named(GlobalRule, ("global", address))

    def regions(self, source: str) -> tuple[str, ...]:
        """The regions as an Internet host or the edge of a VRF has them, from the nearest on."""
        found = self.model.get(Nearness, source)
        return found.regions if found else ()

    def services(self, frontend: str) -> Services:
        """What the rules on the frontend of that name take."""
        found = self._services.get(frontend)
        if found is None:
            rules = self._named(BalancingRule, (BalancingRule, frontend))
            forwards = self._named(PortForward, (PortForward, frontend))
            found = self._services[frontend] = Services(rules, forwards)
        return found

    def backends(self, pool: str) -> Backends | None:
        """The pool of that name with the health of its members."""
        found = self._backends.get(pool)
        if found is None:
            entry = self.model.get(Pool, pool)
            if entry is None:
                return None
            found = self._backends[pool] = Backends(entry, self.model.get(Contents, pool))
        return found

    def floats(self, port: Port, address: IPAddress) -> bool:
        """Whether the guest of *port* has *address*, of a frontend, as its own: it is a backend of a floating rule."""
        found = self.frontend(None, address) or self.frontend(port.vrf, address)
        if found is None or found.vrf != port.vrf:
            return False
        return any(self._leads_to(service, port) for service in self.services(found.name).floating)

    def _leads_to(self, service: BalancingRule | PortForward, port: Port) -> bool:
        if isinstance(service, PortForward):
            return service.target in port.addresses
        return holds(self.backends(service.pool), port.addresses)

    def source_nats(self, vrf: str) -> list[SourceNat]:
        """The shared source translations of *vrf*, by name."""
        return self._named(SourceNat, ("source nat", vrf))

    def _named(self, kind: type[E], claim: Hashable) -> list[E]:
        return [self.model.all(kind)[name] for name in self._claims.get(claim, ())]

    def guest_ports(self, guest: str) -> list[Port]:
        """The ports of a guest, its primary first."""
        ports = (self.model.get(Port, name) for name in self._claims.get(("guest", guest), ()))
        return sorted((p for p in ports if p), key=lambda p: p.slot)

    def runs(self, port: Port) -> bool:
        """Whether a workload is there to send and receive, in a network that exists."""
        if port.guest is None or self.model.get(Guest, port.guest) is None:
            return False
        return self.model.get(Vrf, port.vrf) is not None

    def vrf_label(self, name: str) -> str:
        vrf = self.model.get(Vrf, name)
        return vrf.label if vrf else name

    def matcher(self, name: str) -> Matcher:
        """The access list of that name; a list the model does not hold lets nothing pass."""
        matcher = self._matchers.get(name)
        if matcher is None:
            matcher = self._matchers[name] = self._build_matcher(name)
        return matcher

    def routes(self, name: str) -> LongestPrefix:
        """The route table of that name; a table the model does not hold is empty."""
        table = self._tables.get(name)
        if table is None:
            found = self.model.get(RouteTable, name)
            table = self._tables[name] = LongestPrefix(found.routes if found else ())
        return table

    def members(self, access_list: AccessList) -> dict[str, frozenset[IPAddress]]:
        """The address sets that rules of the list name, with their members now."""
        names = {s for r in access_list.rules for s in r.source_sets + r.destination_sets}
        sets = ((name, self.model.get(AddressSet, name)) for name in sorted(names))
        return {name: frozenset(found.members if found else ()) for name, found in sets}

    def _build_matcher(self, name: str) -> Matcher:
        found = self.model.get(AccessList, name)
        if found is None:
            return Matcher(AccessList(name, label=name, direction=Direction.INGRESS, rules=()), {})
        members = self.members(found)
        for each in members:
            self._list_readers.setdefault(each, set()).add(name)
        return Matcher(found, members)

    def _claim(self, entry: Entry) -> None:
        for claim in _claims(entry):
            insort(self._claims.setdefault(claim, []), entry.name)
        self._forget_derived(entry)

    def _release(self, key: EntryKey) -> None:
        kind, name = key
        entry = self.model.get(_KINDS[kind], name)
        if entry is None:
            return
        for claim in _claims(entry):
            names = self._claims[claim]
            names.remove(name)
            if not names:
                del self._claims[claim]
        self._forget_derived(entry)

    def _forget_derived(self, entry: Entry) -> None:
        """Drop what was computed from the entry; it is built again when somebody asks."""
        if isinstance(entry, RouteTable):
            self._tables.pop(entry.name, None)
        elif isinstance(entry, AccessList):
            self._matchers.pop(entry.name, None)
        elif isinstance(entry, AddressSet):
            for name in self._list_readers.pop(entry.name, ()):
                self._matchers.pop(name, None)
        elif isinstance(entry, (BalancingRule, PortForward)):
            self._services.pop(entry.frontend, None)
        elif isinstance(entry, (Pool, Contents)):
            self._backends.pop(entry.name, None)


def _port_claims(port: Port) -> Iterator[Hashable]:
    yield from (("address", port.vrf, a) for a in dict.fromkeys(port.addresses))
    yield from (("public", a) for a in dict.fromkeys(p.public for p in port.public))
    if port.guest is not None:
        yield "guest", port.guest


def _host_claims(host: InternetHost) -> Iterator[Hashable]:
    return (("host", a) for a in dict.fromkeys(host.addresses))


def _peering_claims(peering: Peering) -> Iterator[Hashable]:
    yield "peering", peering.vrf, peering.remote


def _resolver_claims(resolver: PlatformResolver) -> Iterator[Hashable]:
    yield "resolver", resolver.vrf, resolver.address


def _frontend_claims(frontend: Frontend) -> Iterator[Hashable]:
    yield "frontend", None if frontend.public else frontend.vrf, frontend.address


def _global_claims(rule: GlobalRule) -> Iterator[Hashable]:
    yield "global", rule.address


def _service_claims(service: BalancingRule | PortForward) -> Iterator[Hashable]:
    yield type(service), service.frontend


def _source_nat_claims(source_nat: SourceNat) -> Iterator[Hashable]:
    yield "source nat", source_nat.vrf


def _fault_claims(fault: Fault) -> Iterator[Hashable]:
    yield "fault", fault.port


def _tap_source_claims(source: TapSource) -> Iterator[Hashable]:
    yield "tap", source.port


_CLAIMS: dict[type, Callable[[Any], Iterator[Hashable]]] = {
    Port: _port_claims,
    InternetHost: _host_claims,
    Peering: _peering_claims,
    PlatformResolver: _resolver_claims,
    Frontend: _frontend_claims,
    BalancingRule: _service_claims,
    PortForward: _service_claims,
    GlobalRule: _global_claims,
    SourceNat: _source_nat_claims,
    TapSource: _tap_source_claims,
    Fault: _fault_claims,
}
_KINDS: dict[str, type[Entry]] = {k.__name__: k for k in get_args(AnyEntry)}


def _claims(entry: Entry) -> Iterator[Hashable]:
    claims = _CLAIMS.get(type(entry))
    return claims(entry) if claims else iter(())
