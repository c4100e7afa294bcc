"""Which ports a change of the network can concern, found without sending a packet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from lazulite.forwarding.model import (
    AccessList,
    AddressSet,
    Entry,
    ForwardingModel,
    Guest,
    Peering,
    Port,
    RouteTable,
    Vrf,
)
from lazulite.values import IPAddress

E = TypeVar("E", bound=Entry)


def affected(now: ForwardingModel, then: ForwardingModel) -> frozenset[str] | None:
    """Names of ports: every flow that fares otherwise begins or ends at one of them.

    ``None`` when a port on the way of others is among them, and so every flow may be concerned.
    """
    reach = _Reach(now, then)
    found = {name for model in (now, then) for name, port in model.all(Port).items() if reach.touches(port)}
    taken = {a for name in found for port in _both(name, now, then) for a in _addresses(port)}
    found |= {n for model in (now, then) for n, p in model.all(Port).items() if taken.intersection(_addresses(p))}
    if any(reach.passes_on(port) for name in found for port in _both(name, now, then)):
        return None
    return frozenset(found)


class _Reach:
    """What differs between two networks, by the names that ports refer to it with."""

    def __init__(self, now: ForwardingModel, then: ForwardingModel) -> None:
        sets = set(_changed(AddressSet, now, then))
        self._ports = set(_changed(Port, now, then))
        self._guests = set(_changed(Guest, now, then))
        self._tables = set(_changed(RouteTable, now, then))
        self._lists = {*_changed(AccessList, now, then), *_readers(sets, now), *_readers(sets, then)}
        links = [_both_of(Peering, name, now, then) for name in _changed(Peering, now, then)]
        ends = {vrf for found in links for link in found for vrf in (link.vrf, link.remote)}
        self._vrfs = {*_changed(Vrf, now, then), *ends}
        self._appliances = {r.via for m in (now, then) for t in m.all(RouteTable).values() for r in t.routes if r.via}
        every = [p for m in (now, then) for p in m.all(Port).values()]
        self._forwarding = {p.guest for p in every if p.forwards and p.guest is not None}

    def touches(self, port: Port) -> bool:
        return (
            port.name in self._ports
            or port.guest in self._guests
            or port.routes in self._tables
            or port.vrf in self._vrfs
            or not self._lists.isdisjoint(port.egress + port.ingress)
        )

    def passes_on(self, port: Port) -> bool:
        """Whether packets of others may come by: its guest forwards, or a route leads to it."""
        return port.forwards or port.guest in self._forwarding or not self._appliances.isdisjoint(port.addresses)


def _changed(kind: type[E], now: ForwardingModel, then: ForwardingModel) -> Iterator[str]:
    one, other = now.all(kind), then.all(kind)
    return (name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _readers(sets: set[str], model: ForwardingModel) -> Iterator[str]:
    """The lists whose rules name one of *sets*."""
    for name, found in model.all(AccessList).items():
        if any(not sets.isdisjoint(r.source_sets + r.destination_sets) for r in found.rules):
            yield name


def _both(name: str, now: ForwardingModel, then: ForwardingModel) -> list[Port]:
    return _both_of(Port, name, now, then)


def _both_of(kind: type[E], name: str, now: ForwardingModel, then: ForwardingModel) -> list[E]:
    return [found for model in (now, then) if (found := model.get(kind, name)) is not None]


def _addresses(port: Port) -> tuple[IPAddress, ...]:
    return (*port.addresses, *(pair.public for pair in port.public))
