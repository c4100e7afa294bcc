"""What Azure refuses of public zones and their record sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.dns.model import (
    APEX,
    MAX_ALIASES,
    MAX_RECORD_SETS,
    MAX_RECORDS,
    SETS,
    CnameSet,
    Dnssec,
    NsSet,
    RecordSet,
    SoaSet,
    Zone,
)
from lazulite.services.dns.naming import ADDRESSES, ALIASES, siblings
from lazulite.services.dns.refusals import BAD, alone, fits, located, shape
from lazulite.services.service import Lab
from lazulite.services.traffic_manager.model import Profile

_PUBLIC_ADDRESSES = "microsoft.network/publicipaddresses"
_PROFILES = "microsoft.network/trafficmanagerprofiles"
_ENDPOINTS = frozenset({"microsoft.cdn/profiles/endpoints", "microsoft.network/frontdoors"})


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(new.properties, Zone):
        yield from _zone(new)
        return
    if isinstance(new.properties, Dnssec):
        return
    yield from shape(new, MAX_RECORDS)
    yield from _room(new, view)
    yield from _name(new, view)
    yield from _apex(new, view)
    yield from _alias(new)
    yield from _profile(new, view)
    yield from _many(new, view)


def _zone(new: Resource[Zone]) -> Iterator[Violation]:
    yield from located(new)
    if new.properties.zone_type != "Public":
        message = "Private zones are resources of type Microsoft.Network/privateDnsZones."
        yield Violation("FeatureNotSupported", message, "properties.zoneType")


def _room(new: Resource[Any], view: View) -> Iterator[Violation]:
    if view.get(new.id, RecordSet) is not None:
        return
    prefix = new.id.parent.key + "/"
    held = sum(k.startswith(prefix) for m in SETS.values() for k in view.snapshot.kinds.get(m, ()))
    if held >= MAX_RECORD_SETS:
        message = f"The zone '{new.id.parent.name}' has {held} record sets; it can have {MAX_RECORD_SETS}."
        yield Violation("RecordSetCountLimitReached", message)


def _name(new: Resource[Any], view: View) -> Iterator[Violation]:
    yield from fits(new)
    properties = new.properties
    if new.id.name.startswith("*") and isinstance(properties, NsSet | SoaSet):
        yield Violation(BAD, f"A record set of type {properties.rtype} cannot be a wildcard.", "name")
    others = siblings(new, view)
    clash = others if isinstance(properties, CnameSet) else [o for o in others if isinstance(o.properties, CnameSet)]
    if clash:
        yield alone(new, clash[0])


def _apex(new: Resource[Any], view: View) -> Iterator[Violation]:
    """Source: "DNS zones and records", NS records and SOA records."""
    zone, properties = view.get(new.id.parent, Zone), new.properties
    servers = {s.lower() for s in zone.properties.name_servers} if zone is not None else set()
    if isinstance(properties, NsSet) and new.id.name == APEX:
        held = {_dotted(r.nsdname) for r in properties.records}
        if not servers <= held:
            message = "The name servers that Azure assigned to the zone cannot be removed from its NS record set."
            yield Violation(BAD, message, "properties.NSRecords")
    elif isinstance(properties, SoaSet) and new.id.name != APEX:
        yield Violation(BAD, "A SOA record set can only be at the zone apex.", "name")
    elif isinstance(properties, SoaSet):
        host = _dotted(properties.record.host or "") if properties.record is not None else ""
        if zone is not None and host != zone.properties.name_servers[0].lower():
            message = f"The host of the SOA record is {zone.properties.name_servers[0]} and cannot be changed."
            yield Violation(BAD, message, "properties.SOARecord.host")


def _dotted(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _alias(new: Resource[Any]) -> Iterator[Violation]:
    """Source: "Azure DNS alias records overview", capabilities."""
    properties, target = new.properties, new.properties.target_resource
    if target is None:
        return
    place, kind = "properties.targetResource", target.target.kind.lower()
    if properties.rtype not in ALIASES:
        message = f"Alias record sets are of type A, AAAA or CNAME, not {properties.rtype}."
        yield Violation(BAD, message, place)
    if properties.held:
        message = "A record set is either an alias or has records of its own, not both."
        yield Violation(BAD, message, place)
    if properties.rtype == "CNAME" and kind == _PUBLIC_ADDRESSES:
        yield Violation(BAD, "A CNAME alias cannot point to a public IP address.", place)
    own = f"microsoft.network/dnszones/{properties.rtype}".lower()
    if kind.startswith("microsoft.network/dnszones/"):
        same = target.target.parent == new.id.parent and kind == own and target.target != new.id
        if not same:
            message = "An alias to a record set points to another one of the same zone and the same type."
            yield Violation(BAD, message, place)
    elif kind not in (_PUBLIC_ADDRESSES, _PROFILES, *_ENDPOINTS):
        yield Violation(BAD, f"An alias record set cannot point to a resource of type {target.target.kind}.", place)


def _profile(new: Resource[Any], view: View) -> Iterator[Violation]:
    """An address is one of the profile's own. Source: "Azure DNS alias records overview", Traffic Manager profiles."""
    found = view.get(new.properties.target_resource, Profile)
    if found is not None and new.properties.rtype in ADDRESSES and found.properties.azure_endpoints:
        message = (
            f"The Traffic Manager profile '{found.id.name}' has an Azure endpoint: an alias of type "
            f"{new.properties.rtype} can point to a profile with external endpoints only."
        )
        yield Violation(BAD, message, "properties.targetResource")


def _many(new: Resource[Any], view: View) -> Iterator[Violation]:
    target = new.properties.target_resource
    if target is None:
        return
    others = {r.id for rtype in ALIASES for r in view.referrers(target.target, SETS[rtype])} - {new.id}
    if len(others) >= MAX_ALIASES:
        message = f"{len(others)} alias record sets point to '{target.id}' already; {MAX_ALIASES} can."
        yield Violation(BAD, message, "properties.targetResource")


def deletable(gone: Resource[Any], view: View) -> Iterator[Violation]:
    """Source: "DNS zones and records", NS records and SOA records: they live as long as the zone does."""
    stays = view.get(gone.id.parent, Zone) is not None
    if isinstance(gone.properties, NsSet | SoaSet) and gone.id.name == APEX and stays:
        message = f"The record set of type {gone.properties.rtype} at the zone apex cannot be deleted."
        yield Violation(BAD, message)
