"""The address that a public IP address has at the moment."""

from __future__ import annotations

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.model import FrontendIPConfiguration
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.virtual_network.attachment import attachment
from lazulite.services.virtual_network.model import IpConfiguration
from lazulite.values import IPAddress


def user(resource: Resource[PublicIPAddress], view: View) -> Resource[IpConfiguration] | None:
    """The configuration of an interface that it is associated with."""
    return next(iter(view.referrers(resource.id, IpConfiguration)), None)


def answered_address(resource: Resource[PublicIPAddress], view: View) -> IPAddress | None:
    """A dynamic address is had while it is used by an interface of a running machine, or by a load balancer.

    Source: "Public IP addresses", IP address assignment.
    """
    held = resource.properties.held_address
    if held is None or resource.properties.public_ip_allocation_method == "Static":
        return held
    if next(iter(view.referrers(resource.id, FrontendIPConfiguration)), None) is not None:
        return held
    configuration = user(resource, view)
    running = configuration is not None and attachment(configuration.id.parent, view) is not None
    return held if running else None
