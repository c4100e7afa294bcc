"""What Azure refuses of profiles and of their endpoints. All of it is a ``BadRequest`` but for names that are taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lazulite.forwarding.domain import encode
from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.dns.model import AaaaSet, ASet
from lazulite.services.service import Lab
from lazulite.services.traffic_manager import refusals
from lazulite.services.traffic_manager.model import (
    MAX_ENDPOINTS,
    MAX_STATUSES,
    SUFFIX,
    TIMEOUTS_S,
    MetricsKey,
    MonitorConfig,
    Profile,
)

BAD = "BadRequest"
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
"""Source: "Naming rules and restrictions for Azure resources", trafficManagerProfiles."""
_MONITOR = "properties.monitorConfig"


def resource(new: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    if isinstance(new.properties, MetricsKey):
        return
    said: Profile = new.properties
    if new.location != "global":
        message = (
            f"The provided location '{new.location}' is not available for resource type '{new.id.kind}'. List of "
            "available regions for the resource type is 'global'."
        )
        yield Violation("LocationNotAvailableForResourceType", message, "location")
    yield from _name(new, view)
    yield from _monitor(said.monitor_config)
    if said.max_return is not None and said.traffic_routing_method != "MultiValue":
        message = "maxReturn is for profiles with the MultiValue routing method alone."
        yield Violation(BAD, message, "properties.maxReturn")
    if len(said.endpoints) > MAX_ENDPOINTS:
        message = f"A profile can have {MAX_ENDPOINTS} endpoints, not {len(said.endpoints)}."
        yield Violation(BAD, message, "properties.endpoints")
    yield from _aliased(new, view)
    yield from refusals.endpoints(new, view, lab)
    yield from refusals.together(new, view)


def _aliased(new: Resource[Profile], view: View) -> Iterator[Violation]:
    """Source: "Azure DNS alias records overview", Traffic Manager profiles."""
    if not new.properties.azure_endpoints:
        return
    for alias in (*view.referrers(new.id, ASet), *view.referrers(new.id, AaaaSet)):
        message = (
            f"The alias record set '{alias.id.text}' of type {alias.properties.rtype} points to the profile "
            f"'{new.id.name}', which can therefore have external endpoints only."
        )
        yield Violation(BAD, message, "properties.endpoints")


def _name(new: Resource[Profile], view: View) -> Iterator[Violation]:
    name, place = new.properties.dns_config.relative_name, "properties.dnsConfig.relativeName"
    if wrong(name):
        message = f"The relative name '{name}' is invalid: it has 1 to 63 letters, digits, hyphens and dots."
        yield Violation(BAD, message, place)
    if any(p.id != new.id for p in holders(name, view)):
        message = f"Domain name {name}.{SUFFIX} already exists. Please choose a different DNS prefix."
        yield Violation("DomainNameNotUnique", message, place)


def wrong(name: str) -> bool:
    """Whether *name* cannot be a relative name."""
    try:
        encode(f"{name}.{SUFFIX}")
    except ValueError:
        return True
    return not NAME.fullmatch(name)


def holders(name: str, view: View) -> Iterator[Resource[Profile]]:
    """The profile that has the relative name: names are the whole world's."""
    return (p for p in view.all(Profile) if p.properties.dns_config.relative_name.lower() == name.lower())


def _monitor(said: MonitorConfig) -> Iterator[Violation]:
    """Source: "Traffic Manager endpoint monitoring", configure endpoint monitoring."""
    timeouts = TIMEOUTS_S.get(said.interval_in_seconds)
    if timeouts is None:
        message = f"The probing interval is 10 or 30 seconds, not {said.interval_in_seconds}."
        yield Violation(BAD, message, f"{_MONITOR}.intervalInSeconds")
    elif said.timeout_in_seconds not in timeouts:
        message = (
            f"With a probing interval of {said.interval_in_seconds} seconds the timeout is {timeouts[0]} to "
            f"{timeouts[-1]} seconds, not {said.timeout_in_seconds}."
        )
        yield Violation(BAD, message, f"{_MONITOR}.timeoutInSeconds")
    if said.protocol == "TCP" and said.path is not None:
        yield Violation(BAD, "A monitor with the protocol TCP has no path.", f"{_MONITOR}.path")
    if said.path is not None and not said.path.startswith("/"):
        yield Violation(BAD, f"The path '{said.path}' does not begin with '/'.", f"{_MONITOR}.path")
    yield from _statuses(said)
    yield from refusals.headers(said.custom_headers, _MONITOR)


def _statuses(said: MonitorConfig) -> Iterator[Violation]:
    ranges = said.expected_status_code_ranges
    if ranges and said.protocol == "TCP":
        message = "Expected status codes are for the protocols HTTP and HTTPS."
        yield Violation(BAD, message, f"{_MONITOR}.expectedStatusCodeRanges")
    if len(ranges) > MAX_STATUSES:
        message = f"There can be {MAX_STATUSES} ranges of status codes, not {len(ranges)}."
        yield Violation(BAD, message, f"{_MONITOR}.expectedStatusCodeRanges")
    for index, each in enumerate(ranges):
        if not 100 <= each.min <= each.max <= 999:
            message = f"{each.min}-{each.max} is not a range of status codes between 100 and 999."
            yield Violation(BAD, message, f"{_MONITOR}.expectedStatusCodeRanges[{index}]")
