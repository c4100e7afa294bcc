"""The ends of tests: an endpoint is an address, a name, or machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address, ip_network

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine, label
from lazulite.services.connection_monitor.model import Endpoint, Scope, ScopeItem
from lazulite.services.network_watcher.machines import instances, interfaces, owner, within, within_network
from lazulite.services.virtual_network.model import NetworkInterface, VirtualNetwork
from lazulite.values import IPAddress

MACHINE, SCALE_SET = "microsoft.compute/virtualmachines", "microsoft.compute/virtualmachinescalesets"
NETWORK = "microsoft.network/virtualnetworks"
SUBNET = f"{NETWORK}/subnets"
TYPES = {MACHINE: "AzureVM", SCALE_SET: "AzureVMSS", NETWORK: "AzureVNet", SUBNET: "AzureSubnet"}
"""By folded type of the resource."""


class End(msgspec.Struct, frozen=True):
    """Where one test begins or ends."""

    label: str
    guest: str = ""
    """Id key of a machine; empty where there is none."""
    addresses: tuple[IPAddress, ...] = ()
    host: str = ""

    def address(self, version: int | None) -> IPAddress | None:
        """Of the IP version, else the first."""
        wanted = (a for a in self.addresses if a.version == version)
        return next(wanted, self.addresses[0] if self.addresses else None)


def ends(endpoint: Endpoint, view: View) -> list[End]:
    """An endpoint with several machines is called after each."""
    if endpoint.resource_id is None:
        found = plain(endpoint.address or "", endpoint.name)
        return [found] if found is not None else []
    kind = endpoint.resource_id.target.kind.lower()
    reader = _READERS.get(kind)
    found_here = reader(endpoint.resource_id.target, endpoint, view) if reader is not None else []
    if kind == MACHINE:
        return [msgspec.structs.replace(e, label=endpoint.name) for e in found_here]
    return [msgspec.structs.replace(e, label=f"{endpoint.name} {e.label}") for e in found_here]


def plain(text: str, name: str) -> End | None:
    """An address, or a host's name."""
    try:
        return End(name, addresses=(ip_address(text),))
    except ValueError:
        return End(name, host=text) if text else None


def machine_end(machine: Resource[VirtualMachine], view: View, nics: Iterable[Resource[NetworkInterface]] = ()) -> End:
    """A machine, known by the addresses of *nics*, all of its own where none is given."""
    given = tuple(nics) or tuple(interfaces(machine, view))
    addresses = tuple(a for nic in given for a in _addresses(nic))
    return End(label(machine.id), machine.id.key, addresses)


def _addresses(nic: Resource[NetworkInterface]) -> Iterator[IPAddress]:
    for child in sorted(nic.properties.ip_configurations, key=lambda c: not c.properties.primary):
        if child.properties.private_ip_address is not None:
            yield child.properties.private_ip_address


def _machine(target: ResourceId, endpoint: Endpoint, view: View) -> list[End]:
    found = view.get(target, VirtualMachine)
    return [machine_end(found, view)] if found is not None else []


def _instances(target: ResourceId, endpoint: Endpoint, view: View) -> list[End]:
    scope = endpoint.scope or Scope()
    include, exclude = ({i.address for i in held} for held in (scope.include, scope.exclude))
    found = (m for m in instances(target, view) if (not include or m.id.name in include) and m.id.name not in exclude)
    return [machine_end(m, view) for m in found]


def _subnet(target: ResourceId, endpoint: Endpoint, view: View) -> list[End]:
    return _of_interfaces(within(target, view), endpoint, view)


def _network(target: ResourceId, endpoint: Endpoint, view: View) -> list[End]:
    found = view.get(target, VirtualNetwork)
    return _of_interfaces(within_network(found, view) if found is not None else [], endpoint, view)


def _of_interfaces(nics: Iterable[Resource[NetworkInterface]], endpoint: Endpoint, view: View) -> list[End]:
    scope, found = endpoint.scope or Scope(), list[End]()
    for nic in nics:
        machine = owner(nic.id, view)
        first = next(_addresses(nic), None)
        if machine is not None and first is not None and in_scope(first, scope):
            found.append(machine_end(machine, view, [nic]))
    return found


def in_scope(address: IPAddress, scope: Scope) -> bool:
    included = not scope.include or any(_holds(i, address) for i in scope.include)
    return included and not any(_holds(i, address) for i in scope.exclude)


def _holds(item: ScopeItem, address: IPAddress) -> bool:
    """Whether an item (an address, a prefix or ``first-last``) covers *address*; nonsense covers nothing."""
    first, dash, last = item.address.partition("-")
    try:
        if not dash:
            return address in ip_network(first.strip(), strict=False)
        ends = (ip_address(first.strip()), ip_address(last.strip()))
    except ValueError:
        return False
    return all(e.version == address.version for e in ends) and int(ends[0]) <= int(address) <= int(ends[1])


_READERS: dict[str, Callable[[ResourceId, Endpoint, View], list[End]]] = {
    MACHINE: _machine,
    SCALE_SET: _instances,
    SUBNET: _subnet,
    NETWORK: _network,
}
