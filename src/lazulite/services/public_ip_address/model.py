"""``Microsoft.Network/publicIPAddresses`` and ``publicIPPrefixes``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Kind,
    Properties,
    Ref,
    Sku,
    Targets,
)
from lazulite.values import IPAddress, IPNetwork

IPVersion: TypeAlias = Literal["IPv4", "IPv6"]


class IpTag(Properties, frozen=True):
    ip_tag_type: Annotated[str | None, INERT] = None
    tag: Annotated[str | None, INERT] = None


class DnsSettings(Properties, frozen=True):
    domain_name_label: str | None = None
    domain_name_label_scope: Annotated[
        Literal["TenantReuse", "SubscriptionReuse", "ResourceGroupReuse", "NoReuse"] | None, UNSUPPORTED
    ] = None
    reverse_fqdn: str | None = None
    fqdn: Annotated[str | None, ASSIGNED] = None


class DdosSettings(Properties, frozen=True):
    """Only the inherited protection mode has no effect of its own."""

    protection_mode: Annotated[Literal["VirtualNetworkInherited", "Enabled", "Disabled"], UNSUPPORTED] = (
        "VirtualNetworkInherited"
    )
    ddos_protection_plan: Annotated[Ref | None, UNSUPPORTED] = None
    protected_ip: Annotated[bool | None, READ_ONLY] = msgspec.field(default=None, name="protectedIP")


class PublicIPAddress(Properties, frozen=True):
    public_ip_allocation_method: Literal["Dynamic", "Static"] = msgspec.field(
        default="Dynamic", name="publicIPAllocationMethod"
    )
    public_ip_address_version: Annotated[IPVersion, IMMUTABLE] = msgspec.field(
        default="IPv4", name="publicIPAddressVersion"
    )
    idle_timeout: Annotated[int, INERT, Bounds(4, 30)] = msgspec.field(default=4, name="idleTimeoutInMinutes")
    """Source: "Public IP addresses", at a glance."""
    dns_settings: DnsSettings | None = None
    ddos_settings: DdosSettings | None = None
    ip_tags: Annotated[tuple[IpTag, ...], INERT] = ()
    public_ip_prefix: Annotated[Ref | None, IMMUTABLE, Targets("Microsoft.Network/publicIPPrefixes")] = msgspec.field(
        default=None, name="publicIPPrefix"
    )
    delete_option: Annotated[Literal["Delete", "Detach"] | None, INERT] = None
    held_address: Annotated[IPAddress | None, ASSIGNED, SECRET] = None
    """The address set aside for the resource: a dynamic one is its own only while the interface it is attached to
    is in a running machine."""
    ip_address: Annotated[str | None, READ_ONLY] = None
    ip_configuration: Annotated[Ref | None, READ_ONLY] = None
    nat_gateway: Annotated[Ref | None, READ_ONLY] = None
    service_public_ip_address: Annotated[Ref | None, READ_ONLY] = msgspec.field(
        default=None, name="servicePublicIPAddress"
    )
    linked_public_ip_address: Annotated[Ref | None, READ_ONLY] = msgspec.field(
        default=None, name="linkedPublicIPAddress"
    )
    migration_phase: Annotated[str | None, READ_ONLY] = None
    upgraded_to_v2: Annotated[bool | None, READ_ONLY] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class PublicIPPrefix(Properties, frozen=True):
    prefix_length: Annotated[int | None, IMMUTABLE] = None
    public_ip_address_version: Annotated[IPVersion, IMMUTABLE] = msgspec.field(
        default="IPv4", name="publicIPAddressVersion"
    )
    ip_tags: Annotated[tuple[IpTag, ...], INERT] = ()
    custom_ip_prefix: Annotated[Ref | None, UNSUPPORTED] = msgspec.field(default=None, name="customIPPrefix")
    held_prefix: Annotated[IPNetwork | None, ASSIGNED, SECRET] = None
    ip_prefix: Annotated[str | None, READ_ONLY] = None
    public_ip_addresses: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = msgspec.field(
        default=(), name="publicIPAddresses"
    )
    load_balancer_frontend_ip_configuration: Annotated[Ref | None, READ_ONLY] = None
    nat_gateway: Annotated[Ref | None, READ_ONLY] = None
    upgraded_to_v2: Annotated[bool | None, READ_ONLY] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def lengths(self) -> range:
        """Prefix lengths there are. Source: "Public IP address prefix", prefix sizes."""
        return range(28, 32) if self.public_ip_address_version == "IPv4" else range(124, 128)


def version_number(properties: PublicIPAddress | PublicIPPrefix) -> int:
    return 4 if properties.public_ip_address_version == "IPv4" else 6


KINDS = (
    Kind(
        "Microsoft.Network/publicIPAddresses",
        PublicIPAddress,
        in_use=(
            "PublicIPAddressCannotBeDeleted",
            "Public IP address {id} can not be deleted since it is still allocated to resource {users}. In order to "
            "delete the public IP, disassociate/detach the Public IP address from the resource.  To learn how to do "
            "this, see aka.ms/deletepublicip.",
        ),
        envelope=frozenset({"sku", "zones"}),
        default_sku=Sku("Basic", "Regional"),
    ),
    Kind(
        "Microsoft.Network/publicIPPrefixes",
        PublicIPPrefix,
        in_use=(
            "PublicIpPrefixCannotBeDeleted",
            "Public IP prefix {id} cannot be deleted since public IP addresses are allocated from it: {users}.",
        ),
        envelope=frozenset({"sku", "zones"}),
        default_sku=Sku("Standard", "Regional"),
    ),
)
