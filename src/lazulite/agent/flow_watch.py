"""Flows of recorded ports, from what routers noted of them to lines that name their rule. For a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from lazulite.drivers.linux import flow_tables, names
from lazulite.drivers.linux.flow_reading import Ends, Noted, Reader, Told, both_done, ends
from lazulite.forwarding.model import AccessList, Action, FlowLog, Port, Vrf
from lazulite.telemetry.book import Book, Counts, Key, Opening, Record, Sight, Spent
from lazulite.telemetry.lines import Line, group_id, rule_name
from lazulite.values import Direction

Saved = list[tuple[Key, int, int, float, Counts]]


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
    standing: dict[str, dict[int, Saved]]
    """Of open flows that were told of, by VRF and IP version."""


class Reading(Protocol):
    """What :class:`Reader` does."""

    def close(self) -> None: ...
    def interfaces(self) -> dict[int, str]: ...
    def read(self) -> Iterator[Noted]: ...
    def forget(self, noted: Noted, told: Iterable[Told], flows: Iterable[bytes]) -> None: ...


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

    def __init__(self, vrf: str, reader: Reading) -> None:
        self.vrf, self.reader = vrf, reader
        self.books: dict[int, Book] = {}
        self.lost: dict[int, int] = {}
        self.ports: dict[int, Port] = {}
        """By interface, those that are gone included: an index is not used again."""


class Watcher:
    """Reads routers and keeps their books. Belongs to one thread at a time."""

    def __init__(self, make_reader: Callable[[str], Reading] = Reader) -> None:
        self._make_reader = make_reader
        self._networks: dict[str, _Network] = {}
        self._resumed: dict[str, dict[int, Saved]] = {}

    def look(self, whose: Recorded, now: float) -> Look:
        """What has happened since the last look, *now* being the seconds since the epoch."""
        seen: list[Seen] = []
        lost: dict[str, int] = {}
        standing: dict[str, dict[int, Saved]] = {}
        for vrf in [v for v in self._networks if v not in whose.ports]:
            seen += self._leave(vrf, whose, now)
        for vrf, ports in whose.ports.items():
            try:
                network = self._network(vrf)
                found, open_now = self._read(network, ports, whose, now)
            except OSError:  # the router is not there yet, or another one took its place
                seen += self._leave(vrf, whose, now)
                continue
            seen += found
            lost[vrf] = sum(network.lost.values())
            if open_now:
                standing[vrf] = open_now
        return Look(seen, lost, standing)

    def saved(self) -> dict[str, dict[int, Saved]]:
        """What another watcher needs to go on."""
        return {v: {f: b.saved() for f, b in n.books.items() if len(b)} for v, n in self._networks.items()}

    def resume(self, saved: Mapping[str, Mapping[int, Saved]]) -> None:
        """Go on where another one was; what is told later of a flow is what holds."""
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
            self._networks[vrf] = _Network(vrf, self._make_reader(vrf))
        return self._networks[vrf]

    def _leave(self, vrf: str, whose: Recorded, now: float) -> list[Seen]:
        network = self._networks.pop(vrf, None)
        if network is None:
            return []
        network.reader.close()
        gone = [r for book in network.books.values() for r in book.end(now)]
        return list(_lines(gone, network.ports, whose))

    def _read(
        self, network: _Network, ports: Mapping[str, Port], whose: Recorded, now: float
    ) -> tuple[list[Seen], dict[int, Saved]]:
        seen: list[Seen] = []
        standing: dict[int, Saved] = {}
        index = {number: ports[name] for number, name in network.reader.interfaces().items() if name in ports}
        network.ports |= index
        for noted in network.reader.read():
            book = self._book(network, noted.family, whose)
            records = book.end(now, lambda key: _interface(key) not in index)
            foreign = [t for t in noted.told if _interface(t.key) not in index]
            ours = [t for t in noted.told if _interface(t.key) in index and _known(t, whose)]
            more, spent = book.fold(_sight(noted._replace(told=ours), now))
            seen += _lines([*records, *more], network.ports, whose)
            network.reader.forget(noted, [*_spent(spent), *foreign], spent.flows)
            network.lost[noted.family] = noted.lost
            if told := book.standing(r.key for r in more):
                standing[noted.family] = told
        return seen, standing

    def _book(self, network: _Network, family: int, whose: Recorded) -> Book:
        if family not in network.books:
            network.books[family] = book = Book(whose.idle_s[network.vrf])
            book.resume(self._resumed.get(network.vrf, {}).pop(family, []))
        network.books[family].idle_s = whose.idle_s[network.vrf]
        return network.books[family]


_NOBODYS = frozenset(
    flow_tables.rule_number(flow_tables.NOBODY, denies=denies, inward=inward)
    for denies in (False, True)
    for inward in (False, True)
)
_PATIENCE_S = 5.0
"""How long a decision waits for its rule to be known: the kernel has an edit a little before this process does."""


def _known(told: Told, whose: Recorded) -> bool:
    return told.rule in whose.origins or told.rule in _NOBODYS or told.age_s > _PATIENCE_S


def _sight(noted: Noted, now: float) -> Sight:
    openings = [Opening(t.key, t.attempt, t.rule, bool(t.rule & flow_tables.DENIED), now - t.age_s) for t in noted.told]
    nothing = (0, 0)
    counts = {k: (*sent, *noted.received.get(k, nothing)) for k, sent in noted.sent.items()}
    counts |= {k: (*nothing, *received) for k, received in noted.received.items() if k not in counts}
    return Sight(now, openings, counts, {k: both_done(bits) for k, bits in noted.closed.items()})


def _spent(spent: Spent) -> Iterator[Told]:
    return (Told(o.key, o.attempt, o.rule, 0.0) for o in spent.openings)


def _interface(key: Key) -> int:
    return int.from_bytes(key[:4], "little")


def _lines(records: Iterable[Record], ports: Mapping[int, Port], whose: Recorded) -> Iterator[Seen]:
    for record in records:
        about, origin = ends(record.key), whose.origins.get(record.rule, "")
        port = ports[about.interface]
        yield Seen(_line(record, about, port, origin), port.name, origin)


def _line(record: Record, about: Ends, port: Port, origin: str) -> Line:
    return Line(
        record.at,
        port.mac.replace("-", "").replace(":", "").upper(),
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
