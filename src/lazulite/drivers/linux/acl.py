"""Access lists as nftables text: rendering, no I/O.

A list is a chain that returns to allow and drops to deny. A short one is its rules in order. A long one is split
along protocol, destination port, source and destination into cells that an interval map selects, each with the few
rules that can decide there; a rule that covers its cell ends it. So a new connection pays for a handful of look-ups
however long the list is, and rules that a split would copy too often stay in order instead.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import msgspec

from lazulite.drivers.linux import flow_tables, names
from lazulite.drivers.linux.skeleton import TABLE
from lazulite.forwarding.model import Action, Rule
from lazulite.values import IPNetwork, PortRange, Protocol

LEAF = 12
"""Rules a cell may hold before it is worth a look-up to split it: about the cost of one interval map."""
COPIES = 12
"""How often, on average, a split may copy a rule before the list is better off in order."""
_VERDICT = {Action.ALLOW: "return", Action.DENY: "drop"}
_PROTOCOL = {4: {Protocol.ICMP: "icmp"}, 6: {Protocol.ICMP: "ipv6-icmp"}}
_BITS = {4: 32, 6: 128}


class Noting(msgspec.Struct, frozen=True):
    """A list whose decisions are noted in the flow tables: the ``last`` list's all, the first one's refusals."""

    inward: bool
    last: bool

    def verdict(self, action: Action, origin: str) -> str:
        """The nft words of a decision."""
        if action is Action.ALLOW and not self.last:
            return _VERDICT[action]
        way = "in" if self.inward else "out"
        number = flow_tables.rule_number(origin, denies=action is Action.DENY, inward=self.inward)
        chain = "noted" if action is Action.ALLOW else "refused"
        return f"{flow_tables.priority(number)} goto {flow_tables.PREFIX}{chain}_{way}"


class Body(msgspec.Struct, frozen=True):
    """A rendered list: immutable and named by its content, so that equal lists are one."""

    name: str
    version: int
    create: str
    """nft commands."""
    remove: str
    counters: frozenset[str]
    sets: frozenset[str]


Interval = tuple[int, int]


class _Line(msgspec.Struct, frozen=True):
    """A rule as the splitter sees it: intervals of what it still has to match in each dimension."""

    rule: Rule
    protocol: str | None
    """``tcp``, ``udp``, another protocol, ``ports`` (TCP or UDP), or ``None`` for all."""
    ports: tuple[Interval, ...]
    sources: tuple[Interval, ...]
    destinations: tuple[Interval, ...]
    """Intervals of numbers; an empty tuple is everything."""
    extra: bool
    """Whether it matches on something no split decides: source ports or address sets."""


def body(rules: Iterable[Rule], version: int, noting: Noting | None = None) -> Body:
    """The rules of one IP version, rendered; with *noting* for a list of recorded interfaces."""
    lines = [line for rule in rules for line in _lines(rule, version)]
    writer = _Writer(version, noting)
    entry = writer.chain(lines, ("protocol", "ports", "sources", "destinations"))
    text = "".join(writer.parts)
    name = f"b{names.digest(f'{version}{entry}{text}', 12)}"
    create, remove = writer.commands(name)
    return Body(name, version, create, remove, frozenset(writer.counters), frozenset(writer.sets))


def _lines(rule: Rule, version: int) -> Iterator[_Line]:
    """The rule as lines of one version: none where it names addresses of the other alone."""
    sources = [p for p in rule.sources if p.version == version]
    destinations = [p for p in rule.destinations if p.version == version]
    if (rule.sources and not sources and not rule.source_sets) or (
        rule.destinations and not destinations and not rule.destination_sets
    ):
        return
    if rule.needs_ports and rule.protocol is not None and not rule.protocol.has_ports:
        return
    protocol = _PROTOCOL[version].get(rule.protocol, str(rule.protocol)) if rule.protocol else None
    if protocol is None and rule.needs_ports:
        protocol = "ports"
    yield _Line(
        msgspec.structs.replace(rule, sources=tuple(sources), destinations=tuple(destinations)),
        protocol,
        () if _everything(rule.destination_ports) else _port_intervals(rule.destination_ports),
        () if rule.source_sets else tuple(map(_interval, sources)),
        () if rule.destination_sets else tuple(map(_interval, destinations)),
        bool(rule.source_sets or rule.destination_sets or not _everything(rule.source_ports)),
    )


def _interval(prefix: IPNetwork) -> Interval:
    return int(prefix.network_address), int(prefix.broadcast_address)


class _Writer:
    """Collects the chains and maps of one body; equal cells are one chain."""

    def __init__(self, version: int, noting: Noting | None) -> None:
        self.version, self._noting = version, noting
        self.parts: list[str] = []
        self.maps: list[tuple[str, str, str]] = []
        self.chains: list[tuple[str, list[str]]] = []
        self.counters: set[str] = set()
        self.sets: set[str] = set()
        self._known: dict[tuple[tuple[int, ...], tuple[str, ...]], str] = {}
        self._kept: list[_Line] = []

    def chain(self, lines: list[_Line], dimensions: tuple[str, ...]) -> str:
        """Write the chain that decides among *lines*, split along *dimensions*, and return its suffix."""
        lines = _until_terminal(lines, dimensions)
        self._kept += lines  # identities below stay unique while the lines live
        key = (tuple(map(id, lines)), dimensions)
        if key in self._known:
            return self._known[key]
        name = self._known[key] = f"_{len(self.chains)}"
        self.chains.append((name, []))
        place = len(self.chains) - 1
        text = self._split(lines, dimensions) if len(lines) > LEAF else None
        if text is None:
            text = [t for line in lines for t in self._text(line)]
            if not (lines and _terminal(lines[-1], dimensions)):
                text.append(self._verdict(Action.DENY, flow_tables.NOBODY))
        self.chains[place] = (name, text)
        self.parts.append(f"{name}{text}")
        return name

    def _split(self, lines: list[_Line], dimensions: tuple[str, ...]) -> list[str] | None:
        if dimensions and dimensions[0] == "protocol":
            return self._by_protocol(lines, dimensions[1:])
        best: tuple[int, str, list[tuple[Interval, list[_Line]]]] | None = None
        for dimension in dimensions:
            cells = _cells(lines, dimension, self._top(dimension), tuple(d for d in dimensions if d != dimension))
            copies = sum(len(found) for _, found in cells)
            worst = max(len(found) for _, found in cells)
            if worst < len(lines) * 3 // 4 and copies <= COPIES * len(lines) and (best is None or worst < best[0]):
                best = (worst, dimension, cells)
        if best is None:
            return None
        _, dimension, cells = best
        rest = tuple(d for d in dimensions if d != dimension)
        targets = [(interval, self.chain(found, rest)) for interval, found in cells]
        return [self._interval_map(dimension, _joined(targets))]

    def _top(self, dimension: str) -> int:
        return 65535 if dimension == "ports" else (1 << _BITS[self.version]) - 1

    def _by_protocol(self, lines: list[_Line], rest: tuple[str, ...]) -> list[str]:
        """TCP and UDP can be split by port; what has no ports only sees rules that need none."""
        named = sorted(
            {line.protocol for line in lines if line.protocol and line.protocol not in ("ports", "tcp", "udp")}
        )
        targets = []
        for protocol in ("tcp", "udp", *named):
            wanted = {None, protocol} | ({"ports"} if protocol in ("tcp", "udp") else set())
            part = [line for line in lines if line.protocol in wanted]
            dims = rest if protocol in ("tcp", "udp") else tuple(d for d in rest if d != "ports")
            targets.append(f"{protocol} : goto @@{self.chain(part, dims)}")
        others = self.chain([line for line in lines if line.protocol is None], tuple(d for d in rest if d != "ports"))
        return [f"meta l4proto vmap {{ {', '.join(targets)} }}", f"goto @@{others}"]

    def _interval_map(self, dimension: str, targets: list[tuple[Interval, str]]) -> str:
        ip = "ip" if self.version == 4 else "ip6"
        key, kind = {
            "ports": ("th dport", "inet_service"),
            "sources": (f"{ip} saddr", f"ipv{self.version}_addr"),
            "destinations": (f"{ip} daddr", f"ipv{self.version}_addr"),
        }[dimension]
        show = str if dimension == "ports" else self._address
        elements = ", ".join(f"{_range(i, show)} : goto @@{target}" for i, target in targets)
        name = f"_m{len(self.maps)}"
        self.maps.append((name, kind, elements))
        self.parts.append(f"{name}{kind}{elements}")
        return f"{key} vmap @@@{name}"

    def _address(self, number: int) -> str:
        return str(IPv4Address(number) if self.version == 4 else IPv6Address(number))

    def _text(self, line: _Line) -> Iterator[str]:
        """The line in the nft language; alternatives of a side that mix prefixes and sets are lines of their own."""
        rule, ip = line.rule, "ip" if self.version == 4 else "ip6"
        counter = names.counter(rule.origin)
        self.counters.add(counter)
        self.sets |= {names.address_set(s) for s in rule.source_sets + rule.destination_sets}
        ports = _ports(line)
        for source in _side(f"{ip} saddr", rule.sources, rule.source_sets):
            for destination in _side(f"{ip} daddr", rule.destinations, rule.destination_sets):
                yield f"{ports}{source}{destination}counter name {counter} {self._verdict(rule.action, rule.origin)}"

    def _verdict(self, action: Action, origin: str) -> str:
        return _VERDICT[action] if self._noting is None else self._noting.verdict(action, origin)

    def commands(self, name: str) -> tuple[str, str]:
        """The nft commands that make and remove everything, with this body's name filled in."""
        table = f"{'ip' if self.version == 4 else 'ip6'} {TABLE}"

        def put(text: str) -> str:
            return text.replace("@@@", f"@{name}").replace("@@", name)

        make = [f"add chain {table} {name}{chain}" for chain, _ in self.chains]
        for suffix, kind, elements in self.maps:
            declared = f"{{ type {kind} : verdict; flags interval; elements = {{ {put(elements)} }}; }}"
            make.append(f"add map {table} {name}{suffix} {declared}")
        make += [f"add rule {table} {name}{chain} {put(t)}" for chain, text in self.chains for t in text]
        drop = [f"flush chain {table} {name}{chain}" for chain, _ in self.chains]
        drop += [f"delete map {table} {name}{suffix}" for suffix, _, _ in self.maps]
        drop += [f"delete chain {table} {name}{chain}" for chain, _ in self.chains]
        return "\n".join(make), "\n".join(drop)


def _terminal(line: _Line, dimensions: tuple[str, ...]) -> bool:
    """Whether the line matches everything that can still come, *dimensions* being undecided."""
    return not line.extra and not any(
        (line.protocol is not None) if d == "protocol" else bool(getattr(line, d)) for d in dimensions
    )


def _until_terminal(lines: list[_Line], dimensions: tuple[str, ...]) -> list[_Line]:
    end = next((i for i, line in enumerate(lines) if _terminal(line, dimensions)), len(lines) - 1)
    return lines[: end + 1]


def _cells(lines: list[_Line], dimension: str, top: int, rest: tuple[str, ...]) -> list[tuple[Interval, list[_Line]]]:
    """Elementary intervals of one dimension with the lines that reach each, cut at the first that covers it."""
    starts: dict[int, list[int]] = {0: []}
    ends: dict[int, list[int]] = {}
    for index, line in enumerate(lines):
        for first, last in _merged(getattr(line, dimension)) or ((0, top),):
            starts.setdefault(first, []).append(index)
            ends.setdefault(last + 1, []).append(index)
    closed = [_terminal(line, rest) for line in lines]
    edges = sorted(e for e in starts.keys() | ends.keys() if e <= top)
    active: list[int] = []
    cells = []
    for edge, following in zip(edges, [*edges[1:], top + 1], strict=True):
        for index in ends.get(edge, ()):
            active.pop(bisect_left(active, index))
        for index in starts.get(edge, ()):
            insort(active, index)
        end = next((i + 1 for i, index in enumerate(active) if closed[index]), len(active))
        cells.append(((edge, following - 1), [lines[i] for i in active[:end]]))
    return cells


def _merged(intervals: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """The same numbers as disjoint intervals, so that a line is counted once where its own prefixes nest."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _joined(targets: list[tuple[Interval, str]]) -> list[tuple[Interval, str]]:
    """Neighbouring intervals with one target as one."""
    joined: list[tuple[Interval, str]] = []
    for (first, last), target in targets:
        if joined and joined[-1][1] == target:
            joined[-1] = ((joined[-1][0][0], last), target)
        else:
            joined.append(((first, last), target))
    return joined


def _range(interval: Interval, show: Callable[[int], str]) -> str:
    first, last = interval
    return show(first) if first == last else f"{show(first)}-{show(last)}"


def _side(word: str, prefixes: Sequence[IPNetwork], sets: Sequence[str]) -> list[str]:
    """Match texts of one side; each is an alternative."""
    found = [f"{word} @{names.address_set(s)} " for s in sets]
    if prefixes:
        intervals = _merged(tuple(map(_interval, prefixes)))
        kind = type(prefixes[0].network_address)
        found.append(f"{word} {{ {', '.join(_range(i, lambda n: str(kind(n))) for i in intervals)} }} ")
    return found or [""]


def _ports(line: _Line) -> str:
    """Protocol and ports of a line."""
    rule, text = line.rule, ""
    if line.protocol == "ports":
        text = "meta l4proto { tcp, udp } "
    elif line.protocol is not None:
        text = f"meta l4proto {line.protocol} "
    for word, ranges in (("th sport", rule.source_ports), ("th dport", rule.destination_ports)):
        if not _everything(ranges):
            text += f"{word} {{ {', '.join(_range(i, str) for i in _port_intervals(ranges))} }} "
    return text


def _everything(ranges: Sequence[PortRange]) -> bool:
    return _port_intervals(ranges) in ((), ((0, 65535),))


def _port_intervals(ranges: Sequence[PortRange]) -> tuple[Interval, ...]:
    return _merged(tuple((r.first, r.last) for r in ranges))
