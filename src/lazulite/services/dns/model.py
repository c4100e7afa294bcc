"""``Microsoft.Network/dnszones`` and its record sets, API 2018-05-01 to 2023-07-01-preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    INERT,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Kind,
    Properties,
    Quota,
    Ref,
    WeakRef,
)
from lazulite.services.dns import records

MAX_ZONES, MAX_RECORD_SETS, MAX_RECORDS = 250, 10_000, 20
"""Per subscription, per zone, per record set. Source: "Azure subscription and service limits", Azure DNS limits."""
MAX_ALIASES = 20
"""Alias record sets that point to one resource. Source: "Azure subscription and service limits", Azure DNS limits."""
LONGEST_TTL_S = 2_147_483_647
"""Source: "Overview of DNS zones and records", time-to-live."""
APEX = "@"
_LABEL = r"[A-Za-z0-9_-]{1,63}"
ZONE_NAME = rf"{_LABEL}(\.{_LABEL}){{1,33}}"
"""2 to 34 labels. Source: "Naming rules and restrictions for Azure resources", Microsoft.Network."""
RECORD_SET_NAME = rf"@|(\*|{_LABEL})(\.{_LABEL})*"


class Zone(Properties, frozen=True):
    zone_type: Literal["Public", "Private"] = "Public"
    name_servers: Annotated[tuple[str, ...], ASSIGNED] = ()
    servers: Annotated[int, ASSIGNED, SECRET] = 0
    """Which set of four: two zones of one name never share theirs."""
    number_of_record_sets: Annotated[int | None, READ_ONLY] = None
    max_number_of_record_sets: Annotated[int | None, READ_ONLY] = None
    max_number_of_records_per_record_set: Annotated[int | None, READ_ONLY] = None
    signing_keys: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()
    registration_virtual_networks: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    resolution_virtual_networks: Annotated[tuple[Ref, ...], UNSUPPORTED, OMITTED_WHEN_EMPTY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class Dnssec(Properties, frozen=True):
    """Whoever writes it has the zone signed. It has no settings."""

    signing_keys: Annotated[tuple[dict[str, Any], ...], READ_ONLY] = ()
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class RecordSet(records.Held, frozen=True):
    """What every type has. ``held`` are its records."""

    metadata: Annotated[dict[str, Any] | None, INERT] = None
    ttl: int | None = msgspec.field(default=None, name="TTL")
    target_resource: Annotated[Ref | None, WeakRef()] = None
    traffic_management_profile: Annotated[Ref | None, UNSUPPORTED] = None
    fqdn: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None


class ASet(RecordSet, frozen=True):
    rtype = "A"
    records: tuple[records.ARecord, ...] = msgspec.field(default=(), name="ARecords")


class AaaaSet(RecordSet, frozen=True):
    rtype = "AAAA"
    records: tuple[records.AaaaRecord, ...] = msgspec.field(default=(), name="AAAARecords")


class CaaSet(RecordSet, frozen=True):
    rtype = "CAA"
    records: tuple[records.CaaRecord, ...] = msgspec.field(default=(), name="caaRecords")


class CnameSet(RecordSet, frozen=True):
    rtype = "CNAME"
    record: records.CnameRecord | None = msgspec.field(default=None, name="CNAMERecord")


class MxSet(RecordSet, frozen=True):
    rtype = "MX"
    records: tuple[records.MxRecord, ...] = msgspec.field(default=(), name="MXRecords")


class NsSet(RecordSet, frozen=True):
    rtype = "NS"
    records: tuple[records.NsRecord, ...] = msgspec.field(default=(), name="NSRecords")


class PtrSet(RecordSet, frozen=True):
    rtype = "PTR"
    records: tuple[records.PtrRecord, ...] = msgspec.field(default=(), name="PTRRecords")


class SoaSet(RecordSet, frozen=True):
    rtype = "SOA"
    record: records.PublicSoa | None = msgspec.field(default=None, name="SOARecord")


class SrvSet(RecordSet, frozen=True):
    rtype = "SRV"
    records: tuple[records.SrvRecord, ...] = msgspec.field(default=(), name="SRVRecords")


class TxtSet(RecordSet, frozen=True):
    rtype = "TXT"
    records: tuple[records.TxtRecord, ...] = msgspec.field(default=(), name="TXTRecords")


class DsSet(RecordSet, frozen=True):
    rtype = "DS"
    records: tuple[records.DsRecord, ...] = msgspec.field(default=(), name="DSRecords")


class TlsaSet(RecordSet, frozen=True):
    rtype = "TLSA"
    records: tuple[records.TlsaRecord, ...] = msgspec.field(default=(), name="TLSARecords")


class NaptrSet(RecordSet, frozen=True):
    rtype = "NAPTR"
    records: tuple[records.NaptrRecord, ...] = msgspec.field(default=(), name="NAPTRRecords")


SETS: Mapping[str, type[RecordSet]] = {
    model.rtype: model
    for model in (
        ASet, AaaaSet, CaaSet, CnameSet, MxSet, NsSet, PtrSet, SoaSet, SrvSet, TxtSet, DsSet, TlsaSet, NaptrSet
    )
}  # fmt: skip

KINDS = (
    Kind(
        "Microsoft.Network/dnszones",
        Zone,
        name_pattern=ZONE_NAME,
        asynchronous=False,
        quota=Quota(MAX_ZONES, "DnsZoneCountLimitReached"),
    ),
    Kind(
        "Microsoft.Network/dnszones/dnssecConfigs",
        Dnssec,
        located=False,
        tracked=False,
        name_pattern="default",
        bodiless=True,
    ),
    *(
        Kind(
            f"Microsoft.Network/dnszones/{rtype}",
            model,
            located=False,
            tracked=False,
            name_pattern=RECORD_SET_NAME,
            asynchronous=False,
        )
        for rtype, model in SETS.items()
    ),
)
