"""What Azure refuses of a NAT gateway. What it refuses of a subnet that has one is the virtual network's room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.nat_gateway.model import IDLE_MINUTES, MAX_ADDRESSES, NatGateway
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.public_ip_address.users import users
from lazulite.services.service import Lab
from lazulite.services.virtual_network.references import elsewhere


def gateway(new: Resource[NatGateway], view: View, lab: Lab) -> Iterator[Violation]:
    yield from _envelope(new, view)
    if new.properties.idle_timeout not in IDLE_MINUTES:
        message = (
            f"Idle timeout {new.properties.idle_timeout} of NAT gateway {new.id} is invalid. Allowed range "
            f"{IDLE_MINUTES[0]}-{IDLE_MINUTES[-1]} minutes."
        )
        yield Violation("InvalidIdleTimeout", message, "properties.idleTimeoutInMinutes")
    yield from _addresses(new, view)
    yield from _count(new, view)


def _envelope(new: Resource[NatGateway], view: View) -> Iterator[Violation]:
    """Source: "NAT gateway resource", SKU and availability zones."""
    name = new.sku.name if new.sku is not None else None
    if name != "Standard":
        message = f"SKU {name} of NAT gateway {new.id} is not supported here; it must be Standard."
        yield Violation("InvalidParameter", message, "sku.name")
    if len(new.zones) > 1:
        message = f"NAT gateway {new.id} can be in one availability zone or in none, not in {', '.join(new.zones)}."
        yield Violation("InvalidAvailabilityZones", message, "zones")
    stored = view.get(new.id, NatGateway)
    if stored is not None and stored.zones != new.zones:
        message = (
            f"Resource {new.id} has an existing availability zone constraint {', '.join(stored.zones) or 'none'} and "
            f"the request has availability zone constraint {', '.join(new.zones) or 'none'}, which do not match."
        )
        yield Violation("ResourceAvailabilityZonesCannotBeModified", message, "zones")


def _addresses(new: Resource[NatGateway], view: View) -> Iterator[Violation]:
    kinds: tuple[tuple[str, tuple[Ref, ...], type[Any]], ...] = (
        ("publicIpAddresses", new.properties.public_ip_addresses, PublicIPAddress),
        ("publicIpPrefixes", new.properties.public_ip_prefixes, PublicIPPrefix),
    )
    for name, refs, model in kinds:
        for index, ref in enumerate(refs):
            found, target = view.get(ref, model), f"properties.{name}[{index}]"
            yield from elsewhere(new, ref, view, target)
            if found is not None:
                yield from _unusable(new, found, target)
                yield from _taken(new, found, view, target)


def _unusable(new: Resource[NatGateway], found: Resource[Any], target: str) -> Iterator[Violation]:
    """Source: "NAT gateway resource", public IP addresses: IPv4, Standard SKU, regional."""
    if found.sku is None or found.sku.name != "Standard":
        message = f"NAT gateway {new.id} cannot use {found.id}: it is not of the Standard SKU."
        yield Violation("PublicIpNotStandard", message, target)
    if found.sku is not None and found.sku.tier == "Global":
        message = f"NAT gateway {new.id} cannot use {found.id}: it is of the Global tier."
        yield Violation("GlobalPublicIPAddressNotAllowed", message, target)
    if found.properties.public_ip_address_version != "IPv4":
        message = f"NAT gateway {new.id} cannot use {found.id}: it is not of version IPv4."
        yield Violation("PublicIPAddressVersionMismatch", message, target)


def _taken(new: Resource[NatGateway], found: Resource[Any], view: View, target: str) -> Iterator[Violation]:
    """A prefix serves public addresses or the gateway, not both."""
    for user in users(found.id, view):
        if not user.id.within(new.id):
            message = f"NAT gateway {new.id} is referencing {found.id} that is already allocated to {user.id}."
            yield Violation("PublicIPAddressInUse", message, target)


def _count(new: Resource[NatGateway], view: View) -> Iterator[Violation]:
    prefixes = (view.get(ref, PublicIPPrefix) for ref in new.properties.public_ip_prefixes)
    held = (p.properties.held_prefix for p in prefixes if p is not None)
    count = len(new.properties.public_ip_addresses) + sum(p.num_addresses for p in held if p is not None)
    if count > MAX_ADDRESSES:
        message = (
            f"NAT gateway {new.id} cannot have more than {MAX_ADDRESSES} public IP addresses; it would have {count}."
        )
        yield Violation("NatGatewayPublicIPAddressCountLimitReached", message, "properties")
