"""Flows of recorded ports, from what routers noted of them to lines that name their rule. For a thread of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from lazulite.drivers.linux import flow_tables, names
from lazulite.drivers.linux.flow_reading import Ends, Noted, Reader, ends, moment
from lazulite.forwarding.model import AccessList, Action, FlowLog, Port, Vrf
from lazulite.telemetry.book import Book, Counts, Key, Opening, Record, Saved, Sight
from lazulite.telemetry.lines import Line, group_id, rule_name
from lazulite.values import Direction


class Recorded(NamedTuple):
    """Whose flows are recorded, at one moment. Never changed: threads may look while another one is made."""

    ports: Mapping[str, Mapping[str, Port]]
    """By VRF and interface name."""
    idle_s: Mapping[str, float]
    """By VRF."""
    origins: Mapping[int, str]
    """Of rules, by number."""


class Seen(NamedTuple):
    """A line, the port it is about, and the origin of the rule that decided (empty: none did)."""

    line: Line
    port: str
    origin: str


class Look(NamedTuple):
    """What one look at all networks found. ``lost`` is decisions by VRF, since its tables were made."""

    seen: list[Seen]
    lost: Mapping[str, int]
    standing: dict[str, dict[int, list[Saved]]]
    """Of flows to which something happened, by VRF and IP version."""
    read: int
    """How many decisions stood there."""


class Reading(Protocol):
    """What :class:`Reader` does."""

    def close(self) -> None: ...
    def interfaces(self) -> dict[int, str]: ...
    def read(self, since: float) -> Iterator[Noted]: ...


def recorded(logs: Iterable[FlowLog], ports: Mapping[str, Port], vrfs: Mapping[str, Vrf]) -> Recorded:
    """The ports of *logs*; ``origins`` is for :func:`rule_origins` to fill."""
    found: dict[str, dict[str, Port]] = {}
    for name in {name for log in logs for name in log.ports}:
        port = ports.get(name)
        if port is not None and port.guest is not None and port.vrf in vrfs:
            found.setdefault(port.vrf, {})[names.nic(port.guid)] = port
    return Recorded(found, {name: float(vrfs[name].flow_timeout_s) for name in found}, {})


def rule_origins(lists: Iterable[AccessList]) -> dict[int, str]:
    """Origins of rules by the numbers that stand for them in a router."""
    found = {}
    for listed in lists:
        inward = listed.direction is Direction.INGRESS
        for rule in listed.rules:
            denies = rule.action is Action.DENY
            found[flow_tables.rule_number(rule.origin, denies=denies, inward=inward)] = rule.origin
    return found


class _Network:
    """The flows of one network: by IP version a book, and what was read last."""

    def __init__(self, reader: Reading) -> None:
        self.reader = reader
        self.books: dict[int, Book] = {}
        self.lost: dict[int, int] = {}
        self.read = 0
        self.ports: dict[int, Port] = {}
        """By interface, those that are gone included: an index is not used again."""
        self.waiting: list[Record] = []
        """Records of rules that are not known yet."""


class Watcher:
    """Reads routers and keeps their books. Belongs to one thread at a time."""

    def __init__(self, make_reader: Callable[[str], Reading] = Reader) -> None:
        self._make_reader = make_reader
        self._networks: dict[str, _Network] = {}
        self._resumed: dict[str, dict[int, list[Saved]]] = {}

    def look(self, whose: Recorded, now: float) -> Look:
        """What has happened since the last look, *now* being the seconds since the epoch."""
        began = moment()
        seen: list[Seen] = []
        lost: dict[str, int] = {}
        standing: dict[str, dict[int, list[Saved]]] = {}
        for vrf in [v for v in self._networks if v not in whose.ports]:
            seen += self._leave(vrf, whose, now)
        for vrf, ports in whose.ports.items():
            try:
                network = self._network(vrf)
                standing[vrf] = {}
                records = list(self._read(vrf, network, ports, whose, (now, began), standing[vrf]))
            except OSError:  # the router is not there yet, or another one took its place
                seen += self._leave(vrf, whose, now)
                continue
            seen += _lines(_known(network, records, whose, now), network.ports, whose)
            lost[vrf] = sum(network.lost.values())
        return Look(seen, lost, standing, sum(n.read for n in self._networks.values()))

    def saved(self) -> dict[str, dict[int, list[Saved]]]:
        """What another watcher needs to go on."""
        return {v: {f: b.saved() for f, b in n.books.items() if len(b)} for v, n in self._networks.items()}

    def resume(self, saved: Mapping[str, Mapping[int, list[Saved]]]) -> None:
        """Go on where another one was; what is said later of a flow is what holds."""
        for vrf, by_family in saved.items():
            known = self._resumed.setdefault(vrf, {})
            for family, flows in by_family.items():
                known.setdefault(family, []).extend(flows)

    def close(self) -> None:
        for network in self._networks.values():
            network.reader.close()
        self._networks = {}

    def _network(self, vrf: str) -> _Network:
        if vrf not in self._networks:
            self._networks[vrf] = _Network(self._make_reader(vrf))
        return self._networks[vrf]

    def _leave(self, vrf: str, whose: Recorded, now: float) -> list[Seen]:
        network = self._networks.pop(vrf, None)
        if network is None:
            return []
        network.reader.close()
        gone = [r for book in network.books.values() for r in book.end(now)]
        return list(_lines([*network.waiting, *gone], network.ports, whose))

    def _read(
        self,
        vrf: str,
        network: _Network,
        ports: Mapping[str, Port],
        whose: Recorded,
        when: tuple[float, float],
        standing: dict[int, list[Saved]],
    ) -> Iterator[Record]:
        """*when* is now, since the epoch and as the kernel counts ages: on a busy machine reading takes its time."""
        now, began = when
        index = {number: ports[name] for number, name in network.reader.interfaces().items() if name in ports}
        network.ports |= index
        network.read = 0
        own = {number.to_bytes(4, sys.byteorder) for number in index}
        for noted in network.reader.read(began):
            book = self._book(vrf, network, noted.family, whose.idle_s[vrf])
            before = book.end(now, lambda key: key[:4] not in own)
            after = book.fold(_sight(noted, own, now))
            touched = dict.fromkeys([*(r.key for r in before), *(r.key for r in after), *noted.sent, *noted.received])
            if touched:
                standing[noted.family] = book.saved(touched)
            network.lost[noted.family] = noted.lost
            network.read += len(noted.told)
            yield from before
            yield from after

    def _book(self, vrf: str, network: _Network, family: int, idle_s: float) -> Book:
        if family not in network.books:
            network.books[family] = book = Book(idle_s)
            book.resume(self._resumed.get(vrf, {}).pop(family, []))
        network.books[family].idle_s = idle_s
        return network.books[family]


_NOBODYS = frozenset(
    flow_tables.rule_number(flow_tables.NOBODY, denies=denies, inward=inward)
    for denies in (False, True)
    for inward in (False, True)
)
_PATIENCE_S = 5.0
"""How long a record waits for its rule to be known: the kernel has an edit a little before this process does."""


def _known(network: _Network, records: list[Record], whose: Recorded, now: float) -> list[Record]:
    """What can be told by now, with what had to wait."""
    origins = whose.origins
    if not network.waiting and all(r.rule in origins or r.rule in _NOBODYS for r in records):
        return records
    found: list[Record] = []
    waiting: list[Record] = []
    for record in (*network.waiting, *records):
        known = record.rule in origins or record.rule in _NOBODYS or now - record.at > _PATIENCE_S
        (found if known else waiting).append(record)
    network.waiting = waiting
    return found


def _sight(noted: Noted, own: Collection[bytes], now: float) -> Sight:
    """What was noted of interfaces that are recorded still."""
    denied, inward = flow_tables.DENIED, flow_tables.INWARD  # without a SYN, who asks first tells two flows apart
    openings = [
        Opening(key, attempt or rule & inward, rule, bool(rule & denied), now - age)
        for key, attempt, rule, age in noted.told
        if key[:4] in own
    ]
    counts: dict[Key, tuple[Counts, float]] = {}
    nothing = (0, 0, 1e9)
    for key, (packets, octets, age) in noted.sent.items():
        back, back_octets, other = noted.received.get(key, nothing)
        counts[key] = (packets, octets, back, back_octets), now - min(age, other)
    for key, (back, back_octets, age) in noted.received.items():
        if key not in counts:
            counts[key] = (0, 0, back, back_octets), now - age
    return Sight(now, openings, counts, {k: (bits, now - age) for k, (bits, age) in noted.closed.items()})


def _lines(records: Iterable[Record], ports: Mapping[int, Port], whose: Recorded) -> Iterator[Seen]:
    for record in records:
        about, origin = ends(record.key), whose.origins.get(record.rule, "")
        port = ports.get(about.interface)
        if port is not None:
            yield Seen(_line(record, about, port, origin), port.name, origin)


@lru_cache(maxsize=1 << 12)
def _digits(mac: str) -> str:
    return mac.replace("-", "").replace(":", "").upper()


def _line(record: Record, about: Ends, port: Port, origin: str) -> Line:
    return Line(
        record.at,
        _digits(port.mac),
        group_id(origin),
        rule_name(origin),
        bool(record.rule & flow_tables.INWARD),
        about.protocol,
        about.local,
        about.local_port,
        about.remote,
        about.remote_port,
        record.state,
        record.counts,
    )
