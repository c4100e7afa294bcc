"""The read-only properties of a connection monitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.connection_monitor.model import ConnectionMonitor
from lazulite.services.service import Observations


def monitor(made: Resource[ConnectionMonitor], view: View, observations: Observations) -> Mapping[str, Any]:
    said, told = made.properties, observations.reports.get(made.id.key, {})
    kind = "SingleSourceDestination" if said.first_version else "MultiEndpoint"
    return {
        "connectionMonitorType": kind,
        "monitoringStatus": "Stopped" if said.is_stopped else "Running",
        "startTime": told.get("started") or made.created,
    }
