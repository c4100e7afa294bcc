"""``Microsoft.Network/networkWatchers/flowLogs``, API 2025-03-01."""

from __future__ import annotations

from typing import Annotated, Literal

from lazulite.resources.model import (
    FALLS,
    INERT,
    READ_ONLY,
    UNSUPPORTED,
    Bounds,
    Kind,
    Link,
    Properties,
    Targets,
    WeakRef,
)

MAX_DAYS = 365
"""Of retention; 0 is for ever. Source: "NSG flow logs overview", considerations."""
INTERVALS = (10, 60)
"""Minutes of traffic in a row of analytics. Source: "Traffic analytics", processing interval."""
GROUPS, NETWORKS = "microsoft.network/networksecuritygroups", "microsoft.network/virtualnetworks"
SUBNETS, INTERFACES = f"{NETWORKS}/subnets", "microsoft.network/networkinterfaces"
"""Folded types of what a log can be of."""


class RetentionPolicy(Properties, frozen=True):
    days: Annotated[int, Bounds(0, MAX_DAYS)] = 0
    enabled: bool = False


class Format(Properties, frozen=True):
    """Version 0 stands for 1, as in the schema; logs of virtual networks have one format, whatever stands here."""

    type: Literal["JSON"] = "JSON"
    version: Annotated[int, Bounds(0, 2)] = 1


class TrafficAnalytics(Properties, frozen=True):
    """The lab has no workspaces: what is said of one is kept, and the rows are read with ``lazulite flows``."""

    enabled: bool = False
    workspace_id: Annotated[str | None, INERT] = None
    workspace_region: Annotated[str | None, INERT] = None
    workspace_resource_id: Annotated[str | None, INERT] = None
    traffic_analytics_interval: int = 60


class AnalyticsConfiguration(Properties, frozen=True):
    network_watcher_flow_analytics_configuration: TrafficAnalytics | None = None


class FlowLog(Properties, frozen=True):
    target_resource_id: Annotated[Link, WeakRef(), FALLS]
    """A security group, a virtual network, a subnet or a network interface."""
    storage_id: Annotated[Link, WeakRef(), Targets("Microsoft.Storage/storageAccounts")]
    enabled: bool = True
    retention_policy: RetentionPolicy = RetentionPolicy()
    format: Format = Format()
    flow_analytics_configuration: AnalyticsConfiguration = AnalyticsConfiguration()
    enabled_filtering_criteria: Annotated[str | None, UNSUPPORTED] = None
    record_types: Annotated[str | None, UNSUPPORTED] = None
    target_resource_guid: Annotated[str | None, READ_ONLY] = None
    provisioning_state: Annotated[str | None, READ_ONLY] = None

    @property
    def analytics(self) -> TrafficAnalytics:
        """Those that are not there are not enabled."""
        return self.flow_analytics_configuration.network_watcher_flow_analytics_configuration or TrafficAnalytics()


KINDS = (
    Kind(
        "Microsoft.Network/networkWatchers/flowLogs",
        FlowLog,
        located=False,
        deleted_status=204,
        envelope=frozenset({"identity"}),
    ),
)
