"""Which ports and frontends a change of the network can concern, found without sending a packet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from lazulite.forwarding.model import (
    AccessList,
    AddressSet,
    BalancingRule,
    Contents,
    Detour,
    Entry,
    Fault,
    ForwardingModel,
    Frontend,
    Guest,
    Peering,
    Pool,
    Port,
    PortForward,
    RouteTable,
    SourceNat,
    Vrf,
)
from lazulite.values import IPAddress

E = TypeVar("E", bound=Entry)


def affected(now: ForwardingModel, then: ForwardingModel) -> frozenset[str] | None:
    """Names of ports and frontends: every flow that fares otherwise begins or ends at one of them.

    ``None`` when a port or frontend on the way of others is among them, and so every flow may be concerned.
    """
    if _detours(now, then):
        return None
    reach = _Reach(now, then)
    found = {name for model in (now, then) for name, port in model.all(Port).items() if reach.touches(port)}
    taken = {a for name in found for port in _both(name, now, then) for a in _addresses(port)}
    found |= {n for model in (now, then) for n, p in model.all(Port).items() if taken.intersection(_addresses(p))}
    balanced = balanced_by(taken, now, then)
    if any(reach.is_next_hop(f) for name in balanced for f in _both_of(Frontend, name, now, then)):
        return None
    if any(reach.passes_on(port) for name in found for port in _both(name, now, then)):
        return None
    return frozenset({*found, *balanced})


def _detours(now: ForwardingModel, then: ForwardingModel) -> bool:
    """Whether flows may fare otherwise on a detour: it, its appliances or what is known of their health differ."""
    pools = {*_changed(Pool, now, then), *_changed(Contents, now, then)}
    every = (d for model in (now, then) for d in model.all(Detour).values())
    return any(_changed(Detour, now, then)) or any(d.pool in pools for d in every)


def balanced_by(taken: set[IPAddress], now: ForwardingModel, then: ForwardingModel) -> set[str]:
    """Names of frontends that the change can concern: they, their rules or pools differ, or a backend is *taken*."""
    found = {*_changed(Frontend, now, then), *_frontends_at(taken, now, then)}
    pools = {*_changed(Pool, now, then), *_changed(Contents, now, then)}
    pools |= {n for m in (now, then) for n, p in m.all(Pool).items() if any(b.address in taken for b in p.members)}
    rules = set(_changed(BalancingRule, now, then))
    forwards = set(_changed(PortForward, now, then))
    for model in (now, then):
        for name, rule in model.all(BalancingRule).items():
            if name in rules or rule.pool in pools:
                found.add(rule.frontend)
        for name, forward in model.all(PortForward).items():
            if name in forwards or forward.target in taken:
                found.add(forward.frontend)
    return found


def _frontends_at(taken: set[IPAddress], now: ForwardingModel, then: ForwardingModel) -> Iterator[str]:
    """Two of one address answer for each other."""
    changed = {f.address for name in _changed(Frontend, now, then) for f in _both_of(Frontend, name, now, then)}
    every = (found for model in (now, then) for found in model.all(Frontend).values())
    return (f.name for f in every if f.address in taken or f.address in changed)


class _Reach:
    """What differs between two networks, by the names that ports refer to it with."""

    def __init__(self, now: ForwardingModel, then: ForwardingModel) -> None:
        sets = set(_changed(AddressSet, now, then))
        self._ports = {*_changed(Port, now, then), *_disturbed(now, then)}
        self._guests = set(_changed(Guest, now, then))
        self._tables = set(_changed(RouteTable, now, then))
        self._lists = {*_changed(AccessList, now, then), *_readers(sets, now), *_readers(sets, then)}
        links = [_both_of(Peering, name, now, then) for name in _changed(Peering, now, then)]
        ends = {vrf for found in links for link in found for vrf in (link.vrf, link.remote)}
        self._vrfs = {*_changed(Vrf, now, then), *ends}
        self._appliances = {r.via for m in (now, then) for t in m.all(RouteTable).values() for r in t.routes if r.via}
        nats = [n for name in _changed(SourceNat, now, then) for n in _both_of(SourceNat, name, now, then)]
        self._translated = {(nat.vrf, block.private) for nat in nats for block in nat.blocks}
        self._gateways = [(nat.vrf, prefix) for nat in nats for prefix in nat.prefixes]
        self._floating = _floating(now, then)
        every = [p for m in (now, then) for p in m.all(Port).values()]
        self._forwarding = {p.guest for p in every if p.forwards and p.guest is not None}

    def touches(self, port: Port) -> bool:
        return (
            port.name in self._ports
            or port.guest in self._guests
            or port.routes in self._tables
            or port.vrf in self._vrfs
            or not self._lists.isdisjoint(port.egress + port.ingress)
            or not self._floating.isdisjoint(port.addresses)
            or any((port.vrf, a) in self._translated for a in port.addresses)
            or any(vrf == port.vrf and a in prefix for vrf, prefix in self._gateways for a in port.addresses)
        )

    def is_next_hop(self, frontend: Frontend) -> bool:
        """Whether a route leads to it, and with it to its backends."""
        return frontend.address in self._appliances

    def passes_on(self, port: Port) -> bool:
        """Whether packets of others may come by: its guest forwards, or a route leads to it."""
        return port.forwards or port.guest in self._forwarding or not self._appliances.isdisjoint(port.addresses)


def _disturbed(now: ForwardingModel, then: ForwardingModel) -> Iterator[str]:
    """Ports that something else is wrong with on purpose."""
    return (f.port for name in _changed(Fault, now, then) for f in _both_of(Fault, name, now, then))


def _floating(now: ForwardingModel, then: ForwardingModel) -> set[IPAddress]:
    """Backends that a floating rule gives or takes an address of its frontend, which then is local to them."""
    rules = [r for name in _changed(BalancingRule, now, then) for r in _both_of(BalancingRule, name, now, then)]
    forwards = [f for name in _changed(PortForward, now, then) for f in _both_of(PortForward, name, now, then)]
    pools = set(_changed(Pool, now, then))
    frontends = set(_changed(Frontend, now, then))
    for model in (now, then):
        every = model.all(BalancingRule).values()
        rules += [r for r in every if r.pool in pools or r.frontend in frontends]
        forwards += [f for f in model.all(PortForward).values() if f.frontend in frontends]
    served = {r.pool for r in rules if r.floating}
    members = (
        m.address for model in (now, then) for p in served if (found := model.get(Pool, p)) for m in found.members
    )
    return {*members, *(f.target for f in forwards if f.floating)}


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
