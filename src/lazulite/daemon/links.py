"""Peering links that are not connected: the forwarding model has none of them, because they carry nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from lazulite.resources.view import Snapshot, View
from lazulite.services.virtual_network.model import VirtualNetwork
from lazulite.services.virtual_network.peering import LINKS, PeeringState, state


class Loose(msgspec.Struct, frozen=True):
    """One end of a link: the networks by id key, the one it is in also by name."""

    id: str
    here: str
    there: str
    name: str
    state: PeeringState


def loose(snapshot: Snapshot) -> Iterator[Loose]:
    """Every end that is ``Initiated`` or ``Disconnected``, in id order."""
    view = View(snapshot)
    for _, vnet in sorted(snapshot.kinds.get(VirtualNetwork, {}).items()):
        for child in vnet.properties.virtual_network_peerings:
            ref, stands = child.properties.remote_virtual_network, state(vnet, child.properties, view)
            if ref is not None and stands != "Connected":
                yield Loose(vnet.id.child(LINKS, child.name).text, vnet.id.key, ref.id.lower(), vnet.id.name, stands)
