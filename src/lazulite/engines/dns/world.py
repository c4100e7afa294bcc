"""All that the name server knows, and what follows from it: who serves a name, and who may see it.

The root and the top-level domains are derived from the zones, again whenever those changed and somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

import msgspec

from lazulite.engines.dns.message import DS
from lazulite.engines.dns.places import Places
from lazulite.engines.dns.signing import Signer
from lazulite.engines.dns.spec import (
    REGISTRY,
    ROOT,
    AnyItem,
    CountriesSpec,
    ForwardSpec,
    LinkSpec,
    PlaceSpec,
    PolicySpec,
    RulesSpec,
    ServersSpec,
    ZoneSpec,
)
from lazulite.engines.dns.tables import Set, Table, soa
from lazulite.forwarding.domain import encode, suffixes, text

_DELEGATION_TTL_S = 172800
_SOA_TTL_S = 86400
_DS_TTL_S = 3600
_NO_LINKS: Mapping[bytes, Any] = {}


class Rule(msgspec.Struct, frozen=True):
    """Where the names below a domain are asked, and the namespaces to ask from."""

    targets: tuple[tuple[str, int], ...]
    via: tuple[str, ...]


class _Cut(msgspec.Struct, frozen=True):
    """A delegation of the lab's own: to whom, and who signs there."""

    apex: bytes
    servers: ServersSpec
    signer: Signer | None = None


class World:
    """Tables, links, rules and policies. ``generation`` changes with whatever can change an answer."""

    def __init__(self) -> None:
        self.generation = 0
        self.tables: dict[str, Table] = {}
        self.policies: dict[str, PolicySpec] = {}
        self.down: dict[str, frozenset[str]] = {}
        self.places = Places()
        self._items: dict[tuple[str, str], Any] = {}
        self._authorities: dict[int, dict[bytes, list[str]]] = {}
        self._links: dict[str, dict[bytes, list[tuple[str, bool]]]] = {}
        self._waiting: dict[str, list[LinkSpec]] = {}
        """Links to zones that are not there yet."""
        self._rules: dict[str, dict[bytes, Rule]] | None = None
        self._derived = False
        self._numbers: dict[bytes, int] = {}
        self._by_address: dict[str, int] = {}

    def put(self, items: Iterable[AnyItem]) -> None:
        """Take items in; zones come before what links to them."""
        for item in sorted(items, key=lambda i: not isinstance(i, ZoneSpec)):
            kind = type(item).__name__
            former = self._items.get((kind, item.key))
            if former is not None:
                self._leave(former, moving=True)
            self._items[kind, item.key] = item
            self._join(item)
        self.changed()

    def drop(self, keys: Iterable[tuple[str, str]]) -> None:
        for kind, key in keys:
            item = self._items.pop((kind, key), None)
            if item is not None:
                self._leave(item, moving=False)
        self.changed()

    def changed(self) -> None:
        self.generation += 1

    def _join(self, item: Any) -> None:
        if isinstance(item, ZoneSpec):
            table = self.tables.get(item.key)
            if table is None or table.fqdn != item.fqdn:
                table = self.tables[item.key] = Table(item.fqdn)
            table.signer = Signer(table.apex, item.seed) if item.seed else None
            self._authorities.setdefault(item.servers, {}).setdefault(table.apex, []).append(item.key)
            self._derived = False
            for link in self._waiting.pop(item.key, ()):
                self._link(link)
        elif isinstance(item, LinkSpec):
            self._link(item)
        elif isinstance(item, PolicySpec | PlaceSpec | CountriesSpec):
            self._choosing(item)
        elif isinstance(item, ServersSpec):
            self._derived = False
        elif isinstance(item, RulesSpec):
            self._rules = None

    def _choosing(self, item: PolicySpec | PlaceSpec | CountriesSpec) -> None:
        if isinstance(item, PolicySpec):
            self.policies[item.key] = item
        else:
            self.places.put(item)

    def _link(self, item: LinkSpec) -> None:
        zone = self._items.get(("ZoneSpec", item.zone))
        if zone is None:
            self._waiting.setdefault(item.zone, []).append(item)
        else:
            apex = encode(zone.fqdn).lower()
            self._links.setdefault(item.scope, {}).setdefault(apex, []).append((item.zone, item.fallback))

    def _leave(self, item: Any, *, moving: bool) -> None:
        if isinstance(item, ZoneSpec):
            apex = encode(item.fqdn).lower()
            self._authorities[item.servers][apex].remove(item.key)
            self._derived = False
            if not moving:
                self.tables.pop(item.key, None)
        elif isinstance(item, LinkSpec):
            self._unlink(item)
        elif isinstance(item, PolicySpec):
            self.policies.pop(item.key, None)
        elif isinstance(item, PlaceSpec | CountriesSpec):
            self.places.drop(item)
        elif isinstance(item, ServersSpec):
            self._derived = False
        elif isinstance(item, RulesSpec):
            self._rules = None

    def _unlink(self, item: LinkSpec) -> None:
        waiting = self._waiting.get(item.zone, [])
        waiting[:] = [link for link in waiting if link.key != item.key]
        for listed in self._links.get(item.scope, {}).values():
            if (item.zone, item.fallback) in listed:
                listed.remove((item.zone, item.fallback))

    def all(self, kind: type[Any]) -> list[Any]:
        return [item for (name, _), item in self._items.items() if name == kind.__name__]

    def served(self, number: int, name: bytes, qtype: int) -> Table | None:
        """The zone of a set of servers that a name belongs to; the DS records of a zone are its parent's."""
        if not self._derived:
            self._derive()
        zones, top = self._authorities.get(number, _NO_LINKS), None
        for part in suffixes(name):
            keys = zones.get(part)
            if keys:
                table = self.tables[keys[0]]
                if not (qtype == DS and part == name and part != b"\0"):
                    return table
                top = table
        return top

    def linked(self, scope: str, name: bytes) -> tuple[Table, bool] | None:
        """The private zone with the longest name that a network sees the name in, and whether it falls back."""
        links = self._links.get(scope, _NO_LINKS)
        for part in suffixes(name) if links else ():
            listed = links.get(part)
            if listed and listed[0][0] in self.tables:
                return self.tables[listed[0][0]], listed[0][1]
        return None

    def rule(self, scope: str, name: bytes) -> Rule | None:
        """Whom the network's rules have the name asked of: the longest domain decides."""
        if self._rules is None:
            self._rules = self._compiled_rules()
        rules = self._rules.get(scope)
        found = next((rules[part] for part in suffixes(name) if part in rules), None) if rules else None
        return found if found is not None and found.targets else None

    def _compiled_rules(self) -> dict[str, dict[bytes, Rule]]:
        compiled: dict[str, dict[bytes, Rule]] = {}
        for ruleset in sorted(self.all(RulesSpec), key=lambda r: r.key):
            for scope in ruleset.scopes:
                mine = compiled.setdefault(scope, {})
                for rule in ruleset.rules:
                    mine.setdefault(encode(rule.domain).lower(), _rule(rule, ruleset))
        return compiled

    def number_of(self, server: bytes) -> int | None:
        """The set of servers that a name server is one of."""
        return self._numbers.get(server.lower())

    def number_at(self, address: str) -> int | None:
        """The same, by its address."""
        return self._by_address.get(address)

    def _derive(self) -> None:
        """The root, the top-level domains, and who is who among the servers."""
        self._derived = True
        servers = {s.number: s for s in self.all(ServersSpec)}
        self._numbers = {encode(n).lower(): number for number, s in servers.items() for n in s.names}
        self._by_address = {a: number for number, s in servers.items() for a in s.addresses}
        delegated = self._delegated()
        tops: dict[bytes, list[_Cut]] = {}
        for apex, number in delegated.items():
            if number in servers:
                signer = self.tables[self._authorities[number][apex][0]].signer
                tops.setdefault(list(suffixes(apex))[-2], []).append(_Cut(apex, servers[number], signer))
        registry = servers.get(REGISTRY, ServersSpec("", REGISTRY, (), ()))
        self._derived_zones(ROOT, {b"\0": [_Cut(t, registry, _derived_signer(t)) for t in tops]}, servers.get(ROOT))
        self._derived_zones(REGISTRY, tops, registry)

    def _delegated(self) -> dict[bytes, int]:
        """Public zones that no other lies above, and the set of servers that the name is registered with."""
        lowest: dict[bytes, int] = {}
        for number, zones in self._authorities.items():
            for apex, keys in zones.items():
                if number > 0 and keys:
                    lowest[apex] = min(number, lowest.get(apex, number))
        return {a: n for a, n in lowest.items() if not any(p in lowest for p in list(suffixes(a))[1:])}

    def _derived_zones(self, number: int, zones: Mapping[bytes, list[_Cut]], own: ServersSpec | None) -> None:
        former, self._authorities[number] = self._authorities.get(number, {}), {}
        for keys in former.values():
            for key in keys:
                self.tables.pop(key, None)
        for apex, cuts in zones.items():
            if own is not None and own.names:
                key = f"derived|{number}|{apex!r}"
                self.tables[key] = _derived_table(apex, cuts, own)
                self._authorities[number][apex] = [key]


def _rule(rule: ForwardSpec, ruleset: RulesSpec) -> Rule:
    return Rule(rule.targets, ruleset.via)


def _derived_signer(apex: bytes) -> Signer:
    """The keys of the root and of top-level domains are the same in every lab: the trust anchor can be written down."""
    return Signer(apex, f"the lab's {text(apex)}")


def _derived_table(apex: bytes, cuts: list[_Cut], own: ServersSpec) -> Table:
    """A zone of nothing but delegations, with the addresses of servers as far as they are within it."""
    table = Table("" if apex == b"\0" else text(apex))
    table.signer = _derived_signer(apex)
    origin = len(apex)
    start = soa(own.names[0], "hostmaster.lab.invalid", 1, 3600, 300, 2419200, 300)
    sets = [Set("", "SOA", _SOA_TTL_S, (start,)), _servers("", own)]
    known: dict[str, ServersSpec] = {name: own for name in own.names}
    for cut in cuts:
        owner = _relative(cut.apex, origin)
        sets.append(_servers(owner, cut.servers))
        known |= dict.fromkeys(cut.servers.names, cut.servers)
        if cut.signer is not None:
            sets.append(Set(owner, "DS", _DS_TTL_S, (cut.signer.delegation,)))
    for server, spec in known.items():
        wire = encode(server).lower()
        if wire.endswith(apex):
            sets += _glue(_relative(wire, origin), server, spec)
    table.put(sets)
    return table


def _relative(name: bytes, origin: int) -> str:
    return text(name[: len(name) - origin] + b"\0")


def _servers(owner: str, servers: ServersSpec) -> Set:
    return Set(owner, "NS", _DELEGATION_TTL_S, tuple(encode(n) for n in servers.names))


def _glue(owner: str, name: str, servers: ServersSpec) -> list[Set]:
    at = servers.names.index(name)
    mine = [ip_address(a) for a in servers.addresses[at :: len(servers.names)]]
    return [
        Set(owner, rtype, _DELEGATION_TTL_S, tuple(a.packed for a in mine if a.version == version))
        for rtype, version in (("A", 4), ("AAAA", 6))
        if any(a.version == version for a in mine)
    ]
