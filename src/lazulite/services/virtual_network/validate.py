"""What Azure refuses of a virtual network and its subnets."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

import msgspec

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.route_table.model import RouteTable
from lazulite.services.service import Lab
from lazulite.services.virtual_network import validate_interface, validate_outbound, validate_peering
from lazulite.services.virtual_network.addresses import occupants
from lazulite.services.virtual_network.model import (
    GATEWAY_SUBNET,
    MAX_PEERINGS,
    MAX_SUBNETS,
    MAX_VIRTUAL_NETWORKS,
    V6_SUBNET_LENGTH,
    Subnet,
    VirtualNetwork,
)
from lazulite.services.virtual_network.references import elsewhere, same_home
from lazulite.values import IPNetwork, covers, overlap

FORBIDDEN = tuple(
    map(IPv4Network, ("224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32"))
)
"""Source: "Azure Virtual Network FAQ", which address ranges can I use in my virtual networks."""
LONGEST_V4 = 29
"""Of a space or a subnet. Source: "Azure Virtual Network FAQ", how small and how large can subnets be."""


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(new.properties, VirtualNetwork):
        yield from network(new, view)
    else:
        yield from validate_interface.interface(new, view)


def network(vnet: Resource[VirtualNetwork], view: View) -> Iterator[Violation]:
    yield from _space(vnet)
    yield from _counts(vnet, view)
    for index, child in enumerate(vnet.properties.subnets):
        yield from _subnet(vnet, child, view, f"properties.subnets[{index}].properties")
    yield from _overlapping_subnets(vnet)
    yield from _occupied_prefixes(vnet, view)
    yield from validate_peering.links(vnet, view)


def _space(vnet: Resource[VirtualNetwork]) -> Iterator[Violation]:
    target, prefixes = "properties.addressSpace.addressPrefixes", vnet.properties.prefixes
    if not any(p.version == 4 for p in prefixes):
        message = f"Virtual network '{vnet.id.name}' needs at least one IPv4 address prefix."
        yield Violation("NetcfgInvalidIPAddressPrefix", message, target)
    for index, prefix in enumerate(prefixes):
        for wrong in _unusable(prefix):
            message = f"Address prefix {prefix} of virtual network '{vnet.id.name}' is not valid: {wrong}."
            yield Violation("NetcfgInvalidIPAddressPrefix", message, f"{target}[{index}]")
        for other in prefixes[:index]:
            if overlap(prefix, other):
                message = f"Address prefixes {other} and {prefix} of virtual network '{vnet.id.name}' overlap."
                yield Violation("NetcfgInvalidIPAddressPrefix", message, f"{target}[{index}]")


def _unusable(prefix: IPNetwork) -> Iterator[str]:
    if isinstance(prefix, IPv4Network):
        if prefix.prefixlen > LONGEST_V4:
            yield f"the smallest IPv4 range is a /{LONGEST_V4}"
        yield from (f"{f} cannot be used" for f in FORBIDDEN if overlap(prefix, f))
    elif prefix.prefixlen > V6_SUBNET_LENGTH:
        yield f"the smallest IPv6 range is a /{V6_SUBNET_LENGTH}"


def _counts(vnet: Resource[VirtualNetwork], view: View) -> Iterator[Violation]:
    subnets, links = len(vnet.properties.subnets), len(vnet.properties.virtual_network_peerings)
    if subnets > MAX_SUBNETS:
        message = f"Cannot create more than {MAX_SUBNETS} subnets in virtual network {vnet.id}."
        yield Violation("SubnetCountLimitReached", message, "properties.subnets")
    if links > MAX_PEERINGS:
        message = f"Cannot create more than {MAX_PEERINGS} peerings in virtual network {vnet.id}."
        yield Violation("VnetPeeringCountLimitReached", message, "properties.virtualNetworkPeerings")
    if view.get(vnet.id, VirtualNetwork) is None:
        beside = [v for v in view.all(VirtualNetwork) if same_home(v, vnet)]
        if len(beside) >= MAX_VIRTUAL_NETWORKS:
            message = (
                f"Cannot create more than {MAX_VIRTUAL_NETWORKS} virtual networks for this subscription in this region."
            )
            yield Violation("VnetCountLimitReached", message)


def _subnet(vnet: Resource[VirtualNetwork], child: Child[Subnet], view: View, path: str) -> Iterator[Violation]:
    where = f"Subnet '{child.name}' is not valid in virtual network '{vnet.id.name}'."
    subnet = child.properties
    if subnet.address_prefix is not None and subnet.address_prefixes not in ((), (subnet.address_prefix,)):
        message = f"{where} It has both addressPrefix and addressPrefixes, and they differ."
        yield Violation("NetcfgInvalidSubnet", message, f"{path}.addressPrefixes")
    if not any(p.version == 4 for p in subnet.prefixes):
        yield Violation("NetcfgInvalidSubnet", f"{where} It needs an IPv4 address prefix.", f"{path}.addressPrefix")
    for prefix in subnet.prefixes:
        if not any(covers(space, prefix) for space in vnet.properties.prefixes):
            message = f"{where} {prefix} is not in the address space of the virtual network."
            yield Violation("NetcfgInvalidSubnet", message, f"{path}.addressPrefix")
        if isinstance(prefix, IPv4Network) and prefix.prefixlen > LONGEST_V4:
            message = f"{where} {prefix} is smaller than a /{LONGEST_V4}."
            yield Violation("NetcfgInvalidSubnet", message, f"{path}.addressPrefix")
        if prefix.version == 6 and prefix.prefixlen != V6_SUBNET_LENGTH:
            message = f"{where} An IPv6 prefix of a subnet is a /{V6_SUBNET_LENGTH}, not {prefix}."
            yield Violation("NetcfgInvalidSubnet", message, f"{path}.addressPrefix")
    yield from _attached(vnet, subnet, view, path)
    yield from validate_outbound.subnet(vnet, child, view, path)
    if child.name.lower() == GATEWAY_SUBNET:
        yield from _gateway_subnet(subnet, view, path)


def _attached(vnet: Resource[VirtualNetwork], subnet: Subnet, view: View, path: str) -> Iterator[Violation]:
    for ref, name in ((subnet.network_security_group, "networkSecurityGroup"), (subnet.route_table, "routeTable")):
        if ref is not None:
            yield from elsewhere(vnet, ref, view, f"{path}.{name}")


def _gateway_subnet(subnet: Subnet, view: View, path: str) -> Iterator[Violation]:
    """Source: "About VPN Gateway configuration settings", gateway subnet."""
    group, table = subnet.network_security_group, view.get(subnet.route_table, RouteTable)
    if group is not None:
        message = (
            f"The operation failed because the network security group {group.target.name} can not be associated to "
            "the GatewaySubnet. Network security groups are not supported there."
        )
        yield Violation("NetworkSecurityGroupCannotBeAttachedToGatewaySubnet", message, f"{path}.networkSecurityGroup")
    if table is not None and table.properties.has_default_route:
        message = f"Route table {table.id} has a route for 0.0.0.0/0 and cannot be associated to the GatewaySubnet."
        yield Violation("DefaultRouteNotAllowedOnGatewaySubnet", message, f"{path}.routeTable")


class _Range(msgspec.Struct, frozen=True, order=True):
    version: int
    first: int
    last: int
    index: int


def _overlapping_subnets(vnet: Resource[VirtualNetwork]) -> Iterator[Violation]:
    """One violation for each prefix that begins before an earlier one has ended."""
    subnets, widest = vnet.properties.subnets, None
    for part in sorted(_ranges(subnets)):
        if widest is not None and widest.version == part.version and part.first <= widest.last:
            later = max(widest.index, part.index)
            message = (
                f"Subnet '{subnets[later].name}' is not valid because its IP address range overlaps with that of an "
                f"existing subnet in virtual network '{vnet.id.name}'."
            )
            yield Violation(
                "NetcfgSubnetRangesOverlap", message, f"properties.subnets[{later}].properties.addressPrefix"
            )
        if widest is None or widest.version != part.version or part.last > widest.last:
            widest = part


def _ranges(subnets: tuple[Child[Subnet], ...]) -> Iterator[_Range]:
    for index, child in enumerate(subnets):
        for prefix in child.properties.prefixes:
            yield _Range(prefix.version, int(prefix.network_address), int(prefix.broadcast_address), index)


def _occupied_prefixes(vnet: Resource[VirtualNetwork], view: View) -> Iterator[Violation]:
    """A subnet cannot give up a prefix in which somebody has an address."""
    for index, child in enumerate(vnet.properties.subnets):
        stored = view.get(vnet.id.child("subnets", child.name), Subnet)
        gone = set(stored.properties.prefixes) - set(child.properties.prefixes) if stored is not None else set()
        held = occupants(stored.id, view) if stored is not None and gone else {}
        for prefix in sorted(gone, key=str):
            if any(address in prefix for address in held):
                message = f"IpPrefix {prefix} on Subnet {child.name} has active allocations and cannot be deleted."
                target = f"properties.subnets[{index}].properties.addressPrefix"
                yield Violation("InUsePrefixCannotBeDeleted", message, target)
