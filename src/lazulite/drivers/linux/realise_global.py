"""Addresses of several regions: the Internet chooses the edge, the edge serves them as its own frontend's. Pure.

A source's link has a mark, its place; a rule's chain has a choice for every place, as a mark that leads to an edge.
What was chosen stays with the flow while that region can serve, in a map that packets fill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lazulite.drivers.linux import names
from lazulite.drivers.linux.realise_balancing import number
from lazulite.drivers.linux.realise_edge import NUMBERS
from lazulite.drivers.linux.scene import EVERYTHING, Items, Scene, put
from lazulite.drivers.linux.skeleton import FLOWS
from lazulite.drivers.linux.state import Chain, Declared, Element, MarkRule, towards
from lazulite.forwarding.model import GlobalRule, InternetHost, Nearness, Vrf
from lazulite.forwarding.nearest import Regional, nearest, regionals
from lazulite.values import Protocol

_HOOK = "filter hook prerouting priority -150"


def rule(scene: Scene, name: str) -> Items:
    """A rule on a global address: a chain of the Internet, and a port of it in the edge of every member.

    Addresses of version 6 are not served.
    """
    entry = scene.get(GlobalRule, name)
    if entry is None or entry.address.version != 4:
        return
    scene.demand(ruleset)
    found, at, origin = regionals(entry, scene.get), f"{entry.address} . {NUMBERS[entry.protocol]}", entry.origin
    for one in found:
        scene.demand(way, one.frontend.vrf)
        edge = names.edge(one.frontend.vrf)
        chain = Element(f"goto l{names.digest(one.rule.name)}")
        yield put(edge, chain, "ip", "balanced", f"{at} . {entry.port}", origin=origin)
        if one.rule.resets and entry.protocol is Protocol.TCP:
            late = f"{entry.address} . {entry.port}"
            yield put(edge, Element("goto send_reset"), "ip", "late_frontend", late, origin=origin)
    digest, counter = names.digest(name), names.flow_counter("new", origin)
    fields = f"ip saddr . {entry.protocol} sport . ip daddr . {entry.protocol} dport"
    idle = entry.idle_timeout_s
    kept = f"map {{ typeof {fields} : meta mark; flags dynamic,timeout; timeout {idle}s; size {FLOWS}; }}"
    flows = f"lb_{'t' if entry.protocol is Protocol.TCP else 'u'}{digest}"
    yield put(names.INTERNET, Declared(kept), "ip", flows, origin=origin)
    yield put(names.INTERNET, Declared("counter"), "ip", counter)
    keep = Chain((f"update @{flows} {{ {fields} timeout {idle}s : meta mark }}", "accept"))
    yield put(names.INTERNET, keep, "ip", f"lb_k{digest}", origin=origin)
    chosen = Chain(tuple(_rules(entry, found, scene.orders(), fields, flows, counter, f"goto lb_k{digest}")))
    yield put(names.INTERNET, chosen, "ip", f"lb_g{digest}", origin=origin)
    yield put(names.INTERNET, Element(f"goto lb_g{digest}"), "ip", "lb_globals", f"{at} . {entry.port}", origin=origin)


def _rules(
    entry: GlobalRule,
    found: list[Regional],
    orders: Sequence[tuple[str, ...]],
    fields: str,
    flows: str,
    counter: str,
    keep: str,
) -> Iterator[str]:
    """A flow that is known stays where it is served; a new one, and one that is not, goes to the nearest."""
    able = sorted({_mark(one) for one in found if one.open})
    if able:
        stands = "tcp flags & (fin | syn | rst | ack) != syn " if entry.protocol is Protocol.TCP else ""
        yield f"{stands}meta mark set {fields} map @{flows} meta mark {{ {', '.join(able)} }} {keep}"
        yield f"counter name {counter}"
        yield "meta mark set 0"
        yield "meta mark set iifname map @lb_places"
        usual, places = _choice(entry, nearest(found, ())), dict[str, list[str]]()
        for regions in orders:
            places.setdefault(_choice(entry, nearest(found, regions)), []).append(hex(names.place(regions)))
        for choice, marks in places.items():
            if choice != usual:
                yield f"meta mark {{ {', '.join(marks)} }} meta mark set {choice} {keep}"
        yield f"meta mark set {usual} {keep}"
    yield "counter name lb_no_region drop"


def _mark(one: Regional) -> str:
    return hex(names.region_table(one.frontend.vrf))


def _choice(entry: GlobalRule, among: list[Regional]) -> str:
    if len(among) == 1:
        return _mark(among[0])
    marks = ", ".join(f"{i} : {_mark(one)}" for i, one in enumerate(among))
    return f"{number(entry.distribution, 4, len(among))} map {{ {marks} }}"


def source(scene: Scene, name: str) -> Items:
    """Where packets come from that a link brings."""
    entry, host = scene.get(Nearness, name), scene.get(InternetHost, name)
    if entry is None or (host is None and scene.get(Vrf, name) is None):
        return
    scene.demand(ruleset)
    link = names.client(host.guid) if host is not None else names.uplink(name)
    yield put(names.INTERNET, Element(hex(names.place(entry.regions))), "ip", "lb_places", link, origin=entry.origin)


def way(scene: Scene, vrf: str) -> Items:
    """From the Internet to the edge of a network, whatever a packet is addressed to."""
    table = names.region_table(vrf)
    yield put(names.INTERNET, MarkRule(table), 4, table)
    yield put(names.INTERNET, towards(names.uplink(vrf)), table, EVERYTHING[0])


def ruleset(scene: Scene) -> Items:
    """What the Internet has while there are global addresses."""
    rules = ("ip daddr . meta l4proto . th dport vmap @lb_globals",)
    yield put(
        names.INTERNET, Declared("map { type ipv4_addr . inet_proto . inet_service : verdict; }"), "ip", "lb_globals"
    )
    yield put(names.INTERNET, Declared("map { type ifname : mark; }"), "ip", "lb_places")
    yield put(names.INTERNET, Declared("counter"), "ip", "lb_no_region")
    yield put(names.INTERNET, Chain(rules, _HOOK), "ip", "lb_globals_first")
