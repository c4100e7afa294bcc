"""What the service chooses: the address or prefix to set aside, and the DNS name that follows from the label."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource, Sku
from lazulite.resources.view import View
from lazulite.services.public_ip_address.model import DnsSettings, PublicIPAddress, PublicIPPrefix, version_number
from lazulite.services.public_ip_address.names import fqdn
from lazulite.services.public_ip_address.pool import free_address, free_prefix, free_within
from lazulite.services.service import Lab
from lazulite.values import IPAddress, IPNetwork


def resource(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """What is held already stays; the client never chooses it."""
    new = replace(new, sku=_spelled(new.sku))
    properties = new.properties
    if isinstance(properties, PublicIPPrefix):
        return replace(new, properties=replace(properties, held_prefix=_prefix(properties, view, lab)))
    settings = properties.dns_settings and _named(properties.dns_settings, new.location, lab)
    held = properties.held_address or _address(properties, view, lab)
    return replace(new, properties=replace(properties, held_address=held, dns_settings=settings))


_SPELLINGS = {s.lower(): s for s in ("Basic", "Standard", "StandardV2", "Regional", "Global")}


def _spelled(sku: Sku | None) -> Sku | None:
    """In Azure's own case, as enumerations are everywhere: az writes ``standard`` for an address of all regions."""
    if sku is None or sku.name is None:
        return sku
    tier = sku.tier and _SPELLINGS.get(sku.tier.lower(), sku.tier)
    return replace(sku, name=_SPELLINGS.get(sku.name.lower(), sku.name), tier=tier)


def _prefix(wanted: PublicIPPrefix, view: View, lab: Lab) -> IPNetwork | None:
    length = wanted.prefix_length
    if wanted.held_prefix is not None or length is None or length not in wanted.lengths:
        return wanted.held_prefix
    return free_prefix(lab, view, version_number(wanted), length)


def _named(settings: DnsSettings, location: str | None, lab: Lab) -> DnsSettings:
    label = settings.domain_name_label
    return replace(settings, fqdn=fqdn(label, location, lab) if label is not None else None)


def _address(wanted: PublicIPAddress, view: View, lab: Lab) -> IPAddress | None:
    if wanted.public_ip_prefix is None:
        return free_address(lab, view, version_number(wanted))
    prefix = view.get(wanted.public_ip_prefix, PublicIPPrefix)
    held = prefix.properties.held_prefix if prefix is not None else None
    return free_within(held, view) if held is not None and held.version == version_number(wanted) else None
