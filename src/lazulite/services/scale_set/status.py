"""What a client reads of scale sets and instances beside what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.schema import encode
from lazulite.resources.view import View
from lazulite.services.compute.model import label
from lazulite.services.scale_set.instances import digest
from lazulite.services.scale_set.model import Instance, ScaleSet
from lazulite.services.service import Observations


def scale_set(resource: Resource[ScaleSet], view: View, observations: Observations) -> Mapping[str, Any]:
    return {"uniqueId": resource.guid}


def instance(resource: Resource[Instance], view: View, observations: Observations) -> Mapping[str, Any]:
    """What a machine does not have; the rest is its own status."""
    parent = view.get(resource.id.parent.text, ScaleSet)
    found: dict[str, Any] = {"latestModelApplied": parent is not None and _is_latest(resource.properties, parent)}
    if parent is not None:
        said = parent.properties.profile.network_profile
        shown = [encode(c) for c in said.network_interface_configurations]
        found["networkProfileConfiguration"] = {"networkInterfaceConfigurations": shown}
    return found


def _is_latest(instance: Instance, parent: Resource[ScaleSet]) -> bool:
    return instance.model == digest(parent.properties.profile)


def beside(resource: Resource[Instance], view: View, observations: Observations) -> Mapping[str, Any]:
    parent = view.get(resource.id.parent.text, ScaleSet)
    sku = parent.sku if parent is not None else None
    named = {"name": label(resource.id), "instanceId": resource.id.name, "location": resource.location}
    return named | ({"sku": {"name": sku.name, "tier": sku.tier}} if sku is not None else {})


def summary(resource: Resource[ScaleSet]) -> dict[str, Any]:
    """``GET …/instanceView``: how many instances are in each state."""
    every = [c.properties for c in resource.properties.virtual_machines]
    counts = Counter(f"PowerState/{i.power_state}" for i in every)
    if every:
        counts["ProvisioningState/succeeded"] = len(every)
    states = [{"code": code, "count": count} for code, count in sorted(counts.items(), reverse=True)]
    done = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
    return {"virtualMachine": {"statusesSummary": states}, "statuses": [done], "extensions": []}
