"""``Microsoft.Compute/virtualMachineScaleSets``, API 2024-11-01, and its instances.

An instance is a virtual machine with interfaces of its own inside: the models extend those of the machine and the
interface, so that whatever a service does for those (packets, pools, security groups, addresses) it does for these.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Child,
    Kind,
    Properties,
    Ref,
    Sku,
    Targets,
)
from lazulite.services.compute.model import DiagnosticsProfile, Extension, OSProfile, StorageProfile, VirtualMachine
from lazulite.services.public_ip_address.model import DnsSettings, PublicIPAddress
from lazulite.services.virtual_network.model import (
    IpConfiguration,
    IPVersion,
    NetworkInterface,
    NicDnsSettings,
)

MAX_INSTANCES = 1000
"""Source: "Virtual Machine Scale Sets FAQ", how many VMs can I have in a scale set."""

_POOLS = Targets("Microsoft.Network/loadBalancers/backendAddressPools")
_NAT_POOLS = Targets("Microsoft.Network/loadBalancers/inboundNatPools")


class InstanceConfiguration(IpConfiguration, frozen=True):
    """An ip configuration of an instance, with the public address that is its own."""

    load_balancer_inbound_nat_pools: Annotated[tuple[Ref, ...], _NAT_POOLS] = ()
    public_ip_addresses: Annotated[tuple[Child[PublicIPAddress], ...], SECRET] = msgspec.field(
        default=(), name="publicIPAddresses"
    )


class InstanceInterface(NetworkInterface, frozen=True):
    guid: Annotated[str, SECRET] = ""
    ip_configurations: tuple[Child[InstanceConfiguration], ...] = ()


class Instance(VirtualMachine, frozen=True):
    """``virtualMachineScaleSets/virtualMachines``."""

    guid: Annotated[str, SECRET] = ""
    network_interfaces: Annotated[tuple[Child[InstanceInterface], ...], SECRET] = ()
    extensions: Annotated[tuple[Child[Extension], ...], SECRET] = ()
    model: Annotated[str, SECRET] = ""
    """Digest of the profile it was made from, or brought to."""
    latest_model_applied: Annotated[bool | None, READ_ONLY] = None
    network_profile_configuration: Annotated[dict[str, Any] | None, READ_ONLY] = None


class PublicAddressProperties(Properties, frozen=True):
    idle_timeout: Annotated[int, INERT, Bounds(4, 30)] = msgspec.field(default=4, name="idleTimeoutInMinutes")
    dns_settings: Annotated[DnsSettings | None, UNSUPPORTED] = None
    ip_tags: Annotated[tuple[dict[str, Any], ...], INERT] = ()
    public_ip_prefix: Annotated[Ref | None, UNSUPPORTED] = msgspec.field(default=None, name="publicIPPrefix")
    public_ip_address_version: IPVersion = msgspec.field(default="IPv4", name="publicIPAddressVersion")
    delete_option: Annotated[Literal["Delete", "Detach"] | None, INERT] = None


class PublicAddressConfiguration(Properties, frozen=True):
    name: str
    sku: Annotated[dict[str, Any] | None, INERT] = None
    properties: PublicAddressProperties = PublicAddressProperties()


class ConfigurationProperties(Properties, frozen=True):
    subnet: Annotated[Ref | None, Targets("Microsoft.Network/virtualNetworks/subnets")] = None
    primary: bool | None = None
    private_ip_address_version: IPVersion = msgspec.field(default="IPv4", name="privateIPAddressVersion")
    public_ip_address_configuration: PublicAddressConfiguration | None = msgspec.field(
        default=None, name="publicIPAddressConfiguration"
    )
    application_security_groups: Annotated[tuple[Ref, ...], Targets("Microsoft.Network/applicationSecurityGroups")] = ()
    load_balancer_backend_address_pools: Annotated[tuple[Ref, ...], _POOLS] = ()
    load_balancer_inbound_nat_pools: Annotated[tuple[Ref, ...], _NAT_POOLS] = ()
    application_gateway_backend_address_pools: Annotated[
        tuple[Ref, ...], Targets("Microsoft.Network/applicationGateways/backendAddressPools")
    ] = ()


class Configuration(Properties, frozen=True):
    name: str
    properties: ConfigurationProperties = ConfigurationProperties()


class InterfaceProperties(Properties, frozen=True):
    ip_configurations: tuple[Configuration, ...] = ()
    primary: bool | None = None
    network_security_group: Annotated[Ref | None, Targets("Microsoft.Network/networkSecurityGroups")] = None
    enable_ip_forwarding: bool = msgspec.field(default=False, name="enableIPForwarding")
    enable_accelerated_networking: Annotated[bool, INERT] = False
    enable_fpga: Annotated[bool, INERT] = False
    disable_tcp_state_tracking: Annotated[bool, UNSUPPORTED] = False
    dns_settings: NicDnsSettings | None = None
    delete_option: Annotated[Literal["Delete", "Detach"] | None, INERT] = None
    auxiliary_mode: Annotated[str | None, INERT] = None
    auxiliary_sku: Annotated[str | None, INERT] = None


class InterfaceConfiguration(Properties, frozen=True):
    name: str
    properties: InterfaceProperties = InterfaceProperties()


class NetworkProfile(Properties, frozen=True):
    network_interface_configurations: tuple[InterfaceConfiguration, ...] = ()
    health_probe: Annotated[Ref | None, Targets("Microsoft.Network/loadBalancers/probes")] = None
    network_api_version: Annotated[str | None, INERT] = None


class SetOSProfile(OSProfile, frozen=True):
    computer_name_prefix: Annotated[str | None, IMMUTABLE] = None
    custom_data: Annotated[str | None, SECRET] = None
    """Instances made from now on get it."""


class ExtensionDeclaration(Properties, frozen=True):
    name: str
    properties: Extension


class ExtensionProfile(Properties, frozen=True):
    extensions: tuple[ExtensionDeclaration, ...] = ()
    extensions_time_budget: Annotated[str | None, INERT] = None


class Profile(Properties, frozen=True):
    """``virtualMachineProfile``: what every instance is made from."""

    os_profile: SetOSProfile | None = None
    storage_profile: StorageProfile = StorageProfile()
    network_profile: NetworkProfile = NetworkProfile()
    extension_profile: ExtensionProfile | None = None
    diagnostics_profile: DiagnosticsProfile | None = None
    hardware_profile: Annotated[dict[str, Any] | None, INERT] = None
    license_type: Annotated[str | None, INERT] = None
    priority: Annotated[Literal["Regular", "Low", "Spot"] | None, INERT] = None
    eviction_policy: Annotated[Literal["Deallocate", "Delete"] | None, INERT] = None
    billing_profile: Annotated[dict[str, Any] | None, INERT] = None
    security_profile: Annotated[dict[str, Any] | None, INERT] = None
    application_profile: Annotated[dict[str, Any] | None, INERT] = None
    scheduled_events_profile: Annotated[dict[str, Any] | None, INERT] = None
    capacity_reservation: Annotated[dict[str, Any] | None, INERT] = None
    service_artifact_reference: Annotated[dict[str, Any] | None, INERT] = None
    security_posture_reference: Annotated[dict[str, Any] | None, INERT] = None
    user_data: Annotated[str | None, INERT, SECRET] = None
    time_created: Annotated[str | None, READ_ONLY] = None


class RollingPolicy(Properties, frozen=True):
    """Percentages of the capacity. Source: "Virtual machine scale set upgrade policy", rolling upgrade settings."""

    max_batch_instance_percent: Annotated[int, Bounds(5, 100)] = 20
    max_unhealthy_instance_percent: Annotated[int, Bounds(5, 100)] = 20
    max_unhealthy_upgraded_instance_percent: Annotated[int, Bounds(0, 100)] = 20
    pause_time_between_batches: Annotated[str, INERT] = "PT0S"
    enable_cross_zone_upgrade: Annotated[bool | None, INERT] = None
    prioritize_unhealthy_instances: Annotated[bool | None, INERT] = None
    rollback_failed_instances_on_policy_breach: Annotated[bool | None, INERT] = None
    max_surge: Annotated[bool | None, UNSUPPORTED] = None


class UpgradePolicy(Properties, frozen=True):
    mode: Literal["Manual", "Automatic", "Rolling"] = "Manual"
    rolling_upgrade_policy: RollingPolicy | None = None
    automatic_os_upgrade_policy: Annotated[dict[str, Any] | None, INERT] = msgspec.field(
        default=None, name="automaticOSUpgradePolicy"
    )


class ScaleInPolicy(Properties, frozen=True):
    rules: tuple[Literal["Default", "OldestVM", "NewestVM"], ...] = ()
    force_deletion: Annotated[bool | None, INERT] = None
    prioritize_unhealthy_vms: Annotated[bool | None, INERT] = msgspec.field(default=None, name="prioritizeUnhealthyVMs")


class ScaleSet(Properties, frozen=True):
    upgrade_policy: UpgradePolicy = UpgradePolicy()
    virtual_machine_profile: Profile | None = None
    orchestration_mode: Annotated[Literal["Uniform", "Flexible"], IMMUTABLE] = "Uniform"
    scale_in_policy: ScaleInPolicy = ScaleInPolicy()
    single_placement_group: Annotated[bool | None, INERT] = None
    overprovision: Annotated[bool, INERT] = True
    platform_fault_domain_count: Annotated[int | None, INERT] = None
    zone_balance: Annotated[bool | None, INERT] = None
    automatic_repairs_policy: Annotated[dict[str, Any] | None, INERT] = None
    do_not_run_extensions: Annotated[bool | None, INERT] = msgspec.field(
        default=None, name="doNotRunExtensionsOnOverprovisionedVMs"
    )
    additional_capabilities: Annotated[dict[str, Any] | None, INERT] = None
    constrained_maximum_capacity: Annotated[bool | None, INERT] = None
    proximity_placement_group: Annotated[dict[str, Any] | None, INERT] = None
    host_group: Annotated[dict[str, Any] | None, INERT] = None
    spot_restore_policy: Annotated[dict[str, Any] | None, INERT] = None
    priority_mix_policy: Annotated[dict[str, Any] | None, INERT] = None
    resiliency_policy: Annotated[dict[str, Any] | None, INERT] = None
    scheduled_events_policy: Annotated[dict[str, Any] | None, INERT] = None
    sku_profile: Annotated[dict[str, Any] | None, INERT] = None
    virtual_machines: Annotated[tuple[Child[Instance], ...], ASSIGNED, SECRET] = ()
    """The instances, oldest first."""
    next_instance: Annotated[int, ASSIGNED, SECRET] = 0
    """Number of the next one; numbers are not used again."""
    unique_id: Annotated[str | None, READ_ONLY] = None
    time_created: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def profile(self) -> Profile:
        return self.virtual_machine_profile or Profile()


KINDS = (
    Kind(
        "Microsoft.Compute/virtualMachineScaleSets",
        ScaleSet,
        envelope=frozenset({"sku", "zones", "identity", "plan", "extendedLocation"}),
        default_sku=Sku("Standard_D2s_v3", "Standard", 1),
        name_pattern=r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?",
        removable_children=frozenset({"virtualMachines"}),
    ),
)
