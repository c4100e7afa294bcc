"""``Microsoft.Compute``: virtual machines and what their templates bring along, API 2024-11-01.

A machine matters to the network by its interfaces, its name, its power state and the scripts it runs; what only
Azure's hosts could act on (disks, images, sizes, security features) is kept and echoed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Kind,
    Link,
    Properties,
    Ref,
    Sku,
    Targets,
)

PowerState: TypeAlias = Literal["running", "stopped", "deallocated"]


class HardwareProfile(Properties, frozen=True):
    vm_size: Annotated[str, INERT] = "Standard_D2s_v3"
    vm_size_properties: Annotated[dict[str, Any] | None, INERT] = None


class ImageReference(Properties, frozen=True):
    publisher: Annotated[str | None, INERT] = None
    offer: Annotated[str | None, INERT] = None
    sku: Annotated[str | None, INERT] = None
    version: Annotated[str | None, INERT] = None
    exact_version: Annotated[str | None, READ_ONLY] = None
    id: Annotated[str | None, INERT] = None
    shared_gallery_image_id: Annotated[str | None, INERT] = None
    community_gallery_image_id: Annotated[str | None, INERT] = None


class OSDisk(Properties, frozen=True):
    create_option: Annotated[Literal["FromImage", "Attach", "Empty", "Copy", "Restore"], INERT] = "FromImage"
    os_type: Annotated[Literal["Linux", "Windows"] | None, INERT] = None
    name: Annotated[str | None, INERT] = None
    """Chosen by the service where the client does not."""
    caching: Annotated[Literal["None", "ReadOnly", "ReadWrite"] | None, INERT] = None
    write_accelerator_enabled: Annotated[bool | None, INERT] = None
    disk_size: Annotated[int | None, INERT] = msgspec.field(default=None, name="diskSizeGB")
    managed_disk: Annotated[dict[str, Any] | None, INERT] = None
    vhd: Annotated[dict[str, Any] | None, INERT] = None
    image: Annotated[dict[str, Any] | None, INERT] = None
    delete_option: Annotated[Literal["Delete", "Detach"] | None, INERT] = None
    diff_disk_settings: Annotated[dict[str, Any] | None, INERT] = None
    encryption_settings: Annotated[dict[str, Any] | None, INERT] = None


class StorageProfile(Properties, frozen=True):
    image_reference: ImageReference | None = None
    os_disk: OSDisk | None = None
    data_disks: Annotated[tuple[dict[str, Any], ...], INERT] = ()
    disk_controller_type: Annotated[str | None, INERT] = None
    align_regional_disks_to_vm_zone: Annotated[bool | None, INERT] = msgspec.field(
        default=None, name="alignRegionalDisksToVMZone"
    )


class OSProfile(Properties, frozen=True):
    """``adminUsername``, passwords and keys are recorded: a machine has the user its namespace gives it."""

    computer_name: Annotated[str | None, IMMUTABLE] = None
    admin_username: Annotated[str | None, INERT] = None
    admin_password: Annotated[str | None, INERT, SECRET] = None
    custom_data: Annotated[str | None, IMMUTABLE, SECRET] = None
    windows_configuration: Annotated[dict[str, Any] | None, INERT] = None
    linux_configuration: Annotated[dict[str, Any] | None, INERT] = None
    secrets: Annotated[tuple[dict[str, Any], ...], INERT] = ()
    allow_extension_operations: Annotated[bool, INERT] = True
    require_guest_provision_signal: Annotated[bool | None, INERT] = None


class AttachmentProperties(Properties, frozen=True):
    primary: bool | None = None
    delete_option: Annotated[Literal["Delete", "Detach"] | None, INERT] = None


class Attachment(Properties, frozen=True):
    """A network interface of a machine: ``{"id": "…", "properties": {"primary": true}}``."""

    id: Annotated[Link, Targets("Microsoft.Network/networkInterfaces")]
    properties: AttachmentProperties = AttachmentProperties()


class NetworkProfile(Properties, frozen=True):
    network_interfaces: tuple[Attachment, ...] = ()
    network_api_version: Annotated[str | None, INERT] = None
    network_interface_configurations: Annotated[tuple[dict[str, Any], ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()

    @property
    def primary(self) -> Attachment | None:
        """The interface that gets the default route: the one marked, else the first."""
        marked = (a for a in self.network_interfaces if a.properties.primary)
        return next(marked, self.network_interfaces[0] if self.network_interfaces else None)

    @property
    def slots(self) -> tuple[Attachment, ...]:
        """The interfaces in the order the guest sees them: the primary first, the rest as listed."""
        first = self.primary
        return tuple(sorted(self.network_interfaces, key=lambda a: a is not first))


class BootDiagnostics(Properties, frozen=True):
    enabled: Annotated[bool, INERT] = True
    storage_uri: Annotated[str | None, INERT] = None


class DiagnosticsProfile(Properties, frozen=True):
    boot_diagnostics: BootDiagnostics | None = None


class VirtualMachine(Properties, frozen=True):
    hardware_profile: HardwareProfile = HardwareProfile()
    storage_profile: StorageProfile = StorageProfile()
    os_profile: OSProfile | None = None
    network_profile: NetworkProfile = NetworkProfile()
    diagnostics_profile: DiagnosticsProfile | None = None
    availability_set: Annotated[Ref | None, IMMUTABLE, Targets("Microsoft.Compute/availabilitySets")] = None
    proximity_placement_group: Annotated[dict[str, Any] | None, INERT] = None
    host: Annotated[dict[str, Any] | None, INERT] = None
    host_group: Annotated[dict[str, Any] | None, INERT] = None
    capacity_reservation: Annotated[dict[str, Any] | None, INERT] = None
    priority: Annotated[Literal["Regular", "Low", "Spot"] | None, INERT] = None
    eviction_policy: Annotated[Literal["Deallocate", "Delete"] | None, INERT] = None
    billing_profile: Annotated[dict[str, Any] | None, INERT] = None
    license_type: Annotated[str | None, INERT] = None
    additional_capabilities: Annotated[dict[str, Any] | None, INERT] = None
    security_profile: Annotated[dict[str, Any] | None, INERT] = None
    application_profile: Annotated[dict[str, Any] | None, INERT] = None
    scheduled_events_profile: Annotated[dict[str, Any] | None, INERT] = None
    scheduled_events_policy: Annotated[dict[str, Any] | None, INERT] = None
    extensions_time_budget: Annotated[str | None, INERT] = None
    platform_fault_domain: Annotated[int | None, INERT] = None
    user_data: Annotated[str | None, INERT, SECRET] = None
    vm_id: Annotated[str | None, READ_ONLY] = None
    time_created: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None
    instance_view: Annotated[dict[str, Any] | None, READ_ONLY] = None
    power_state: Annotated[PowerState, ASSIGNED, SECRET] = "running"
    """Azure shows it in the instance view only, so it is stored and never returned here."""
    boots: Annotated[int, ASSIGNED, SECRET] = 0
    """How often the machine was started again; a restart is a new one."""


class Extension(Properties, frozen=True):
    """``virtualMachines/extensions``: something that runs in the machine."""

    publisher: Annotated[str, IMMUTABLE]
    type: Annotated[str, IMMUTABLE]
    type_handler_version: Annotated[str | None, INERT] = None
    auto_upgrade_minor_version: Annotated[bool | None, INERT] = None
    enable_automatic_upgrade: Annotated[bool | None, INERT] = None
    suppress_failures: Annotated[bool, INERT] = False
    force_update_tag: str | None = None
    settings: dict[str, Any] | None = None
    protected_settings: Annotated[dict[str, Any] | None, SECRET] = None
    provision_after_extensions: Annotated[tuple[str, ...], INERT] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None
    instance_view: Annotated[dict[str, Any] | None, READ_ONLY] = None


class AvailabilitySet(Properties, frozen=True):
    platform_fault_domain_count: Annotated[int, INERT] = 2
    platform_update_domain_count: Annotated[int, INERT] = 5
    proximity_placement_group: Annotated[dict[str, Any] | None, INERT] = None
    scheduled_events_policy: Annotated[dict[str, Any] | None, INERT] = None
    virtual_machines: Annotated[tuple[Ref, ...], READ_ONLY] = ()


class Disk(Properties, frozen=True):
    creation_data: Annotated[dict[str, Any], INERT]
    disk_size: Annotated[int | None, INERT] = msgspec.field(default=None, name="diskSizeGB")
    os_type: Annotated[Literal["Linux", "Windows"] | None, INERT] = None
    hyper_v_generation: Annotated[Literal["V1", "V2"] | None, INERT] = None
    encryption: Annotated[dict[str, Any] | None, INERT] = None
    encryption_settings_collection: Annotated[dict[str, Any] | None, INERT] = None
    purchase_plan: Annotated[dict[str, Any] | None, INERT] = None
    data_access_auth_mode: Annotated[Literal["None", "AzureActiveDirectory"] | None, INERT] = None
    disk_access_id: Annotated[str | None, INERT] = None
    optimized_for_frequent_attach: Annotated[bool | None, INERT] = None
    availability_policy: Annotated[dict[str, Any] | None, INERT] = None
    network_access_policy: Annotated[str | None, INERT] = None
    public_network_access: Annotated[str | None, INERT] = None
    tier: Annotated[str | None, INERT] = None
    bursting_enabled: Annotated[bool | None, INERT] = None
    disk_iops: Annotated[int | None, INERT] = msgspec.field(default=None, name="diskIOPSReadWrite")
    disk_mbps: Annotated[int | None, INERT] = msgspec.field(default=None, name="diskMBpsReadWrite")
    max_shares: Annotated[int | None, INERT] = None
    security_profile: Annotated[dict[str, Any] | None, INERT] = None
    supported_capabilities: Annotated[dict[str, Any] | None, INERT] = None
    time_created: Annotated[str | None, READ_ONLY] = None
    disk_state: Annotated[str | None, READ_ONLY] = None
    unique_id: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class SshPublicKey(Properties, frozen=True):
    public_key: Annotated[str | None, INERT] = None


def label(part: ResourceId) -> str:
    """What people call a machine or its interface: one of a scale set is called after the set, ``web_0``.

    Source: "Understand instance IDs for Azure virtual machine scale sets".
    """
    _, *types = part.kind.split("/")
    nested = types[0].lower() == "virtualmachinescalesets"
    return "_".join(part.text.split("/")[1 - 2 * len(types) :: 2]) if nested else part.name


_VM_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?"
"""At most 64 characters (Linux). Source: "Naming rules and restrictions for Azure resources"."""

KINDS = (
    Kind(
        "Microsoft.Compute/virtualMachines",
        VirtualMachine,
        envelope=frozenset({"zones", "identity", "plan", "extendedLocation"}),
        name_pattern=_VM_NAME,
    ),
    Kind("Microsoft.Compute/virtualMachines/extensions", Extension),
    Kind(
        "Microsoft.Compute/availabilitySets",
        AvailabilitySet,
        in_use=(
            "OperationNotAllowed",
            "Availability Set '{name}' cannot be deleted. Before deleting an Availability Set please ensure that it "
            "does not contain any VM.",
        ),
        envelope=frozenset({"sku"}),
        default_sku=Sku("Classic"),
        asynchronous=False,
        created_status=200,  # the SDKs know no other
    ),
    Kind(
        "Microsoft.Compute/disks",
        Disk,
        envelope=frozenset({"sku", "zones"}),
        default_sku=Sku("Premium_LRS"),
        created_status=200,  # azure-cli and the SDKs know no other that has a body
    ),
    Kind("Microsoft.Compute/sshPublicKeys", SshPublicKey, asynchronous=False),
)
