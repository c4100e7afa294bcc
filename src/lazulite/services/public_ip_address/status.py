"""The read-only properties of public addresses and prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.model import FrontendIPConfiguration
from lazulite.services.nat_gateway.model import NatGateway
from lazulite.services.public_ip_address.answered import answered_address, user
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.service import Observations


def address(resource: Resource[PublicIPAddress], view: View, observations: Observations) -> Mapping[str, Any]:
    found: dict[str, Any] = {"resourceGuid": resource.guid}
    place = next(iter(view.referrers(resource.id, FrontendIPConfiguration)), None)
    for holder in (user(resource, view), place):
        if holder is not None:
            found["ipConfiguration"] = {"id": holder.id.text}
    found |= _gateway(resource, view)
    held = answered_address(resource, view)
    if held is not None:
        found["ipAddress"] = str(held)
    return found


def prefix(resource: Resource[PublicIPPrefix], view: View, observations: Observations) -> Mapping[str, Any]:
    members = [{"id": a.id.text} for a in view.referrers(resource.id, PublicIPAddress)]
    found: dict[str, Any] = {"resourceGuid": resource.guid, "ipPrefix": str(resource.properties.held_prefix)}
    found |= _gateway(resource, view)
    place = next(iter(view.referrers(resource.id, FrontendIPConfiguration)), None)
    if place is not None:
        found["loadBalancerFrontendIpConfiguration"] = {"id": place.id.text}
    return found | ({"publicIPAddresses": members} if members else {})


def _gateway(resource: Resource[Any], view: View) -> dict[str, Any]:
    gateway = next(iter(view.referrers(resource.id, NatGateway)), None)
    return {"natGateway": {"id": gateway.id.text}} if gateway is not None else {}
