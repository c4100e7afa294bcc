"""What the kernel really holds, in the driver's own terms: read back after a change, and whole after a restart."""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from msgspec.structs import replace

from lazulite.drivers.driver import Refusal
from lazulite.drivers.linux import netlink, nftext
from lazulite.drivers.linux.handles import Handles
from lazulite.drivers.linux.kernel import Change
from lazulite.drivers.linux.netfilter import FAMILIES, NetfilterSocket, RawElement
from lazulite.drivers.linux.skeleton import DYNAMIC_SETS, FIXED_CHAINS, FIXED_SETS, TABLE, VERSION
from lazulite.drivers.linux.state import (
    Address,
    Chain,
    Declared,
    Element,
    Item,
    KernelRoute,
    Key,
    ListBody,
    MarkRule,
    Namespace,
    Neighbour,
    Skeleton,
    Veth,
    key,
)

Found = Iterator[tuple[Key, Item]]
_IFNAME = 16
_BODY = re.compile(r"(b[0-9a-f]{12})_\w+")
_FAMILY = {2: "4", 10: "6"}
_EVERYTHING = {2: "0.0.0.0/0", 10: "::/0"}


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
        found.update(_routing(handles.route(name), name, _READERS))
        if role in ("router", "edge"):
            found.update(_ruleset(handles, name, role))
    return found


def _touched(handles: Handles, name: str, keys: Iterable[Key]) -> Found:
    """What one namespace holds of the kinds of *keys*; of sets, only those they name."""
    yield key(name, Namespace("")), Item(Namespace(""))
    kinds = {what[1] for what in keys}
    yield from _routing(handles.route(name), name, kinds)
    if not kinds <= _READERS.keys() | {"Namespace"}:
        netfilter = handles.netfilter(name)
        if kinds & {"Chain", "ListBody", "Declared", "Skeleton"}:
            yield from _objects(netfilter, name)
        sets = {tuple(what[2].split("|")[:2]) for what in keys if what[1] == "Element"}
        for family, set_name in sorted(sets):
            yield from _elements(netfilter, name, family, set_name)


def _routing(route: netlink.Socket, name: str, kinds: Collection[str]) -> Found:
    """Links, addresses, neighbours, routes and rules, as far as asked for."""
    asked = [reader for kind, reader in _READERS.items() if kind in kinds]
    if asked:
        links = {index: text for index, (text, _) in netlink.names(route.dump(netlink.GETLINK)).items()}
        for reader in asked:
            yield from reader(route, name, links)


def _links(route: netlink.Socket, name: str, _: Mapping[int, str]) -> Found:
    for payload in route.dump(netlink.GETLINK):
        parts = netlink.attributes(payload, 16)
        mac = ":".join(f"{byte:02x}" for byte in parts.get(1, b""))
        spec = Veth.read(mac, parts.get(20, b"").rstrip(b"\0").decode())
        if spec is not None:
            up = struct.unpack_from("I", payload, 8)[0] & netlink.UP
            # A link that another hand set down carries packets of no size.
            yield key(name, spec, parts[3].rstrip(b"\0").decode()), Item(spec if up else replace(spec, mtu=0))


def _addresses(route: netlink.Socket, name: str, links: Mapping[int, str]) -> Found:
    for payload in route.dump(netlink.GETADDR):
        _, length, _, _, index = struct.unpack_from("BBBBI", payload)
        parts = netlink.attributes(payload, 8)
        if links[index] != "lo":
            spec = Address(links[index])
            yield key(name, spec, f"{ip_address(parts.get(2, parts[1]))}/{length}"), Item(spec)


def _neighbours(route: netlink.Socket, name: str, links: Mapping[int, str]) -> Found:
    for payload in route.dump(netlink.GETNEIGH):
        _, _, _, index, state = struct.unpack_from("BBHiH", payload)
        parts = netlink.attributes(payload, 12)
        if state & netlink.PERMANENT and 2 in parts:
            spec = Neighbour(links[index], ":".join(f"{byte:02x}" for byte in parts[2]))
            yield key(name, spec, links[index], ip_address(parts[1])), Item(spec)


def _routes(route: netlink.Socket, name: str, links: Mapping[int, str]) -> Found:
    for payload in route.dump(netlink.GETROUTE):
        family, length, _, _, table, protocol, _, kind = struct.unpack_from("BBBBBBBB", payload)
        if protocol != netlink.PROTOCOL:
            continue
        parts = netlink.attributes(payload, 12)
        table = struct.unpack("I", parts[15])[0] if 15 in parts else table
        prefix = f"{ip_address(parts[1])}/{length}" if 1 in parts else _EVERYTHING[family]
        link = links[struct.unpack("I", parts[4])[0]] if 4 in parts and kind == netlink.ROUTE_UNICAST else ""
        spec = KernelRoute(kind, link, str(ip_address(parts[5])) if 5 in parts else "")
        yield key(name, spec, table, prefix), Item(spec)


def _rules(route: netlink.Socket, name: str, _: Mapping[int, str]) -> Found:
    for payload in route.dump(netlink.GETRULE):
        parts = netlink.attributes(payload, 12)
        if 10 in parts:
            spec = MarkRule(struct.unpack("I", parts[15])[0])
            yield key(name, spec, _FAMILY[payload[0]], struct.unpack("I", parts[10])[0]), Item(spec)


_READERS = {
    "Veth": _links,
    "Address": _addresses,
    "Neighbour": _neighbours,
    "KernelRoute": _routes,
    "MarkRule": _rules,
}


def _ruleset(handles: Handles, name: str, role: str) -> Found:
    netfilter = handles.netfilter(name)
    tables = {family: netfilter.tables(number).get(TABLE) for family, number in FAMILIES.items()}
    if any(VERSION.encode() not in (tables[family] or b"") for family in ("ip", "ip6")):
        present = [family for family, comment in tables.items() if comment is not None]
        handles.nft(name).run("".join(f"delete table {family} {TABLE}\n" for family in present))
        return
    yield key(name, Skeleton(role)), Item(Skeleton(role))
    yield from _objects(netfilter, name)
    for family, number in FAMILIES.items():
        for set_name in netfilter.sets(number, TABLE):
            if set_name not in DYNAMIC_SETS and not _BODY.fullmatch(set_name):
                yield from _elements(netfilter, name, family, set_name)


def _objects(netfilter: NetfilterSocket, name: str) -> Found:
    """Counters, sets, chains and list bodies beyond the fixed ruleset, and the ruleset itself."""
    for family, number in FAMILIES.items():
        if TABLE in netfilter.tables(number):
            if family == "ip":
                yield key(name, Skeleton("")), Item(Skeleton(""))
            chains, sets = netfilter.chains(number, TABLE), netfilter.sets(number, TABLE)
            own = [c for c in chains if c not in FIXED_CHAINS or c in nftext.FILLED]
            yield from ((key(name, Chain(()), family, c), Item(Chain(()))) for c in own if not _BODY.fullmatch(c))
            yield from _bodies(name, family, chains, sets)
            own = [s for s in sets if s not in FIXED_SETS and not _BODY.fullmatch(s)]
            yield from (_declared(name, family, s, "set") for s in own)
            counters = netfilter.counters(number, TABLE)
            yield from (_declared(name, family, c, "counter") for c in counters if not c.startswith("drop_"))


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


def _elements(netfilter: NetfilterSocket, name: str, family: str, set_name: str) -> Found:
    try:
        raw = netfilter.elements(FAMILIES[family], TABLE, set_name)
    except FileNotFoundError:
        return
    for element in raw:
        spec = Element(element.verdict or _value(element))
        yield key(name, spec, family, set_name, _element_key(element.key)), Item(spec)


def _value(element: RawElement) -> str:
    """A mark in hexadecimal, or an address."""
    if not element.value:
        return ""
    if len(element.value) == 4 and len(element.key) in (6, _IFNAME):
        return hex(struct.unpack("I", element.value)[0])
    return str(ip_address(element.value))


def _element_key(raw: bytes) -> str:
    """By length: an address, a MAC, an interface name, or an interface name and an address."""
    if len(raw) == 6 or (len(raw) == 8 and not any(raw[6:])):
        return ":".join(f"{byte:02x}" for byte in raw[:6])
    if len(raw) == 4 or (len(raw) == _IFNAME and not _is_name(raw)):
        return str(ip_address(raw))
    text = raw[:_IFNAME].rstrip(b"\0").decode()
    return f"{text} . {ip_address(raw[_IFNAME:])}" if len(raw) > _IFNAME else text


def _is_name(raw: bytes) -> bool:
    """An interface name is printable and padded with zeros; no address of the lab's ranges looks like one."""
    return raw.rstrip(b"\0").isalnum() and raw[-1:] == b"\0"


def counters(handles: Handles) -> dict[str, tuple[int, int]]:
    """Named counters of every router and edge, added up over namespaces and IP versions."""
    total: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name in handles.names():
        if name.partition(".")[0] in ("router", "edge"):
            for family in ("ip", "ip6"):
                for counter, (packets, octets) in handles.netfilter(name).counters(FAMILIES[family], TABLE).items():
                    total[counter] = total[counter][0] + packets, total[counter][1] + octets
    return dict(total)
