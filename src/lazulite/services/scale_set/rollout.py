"""Rolling upgrades: batch after batch, each when the one before is healthy. Pure; asked again after every change.

Source: "Virtual machine scale set upgrade policy", rolling upgrades: at most so many instances at once, and no further
batch while too many are unhealthy.
"""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services.scale_set.assign import upgraded
from lazulite.services.scale_set.instances import digest
from lazulite.services.scale_set.model import Instance, RollingPolicy, ScaleSet
from lazulite.services.service import Lab, Observations, Write


def progress(view: View, observations: Observations, lab: Lab) -> Iterator[Write]:
    """The next batch of each scale set that has one due."""
    for scale_set in view.all(ScaleSet):
        batch = due(scale_set, observations)
        if batch:
            yield Write(upgraded(scale_set, batch))


def due(scale_set: Resource[ScaleSet], observations: Observations) -> list[str]:
    """Names of the instances to bring to the profile now."""
    said = scale_set.properties
    if said.upgrade_policy.mode != "Rolling":
        return []
    wanted, policy = digest(said.profile), said.upgrade_policy.rolling_upgrade_policy or RollingPolicy()
    running = [c for c in said.virtual_machines if c.properties.power_state == "running"]
    behind = [c for c in running if c.properties.model != wanted]
    sick = {c.name for c in running if not healthy(scale_set.id, c, said, observations)}
    upgraded_sick = [c for c in running if c.name in sick and c.properties.model == wanted]
    if not behind or upgraded_sick or len(sick) > _share(len(running), policy.max_unhealthy_instance_percent):
        return []
    return [c.name for c in behind[: max(1, _share(len(running), policy.max_batch_instance_percent))]]


def _share(count: int, percent: int) -> int:
    return count * percent // 100


def healthy(set_id: ResourceId, instance: Child[Instance], said: ScaleSet, observations: Observations) -> bool:
    """Whether the set's health probe finds the instance well, in any of the pools it is probed in."""
    probe = said.profile.network_profile.health_probe
    suffix = f"|{probe.target.key}" if probe is not None else "|"
    here = set_id.child("virtualMachines", instance.name)
    names = {
        here.child("networkInterfaces", n.name).child("ipConfigurations", c.name).key
        for n in instance.properties.network_interfaces
        for c in n.properties.ip_configurations
    }
    found = (c.members for name, c in observations.health.items() if name.endswith(suffix))
    return any(not names.isdisjoint(members) for members in found)
