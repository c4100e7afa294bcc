"""The read-only properties of a route table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.route_table.model import RouteTable, UserRoute
from lazulite.services.service import Observations
from lazulite.services.virtual_network.model import Subnet


def table(resource: Resource[RouteTable], view: View, observations: Observations) -> Mapping[str, Any]:
    subnets = [{"id": s.id.text} for s in view.referrers(resource.id, Subnet)]
    return {"resourceGuid": resource.guid} | ({"subnets": subnets} if subnets else {})


def route(resource: Resource[UserRoute], view: View, observations: Observations) -> Mapping[str, Any]:
    """No route of the user's beats a longer prefix that BGP has learned.

    Source: "Virtual network traffic routing", how Azure selects a route: the longest prefix match comes first.
    """
    return {"hasBgpOverride": False}
