"""Questions about a network's addresses, and how much of each quota is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address
from itertools import islice
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.network_security_group.model import (
    MAX_APPLICATION_SECURITY_GROUPS,
    MAX_SECURITY_GROUPS,
    ApplicationSecurityGroup,
    NetworkSecurityGroup,
)
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.route_table.model import MAX_ROUTE_TABLES, RouteTable
from lazulite.services.service import Context, Reply
from lazulite.services.virtual_network.addresses import free, in_subnet, occupants, reserved, usable
from lazulite.services.virtual_network.model import (
    MAX_NETWORK_INTERFACES,
    MAX_VIRTUAL_NETWORKS,
    NetworkInterface,
    Subnet,
    VirtualNetwork,
)
from lazulite.values import IPAddress

SUGGESTIONS = 5
"""How many free addresses an answer offers. Source: "Virtual Networks - Check IP Address Availability"."""
MAX_PUBLIC_ADDRESSES = 1000
"""Source: "Azure subscription and service limits", networking limits. A quota that is not enforced."""


def check_address(vnet: Resource[VirtualNetwork], context: Context) -> Reply | Iterable[Violation]:
    """``CheckIPAddressAvailability?ipAddress=…``: whether a private address is free, and if not, which are."""
    text = {k.lower(): v for k, v in context.query.items()}.get("ipaddress", "")
    try:
        address = ip_address(text)
    except ValueError:
        return [Violation("InvalidIPAddressFormat", f"'{text}' is not an IP address.", "ipAddress")]
    subnet = _subnet_of(vnet, address, context.view)
    if subnet is None:
        message = f"Private static IP address {address} does not belong to the range of any subnet in {vnet.id}."
        return [Violation("PrivateIPAddressNotInAnySubnet", message, "ipAddress")]
    return Reply(_availability(subnet, address, context.view))


def _subnet_of(vnet: Resource[VirtualNetwork], address: IPAddress, view: View) -> Resource[Subnet] | None:
    for child in vnet.properties.subnets:
        if child.properties.prefix_of(address) is not None:
            return view.get(vnet.id.child("subnets", child.name), Subnet)
    return None


def _availability(subnet: Resource[Subnet], address: IPAddress, view: View) -> dict[str, Any]:
    prefix, taken = subnet.properties.prefix_of(address), occupants(subnet.id, view)
    if prefix is not None and not reserved(address, prefix) and address not in taken:
        return {"available": True, "availableIPAddresses": [], "isPlatformReserved": False}
    others = [str(a) for a in islice(free(subnet, address.version, taken), SUGGESTIONS)]
    return {
        "available": False,
        "availableIPAddresses": others,
        "isPlatformReserved": prefix is not None and reserved(address, prefix),
    }


def network_usages(vnet: Resource[VirtualNetwork], context: Context) -> Reply:
    """``usages``: addresses used and usable, a row a subnet."""
    return Reply({"value": list(_subnet_usages(vnet, context.view))})


def _subnet_usages(vnet: Resource[VirtualNetwork], view: View) -> Iterator[dict[str, Any]]:
    for child in vnet.properties.subnets:
        subnet = vnet.id.child("subnets", child.name)
        room = sum(usable(p) for p in child.properties.prefixes if p.version == 4)
        used = sum(1 for r in in_subnet(subnet, view) if _is_v4(r.properties.private_ip_address))
        yield _usage(subnet.text, "SubnetSpace", "Subnet size and usage", used, room)


def _is_v4(address: IPAddress | None) -> bool:
    return address is not None and address.version == 4


_QUOTAS: tuple[tuple[str, str, type, int], ...] = (
    ("VirtualNetworks", "Virtual Networks", VirtualNetwork, MAX_VIRTUAL_NETWORKS),
    ("NetworkInterfaces", "Network Interfaces", NetworkInterface, MAX_NETWORK_INTERFACES),
    ("NetworkSecurityGroups", "Network Security Groups", NetworkSecurityGroup, MAX_SECURITY_GROUPS),
    (
        "ApplicationSecurityGroups",
        "Application Security Groups",
        ApplicationSecurityGroup,
        MAX_APPLICATION_SECURITY_GROUPS,
    ),
    ("RouteTables", "Route Tables", RouteTable, MAX_ROUTE_TABLES),
    ("PublicIPAddresses", "Public IP Addresses", PublicIPAddress, MAX_PUBLIC_ADDRESSES),
)


def location_usages(context: Context, places: Mapping[str, str]) -> Any:
    """``locations/{location}/usages``: how many of each type a subscription has in a region, and may have."""
    location, subscription = places["location"].lower(), places["subscription"].lower()
    base = f"/subscriptions/{places['subscription']}/providers/Microsoft.Network/locations/{location}/usages"
    rows = []
    for name, label, model, limit in _QUOTAS:
        every: Iterator[Resource[Any]] = context.view.all(model)
        used = sum(1 for r in every if r.location == location and r.id.subscription.lower() == subscription)
        rows.append(_usage(f"{base}/{name}", name, label, used, limit))
    return {"value": rows}


def _usage(usage_id: str, name: str, label: str, used: int, limit: int) -> dict[str, Any]:
    return {
        "id": usage_id,
        "name": {"value": name, "localizedValue": label},
        "currentValue": used,
        "limit": limit,
        "unit": "Count",
    }
