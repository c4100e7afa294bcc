"""Lists of all the record sets of a private zone."""

from __future__ import annotations

from lazulite.resources.model import Resource
from lazulite.services.private_dns.model import PrivateZone
from lazulite.services.private_dns.sets import every
from lazulite.services.service import Context, Reply


def everything(zone: Resource[PrivateZone], context: Context) -> Reply:
    """``ALL``, as far as ``$recordsetnamesuffix`` says."""
    query = {k.lower(): v for k, v in context.query.items()}
    suffix = query.get("$recordsetnamesuffix", "").lower()
    return Reply({"value": [s for s in every(zone, context.view) if s["name"].lower().endswith(suffix)]})
