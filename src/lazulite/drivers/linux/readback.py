"""What the kernel really holds, in the driver's own terms: read back after a change, and whole after a restart."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from lazulite.drivers.driver import Refusal
from lazulite.drivers.linux import filled, flow_tables, netlink, nftext, payloads, single, skeleton_internal
from lazulite.drivers.linux.handles import Handles
from lazulite.drivers.linux.kernel import Change
from lazulite.drivers.linux.netfilter import FAMILIES, NetfilterSocket
from lazulite.drivers.linux.skeleton import DYNAMIC_SETS, FIXED_CHAINS, FIXED_SETS, TABLE, VERSION
from lazulite.drivers.linux.state import (
    Chain,
    Declared,
    FilledMap,
    FlowTables,
    Item,
    Key,
    ListBody,
    Namespace,
    Skeleton,
    key,
)

Found = Iterator[tuple[Key, Item]]
_RULED = ("router", "edge", "detour", "internet")
"""Roles of namespaces that have a ruleset."""
_BODY = re.compile(r"(b[0-9a-f]{12})_\w+")
_RULESET = {"Chain", "ListBody", "Declared", "FilledMap", "Skeleton", "Element", "FlowTables"}


def missing(handles: Handles, changes: Iterable[Change]) -> dict[Key, Refusal]:
    """Of the objects that were just made or changed, those that the kernel does not hold as they were asked for."""
    wanted = {what: new for what, _, new in changes if new is not None}
    found = holding(handles, wanted)
    return {
        what: Refusal(item.origin, f"{what[0]}: {what[1]} {what[2]} is not in the kernel as it should be")
        for what, item in wanted.items()
        if what not in found or not same(item.spec, found[what].spec)
    }


def holding(handles: Handles, keys: Iterable[Key]) -> dict[Key, Item]:
    """What the kernel holds of *keys*, with others that it takes to look."""
    by_name: dict[str, list[Key]] = defaultdict(list)
    for what in keys:
        by_name[what[0]].append(what)
    found: dict[Key, Item] = {}
    for name, part in by_name.items():
        if handles.exists(name):
            found.update(_touched(handles, name, part))
    return found


def differences(handles: Handles, wanted: Mapping[Key, Item]) -> list[str]:
    """Every object that is missing, different or one too many."""
    try:
        found = actual(handles)
    finally:
        handles.release()
    lacking = [k for k, item in wanted.items() if k not in found or not same(item.spec, found[k].spec)]
    return [f"lacks {' '.join(k)}" for k in lacking] + [f"has {' '.join(k)}" for k in found if k not in wanted]


def same(wanted: Any, found: Any) -> bool:
    """Rules come back in nft's own words and a body is named by its content: of these, presence is what is compared."""
    if isinstance(wanted, Chain | ListBody | Skeleton | Declared | Namespace):
        return type(wanted) is type(found)
    return bool(wanted == found)


def actual(handles: Handles) -> dict[Key, Item]:
    """Everything of ours, in every namespace; a ruleset of another version of this driver is dropped on the way."""
    found: dict[Key, Item] = {}
    for name in handles.names():
        role = name.partition(".")[0]
        found[key(name, Namespace(""))] = Item(Namespace(role))
        found.update(_routing(handles.route(name), name, payloads.READERS))
        if role in _RULED:
            found.update(_ruleset(handles, name, role))
    return found


def _touched(handles: Handles, name: str, keys: Collection[Key]) -> Found:
    """What one namespace holds of *keys*: a few are asked for one by one, the rest is picked from dumps."""
    yield key(name, Namespace("")), Item(Namespace(""))
    route, alone = handles.route(name), single.readable(keys)
    found = dict(single.routing(route, name, alone))
    yield from found.items()
    rest = {what for what in keys if what not in found}
    yield from _routing(route, name, {what[1] for what in rest})
    if any(what[1] in _RULESET for what in rest):
        yield from _filters(handles.netfilter(name), name, alone, rest)


def _filters(netfilter: NetfilterSocket, name: str, alone: Collection[Key], keys: Collection[Key]) -> Found:
    """The same of the ruleset."""
    found = dict(single.elements(netfilter, name, alone)) | dict(single.objects(netfilter, name, alone))
    yield from found.items()
    rest = [what for what in keys if what[1] in _RULESET and what not in found]
    if any(what[1] not in ("Element", "FilledMap") for what in rest):
        yield from _objects(netfilter, name)
    for what in rest:
        if what[1] == "FilledMap":
            yield from _filled(netfilter, name, *what[2].split("|"))
    sets = {tuple(what[2].split("|")[:2]) for what in rest if what[1] == "Element"}
    for family, set_name in sorted(sets):
        yield from _elements(netfilter, name, family, set_name)


def _routing(route: netlink.Socket, name: str, kinds: Collection[str]) -> Found:
    """Links, addresses, neighbours, routes and rules, as far as asked for."""
    asked = [(*reader, payloads.FAMILIES.get(kind, 0)) for kind, reader in payloads.READERS.items() if kind in kinds]
    links = route.interfaces() if asked else {}
    for dumped, read, family in asked:
        for payload in route.dump(dumped, family):
            found = read(payload, name, links)
            if found is not None:
                yield found


def _ruleset(handles: Handles, name: str, role: str) -> Found:
    netfilter = handles.netfilter(name)
    tables = {family: netfilter.tables(number).get(TABLE) for family, number in FAMILIES.items()}
    outdated = any(VERSION.encode() not in (tables[family] or b"") for family in ("ip", "ip6"))
    if outdated or tables["netdev"] is None:
        present = [family for family, comment in tables.items() if comment is not None]
        handles.nft(name).run("".join(f"delete table {family} {TABLE}\n" for family in present))
        return
    yield key(name, Skeleton(role)), Item(Skeleton(role))
    yield from _objects(netfilter, name)
    for family, number in FAMILIES.items():
        for set_name in netfilter.sets(number, TABLE):
            if filled.shape_of(set_name):
                yield from _filled(netfilter, name, family, set_name)
            elif not _filled_by_packets(set_name) and not _BODY.fullmatch(set_name):
                yield from _elements(netfilter, name, family, set_name)


def _objects(netfilter: NetfilterSocket, name: str) -> Found:
    """Counters, sets, chains and list bodies beyond the fixed ruleset, and the ruleset itself."""
    for family, number in FAMILIES.items():
        if TABLE in netfilter.tables(number):
            if family == "ip":
                yield key(name, Skeleton("")), Item(Skeleton(""))
            chains, sets = netfilter.chains(number, TABLE), netfilter.sets(number, TABLE)
            if set(flow_tables.FILLED) <= set(sets):
                yield key(name, FlowTables(), family), Item(FlowTables())
            chains, sets = _without_flows(chains), _without_flows(sets)
            own = [c for c in chains if c not in FIXED_CHAINS or c in nftext.FILLED]
            yield from ((key(name, Chain(()), family, c), Item(Chain(()))) for c in own if not _BODY.fullmatch(c))
            yield from _bodies(name, family, chains, sets)
            own = [s for s in sets if s not in FIXED_SETS and not _BODY.fullmatch(s) and not filled.shape_of(s)]
            yield from (_declared(name, family, s, "set") for s in own)
            counters = _without_flows(netfilter.counters(number, TABLE))
            yield from (_declared(name, family, c, "counter") for c in counters if not c.startswith("drop_"))
            yield from (_declared(name, family, t, "ct timeout {") for t in netfilter.timeouts(number, TABLE))


def _without_flows(found: Iterable[str]) -> list[str]:
    """What is not part of the flow tables, which are one object."""
    return [name for name in found if not name.startswith(flow_tables.PREFIX)]


def _filled_by_packets(set_name: str) -> bool:
    return (
        set_name in DYNAMIC_SETS
        or set_name in flow_tables.FILLED
        or skeleton_internal.FILLED_BY_PACKETS.fullmatch(set_name) is not None
    )


def _declared(name: str, family: str, object_name: str, kind: str) -> tuple[Key, Item]:
    return key(name, Declared(kind), family, object_name), Item(Declared(kind))


def _bodies(name: str, family: str, chains: list[str], sets: list[str]) -> Found:
    """List bodies by the names of their parts, with what it takes to remove them."""
    parts: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, objects in enumerate((chains, sets)):
        for text in objects:
            if found := _BODY.fullmatch(text):
                parts[found[1]][place].append(text)
    for body, (own_chains, own_maps) in parts.items():
        table = f"{family} {TABLE}"
        lines = [f"flush chain {table} {c}" for c in own_chains]
        lines += [f"delete map {table} {m}" for m in own_maps]
        lines += [f"delete chain {table} {c}" for c in own_chains]
        spec = ListBody("", "\n".join(lines))
        yield key(name, spec, family, body), Item(spec)


def _filled(netfilter: NetfilterSocket, name: str, family: str, map_name: str) -> Found:
    shape = filled.shape_of(map_name)
    try:
        raw = netfilter.elements(FAMILIES[family], TABLE, map_name)
    except FileNotFoundError:
        return
    spec = FilledMap(shape, filled.joined((e.key, e.value) for e in raw))
    yield key(name, spec, family, map_name), Item(spec)


def _elements(netfilter: NetfilterSocket, name: str, family: str, set_name: str) -> Found:
    try:
        raw = netfilter.elements(FAMILIES[family], TABLE, set_name)
    except FileNotFoundError:
        return
    if set_name in payloads.BY_PREFIX:
        yield from payloads.prefixes(raw, name, family, set_name)
    else:
        yield from (payloads.element(element, name, family, set_name) for element in raw)


def counters(handles: Handles) -> dict[str, tuple[int, int]]:
    """Named counters of every router, every edge and the Internet, added up over namespaces and IP versions."""
    total: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name in handles.names():
        if name.partition(".")[0] in _RULED:
            for family in ("ip", "ip6", "netdev"):
                for counter, (packets, octets) in handles.netfilter(name).counters(FAMILIES[family], TABLE).items():
                    total[counter] = total[counter][0] + packets, total[counter][1] + octets
    return dict(total)
