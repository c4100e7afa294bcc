"""``Microsoft.Network/loadBalancers``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

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
    Sku,
    Targets,
)
from lazulite.values import IPAddress

POOLS, NAT_RULES, NAT_POOLS = "backendAddressPools", "inboundNatRules", "inboundNatPools"
FRONTENDS, RULES, OUTBOUND, PROBES = "frontendIPConfigurations", "loadBalancingRules", "outboundRules", "probes"
ADDRESSES = "loadBalancerBackendAddresses"
"""Wire names of the children."""

_BALANCER = "Microsoft.Network/loadBalancers"
_FRONTEND = Targets(f"{_BALANCER}/{FRONTENDS}")
_POOL = Targets(f"{_BALANCER}/{POOLS}")
_SUBNET = Targets("Microsoft.Network/virtualNetworks/subnets")
_NETWORK = Targets("Microsoft.Network/virtualNetworks")

MAX_LOAD_BALANCERS = 1000
MAX_RULES_PER_NIC = 300
"""Source: "Azure subscription and service limits", load balancer."""
MAX_FRONTENDS, MAX_RULES, MAX_OUTBOUND_RULES, MAX_POOL = 600, 1500, 600, 5000
MAX_IDENTIFIER = (1 << 24) - 1
"""Of a VXLAN tunnel. Source: RFC 7348, section 5."""
MAX_BASIC_FRONTENDS, MAX_BASIC_RULES, MAX_BASIC_POOL = 200, 250, 300
"""Of a Standard and of a Basic load balancer. Source: "Azure subscription and service limits", load balancer."""

TransportProtocol: TypeAlias = Literal["Udp", "Tcp", "All"]
IdleTimeout: TypeAlias = Annotated[int, Bounds(4, 100)]
"""Of rules. Source: "Load Balancer TCP reset and idle timeout"."""
PortNumber: TypeAlias = Annotated[int, Bounds(0, 65535)]


class FrontendIPConfiguration(Properties, frozen=True):
    """``frontendIPConfigurations``: an address that clients speak to."""

    subnet: Annotated[Ref | None, _SUBNET] = None
    private_ip_address: Annotated[IPAddress | None, Code("InvalidIPAddressFormat")] = msgspec.field(
        default=None, name="privateIPAddress"
    )
    """Chosen by the service while the allocation is dynamic."""
    private_ip_allocation_method: Literal["Dynamic", "Static"] = msgspec.field(
        default="Dynamic", name="privateIPAllocationMethod"
    )
    private_ip_address_version: Annotated[Literal["IPv4", "IPv6"], IMMUTABLE] = msgspec.field(
        default="IPv4", name="privateIPAddressVersion"
    )
    public_ip_address: Annotated[Ref | None, Targets("Microsoft.Network/publicIPAddresses")] = msgspec.field(
        default=None, name="publicIPAddress"
    )
    public_ip_prefix: Annotated[Ref | None, Targets("Microsoft.Network/publicIPPrefixes")] = msgspec.field(
        default=None, name="publicIPPrefix"
    )
    gateway_load_balancer: Annotated[Ref | None, _FRONTEND] = None
    """Frontend of a Gateway load balancer whose appliances its packets pass."""
    ddos_settings: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    enable_connection_tracking: Annotated[bool | None, UNSUPPORTED] = None
    inbound_nat_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    inbound_nat_pools: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    outbound_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    load_balancing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()


class BackendAddress(Properties, frozen=True):
    """``backendAddressPools/loadBalancerBackendAddresses``: a member given by its address.

    Members that interfaces bring are shown here too; of those only a state that the user gave is stored.
    """

    virtual_network: Annotated[Ref | None, _NETWORK] = None
    subnet: Annotated[Ref | None, _SUBNET] = None
    ip_address: Annotated[IPAddress | None, Code("InvalidIPAddressFormat")] = None
    network_interface_ip_configuration: dict[str, Any] | None = msgspec.field(
        default=None, name="networkInterfaceIPConfiguration"
    )
    """Sent back by clients that read a pool of interfaces; never stored."""
    load_balancer_frontend_ip_configuration: Annotated[Ref | None, _FRONTEND] = msgspec.field(
        default=None, name="loadBalancerFrontendIPConfiguration"
    )
    """Of a regional load balancer: a member of a global one."""
    inbound_nat_rules_port_mapping: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()
    admin_state: Literal["None", "Up", "Down"] | None = None
    slot: Annotated[int | None, ASSIGNED, SECRET] = None
    """Its place in the pool; see :mod:`lazulite.services.load_balancer.slots`."""


class TunnelInterface(Properties, frozen=True):
    """A way to the appliances of a Gateway load balancer and back. What is left out follows from the type.

    Source: "Manage Gateway Load Balancer", default ports and identifiers.
    """

    type: Literal["Internal", "External"]
    port: Annotated[int | None, Bounds(1, 65535)] = None
    identifier: Annotated[int | None, Bounds(1, MAX_IDENTIFIER)] = None
    protocol: Literal["VXLAN"] = "VXLAN"

    @property
    def ends(self) -> tuple[int, int]:
        """Port and identifier."""
        port, identifier = (10800, 800) if self.type == "Internal" else (10801, 801)
        return self.port or port, self.identifier or identifier


class BackendAddressPool(Properties, frozen=True):
    load_balancer_backend_addresses: tuple[Child[BackendAddress], ...] = ()
    virtual_network: Annotated[Ref | None, _NETWORK] = None
    location: Annotated[str | None, INERT] = None
    sync_mode: Annotated[Literal["Automatic", "Manual"] | None, UNSUPPORTED] = None
    drain_period: Annotated[int | None, UNSUPPORTED] = msgspec.field(default=None, name="drainPeriodInSeconds")
    tunnel_interfaces: Annotated[tuple[TunnelInterface, ...], OMITTED_WHEN_EMPTY] = ()
    """Of a Gateway load balancer: one internal and one external."""
    incarnation: Annotated[str | None, ASSIGNED, SECRET] = None
    """New with every creation, so that who was in a deleted pool is not in its successor."""
    takes_default: Annotated[bool, ASSIGNED, SECRET] = False
    """Whether it is of the Standard SKU, and so takes the default way out from interfaces."""
    closes: Annotated[bool, ASSIGNED, SECRET] = False
    """Whether its interfaces are closed until a security group opens them: of the Standard SKU, and public."""
    backend_ip_configurations: Annotated[tuple[Ref, ...], READ_ONLY] = msgspec.field(
        default=(), name="backendIPConfigurations"
    )
    load_balancing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    outbound_rule: Annotated[Ref | None, READ_ONLY] = None
    outbound_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    inbound_nat_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()

    @property
    def by_address(self) -> bool:
        """Whether its members are addresses, and not interfaces."""
        every = self.load_balancer_backend_addresses
        return self.virtual_network is not None or any(c.properties.ip_address is not None for c in every)

    @property
    def by_frontend(self) -> bool:
        """Whether its members are frontends of regional load balancers."""
        every = self.load_balancer_backend_addresses
        return any(c.properties.load_balancer_frontend_ip_configuration is not None for c in every)


class Probe(Properties, frozen=True):
    protocol: Literal["Tcp", "Http", "Https"]
    port: Annotated[int, Bounds(1, 65535)]
    interval: Annotated[int, Bounds(5, 2**31 - 1)] = msgspec.field(default=15, name="intervalInSeconds")
    number_of_probes: Annotated[int, INERT, Bounds(1, 2**31 - 1)] = 1
    """Azure takes one failed probe for all, whatever stands here. Source: "Load Balancer health probes", design."""
    probe_threshold: Annotated[int, Bounds(1, 2**31 - 1)] = 1
    request_path: str | None = None
    no_healthy_backends_behavior: Literal["AllProbedDown", "AllProbedUp"] = "AllProbedDown"
    load_balancing_rules: Annotated[tuple[Ref, ...], READ_ONLY] = ()


class LoadBalancingRule(Properties, frozen=True):
    protocol: Literal["Udp", "Tcp", "All", "Quic"]
    frontend_port: Annotated[int, Bounds(0, 65534)]
    frontend_ip_configuration: Annotated[Ref | None, _FRONTEND] = msgspec.field(
        default=None, name="frontendIPConfiguration"
    )
    backend_port: PortNumber = 0
    backend_address_pool: Annotated[Ref | None, _POOL] = None
    backend_address_pools: Annotated[tuple[Ref, ...], _POOL] = ()
    """The same pool once more; only Gateway load balancers have two."""
    probe: Annotated[Ref | None, Targets(f"{_BALANCER}/{PROBES}")] = None
    load_distribution: Literal["Default", "SourceIP", "SourceIPProtocol"] = "Default"
    idle_timeout: IdleTimeout = msgspec.field(default=4, name="idleTimeoutInMinutes")
    enable_floating_ip: bool = msgspec.field(default=False, name="enableFloatingIP")
    enable_tcp_reset: bool = False
    disable_outbound_snat: bool = False
    enable_destination_service_endpoint: Annotated[bool, UNSUPPORTED] = False
    allow_backend_port_conflict: Annotated[bool, UNSUPPORTED] = False
    enable_connection_tracking: Annotated[bool | None, UNSUPPORTED] = None


class InboundNatRule(Properties, frozen=True):
    protocol: TransportProtocol
    frontend_ip_configuration: Annotated[Ref | None, _FRONTEND] = msgspec.field(
        default=None, name="frontendIPConfiguration"
    )
    backend_port: PortNumber = 0
    frontend_port: Annotated[int | None, Bounds(0, 65534)] = None
    frontend_port_range_start: Annotated[int | None, Bounds(0, 65534)] = None
    frontend_port_range_end: Annotated[int | None, Bounds(0, 65535)] = None
    backend_address_pool: Annotated[Ref | None, _POOL] = None
    idle_timeout: IdleTimeout = msgspec.field(default=4, name="idleTimeoutInMinutes")
    enable_floating_ip: bool = msgspec.field(default=False, name="enableFloatingIP")
    enable_tcp_reset: bool = False
    incarnation: Annotated[str | None, ASSIGNED, SECRET] = None
    moved: Annotated[dict[str, int], ASSIGNED, SECRET] = msgspec.field(default_factory=dict)
    """Slots beyond the range, in decimal, to their places in it."""
    backend_ip_configuration: Annotated[Ref | None, READ_ONLY] = msgspec.field(
        default=None, name="backendIPConfiguration"
    )

    @property
    def is_range(self) -> bool:
        return self.backend_address_pool is not None

    @property
    def size(self) -> int:
        """How many ports it has."""
        if not self.is_range:
            return 1
        return max(0, (self.frontend_port_range_end or 0) - (self.frontend_port_range_start or 0) + 1)


class InboundNatPool(Properties, frozen=True):
    """A port for each instance of a scale set."""

    protocol: TransportProtocol
    frontend_port_range_start: Annotated[int, Bounds(1, 65534)]
    frontend_port_range_end: Annotated[int, Bounds(1, 65535)]
    backend_port: Annotated[int, Bounds(1, 65535)]
    frontend_ip_configuration: Annotated[Ref | None, _FRONTEND] = msgspec.field(
        default=None, name="frontendIPConfiguration"
    )
    idle_timeout: IdleTimeout = msgspec.field(default=4, name="idleTimeoutInMinutes")
    enable_floating_ip: bool = msgspec.field(default=False, name="enableFloatingIP")
    enable_tcp_reset: bool = False
    incarnation: Annotated[str | None, ASSIGNED, SECRET] = None

    @property
    def size(self) -> int:
        return max(0, self.frontend_port_range_end - self.frontend_port_range_start + 1)


class OutboundRule(Properties, frozen=True):
    protocol: TransportProtocol
    frontend_ip_configurations: Annotated[tuple[Ref, ...], _FRONTEND] = msgspec.field(
        default=(), name="frontendIPConfigurations"
    )
    backend_address_pool: Annotated[Ref | None, _POOL] = None
    allocated_outbound_ports: Annotated[int, Bounds(0, 2**31 - 1)] = 0
    """To each member; 0 leaves it to the size of the pool."""
    idle_timeout: Annotated[int, Bounds(4, 120)] = msgspec.field(default=4, name="idleTimeoutInMinutes")
    """Source: "Outbound rules Azure Load Balancer", outbound idle timeout."""
    enable_tcp_reset: bool = False


class LoadBalancer(Properties, frozen=True):
    frontend_ip_configurations: tuple[Child[FrontendIPConfiguration], ...] = msgspec.field(
        default=(), name="frontendIPConfigurations"
    )
    backend_address_pools: tuple[Child[BackendAddressPool], ...] = ()
    load_balancing_rules: tuple[Child[LoadBalancingRule], ...] = ()
    probes: tuple[Child[Probe], ...] = ()
    inbound_nat_rules: tuple[Child[InboundNatRule], ...] = ()
    inbound_nat_pools: tuple[Child[InboundNatPool], ...] = ()
    outbound_rules: Annotated[tuple[Child[OutboundRule], ...], OMITTED_WHEN_EMPTY] = ()
    scope: Annotated[Literal["Public", "Private"] | None, UNSUPPORTED] = None
    mode: Annotated[str | None, UNSUPPORTED] = None
    resource_guid: Annotated[str | None, READ_ONLY] = None

    @property
    def internal(self) -> bool:
        """Whether its frontends are private. One with both kinds is refused."""
        return any(c.properties.subnet is not None for c in self.frontend_ip_configurations)


def is_basic(balancer: Resource[LoadBalancer]) -> bool:
    return balancer.sku is None or balancer.sku.name == "Basic"


def is_gateway(balancer: Resource[LoadBalancer]) -> bool:
    return balancer.sku is not None and balancer.sku.name == "Gateway"


def is_global(balancer: Resource[LoadBalancer]) -> bool:
    return balancer.sku is not None and balancer.sku.tier == "Global"


KINDS = (
    Kind(
        _BALANCER,
        LoadBalancer,
        # Interfaces leave a pool that goes; scale sets hold on to it.
        # Source: "Troubleshoot common Azure deployment errors with Azure Load Balancer".
        in_use=(
            "LoadBalancerInUseByVirtualMachineScaleSet",
            "Cannot delete load balancer resource {id} since it is in use by virtual machine scale set {users}.",
        ),
        envelope=frozenset({"sku"}),
        creatable_children=frozenset({POOLS, NAT_RULES}),
        default_sku=Sku("Basic", "Regional"),
        quota=Quota(MAX_LOAD_BALANCERS, "LoadBalancerCountLimitReached"),
    ),
)
