"""Zones and record sets as the forwarding model sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lazulite.forwarding.model import RecordSet, Zone
from lazulite.resources.model import Properties, Ref, Resource
from lazulite.resources.view import View
from lazulite.services.dns import model
from lazulite.services.dns.naming import owner, seed
from lazulite.services.dns.platform import infrastructure, name_servers
from lazulite.services.lab.model import Client
from lazulite.services.public_ip_address.answered import answered_address
from lazulite.services.public_ip_address.model import PublicIPAddress

_LONGEST_ALIAS = 8
"""Aliases that point to aliases."""
_PROFILES = "microsoft.network/trafficmanagerprofiles"


def zone(found: Resource[model.Zone], view: View) -> Iterable[Zone]:
    view.demand(name_servers, found.properties.servers)
    view.demand(infrastructure)
    yield Zone(found.id.key, found.id.name.lower(), found.properties.servers, found.id.text, seed(found.id, view))


def record_set(found: Resource[Any], view: View) -> Iterable[RecordSet]:
    """An empty set is not on the name servers. Source: "DNS zones and records", record sets."""
    properties = found.properties
    target = properties.target_resource
    name, of, place = found.id.key, found.id.parent.key, owner(found.id)
    if target is not None and target.target.kind.lower() == _PROFILES:
        policy = target.target.key if view.get(target, Properties) is not None else ""
        yield RecordSet(name, of, place, properties.rtype, properties.ttl or 0, (), policy, found.id.text)
        return
    records = held(properties) if target is None else tuple(_aliased(target, properties, view))
    if records:
        yield RecordSet(name, of, place, properties.rtype, properties.ttl or 0, records, "", found.id.text)


def held(properties: Any) -> tuple[bytes, ...]:
    return tuple(r.rdata() for r in properties.held)


def _aliased(target: Ref, properties: Any, view: View, depth: int = 0) -> Iterator[bytes]:
    """What an alias answers now. Source: "Azure DNS alias records overview"."""
    address = view.get(target, PublicIPAddress)
    if address is not None:
        public = answered_address(address, view)
        if public is not None and properties.rtype == ("A" if public.version == 4 else "AAAA"):
            yield public.packed
        return
    other = view.get(target, type(properties))
    if other is not None and depth < _LONGEST_ALIAS:
        further = other.properties.target_resource
        yield from held(other.properties) if further is None else _aliased(further, properties, view, depth + 1)


def client(found: Resource[Client], view: View) -> Iterable[Zone]:
    """A host on the Internet finds a name service there."""
    view.demand(infrastructure)
    return ()
