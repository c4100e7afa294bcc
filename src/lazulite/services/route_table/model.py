"""``Microsoft.Network/routeTables``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from lazulite.resources.model import INERT, READ_ONLY, UNSUPPORTED, Child, Code, Kind, Properties, Ref
from lazulite.values import IPAddress

MAX_ROUTES = 400
"""Per table. Source: "Azure subscription and service limits", user-defined routes per route table."""
MAX_ROUTE_TABLES = 200
"""Per region and subscription. Source: the same."""
MAX_TAG_ROUTES = 25
"""Per table. Source: "Virtual network traffic routing", service tags for user-defined routes."""


class UserRoute(Properties, frozen=True):
    """``routeTables/routes``."""

    next_hop_type: Literal["VirtualNetworkGateway", "VnetLocal", "Internet", "VirtualAppliance", "None"]
    address_prefix: str | None = None
    """A prefix or a service tag."""
    next_hop_ip_address: Annotated[IPAddress | None, Code("InvalidNextHopIpAddress")] = None
    next_hop: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    has_bgp_override: Annotated[bool | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class RouteTable(Properties, frozen=True):
    routes: tuple[Child[UserRoute], ...] = ()
    disable_bgp_route_propagation: Annotated[bool, INERT] = False
    """Inert as long as nothing learns a route."""
    disable_peering_route: Annotated[Literal["None", "All"], UNSUPPORTED] = "None"
    subnets: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def has_default_route(self) -> bool:
        return any(r.properties.address_prefix == "0.0.0.0/0" for r in self.routes)


KINDS = (
    Kind(
        "Microsoft.Network/routeTables",
        RouteTable,
        in_use=(
            "InUseRouteTableCannotBeDeleted",
            "Route table {name} is in use and cannot be deleted. It is associated with: {users}.",
        ),
        creatable_children=frozenset({"routes"}),
    ),
)


def table_name(vnet: str, table: str | None) -> str:
    """Name of the forwarding model's route table for subnets of *vnet* that *table* is attached to (id keys)."""
    return f"{vnet}|{table or ''}"
