"""Small networks as forwarding entries, drawn at random, for properties of drivers."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import strategies as st

from lazulite.forwarding.model import (
    AccessList,
    Action,
    AddressSet,
    AdminState,
    BalancingRule,
    Contents,
    Detour,
    Distribution,
    Fault,
    FlowLog,
    FlowLogFormat,
    Frontend,
    Guest,
    InternetHost,
    Member,
    NextHop,
    Peering,
    Pool,
    Port,
    PortBlock,
    PortForward,
    Probe,
    ProbeProtocol,
    PublicAddress,
    Route,
    RouteTable,
    Rule,
    Sink,
    SourceNat,
    Tap,
    TapSource,
    Tunnel,
    Vrf,
)
from lazulite.values import Direction, PortRange, Protocol

VRFS = ("/one", "/two")
TAPS = ("tap", "other tap")
DETOURS = ("", "/one detour", "/two detour")


def vrf(name: str, idle_s: int = 240) -> Vrf:
    number = VRFS.index(name)
    prefixes = (ip_network(f"10.{number}.0.0/16"), ip_network(f"fd0{number}::/48"))
    return Vrf(name, name[1:], prefixes, idle_s, ip_address(f"198.18.0.{number + 1}"), name)


def port(number: int, network: str, *, running: bool = True, **fields: Any) -> list[Any]:
    """A machine with one interface, ``.4`` and up."""
    second = VRFS.index(network)
    addresses = (ip_address(f"10.{second}.0.{4 + number}"), ip_address(f"fd0{second}::{4 + number}"))
    subnets = (ip_network(f"10.{second}.0.0/24"), ip_network(f"fd0{second}::/64"))
    name = f"{network}/nic{number}"
    entry = Port(
        name,
        f"nic{number}",
        f"guid {name}",
        network,
        f"00:0d:3a:00:0{second}:{number:02x}",
        addresses,
        subnets,
        guest=f"{network}/vm{number}",
        origin=name,
        **fields,
    )
    guest = Guest(f"{network}/vm{number}", f"vm{number}", f"vm{number}", guid=f"g{number}")
    return [entry, guest] if running else [entry]


def access_list(name: str, direction: Direction, rules: tuple[Rule, ...]) -> AccessList:
    return AccessList(name, name, direction, (*rules, Rule(65500, Action.DENY, origin=f"{name} last")), name)


RULES = st.builds(
    lambda action, protocol, first, sets, origin: Rule(
        100, action, (), (), sets, (), protocol, (), (PortRange(first, first + 10),) if protocol else (), origin
    ),
    st.sampled_from(Action),
    st.sampled_from([None, Protocol.TCP, Protocol.UDP]),
    st.integers(1, 90),
    st.sampled_from([(), ("asg",)]),
    st.sampled_from(["rule a", "rule b"]),
)


NICS = [f"{network}/nic{number}" for network in VRFS for number in range(3)]
LOGS = st.sampled_from(["log", "other log"])


def _log(name: str, ports: set[str]) -> FlowLog:
    return FlowLog(name, tuple(sorted(ports)), (), FlowLogFormat.NETWORK, "", "", Sink("", "", ""))


@st.composite
def worlds(draw: st.DrawFn) -> dict[Any, Any]:
    """The entries of a network, by key: up to two VRFs, peered or not, with ports, lists, tables, a client, balancers
    with what is known of their backends' health, and shared sources."""
    entries: list[Any] = []
    networks = draw(st.sets(st.sampled_from(VRFS)))
    for network in sorted(networks):
        entries.append(vrf(network, draw(st.sampled_from([240, 600]))))
        entries += _table(draw, network)
        for number in draw(st.sets(st.integers(0, 2))):
            entries += _port(draw, network, number)
        entries += _balancer(draw, network)
        entries += _sources(draw, network)
        entries += _detour(draw, network)
    if len(networks) == 2 and draw(st.booleans()):
        for here, there in (VRFS, VRFS[::-1]):
            entries.append(
                Peering(
                    f"{here} to {there}", here, there, vrf(there).prefixes, draw(st.booleans()), draw(st.booleans())
                )
            )
    entries += _taps(draw)
    entries += _faults(draw)
    for direction in Direction:
        entries.append(access_list(f"list {direction}", direction, tuple(draw(st.lists(RULES, max_size=3)))))
    entries.append(
        AddressSet(
            "asg", tuple(draw(st.lists(st.sampled_from([ip_address("10.0.0.4"), ip_address("fd01::5")]), unique=True)))
        )
    )
    entries += [_log(name, draw(st.sets(st.sampled_from(NICS)))) for name in sorted(draw(st.sets(LOGS)))]
    if draw(st.booleans()):
        entries.append(
            InternetHost("/client", "client", draw(st.sampled_from(["c1", "c2"])), (ip_address("198.18.200.1"),))
        )
    return {e.key: e for e in entries}


def _table(draw: st.DrawFn, network: str) -> list[RouteTable]:
    other = next(n for n in VRFS if n != network)
    routes = [Route(p, NextHop.LOCAL) for p in vrf(network).prefixes]
    routes += [Route(p, NextHop.PEERING, target=other) for p in vrf(other).prefixes]
    target = draw(st.sampled_from([network, other]))
    via = ip_address(f"10.{VRFS.index(target)}.0.{draw(st.sampled_from([5, 99]))}")
    appliance = Route(ip_network("10.9.0.0/16"), NextHop.APPLIANCE, via=via, target=target)
    extra = draw(st.lists(st.sampled_from([Route(ip_network("0.0.0.0/0"), NextHop.INTERNET), appliance]), unique=True))
    return [RouteTable(f"{network} table", network, (*routes, *extra))]


def _port(draw: st.DrawFn, network: str, number: int) -> list[Any]:
    public = ip_address(f"198.18.1.{VRFS.index(network) * 10 + number}")
    private = ip_address(f"10.{VRFS.index(network)}.0.{4 + number}")
    return port(
        number,
        network,
        running=draw(st.booleans()),
        routes=f"{network} table",
        forwards=draw(st.booleans()),
        egress=draw(st.sampled_from([(), ("list egress",), ("list missing",)])),
        ingress=draw(st.sampled_from([(), ("list ingress",)])),
        own_list=draw(st.booleans()),
        public=draw(st.sampled_from([(), *((PublicAddress(private, public, detour=d),) for d in DETOURS)])),
        default_outbound=draw(st.booleans()),
    )


def _balancer(draw: st.DrawFn, network: str) -> list[Any]:
    """A pool of both IP versions, frontends with and without rules, and forwards; the private one is some next hop."""
    second = VRFS.index(network)
    near = [ip_address(f"10.{second}.0.{4 + n}") for n in range(3)] + [
        ip_address(f"fd0{second}::{4 + n}") for n in range(3)
    ]
    chosen = draw(st.lists(st.sampled_from(near), max_size=4, unique=True))
    members = tuple(Member(str(a), a, draw(st.sampled_from(AdminState))) for a in chosen)
    probe = draw(st.sampled_from([None, Probe(ProbeProtocol.TCP, 80)]))
    name = f"{network} pool"
    entries: list[Any] = [Pool(name, name, network, members, probe, draw(st.booleans()), name)]
    if probe is not None and draw(st.booleans()):
        healthy = draw(st.lists(st.sampled_from([m.name for m in members] or ["gone"]), unique=True))
        entries.append(Contents(name, tuple(healthy), "the test"))
    places = [f"10.{second}.0.99", f"fd0{second}::99", f"198.18.2.{second}", f"2001:db8::{second}"]
    for place in draw(st.lists(st.sampled_from(places), unique=True)):
        address = ip_address(place)
        at = f"{network} {place}"
        public = place[:3] in {"198", "200"}
        detour = draw(st.sampled_from(DETOURS)) if public and address.version == 4 else ""
        entries.append(Frontend(at, at, network, address, public, at, detour))
        entries += _rules(draw, at, name, place[:3] not in {"198", "200"})
        if draw(st.booleans()):
            target = draw(st.sampled_from([a for a in near if a.version == address.version]))
            floats, idle = draw(st.booleans()), draw(st.sampled_from([240, 600]))
            entries.append(PortForward(f"{at} nat", at, at, Protocol.TCP, 50000, target, 22, floats, idle, floats, at))
    return entries


def _rules(draw: st.DrawFn, frontend: str, pool: str, private: bool) -> Iterator[BalancingRule]:
    services: list[tuple[Protocol | None, int]] = [(Protocol.TCP, 80), (Protocol.UDP, 80), (Protocol.TCP, 443)]
    for protocol, port in draw(st.lists(st.sampled_from([*services, *([(None, 0)] * private)]), unique=True)):
        name = f"{frontend} {protocol} {port}"
        yield BalancingRule(
            name,
            name,
            frontend,
            pool,
            protocol,
            port,
            draw(st.sampled_from([port, 8080])) if port else 0,
            draw(st.sampled_from(Distribution)),
            draw(st.booleans()),
            draw(st.sampled_from([240, 600])),
            draw(st.booleans()),
            name,
        )


def _detour(draw: st.DrawFn, network: str) -> Iterator[Detour]:
    """By the members of the network's pool, of which those of version 6 are no appliances."""
    if draw(st.booleans()):
        name, address = f"{network} detour", ip_address(f"10.{VRFS.index(network)}.0.200")
        external = Tunnel(draw(st.sampled_from([10801, 10800])), draw(st.sampled_from([801, 901])))
        yield Detour(name, name, network, address, f"{network} pool", Tunnel(10800, 800), external, name)


def _taps(draw: st.DrawFn) -> Iterator[Tap | TapSource]:
    """Taps of networks that may not be there, to machines, a frontend or nobody; and interfaces that are copied."""
    for name in draw(st.lists(st.sampled_from(TAPS), unique=True)):
        network = draw(st.sampled_from(VRFS))
        last = draw(st.sampled_from([4, 5, 77, 99]))
        address = ip_address(f"10.{VRFS.index(network)}.0.{last}")
        yield Tap(
            name, name, network, address, draw(st.sampled_from([4789, 8472])), draw(st.sampled_from([1, 2])), name
        )
    for network in VRFS:
        for number in draw(st.sets(st.integers(0, 2))):
            name = f"{network} source {number}"
            yield TapSource(name, f"{network}/nic{number}", draw(st.sampled_from(TAPS)), name)


def _faults(draw: st.DrawFn) -> Iterator[Fault]:
    """What is wrong with a few interfaces, whether or not they are there. Not every kernel can delay."""
    for network in VRFS:
        for number in draw(st.lists(st.integers(0, 3), max_size=1)):
            name, direction = f"{network} fault {number}", draw(st.sampled_from([None, *Direction]))
            how = draw(st.sampled_from([{"cut": True}, {"loss": 0.01}, {"loss": 0.02}, {"rate_bit": 10**9}]))
            yield Fault(name, f"{network}/nic{number}", direction, **how, origin=name)


def _sources(draw: st.DrawFn, network: str) -> Iterator[SourceNat]:
    second = VRFS.index(network)
    addresses = [ip_address(f"198.18.3.{10 * second + n}") for n in range(3)]
    if draw(st.booleans()):
        given = tuple(draw(st.lists(st.sampled_from(addresses[:2]), min_size=1, unique=True)))
        prefixes = (ip_network(f"10.{second}.0.0/24"),)
        name = f"{network} gateway"
        yield SourceNat(
            name, name, network, given, prefixes=prefixes, tcp_idle_s=draw(st.sampled_from([240, 600])), origin=name
        )
    served = draw(st.lists(st.integers(0, 2), max_size=2, unique=True))
    if served:
        blocks = tuple(
            PortBlock(ip_address(f"10.{second}.0.{4 + n}"), addresses[2], PortRange(1024 + 64 * n, 1087 + 64 * n))
            for n in served
        )
        protocols = draw(st.sampled_from([(Protocol.TCP,), (Protocol.TCP, Protocol.UDP)]))
        name = f"{network} outbound"
        yield SourceNat(name, name, network, (addresses[2],), protocols, blocks=blocks, origin=name)
