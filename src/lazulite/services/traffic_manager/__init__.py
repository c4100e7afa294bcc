"""Traffic Manager: names whose answers depend on health, on chance and on where the client is."""

from lazulite.services.service import Service
from lazulite.services.traffic_manager import actions, assign, compile, status, validate
from lazulite.services.traffic_manager.model import KINDS, AzureEndpoint, ExternalEndpoint, NestedEndpoint, Profile

_ENDPOINTS = (AzureEndpoint, ExternalEndpoint, NestedEndpoint)

SERVICE = Service(
    "traffic_manager",
    KINDS,
    assign=assign.resource,
    validate=validate.resource,
    compile={Profile: compile.profile},
    status={Profile: status.profile} | dict.fromkeys(_ENDPOINTS, status.endpoint),
    collection_actions={"Microsoft.Network/checkTrafficManagerNameAvailabilityV2": actions.check_name},
    tenant_actions={
        "Microsoft.Network/checkTrafficManagerNameAvailability": actions.check_name,
        "Microsoft.Network/trafficManagerGeographicHierarchies/default": actions.regions,
    },
)
