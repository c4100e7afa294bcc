"""``effectiveRouteTable`` of a network interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from lazulite.forwarding.model import Port, Route, RouteSource, RouteTable
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Violation
from lazulite.services.route_table import model
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.model import NetworkInterface, Subnet


def effective_routes(nic: Resource[NetworkInterface], context: Context) -> Reply | Iterable[Violation]:
    """What the forwarding model holds for the interface's subnet; only of an interface in a running machine.

    Source: "Diagnose a virtual machine routing problem".
    """
    port = context.model.get(Port, nic.id.key)
    table = context.model.get(RouteTable, port.routes) if port is not None and port.guest is not None else None
    if table is None:
        message = (
            f"Network Interface {nic.id} must be attached to a running virtual machine to get its effective route "
            "table."
        )
        return [Violation("NetworkInterfaceNotAttachedToRunningVirtualMachine", message)]
    propagates = not _stops_propagation(nic, context)
    rows = [_row(routes, propagates=propagates) for routes in _rows(table)]
    return Reply({"value": rows}, slow=True)


def _stops_propagation(nic: Resource[NetworkInterface], context: Context) -> bool:
    first = nic.properties.primary_configuration
    subnet = context.view.get(first.subnet, Subnet) if first is not None else None
    table = context.view.get(subnet.properties.route_table, model.RouteTable) if subnet is not None else None
    return table is not None and table.properties.disable_bgp_route_propagation


def _rows(table: RouteTable) -> Iterator[list[Route]]:
    """Prefixes of one service tag share a row, like those of one peering."""
    for _, routes in groupby(
        table.routes, key=lambda r: (r.origin, r.source, r.active, r.next_hop) if _named(r) else r
    ):
        yield list(routes)


def _named(route: Route) -> bool:
    return route.origin.startswith("/")


def _row(routes: list[Route], *, propagates: bool) -> dict[str, Any]:
    first = routes[0]
    row: dict[str, Any] = {
        "source": first.source.value,
        "state": "Active" if first.active else "Invalid",
        "addressPrefix": [str(r.prefix) for r in routes],
        "nextHopIpAddress": [str(first.via)] if first.via is not None else [],
        "nextHopType": first.next_hop.value,
        "disableBgpRoutePropagation": not propagates,
    }
    if first.source is RouteSource.USER:
        row = {"name": ResourceId(first.origin).name, **row}
    return row
