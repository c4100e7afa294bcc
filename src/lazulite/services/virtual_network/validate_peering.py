"""What Azure refuses of a peering link."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.model import Child, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.virtual_network.model import VirtualNetwork, VirtualNetworkPeering
from lazulite.services.virtual_network.peering import LINKS, link_to, state
from lazulite.values import IPNetwork, overlap


def links(vnet: Resource[VirtualNetwork], view: View) -> Iterator[Violation]:
    seen: dict[str, str] = {}
    for index, child in enumerate(vnet.properties.virtual_network_peerings):
        path = f"properties.{LINKS}[{index}].properties"
        ref, link_id = child.properties.remote_virtual_network, vnet.id.child(LINKS, child.name)
        if ref is None:
            yield Violation(
                "InvalidRequestFormat",
                f"Peering {link_id} needs a remoteVirtualNetwork.",
                f"{path}.remoteVirtualNetwork",
            )
            continue
        first = seen.setdefault(ref.target.key, link_id.text)
        if first != link_id.text:
            message = (
                f"Peering {first} already references remote virtual network {ref.id}. Cannot add another peering "
                "referencing the same remote virtual network."
            )
            yield Violation("AnotherPeeringAlreadyReferencesRemoteVnet", message, f"{path}.remoteVirtualNetwork")
        yield from _link(vnet, child, view, path)


def _link(
    vnet: Resource[VirtualNetwork], child: Child[VirtualNetworkPeering], view: View, path: str
) -> Iterator[Violation]:
    link, link_id = child.properties, vnet.id.child(LINKS, child.name)
    remote = view.get(link.remote_virtual_network, VirtualNetwork)
    if remote is None:
        return
    if remote.id == vnet.id:
        message = f"Cannot create or update peering {link_id}: a virtual network cannot be peered with itself."
        yield Violation("VnetCannotBePeeredWithItself", message, f"{path}.remoteVirtualNetwork")
        return
    stood = _stood(vnet, child, view)
    if not stood:
        yield from _disconnected_remote(vnet, child, remote, view, path)
    if not (stood and _same_space(vnet, view)):
        yield from _overlaps(vnet, child, remote, view, path)
    yield from _gateway_flags(child, remote, link_id.text, path)


def _stood(vnet: Resource[VirtualNetwork], child: Child[VirtualNetworkPeering], view: View) -> bool:
    """Whether the link is one that was there before this write."""
    stored = view.get(vnet.id.child(LINKS, child.name), VirtualNetworkPeering)
    return stored is not None and stored.properties.resource_guid == child.properties.resource_guid


def _same_space(vnet: Resource[VirtualNetwork], view: View) -> bool:
    stored = view.get(vnet.id, VirtualNetwork)
    return stored is not None and stored.properties.prefixes == vnet.properties.prefixes


def _disconnected_remote(
    vnet: Resource[VirtualNetwork],
    child: Child[VirtualNetworkPeering],
    remote: Resource[VirtualNetwork],
    view: View,
    path: str,
) -> Iterator[Violation]:
    reverse = link_to(vnet.id.key, remote)
    if reverse is not None and state(remote, reverse.properties, view) == "Disconnected":
        message = (
            f"Cannot create or update peering {vnet.id.child(LINKS, child.name)} because remote peering "
            f"{remote.id.child(LINKS, reverse.name)} referencing parent virtual network {vnet.id} is in Disconnected "
            "state. Update or re-create the remote peering to get it back to Initiated state. Peering gets "
            "Disconnected when remote vnet or remote peering is deleted and re-created."
        )
        yield Violation("RemotePeeringIsDisconnected", message, f"{path}.remoteVirtualNetwork")


def _overlaps(
    vnet: Resource[VirtualNetwork],
    child: Child[VirtualNetworkPeering],
    remote: Resource[VirtualNetwork],
    view: View,
    path: str,
) -> Iterator[Violation]:
    link_id, target = vnet.id.child(LINKS, child.name), f"{path}.remoteVirtualNetwork"
    shared = _shared(vnet, remote)
    if shared:
        message = (
            f"Cannot create or update peering {link_id}. Virtual networks {vnet.id} and {remote.id} cannot be peered "
            f"because their address spaces overlap. Overlapping address prefixes: {_listed(shared)}"
        )
        yield Violation("VnetAddressSpacesOverlap", message, target)
    links = vnet.properties.virtual_network_peerings
    earlier = links[: next(i for i, c in enumerate(links) if c.name == child.name)]
    theirs = remote.properties.virtual_network_peerings
    for first, second, others in ((vnet, remote, theirs), (remote, vnet, earlier)):
        for third in _linked(second, others, view):
            shared = _shared(first, third) if third.id not in (first.id, second.id) else []
            if shared:
                message = (
                    f"Cannot create or update peering {link_id}. Virtual networks {first.id} and {second.id} cannot be "
                    "peered because address space of the first virtual network overlaps with address space of virtual "
                    f"network {third.id} already peered with the second virtual network. Overlapping address prefixes: "
                    f"{_listed(shared)}"
                )
                yield Violation("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", message, target)


def _linked(
    vnet: Resource[VirtualNetwork], links: tuple[Child[VirtualNetworkPeering], ...], view: View
) -> Iterator[Resource[VirtualNetwork]]:
    """Networks that *links* of *vnet* lead to and that are not disconnected."""
    for child in links:
        remote = view.get(child.properties.remote_virtual_network, VirtualNetwork)
        if remote is not None and state(vnet, child.properties, view) != "Disconnected":
            yield remote


def _shared(one: Resource[VirtualNetwork], other: Resource[VirtualNetwork]) -> list[IPNetwork]:
    return [p for p in one.properties.prefixes if any(overlap(p, q) for q in other.properties.prefixes)]


def _listed(prefixes: list[IPNetwork]) -> str:
    return ", ".join(map(str, prefixes))


def _gateway_flags(
    child: Child[VirtualNetworkPeering], remote: Resource[VirtualNetwork], link_id: str, path: str
) -> Iterator[Violation]:
    """No network has a gateway yet, so there is none to use.

    Source: "Create, change, or delete a virtual network peering", requirements and constraints.
    """
    link = child.properties
    if link.use_remote_gateways and link.allow_gateway_transit:
        message = f"Peering {link_id} cannot have both AllowGatewayTransit and UseRemoteGateways flags set to true."
        yield Violation("AllowGatewayTransitAndUseRemoteGatewaysConflict", message, f"{path}.useRemoteGateways")
    if link.use_remote_gateways and not link.do_not_verify_remote_gateways:
        message = (
            f"Peering {link_id} cannot have UseRemoteGateway flag set to true because remote virtual network "
            f"{remote.id} referenced by the peering does not have any gateways."
        )
        yield Violation("RemoteVnetHasNoGateways", message, f"{path}.useRemoteGateways")
