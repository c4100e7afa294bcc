"""Small networks straight in entries of the forwarding model, for tests of what is right of the waist."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from lazulite.analysis import Index
from lazulite.forwarding.model import (
    AccessList,
    Action,
    AddressSet,
    ForwardingModel,
    Guest,
    InternetHost,
    NextHop,
    Peering,
    Port,
    PublicAddress,
    Route,
    RouteSource,
    RouteTable,
    Rule,
    Vrf,
)
from lazulite.values import Direction, Flow, PortRange, Protocol

EVERY_VERSION = ("0.0.0.0/0", "::/0")


def vrf(name: str, *prefixes: str, snat: str | None = None) -> Vrf:
    return Vrf(
        name,
        label=name,
        prefixes=tuple(ip_network(p) for p in prefixes),
        default_snat=ip_address(snat) if snat else None,
        origin=f"{name} itself",
    )


def port(name: str, addresses: str, network: str = "net", **rest: Any) -> list[Any]:
    """A port and its running guest; ``addresses`` as ``10.0.0.4/24 fd00::4/64``, ``public`` as private=public pairs."""
    pairs = [a.split("/") for a in addresses.split()]
    guest = rest.pop("guest", f"vm-{name}")
    running = rest.pop("running", True)
    public = tuple(
        PublicAddress(ip_address(one), ip_address(other), origin=f"public {other}")
        for one, other in rest.pop("public", {}).items()
    )
    entry = Port(
        name,
        label=name,
        guid=f"guid-{name}",
        vrf=network,
        mac="02:00:00:00:00:01",
        addresses=tuple(ip_address(a) for a, _ in pairs),
        gateways=tuple(ip_network(f"{a}/{length}", strict=False) for a, length in pairs),
        guest=guest,
        routes=rest.pop("routes", f"{network}|"),
        public=public,
        origin=f"{name} itself",
        **rest,
    )
    return [entry, Guest(guest, label=guest, hostname=guest)] if running else [entry]


def host(name: str, address: str) -> InternetHost:
    return InternetHost(name, label=name, guid=f"guid-{name}", addresses=(ip_address(address),), origin=name)


def route(line: str, *, via: str | None = None, target: str | None = None, active: bool = True) -> Route:
    """``prefix hop [user]``; the origin is the line itself."""
    prefix, hop, *user = line.split()
    return Route(
        ip_network(prefix),
        NextHop[hop.upper()],
        RouteSource.USER if user else RouteSource.DEFAULT,
        active,
        ip_address(via) if via else None,
        target,
        origin=line,
    )


def table(network: str, *routes: Route, name: str = "") -> RouteTable:
    return RouteTable(f"{network}|{name}", vrf=network, routes=routes)


def rule(line: str) -> Rule:
    """``100 allow tcp 10.0.0.0/8 > web,db :80,90-99 [from 1024-65535]``; ``*`` is everything, a word an address set."""
    priority, verdict, protocol, source, _, destination, ports, *rest = line.split()
    (sources, source_sets), (destinations, destination_sets) = _side(source), _side(destination)
    return Rule(
        int(priority),
        Action(verdict),
        sources,
        destinations,
        source_sets,
        destination_sets,
        None if protocol == "*" else Protocol(protocol),
        _ranges(rest[1]) if rest else (),
        _ranges(ports.removeprefix(":")),
        origin=f"rule {priority}",
    )


def access_list(name: str, *lines: str) -> AccessList:
    return AccessList(name, label=name, direction=Direction.INGRESS, rules=tuple(rule(line) for line in lines))


def group(name: str, *members: str) -> AddressSet:
    return AddressSet(name, tuple(ip_address(m) for m in members))


def peered(one: Vrf, other: Vrf, **ends: dict[str, bool]) -> list[Peering]:
    """Both ends of a link; ``ends`` has the flags of the end in the network of that name."""
    return [
        Peering(
            f"{here.name}-{there.name}",
            vrf=here.name,
            remote=there.name,
            prefixes=there.prefixes,
            origin=f"end in {here.name}",
            **ends.get(here.name, {}),
        )
        for here, there in ((one, other), (other, one))
    ]


def flow(line: str) -> Flow:
    """``tcp 10.0.0.4[:1024] > 10.0.0.5[:80]``; IPv6 addresses with ports in brackets."""
    protocol, source, _, destination = line.split()
    (src, src_port), (dst, dst_port) = _endpoint(source, 49152), _endpoint(destination, 0)
    return Flow(ip_address(src), ip_address(dst), Protocol(protocol), dst_port, src_port)


def index(*entries: Any) -> Index:
    """An index over entries and lists of entries."""
    return Index(model(*entries))


def model(*entries: Any) -> ForwardingModel:
    return ForwardingModel(_flat(entries))


def _flat(entries: Iterable[Any]) -> Iterable[Any]:
    for entry in entries:
        if isinstance(entry, list):
            yield from entry
        else:
            yield entry


def _side(text: str) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    words = [] if text == "*" else text.split(",")
    return tuple(ip_network(w) for w in words if "/" in w), tuple(w for w in words if "/" not in w)


def _ranges(text: str) -> tuple[PortRange, ...]:
    return tuple(PortRange(*map(int, (part.split("-") * 2)[:2])) for part in text.split(",") if text != "*")


def _endpoint(text: str, port: int) -> tuple[str, int]:
    if text.startswith("["):
        address, _, number = text[1:].partition("]:")
        return address.rstrip("]"), int(number or port)
    address, _, number = text.partition(":") if text.count(":") == 1 else (text, "", "")
    return address, int(number or port)
