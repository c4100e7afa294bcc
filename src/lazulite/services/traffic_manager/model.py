"""``Microsoft.Network/trafficManagerProfiles`` and their endpoints, API 2018-04-01 to 2022-04-01.

Source: "Traffic Manager endpoint monitoring", configure endpoint monitoring; "Traffic Manager limits";
azure-mgmt-trafficmanager 2.0.0 (names and shapes).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from lazulite.resources.model import (
    IMMUTABLE,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    UNSUPPORTED,
    Bounds,
    Child,
    Kind,
    Link,
    Properties,
    Quota,
    Targets,
    WeakRef,
)
from lazulite.services.traffic_manager.wire import inward, outward
from lazulite.values import IPAddress

SUFFIX = "trafficmanager.net"
MAX_PROFILES, MAX_ENDPOINTS, MAX_DEPTH, MAX_HEADERS, MAX_STATUSES = 200, 200, 10, 8, 8
"""Profiles a subscription, endpoints a profile, profiles in profiles. Source: "Azure subscription and service limits",
Traffic Manager limits; "Traffic Manager endpoint monitoring", custom headers and status code ranges."""
DEFAULT_TTL_S, DEFAULT_RETURNS = 60, 2
"""Source: "Create a Traffic Manager profile"; "Traffic Manager routing methods", multivalue."""
TIMEOUTS_S = {30: range(5, 11), 10: range(5, 10)}
"""By probing interval. Source: "Traffic Manager endpoint monitoring", probe timeout."""
Switch = Literal["Enabled", "Disabled"]


class Header(Properties, frozen=True):
    name: str
    value: str


class StatusRange(Properties, frozen=True):
    min: int
    max: int


class DnsConfig(Properties, frozen=True):
    relative_name: Annotated[str, IMMUTABLE]
    fqdn: Annotated[str | None, READ_ONLY] = None
    ttl: Annotated[int, Bounds(0, 2_147_483_647)] = DEFAULT_TTL_S


class MonitorConfig(Properties, frozen=True):
    profile_monitor_status: Annotated[str | None, READ_ONLY] = None
    protocol: Literal["HTTP", "HTTPS", "TCP"] = "HTTP"
    port: Annotated[int, Bounds(1, 65535)] = 80
    path: str | None = None
    interval_in_seconds: int = 30
    timeout_in_seconds: int | None = None
    tolerated_number_of_failures: Annotated[int, Bounds(0, 9)] = 3
    custom_headers: Annotated[tuple[Header, ...], OMITTED_WHEN_EMPTY] = ()
    expected_status_code_ranges: Annotated[tuple[StatusRange, ...], OMITTED_WHEN_EMPTY] = ()


class Subnet(Properties, frozen=True):
    """``first`` to ``last``, or the network ``first``/``scope``."""

    first: IPAddress
    last: IPAddress | None = None
    scope: int | None = None


class Endpoint(Properties, frozen=True):
    """What the three kinds have in common."""

    kind: ClassVar[str] = ""

    endpoint_status: Switch = "Enabled"
    weight: Annotated[int, Bounds(1, 1000)] = 1
    priority: Annotated[int | None, Bounds(1, 1000)] = None
    endpoint_monitor_status: Annotated[str | None, READ_ONLY] = None
    geo_mapping: Annotated[tuple[str, ...], OMITTED_WHEN_EMPTY] = ()
    subnets: Annotated[tuple[Subnet, ...], OMITTED_WHEN_EMPTY] = ()


class AzureEndpoint(Endpoint, frozen=True):
    """A public address with a DNS label."""

    kind = "azureEndpoints"

    target_resource_id: Annotated[Link | None, WeakRef(), Targets("Microsoft.Network/publicIPAddresses")] = None
    target: Annotated[str | None, READ_ONLY] = None
    endpoint_location: Annotated[str | None, READ_ONLY] = None
    custom_headers: Annotated[tuple[Header, ...], OMITTED_WHEN_EMPTY] = ()
    always_serve: Switch = "Disabled"


class ExternalEndpoint(Endpoint, frozen=True):
    """A domain name, or an address."""

    kind = "externalEndpoints"

    target: str | None = None
    endpoint_location: str | None = None
    custom_headers: Annotated[tuple[Header, ...], OMITTED_WHEN_EMPTY] = ()
    always_serve: Switch = "Disabled"


class NestedEndpoint(Endpoint, frozen=True):
    """Another profile."""

    kind = "nestedEndpoints"

    target_resource_id: Annotated[Link | None, Targets("Microsoft.Network/trafficManagerProfiles")] = None
    target: Annotated[str | None, READ_ONLY] = None
    endpoint_location: str | None = None
    min_child_endpoints: Annotated[int, Bounds(1, 2_147_483_647)] = 1
    min_child_endpoints_v4: Annotated[int | None, Bounds(0, 2_147_483_647)] = msgspec.field(
        default=None, name="minChildEndpointsIPv4"
    )
    min_child_endpoints_v6: Annotated[int | None, Bounds(0, 2_147_483_647)] = msgspec.field(
        default=None, name="minChildEndpointsIPv6"
    )


class Profile(Properties, frozen=True):
    dns_config: DnsConfig
    profile_status: Switch = "Enabled"
    traffic_routing_method: Literal["Performance", "Priority", "Weighted", "Geographic", "MultiValue", "Subnet"] = (
        "Performance"
    )
    monitor_config: MonitorConfig = MonitorConfig()
    azure_endpoints: tuple[Child[AzureEndpoint], ...] = ()
    external_endpoints: tuple[Child[ExternalEndpoint], ...] = ()
    nested_endpoints: tuple[Child[NestedEndpoint], ...] = ()
    traffic_view_enrollment_status: Switch = "Disabled"
    """Whether there is a heat map."""
    allowed_endpoint_record_types: Annotated[
        tuple[Literal["DomainName", "IPv4Address", "IPv6Address", "Any"], ...], OMITTED_WHEN_EMPTY
    ] = ()
    max_return: Annotated[int | None, Bounds(1, 10)] = None
    record_type: Annotated[Literal["A", "AAAA", "CNAME"] | None, UNSUPPORTED] = None

    @property
    def endpoints(self) -> tuple[Child[Endpoint], ...]:
        """All of them, the best first."""
        every: tuple[Child[Endpoint], ...] = (*self.azure_endpoints, *self.external_endpoints, *self.nested_endpoints)
        return tuple(sorted(every, key=lambda e: (e.properties.priority or 0, e.name.lower())))


class MetricsKey(Properties, frozen=True):
    """What a page has to say for itself when it reports how far it is from Azure's regions. One a subscription."""

    key: Annotated[str | None, READ_ONLY] = None


KINDS = (
    Kind(
        "Microsoft.Network/trafficManagerUserMetricsKeys",
        MetricsKey,
        located=False,
        tracked=False,
        name_pattern="default",
        asynchronous=False,
        of_subscription=True,
        bodiless=True,
        updated_status=201,
        deleted={"boolean": True},
    ),
    Kind(
        "Microsoft.Network/trafficManagerProfiles",
        Profile,
        name_pattern=r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?",
        creatable_children=frozenset({"azureEndpoints", "externalEndpoints", "nestedEndpoints"}),
        asynchronous=False,
        updated_child_status=201,
        deleted={"boolean": True},
        quota=Quota(MAX_PROFILES, "ProfileCountLimitReached"),
        inward=inward,
        outward=outward,
    ),
)
