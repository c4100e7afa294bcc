"""``Microsoft.Network/networkWatchers/connectionMonitors``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lazulite.resources.model import (
    ASSIGNED,
    INERT,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Kind,
    Link,
    Properties,
    WeakRef,
)

MAX_MONITORS, MAX_GROUPS, MAX_ENDPOINTS, MAX_CONFIGURATIONS = 100, 20, 100, 20
"""Monitors per region and subscription, the rest per monitor. Source: "Connection monitor overview", scale limits."""
FREQUENCIES_S = (30, 60, 300, 900, 1800)
"""Source: "Connection monitor overview", test frequency."""
SHORTEST_S, LONGEST_S = 30, 1800
"""Interval of a monitor of the first version. Source: facts/network-watcher.md, wire behaviour."""
_PORT = Bounds(1, 65535)


class Source(Properties, frozen=True):
    """Of the first version."""

    resource_id: Annotated[Link, WeakRef()]
    port: Annotated[int | None, Bounds(0, 65535)] = None


class Destination(Properties, frozen=True):
    """Of the first version."""

    resource_id: Annotated[Link | None, WeakRef()] = None
    address: str | None = None
    port: Annotated[int | None, Bounds(0, 65535)] = None


class ScopeItem(Properties, frozen=True):
    address: str


class Scope(Properties, frozen=True):
    """Addresses or prefixes of a virtual network or subnet; numbers of the instances of a scale set."""

    include: Annotated[tuple[ScopeItem, ...], OMITTED_WHEN_EMPTY] = ()
    exclude: Annotated[tuple[ScopeItem, ...], OMITTED_WHEN_EMPTY] = ()


class Endpoint(Properties, frozen=True):
    name: str
    type: (
        Literal[
            "AzureVM",
            "AzureVNet",
            "AzureSubnet",
            "AzureVMSS",
            "ExternalAddress",
            "MMAWorkspaceMachine",
            "MMAWorkspaceNetwork",
            "AzureArcVM",
            "AzureArcNetwork",
        ]
        | None
    ) = None
    resource_id: Annotated[Link | None, WeakRef()] = None
    address: str | None = None
    scope: Scope | None = None
    coverage_level: (
        Annotated[Literal["Default", "Low", "BelowAverage", "Average", "AboveAverage", "Full"], INERT] | None
    ) = None
    filter: Annotated[dict[str, Any] | None, UNSUPPORTED] = None
    location_details: Annotated[dict[str, Any] | None, INERT] = None
    subscription_id: Annotated[str | None, INERT] = None


class Header(Properties, frozen=True):
    name: str
    value: str = ""


class HttpConfiguration(Properties, frozen=True):
    port: Annotated[int | None, _PORT] = None
    method: Literal["Get", "Post"] = "Get"
    path: str | None = None
    request_headers: Annotated[tuple[Header, ...], OMITTED_WHEN_EMPTY] = ()
    valid_status_code_ranges: Annotated[tuple[str, ...], OMITTED_WHEN_EMPTY] = ()
    prefer_https: bool = msgspec.field(default=False, name="preferHTTPS")


class TcpConfiguration(Properties, frozen=True):
    port: Annotated[int | None, _PORT] = None
    disable_trace_route: Annotated[bool, INERT] = False
    destination_port_behavior: Literal["None", "ListenIfAvailable"] = "None"


class IcmpConfiguration(Properties, frozen=True):
    disable_trace_route: Annotated[bool, INERT] = False


class Threshold(Properties, frozen=True):
    checks_failed_percent: Annotated[int | None, Bounds(0, 100)] = None
    round_trip_time_ms: float | None = None


class TestConfiguration(Properties, frozen=True):
    name: str
    protocol: Literal["Tcp", "Http", "Icmp"]
    test_frequency_sec: int = 60
    preferred_ip_version: Literal["IPv4", "IPv6"] | None = msgspec.field(default=None, name="preferredIPVersion")
    http_configuration: HttpConfiguration | None = None
    tcp_configuration: TcpConfiguration | None = None
    icmp_configuration: IcmpConfiguration | None = None
    success_threshold: Threshold | None = None


class TestGroup(Properties, frozen=True):
    name: str
    test_configurations: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    disable: bool = False


class WorkspaceSettings(Properties, frozen=True):
    workspace_resource_id: Annotated[str | None, INERT] = None


class Output(Properties, frozen=True):
    """The lab has no workspaces: results stay with the monitor, where ``query`` reads them."""

    type: Annotated[Literal["Workspace"], INERT] = "Workspace"
    workspace_settings: Annotated[WorkspaceSettings | None, INERT] = None


class ConnectionMonitor(Properties, frozen=True):
    """``source`` and ``destination`` of the first version, or endpoints in test groups."""

    source: Source | None = None
    destination: Destination | None = None
    auto_start: bool = True
    interval_s: Annotated[int, Bounds(SHORTEST_S, LONGEST_S)] = msgspec.field(
        default=60, name="monitoringIntervalInSeconds"
    )
    endpoints: Annotated[tuple[Endpoint, ...], Bounds(0, MAX_ENDPOINTS), OMITTED_WHEN_EMPTY] = ()
    test_configurations: Annotated[
        tuple[TestConfiguration, ...], Bounds(0, MAX_CONFIGURATIONS), OMITTED_WHEN_EMPTY
    ] = ()
    test_groups: Annotated[tuple[TestGroup, ...], Bounds(0, MAX_GROUPS), OMITTED_WHEN_EMPTY] = ()
    outputs: Annotated[tuple[Output, ...], INERT, OMITTED_WHEN_EMPTY] = ()
    notes: Annotated[str | None, INERT] = None
    stopped: Annotated[bool | None, ASSIGNED, SECRET] = None
    """What ``stop`` and ``start`` said last."""
    connection_monitor_type: Annotated[str | None, READ_ONLY] = None
    monitoring_status: Annotated[str | None, READ_ONLY] = None
    start_time: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def first_version(self) -> bool:
        return self.source is not None

    @property
    def is_stopped(self) -> bool:
        return not self.auto_start if self.stopped is None else self.stopped


KINDS = (
    Kind("Microsoft.Network/networkWatchers/connectionMonitors", ConnectionMonitor, located=False, deleted_status=204),
)
