"""The watcher that the platform makes with the first virtual network of a region."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.network_watcher.model import GROUP, NetworkWatcher
from lazulite.services.network_watcher.validate import beside
from lazulite.services.service import Lab
from lazulite.services.virtual_network.model import VirtualNetwork


def watcher(network: Resource[VirtualNetwork], view: View, lab: Lab) -> Iterator[Resource[NetworkWatcher]]:
    """None where the region has one. Source: "Enable or disable Azure Network Watcher"; facts/network-watcher.md."""
    if network.location is None or beside(network, view):
        return
    group = f"/subscriptions/{network.id.subscription}/resourceGroups/{GROUP}"
    name = f"NetworkWatcher_{network.location}"
    identity = ResourceId(f"{group}/providers/Microsoft.Network/networkWatchers/{name}")
    if view.get(identity, NetworkWatcher) is None:
        yield Resource(identity, NetworkWatcher(), network.location)
