"""Lists of all the record sets of a zone, and of those that refer to a resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.dns.model import KINDS, SETS, Zone
from lazulite.services.dns.naming import shown_beside
from lazulite.services.service import Context, Reply

_TYPES = {k.model: k.name for k in KINDS}


def everything(zone: Resource[Zone], context: Context) -> Reply:
    """``recordsets`` and ``all``, as far as ``$recordsetnamesuffix`` says."""
    query = {k.lower(): v for k, v in context.query.items()}
    suffix = query.get("$recordsetnamesuffix", query.get("recordsetnamesuffix", "")).lower()
    found = [r for r in held(zone.id, context.view) if r.id.name.lower().endswith(suffix)]
    return Reply({"value": [shown(r, _TYPES[type(r.properties)]) for r in found]})


def held(zone: ResourceId, view: View) -> Iterator[Resource[Any]]:
    """The record sets of a zone by name and type, the apex first, as Azure lists them."""
    prefix = zone.key + "/"
    kinds = view.snapshot.kinds
    found = [r for m in SETS.values() for k, r in kinds.get(m, {}).items() if k.startswith(prefix)]
    return iter(sorted(found, key=lambda r: (r.id.name != "@", r.id.name.lower(), r.properties.rtype)))


def shown(found: Resource[Any], kind: str) -> dict[str, Any]:
    """A record set as reading it alone shows it."""
    properties = {"provisioningState": "Succeeded"} | encode(found.properties)
    properties |= shown_beside(found)
    return {"id": found.id.text, "name": found.id.name, "type": kind, "etag": found.etag, "properties": properties}


def references(context: Context, places: Mapping[str, str]) -> Any:
    """``getDnsResourceReference``: the alias record sets that point to each of the resources asked for."""
    said = context.body.get("properties") if isinstance(context.body, dict) else None
    asked = said.get("targetResources") if isinstance(said, dict) else None
    targets = asked if isinstance(asked, list) else []
    found = [_referring(str(t.get("id", "")), context.view) for t in targets if isinstance(t, dict)]
    return {"properties": {"dnsResourceReferences": found}}


def _referring(target: str, view: View) -> dict[str, Any]:
    who = [r for m in SETS.values() for r in view.referrers(ResourceId(target), m)]
    return {"dnsResources": [{"id": r.id.text} for r in who], "targetResource": {"id": target}}
