"""Traffic Manager: names whose answers depend on health, on chance and on where the client is."""

from lazulite.services.service import Service
from lazulite.services.traffic_manager import actions, assign, compile, heat_map, status, validate
from lazulite.services.traffic_manager.model import (
    KINDS,
    AzureEndpoint,
    ExternalEndpoint,
    MetricsKey,
    NestedEndpoint,
    Profile,
)

_ENDPOINTS = (AzureEndpoint, ExternalEndpoint, NestedEndpoint)

SERVICE = Service(
    "traffic_manager",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    compile={Profile: compile.profile},
    status={Profile: status.profile, MetricsKey: status.metrics_key} | dict.fromkeys(_ENDPOINTS, status.endpoint),
    actions={"microsoft.network/trafficmanagerprofiles/heatmaps/default": heat_map.heat_map},
    collection_actions={"Microsoft.Network/checkTrafficManagerNameAvailabilityV2": actions.check_name},
    tenant_actions={
        "Microsoft.Network/checkTrafficManagerNameAvailability": actions.check_name,
        "Microsoft.Network/trafficManagerGeographicHierarchies/default": actions.regions,
    },
)
