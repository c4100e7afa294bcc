"""What is attached to what: the network as nodes and links."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from lazulite.forwarding.model import (
    AccessList,
    Entry,
    EntryKey,
    ForwardingModel,
    Guest,
    InternetHost,
    Peering,
    Port,
    RouteTable,
    Vrf,
)


class Relation(StrEnum):
    """``CONTAINS`` goes from the whole to its part; the others join equals. Source: "Network Watcher", topology."""

    CONTAINS = "contains"
    ASSOCIATED = "associated"
    PEERED = "peered"


class Node(msgspec.Struct, frozen=True, order=True):
    kind: str
    name: str
    label: str
    origin: str = ""


class Link(msgspec.Struct, frozen=True, order=True):
    source: EntryKey
    relation: Relation
    target: EntryKey


class Topology(msgspec.Struct, frozen=True):
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def topology(model: ForwardingModel) -> Topology:
    """The networks, ports, guests, lists and tables of *model*, and how they hang together. Links join only nodes."""
    nodes = {(n.kind, n.name): n for n in _nodes(model)}
    links = {link for link in _links(model) if link.source in nodes and link.target in nodes}
    return Topology(tuple(sorted(nodes.values())), tuple(sorted(links)))


def _nodes(model: ForwardingModel) -> Iterator[Node]:
    labelled: tuple[type[Vrf | Port | Guest | InternetHost | AccessList], ...] = (
        Vrf,
        Port,
        Guest,
        InternetHost,
        AccessList,
    )
    for kind in labelled:
        yield from (Node(kind.__name__, e.name, e.label, e.origin) for e in model.all(kind).values())
    yield from (Node(RouteTable.__name__, e.name, e.name, e.origin) for e in model.all(RouteTable).values())


def _links(model: ForwardingModel) -> Iterator[Link]:
    for port in model.all(Port).values():
        yield from _port_links(port)
    for peering in model.all(Peering).values():
        one, other = sorted((peering.vrf, peering.remote))
        yield Link(_key(Vrf, one), Relation.PEERED, _key(Vrf, other))


def _port_links(port: Port) -> Iterator[Link]:
    yield Link(_key(Vrf, port.vrf), Relation.CONTAINS, port.key)
    yield Link(port.key, Relation.ASSOCIATED, _key(RouteTable, port.routes))
    if port.guest is not None:
        yield Link(port.key, Relation.ASSOCIATED, _key(Guest, port.guest))
    for name in port.egress + port.ingress:
        yield Link(port.key, Relation.ASSOCIATED, _key(AccessList, name))


def _key(kind: type[Entry], name: str) -> EntryKey:
    return kind.__name__, name
