"""Profiles as policies of a name, watches of health, and where addresses are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from lazulite.forwarding.model import (
    AnswerPolicy,
    Choice,
    Countries,
    Country,
    InternetHost,
    Probe,
    ProbeProtocol,
    RecordSet,
    Watch,
    Watched,
)
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services import geography
from lazulite.services.dns.addresses import RESOLVER
from lazulite.services.dns.platform import infrastructure, platform, platform_zone
from lazulite.services.network_security_group.tags import prefixes
from lazulite.services.public_ip_address.model import PublicIPAddress
from lazulite.services.traffic_manager.model import (
    SUFFIX,
    AzureEndpoint,
    Endpoint,
    ExternalEndpoint,
    NestedEndpoint,
    Profile,
)
from lazulite.services.traffic_manager.ranges import networks
from lazulite.services.traffic_manager.refusals import address_of, normalised
from lazulite.services.traffic_manager.stopped import enabled, inactive, reached
from lazulite.services.traffic_manager.whereabouts import places

TAG = "AzureTrafficManager"
SITES = {f"traffic-manager|{region}": region for region in ("eastus", "northeurope", "southeastasia")}
"""Where endpoints are probed from, and the region that a site stands for: as many as a majority needs."""


def profile(found: Resource[Profile], view: View) -> Iterator[Any]:
    """A profile that is off, or all of whose endpoints are, has no name.

    Source: "Traffic Manager FAQs"; facts/traffic-manager.md, selection 1.
    """
    said, key, origin = found.properties, found.id.key, found.id.text
    if said.profile_status == "Disabled" or not enabled(said):
        return
    view.demand(infrastructure)
    view.demand(places)
    view.demand(countries)
    yield from platform_zone(SUFFIX, "Traffic Manager")
    owner = said.dns_config.relative_name.lower()
    yield RecordSet(key, platform(SUFFIX), owner, "ANY", said.dns_config.ttl, (), key, origin)
    choices = tuple(_choice(found.id, child, view) for child in enabled(said))
    method = said.traffic_routing_method.lower()
    yield AnswerPolicy(key, found.id.name, method, said.dns_config.ttl, choices, key, said.max_return or 1, origin)
    members = tuple(m for child in enabled(said) for m in _watched(found.id, child, said, view))
    if members:
        view.demand(sites)
        yield Watch(key, found.id.name, tuple(SITES), members, probe(said), RESOLVER[0], origin)


def _choice(owner: ResourceId, child: Child[Endpoint], view: View) -> Choice:
    said = child.properties
    target, address, nested = "", None, ""
    if isinstance(said, NestedEndpoint) and said.target_resource_id is not None:
        inner = view.get(said.target_resource_id, Profile)
        nested = inner.id.key if inner is not None and not inactive(inner.properties, view) else ""
    elif isinstance(said, ExternalEndpoint):
        address = address_of(said)
        target = (said.target or "").rstrip(".").lower() if address is None else ""
    elif isinstance(said, AzureEndpoint):
        target = reached(said, view)[0]
    return Choice(
        name(child),
        target,
        address,
        nested,
        *_minimums(said),
        said.priority or 1,
        said.weight,
        location(said, view),
        tuple(c.upper() for c in said.geo_mapping),
        tuple(p for s in said.subnets for p in networks(s)),
        getattr(said, "always_serve", "Disabled") == "Enabled",
        owner.child(said.kind, child.name).text,
    )


def _minimums(said: Endpoint) -> tuple[int, int, int]:
    if not isinstance(said, NestedEndpoint):
        return 1, 0, 0
    return said.min_child_endpoints, said.min_child_endpoints_v4 or 0, said.min_child_endpoints_v6 or 0


def name(child: Child[Endpoint]) -> str:
    """What an endpoint is called in the dynamic set."""
    return f"{child.properties.kind}/{child.name}".lower()


def location(said: Endpoint, view: View) -> str:
    if isinstance(said, AzureEndpoint):
        found = view.get(said.target_resource_id, PublicIPAddress)
        return (found.location or "") if found is not None else ""
    return normalised(getattr(said, "endpoint_location", None) or "")


def _watched(owner: ResourceId, child: Child[Endpoint], profile: Profile, view: View) -> Iterator[Watched]:
    """Nested profiles are judged by their own endpoints, and nobody asks those that are always served."""
    said = child.properties
    if isinstance(said, NestedEndpoint) or getattr(said, "always_serve", "") == "Enabled":
        return
    address, host = address_of(said), ""
    if isinstance(said, AzureEndpoint):
        host, address = reached(said, view)
    elif isinstance(said, ExternalEndpoint) and address is None:
        host = (said.target or "").rstrip(".")
    if host or address is not None:
        own = getattr(said, "custom_headers", ())
        headers = {h.name.lower(): (h.name, h.value) for h in (*profile.monitor_config.custom_headers, *own)}
        origin = owner.child(said.kind, child.name).text
        yield Watched(name(child), address, host, tuple(headers.values()), origin)


def probe(said: Profile) -> Probe:
    """Source: "Traffic Manager endpoint monitoring", how endpoint monitoring works."""
    monitor = said.monitor_config
    return Probe(
        ProbeProtocol(monitor.protocol.capitalize()),
        monitor.port,
        monitor.path or "",
        monitor.interval_in_seconds,
        monitor.tolerated_number_of_failures + 1,
        1,
        monitor.timeout_in_seconds or 0,
        tuple((r.min, r.max) for r in monitor.expected_status_code_ranges),
        True,
    )


def sites(view: View) -> Iterator[InternetHost]:
    """Hosts within the service tag by which security groups let probes in. Source: "Traffic Manager FAQs", what are
    the IP addresses from which the health checks originate."""
    for number, (site, region) in enumerate(SITES.items(), 1):
        addresses = tuple(prefix[number] for prefix in prefixes(TAG))
        label = f"traffic-manager-{region}"
        yield InternetHost(site, label, site, addresses, platform=True, origin="Traffic Manager")


def countries(view: View) -> Iterator[Countries]:
    """Where addresses are that the lab does not know. Source: :mod:`lazulite.services.geography`."""
    yield _world()


@cache
def _world() -> Countries:
    order = tuple(sorted(geography.AZURE))
    held = []
    for code, region in geography.regions().items():
        if len(code) == 2:
            ways = geography.latencies(region.latitude, region.longitude)
            held.append(Country(code, geography.around(code), tuple(round(ways[name], 1) for name in order)))
    return Countries("traffic-manager|countries", order, tuple(held), "Traffic Manager")
