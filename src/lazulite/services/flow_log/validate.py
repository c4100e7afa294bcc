"""What is refused of a flow log, and where one that does not say so is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.flow_log.model import (
    GROUPS,
    INTERFACES,
    INTERVALS,
    NETWORKS,
    SUBNETS,
    FlowLog,
    Format,
    TrafficAnalytics,
)
from lazulite.services.network_watcher.machines import here, located, same_place, watcher_of
from lazulite.services.service import Lab
from lazulite.services.storage.model import StorageAccount

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TARGET, _STORAGE = "properties.targetResourceId", "properties.storageId"
_ANALYTICS = "properties.flowAnalyticsConfiguration.networkWatcherFlowAnalyticsConfiguration"


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """Its place is its watcher's, and version 0 is 1."""
    watcher, said = watcher_of(new, view), new.properties
    if said.format.version == 0:
        said = replace(said, format=Format())
    location = new.location or (watcher.location if watcher is not None else None)
    return replace(new, location=location, properties=said)


def validate(log: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    said: FlowLog = log.properties
    yield from same_place(log, view)
    yield from _target(log, view)
    yield from here(log, said.target_resource_id, view, _TARGET)
    yield from here(log, said.storage_id, view, _STORAGE)
    yield from _account(said, view)
    yield from _analytics(said)


def _target(log: Resource[FlowLog], view: View) -> Iterator[Violation]:
    target = log.properties.target_resource_id.target
    if target.kind.lower() not in (GROUPS, NETWORKS, SUBNETS, INTERFACES):
        message = (
            f"{target} cannot have a flow log: network security groups, virtual networks, subnets and network "
            "interfaces can."
        )
        yield Violation("InvalidTargetResource", message, _TARGET)
    if located(target, view) is None:
        return
    for other in view.referrers(target, FlowLog):
        if other.id != log.id and other.properties.target_resource_id.target == target:
            message = f"{target} has a flow log already: {other.id}."
            yield Violation("FlowLogTargetAlreadyInUse", message, _TARGET)


def _account(said: FlowLog, view: View) -> Iterator[Violation]:
    """Source: "NSG flow logs overview", considerations: standard tier; retention needs general purpose v2."""
    account = view.get(said.storage_id, StorageAccount)
    if account is None:
        return
    kind, sku = account.envelope.get("kind", "StorageV2"), account.sku
    if sku is not None and (sku.name or "").lower().startswith("premium"):
        message = f"Flow logs are kept in standard storage accounts, and {account.id.name} is {sku.name}."
        yield Violation("StorageAccountNotSupported", message, _STORAGE)
    policy = said.retention_policy
    if policy.enabled and policy.days and str(kind).lower() != "storagev2":
        message = f"A retention policy needs a storage account of the kind StorageV2, and {account.id.name} is {kind}."
        yield Violation("RetentionPolicyNotSupported", message, "properties.retentionPolicy")


def _analytics(said: FlowLog) -> Iterator[Violation]:
    analytics: TrafficAnalytics = said.analytics
    if analytics.traffic_analytics_interval not in INTERVALS:
        message = f"The interval of traffic analytics is 10 or 60 minutes, not {analytics.traffic_analytics_interval}."
        yield Violation("InvalidTrafficAnalyticsInterval", message, f"{_ANALYTICS}.trafficAnalyticsInterval")
    if analytics.workspace_id and not _GUID.fullmatch(analytics.workspace_id):
        message = f"'{analytics.workspace_id}' is not the GUID of a workspace."
        yield Violation("InvalidWorkspaceId", message, f"{_ANALYTICS}.workspaceId")
