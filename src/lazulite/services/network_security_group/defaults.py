"""The rules that every security group ends with."""

from __future__ import annotations

from typing import Literal

from lazulite.resources.model import Child
from lazulite.services.network_security_group.model import SecurityRule
from lazulite.services.network_security_group.tags import INTERNET, VIRTUAL_NETWORK
from lazulite.services.network_security_group.terms import EVERYTHING


def _rule(
    name: str,
    priority: int,
    direction: Literal["Inbound", "Outbound"],
    access: Literal["Allow", "Deny"],
    description: str,
    source: str = EVERYTHING,
    destination: str = EVERYTHING,
) -> Child[SecurityRule]:
    return Child(
        name,
        SecurityRule(
            protocol=EVERYTHING,
            access=access,
            direction=direction,
            priority=priority,
            description=description,
            source_port_range=EVERYTHING,
            destination_port_range=EVERYTHING,
            source_address_prefix=source,
            destination_address_prefix=destination,
        ),
    )


DEFAULT_RULES = (
    _rule(
        "AllowVnetInBound",
        65000,
        "Inbound",
        "Allow",
        "Allow inbound traffic from all VMs in VNET",
        VIRTUAL_NETWORK,
        VIRTUAL_NETWORK,
    ),
    _rule(
        "AllowAzureLoadBalancerInBound",
        65001,
        "Inbound",
        "Allow",
        "Allow inbound traffic from azure load balancer",
        "AzureLoadBalancer",
    ),
    _rule("DenyAllInBound", 65500, "Inbound", "Deny", "Deny all inbound traffic"),
    _rule(
        "AllowVnetOutBound",
        65000,
        "Outbound",
        "Allow",
        "Allow outbound traffic from all VMs to all VMs in VNET",
        VIRTUAL_NETWORK,
        VIRTUAL_NETWORK,
    ),
    _rule(
        "AllowInternetOutBound",
        65001,
        "Outbound",
        "Allow",
        "Allow outbound traffic from all VMs to Internet",
        destination=INTERNET,
    ),
    _rule("DenyAllOutBound", 65500, "Outbound", "Deny", "Deny all outbound traffic"),
)
"""In evaluation order per direction, after every rule of the user.
Source: "Network security groups", default security rules; descriptions as recorded from the service."""
