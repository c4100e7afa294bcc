"""Places in a pool: each member has one from joining to leaving, the lowest that is free.

An ip configuration stores its places by the incarnation of what it joined, an address of a pool its own. Ports of NAT
ranges and blocks of source ports follow from places, and so stay when the pool changes around a member.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count
from typing import Any, TypeVar

from msgspec.structs import replace

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Ref, Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.members import PoolMember, nat_members, pool_members
from lazulite.services.load_balancer.model import BackendAddressPool, InboundNatPool, InboundNatRule, LoadBalancer
from lazulite.services.virtual_network.model import IpConfiguration

C = TypeVar("C", bound=IpConfiguration)
_Joined = Resource[BackendAddressPool] | Resource[InboundNatRule] | Resource[InboundNatPool]


def placed(owner: ResourceId, configurations: Iterable[Child[C]], view: View) -> tuple[Child[C], ...]:
    """All configurations of the document *owner*, each with its places in what it refers to: those it had, else free
    ones."""
    every = [(c, list(_targets(c.properties, view))) for c in configurations]
    rooms = {t.properties.incarnation: _Room(t, owner, view) for _, targets in every for t in targets}
    kept = [{i: s for i, s in c.properties.places.items() if i in _incarnations(targets)} for c, targets in every]
    for places in kept:
        for incarnation, slot in places.items():
            rooms[incarnation].take(slot)
    for places, (_, targets) in zip(kept, every, strict=True):
        for incarnation in _incarnations(targets):
            if incarnation not in places:
                places[incarnation] = rooms[incarnation].take()
    return tuple(Child(c.name, replace(c.properties, places=p), c.zones) for (c, _), p in zip(every, kept, strict=True))


def _incarnations(targets: Iterable[_Joined]) -> list[str]:
    return [t.properties.incarnation for t in targets if t.properties.incarnation is not None]


class _Room:
    """The places of one pool or rule that are taken: all but those of the owner, who is about to say anew."""

    def __init__(self, target: _Joined, owner: ResourceId, view: View) -> None:
        members: Iterable[PoolMember]
        rules: list[InboundNatRule] = []
        if isinstance(target.properties, BackendAddressPool):
            members, rules = pool_members(view, target), ranges(target, view)
        else:
            members = nat_members(view, target)
        self._slots: set[int] = set()
        self._busy: list[tuple[InboundNatRule, set[int]]] = [(r, set()) for r in rules]
        self._inside = max((r.size for r in rules), default=0)
        for member in members:
            if not member.id.within(owner):
                self.take(member.slot)

    def take(self, slot: int | None = None) -> int:
        """Take *slot*, or the lowest that is free and has a free port in every range, or beyond them."""
        if slot is None:
            inside = (s for s in range(self._inside) if self._is_free(s))
            slot = next(chain(inside, (s for s in count() if self._is_free(s, beyond=True))))
        self._slots.add(slot)
        for rule, places in self._busy:
            places.add(offset(rule, slot))
        return slot

    def _is_free(self, slot: int, *, beyond: bool = False) -> bool:
        """*beyond* the ranges there is no port to mind."""
        found = ((offset(rule, slot), rule, places) for rule, places in self._busy)
        return slot not in self._slots and all(p not in places and (beyond or p < r.size) for p, r, places in found)


def _targets(configuration: IpConfiguration, view: View) -> Iterator[_Joined]:
    """What the configuration refers to and what there is."""
    for model, refs in joined(configuration):
        for ref in refs:
            found = view.get(ref, model)
            if found is not None:
                yield found


def joined(configuration: IpConfiguration) -> Iterator[tuple[type[Any], tuple[Ref, ...]]]:
    """What a configuration wants to be in, by model. Those of scale sets know pools of NAT rules too."""
    yield BackendAddressPool, configuration.load_balancer_backend_address_pools
    yield InboundNatRule, configuration.load_balancer_inbound_nat_rules
    yield InboundNatPool, getattr(configuration, "load_balancer_inbound_nat_pools", ())


def ranges(pool: Resource[BackendAddressPool], view: View) -> list[InboundNatRule]:
    """The NAT rules with a port for each member of *pool*."""
    balancer = view.get(pool.id.parent, LoadBalancer)
    rules = balancer.properties.inbound_nat_rules if balancer is not None else ()
    return [c.properties for c in rules if _leads_to(c.properties.backend_address_pool, pool.id)]


def _leads_to(ref: Ref | None, pool: ResourceId) -> bool:
    return ref is not None and ref.target == pool


def offset(rule: InboundNatRule, slot: int) -> int:
    """The place in the rule's range of who has *slot*; not below :attr:`InboundNatRule.size` when there is none."""
    found: int = rule.moved.get(str(slot), slot)
    return found


def moved(slots: Iterable[int], size: int, before: Mapping[str, int]) -> dict[str, int]:
    """Places in a range of *size* for the *slots* beyond it, in decimal; those of *before* stay where they fit."""
    every = sorted(slots)
    taken = {s for s in every if s < size}
    found: dict[str, int] = {}
    for slot in (s for s in every if s >= size):
        place = before.get(str(slot), size)
        if place < size and place not in taken:
            found[str(slot)] = place
            taken.add(place)
    spare = (p for p in range(size) if p not in taken)
    for slot in (s for s in every if s >= size and str(s) not in found):
        place = next(spare, size)
        if place < size:
            found[str(slot)] = place
    return found
