"""Which endpoints and profiles can serve at all, before anybody's health is asked."""

from __future__ import annotations

from lazulite.resources.model import Child
from lazulite.resources.view import View
from lazulite.services.public_ip_address.answered import answered_address
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.traffic_manager.model import MAX_DEPTH, AzureEndpoint, Endpoint, NestedEndpoint, Profile
from lazulite.values import IPAddress


def enabled(profile: Profile) -> tuple[Child[Endpoint], ...]:
    return tuple(e for e in profile.endpoints if e.properties.endpoint_status == "Enabled")


def reached(said: AzureEndpoint, view: View) -> tuple[str, IPAddress | None]:
    """The name and the address of an endpoint's resource, nothing where it is gone or has no address or no name."""
    found = view.get(said.target_resource_id, PublicIPAddress)
    settings = found.properties.dns_settings if found is not None else None
    address = answered_address(found, view) if found is not None else None
    if settings is None or settings.fqdn is None or address is None:
        return "", None
    return settings.fqdn, address


def inactive(profile: Profile, view: View, deep: int = 0) -> bool:
    """Whether the profile is off, or has no endpoint that is not disabled or stopped.

    Source: "Traffic Manager endpoint monitoring", profile monitor status.
    """
    if profile.profile_status == "Disabled" or deep > MAX_DEPTH:
        return True
    return all(stopped(e.properties, view, deep) for e in enabled(profile))


def stopped(said: Endpoint, view: View, deep: int = 0) -> bool:
    if isinstance(said, AzureEndpoint):
        return not reached(said, view)[0]
    if isinstance(said, NestedEndpoint):
        inner = view.get(said.target_resource_id, Profile)
        return inner is None or inactive(inner.properties, view, deep + 1)
    return False
