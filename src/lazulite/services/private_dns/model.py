"""``Microsoft.Network/privateDnsZones``, their links and record sets, API 2018-09-01 to 2024-06-01."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    READ_ONLY,
    SECRET,
    Kind,
    Properties,
    Quota,
    Ref,
    Targets,
    WeakRef,
)
from lazulite.services.dns import records
from lazulite.services.dns.model import RECORD_SET_NAME, ZONE_NAME

MAX_ZONES, MAX_RECORD_SETS, MAX_RECORDS, MAX_LINKS, MAX_REGISTRATIONS = 1000, 25_000, 20, 1000, 100
"""Zones per subscription and per network; sets and links per zone, records per set. Source: "Azure subscription and
service limits", private DNS limits."""
MAX_ZONES_PER_NETWORK = 1000
"""Source: the same."""
REGISTERED_TTL_S = 10
"""Source: "What is the auto registration feature in Azure DNS private zones?"."""


class PrivateZone(Properties, frozen=True):
    max_number_of_record_sets: Annotated[int | None, READ_ONLY] = None
    number_of_record_sets: Annotated[int | None, READ_ONLY] = None
    max_number_of_virtual_network_links: Annotated[int | None, READ_ONLY] = None
    number_of_virtual_network_links: Annotated[int | None, READ_ONLY] = None
    max_number_of_virtual_network_links_with_registration: Annotated[int | None, READ_ONLY] = None
    number_of_virtual_network_links_with_registration: Annotated[int | None, READ_ONLY] = None
    internal_id: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class VirtualNetworkLink(Properties, frozen=True):
    virtual_network: Annotated[Ref | None, WeakRef(), IMMUTABLE, Targets("Microsoft.Network/virtualNetworks")] = None
    registration_enabled: bool = False
    resolution_policy: Literal["Default", "NxDomainRedirect"] = "Default"
    network_guid: Annotated[str | None, ASSIGNED, SECRET] = None
    """``guid`` of the network when the link was made: a successor of the same name is not linked."""
    virtual_network_link_state: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class RecordSet(records.Held, frozen=True):
    """What every type has. ``held`` are its records."""

    metadata: Annotated[dict[str, Any] | None, INERT] = None
    ttl: int | None = None
    fqdn: Annotated[str | None, READ_ONLY] = None
    is_auto_registered: Annotated[bool | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class ASet(RecordSet, frozen=True):
    rtype = "A"
    records: tuple[records.ARecord, ...] = msgspec.field(default=(), name="aRecords")


class AaaaSet(RecordSet, frozen=True):
    rtype = "AAAA"
    records: tuple[records.AaaaRecord, ...] = msgspec.field(default=(), name="aaaaRecords")


class CnameSet(RecordSet, frozen=True):
    rtype = "CNAME"
    record: records.CnameRecord | None = msgspec.field(default=None, name="cnameRecord")


class MxSet(RecordSet, frozen=True):
    rtype = "MX"
    records: tuple[records.MxRecord, ...] = msgspec.field(default=(), name="mxRecords")


class PtrSet(RecordSet, frozen=True):
    rtype = "PTR"
    records: tuple[records.PtrRecord, ...] = msgspec.field(default=(), name="ptrRecords")


class SoaSet(RecordSet, frozen=True):
    rtype = "SOA"
    record: records.PrivateSoa | None = msgspec.field(default=None, name="soaRecord")


class SrvSet(RecordSet, frozen=True):
    rtype = "SRV"
    records: tuple[records.SrvRecord, ...] = msgspec.field(default=(), name="srvRecords")


class TxtSet(RecordSet, frozen=True):
    rtype = "TXT"
    records: tuple[records.TxtRecord, ...] = msgspec.field(default=(), name="txtRecords")


SETS: Mapping[str, type[RecordSet]] = {
    model.rtype: model for model in (ASet, AaaaSet, CnameSet, MxSet, PtrSet, SoaSet, SrvSet, TxtSet)
}

ZONE = "Microsoft.Network/privateDnsZones"
KINDS = (
    Kind(ZONE, PrivateZone, name_pattern=ZONE_NAME, quota=Quota(MAX_ZONES, "PrivateDnsZoneCountLimitReached")),
    Kind(f"{ZONE}/virtualNetworkLinks", VirtualNetworkLink),
    *(
        Kind(
            f"{ZONE}/{rtype}",
            model,
            located=False,
            tracked=False,
            name_pattern=RECORD_SET_NAME,
            asynchronous=False,
        )
        for rtype, model in SETS.items()
    ),
)
