"""The read-only properties of public addresses and prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.public_ip_address.answered import answered_address, user
from lazulite.services.public_ip_address.model import PublicIPAddress, PublicIPPrefix
from lazulite.services.service import Observations


def address(resource: Resource[PublicIPAddress], view: View, observations: Observations) -> Mapping[str, Any]:
    found: dict[str, Any] = {"resourceGuid": resource.guid}
    configuration, held = user(resource, view), answered_address(resource, view)
    if configuration is not None:
        found["ipConfiguration"] = {"id": configuration.id.text}
    if held is not None:
        found["ipAddress"] = str(held)
    return found


def prefix(resource: Resource[PublicIPPrefix], view: View, observations: Observations) -> Mapping[str, Any]:
    members = [{"id": a.id.text} for a in view.referrers(resource.id, PublicIPAddress)]
    found: dict[str, Any] = {"resourceGuid": resource.guid, "ipPrefix": str(resource.properties.held_prefix)}
    return found | ({"publicIPAddresses": members} if members else {})
