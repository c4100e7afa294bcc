"""In which order the rules of a gateway are asked."""

from __future__ import annotations

from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services.application_gateway.model import (
    MAX_PRIORITY,
    ApplicationGateway,
    HttpListener,
    RoutingRule,
    is_v2,
)


def ordered(resource: Resource[ApplicationGateway], view: View) -> list[Child[RoutingRule]]:
    """By priority; then those without one: in version 2 listeners that name hosts come first, in version 1 rules stand
    as they are listed.

    Source: "Application Gateway listener configuration", order of processing listeners.
    """

    def place(child: Child[RoutingRule]) -> tuple[int, bool]:
        if child.properties.priority is not None:
            return child.properties.priority, False
        listener = view.get(child.properties.http_listener, HttpListener) if is_v2(resource) else None
        return MAX_PRIORITY + 1, listener is not None and not listener.properties.hosts

    return sorted(resource.properties.request_routing_rules, key=place)
