"""Which availability sets the machines behind a load balancer are in, and how many there may be.

Source: "Troubleshoot common Azure deployment errors with Azure Load Balancer"; "Azure subscription and service limits".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.load_balancer.members import parts, pool_members
from lazulite.services.load_balancer.model import LoadBalancer, is_basic

MAX_AVAILABILITY_SETS = 150
"""Behind one Standard load balancer. Source: "Azure subscription and service limits", load balancer."""


def apart(
    machine: Resource[VirtualMachine], nic: ResourceId, pools: Iterable[Ref], view: View, path: str
) -> Iterator[Violation]:
    """What speaks against *machine* with an interface *nic* in *pools*.

    Behind a Basic load balancer all machines are in one availability set or scale set, or there is one machine.
    """
    own = _home(machine)
    for parent in dict.fromkeys(p.target.parent for p in pools):
        balancer = view.get(parent, LoadBalancer)
        if balancer is None or not (is_basic(balancer) or machine.properties.availability_set is not None):
            continue
        others = _homes(view, balancer, machine.id)
        if is_basic(balancer) and others - {own}:
            message = (
                f"Network interface {nic} uses load balancer {balancer.id}, whose other backends are in a different "
                f"availability set: {min(others - {own})}."
            )
            yield Violation("NetworkInterfaceAndLoadBalancerAreInDifferentAvailabilitySets", message, path)
        elif sum("/availabilitysets/" in h.key for h in others | {own}) > MAX_AVAILABILITY_SETS:
            message = f"Load balancer {parent} cannot have machines of more than {MAX_AVAILABILITY_SETS} sets."
            yield Violation("MaxAvailabilitySetsInLoadBalancerReached", message, path)


def _homes(view: View, balancer: Resource[LoadBalancer], beside: ResourceId) -> set[ResourceId]:
    """The sets that machines behind *balancer* are in, *beside* left out."""
    members = (m for p in parts(balancer, "backend_address_pools") for m in pool_members(view, p) if m.nic is not None)
    nics = dict.fromkeys(m.nic for m in members if m.nic is not None)
    machines = (m for nic in nics for m in view.referrers(nic, VirtualMachine))
    return {_home(m) for m in machines if m.id != beside}


def _home(machine: Resource[VirtualMachine]) -> ResourceId:
    """An availability set, a scale set, or, of a machine in neither, itself."""
    placed = machine.properties.availability_set
    if placed is not None:
        return placed.target
    return machine.id.parent if "/virtualmachinescalesets/" in machine.id.key else machine.id
