"""Names: of zones, of record sets in them, and of the servers that Azure gives a zone."""

from __future__ import annotations

from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.model import APEX, SETS, Dnssec, Zone

TOP_LEVELS = ("com", "net", "org", "info")
ALIASES, ADDRESSES = frozenset({"A", "AAAA", "CNAME"}), frozenset({"A", "AAAA"})
"""Types that can be aliases, and those of them that are addresses. Source: "Azure DNS alias records overview"."""
PLATFORM_SET = 1
"""The set of servers that serves what is Azure's own, and the first that users' zones get."""


def server_names(number: int) -> tuple[str, ...]:
    """Source: "Host your domain in Azure DNS", retrieve name servers."""
    return tuple(f"ns{i}-{number:02}.azure-dns.{top}" for i, top in enumerate(TOP_LEVELS, 1))


def free_set(name: str, view: View) -> int:
    """The lowest set of servers that has no zone of that name, nor one above or below it.

    A server that had both a zone and its child would answer for the child without any delegation. Source: "DNS zones
    and records", DNS zones; "Delegation of DNS zones with Azure DNS".
    """
    wanted = f".{name.lower()}"
    held = ((f".{z.id.name.lower()}", z.properties.servers) for z in view.all(Zone))
    taken = {number for other, number in held if other.endswith(wanted) or wanted.endswith(other)}
    return next(n for n in range(PLATFORM_SET, len(taken) + PLATFORM_SET + 1) if n not in taken)


def owner(record_set: ResourceId) -> str:
    """The name relative to the zone in the forwarding model's terms."""
    return "" if record_set.name == APEX else record_set.name.lower()


def fqdn(record_set: ResourceId) -> str:
    """With the last dot, as Azure prints it."""
    zone = record_set.parent.name
    return f"{zone}." if record_set.name == APEX else f"{record_set.name}.{zone}."


def shown_beside(record_set: Resource[Any]) -> dict[str, Any]:
    """Read-only properties. Where there could be a target and is none, Azure shows an empty object; az relies on it."""
    shown: dict[str, Any] = {"fqdn": fqdn(record_set.id)}
    if record_set.properties.rtype in ALIASES and record_set.properties.target_resource is None:
        shown["targetResource"] = {}
    return shown


def seed(zone: ResourceId, view: View) -> str:
    """What the keys of a zone are made of; empty while it is not signed. A new signing is one with other keys."""
    signing = view.get(zone.child("dnssecConfigs", "default"), Dnssec)
    return signing.guid if signing is not None else ""


def siblings(record_set: Resource[Any], view: View) -> list[Resource[Any]]:
    """The other record sets of the same name."""
    zone, kind = record_set.id.parent, type(record_set.properties)
    found = (view.get(zone.child(r, record_set.id.name), m) for r, m in SETS.items() if m is not kind)
    return [f for f in found if f is not None]
