"""The read-only properties of security groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Child, Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.network_security_group.defaults import DEFAULT_RULES
from lazulite.services.network_security_group.model import ApplicationSecurityGroup, NetworkSecurityGroup, SecurityRule
from lazulite.services.service import Observations
from lazulite.services.virtual_network.model import NetworkInterface, Subnet


def group_status(group: Resource[NetworkSecurityGroup], view: View, observations: Observations) -> Mapping[str, Any]:
    status: dict[str, Any] = {
        "resourceGuid": group.guid,
        "defaultSecurityRules": [default_rule(group, rule) for rule in DEFAULT_RULES],
    }
    for wire, model in (("networkInterfaces", NetworkInterface), ("subnets", Subnet)):
        users = [{"id": user.id.text} for user in view.referrers(group.id, model)]
        if users:
            status[wire] = users
    return status


def asg_status(group: Resource[ApplicationSecurityGroup], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"resourceGuid": group.guid}


def default_rule(group: Resource[NetworkSecurityGroup], rule: Child[SecurityRule]) -> dict[str, Any]:
    """A default rule as a resource of its own, at ``{group}/defaultSecurityRules/{name}``."""
    return {
        "name": rule.name,
        "id": group.id.child("defaultSecurityRules", rule.name).text,
        "etag": group.etag,
        "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
        "properties": {"provisioningState": "Succeeded", **encode(rule.properties)},
    }
