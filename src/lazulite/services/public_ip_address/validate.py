"""What Azure refuses of public addresses and public prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.public_ip_address.names import fqdn
from lazulite.services.service import Lab
from lazulite.services.virtual_network.references import elsewhere

SKUS, TIERS = ("Basic", "Standard", "StandardV2"), ("Regional", "Global")
LABEL = re.compile(r"[a-z][a-z0-9-]{1,61}[a-z0-9]")
"""Source: "Public IP addresses", DNS name label."""


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    yield from _envelope(new, view)
    if isinstance(new.properties, PublicIPPrefix):
        yield from _prefix(new)
    else:
        yield from _method(new)
        yield from _from_prefix(new, view)
        yield from _label(new, view, lab)
        yield from _reverse(new)
        if new.properties.held_address is None and new.properties.public_ip_prefix is None:
            yield Violation("PublicIPAddressPoolExhausted", "No address of the lab's public pool is free.")


def _envelope(new: Resource[Any], view: View) -> Iterator[Violation]:
    """The SKU stands once the resource does, but for the upgrade from Basic; zones stand always.

    Source: "Upgrade a public IP address"; "Public IP addresses", availability zone.
    """
    name, tier = (new.sku.name, new.sku.tier) if new.sku is not None else (None, None)
    if name not in SKUS or tier not in (None, *TIERS):
        yield Violation("InvalidParameter", f"SKU {name} {tier or ''} is not one of {', '.join(SKUS)}.", "sku.name")
    stored = view.get(new.id, type(new.properties))
    if stored is None:
        return
    before = stored.sku.name if stored.sku is not None else None
    if name != before and (before, name) != ("Basic", "Standard"):
        yield Violation(
            "PropertyChangeNotAllowed", f"Changing property 'sku.name' from {before} is not allowed.", "sku"
        )
    if stored.zones != new.zones:
        message = (
            f"Resource {new.id} has an existing availability zone constraint {', '.join(stored.zones) or 'none'} and "
            f"the request has availability zone constraint {', '.join(new.zones) or 'none'}, which do not match."
        )
        yield Violation("ResourceAvailabilityZonesCannotBeModified", message, "zones")


def _is_basic(resource: Resource[Any]) -> bool:
    return resource.sku is None or resource.sku.name == "Basic"


def _method(new: Resource[PublicIPAddress]) -> Iterator[Violation]:
    """Source: "Public IP addresses", SKU."""
    if not _is_basic(new) and new.properties.public_ip_allocation_method != "Static":
        message = f"Public IP address {new.id} of SKU {new.sku and new.sku.name} must have static allocation."
        target = "properties.publicIPAllocationMethod"
        yield Violation("StandardSkuPublicIPAddressesCannotHaveDynamicAllocation", message, target)


def _from_prefix(new: Resource[PublicIPAddress], view: View) -> Iterator[Violation]:
    """Source: "Public IP address prefix", constraints."""
    ref, target = new.properties.public_ip_prefix, "properties.publicIPPrefix"
    prefix = view.get(ref, PublicIPPrefix)
    if ref is None or prefix is None:
        return
    yield from elsewhere(new, ref, view, target)
    if _is_basic(new):
        message = f"Public IP address {new.id} of the Basic SKU cannot come from public IP prefix {ref.id}."
        yield Violation("PublicIPAddressAndPrefixSkuMismatch", message, target)
    if prefix.properties.public_ip_address_version != new.properties.public_ip_address_version:
        message = f"Public IP prefix {ref.id} is of version {prefix.properties.public_ip_address_version}."
        yield Violation("PublicIPAddressAndPrefixVersionMismatch", message, target)
    elif new.properties.held_address is None:
        message = f"Public IP prefix {ref.id} ({prefix.properties.held_prefix}) has no available address."
        yield Violation("PublicIPPrefixHasNoAvailableAddress", message, target)


def _reverse(new: Resource[PublicIPAddress]) -> Iterator[Violation]:
    """Source: "Configure services hosted in Azure with reverse DNS lookup": a fully qualified name."""
    settings = new.properties.dns_settings
    name = settings.reverse_fqdn if settings is not None else None
    if name is None:
        return
    try:
        encode(name)
    except ValueError as error:
        message = f"The reverse FQDN {name} is invalid: {error}."
        yield Violation("InvalidReverseFqdn", message, "properties.dnsSettings.reverseFqdn")


def _label(new: Resource[PublicIPAddress], view: View, lab: Lab) -> Iterator[Violation]:
    settings, target = new.properties.dns_settings, "properties.dnsSettings.domainNameLabel"
    label = settings.domain_name_label if settings is not None else None
    if label is None:
        return
    if not LABEL.fullmatch(label):
        message = (
            f"The domain name label {label} is invalid. It must conform to the following regular expression: "
            f"^{LABEL.pattern}$."
        )
        yield Violation("InvalidDomainNameLabel", message, target)
    for other in labelled(label, new.location, view):
        if other.id != new.id:
            message = f"DNS record {fqdn(label, new.location, lab)} is already used by another public IP."
            yield Violation("DnsRecordInUse", message, target)


def labelled(label: str, location: str | None, view: View) -> Iterator[Resource[PublicIPAddress]]:
    """Public addresses of *location* that have *label*."""
    for address in view.all(PublicIPAddress):
        settings = address.properties.dns_settings
        name = settings.domain_name_label if settings is not None else None
        if address.location == location and name is not None and name.lower() == label.lower():
            yield address


def _prefix(new: Resource[PublicIPPrefix]) -> Iterator[Violation]:
    target, lengths = "properties.prefixLength", new.properties.lengths
    if _is_basic(new):
        message = f"Public IP prefix {new.id} must be of the Standard SKU."
        yield Violation("PublicIPPrefixSkuMustBeStandard", message, "sku.name")
    if new.properties.prefix_length not in lengths:
        message = (
            f"Prefix length {new.properties.prefix_length} of public IP prefix {new.id} is invalid. Allowed range "
            f"{lengths[0]}-{lengths[-1]}."
        )
        yield Violation("InvalidPublicIPPrefixLength", message, target)
    elif new.properties.held_prefix is None:
        yield Violation("PublicIPAddressPoolExhausted", "No prefix of the lab's public pool is free.", target)
