"""Between whom flows are told: the addresses of all ports and frontends, and the Internet in parts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from lazulite.analysis.headers import EPHEMERAL
from lazulite.analysis.outside import Part, parts
from lazulite.analysis.reachability import Endpoint
from lazulite.forwarding.model import ForwardingModel, Frontend, Port
from lazulite.values import Flow, IPNetwork, PortRange, Protocol, host_prefix

Group: TypeAlias = list[Endpoint]


class Side(msgspec.Struct, frozen=True):
    """Endpoints that fare alike."""

    endpoints: tuple[Endpoint, ...]
    prefixes: tuple[IPNetwork, ...]
    """Their addresses, a part of the Internet in full."""


class Ends:
    """Who sends and who is sent to in any of some networks.

    The private addresses of all ports talk to each other, to private frontends and to the Internet; the Internet talks
    to public addresses. It comes in parts (:mod:`.outside`), whether or not it has a host.
    """

    def __init__(self, models: Sequence[ForwardingModel]) -> None:
        outside = parts(models)
        self.parts: dict[Endpoint, Part] = {Endpoint(p.host.name, p.host.addresses[0]): p for p in outside}
        self.hosts = [p.host for p in outside]
        ports = [p for model in models for p in model.all(Port).values()]
        inside = list(dict.fromkeys(Endpoint(p.name, a) for p in ports for a in p.addresses))
        self.public = dict.fromkeys(Endpoint(p.name, a.public) for p in ports for a in p.public)
        frontends = [f for model in models for f in model.all(Frontend).values()]
        self.public |= dict.fromkeys(Endpoint(f.name, f.address) for f in frontends if f.public)
        private = dict.fromkeys(Endpoint(f.name, f.address) for f in frontends if not f.public)
        self.sources = [*self.parts, *inside]
        self.targets = [*inside, *private, *self.public, *self.parts]

    def talk(self, source: Endpoint, target: Endpoint) -> bool:
        """Whether flows between the two are asked about: a public address is how the Internet alone knows a network,
        and all that it knows."""
        return source.address.version == target.address.version and (source in self.parts) is (target in self.public)

    def kind(self, endpoint: Endpoint) -> tuple[int, bool, bool]:
        """What no class may mix: IP version, the Internet, public addresses."""
        return endpoint.address.version, endpoint in self.parts, endpoint in self.public

    def side(self, endpoints: Sequence[Endpoint]) -> Side:
        found = (self.parts[e].prefixes if e in self.parts else (host_prefix(e.address),) for e in endpoints)
        return Side(tuple(endpoints), tuple(prefix for prefixes in found for prefix in prefixes))


def classed(found: Iterable[tuple[Hashable, Endpoint]]) -> list[Group]:
    """Endpoints of one key together."""
    classes: dict[Hashable, Group] = {}
    for key, endpoint in found:
        classes.setdefault(key, []).append(endpoint)
    return list(classes.values())


def joined(rows: Iterable[tuple[Group, Group]]) -> Iterator[tuple[Group, Group]]:
    """Rows with the same sources as one, and then those with the same destinations."""
    by_sources: dict[tuple[Endpoint, ...], Group] = {}
    for senders, receivers in rows:
        by_sources.setdefault(tuple(senders), []).extend(receivers)
    by_targets: dict[tuple[Endpoint, ...], Group] = {}
    for sources, targets in by_sources.items():
        by_targets.setdefault(tuple(targets), []).extend(sources)
    yield from ((sources, list(targets)) for targets, sources in by_targets.items())


def witness(source: Endpoint, target: Endpoint, protocol: Protocol, src_ports: PortRange, dst_ports: PortRange) -> Flow:
    """A flow of that rectangle of ports which a socket could send."""
    if not protocol.has_ports:
        return Flow(source.address, target.address, protocol, 0, EPHEMERAL)
    src_port = EPHEMERAL if EPHEMERAL in src_ports else sendable(src_ports)
    return Flow(source.address, target.address, protocol, sendable(dst_ports), src_port)


def sendable(ports: PortRange) -> int:
    """The first port, but for 0, which no socket can have."""
    return max(ports.first, min(1, ports.last))
