"""Addresses of a subnet: who holds which, which nobody may have, and the lowest that is free."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Properties, Resource
from lazulite.resources.view import View
from lazulite.services.virtual_network.model import Subnet
from lazulite.values import IPAddress, IPNetwork

RESERVED_LOW = 4
"""First addresses of a prefix that are the platform's: the network, the gateway and two for DNS.

Source: "Azure Virtual Network FAQ", restrictions on using IP addresses within subnets.
"""
RESERVED_HIGH = 1
"""Last ones: the broadcast address. Source: the same."""


def occupants(subnet: ResourceId, view: View, *, beside: ResourceId | None = None) -> dict[IPAddress, Resource[Any]]:
    """Who holds an address of *subnet*, parts of *beside* left out.

    Whatever has a ``privateIPAddress`` and references the subnet is in it, of whichever service it is.
    """
    found = {}
    for resource in in_subnet(subnet, view):
        address = resource.properties.private_ip_address
        if address is not None and not (beside is not None and resource.id.within(beside)):
            found[address] = resource
    return found


def in_subnet(subnet: ResourceId, view: View) -> Iterator[Resource[Any]]:
    """The ip configurations, of any service, that are in *subnet*."""
    return (r for r in view.referrers(subnet, Properties) if hasattr(r.properties, "private_ip_address"))


def reserved(address: IPAddress, prefix: IPNetwork) -> bool:
    """Whether *address* of *prefix* is one the platform keeps for itself."""
    offset = int(address) - int(prefix.network_address)
    return offset < RESERVED_LOW or offset >= prefix.num_addresses - RESERVED_HIGH


def usable(prefix: IPNetwork) -> int:
    """How many addresses of *prefix* can be given out."""
    return max(0, prefix.num_addresses - RESERVED_LOW - RESERVED_HIGH)


def free(subnet: Resource[Subnet], version: int, taken: Collection[IPAddress]) -> Iterator[IPAddress]:
    """The free addresses of *subnet*, lowest first, prefix by prefix."""
    for prefix in subnet.properties.prefixes:
        if prefix.version == version:
            for offset in range(RESERVED_LOW, prefix.num_addresses - RESERVED_HIGH):
                address = prefix.network_address + offset
                if address not in taken:
                    yield address
