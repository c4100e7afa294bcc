"""``Microsoft.Network/virtualNetworkTaps`` and ``networkInterfaces/tapConfigurations``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated

import msgspec

from lazulite.resources.model import READ_ONLY, Kind, Properties, Quota, Ref, Resource, Targets

MAX_TAPS, MAX_SOURCES = 100, 100
"""TAPs of a subscription in a region, interfaces of a TAP. Source: "Azure subscription and service limits", virtual
network TAP limits."""
DEFAULT_PORT = 4789
"""Of VXLAN. Source: facts/virtual-network-tap.md, resource JSON; 0 stands for it (recorded)."""


class VirtualNetworkTap(Properties, frozen=True):
    """Where the copies go: one of the two destinations."""

    destination_configuration: Annotated[
        Ref | None, Targets("Microsoft.Network/networkInterfaces/ipConfigurations")
    ] = msgspec.field(default=None, name="destinationNetworkInterfaceIPConfiguration")
    destination_frontend: Annotated[Ref | None, Targets("Microsoft.Network/loadBalancers/frontendIPConfigurations")] = (
        msgspec.field(default=None, name="destinationLoadBalancerFrontEndIPConfiguration")
    )
    destination_port: int = DEFAULT_PORT
    network_interface_tap_configurations: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class TapConfiguration(Properties, frozen=True):
    """``networkInterfaces/tapConfigurations``: all packets of the interface are copied to a TAP."""

    virtual_network_tap: Annotated[Ref | None, Targets("Microsoft.Network/virtualNetworkTaps")] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


def identifier(tap: Resource[VirtualNetworkTap]) -> int:
    """The VXLAN network identifier of a TAP's copies: the first 24 bits of its ``resourceGuid``, or 1 where those are
    zero. Azure documents none; ours can be read off the resource and stays while it exists."""
    return int(tap.guid.replace("-", "")[:6] or "0", 16) or 1


KINDS = (
    Kind(
        "Microsoft.Network/virtualNetworkTaps",
        VirtualNetworkTap,
        in_use=(
            "InUseVirtualNetworkTapCannotBeDeleted",
            "Virtual network tap {id} cannot be deleted because it is in use by the following tap configurations: "
            "{users}.",
        ),
        quota=Quota(MAX_TAPS, "VirtualNetworkTapCountLimitReached"),
    ),
    Kind("Microsoft.Network/networkInterfaces/tapConfigurations", TapConfiguration, located=False, tracked=False),
)
