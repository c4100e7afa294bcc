"""What Azure refuses in scale sets."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.model import Ref, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.scale_set.assign import configurations
from lazulite.services.scale_set.model import MAX_INSTANCES, InterfaceConfiguration, ScaleSet
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import Subnet
from lazulite.services.virtual_network.references import elsewhere

_PROFILE = "properties.virtualMachineProfile"
_NICS = f"{_PROFILE}.networkProfile.networkInterfaceConfigurations"


def scale_set(new: Resource[ScaleSet], view: View, lab: Lab) -> Iterator[Violation]:
    yield from _capacity(new)
    every = new.properties.profile.network_profile.network_interface_configurations
    if not every:
        message = "Required parameter 'networkProfile' is missing (null)."
        yield Violation("InvalidParameter", message, f"{_PROFILE}.networkProfile")
    if len(every) > 1 and sum(bool(c.properties.primary) for c in every) != 1:
        message = f"Scale set {new.id.name} must have one network interface configuration set as the primary."
        yield Violation("VirtualMachineMustHaveOneNetworkInterfaceAsPrimary", message, _NICS)
    for index, configuration in enumerate(every):
        yield from _interface(new, configuration, view, f"{_NICS}[{index}].properties")
    yield from _one_network(new, every)
    yield from _upgrades(new)
    yield from _addresses(new, view)


def _capacity(new: Resource[ScaleSet]) -> Iterator[Violation]:
    """Source: "Virtual Machine Scale Sets FAQ", how many VMs can I have in a scale set."""
    wanted = new.sku.capacity if new.sku is not None else None
    if wanted is not None and not 0 <= wanted <= MAX_INSTANCES:
        message = f"The capacity {wanted} of scale set {new.id.name} is out of range. Allowed range 0-{MAX_INSTANCES}."
        yield Violation("InvalidParameter", message, "sku.capacity")


def _interface(
    new: Resource[ScaleSet], configuration: InterfaceConfiguration, view: View, path: str
) -> Iterator[Violation]:
    said = configuration.properties
    if not said.ip_configurations:
        message = f"Network interface configuration {configuration.name} must have at least one IP configuration."
        yield Violation("IpConfigurationRequired", message, f"{path}.ipConfigurations")
    if said.network_security_group is not None:
        yield from elsewhere(new, said.network_security_group, view, f"{path}.networkSecurityGroup")
    if sum(bool(c.properties.primary) for c in said.ip_configurations) > 1:
        message = f"Network interface configuration {configuration.name} must have one primary IP configuration."
        yield Violation("OnlyOnePrimaryIpConfigurationAllowed", message, f"{path}.ipConfigurations")
    for index, each in enumerate(said.ip_configurations):
        here = f"{path}.ipConfigurations[{index}].properties"
        if each.properties.subnet is None:
            message = f"Subnet is required for IP configuration {each.name} of scale set {new.id.name}."
            yield Violation("SubnetIsRequired", message, f"{here}.subnet")
        else:
            yield from elsewhere(new, each.properties.subnet, view, f"{here}.subnet")
        for place, ref in enumerate(each.properties.load_balancer_backend_address_pools):
            yield from elsewhere(new, ref, view, f"{here}.loadBalancerBackendAddressPools[{place}]")


def _one_network(new: Resource[ScaleSet], every: tuple[InterfaceConfiguration, ...]) -> Iterator[Violation]:
    refs: list[Ref] = [
        c.properties.subnet for n in every for c in n.properties.ip_configurations if c.properties.subnet is not None
    ]
    networks = {ref.target.parent.key: ref.target.parent.text for ref in refs}
    if len(networks) > 1:
        message = (
            f"The network interfaces of scale set {new.id.name} are in different virtual networks: "
            f"{', '.join(sorted(networks.values()))}."
        )
        yield Violation("SubnetsNotInSameVnet", message, _NICS)


def _upgrades(new: Resource[ScaleSet]) -> Iterator[Violation]:
    """Source: "Configure rolling upgrades on Virtual Machine Scale Sets", requirements."""
    said = new.properties
    if said.upgrade_policy.mode == "Rolling" and said.profile.network_profile.health_probe is None:
        message = (
            f"Rolling upgrade mode is not supported for scale set {new.id.name}: it has no health probe. Set "
            "networkProfile.healthProbe to a probe of its load balancer."
        )
        yield Violation("InvalidParameter", message, "properties.upgradePolicy.mode")


def _addresses(new: Resource[ScaleSet], view: View) -> Iterator[Violation]:
    """Instances for which no address was left."""
    every = [c for i in new.properties.virtual_machines for c in configurations(i.properties)]
    lacking = [s for c in every if c.private_ip_address is None and (s := view.get(c.subnet, Subnet)) is not None]
    if lacking:
        message = f"Subnet {lacking[0].id} does not have enough capacity for {len(lacking)} IP addresses."
        yield Violation("SubnetIsFull", message, "sku.capacity")
    if any(p.properties.held_address is None for c in every for p in c.public_ip_addresses):
        yield Violation("PublicIPAddressPoolExhausted", "No address of the lab's public pool is free.", "sku.capacity")
