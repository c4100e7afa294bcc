"""``Microsoft.Network/natGateways``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lazulite.resources.model import (
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    UNSUPPORTED,
    Kind,
    Properties,
    Ref,
    Sku,
    Targets,
)

MAX_ADDRESSES = 16
"""Of all public addresses and prefixes together. Source: "NAT gateway resource", public IP addresses."""
IDLE_MINUTES = range(4, 121)
"""Of TCP. Source: "NAT gateway resource", idle timeout timers."""
UDP_IDLE_MINUTES = 4
"""Source: the same; it cannot be changed."""


class NatGateway(Properties, frozen=True):
    idle_timeout: int = msgspec.field(default=4, name="idleTimeoutInMinutes")
    public_ip_addresses: Annotated[tuple[Ref, ...], Targets("Microsoft.Network/publicIPAddresses")] = ()
    public_ip_prefixes: Annotated[tuple[Ref, ...], Targets("Microsoft.Network/publicIPPrefixes")] = ()
    public_ip_addresses_v6: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    public_ip_prefixes_v6: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    source_virtual_network: Annotated[Ref | None, UNSUPPORTED] = None
    service_gateway: Annotated[Ref | None, UNSUPPORTED] = None
    nat64: Annotated[Literal["None", "Enabled", "Disabled"], UNSUPPORTED] = "None"
    subnets: Annotated[tuple[Ref, ...], READ_ONLY] = ()
    resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (
    Kind(
        "Microsoft.Network/natGateways",
        NatGateway,
        in_use=(
            "InUseNatGatewayCannotBeDeleted",
            "Nat Gateway {name} is in use and cannot be deleted. It is associated with: {users}.",
        ),
        envelope=frozenset({"sku", "zones"}),
        default_sku=Sku("Standard"),
    ),
)
