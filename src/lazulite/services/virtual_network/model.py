"""``Microsoft.Network/virtualNetworks`` and ``networkInterfaces``, API 2024-05-01."""

from __future__ import annotations

from base64 import b32encode
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Child,
    Code,
    Kind,
    Properties,
    Quota,
    Ref,
    Resource,
    Targets,
    WeakRef,
)
from lazulite.values import IPAddress, IPNetwork

_NETWORK_SECURITY_GROUP = Targets("Microsoft.Network/networkSecurityGroups")
_SUBNET = Targets("Microsoft.Network/virtualNetworks/subnets")

AllocationMethod: TypeAlias = Literal["Dynamic", "Static"]
IPVersion: TypeAlias = Literal["IPv4", "IPv6"]

MAX_SUBNETS, MAX_PEERINGS, MAX_DNS_SERVERS = 3000, 500, 20
"""Per virtual network. Source: "Azure subscription and service limits", networking limits."""
MAX_VIRTUAL_NETWORKS, MAX_NETWORK_INTERFACES = 1000, 65_536
"""Per region and subscription. Source: the same."""
MAX_ADDRESSES_PER_NIC = 256
"""Source: "Azure subscription and service limits", private IP addresses per network interface."""
MAX_ASGS_PER_CONFIGURATION = 20
"""Source: "Azure subscription and service limits", application security groups per IP configuration."""

GATEWAY_SUBNET = "gatewaysubnet"
"""Folded name of the subnet of VPN and ExpressRoute gateways."""

_Prefixes: TypeAlias = Annotated[tuple[IPNetwork, ...], Code("InvalidCIDRNotation")]


class AddressSpace(Properties, frozen=True):
    address_prefixes: _Prefixes = ()
    ipam_pool_prefix_allocations: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()


class DhcpOptions(Properties, frozen=True):
    dns_servers: Annotated[tuple[IPAddress, ...], Bounds(0, MAX_DNS_SERVERS)] = ()


class BgpCommunities(Properties, frozen=True):
    virtual_network_community: Annotated[str, INERT]
    regional_community: Annotated[str | None, READ_ONLY] = None


class Encryption(Properties, frozen=True):
    """Encryption between hosts is not seen by the workloads, so it is recorded alone."""

    enabled: Annotated[bool, INERT]
    enforcement: Annotated[Literal["AllowUnencrypted", "DropUnencrypted"], INERT] = "AllowUnencrypted"


class Delegation(Properties, frozen=True):
    service_name: Annotated[str, INERT]
    actions: Annotated[tuple[str, ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class Subnet(Properties, frozen=True):
    """``virtualNetworks/subnets``."""

    address_prefix: Annotated[IPNetwork | None, Code("InvalidCIDRNotation")] = None
    address_prefixes: Annotated[_Prefixes, OMITTED_WHEN_EMPTY] = ()
    network_security_group: Annotated[Ref | None, _NETWORK_SECURITY_GROUP] = None
    route_table: Annotated[Ref | None, Targets("Microsoft.Network/routeTables")] = None
    nat_gateway: Annotated[Ref | None, Targets("Microsoft.Network/natGateways")] = None
    default_outbound_access: bool | None = None
    """False makes the subnet private. Absent means true, as for API versions before 2025-07-01."""
    delegations: Annotated[tuple[Child[Delegation], ...], INERT] = ()
    private_endpoint_network_policies: Annotated[
        Literal["Disabled", "Enabled", "NetworkSecurityGroupEnabled", "RouteTableEnabled"], INERT
    ] = "Disabled"
    private_link_service_network_policies: Annotated[Literal["Enabled", "Disabled"], INERT] = "Enabled"
    service_endpoints: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    service_endpoint_policies: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    ip_allocations: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    ipam_pool_prefix_allocations: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    service_gateway: Annotated[Ref | None, UNSUPPORTED] = None
    sharing_scope: Annotated[Literal["Tenant", "DelegatedServices"] | None, UNSUPPORTED] = None
    application_gateway_ip_configurations: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = msgspec.field(
        default=(), name="applicationGatewayIPConfigurations"
    )
    ip_configurations: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    ip_configuration_profiles: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    private_endpoints: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    resource_navigation_links: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    service_association_links: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    purpose: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def prefixes(self) -> tuple[IPNetwork, ...]:
        """Every prefix, whichever way it was written."""
        if self.address_prefixes or self.address_prefix is None:
            return self.address_prefixes
        return (self.address_prefix,)

    def prefix_of(self, address: IPAddress) -> IPNetwork | None:
        return next((p for p in self.prefixes if address in p), None)


class VirtualNetworkPeering(Properties, frozen=True):
    """``virtualNetworks/virtualNetworkPeerings``: one end of a link between two virtual networks."""

    remote_virtual_network: Annotated[
        Ref | None, WeakRef(), IMMUTABLE, Targets("Microsoft.Network/virtualNetworks")
    ] = None
    allow_virtual_network_access: bool = True
    allow_forwarded_traffic: bool = False
    allow_gateway_transit: bool = False
    use_remote_gateways: bool = False
    do_not_verify_remote_gateways: Annotated[bool, INERT] = False
    peer_complete_vnets: Annotated[bool, UNSUPPORTED] = True
    enable_only_ipv6_peering: Annotated[bool, UNSUPPORTED] = msgspec.field(default=False, name="enableOnlyIPv6Peering")
    local_subnet_names: Annotated[tuple[str, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    remote_subnet_names: Annotated[tuple[str, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    known_local: Annotated[tuple[IPNetwork, ...], ASSIGNED, SECRET] = ()
    """The space of this network when the link was last written."""
    known_remote: Annotated[tuple[IPNetwork, ...], ASSIGNED, SECRET] = ()
    """The space of the remote when the link was last written."""
    resource_guid: Annotated[str | None, ASSIGNED] = None
    """New with every creation, and with an update that restarts a disconnected link."""
    remote_guid: Annotated[str | None, ASSIGNED, SECRET] = None
    """``guid`` of the remote network when the link was made: a successor of the same name is not connected."""
    local_address_space: Annotated[AddressSpace | None, READ_ONLY] = None
    remote_address_space: Annotated[AddressSpace | None, READ_ONLY] = None
    local_virtual_network_address_space: Annotated[AddressSpace | None, READ_ONLY] = None
    remote_virtual_network_address_space: Annotated[AddressSpace | None, READ_ONLY] = None
    remote_bgp_communities: Annotated[BgpCommunities | None, READ_ONLY] = None
    remote_virtual_network_encryption: Annotated[Encryption | None, READ_ONLY] = None
    peering_state: Annotated[str | None, READ_ONLY] = None
    peering_sync_level: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class VirtualNetwork(Properties, frozen=True):
    address_space: AddressSpace = AddressSpace()
    dhcp_options: DhcpOptions | None = None
    flow_timeout: Annotated[int | None, Bounds(4, 30)] = msgspec.field(default=None, name="flowTimeoutInMinutes")
    """Source: "az network vnet create", ``--flowtimeout``."""
    subnets: tuple[Child[Subnet], ...] = ()
    virtual_network_peerings: tuple[Child[VirtualNetworkPeering], ...] = ()
    enable_ddos_protection: Annotated[bool, UNSUPPORTED] = False
    ddos_protection_plan: Annotated[Ref | None, UNSUPPORTED] = None
    enable_vm_protection: Annotated[bool | None, INERT] = None
    bgp_communities: Annotated[BgpCommunities | None, INERT] = None
    encryption: Annotated[Encryption | None, INERT] = None
    private_endpoint_vnet_policies: Annotated[Literal["Disabled", "Basic"], INERT] = msgspec.field(
        default="Disabled", name="privateEndpointVNetPolicies"
    )
    summarized_gateway_prefixes: Annotated[AddressSpace | None, INERT] = None
    ip_allocations: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    default_outbound_address: Annotated[IPv4Address | None, ASSIGNED, SECRET] = None
    """The public address that workloads without one of their own leave from."""
    severed_links: Annotated[tuple[str, ...], ASSIGNED, SECRET] = ()
    """``resourceGuid`` of each remote link that was connected to one deleted here: it is disconnected for good."""
    flow_logs: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    default_public_nat_gateway: Annotated[Ref | None, READ_ONLY] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def prefixes(self) -> tuple[IPNetwork, ...]:
        return self.address_space.address_prefixes


class IpConfiguration(Properties, frozen=True):
    """``networkInterfaces/ipConfigurations``: one address of a network interface."""

    subnet: Annotated[Ref | None, _SUBNET] = None
    private_ip_address: Annotated[IPAddress | None, Code("InvalidIPAddressFormat")] = msgspec.field(
        default=None, name="privateIPAddress"
    )
    """Chosen by the service while the allocation is dynamic."""
    private_ip_allocation_method: AllocationMethod = msgspec.field(default="Dynamic", name="privateIPAllocationMethod")
    private_ip_address_version: Annotated[IPVersion, IMMUTABLE] = msgspec.field(
        default="IPv4", name="privateIPAddressVersion"
    )
    private_ip_address_prefix_length: Annotated[int | None, UNSUPPORTED] = msgspec.field(
        default=None, name="privateIPAddressPrefixLength"
    )
    primary: bool | None = None
    public_ip_address: Annotated[Ref | None, Targets("Microsoft.Network/publicIPAddresses")] = msgspec.field(
        default=None, name="publicIPAddress"
    )
    application_security_groups: Annotated[
        tuple[Ref, ...],
        Bounds(0, MAX_ASGS_PER_CONFIGURATION),
        Targets("Microsoft.Network/applicationSecurityGroups"),
        OMITTED_WHEN_EMPTY,
    ] = ()
    load_balancer_backend_address_pools: Annotated[
        tuple[Ref, ...], WeakRef(), Targets("Microsoft.Network/loadBalancers/backendAddressPools"), OMITTED_WHEN_EMPTY
    ] = ()
    load_balancer_inbound_nat_rules: Annotated[
        tuple[Ref, ...], WeakRef(), Targets("Microsoft.Network/loadBalancers/inboundNatRules"), OMITTED_WHEN_EMPTY
    ] = ()
    places: Annotated[dict[str, int], ASSIGNED, SECRET] = msgspec.field(default_factory=dict)
    """Its place in each pool and NAT rule of a load balancer that it is in, by their incarnations: a reference that
    has none here leads to something that was deleted."""
    application_gateway_backend_address_pools: Annotated[
        tuple[Ref, ...],
        WeakRef(),
        Targets("Microsoft.Network/applicationGateways/backendAddressPools"),
        OMITTED_WHEN_EMPTY,
    ] = ()
    gateway_load_balancer: Annotated[
        Ref | None, Targets("Microsoft.Network/loadBalancers/frontendIPConfigurations")
    ] = None
    """Frontend of a Gateway load balancer whose appliances the packets of the public address pass."""
    virtual_network_taps: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    private_link_connection_properties: Annotated[dict[str, Any] | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class NicDnsSettings(Properties, frozen=True):
    dns_servers: Annotated[tuple[IPAddress, ...], Bounds(0, MAX_DNS_SERVERS)] = ()
    internal_dns_name_label: Annotated[str | None, INERT] = None
    applied_dns_servers: Annotated[tuple[str, ...], READ_ONLY] = ()
    internal_fqdn: Annotated[str | None, READ_ONLY] = None
    internal_domain_name_suffix: Annotated[str | None, READ_ONLY] = None


class NetworkInterface(Properties, frozen=True):
    ip_configurations: tuple[Child[IpConfiguration], ...] = ()
    network_security_group: Annotated[Ref | None, _NETWORK_SECURITY_GROUP] = None
    enable_ip_forwarding: bool = msgspec.field(default=False, name="enableIPForwarding")
    dns_settings: NicDnsSettings = NicDnsSettings()
    enable_accelerated_networking: Annotated[bool, INERT] = False
    disable_tcp_state_tracking: Annotated[bool, UNSUPPORTED] = False
    workload_type: Annotated[str | None, INERT] = None
    nic_type: Annotated[Literal["Standard", "Elastic"], INERT] = "Standard"
    auxiliary_mode: Annotated[Literal["None", "MaxConnections", "Floating", "AcceleratedConnections"], INERT] = "None"
    auxiliary_sku: Annotated[Literal["None", "A1", "A2", "A4", "A8"], INERT] = "None"
    migration_phase: Annotated[str | None, READ_ONLY] = None
    private_link_service: Annotated[Ref | None, READ_ONLY] = None
    private_endpoint: Annotated[Ref | None, READ_ONLY] = None
    dscp_configuration: Annotated[Ref | None, READ_ONLY] = None
    virtual_machine: Annotated[Ref | None, READ_ONLY] = None
    tap_configurations: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    hosted_workloads: Annotated[tuple[str, ...], READ_ONLY] = ()
    mac_address: Annotated[str | None, READ_ONLY] = None
    primary: Annotated[bool | None, READ_ONLY] = None
    vnet_encryption_supported: Annotated[bool | None, READ_ONLY] = None
    default_outbound_connectivity_enabled: Annotated[bool | None, READ_ONLY] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def primary_configuration(self) -> IpConfiguration | None:
        """The configuration that says which subnet, and so which virtual network, the interface is in."""
        every = [c.properties for c in self.ip_configurations]
        return next((c for c in every if c.primary), every[0] if every else None)


KINDS = (
    Kind(
        "Microsoft.Network/virtualNetworks",
        VirtualNetwork,
        in_use=(
            "InUseSubnetCannotBeDeleted",
            "Subnet {name} is in use by {users} and cannot be deleted. In order to delete the subnet, delete all the "
            "resources within the subnet. See aka.ms/deletesubnet.",
        ),
        name_pattern=r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?",
        creatable_children=frozenset({"subnets", "virtualNetworkPeerings"}),
        # Source: "Azure Virtual Network now supports updates without subnet property".
        children_kept_since={"subnets": "2023-09-01"},
    ),
    Kind(
        "Microsoft.Network/networkInterfaces",
        NetworkInterface,
        quota=Quota(MAX_NETWORK_INTERFACES, "NetworkInterfaceCountLimitReached"),
        in_use=(
            "NicInUse",
            "Network Interface {id} is used by existing resource {users}. In order to delete the network interface, "
            "it must be dissociated from the resource. To learn more, see aka.ms/deletenic.",
        ),
    ),
)


def internal_domain(guid: str) -> str:
    """Where Azure names the machines of a network: 26 characters that stand for its guid, in a zone of the platform.

    Source: "Name resolution for resources in Azure virtual networks", Azure-provided name resolution.
    """
    label = b32encode(UUID(guid).bytes).decode().rstrip("=").lower() if guid else "lab"
    return f"{label}.bx.internal.cloudapp.net"


def mac_address(nic: Resource[NetworkInterface]) -> str:
    """``00-0D-3A-`` and three octets of the interface's guid.

    Nothing but the interface and its gateway is on the link, so two interfaces may share an address.
    """
    tail = nic.guid.replace("-", "")[-6:].upper().rjust(6, "0")
    return f"00-0D-3A-{tail[:2]}-{tail[2:4]}-{tail[4:]}"


PRIVATE_SPACES: tuple[IPv4Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
)
"""Spaces that no system route leads out of. Source: "Virtual network traffic routing", default routes."""
V6_SUBNET_LENGTH = 64
"""Source: "What is IPv6 for Azure Virtual Network?", limitations."""
