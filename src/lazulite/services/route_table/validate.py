"""What Azure refuses of a route table."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.network_security_group import tags
from lazulite.services.route_table.destination import as_prefix, destination
from lazulite.services.route_table.model import (
    MAX_ROUTE_TABLES,
    MAX_ROUTES,
    MAX_TAG_ROUTES,
    RouteTable,
    UserRoute,
)
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import GATEWAY_SUBNET, Subnet
from lazulite.services.virtual_network.references import same_home
from lazulite.values import IPAddress


def table(new: Resource[RouteTable], view: View, lab: Lab) -> Iterator[Violation]:
    yield from _counts(new, view)
    seen: dict[str, str] = {}
    for index, child in enumerate(new.properties.routes):
        path = f"properties.routes[{index}].properties"
        yield from _destination(new, child, path)
        yield from _next_hop(child, path)
        first = seen.setdefault((child.properties.address_prefix or "").lower(), child.name)
        if first != child.name:
            message = (
                f"Route {child.name} conflicts with route {first}: both are for {child.properties.address_prefix}. "
                "Routes of one table cannot have the same address prefix."
            )
            yield Violation("RouteConflict", message, f"{path}.addressPrefix")
    yield from _gateway_subnet(new, view)


def _counts(new: Resource[RouteTable], view: View) -> Iterator[Violation]:
    routes = new.properties.routes
    named = sum(1 for r in routes if as_prefix(r.properties.address_prefix or "") is None)
    if len(routes) > MAX_ROUTES:
        message = f"Cannot create more than {MAX_ROUTES} routes in route table {new.id}."
        yield Violation("RouteCountLimitReached", message, "properties.routes")
    if named > MAX_TAG_ROUTES:
        message = f"Cannot create more than {MAX_TAG_ROUTES} routes with service tags in route table {new.id}."
        yield Violation("ServiceTagRouteCountLimitReached", message, "properties.routes")
    if view.get(new.id, RouteTable) is None:
        beside = sum(1 for t in view.all(RouteTable) if same_home(t, new))
        if beside >= MAX_ROUTE_TABLES:
            message = f"Cannot create more than {MAX_ROUTE_TABLES} route tables for this subscription in this region."
            yield Violation("RouteTableCountLimitReached", message)


def _destination(new: Resource[RouteTable], child: Child[UserRoute], path: str) -> Iterator[Violation]:
    text, target = child.properties.address_prefix or "", f"{path}.addressPrefix"
    if destination(child.properties):
        return
    route, tag = new.id.child("routes", child.name), tags.canonical(text)
    if tag is not None:
        yield Violation("InvalidRouteServiceTag", f"Service tag {tag} cannot be used in route {route}.", target)
        return
    right = _without_host_bits(text)
    if right is not None:
        message = (
            f"The address prefix {text} in resource {route} has an invalid CIDR notation. For the given prefix length, "
            f"the address prefix should be {right}."
        )
        yield Violation("InvalidCIDRNotation", message, target)
        return
    message = (
        f"Address prefix {text} of resource {route} is not formatted correctly. It should follow CIDR notation, for "
        "example 10.0.0.0/24, or be a service tag."
    )
    yield Violation("InvalidAddressPrefixFormat", message, target)


def _without_host_bits(text: str) -> str | None:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        return None


def _next_hop(child: Child[UserRoute], path: str) -> Iterator[Violation]:
    route, target = child.properties, f"{path}.nextHopIpAddress"
    address = route.next_hop_ip_address
    if route.next_hop_type != "VirtualAppliance":
        if address is not None:
            message = (
                f"Route {child.name} cannot have a next hop IP address: its next hop type is {route.next_hop_type}."
            )
            yield Violation("InvalidNextHopIpAddress", message, target)
        return
    if address is None:
        message = f"Route {child.name} needs a next hop IP address: its next hop type is VirtualAppliance."
        yield Violation("InvalidNextHopIpAddress", message, target)
        return
    for wrong in _unusable(address, route):
        message = f"Next hop IP address {address} of route {child.name} is not valid: {wrong}."
        yield Violation("InvalidNextHopIpAddress", message, target)


def _unusable(address: IPAddress, route: UserRoute) -> Iterator[str]:
    if address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local:
        yield "it is no host's address"
    if all(p.version != address.version for p in destination(route) or (address,)):
        yield f"the address prefix {route.address_prefix} is of the other IP version"


def _gateway_subnet(new: Resource[RouteTable], view: View) -> Iterator[Violation]:
    """Source: "About VPN Gateway configuration settings", gateway subnet."""
    subnets = [s for s in view.referrers(new.id, Subnet) if s.id.name.lower() == GATEWAY_SUBNET]
    if subnets and new.properties.has_default_route:
        message = f"Route table {new.id} is associated to {subnets[0].id}, which cannot have a route for 0.0.0.0/0."
        yield Violation("DefaultRouteNotAllowedOnGatewaySubnet", message, "properties.routes")
