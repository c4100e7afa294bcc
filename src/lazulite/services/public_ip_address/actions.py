"""``locations/{location}/CheckDnsNameAvailability``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.services.public_ip_address.validate import labelled
from lazulite.services.service import Context


def check_name(context: Context, places: Mapping[str, str]) -> Any:
    """Whether ``domainNameLabel`` of the query is free in the location."""
    label = {k.lower(): v for k, v in context.query.items()}.get("domainnamelabel", "")
    taken = next(labelled(label, places["location"].lower(), context.view), None)
    return {"available": taken is None}
