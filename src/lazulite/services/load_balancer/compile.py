"""Frontends, pools, rules and port forwards as the forwarding model sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lazulite.forwarding import model as waist
from lazulite.forwarding.model import (
    AdminState,
    BalancingRule,
    Detour,
    Distribution,
    Frontend,
    GlobalRule,
    Member,
    Pool,
    PortForward,
)
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer import cross_region, gateway
from lazulite.services.load_balancer.members import (
    PoolMember,
    nat_members,
    network_of,
    network_of_frontend,
    network_of_pool,
    pool_members,
    pool_name,
)
from lazulite.services.load_balancer.model import (
    BackendAddressPool,
    FrontendIPConfiguration,
    InboundNatPool,
    InboundNatRule,
    LoadBalancer,
    LoadBalancingRule,
    Probe,
    is_gateway,
)
from lazulite.services.load_balancer.slots import offset
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.virtual_network.attachment import attachment
from lazulite.values import IPAddress, Protocol

_PROTOCOLS = {"Tcp": (Protocol.TCP,), "Udp": (Protocol.UDP,), "All": (Protocol.TCP, Protocol.UDP)}


def frontend(child: Resource[FrontendIPConfiguration], view: View) -> Iterable[Frontend | Detour]:
    """A public one is nobody's while the load balancer has no backends; a prefix has none to listen on."""
    said, balancer = child.properties, view.parent(child, LoadBalancer)
    if balancer is not None and is_gateway(balancer):
        yield from gateway.detour(child, balancer, view)
        return
    if said.subnet is not None:
        network, found = network_of_frontend(child), said.private_ip_address
    else:
        address = view.get(said.public_ip_address, PublicIPAddress)
        network = network_of(view, balancer) if balancer is not None and address is not None else None
        found = address.properties.held_address if address is not None else None
    if network is not None and found is not None:
        detour = said.gateway_load_balancer.target.key if said.gateway_load_balancer is not None else ""
        yield Frontend(child.id.key, child.id.name, network, found, said.subnet is None, child.id.text, detour)


def rule(child: Resource[LoadBalancingRule], view: View) -> Iterable[BalancingRule | GlobalRule]:
    said = child.properties
    place = view.get(said.frontend_ip_configuration, FrontendIPConfiguration)
    members = view.get(said.backend_address_pool, BackendAddressPool)
    if place is None or members is None or said.protocol == "Quic":
        return
    if members.properties.by_frontend:
        yield from cross_region.rule(child, place, members, view)
        return
    network = network_of_pool(view, members) or network_of_frontend(place)
    if network is None:
        return
    probe = said.probe.id if said.probe is not None else None
    view.demand(pool, members.id.key, probe.lower() if probe is not None else None, network)
    if members.properties.tunnel_interfaces:
        return  # of a Gateway load balancer, whose frontend says it all
    yield BalancingRule(
        child.id.key,
        child.id.name,
        place.id.key,
        pool_name(members.id.key, probe),
        None if said.protocol == "All" else Protocol(said.protocol.lower()),
        said.frontend_port,
        said.backend_port,
        Distribution(said.load_distribution),
        said.enable_floating_ip,
        said.idle_timeout * 60,
        said.enable_tcp_reset,
        child.id.text,
    )


def pool(view: View, name: str, probe: str | None, network: str) -> Iterable[Pool]:
    """The backends of a rule. Machines that do not run are none: nothing would answer there."""
    found = view.get(name, BackendAddressPool)
    if found is None:
        return
    watched = view.get(probe, Probe)
    revive = watched is not None and watched.properties.no_healthy_backends_behavior == "AllProbedUp"
    members = tuple(_member(m) for m in pool_members(view, found) if _runs(m, view))
    check = _probe(watched) if watched is not None else None
    yield Pool(pool_name(name, probe), found.id.name, network, members, check, revive, found.id.text)


def _runs(member: PoolMember, view: View) -> bool:
    """An address may be anybody's; an interface carries traffic in a running machine."""
    return member.nic is None or attachment(member.nic, view) is not None


def _member(found: PoolMember) -> Member:
    return Member(found.name, found.address, AdminState(found.admin), found.id.text)


def _probe(child: Resource[Probe]) -> waist.Probe:
    said = child.properties
    return waist.Probe(
        waist.ProbeProtocol(said.protocol),
        said.port,
        said.request_path or "",
        said.interval,
        said.probe_threshold,
        origin=child.id.text,
    )


def nat_rule(child: Resource[InboundNatRule], view: View) -> Iterable[PortForward]:
    """One port to whoever is bound to the rule, or a port of a range to each member of a pool."""
    said = child.properties
    if not said.is_range:
        for member in nat_members(view, child)[:1]:
            yield from _forwards(child, child.id.key, said.frontend_port or 0, member.address)
        return
    found = view.get(said.backend_address_pool, BackendAddressPool)
    for member in pool_members(view, found) if found is not None else ():
        place = offset(said, member.slot)
        if place < said.size:
            port = (said.frontend_port_range_start or 0) + place
            yield from _forwards(child, f"{child.id.key}|{member.name}", port, member.address)


def nat_pool(child: Resource[InboundNatPool], view: View) -> Iterable[PortForward]:
    for member in nat_members(view, child):
        port = child.properties.frontend_port_range_start + member.slot
        if port <= child.properties.frontend_port_range_end:
            yield from _forwards(child, f"{child.id.key}|{member.name}", port, member.address)


def _forwards(
    child: Resource[InboundNatRule] | Resource[InboundNatPool], name: str, port: int, target: IPAddress
) -> Iterator[PortForward]:
    """An entry a protocol; the second one's name tells them apart."""
    said = child.properties
    if said.frontend_ip_configuration is None:
        return
    first = PortForward(
        name,
        child.id.name,
        said.frontend_ip_configuration.id.lower(),
        _PROTOCOLS[said.protocol][0],
        port,
        target,
        said.backend_port or port,
        said.enable_floating_ip,
        said.idle_timeout * 60,
        said.enable_tcp_reset,
        child.id.text,
    )
    yield first
    for protocol in _PROTOCOLS[said.protocol][1:]:
        yield msgspec.structs.replace(first, name=f"{name}|{protocol}", protocol=protocol)
