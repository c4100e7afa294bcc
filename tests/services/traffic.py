"""Profiles in few words, for the tests of Traffic Manager."""

from __future__ import annotations

from typing import Any

from lazulite.resources.model import Resource
from tests.build import Lab, resource_id

PROFILES = "trafficManagerProfiles"
TYPES = "Microsoft.Network/trafficManagerProfiles/"


def external(name: str, target: str | None = None, **more: Any) -> dict[str, Any]:
    """An endpoint by a name of the user's own, ``{name}.contoso.com`` unless given."""
    said = {"target": target or f"{name}.contoso.com"} | more
    return {"name": name, "type": f"{TYPES}externalEndpoints", "properties": said}


def azure(name: str, **more: Any) -> dict[str, Any]:
    """An endpoint that is the public address of that name."""
    said = {"targetResourceId": resource_id("publicIPAddresses", name).text} | more
    return {"name": name, "type": f"{TYPES}azureEndpoints", "properties": said}


def nested(name: str, **more: Any) -> dict[str, Any]:
    """An endpoint that is the profile of that name."""
    said = {"targetResourceId": resource_id(PROFILES, name).text} | more
    return {"name": name, "type": f"{TYPES}nestedEndpoints", "properties": said}


def labelled(lab: Lab, name: str, location: str = "westeurope") -> str:
    """A public address with a DNS name."""
    given = {"publicIPAllocationMethod": "Static", "dnsSettings": {"domainNameLabel": name}}
    return str(lab.put("publicIPAddresses", name, given, sku="Standard", location=location).properties.held_address)


def profile(
    lab: Lab, name: str, *endpoints: dict[str, Any], method: str = "Priority", ttl: int = 30, **more: Any
) -> Resource[Any]:
    said = {
        "trafficRoutingMethod": method,
        "dnsConfig": {"relativeName": name, "ttl": ttl},
        "endpoints": list(endpoints),
    }
    return lab.put(PROFILES, name, said | more, location="global")
