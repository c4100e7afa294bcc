"""Small networks as forwarding entries, drawn at random, for properties of drivers."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import strategies as st

from lazulite.forwarding.model import (
    AccessList,
    Action,
    AddressSet,
    Guest,
    InternetHost,
    NextHop,
    Peering,
    Port,
    PublicAddress,
    Route,
    RouteTable,
    Rule,
    Vrf,
)
from lazulite.values import Direction, PortRange, Protocol

VRFS = ("/one", "/two")


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


@st.composite
def worlds(draw: st.DrawFn) -> dict[Any, Any]:
    """The entries of a network, by key: up to two VRFs, peered or not, with ports, lists, tables and a client."""
    entries: list[Any] = []
    networks = draw(st.sets(st.sampled_from(VRFS)))
    for network in sorted(networks):
        entries.append(vrf(network, draw(st.sampled_from([240, 600]))))
        entries += _table(draw, network)
        for number in draw(st.sets(st.integers(0, 2))):
            entries += _port(draw, network, number)
    if len(networks) == 2 and draw(st.booleans()):
        for here, there in (VRFS, VRFS[::-1]):
            entries.append(
                Peering(
                    f"{here} to {there}", here, there, vrf(there).prefixes, draw(st.booleans()), draw(st.booleans())
                )
            )
    for direction in Direction:
        entries.append(access_list(f"list {direction}", direction, tuple(draw(st.lists(RULES, max_size=3)))))
    entries.append(
        AddressSet(
            "asg", tuple(draw(st.lists(st.sampled_from([ip_address("10.0.0.4"), ip_address("fd01::5")]), unique=True)))
        )
    )
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
    via = ip_address(f"10.{VRFS.index(target)}.0.5")
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
        public=draw(st.sampled_from([(), (PublicAddress(private, public),)])),
        default_outbound=draw(st.booleans()),
    )
