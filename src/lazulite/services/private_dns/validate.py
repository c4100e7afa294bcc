"""What Azure refuses of private zones, their links and record sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.dns.model import APEX
from lazulite.services.dns.refusals import BAD, alone, fits, located, shape
from lazulite.services.private_dns.assign import HOST
from lazulite.services.private_dns.model import (
    MAX_LINKS,
    MAX_RECORD_SETS,
    MAX_RECORDS,
    MAX_REGISTRATIONS,
    MAX_ZONES_PER_NETWORK,
    SETS,
    CnameSet,
    PrivateZone,
    RecordSet,
    SoaSet,
    VirtualNetworkLink,
)
from lazulite.services.private_dns.registration import live
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import VirtualNetwork


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(new.properties, PrivateZone):
        yield from located(new)
    elif isinstance(new.properties, VirtualNetworkLink):
        yield from located(new)
        yield from _link(new, view)
    else:
        yield from shape(new, MAX_RECORDS)
        yield from fits(new)
        yield from _beside(new, view)
        yield from _apex(new)


def _link(new: Resource[VirtualNetworkLink], view: View) -> Iterator[Violation]:
    network = view.get(new.properties.virtual_network, VirtualNetwork)
    if network is None:
        if new.properties.virtual_network is None:
            message = f"The virtual network link '{new.id.name}' needs a virtual network."
            yield Violation(BAD, message, "properties.virtualNetwork")
        return
    others = [o for o in view.referrers(network.id, VirtualNetworkLink) if o.id != new.id]
    yield from _identity(others, network, view)
    yield from _overlap(new, others)
    if new.properties.registration_enabled:
        yield from _registration(new, others)
    if len(others) >= MAX_ZONES_PER_NETWORK:
        message = f"The virtual network '{network.id}' is linked to {len(others)} private DNS zones already."
        yield Violation(BAD, message, "properties.virtualNetwork")
    yield from _count(new, view)


def _identity(
    others: list[Resource[VirtualNetworkLink]], network: Resource[VirtualNetwork], view: View
) -> Iterator[Violation]:
    """Source: facts/dns.md, P7 and errors."""
    if any(live(o, view) is None for o in others):
        message = (
            f"Virtual network resource identity '{network.id}' already in use. This is possible in case the virtual "
            "network was moved, or re-created. Please contact support."
        )
        yield Violation("Conflict", message, "properties.virtualNetwork")


def _overlap(new: Resource[VirtualNetworkLink], others: list[Resource[VirtualNetworkLink]]) -> Iterator[Violation]:
    name = new.id.parent.name.lower()
    for other in others:
        zone = other.id.parent
        if zone.name.lower() == name:
            message = (
                "A virtual network cannot be linked to multiple zones with overlapping namespaces. You tried to link "
                f"virtual network with '{new.id.parent.name}' and '{zone.name}' zones."
            )
            yield Violation(BAD, message, "properties.virtualNetwork")


def _registration(new: Resource[VirtualNetworkLink], others: list[Resource[VirtualNetworkLink]]) -> Iterator[Violation]:
    """Source: "What is the auto registration feature in Azure DNS private zones?", restrictions."""
    for other in others:
        if other.properties.registration_enabled:
            message = (
                "A virtual network can only be linked to 1 Private DNS zone(s) with auto-registration enabled; "
                f"conflicting Private DNS zone is '{other.id.parent.name}'."
            )
            yield Violation(BAD, message, "properties.registrationEnabled")


def _count(new: Resource[VirtualNetworkLink], view: View) -> Iterator[Violation]:
    prefix = new.id.parent.key + "/"
    held = [
        r
        for k, r in view.snapshot.kinds.get(VirtualNetworkLink, {}).items()
        if k.startswith(prefix) and k != new.id.key
    ]
    if len(held) >= MAX_LINKS:
        message = f"The zone '{new.id.parent.name}' can have {MAX_LINKS} virtual network links."
        yield Violation("VirtualNetworkLinkCountLimitReached", message)
    registering = sum(r.properties.registration_enabled for r in held)
    if new.properties.registration_enabled and registering >= MAX_REGISTRATIONS:
        message = f"The zone '{new.id.parent.name}' can have {MAX_REGISTRATIONS} links with registration."
        yield Violation("VirtualNetworkLinkCountLimitReached", message, "properties.registrationEnabled")


def _beside(new: Resource[RecordSet], view: View) -> Iterator[Violation]:
    """The other sets of the name, and of the zone."""
    kind = type(new.properties)
    found = [view.get(new.id.parent.child(r, new.id.name), m) for r, m in SETS.items() if m is not kind]
    others = [o for o in found if o is not None]
    clash = others if kind is CnameSet else [o for o in others if isinstance(o.properties, CnameSet)]
    if clash:
        yield alone(new, clash[0])
    prefix = new.id.parent.key + "/"
    held = sum(k.startswith(prefix) for m in SETS.values() for k in view.snapshot.kinds.get(m, ()) if k != new.id.key)
    if held >= MAX_RECORD_SETS:
        message = f"The zone '{new.id.parent.name}' can have {MAX_RECORD_SETS} record sets."
        yield Violation("RecordSetCountLimitReached", message)


def _apex(new: Resource[RecordSet]) -> Iterator[Violation]:
    properties = new.properties
    if not isinstance(properties, SoaSet):
        return
    if new.id.name != APEX:
        yield Violation(BAD, "A SOA record set can only be at the zone apex.", "name")
    host = (properties.record.host or "").lower().rstrip(".") if properties.record is not None else ""
    if host != HOST:
        message = f"The host of the SOA record is {HOST} and cannot be changed."
        yield Violation(BAD, message, "properties.soaRecord.host")


def deletable(gone: Resource[Any], view: View) -> Iterator[Violation]:
    if isinstance(gone.properties, SoaSet) and view.get(gone.id.parent, PrivateZone) is not None:
        yield Violation(BAD, "The record set of type SOA at the zone apex cannot be deleted.")
    elif isinstance(gone.properties, PrivateZone):
        prefix = gone.id.key + "/"
        links = [r.id.text for k, r in view.snapshot.kinds.get(VirtualNetworkLink, {}).items() if k.startswith(prefix)]
        if links:
            message = (
                f"Can not delete resource before nested resources are deleted. Private DNS zone {gone.id} has virtual "
                f"network links: {', '.join(sorted(links))}."
            )
            yield Violation("CannotDeleteResource", message)
