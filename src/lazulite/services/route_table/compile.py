"""The routes a subnet's workloads see: system routes, the user's over them, and which of them count."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from lazulite.forwarding.model import NextHop, Route, RouteSource, RouteTable
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.route_table import model
from lazulite.services.route_table.destination import destination, tag_rank
from lazulite.services.route_table.model import UserRoute, table_name
from lazulite.services.virtual_network.model import PRIVATE_SPACES, Subnet, VirtualNetwork
from lazulite.services.virtual_network.peering import Peer, peers
from lazulite.values import EVERYWHERE_4, EVERYWHERE_6, IPAddress, IPNetwork, covers

SYSTEM = "system route"


def subnet(child: Resource[Subnet], view: View) -> Iterable[RouteTable]:
    """Subnets of one network with the same table share one set of routes."""
    table = child.properties.route_table
    view.demand(routes, child.id.parent.key, table.id.lower() if table is not None else None)
    return ()


def routes(view: View, vnet: str, table: str | None) -> Iterable[RouteTable]:
    network, own = view.get(vnet, VirtualNetwork), view.get(table, model.RouteTable)
    if network is None:
        return
    connected = tuple(peers(network, view))
    user = tuple(_user(own, network, connected)) if own is not None else ()
    system = tuple(_system(network, connected, forced=any(r.prefix == EVERYWHERE_4 for r in user)))
    yield RouteTable(
        table_name(vnet, table), vnet, tuple(_ranked((*system, *user))), own.id.text if own is not None else SYSTEM
    )


def _system(network: Resource[VirtualNetwork], connected: tuple[Peer, ...], *, forced: bool) -> Iterator[Route]:
    """Routes Azure installs. Source: "Virtual network traffic routing", system routes.

    The private spaces lead nowhere unless a network covers them or, *forced*, the user has a default route.
    """
    inside: dict[IPNetwork, None] = {}
    for prefix in network.properties.prefixes:
        inside[prefix] = None
        yield Route(prefix, NextHop.LOCAL, origin=SYSTEM)
    for peer in connected:
        hop = NextHop.GLOBAL_PEERING if peer.is_global else NextHop.PEERING
        for prefix in peer.prefixes:
            inside[prefix] = None
            yield Route(prefix, hop, target=peer.remote.id.key, origin=peer.id.text)
    yield Route(EVERYWHERE_4, NextHop.INTERNET, origin=SYSTEM)
    if any(p.version == 6 for p in network.properties.prefixes):
        yield Route(EVERYWHERE_6, NextHop.INTERNET, origin=SYSTEM)
    for space in () if forced else PRIVATE_SPACES:
        if not any(covers(prefix, space) for prefix in inside):
            yield Route(space, NextHop.NONE, origin=SYSTEM)


def _user(
    table: Resource[model.RouteTable], network: Resource[VirtualNetwork], connected: tuple[Peer, ...]
) -> Iterator[Route]:
    """The table's own routes, those that name a prefix before those that name a tag, narrow tags first.

    Source: "Virtual network traffic routing", service tags for user-defined routes, exact match.
    """
    for child in sorted(table.properties.routes, key=lambda c: tag_rank(c.properties)):
        route, origin = child.properties, table.id.child("routes", child.name)
        for prefix in destination(route):
            yield _route(route, prefix, origin, network, connected)


def _route(
    route: UserRoute,
    prefix: IPNetwork,
    origin: ResourceId,
    network: Resource[VirtualNetwork],
    connected: tuple[Peer, ...],
) -> Route:
    hop, via = NextHop(route.next_hop_type), route.next_hop_ip_address
    target = _home(via, network, connected) if via is not None and hop is NextHop.APPLIANCE else None
    return Route(prefix, hop, RouteSource.USER, via=via, target=target, origin=origin.text)


def _home(address: IPAddress, network: Resource[VirtualNetwork], connected: tuple[Peer, ...]) -> str | None:
    """The virtual network an appliance's address is in: this one or a directly peered one.

    Source: "Virtual network traffic routing", virtual appliance: direct connectivity is needed.
    """
    if any(address in p for p in network.properties.prefixes):
        return network.id.key
    return next((p.remote.id.key for p in connected if any(address in q for q in p.prefixes)), None)


_PREFERENCE = {source: rank for rank, source in enumerate(RouteSource)}


def _ranked(every: tuple[Route, ...]) -> Iterator[Route]:
    """All routes, the losers of each prefix marked inactive.

    Source: "Virtual network traffic routing", how Azure selects a route.
    """
    best: dict[IPNetwork, Route] = {}
    for route in every:
        held = best.get(route.prefix)
        if held is None or _PREFERENCE[route.source] < _PREFERENCE[held.source]:
            best[route.prefix] = route
    for route in every:
        yield route if best[route.prefix] is route else msgspec.structs.replace(route, active=False)
