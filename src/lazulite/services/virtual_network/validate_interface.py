"""What Azure refuses of a network interface and its ip configurations."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.load_balancer import validate_gateway
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.public_ip_address.users import users
from lazulite.services.virtual_network import validate_outbound
from lazulite.services.virtual_network.addresses import occupants, reserved
from lazulite.services.virtual_network.model import (
    MAX_ADDRESSES_PER_NIC,
    IpConfiguration,
    NetworkInterface,
    Subnet,
)
from lazulite.services.virtual_network.references import elsewhere
from lazulite.services.virtual_network.validate_balancing import Joining, joining
from lazulite.values import IPAddress

_PATH = "properties.ipConfigurations"


def interface(nic: Resource[NetworkInterface], view: View) -> Iterator[Violation]:
    every = nic.properties.ip_configurations
    yield from _shape(nic)
    joins = [Joining(_id(nic, c), c.properties, f"{_PATH}[{i}].properties") for i, c in enumerate(every)]
    yield from joining(nic, joins, view)
    yield from _placement(nic, view)
    own: dict[IPAddress, str] = {}
    for index, child in enumerate(every):
        path = f"{_PATH}[{index}].properties"
        if child.properties.subnet is None:
            message = f"Subnet is required for IP configuration {_id(nic, child)}."
            yield Violation("SubnetIsRequired", message, f"{path}.subnet")
            continue
        yield from _address(nic, child, own, view, path)
        yield from _public(nic, child, view, path)
        yield from _groups(nic, child, view, path)
        yield from validate_outbound.configuration(child, view, path)
        yield from validate_gateway.interface(nic, child, view, path)


def _id(nic: Resource[NetworkInterface], child: Child[IpConfiguration]) -> ResourceId:
    return nic.id.child("ipConfigurations", child.name)


def _shape(nic: Resource[NetworkInterface]) -> Iterator[Violation]:
    every = [c.properties for c in nic.properties.ip_configurations]
    primary = [c for c in every if c.primary]
    if not every:
        message = f"Network interface {nic.id} must have at least one IP configuration."
        yield Violation("IpConfigurationRequired", message, _PATH)
    if len(every) > MAX_ADDRESSES_PER_NIC:
        message = f"Network interface {nic.id} cannot have more than {MAX_ADDRESSES_PER_NIC} IP configurations."
        yield Violation("IpConfigurationCountLimitReached", message, _PATH)
    if len(primary) > 1:
        message = f"Network interface {nic.id} must have exactly one primary IP configuration, not {len(primary)}."
        yield Violation("OnlyOnePrimaryIpConfigurationAllowed", message, _PATH)
    if any(c.private_ip_address_version == "IPv6" for c in primary):
        message = f"The primary IP configuration of network interface {nic.id} must be of version IPv4."
        yield Violation("PrimaryIpConfigurationMustBeIPv4", message, _PATH)


def _placement(nic: Resource[NetworkInterface], view: View) -> Iterator[Violation]:
    """One subnet for all configurations, of a network in the region, and of the network it always was in."""
    refs = [c.properties.subnet for c in nic.properties.ip_configurations if c.properties.subnet is not None]
    if not refs:
        return
    first = refs[0].target
    for ref in refs[1:]:
        if ref.target.parent != first.parent:
            yield _other_network(ref.target, first.parent)
        elif ref.target != first:
            message = (
                f"IP configurations of network interface {nic.id} cannot use different subnets {first} and {ref.id}."
            )
            yield Violation("IpConfigurationsOnSameNicCannotUseDifferentSubnets", message, _PATH)
    yield from elsewhere(nic, refs[0], view, f"{_PATH}[0].properties.subnet")
    if nic.properties.network_security_group is not None:
        yield from elsewhere(nic, nic.properties.network_security_group, view, "properties.networkSecurityGroup")
    stored = view.get(nic.id, NetworkInterface)
    before = stored.properties.primary_configuration if stored is not None else None
    if before is not None and before.subnet is not None and before.subnet.target.parent != first.parent:
        yield _other_network(first, before.subnet.target.parent)


def _other_network(subnet: ResourceId, vnet: ResourceId) -> Violation:
    message = (
        f"Subnet {subnet} is not in the same Virtual Network {vnet} as the other subnets of the network interface."
    )
    return Violation("SubnetsNotInSameVnet", message, _PATH)


def _address(
    nic: Resource[NetworkInterface],
    child: Child[IpConfiguration],
    own: dict[IPAddress, str],
    view: View,
    path: str,
) -> Iterator[Violation]:
    """*own* collects the addresses of the interface so far."""
    subnet, address = view.get(child.properties.subnet, Subnet), child.properties.private_ip_address
    if subnet is None:
        return
    if address is None:
        yield _unaddressed(child, subnet, path)
        return
    target = f"{path}.privateIPAddress"
    if address.version != (4 if child.properties.private_ip_address_version == "IPv4" else 6):
        message = f"Private IP address {address} is not of version {child.properties.private_ip_address_version}."
        yield Violation("PrivateIPAddressVersionMismatch", message, target)
    static = child.properties.private_ip_allocation_method == "Static"
    holder = own.get(address) or (_holder(nic, subnet, address, view) if static else None)
    own.setdefault(address, _id(nic, child).text)
    if holder is not None:
        message = (
            f"IP configuration {_id(nic, child)} is using the private IP address {address} which is already allocated "
            f"to resource {holder}."
        )
        yield Violation("PrivateIPAddressIsAllocated", message, target)
    yield from _in_range(subnet, address, target)


def _holder(nic: Resource[NetworkInterface], subnet: Resource[Subnet], address: IPAddress, view: View) -> str | None:
    other = occupants(subnet.id, view, beside=nic.id).get(address)
    return other.id.text if other is not None else None


def _in_range(subnet: Resource[Subnet], address: IPAddress, target: str) -> Iterator[Violation]:
    prefix = subnet.properties.prefix_of(address)
    if prefix is None:
        same = [p for p in subnet.properties.prefixes if p.version == address.version]
        message = (
            f"Private static IP address {address} does not belong to the range of subnet prefix "
            f"{', '.join(map(str, same)) or 'of its version: there is none'}."
        )
        yield Violation("PrivateIPAddressNotInSubnet", message, target)
    elif reserved(address, prefix):
        message = f"Private static IP address {address} falls within reserved IP range of subnet prefix {prefix}."
        yield Violation("PrivateIPAddressInReservedRange", message, target)


def _unaddressed(child: Child[IpConfiguration], subnet: Resource[Subnet], path: str) -> Violation:
    configuration = child.properties
    target, version = f"{path}.privateIPAddress", 4 if configuration.private_ip_address_version == "IPv4" else 6
    same = [str(p) for p in subnet.properties.prefixes if p.version == version]
    if configuration.private_ip_allocation_method == "Static":
        message = f"IP configuration {child.name} has static allocation and no privateIPAddress."
        return Violation("PrivateIPAddressRequired", message, target)
    if not same:
        message = f"Subnet {subnet.id} has no address prefix of version IPv{version} for IP configuration {child.name}."
        return Violation("SubnetHasNoPrefixOfIPVersion", message, f"{path}.privateIPAddressVersion")
    message = (
        f"Subnet {subnet.id.name} with address prefix {', '.join(same)} does not have enough capacity for 1 IP "
        "addresses."
    )
    return Violation("SubnetIsFull", message, f"{path}.subnet")


def _public(
    nic: Resource[NetworkInterface], child: Child[IpConfiguration], view: View, path: str
) -> Iterator[Violation]:
    ref, target = child.properties.public_ip_address, f"{path}.publicIPAddress"
    address = view.get(ref, PublicIPAddress)
    if ref is None or address is None:
        return
    yield from elsewhere(nic, ref, view, target)
    if address.properties.public_ip_address_version != child.properties.private_ip_address_version:
        message = (
            f"IP configuration {_id(nic, child)} is of version {child.properties.private_ip_address_version} and "
            f"cannot have public IP address {address.id} of version {address.properties.public_ip_address_version}."
        )
        yield Violation("PublicIPAddressVersionMismatch", message, target)
    if address.sku is not None and address.sku.tier == "Global":
        message = f"Public IP address {address.id} of the Global tier cannot be associated to a network interface."
        yield Violation("GlobalPublicIPAddressNotAllowed", message, target)
    for user in _users(address, nic, child, view):
        message = (
            f"IP configuration {_id(nic, child)} is referencing public IP address {address.id} that is already "
            f"allocated to resource {user}."
        )
        yield Violation("PublicIPAddressInUse", message, target)


def _users(
    address: Resource[PublicIPAddress], nic: Resource[NetworkInterface], child: Child[IpConfiguration], view: View
) -> Iterator[ResourceId]:
    """Whoever else has the address: another resource, or an earlier configuration of this interface."""
    yield from (u.id for u in users(address.id, view) if not u.id.within(nic.id))
    for other in nic.properties.ip_configurations:
        if other is child:
            return
        ref = other.properties.public_ip_address
        if ref is not None and ref.target == address.id:
            yield _id(nic, other)


def _groups(
    nic: Resource[NetworkInterface], child: Child[IpConfiguration], view: View, path: str
) -> Iterator[Violation]:
    """Members of an application security group share a virtual network, that of the first one.

    Source: "Application security groups", considerations.
    """
    assert child.properties.subnet is not None
    vnet = child.properties.subnet.target.parent
    for index, ref in enumerate(child.properties.application_security_groups):
        target = f"{path}.applicationSecurityGroups[{index}]"
        yield from elsewhere(nic, ref, view, target)
        members = (m for m in view.referrers(ref.target, IpConfiguration) if not m.id.within(nic.id))
        first = next((m.properties.subnet for m in members if m.properties.subnet is not None), None)
        if first is not None and first.target.parent != vnet:
            message = (
                f"Application security group {ref.id} has members in virtual network {first.target.parent}; IP "
                f"configuration {_id(nic, child)} is in {vnet}."
            )
            yield Violation("ApplicationSecurityGroupsNotInSameVnet", message, target)
