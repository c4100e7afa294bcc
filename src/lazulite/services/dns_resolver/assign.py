"""What Azure chooses: the address of an endpoint, which network a link is to."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Ref, Resource
from lazulite.resources.view import View
from lazulite.services.dns_resolver.model import InboundEndpoint, OutboundEndpoint, RulesetLink
from lazulite.services.service import Lab
from lazulite.services.virtual_network.addresses import free, occupants
from lazulite.services.virtual_network.model import Subnet, VirtualNetwork
from lazulite.values import IPAddress


def resource(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    said = new.properties
    if isinstance(said, InboundEndpoint) and said.ip_configurations:
        return replace(new, properties=_inbound(new, said, old, view))
    if isinstance(said, OutboundEndpoint):
        held = said.held_address or _free(said.subnet, new, view)
        return replace(new, properties=replace(said, held_address=held))
    if isinstance(said, RulesetLink):
        network = view.get(said.virtual_network, VirtualNetwork)
        guid = said.network_guid or (network.guid if network is not None else None)
        return replace(new, properties=replace(said, network_guid=guid))
    return new


def _inbound(new: Resource[Any], said: InboundEndpoint, old: Resource[Any] | None, view: View) -> InboundEndpoint:
    """A dynamic endpoint keeps the address it had in the same subnet."""
    first = said.ip_configurations[0]
    if first.private_ip_allocation_method == "Static":
        return said
    same = old is not None and old.properties.subnet.target == first.subnet.target
    address = old.properties.private_ip_address if same and old is not None else _free(first.subnet, new, view)
    return replace(said, ip_configurations=(replace(first, private_ip_address=address),))


def _free(ref: Ref, new: Resource[Any], view: View) -> IPAddress | None:
    subnet = view.get(ref, Subnet)
    if subnet is None:
        return None
    return next(free(subnet, 4, occupants(subnet.id, view, beside=new.id).keys()), None)
