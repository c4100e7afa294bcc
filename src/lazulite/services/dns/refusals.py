"""What is refused of every zone and record set, public or private. Nearly all of it is a plain ``BadRequest``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Resource, Violation
from lazulite.services.dns.model import APEX, LONGEST_TTL_S
from lazulite.services.dns.records import MOST_CHARACTERS

BAD = "BadRequest"
_SERVICE = re.compile(r"_[^.]+\._[^.]+(\..+)?|\*(\..+)?")


def located(new: Resource[Any]) -> Iterator[Violation]:
    """Zones are nowhere. Source: "DNS zones and records"; facts/dns.md, resource types."""
    if new.location != "global":
        message = (
            f"The provided location '{new.location}' is not available for resource type '{new.id.kind}'. List of "
            "available regions for the resource type is 'global'."
        )
        yield Violation("LocationNotAvailableForResourceType", message, "location")
    if len(new.id.name) > 253:
        yield Violation(BAD, f"The zone name '{new.id.name}' is longer than 253 characters.", "name")


def shape(new: Resource[Any], most: int) -> Iterator[Violation]:
    """What is wrong with a record set taken alone."""
    properties, place = new.properties, f"properties.{type(new.properties).rtype}Records"
    if properties.ttl is not None and not 1 <= properties.ttl <= LONGEST_TTL_S:
        message = f"The TTL {properties.ttl} is out of range: it must be between 1 and {LONGEST_TTL_S} seconds."
        yield Violation(BAD, message, "properties.TTL")
    if len(properties.held) > most:
        message = f"The record set '{new.id.name}' has {len(properties.held)} records; it can have {most}."
        yield Violation(BAD, message, place)
    seen: set[bytes] = set()
    for index, record in enumerate(properties.held):
        try:
            rdata = record.rdata()
        except ValueError as error:
            yield Violation(BAD, f"Record {index} of '{new.id.name}': {error}", f"{place}[{index}]")
            continue
        if rdata in seen:
            message = f"Record {index} of '{new.id.name}' is there already: the records of a set are distinct."
            yield Violation(BAD, message, f"{place}[{index}]")
        seen.add(rdata)
    if properties.rtype == "TXT" and sum(len(v) for r in properties.held for v in r.value) > MOST_CHARACTERS:
        yield Violation(BAD, f"A TXT record set can have {MOST_CHARACTERS} characters.", place)


def fits(new: Resource[Any]) -> Iterator[Violation]:
    """What the name of a record set can be in its zone."""
    name = new.id.parent.name if new.id.name == APEX else f"{new.id.name}.{new.id.parent.name}"
    try:
        encode(name)
    except ValueError as error:
        yield Violation(BAD, f"The name '{name}' is invalid: {error}.", "name")
    if new.properties.rtype == "SRV" and not _SERVICE.fullmatch(new.id.name):
        message = f"The name '{new.id.name}' of an SRV record set must begin with a service and a protocol: _sip._tcp."
        yield Violation(BAD, message, "name")


def alone(new: Resource[Any], other: Resource[Any]) -> Violation:
    """Source: "DNS zones and records", CNAME records."""
    message = (
        "The record could not be created because a record with the same name already exists. A CNAME record set "
        f"stands alone at its name; '{new.id.name}' has one of type {other.properties.rtype}."
    )
    return Violation(BAD, message, "name")
