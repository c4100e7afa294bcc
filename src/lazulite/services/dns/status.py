"""The read-only properties of zones and record sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.dns.model import MAX_RECORD_SETS, SETS, Zone
from lazulite.services.dns.naming import shown_beside
from lazulite.services.service import Observations


def zone(found: Resource[Zone], view: View, observations: Observations) -> Mapping[str, Any]:
    prefix = found.id.key + "/"
    held = sum(k.startswith(prefix) for m in SETS.values() for k in view.snapshot.kinds.get(m, ()))
    return {"numberOfRecordSets": held, "maxNumberOfRecordSets": MAX_RECORD_SETS}


def record_set(found: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return shown_beside(found)
