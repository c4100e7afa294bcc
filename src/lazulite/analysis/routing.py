"""Where a packet goes from a port: its subnet's table, an appliance, the end of a peering."""

from __future__ import annotations

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.lookup import Index
from lazulite.forwarding.model import NextHop, Port, Route
from lazulite.values import IPAddress

_NOWHERE = {
    NextHop.NONE: (Disposition.NULL_ROUTED, "next hop None"),
    NextHop.GATEWAY: (Disposition.NEIGHBOR_UNREACHABLE, "there is no gateway"),
}


def platform_resolver(index: Index, port: Port, dst: IPAddress) -> Step | None:
    """The platform's own resolver is in every network, whatever its routes say. Source: "What is IP address
    168.63.129.16?"."""
    found = index.resolver(port.vrf, dst)
    if found is None:
        return None
    return Step("platform-resolver", StepAction.PASSES, found.origin, f"resolver {dst}", Disposition.PLATFORM)


def look_up(index: Index, port: Port, dst: IPAddress) -> Step:
    """The longest active prefix of the port's own table. Source: "Virtual network", R2."""
    route = index.routes(port.routes).find(dst)
    if route is None:
        return Step("route", StepAction.DROPPED, detail=f"no route to {dst}", disposition=Disposition.NO_ROUTE)
    if route.next_hop in _NOWHERE:
        disposition, why = _NOWHERE[route.next_hop]
        return Step("route", StepAction.DROPPED, route.origin, f"{route.prefix}: {why}", disposition, route)
    return Step("route", StepAction.ROUTED, route.origin, route=route)


def nobody(route: Route, address: IPAddress) -> Step:
    """The route leads to a network where no port has *address*."""
    detail = f"no interface has {address}"
    return Step("route", StepAction.DROPPED, route.origin, detail, Disposition.NEIGHBOR_UNREACHABLE, route)


def steer(index: Index, route: Route) -> Step:
    """Towards the appliance a route names, which must be a port of the network the route targets, or a frontend there.

    Source: "Virtual network", R9; "High availability ports overview".
    """
    if route.target is None or route.via is None or not _is_there(index, route.target, route.via):
        detail = f"no interface within reach has {route.via}"
        return Step(
            "appliance-steering", StepAction.DROPPED, route.origin, detail, Disposition.NEIGHBOR_UNREACHABLE, route
        )
    return Step("appliance-steering", StepAction.ROUTED, route.origin, f"via {route.via}", route=route)


def _is_there(index: Index, vrf: str, address: IPAddress) -> bool:
    return index.owner(vrf, address) is not None or index.frontend(vrf, address) is not None


def peering_filter(index: Index, vrf: str, remote: str, src: IPAddress) -> Step:
    """What the end in *vrf* lets in from *remote*: its own space needs access, other sources forwarded traffic.

    Both ends have to exist. Source: "Virtual network", P1, P3 and P4.
    """
    end = index.peering(vrf, remote)
    if end is None or index.peering(remote, vrf) is None:
        return _refused("", f"{index.vrf_label(vrf)} and {index.vrf_label(remote)} are not peered")
    direct = any(src in p for p in end.prefixes)
    if direct and not end.access:
        return _refused(end.origin, "virtual network access is off")
    if not direct and not end.forwarded:
        return _refused(end.origin, f"{src} is not of the peer and forwarded traffic is off")
    return Step("peering-filter", StepAction.PASSES, end.origin, "direct" if direct else "forwarded")


def _refused(origin: str, detail: str) -> Step:
    return Step("peering-filter", StepAction.DROPPED, origin, detail, Disposition.PEERING_REFUSED)


def guest_exit(index: Index, guest: str, dst: IPAddress) -> Port | None:
    """The port a guest sends to *dst* from: a further one for its own subnet, the primary for the rest.

    Source: "Virtual network", behaviour 7 (only the primary interface has a default route).
    """
    ports = [p for p in index.guest_ports(guest) if any(a.version == dst.version for a in p.addresses)]
    near = [(s.prefixlen, p) for p in ports if p.slot for s in p.gateways if dst in s]
    if near:
        return max(near, key=lambda found: found[0])[1]
    return next((p for p in ports if p.slot == 0), None)


def stranded(port: Port, dst: IPAddress) -> Step:
    """The guest would pass the packet on and has no route of its own for it."""
    detail = f"the guest of {port.label} has no route to {dst}"
    return Step("route", StepAction.DROPPED, port.origin, detail, Disposition.NO_ROUTE)
