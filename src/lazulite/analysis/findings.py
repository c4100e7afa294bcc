"""What of a network is surely not as it was meant, each with its evidence: other rules, or a flow to try.

Everything here follows from the model alone. Rules are looked at by :mod:`.idle`; what packets meet by walking them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from lazulite.analysis.answers import Disposition, RoundTrip, StepAction, Trace
from lazulite.analysis.ends import Group, Side, witness
from lazulite.analysis.faults import words
from lazulite.analysis.headers import Region
from lazulite.analysis.idle import Kind, idle_rules
from lazulite.analysis.lookup import Index
from lazulite.analysis.reach import Reach, cells_of
from lazulite.analysis.reachability import Endpoint
from lazulite.analysis.tracing import round_trip
from lazulite.analysis.unmet import Unmet, unmet_rules
from lazulite.forwarding.model import (
    AccessList,
    Fault,
    ForwardingModel,
    Guest,
    NextHop,
    Peering,
    Port,
    Route,
    RouteTable,
)
from lazulite.values import Direction, Flow, Protocol

MANAGEMENT = {22: "SSH", 3389: "RDP", 5985: "WinRM", 5986: "WinRM over TLS"}
"""TCP ports by which machines are managed. Source: "Secure your management ports with just-in-time access"."""
AT_LARGE = 1 << 24
"""Addresses from which on senders count as the Internet at large, not as somebody's own: those of a /8."""


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Packets are lost that somebody wanted to arrive."""
    WARNING = "warning"
    INFO = "info"


class Concern(StrEnum):
    """What is found; the severity of each is :data:`SEVERITY`."""

    SHADOWED_RULE = "shadowed-rule"
    REDUNDANT_RULE = "redundant-rule"
    EMPTY_RULE = "empty-rule"
    UNREACHABLE_RULE = "unreachable-rule"
    LOST_ANSWER = "lost-answer"
    ASYMMETRIC_ROUTE = "asymmetric-route"
    DEAD_NEXT_HOP = "dead-next-hop"
    ONE_SIDED_PEERING = "one-sided-peering"
    EXPOSED_MANAGEMENT = "exposed-management-port"
    FAULT = "fault"


SEVERITY = {
    Concern.SHADOWED_RULE: Severity.WARNING,
    Concern.REDUNDANT_RULE: Severity.INFO,
    Concern.EMPTY_RULE: Severity.INFO,
    Concern.UNREACHABLE_RULE: Severity.INFO,
    Concern.LOST_ANSWER: Severity.ERROR,
    Concern.ASYMMETRIC_ROUTE: Severity.WARNING,
    Concern.DEAD_NEXT_HOP: Severity.ERROR,
    Concern.ONE_SIDED_PEERING: Severity.WARNING,
    Concern.EXPOSED_MANAGEMENT: Severity.WARNING,
    Concern.FAULT: Severity.WARNING,
}


class Finding(msgspec.Struct, frozen=True):
    """One concern about ``origin``, in words. ``by`` are origins that prove it, ``witness`` a flow that does."""

    concern: Concern
    origin: str
    message: str
    by: tuple[str, ...] = ()
    sender: str = ""
    """Port or Internet host that sends the witness."""
    witness: Flow | None = None
    sources: Side | None = None
    destinations: Side | None = None

    @property
    def severity(self) -> Severity:
        return SEVERITY[self.concern]


def findings(model: ForwardingModel, mine: Callable[[str], bool]) -> Iterator[Finding]:
    """Everything about *model*; of rules only those whose origin is *mine*."""
    index = Index(model)
    yield from faults(model)
    yield from next_hops(index)
    yield from peerings(index)
    reach = Reach(model)
    yield from answers(reach)
    yield from exposed(reach)
    yield from rules(index, reach, mine)


def rules(index: Index, reach: Reach, mine: Callable[[str], bool]) -> Iterator[Finding]:
    """Rules that no packet needs: of any network, or of this one."""
    groups: dict[tuple[str, Direction], list[AccessList]] = {}
    for each in index.model.all(AccessList).values():
        groups.setdefault((each.origin, each.direction), []).append(each)
    idle = [
        found for lists in groups.values() for found in idle_rules(lists, index.members, lambda rule: mine(rule.origin))
    ]
    for found in idle:
        yield Finding(_OF_KIND[found.kind], found.origin, _SAYS[found.kind], found.by)
    never = {found.origin for found in idle if found.kind is not Kind.REDUNDANT}
    for unmet in unmet_rules(reach, lambda origin: mine(origin) and origin not in never):
        yield _unreachable(unmet)


_OF_KIND = {
    Kind.SHADOWED: Concern.SHADOWED_RULE,
    Kind.REDUNDANT: Concern.REDUNDANT_RULE,
    Kind.EMPTY: Concern.EMPTY_RULE,
}
_SAYS = {
    Kind.SHADOWED: "rules before it take every packet that it could match",
    Kind.REDUNDANT: "without it other rules say the same of every packet",
    Kind.EMPTY: "its application security groups have no members, so it matches no packet",
}


def _unreachable(unmet: Unmet) -> Finding:
    if unmet.trace is None:
        said = "in this network no packet has the addresses that it names"
        return Finding(Concern.UNREACHABLE_RULE, unmet.origin, said)
    stopped = unmet.trace.decided_by
    by = (unmet.trace.origin,) if unmet.trace.origin else ()
    stage = f" by {stopped.stage}" if stopped is not None else ""
    said = f"in this network no packet gets to it: {unmet.trace.disposition}{stage}"
    return Finding(Concern.UNREACHABLE_RULE, unmet.origin, said, by, unmet.sender, unmet.trace.flow)


def next_hops(index: Index) -> Iterator[Finding]:
    """Routes that lead to an appliance which cannot pass packets on."""
    told: set[tuple[str, str]] = set()
    for table in index.model.all(RouteTable).values():
        for route in table.routes:
            why = _dead(index, route) if route.active and route.next_hop is NextHop.APPLIANCE else None
            if why is not None and (route.origin, why[0]) not in told:
                told.add((route.origin, why[0]))
                yield Finding(Concern.DEAD_NEXT_HOP, route.origin, f"{route.prefix} via {route.via}: {why[0]}", why[1])


def _dead(index: Index, route: Route) -> tuple[str, tuple[str, ...]] | None:
    if route.target is None or route.via is None:
        return "the next hop is in no network that this one reaches", ()
    frontend, owner = index.frontend(route.target, route.via), index.owner(route.target, route.via)
    if frontend is not None:
        ready = index.services(frontend.name).every_port is not None
        return None if ready else ("the frontend has no rule for all ports", (frontend.origin,))
    if owner is None:
        return "no interface has the address of the next hop", ()
    if not owner.forwards:
        return f"IP forwarding of {owner.label} is off", (owner.origin,)
    return None if index.runs(owner) else (f"no machine runs behind {owner.label}", (owner.origin,))


def peerings(index: Index) -> Iterator[Finding]:
    """Links of which only one end is there: they carry nothing."""
    for end in index.model.all(Peering).values():
        if index.peering(end.remote, end.vrf) is None:
            here, there = index.vrf_label(end.vrf), index.vrf_label(end.remote)
            yield Finding(
                Concern.ONE_SIDED_PEERING, end.origin, f"{here} is peered with {there}, {there} is not with {here}"
            )


def faults(model: ForwardingModel) -> Iterator[Finding]:
    for fault in model.all(Fault).values():
        port = model.get(Port, fault.port)
        at = port.label if port is not None else fault.port
        yield Finding(Concern.FAULT, fault.origin, f"packets of {at} are disturbed on purpose: {words(fault)}")


def answers(reach: Reach) -> Iterator[Finding]:
    """Flows whose answers are lost, or pass other machines than the question did. One finding for each way."""
    told: dict[tuple[Concern, str, tuple[str, ...], tuple[str, ...]], Finding] = {}
    for senders, receivers, regions in reach.pairs():
        found = _crooked(reach, senders, receivers, regions)
        if found is not None:
            key, finding = found
            told.setdefault(key, finding)
    yield from told.values()


_Key = tuple[Concern, str, tuple[str, ...], tuple[str, ...]]


def _crooked(
    reach: Reach, senders: Group, receivers: Group, regions: tuple[Region, ...]
) -> tuple[_Key, Finding] | None:
    cell = next((c for c in cells_of(regions, ()) if c[3] in _WHOLE), None)
    pair = reach.pair(senders, receivers)
    if cell is None or pair is None:
        return None
    flow = witness(*pair, cell[0][0], cell[1], cell[2])
    trip = round_trip(reach.index, pair[0].name, flow)
    if trip.reply is None:
        return None
    there, back = _through(reach.index, trip.forward), _through(reach.index, trip.reply)
    if trip.established and set(there) == set(back):
        return None
    concern = Concern.ASYMMETRIC_ROUTE if trip.established else Concern.LOST_ANSWER
    sides = reach.side(senders), reach.side(receivers)
    by = tuple(dict.fromkeys((*_routes(trip.forward), *_routes(trip.reply))))
    origin = trip.reply.origin if not trip.established else next(iter(by), trip.forward.origin)
    message = _ways(reach.index, there, back, trip)
    ways = (there, back) if concern is Concern.LOST_ANSWER else tuple(sorted((there, back)))
    key = concern, origin if concern is Concern.LOST_ANSWER else "", ways[0], ways[1]
    return key, Finding(concern, origin, message, by, pair[0].name, flow, *sides)


_WHOLE = (Disposition.DELIVERED, Disposition.EXITS_NETWORK)


def _ways(index: Index, there: tuple[str, ...], back: tuple[str, ...], trip: RoundTrip) -> str:
    went, comes = _labels(index, there), _labels(index, back)
    ends = "" if trip.established or trip.reply is None else f" and ends {trip.reply.disposition}"
    return f"the packet goes {went}, its answer goes {comes}{ends}"


def _labels(index: Index, guests: tuple[str, ...]) -> str:
    found = [guest.label if (guest := index.model.get(Guest, g)) is not None else g for g in guests]
    return f"by {', '.join(found)}" if found else "directly"


def _through(index: Index, trace: Trace) -> tuple[str, ...]:
    """The guests that pass the packet on, in the order they do."""
    ports = [index.model.get(Port, hop.port) for hop in trace.hops if hop.port]
    met = list(dict.fromkeys(p.guest for p in ports if p is not None and p.guest is not None))
    last = index.model.get(Port, trace.destination)
    ends = {ports[0].guest if ports and ports[0] is not None else None, last.guest if last is not None else None}
    return tuple(guest for guest in met if guest not in ends)


def _routes(trace: Trace) -> Iterator[str]:
    """The user's routes that a packet followed."""
    for hop in trace.hops:
        yield from (s.origin for s in hop.steps if s.action is StepAction.ROUTED and s.origin)


def exposed(reach: Reach) -> Iterator[Finding]:
    """Management ports that the Internet at large gets to; by whatever public port it does."""
    wide: dict[tuple[str, int], tuple[Finding, Group]] = {}
    for senders, receivers, regions in reach.pairs():
        if not reach.outside(senders[0]):
            continue
        for finding, port, target in _managed(reach, senders, receivers, regions):
            kept, group = wide.setdefault((target.name, port), (finding, []))
            group += senders
            wide[target.name, port] = kept, group
    for finding, group in wide.values():
        if reach.size(group) >= AT_LARGE:
            yield msgspec.structs.replace(finding, sources=reach.side(group))


def _managed(
    reach: Reach, senders: Group, receivers: Group, regions: tuple[Region, ...]
) -> Iterator[tuple[Finding, int, Endpoint]]:
    for target in receivers:
        for port in _open_ports(regions):
            flow = Flow(senders[0].address, target.address, Protocol.TCP, port)
            trip = round_trip(reach.index, senders[0].name, flow)
            inner = trip.forward.arrived
            if trip.established and inner is not None and inner.dst_port in MANAGEMENT:
                said = f"{MANAGEMENT[inner.dst_port]} answers the Internet at {target.address}:{port}"
                by, side = tuple(filter(None, (trip.forward.origin,))), reach.side([target])
                here = _origin(reach.index, target, trip.forward)
                yield (
                    Finding(Concern.EXPOSED_MANAGEMENT, here, said, by, senders[0].name, flow, None, side),
                    port,
                    target,
                )


def _open_ports(regions: tuple[Region, ...]) -> list[int]:
    """Ports worth a try: those of management, and those that something treats apart."""
    open_ones = [r for r in regions if r.protocol is Protocol.TCP and r.disposition.share > 0]
    found = {p for p in MANAGEMENT for r in open_ones if p in r.dst_ports}
    return sorted(found | {r.dst_ports.first for r in open_ones if r.dst_ports.first == r.dst_ports.last})


def _origin(index: Index, target: Endpoint, trace: Trace) -> str:
    """Whose address it is."""
    for name in (target.name, trace.destination):
        port = index.model.get(Port, name)
        pair = next((p for p in port.public if p.public == target.address), None) if port is not None else None
        if pair is not None:
            return pair.origin
        if port is not None:
            return port.origin
    return ""
