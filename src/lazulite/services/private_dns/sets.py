"""Record sets of a private zone as lists show them, those of its machines among them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.dns.naming import fqdn
from lazulite.services.private_dns.model import REGISTERED_TTL_S, SETS, ZONE, PrivateZone
from lazulite.services.private_dns.registration import registered


def automatic(zone: Resource[PrivateZone], view: View) -> Iterator[dict[str, Any]]:
    """The A record sets that registration makes."""
    for host in registered(zone, view):
        found = zone.id.child("A", host.label)
        properties = {
            "provisioningState": "Succeeded",
            "ttl": REGISTERED_TTL_S,
            "aRecords": [{"ipv4Address": str(host.address)}],
        }
        yield _shown(found, "A", zone.etag, properties, registered=True)


def every(zone: Resource[PrivateZone], view: View) -> Iterator[dict[str, Any]]:
    """All record sets by name and type, the apex first."""
    prefix, kinds = zone.id.key + "/", view.snapshot.kinds
    held = [r for m in SETS.values() for k, r in kinds.get(m, {}).items() if k.startswith(prefix)]
    written = [
        _shown(r.id, r.properties.rtype, r.etag, {"provisioningState": "Succeeded"} | encode(r.properties))
        for r in held
    ]
    return iter(sorted([*written, *automatic(zone, view)], key=lambda s: (s["name"] != "@", s["name"], s["type"])))


def _shown(
    found: ResourceId, rtype: str, etag: str, properties: dict[str, Any], *, registered: bool = False
) -> dict[str, Any]:
    properties |= {"fqdn": fqdn(found), "isAutoRegistered": registered}
    return {"id": found.text, "name": found.name, "type": f"{ZONE}/{rtype}", "etag": etag, "properties": properties}
