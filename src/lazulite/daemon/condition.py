"""How what is drawn is: ``ok``, ``degraded``, ``down``, ``stopped``, or nothing where nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lazulite.daemon.picture import Box
from lazulite.drivers.driver import Refusal
from lazulite.forwarding.model import (
    BalancingRule,
    Contents,
    ForwardingModel,
    Frontend,
    Pool,
    Port,
)

OK, DEGRADED, DOWN, STOPPED = "ok", "degraded", "down", "stopped"
_RUNS = "running"
_JUDGED = frozenset({"machine", "client", "gateway"})
"""Kinds of boxes that are well unless something is known to be wrong."""


def conditions(
    boxes: Mapping[str, Box],
    model: ForwardingModel,
    contents: Mapping[str, Contents],
    guests: Mapping[str, str],
    refusals: Iterable[Refusal],
) -> dict[str, str]:
    """By key of each box that anything is known of.

    A machine is stopped where none runs, down when it cannot start or when every probe of it fails, and degraded when
    some do or when something was made wrong on purpose. A balancer is as its pools are. What the machine refuses makes
    the nearest box down, if it is its own, or degraded.
    """
    found = {key: OK for key, box in boxes.items() if box.kind in _JUDGED}
    found |= _probed(model, contents)
    found |= {key: DEGRADED for key, box in boxes.items() if "fault" in box.flags and found.get(key) == OK}
    found |= {key: DOWN for key in _broken(boxes, model, guests)}
    found |= {key: STOPPED for key, box in boxes.items() if "stopped" in box.flags}
    for key, own in _refused(boxes, refusals):
        found[key] = DOWN if own or found.get(key) == DOWN else DEGRADED
    return {key: health for key, health in found.items() if key in boxes}


def _probed(model: ForwardingModel, contents: Mapping[str, Contents]) -> Iterator[tuple[str, str]]:
    """Frontends and ports by what probes of their pools found."""
    owners = {(p.vrf, a): p.name for p in model.all(Port).values() for a in p.addresses}
    pools = {name: p for name, p in model.all(Pool).items() if p.probe is not None}
    answers: dict[str, list[bool]] = {}
    for name, pool in pools.items():
        held = contents[name].members if name in contents else ()
        for member in pool.members:
            owner = owners.get((pool.vrf, member.address))
            if owner is not None:
                answers.setdefault(owner, []).append(member.name in held)
    for rule in model.all(BalancingRule).values():
        if rule.pool in pools and model.get(Frontend, rule.frontend) is not None:
            held = contents[rule.pool].members if rule.pool in contents else ()
            answers.setdefault(rule.frontend, []).extend(m.name in held for m in pools[rule.pool].members)
    return ((key, _summary(found)) for key, found in answers.items())


def _summary(answers: list[bool]) -> str:
    """Also of pools with nobody in them: nothing answers there."""
    return OK if answers and all(answers) else DEGRADED if any(answers) else DOWN


def _broken(boxes: Mapping[str, Box], model: ForwardingModel, guests: Mapping[str, str]) -> Iterator[str]:
    """Machines and clients that should run and do not."""
    wrong = {name for name, state in guests.items() if state != _RUNS}
    if wrong:
        yield from (p.name for p in model.all(Port).values() if p.guest in wrong)
        yield from (key for key in wrong if key in boxes)


def _refused(boxes: Mapping[str, Box], refusals: Iterable[Refusal]) -> Iterator[tuple[str, bool]]:
    """The box that each refusal is about, and whether it is the box itself that was refused."""
    keys = {box.id.lower(): key for key, box in boxes.items() if box.id}
    for refusal in refusals:
        origin = at = refusal.origin.lower()
        while at and at not in keys:
            at = at.rpartition("/")[0]
        if at:
            yield keys[at], at == origin
