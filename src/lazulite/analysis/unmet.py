"""Rules that decide about no packet that a network can bring before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from lazulite.analysis.answers import Trace
from lazulite.analysis.ends import witness
from lazulite.analysis.matcher import Matcher
from lazulite.analysis.reach import Reach
from lazulite.analysis.reachability import Endpoint
from lazulite.analysis.tracing import trace
from lazulite.forwarding.model import AccessList, Port, Rule
from lazulite.values import ALL_PORTS, Direction, Flow, IPAddress, Protocol

TRIED = 64
"""Pairs of addresses that the search for a flow looks at."""


class Unmet(msgspec.Struct, frozen=True):
    """A rule that no packet meets. ``trace`` is of a flow that it names and that ends elsewhere; none: nobody in the
    network has its addresses."""

    origin: str
    sender: str = ""
    trace: Trace | None = None


def unmet_rules(reach: Reach, mine: Callable[[str], bool]) -> Iterator[Unmet]:
    """The rules that are *mine* and decide about none of the flows of *reach*, wherever their list is in force."""
    met = reach.met()
    lines: dict[str, list[tuple[AccessList, Rule]]] = {}
    needed: set[str] = set()
    for each in reach.index.model.all(AccessList).values():
        for number, rule in enumerate(each.rules):
            if mine(rule.origin):
                lines.setdefault(rule.origin, []).append((each, rule))
                needed |= {rule.origin} if (each.name, number) in met else set()
    yield from (_explained(reach, origin, found) for origin, found in lines.items() if origin not in needed)


def _explained(reach: Reach, origin: str, lines: list[tuple[AccessList, Rule]]) -> Unmet:
    """With a flow that ends before the rule's list, if there is one; else with any that the rule names."""
    found = islice((f for access_list, rule in lines for f in _flows(reach, access_list, rule)), TRIED)
    fallback: Unmet | None = None
    for sender, flow in found:
        told = Unmet(origin, sender, trace(reach.index, sender, flow))
        asked = {s.stage for hop in (told.trace.hops if told.trace else ()) for s in hop.steps}
        if not any("access-list" in stage for stage in asked):
            return told
        fallback = fallback or told
    return fallback or Unmet(origin)


def _flows(reach: Reach, access_list: AccessList, rule: Rule) -> Iterator[tuple[str, Flow]]:
    """Flows that the rule names, between addresses that the network has; one of them behind the list."""
    matcher = Matcher(msgspec.structs.replace(access_list, rules=(rule,)), reach.index.members(access_list))
    protocol = rule.protocol or Protocol.TCP
    src_ports, dst_ports = ((ports[0] if ports else ALL_PORTS) for ports in (rule.source_ports, rule.destination_ports))
    every = reach.index.model.all(Port).values()
    if access_list.direction is Direction.EGRESS:
        guarded = [p for p in every if access_list.name in p.egress]
        sources = [Endpoint(p.name, a) for p in guarded for a in p.addresses if matcher.source_bits(a) & 1]
        targets = [t for t in reach.ends.targets if matcher.destination_bits(t.address) & 1]
    else:
        guarded = [p for p in every if access_list.name in p.ingress]
        sources = [s for s in reach.ends.sources if matcher.source_bits(s.address) & 1]
        targets = [t for p in guarded for a in p.addresses if matcher.destination_bits(a) & 1 for t in _known(p, a)]
    pairs = ((s, t) for s in sources for t in targets if reach.pair([s], [t]) is not None)
    yield from ((s.name, witness(s, t, protocol, src_ports, dst_ports)) for s, t in pairs)


def _known(port: Port, address: IPAddress) -> Iterator[Endpoint]:
    """An address of a port, and the public ones by which the Internet knows it."""
    yield Endpoint(port.name, address)
    yield from (Endpoint(port.name, pair.public) for pair in port.public if pair.private == address)
