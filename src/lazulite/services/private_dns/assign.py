"""What Azure chooses: the SOA set a zone is born with, which network a link is to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.model import APEX
from lazulite.services.dns.records import PrivateSoa
from lazulite.services.private_dns.model import PrivateZone, RecordSet, SoaSet, VirtualNetworkLink
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import VirtualNetwork

HOST = "azureprivatedns.net"
SOA_TTL_S = DEFAULT_TTL_S = 3600
"""Source: facts/dns.md D5 (exports of private zones); az network private-dns record-set a create, ``--ttl``."""


def resource(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    properties = new.properties
    if isinstance(properties, VirtualNetworkLink):
        network = view.get(properties.virtual_network, VirtualNetwork)
        guid = properties.network_guid or (network.guid if network is not None else None)
        return replace(new, properties=replace(properties, network_guid=guid))
    if isinstance(properties, RecordSet) and properties.ttl is None:
        properties = replace(properties, ttl=DEFAULT_TTL_S)
    if isinstance(properties, SoaSet) and properties.record is not None and properties.record.host is None:
        properties = replace(properties, record=replace(properties.record, host=HOST))
    return replace(new, properties=properties)


def companions(zone: Resource[Any], view: View, lab: Lab) -> Iterator[Resource[Any]]:
    if isinstance(zone.properties, PrivateZone):
        yield Resource(zone.id.child("SOA", APEX), SoaSet(ttl=SOA_TTL_S, record=PrivateSoa(host=HOST)))
