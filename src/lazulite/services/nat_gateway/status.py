"""The read-only properties of a NAT gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.nat_gateway.model import NatGateway
from lazulite.services.service import Observations
from lazulite.services.virtual_network.model import Subnet


def gateway(resource: Resource[NatGateway], view: View, observations: Observations) -> Mapping[str, Any]:
    subnets = [{"id": s.id.text} for s in view.referrers(resource.id, Subnet)]
    return {"resourceGuid": resource.guid} | ({"subnets": subnets} if subnets else {})
