"""Who leaves for the Internet by which ports of which frontend: by outbound rules, or by rules along the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from typing import TypeAlias

import msgspec

from lazulite.forwarding.model import PortBlock, SourceNat
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.allocation import Share, after, allocate, default_ports, listening
from lazulite.services.load_balancer.members import PoolMember, network_of_pool, parts, pool_members
from lazulite.services.load_balancer.model import (
    OUTBOUND,
    RULES,
    BackendAddressPool,
    FrontendIPConfiguration,
    LoadBalancer,
)
from lazulite.services.load_balancer.ports import listeners
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.values import IPAddress, Protocol

UDP_IDLE_S = 240
"""Source: "Use Source Network Address Translation for outbound connections"; only TCP's timeout can be set."""

_PROTOCOLS = {"Tcp": (Protocol.TCP,), "Udp": (Protocol.UDP,), "All": (Protocol.TCP, Protocol.UDP)}
_Shares: TypeAlias = dict[tuple[ResourceId, Protocol], tuple[Share, ...]]
"""What is left of each frontend, by protocol."""


class Claim(msgspec.Struct, frozen=True):
    """A rule that members of a pool leave by."""

    id: ResourceId
    pool: ResourceId
    frontends: tuple[ResourceId, ...]
    protocols: tuple[Protocol, ...]
    explicit: bool
    """Whether it is an outbound rule."""
    ports: int = 0
    """To each member; 0 leaves it to the size of the pool."""
    idle_timeout_s: int = 240
    resets: bool = False


def sources(balancer: Resource[LoadBalancer], view: View) -> Iterable[SourceNat]:
    """Translations of a public load balancer. A private address leaves by the first claim on its protocol."""
    every = [] if balancer.properties.internal else list(claims(balancer))
    shares = _shares(balancer, every, view)
    pools: dict[ResourceId, Resource[BackendAddressPool]] = {p.id: p for p in parts(balancer, "backend_address_pools")}
    crowd = {p.id: leavers(view, p) for p in pools.values()}
    served: set[tuple[IPAddress, Protocol]] = set()
    for claim in every:
        pool = pools.get(claim.pool)
        if pool is None or (pool.properties.by_address and not claim.explicit):
            continue  # pools by address leave by the default. Source: "Backend pool management", limitations.
        network = network_of_pool(view, pool)
        ports = claim.ports or default_ports(_sharing(claim, every, crowd))
        for members, protocols in _groups(crowd[pool.id], claim, served):
            blocks = _given(claim, members, protocols, ports, shares)
            served |= {(m.address, p) for m in members for p in protocols}
            if blocks and network is not None:
                yield _source(claim, network, protocols, blocks)


def _source(claim: Claim, network: str, protocols: tuple[Protocol, ...], blocks: tuple[PortBlock, ...]) -> SourceNat:
    name = f"{claim.id.key}|{network}" if claim.explicit else f"{claim.id.key}|outbound"
    whole = protocols == claim.protocols
    return SourceNat(
        name if whole else f"{name}|{protocols[0]}",
        claim.id.name,
        network,
        tuple(dict.fromkeys(b.public for b in blocks)),
        protocols,
        blocks=blocks,
        tcp_idle_s=claim.idle_timeout_s,
        udp_idle_s=UDP_IDLE_S,
        resets=claim.resets,
        origin=claim.id.text,
    )


def leavers(view: View, pool: Resource[BackendAddressPool]) -> tuple[PoolMember, ...]:
    """Members that get ports: primary configurations, IPv4.

    Source: "Use Source Network Address Translation for outbound connections", constraints.
    """
    return tuple(m for m in pool_members(view, pool) if m.primary and m.address.version == 4)


def claims(balancer: Resource[LoadBalancer]) -> Iterator[Claim]:
    """Outbound rules, then load balancing rules: those of one pool and protocol together, their frontends in order."""
    for child in balancer.properties.outbound_rules:
        said = child.properties
        if said.backend_address_pool is not None:
            yield Claim(
                balancer.id.child(OUTBOUND, child.name),
                said.backend_address_pool.target,
                tuple(f.target for f in said.frontend_ip_configurations),
                _PROTOCOLS[said.protocol],
                True,
                said.allocated_outbound_ports,
                said.idle_timeout * 60,
                said.enable_tcp_reset,
            )
    merged: dict[tuple[ResourceId, str], Claim] = {}
    for claim, protocol in _implied(balancer):
        first = merged.setdefault((claim.pool, protocol), claim)
        places = tuple(dict.fromkeys((*first.frontends, *claim.frontends)))
        merged[claim.pool, protocol] = msgspec.structs.replace(first, frontends=places)
    yield from merged.values()


def _implied(balancer: Resource[LoadBalancer]) -> Iterator[tuple[Claim, str]]:
    """A load balancing rule gives its own protocol a way out.

    Source: "Use Source Network Address Translation for outbound connections", default port allocation.
    """
    for child in balancer.properties.load_balancing_rules:
        said = child.properties
        frontend, pool = said.frontend_ip_configuration, said.backend_address_pool
        if not said.disable_outbound_snat and frontend is not None and pool is not None and said.protocol != "Quic":
            idle, resets, protocols = said.idle_timeout * 60, said.enable_tcp_reset, _PROTOCOLS[said.protocol]
            who = balancer.id.child(RULES, child.name)
            yield Claim(who, pool.target, (frontend.target,), protocols, False, 0, idle, resets), said.protocol


def _shares(balancer: Resource[LoadBalancer], every: Iterable[Claim], view: View) -> _Shares:
    found: _Shares = {}
    for frontend in dict.fromkeys(f for c in every for f in c.frontends):
        lost = lost_blocks(balancer, frontend)
        shares = tuple(Share(a, lost) for a in addresses(view, balancer, frontend))
        found |= {(frontend, p): shares for p in (Protocol.TCP, Protocol.UDP)}
    return found


def addresses(view: View, balancer: Resource[LoadBalancer], frontend: ResourceId) -> tuple[IPv4Address, ...]:
    """The public IPv4 addresses of a frontend: one, or all of its prefix."""
    place: Resource[FrontendIPConfiguration] | None = next(
        (p for p in parts(balancer, "frontend_ip_configurations") if p.id == frontend), None
    )
    if place is None:
        return ()
    single = view.get(place.properties.public_ip_address, PublicIPAddress)
    whole = view.get(place.properties.public_ip_prefix, PublicIPPrefix)
    found = [single.properties.held_address] if single is not None else []
    found += list(whole.properties.held_prefix or ()) if whole is not None else []
    return tuple(a for a in found if isinstance(a, IPv4Address))


def lost_blocks(balancer: Resource[LoadBalancer], frontend: ResourceId) -> frozenset[int]:
    """Blocks of a frontend's ports that rules listen in."""
    taken = (x for x in listeners(balancer) if x.frontend == frontend)
    return listening(p for x in taken for p in range(x.first, x.last + 1))


def _sharing(claim: Claim, every: Iterable[Claim], crowd: Mapping[ResourceId, Sequence[PoolMember]]) -> int:
    """How many members share the claim's frontends by size of pool, all claims on one of its protocols together."""
    pools = {
        c.pool
        for c in every
        if not c.ports and set(c.frontends) & set(claim.frontends) and set(c.protocols) & set(claim.protocols)
    }
    return sum(len(crowd.get(p, ())) for p in pools)


def _groups(
    members: Sequence[PoolMember], claim: Claim, served: set[tuple[IPAddress, Protocol]]
) -> list[tuple[tuple[PoolMember, ...], tuple[Protocol, ...]]]:
    """Who leaves by the claim on which protocols: one group, unless an earlier claim serves one protocol alone."""
    found: dict[tuple[PoolMember, ...], list[Protocol]] = {}
    for protocol in claim.protocols:
        left = tuple(m for m in members if (m.address, protocol) not in served)
        found.setdefault(left, []).append(protocol)
    return [(who, tuple(protocols)) for who, protocols in found.items()]


def _given(
    claim: Claim, members: Sequence[PoolMember], protocols: tuple[Protocol, ...], ports: int, shares: _Shares
) -> tuple[PortBlock, ...]:
    """Blocks from the claim's frontends. By size of pool, each address gives every member as many."""
    wanted = [(m.address, m.slot) for m in members]
    row = [(f, i) for f in claim.frontends for i in range(len(shares[f, protocols[0]]))]
    left = [_scarcest(shares, f, i, protocols) for f, i in row]
    rows = [left] if claim.ports else [[share] for share in left]
    found = [b for shares_of in rows for b in allocate(wanted, shares_of, ports)]
    rest = [share for shares_of in rows for share in after(wanted, shares_of, ports)]
    for (frontend, index), share in zip(row, rest, strict=True):
        for protocol in protocols:
            held = shares[frontend, protocol]
            shares[frontend, protocol] = (*held[:index], share, *held[index + 1 :])
    return tuple(found)


def _scarcest(shares: _Shares, frontend: ResourceId, index: int, protocols: tuple[Protocol, ...]) -> Share:
    """An address as the protocol sees it that has least of it left: blocks are the same for both."""
    return max((shares[frontend, p][index] for p in protocols), key=lambda s: s.used)
