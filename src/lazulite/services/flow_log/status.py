"""The read-only properties of flow logs, and of what they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.flow_log.model import FlowLog
from lazulite.services.network_watcher.machines import located
from lazulite.services.service import Observations


def flow_log(log: Resource[FlowLog], view: View, observations: Observations) -> Mapping[str, Any]:
    target = located(log.properties.target_resource_id.target, view)
    return {} if target is None else {"targetResourceGuid": target.guid}


def logs_of(target: Resource[Any], view: View, observations: Observations) -> Mapping[str, Any]:
    """Shown on a group or a virtual network that has one."""
    found = [{"id": log.id.text} for log in view.referrers(target.id, FlowLog)]
    return {"flowLogs": found} if found else {}
