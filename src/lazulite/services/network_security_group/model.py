"""``Microsoft.Network/networkSecurityGroups`` and ``applicationSecurityGroups``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Literal

from lazulite.resources.model import INERT, READ_ONLY, Bounds, Child, Kind, Properties, Quota, Ref, Targets

MAX_SECURITY_GROUPS, MAX_APPLICATION_SECURITY_GROUPS = 5000, 3000
"""Per region and subscription. Source: "Azure subscription and service limits", networking limits."""
_APPLICATION_SECURITY_GROUP = Targets("Microsoft.Network/applicationSecurityGroups")


class SecurityRule(Properties, frozen=True):
    """A line of a security group. Each of the four fields is written singular or plural, never both."""

    protocol: str
    """``Tcp``, ``Udp``, ``Icmp``, ``Esp``, ``Ah`` or ``*`` in any case; echoed as it was sent."""
    access: Literal["Allow", "Deny"]
    direction: Literal["Inbound", "Outbound"]
    priority: int
    description: Annotated[str | None, INERT, Bounds(0, 140)] = None
    source_port_range: str | None = None
    source_port_ranges: tuple[str, ...] = ()
    destination_port_range: str | None = None
    destination_port_ranges: tuple[str, ...] = ()
    source_address_prefix: str | None = None
    source_address_prefixes: tuple[str, ...] = ()
    destination_address_prefix: str | None = None
    destination_address_prefixes: tuple[str, ...] = ()
    source_application_security_groups: Annotated[tuple[Ref, ...], _APPLICATION_SECURITY_GROUP] = ()
    destination_application_security_groups: Annotated[tuple[Ref, ...], _APPLICATION_SECURITY_GROUP] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class NetworkSecurityGroup(Properties, frozen=True):
    security_rules: tuple[Child[SecurityRule], ...] = ()
    flush_connection: Annotated[bool | None, INERT] = None
    default_security_rules: Annotated[tuple[Child[SecurityRule], ...], READ_ONLY] = ()
    network_interfaces: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    subnets: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    flow_logs: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class ApplicationSecurityGroup(Properties, frozen=True):
    """A name for addresses: the ip configurations that reference it are its members."""

    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (
    Kind(
        "Microsoft.Network/networkSecurityGroups",
        NetworkSecurityGroup,
        quota=Quota(MAX_SECURITY_GROUPS, "NetworkSecurityGroupCountLimitReached"),
        in_use=(
            "InUseNetworkSecurityGroupCannotBeDeleted",
            "Network security group {id} cannot be deleted because it is in use by the following resources: {users}. "
            "In order to delete the Network security group, remove the association with the resource(s). To learn how "
            "to do this, see aka.ms/deletensg.",
        ),
        creatable_children=frozenset({"securityRules"}),
    ),
    Kind(
        "Microsoft.Network/applicationSecurityGroups",
        ApplicationSecurityGroup,
        quota=Quota(MAX_APPLICATION_SECURITY_GROUPS, "ApplicationSecurityGroupCountLimitReached"),
        in_use=(
            "InUseApplicationSecurityGroupCannotBeDeleted",
            "Application security group {id} cannot be deleted because it is in use by the following resources: "
            "{users}.",
        ),
    ),
)
