"""The lab's name server as the agent keeps it: entries in, items and packed zones out, and where to listen.

A listener goes before its namespace does and comes after it, so it is told in two parts around each call of the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lazulite.drivers.driver import ModelDelta, Refusal
from lazulite.drivers.linux import names, namespaces
from lazulite.engines.dns import spec
from lazulite.engines.dns.spec import AnyItem, Listener
from lazulite.engines.dns.supervise import Engine, EngineError
from lazulite.engines.dns.tables import Set, packed
from lazulite.forwarding.model import (
    AnswerPolicy,
    Contents,
    Countries,
    EntryKey,
    ForwardRuleset,
    NameServer,
    Place,
    PlatformResolver,
    RecordSet,
    ResolverEndpoint,
    Zone,
    ZoneLink,
)

QUERIES_A_SECOND = 1000
"""Of one machine to the platform's resolver; more are dropped. Source: facts/dns.md P9 (private DNS limits)."""
ANSWERS_A_SECOND = 5000
"""Of a name server to one /24 on the Internet."""
_NUMBERS = {"root": spec.ROOT, "registry": spec.REGISTRY, "resolver": 0}


class DnsNames:
    """Implements :class:`lazulite.agent.loop.Engine` with the engine of :mod:`lazulite.engines.dns`."""

    def __init__(self, directory: Path) -> None:
        self._items: dict[EntryKey, list[AnyItem]] = {}
        self._origins: dict[str, str] = {}
        """By key of a listener."""
        self._sets: dict[str, dict[tuple[str, str], RecordSet]] = {}
        self._choices: dict[str, dict[str, frozenset[str]]] = {}
        """By dynamic set and policy: the choices that the set speaks of."""
        self._contents: dict[str, Contents] = {}
        self.engine = Engine(directory, self._everything)

    async def load(self, entries: Iterable[Any]) -> list[Refusal]:
        self._items, self._origins, self._sets, self._choices, self._contents = {}, {}, {}, {}, {}
        given = list(entries)
        for entry in given:
            if isinstance(entry, RecordSet):
                self._sets.setdefault(entry.zone, {})[entry.owner, entry.rtype] = entry
            else:
                self._take(entry)
        if not self._items:
            return []
        refused = await self._refused(self.engine.load())
        await self._tell_members(given)
        return refused

    async def release(self, delta: ModelDelta) -> None:
        gone = []
        for key in (*delta.removed, *delta.before):
            now = {i.key for i in items(delta.changed[key])} if key in delta.changed else set()
            gone += [i.key for i in self._items.get(key, ()) if isinstance(i, Listener) and i.key not in now]
        if gone:
            await self._refused(self.engine.change((), [(Listener.__name__, k) for k in gone], {}, {}))

    async def follow(self, delta: ModelDelta) -> list[Refusal]:
        put, drop = self._following(delta)
        sets, gone = self._record_sets(delta)
        if not (put or drop or sets or gone or self._items):
            return []
        refused = await self._refused(self.engine.change(put, drop, sets, gone))
        await self._tell_members([*delta.changed.values(), *delta.removed.values()])
        return refused

    async def _tell_members(self, touched: Iterable[Any]) -> None:
        """Which choices a dynamic set does not hold; one that nobody has filled yet speaks of none."""
        touched = list(touched)
        sets = {e.name for e in touched if isinstance(e, Contents)}
        sets |= {e.available for e in touched if isinstance(e, AnswerPolicy)}
        for name in sorted(sets & self._choices.keys()):
            known, spoken = self._contents.get(name), frozenset().union(*self._choices[name].values())
            up = frozenset(known.members) & spoken if known is not None else spoken
            await self.engine.tell_members(name, sorted(up), sorted(spoken - up))

    def _following(self, delta: ModelDelta) -> tuple[list[AnyItem], list[tuple[str, str]]]:
        drop: list[tuple[str, str]] = []
        for former in (*delta.removed.values(), *delta.before.values()):
            if isinstance(former, Contents):
                self._contents.pop(former.name, None)
            elif isinstance(former, AnswerPolicy):
                self._choices.get(former.available, {}).pop(former.name, None)
        for key in (*delta.removed, *delta.changed):
            kept = {i.key for i in items(delta.changed[key])} if key in delta.changed else set()
            held = self._items.pop(key, [])
            drop += [(type(i).__name__, i.key) for i in held if i.key not in kept]
        put = [item for entry in delta.changed.values() for item in self._take(entry)]
        return put, drop

    def _take(self, entry: Any) -> list[AnyItem]:
        found = list(items(entry))
        if isinstance(entry, Contents):
            self._contents[entry.name] = entry
        elif isinstance(entry, AnswerPolicy):
            spoken = frozenset(c.name for c in entry.choices)
            self._choices.setdefault(entry.available, {})[entry.name] = spoken
        if found:
            self._items[entry.key] = found
            self._origins |= {i.key: entry.origin for i in found if isinstance(i, Listener)}
        return found

    def _record_sets(self, delta: ModelDelta) -> tuple[dict[str, bytes], dict[str, list[tuple[str, str]]]]:
        gone: dict[str, list[tuple[str, str]]] = {}
        for former in (*delta.removed.values(), *delta.before.values()):
            if isinstance(former, RecordSet):
                place = former.owner, former.rtype
                held = self._sets.get(former.zone, {})
                if held.get(place, former).name == former.name and held.pop(place, None) is not None:
                    gone.setdefault(former.zone, []).append(place)
        new: dict[str, list[Set]] = {}
        for entry in delta.changed.values():
            if isinstance(entry, RecordSet):
                self._sets.setdefault(entry.zone, {})[entry.owner, entry.rtype] = entry
                new.setdefault(entry.zone, []).append(_set(entry))
        return {zone: packed(sets) for zone, sets in new.items()}, gone

    def _everything(self) -> tuple[list[AnyItem], dict[str, bytes]]:
        zones = {zone: packed(map(_set, sets.values())) for zone, sets in self._sets.items()}
        return [item for every in self._items.values() for item in every], zones

    async def _refused(self, done: Any) -> list[Refusal]:
        try:
            problems: Mapping[str, str] = (await done).problems
        except EngineError as error:
            return [Refusal("", str(error))]
        return [Refusal(self._origins.get(key, ""), f"names: {why}") for key, why in problems.items()]


def _set(entry: RecordSet) -> Set:
    return Set(entry.owner, entry.rtype, entry.ttl, entry.records, entry.policy)


def items(entry: Any) -> Iterator[AnyItem]:
    """What the server is told of an entry other than a record set."""
    match entry:
        case Zone():
            yield spec.ZoneSpec(entry.name, entry.fqdn, entry.servers, entry.seed)
        case ZoneLink():
            yield spec.LinkSpec(entry.name, entry.vrf, entry.zone, entry.fallback)
        case PlatformResolver():
            seen = str(entry.seen_as) if entry.seen_as is not None else ""
            where = namespaces.path(names.router(entry.vrf))
            yield _resolver(f"{entry.name}|{entry.address}", str(entry.address), str(where), entry.vrf, seen)
        case NameServer():
            yield from _name_server(entry)
        case ResolverEndpoint() if entry.inbound and entry.address is not None:
            where = namespaces.path(names.guest(entry.guest))
            yield _resolver(f"{entry.name}|{entry.guid}", str(entry.address), str(where), entry.vrf, "")
        case ForwardRuleset():
            yield _rules(entry)
        case AnswerPolicy() | Place() | Countries():
            yield _CHOOSING[type(entry)](entry)


def _resolver(key: str, address: str, namespace: str, scope: str, seen_as: str) -> Listener:
    return Listener(key, address, namespace, scope=scope, rate=QUERIES_A_SECOND, seen_as=seen_as)


def _name_server(entry: NameServer) -> Iterator[AnyItem]:
    number = _NUMBERS.get(entry.role, entry.servers)
    addresses, namespace = tuple(map(str, entry.addresses)), str(namespaces.path(names.guest(entry.host)))
    if number:
        yield spec.ServersSpec(entry.name, number, entry.names, addresses)
    rate = ANSWERS_A_SECOND if number else QUERIES_A_SECOND
    for address in addresses:
        yield Listener(f"{entry.name}|{address}", address, namespace, number=number, rate=rate)


def _rules(entry: ForwardRuleset) -> spec.RulesSpec:
    def targets(rule: Any) -> tuple[tuple[str, int], ...]:
        return tuple((str(t.address), t.port) for t in rule.targets) if rule.enabled else ()

    rules = tuple(spec.ForwardSpec(r.domain, targets(r)) for r in entry.rules)
    return spec.RulesSpec(entry.name, entry.vrfs, rules, tuple(str(namespaces.path(names.guest(g))) for g in entry.via))


def _place(entry: Place) -> spec.PlaceSpec:
    return spec.PlaceSpec(entry.name, str(entry.prefix), entry.codes, dict(entry.latencies))


def _policy(entry: AnswerPolicy) -> spec.PolicySpec:
    choices = tuple(
        spec.ChoiceSpec(
            c.name,
            c.target,
            str(c.address) if c.address is not None else "",
            c.nested,
            c.minimum,
            c.minimum_4,
            c.minimum_6,
            c.priority,
            c.weight,
            c.location,
            c.places,
            tuple(map(str, c.subnets)),
            c.fixed,
        )
        for c in entry.choices
    )
    return spec.PolicySpec(entry.name, entry.method, entry.ttl, choices, entry.available, entry.limit)


def _countries(entry: Countries) -> spec.CountriesSpec:
    return spec.CountriesSpec(entry.name, entry.regions, {c.code: (c.codes, c.latencies) for c in entry.held})


_CHOOSING: dict[type, Callable[[Any], AnyItem]] = {AnswerPolicy: _policy, Place: _place, Countries: _countries}
"""What answers are chosen by."""
