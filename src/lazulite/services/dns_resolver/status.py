"""The read-only properties of a private resolver and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.service import Observations


def resolver(found: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"resourceGuid": found.guid, "dnsResolverState": "Connected"}


def part(found: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"resourceGuid": found.guid}
