"""The read-only properties of private zones, links and record sets, and the record sets that nobody wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.naming import fqdn
from lazulite.services.private_dns import model
from lazulite.services.private_dns.model import PrivateZone, VirtualNetworkLink
from lazulite.services.private_dns.sets import automatic
from lazulite.services.service import Observations


def zone(found: Resource[PrivateZone], view: View, observations: Observations) -> Mapping[str, Any]:
    prefix, kinds = found.id.key + "/", view.snapshot.kinds
    held = sum(k.startswith(prefix) for m in model.SETS.values() for k in kinds.get(m, ()))
    links = [r for k, r in kinds.get(VirtualNetworkLink, {}).items() if k.startswith(prefix)]
    return {
        "maxNumberOfRecordSets": model.MAX_RECORD_SETS,
        "numberOfRecordSets": held + sum(1 for _ in automatic(found, view)),
        "maxNumberOfVirtualNetworkLinks": model.MAX_LINKS,
        "numberOfVirtualNetworkLinks": len(links),
        "maxNumberOfVirtualNetworkLinksWithRegistration": model.MAX_REGISTRATIONS,
        "numberOfVirtualNetworkLinksWithRegistration": sum(r.properties.registration_enabled for r in links),
    }


def link(found: Resource[VirtualNetworkLink], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"virtualNetworkLinkState": "Completed"}


def record_set(found: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"fqdn": fqdn(found.id), "isAutoRegistered": False}


def derived(holder: ResourceId, kind: str, view: View) -> Iterator[dict[str, Any]]:
    """The record sets of *kind* that the machines of a zone have by themselves."""
    found = view.get(holder, PrivateZone)
    if found is not None and kind.lower() == f"{model.ZONE}/A".lower():
        yield from automatic(found, view)
