"""What two peering links make of each other: pure questions to the models, for every room that asks.

A link is one-sided; two that point at each other connect. What must outlive an edit is stored where the edit
happens: a network remembers the remote links that its own deletions severed, and a link remembers which
incarnation of the remote it was made for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Child, Resource
from lazulite.resources.view import View
from lazulite.services.virtual_network.model import VirtualNetwork, VirtualNetworkPeering
from lazulite.values import IPNetwork

LINKS = "virtualNetworkPeerings"

PeeringState: TypeAlias = Literal["Initiated", "Connected", "Disconnected"]


class Peer(msgspec.Struct, frozen=True):
    """A connected link, seen from one end."""

    id: ResourceId
    link: VirtualNetworkPeering
    reverse: VirtualNetworkPeering
    remote: Resource[VirtualNetwork]
    is_global: bool

    @property
    def prefixes(self) -> tuple[IPNetwork, ...]:
        """The remote's space as far as either link has heard of it: a prefix added later waits for a sync."""
        return agreed(self.remote.properties.prefixes, self.link.known_remote, self.reverse.known_local)

    @property
    def local_prefixes(self) -> tuple[IPNetwork, ...]:
        """Those of this end's prefixes that the remote may have heard of."""
        return tuple(dict.fromkeys((*self.link.known_local, *self.reverse.known_remote)))

    @property
    def access(self) -> bool:
        """Whether the two networks may exchange traffic of their own: both ends must allow it.

        Source: "Create, change, or delete a virtual network peering", traffic to remote virtual network.
        """
        return self.link.allow_virtual_network_access and self.reverse.allow_virtual_network_access


def agreed(space: tuple[IPNetwork, ...], *known: tuple[IPNetwork, ...]) -> tuple[IPNetwork, ...]:
    """The part of *space* that is in one of the *known* ones."""
    return tuple(p for p in space if any(p in k for k in known))


def link_to(key: str, remote: Resource[VirtualNetwork]) -> Child[VirtualNetworkPeering] | None:
    """The link of *remote* that points at the network of id key *key*."""
    for child in remote.properties.virtual_network_peerings:
        ref = child.properties.remote_virtual_network
        if ref is not None and ref.id.lower() == key:
            return child
    return None


def remote_of(link: VirtualNetworkPeering, view: View) -> Resource[VirtualNetwork] | None:
    """The network at the other end, unless it is not the one the link was made for."""
    remote = view.get(link.remote_virtual_network, VirtualNetwork)
    return remote if remote is not None and remote.guid == link.remote_guid else None


def state(vnet: Resource[VirtualNetwork], link: VirtualNetworkPeering, view: View) -> PeeringState:
    """Where *link* of *vnet* stands. Source: "Virtual network peering", peering states."""
    remote = remote_of(link, view)
    if remote is None or link.resource_guid in remote.properties.severed_links:
        return "Disconnected"
    reverse = link_to(vnet.id.key, remote)
    if reverse is None or reverse.properties.remote_guid != vnet.guid:
        return "Initiated"
    return "Initiated" if reverse.properties.resource_guid in vnet.properties.severed_links else "Connected"


def peer(vnet: Resource[VirtualNetwork], child: Child[VirtualNetworkPeering], view: View) -> Peer | None:
    """The other end of a link, or ``None`` while it is not connected."""
    link = child.properties
    remote = view.get(link.remote_virtual_network, VirtualNetwork)
    reverse = link_to(vnet.id.key, remote) if remote is not None else None
    if remote is None or reverse is None or state(vnet, link, view) != "Connected":
        return None
    apart = remote.location != vnet.location
    return Peer(vnet.id.child(LINKS, child.name), link, reverse.properties, remote, apart)


def peers(vnet: Resource[VirtualNetwork], view: View) -> Iterator[Peer]:
    """Every network that *vnet* is connected to by peering, in the order of its links."""
    for child in vnet.properties.virtual_network_peerings:
        found = peer(vnet, child, view)
        if found is not None:
            yield found
