"""What the service chooses: private addresses, the primary configuration, default outbound, the state of links."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services.load_balancer.slots import placed
from lazulite.services.public_ip_address import pool
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import free, occupants
from lazulite.services.virtual_network.model import (
    IpConfiguration,
    NetworkInterface,
    Subnet,
    VirtualNetwork,
    VirtualNetworkPeering,
)
from lazulite.services.virtual_network.peering import peer, state
from lazulite.values import IPAddress


def resource(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    if isinstance(new.properties, VirtualNetwork):
        return network(new, old, view, lab)
    return interface(new, old, view)


def network(
    new: Resource[VirtualNetwork], old: Resource[VirtualNetwork] | None, view: View, lab: Lab
) -> Resource[VirtualNetwork]:
    """Give it an outbound address; remember what this write severs and bring the links it is about up to date."""
    address = new.properties.default_outbound_address or pool.free_address(lab, view, 4)
    properties = replace(
        new.properties,
        default_outbound_address=address if isinstance(address, IPv4Address) else None,
        severed_links=_severed(new, old, view),
        virtual_network_peerings=_links(new, old, view),
    )
    return replace(new, properties=properties)


def _by_name(vnet: Resource[VirtualNetwork] | None) -> dict[str, Child[VirtualNetworkPeering]]:
    return {c.name.lower(): c for c in vnet.properties.virtual_network_peerings} if vnet is not None else {}


def _severed(new: Resource[VirtualNetwork], old: Resource[VirtualNetwork] | None, view: View) -> tuple[str, ...]:
    """Remote links whose connected counterpart this write deletes join those that earlier writes severed."""
    if old is None:
        return ()
    kept = _by_name(new)
    gone = [c for name, c in _by_name(old).items() if name not in kept]
    others = (peer(old, c, view) for c in gone)
    severed = {*old.properties.severed_links, *(p.reverse.resource_guid or "" for p in others if p is not None)}
    alive = {r.properties.resource_guid for r in view.referrers(new.id, VirtualNetworkPeering)}
    return tuple(sorted(severed & alive))


def _links(
    new: Resource[VirtualNetwork], old: Resource[VirtualNetwork] | None, view: View
) -> tuple[Child[VirtualNetworkPeering], ...]:
    before, sent = _by_name(old), _by_name(new)
    about = {name for name, child in sent.items() if child != before.get(name)}
    if old is not None and new.tags == old.tags and new.properties == old.properties:
        about = set(sent)
    return tuple(_written(c, new, old, view) if name in about else c for name, c in sent.items())


def _written(
    child: Child[VirtualNetworkPeering],
    new: Resource[VirtualNetwork],
    old: Resource[VirtualNetwork] | None,
    view: View,
) -> Child[VirtualNetworkPeering]:
    """The link as this write leaves it: synchronised with the remote, and begun anew if it was disconnected."""
    link = child.properties
    remote = view.get(link.remote_virtual_network, VirtualNetwork)
    if remote is None:
        return child
    if link.resource_guid is None or state(new, link, view) == "Disconnected":
        made = uuid5(NAMESPACE_OID, f"{new.guid}/{child.name}/{old.revision if old is not None else 0}")
        link = replace(link, resource_guid=str(made), remote_guid=remote.guid)
    link = replace(link, known_local=new.properties.prefixes, known_remote=remote.properties.prefixes)
    return Child(child.name, link, child.zones)


def interface(
    new: Resource[NetworkInterface], old: Resource[NetworkInterface] | None, view: View
) -> Resource[NetworkInterface]:
    """Mark a primary configuration and give every dynamic one an address, the one it had if that still fits."""
    before = {c.name.lower(): c.properties for c in old.properties.ip_configurations} if old is not None else {}
    marked = _with_primary(new.properties.ip_configurations)
    kept = [Child(c.name, _kept(c.properties, before.get(c.name.lower()), view), c.zones) for c in marked]
    own = {c.properties.private_ip_address for c in kept if c.properties.private_ip_address is not None}
    configurations = []
    for child in kept:
        properties = child.properties
        if properties.private_ip_address is None and properties.private_ip_allocation_method == "Dynamic":
            address = _free(properties, new, own, view)
            properties = replace(properties, private_ip_address=address)
            own |= {address} if address is not None else set()
        configurations.append(Child(child.name, properties, child.zones))
    found = placed(new.id, configurations, view)
    return replace(new, properties=replace(new.properties, ip_configurations=found))


def _with_primary(every: tuple[Child[IpConfiguration], ...]) -> list[Child[IpConfiguration]]:
    """Every configuration says whether it is primary; the first is when the client marked none."""
    unmarked = not any(c.properties.primary for c in every)
    return [
        Child(c.name, replace(c.properties, primary=bool(c.properties.primary) or (unmarked and not i)), c.zones)
        for i, c in enumerate(every)
    ]


def _kept(new: IpConfiguration, old: IpConfiguration | None, view: View) -> IpConfiguration:
    """A dynamic configuration with its former address if the subnet still has it, else with none."""
    if new.private_ip_allocation_method == "Static":
        return new
    address = old.private_ip_address if old is not None else None
    subnet = view.get(new.subnet, Subnet)
    stays = subnet is not None and address is not None and subnet.properties.prefix_of(address) is not None
    return replace(new, private_ip_address=address if stays else None)


def _free(
    configuration: IpConfiguration, nic: Resource[NetworkInterface], own: set[IPAddress], view: View
) -> IPAddress | None:
    subnet = view.get(configuration.subnet, Subnet)
    if subnet is None:
        return None
    version = 4 if configuration.private_ip_address_version == "IPv4" else 6
    return next(free(subnet, version, {*occupants(subnet.id, view, beside=nic.id), *own}), None)
