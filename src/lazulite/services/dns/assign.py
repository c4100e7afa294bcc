"""What Azure chooses: a zone's servers, the record sets a zone is born with, the host of a start of authority."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.model import APEX, Dnssec, NsSet, SoaSet, Zone
from lazulite.services.dns.naming import free_set, server_names
from lazulite.services.dns.records import NsRecord, PublicSoa
from lazulite.services.service import Lab

NS_TTL_S = 172800
"""Source: facts/dns.md D4 (recorded)."""
SOA_TTL_S = 3600
"""Source: "DNS zones and records", SOA records."""
DEFAULT_TTL_S = 3600
"""Of a record set that comes without one. Source: az network dns record-set a create, ``--ttl``."""


def resource(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    properties = new.properties
    if isinstance(properties, Zone):
        number = properties.servers or free_set(new.id.name, view)
        named = tuple(f"{n}." for n in server_names(number))
        return replace(new, properties=replace(properties, servers=number, name_servers=named))
    if isinstance(properties, Dnssec):
        return new
    ttl = properties.ttl if properties.ttl is not None else DEFAULT_TTL_S
    properties = replace(properties, ttl=ttl)
    if isinstance(properties, SoaSet) and properties.record is not None and properties.record.host is None:
        zone = view.get(new.id.parent, Zone)
        host = zone.properties.name_servers[0] if zone is not None else ""
        properties = replace(properties, record=replace(properties.record, host=host))
    return replace(new, properties=properties)


def companions(zone: Resource[Any], view: View, lab: Lab) -> Iterator[Resource[Any]]:
    """The NS and SOA sets at the apex. Source: "DNS zones and records", NS and SOA records."""
    if isinstance(zone.properties, Zone):
        servers = zone.properties.name_servers
        held = tuple(NsRecord(s) for s in servers)
        yield Resource(zone.id.child("NS", APEX), NsSet(ttl=NS_TTL_S, records=held))
        yield Resource(zone.id.child("SOA", APEX), SoaSet(ttl=SOA_TTL_S, record=PublicSoa(host=servers[0])))
