"""The read-only properties: who uses a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.application_gateway.model import ApplicationGateway, HttpListener, PathRule
from lazulite.services.service import Observations
from lazulite.services.web_application_firewall.model import WebApplicationFirewallPolicy


def policy(
    resource: Resource[WebApplicationFirewallPolicy], view: View, observations: Observations
) -> Mapping[str, Any]:
    shown: dict[str, Any] = {"resourceState": resource.properties.policy_settings.state}
    users: dict[str, Any] = {
        "applicationGateways": ApplicationGateway,
        "httpListeners": HttpListener,
        "pathBasedRules": PathRule,
    }
    for wire, model in users.items():
        found = [{"id": r.id.text} for r in view.referrers(resource.id, model)]
        if found:
            shown[wire] = found
    return shown
