"""Monitor states of endpoints and profiles, by what the prober says.

Source: "Traffic Manager endpoint monitoring", endpoint and profile status tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2s
from typing import Any

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.service import Observations
from lazulite.services.traffic_manager.compile import location, name
from lazulite.services.traffic_manager.model import (
    MAX_DEPTH,
    SUFFIX,
    AzureEndpoint,
    Endpoint,
    ExternalEndpoint,
    MetricsKey,
    NestedEndpoint,
    Profile,
)
from lazulite.services.traffic_manager.refusals import address_of
from lazulite.services.traffic_manager.stopped import reached, stopped

ONLINE, DEGRADED, CHECKING, STOPPED = "Online", "Degraded", "CheckingEndpoint", "Stopped"
UNJUDGED = "not judged yet"
"""Why a member has no verdict: it is up, but no probe has said so. The prober's word for it."""


def profile(found: Resource[Profile], view: View, observations: Observations) -> Mapping[str, Any]:
    said = found.properties
    fqdn = f"{said.dns_config.relative_name}.{SUFFIX}"
    state = profile_state(found, view, observations)
    return {
        "dnsConfig": encode(said.dns_config) | {"fqdn": fqdn},
        "monitorConfig": encode(said.monitor_config) | {"profileMonitorStatus": state},
    }


def metrics_key(found: Resource[MetricsKey], view: View, observations: Observations) -> Mapping[str, Any]:
    """A key that is made again is another."""
    return {"key": blake2s(found.guid.encode(), person=b"metrics", digest_size=16).hexdigest()}


def endpoint(part: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    owner, said = view.get(part.id.parent, Profile), part.properties
    shown: dict[str, Any] = {}
    if owner is not None:
        child = Child(part.id.name, said)
        shown["endpointMonitorStatus"] = state(owner.id, owner.properties, child, view, observations)
    if isinstance(said, AzureEndpoint):
        host, home = reached(said, view)[0], location(said, view)
        shown |= {"target": host} if host else {}
        shown |= {"endpointLocation": home} if home else {}
    elif isinstance(said, NestedEndpoint):
        inner = view.get(said.target_resource_id, Profile)
        shown |= {"target": f"{inner.properties.dns_config.relative_name}.{SUFFIX}"} if inner is not None else {}
    return shown


def profile_state(found: Resource[Profile], view: View, observations: Observations, deep: int = 0) -> str:
    said = found.properties
    if said.profile_status == "Disabled" or deep > MAX_DEPTH:
        return "Disabled"
    states = [state(found.id, said, e, view, observations, deep) for e in said.endpoints]
    if DEGRADED in states:
        return DEGRADED
    if {ONLINE, "Unmonitored"} & set(states):
        return ONLINE
    return "CheckingEndpoints" if CHECKING in states else "Inactive"


def state(
    owner: ResourceId, profile: Profile, child: Child[Endpoint], view: View, observations: Observations, deep: int = 0
) -> str:
    said = child.properties
    if said.endpoint_status == "Disabled":
        return "Disabled"
    if profile.profile_status == "Disabled":
        return "Inactive"
    if stopped(said, view):
        return STOPPED
    if isinstance(said, NestedEndpoint):
        return _nested(said, view, observations, deep)
    if getattr(said, "always_serve", "") == "Enabled":
        return "Unmonitored"
    return _probed(owner.key, name(child), observations)


def _probed(watch: str, member: str, observations: Observations) -> str:
    contents, reasons = observations.health.get(watch), observations.reasons.get(watch)
    if contents is None or reasons is None or reasons.get(member) == UNJUDGED:
        return CHECKING
    return ONLINE if member in contents.members else DEGRADED


def _nested(said: NestedEndpoint, view: View, observations: Observations, deep: int) -> str:
    """By how many of the child's endpoints are there. Source: "Nested Traffic Manager profiles"."""
    inner = view.get(said.target_resource_id, Profile)
    if inner is None or deep >= MAX_DEPTH:
        return STOPPED
    every = inner.properties.endpoints
    states = [(e, state(inner.id, inner.properties, e, view, observations, deep + 1)) for e in every]
    online = [e for e, s in states if s in (ONLINE, "Unmonitored")]
    checking = [e for e, s in states if s == CHECKING]
    if _enough(said, online):
        return ONLINE
    return CHECKING if _enough(said, [*online, *checking]) else DEGRADED


def _enough(said: NestedEndpoint, up: list[Child[Endpoint]]) -> bool:
    versions = [a.version for e in up if isinstance(e.properties, ExternalEndpoint) and (a := address_of(e.properties))]
    return (
        len(up) >= said.min_child_endpoints
        and versions.count(4) >= (said.min_child_endpoints_v4 or 0)
        and versions.count(6) >= (said.min_child_endpoints_v6 or 0)
    )
