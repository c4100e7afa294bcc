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
    BalancingRule,
    Contents,
    ForwardingModel,
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
    RouteSource,
    RouteTable,
    Rule,
    SourceNat,
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


def pool(name: str, *addresses: str, network: str = "net", **rest: Any) -> Pool:
    """A pool whose members are named by their addresses."""
    members = rest.pop("members", tuple(Member(a, ip_address(a), origin=a) for a in addresses))
    return Pool(name, label=name, vrf=network, members=members, origin=f"{name} itself", **rest)


PROBE = Probe(ProbeProtocol.TCP, 80, origin="probe")


def healthy(name: str, *members: str) -> Contents:
    return Contents(name, members, "the prober", "2026-01-01T00:00:00Z")


def frontend(name: str, address: str, network: str = "net") -> Frontend:
    """Public when the address is of the Internet."""
    where = ip_address(address)
    public = where in ip_network("198.18.0.0/15") or where in ip_network("2000::/3")
    return Frontend(name, label=name, vrf=network, address=where, public=public, origin=f"{name} itself")


def balance(line: str, **rest: Any) -> BalancingRule:
    """``name frontend pool tcp 80>8080``; ``*`` is every protocol, 0 every port."""
    name, at, to, protocol, ports = line.split()
    port, _, backend_port = ports.partition(">")
    how = None if protocol == "*" else Protocol(protocol)
    return BalancingRule(name, name, at, to, how, int(port), int(backend_port or port), origin=f"rule {name}", **rest)


def forward(line: str, **rest: Any) -> PortForward:
    """``name frontend tcp 50001>10.0.0.4:22``."""
    name, at, protocol, ports = line.split()
    port, _, target = ports.partition(">")
    address, target_port = _endpoint(target, 0)
    where = ip_address(address)
    return PortForward(
        name, name, at, Protocol(protocol), int(port), where, target_port, origin=f"forward {name}", **rest
    )


def gateway(name: str, prefixes: str, addresses: str, network: str = "net") -> SourceNat:
    return SourceNat(
        name,
        label=name,
        vrf=network,
        addresses=tuple(ip_address(a) for a in addresses.split()),
        prefixes=tuple(ip_network(p) for p in prefixes.split()),
        origin=f"{name} itself",
    )


def outbound(name: str, *blocks: str, network: str = "net", **rest: Any) -> SourceNat:
    """Blocks as ``10.0.0.4 198.18.0.7:1024-2047``."""
    found = []
    for block in blocks:
        private, at = block.split()
        public, _, span = at.partition(":")
        found.append(PortBlock(ip_address(private), ip_address(public), _ranges(span)[0]))
    addresses = tuple(dict.fromkeys(b.public for b in found))
    return SourceNat(
        name, label=name, vrf=network, addresses=addresses, blocks=tuple(found), origin=f"{name} itself", **rest
    )


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
