"""Random small networks with everything in them that the model knows, and flows through them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st

from lazulite.analysis import Trace
from lazulite.forwarding.model import (
    AccessList,
    Action,
    AddressSet,
    AdminState,
    Distribution,
    Fault,
    ForwardingModel,
    Member,
    NextHop,
    Peering,
    Port,
    Route,
    RouteSource,
    RouteTable,
    Rule,
)
from lazulite.values import EVERYWHERE_4, Direction, Flow, IPAddress, PortRange, Protocol
from tests.analysis.build import (
    PROBE,
    balance,
    forward,
    frontend,
    gateway,
    healthy,
    host,
    model,
    outbound,
    pool,
    port,
    vrf,
)

VRFS = [
    vrf("n0", "10.0.0.0/16", snat="198.18.0.1"),
    vrf("n1", "10.1.0.0/16", snat="198.18.0.2"),
    vrf("n2", "10.2.0.0/16"),
]
PRIVATE = [ip_address(f"10.{n}.{s}.{h}") for n in range(3) for s in range(2) for h in (4, 5, 6)]
PUBLIC = [ip_address(f"198.18.0.{h}") for h in range(16, 20)]
HOSTS = [host("client", "198.18.1.1"), host("other", "198.18.1.2")]
VIPS = [f"10.{n}.1.100" for n in range(3)]
OUTSIDE_VIPS = ["198.18.0.40", "198.18.0.41"]
TRANSPORTS = st.sampled_from([(Protocol.TCP,), (Protocol.TCP, Protocol.UDP)])
ADDRESSES = [
    *PRIVATE,
    *map(ip_address, [*VIPS, *OUTSIDE_VIPS]),
    *PUBLIC,
    *(h.addresses[0] for h in HOSTS),
    ip_address("198.18.0.1"),
    ip_address("172.16.0.9"),
]
SETS = ["web", "db"]
LISTS = ["l0", "l1", "l2"]
PREFIXES = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.0.1.0/24", "10.1.1.0/24"]
PREFIXES += ["10.0.0.4/32", "10.1.0.4/31", "198.18.0.0/15", "198.18.1.1/32"]
PORTS = [1, 80, 81, 443, 1024, 49152, 65535]

patient = settings(deadline=None, max_examples=30)
"""For properties that ask a whole network at once."""
addresses = st.sampled_from(ADDRESSES)
prefixes = st.sampled_from(PREFIXES).map(lambda p: vrf("", p).prefixes[0])
port_numbers = st.sampled_from(PORTS)
port_ranges = st.tuples(port_numbers, port_numbers).map(lambda p: PortRange(min(p), max(p)))
protocols = st.sampled_from(list(Protocol))
flows = st.builds(Flow, addresses, addresses, protocols, port_numbers, port_numbers)


def few(strategy: st.SearchStrategy[Any], at_most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=at_most).map(tuple)


rules = st.builds(
    Rule,
    st.just(100),
    st.sampled_from(Action),
    few(prefixes, 1),
    few(prefixes, 1),
    few(st.sampled_from([*SETS, "gone"]), 1),
    few(st.sampled_from(SETS), 1),
    st.none() | protocols,
    few(port_ranges, 1),
    few(port_ranges),
)


@st.composite
def access_lists(draw: st.DrawFn, name: str) -> AccessList:
    """A list that lets something through more often than chance would."""
    drawn = list(draw(few(rules, 5)))
    if draw(st.integers(0, 3)):
        drawn.append(Rule(65000, Action.ALLOW))
    named = [msgspec.structs.replace(r, origin=f"{name}/{i}") for i, r in enumerate(drawn)]
    return AccessList(name, label=name, direction=Direction.INGRESS, rules=tuple(named))


def system_routes(network: str) -> list[Route]:
    """The network itself, the others over peerings, the rest to the Internet."""
    rows = [
        Route(
            v.prefixes[0], NextHop.LOCAL if v.name == network else NextHop.PEERING, target=v.name, origin=f"to {v.name}"
        )
        for v in VRFS
    ]
    return [*rows, Route(EVERYWHERE_4, NextHop.INTERNET, origin="to the Internet")]


@st.composite
def route_tables(draw: st.DrawFn, name: str, vias: list[IPAddress]) -> RouteTable:
    """Mostly the system's routes, and some of the user's, more often to an appliance than elsewhere."""
    drawn = system_routes(name.partition("/")[0]) if draw(st.integers(0, 9)) else []
    for i, prefix in enumerate(draw(st.lists(prefixes, max_size=3))):
        hop = draw(st.sampled_from([*NextHop, *[NextHop.APPLIANCE] * 4]))
        via = draw(st.sampled_from(vias))
        target = f"n{via.packed[1]}" if hop is NextHop.APPLIANCE else draw(st.sampled_from(["n0", "n1", "n2"]))
        source, active = draw(st.sampled_from(RouteSource)), draw(st.integers(0, 4)) > 0
        drawn.append(Route(prefix, hop, source, active, via, target, origin=f"{name}/{i}"))
    return RouteTable(name, vrf="", routes=tuple(drawn))


@st.composite
def ports(draw: st.DrawFn, address: IPAddress, number: int) -> list[Any]:
    """A port at *address*; some share a guest, some are stopped, some forward, some have a public address."""
    second = draw(st.integers(0, 4)) == 0
    public = {str(address): str(PUBLIC[number])} if number < len(PUBLIC) and draw(st.booleans()) else {}
    lists = st.lists(st.sampled_from(LISTS), max_size=2).map(tuple)
    return port(
        f"p{number}",
        f"{address}/24",
        f"n{address.packed[1]}",
        guest="pair" if second else f"g{number}",
        slot=number if second else 0,
        running=draw(st.integers(0, 19)) > 0,
        forwards=draw(st.integers(0, 2)) > 0,
        egress=draw(lists),
        ingress=draw(lists),
        own_list=draw(st.booleans()),
        routes=f"n{address.packed[1]}/{draw(st.integers(0, 1))}",
        public=public,
        default_outbound=draw(st.booleans()),
    )


@st.composite
def peerings(draw: st.DrawFn) -> list[Peering]:
    ends = []
    for here in VRFS:
        for there in VRFS:
            if here is not there and draw(st.integers(0, 9)):
                access, forwarded = draw(st.integers(0, 4)) > 0, draw(st.booleans())
                name = f"{here.name}-{there.name}"
                end = Peering(name, here.name, there.name, there.prefixes, access, forwarded, origin=name)
                ends.append(end)
    return ends


@st.composite
def balancers(draw: st.DrawFn) -> list[Any]:
    """A frontend or two of a network with a pool of its addresses, rules and forwards, and shared sources."""
    entries: list[Any] = []
    for number in range(draw(st.integers(0, 2))):
        network = draw(st.integers(0, 2))
        near = [a for a in PRIVATE if a.packed[1] == network]
        of_pool = draw(st.lists(st.sampled_from(near), max_size=4, unique=True))
        probed, name = draw(st.booleans()), f"pool{number}"
        admin = st.sampled_from([AdminState.NONE, AdminState.NONE, AdminState.UP, AdminState.DOWN])
        members = tuple(Member(str(a), a, draw(admin)) for a in of_pool)
        entries.append(
            pool(
                name,
                network=f"n{network}",
                members=members,
                probe=PROBE if probed else None,
                revive=draw(st.booleans()),
            )
        )
        if draw(st.integers(0, 3)):
            entries.append(healthy(name, *draw(st.lists(st.sampled_from([*map(str, near)]), max_size=3, unique=True))))
        address = draw(st.sampled_from([VIPS[network], OUTSIDE_VIPS[number]]))
        entries.append(frontend(f"fe{number}", address, f"n{network}"))
        for each in range(draw(st.integers(0, 3))):
            drawn = draw(st.sampled_from(["tcp 80>81", "udp 80>443", "tcp 443>443", "* 0>0"]))
            how = {"distribution": draw(st.sampled_from(Distribution)), "floating": draw(st.integers(0, 4)) == 0}
            entries.append(balance(f"rule{number}{each} fe{number} {name} {drawn}", **how))
        if draw(st.booleans()):
            target, floating = draw(st.sampled_from(near)), draw(st.integers(0, 4)) == 0
            entries.append(forward(f"nat{number} fe{number} tcp 1024>{target}:80", floating=floating))
    for network in range(3):
        if draw(st.integers(0, 3)) == 0:
            entries.append(gateway(f"gw{network}", f"10.{network}.0.0/24", "198.18.0.32", f"n{network}"))
        if draw(st.integers(0, 3)) == 0:
            block = f"10.{network}.1.4 198.18.0.33:1024-2047"
            entries.append(outbound(f"out{network}", block, network=f"n{network}", protocols=draw(TRANSPORTS)))
    return entries


@st.composite
def faults(draw: st.DrawFn, number: int) -> list[Any]:
    """Some ports are cut, or lose a little, in one direction or both."""
    if draw(st.integers(0, 9)):
        return []
    direction, cut = draw(st.sampled_from([None, *Direction])), draw(st.booleans())
    return [Fault(f"fault{number}", f"p{number}", direction, cut, 0.01, origin=f"fault {number}")]


@st.composite
def networks(draw: st.DrawFn) -> ForwardingModel:
    taken = draw(st.lists(st.sampled_from(PRIVATE), min_size=2, max_size=7, unique=True))
    vias = [*taken, *map(ip_address, VIPS)]
    groups = [AddressSet(s, draw(few(st.sampled_from(PRIVATE), 3))) for s in SETS if draw(st.integers(0, 4))]
    return model(
        VRFS,
        HOSTS,
        groups,
        [draw(access_lists(n)) for n in LISTS if draw(st.integers(0, 9))],
        [draw(route_tables(f"{v.name}/{i}", vias)) for v in VRFS for i in range(2)],
        draw(balancers()),
        draw(peerings()),
        *(draw(ports(a, i)) for i, a in enumerate(taken)),
        *(draw(faults(i)) for i in range(len(taken))),
    )


def by_backend(found: Trace) -> bool:
    """Whether a packet's backend was chosen among several, so that another flow of the same ports may have another."""
    return any(
        step.stage in {"load-balancer", "next-hop-balancing"}
        and (" bucket " in step.detail or "one of " in step.detail)
        for hop in found.hops
        for step in hop.steps
    )


def sources(network: ForwardingModel) -> list[str]:
    return [*network.all(Port), *(h.name for h in HOSTS)]
