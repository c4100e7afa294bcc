"""TAPs as the forwarding model sees them: where copies go, and whose packets are copied."""

from __future__ import annotations

from collections.abc import Iterable

from lazulite.forwarding.model import Tap, TapSource
from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.virtual_network.model import NetworkInterface
from lazulite.services.virtual_network_tap.destination import destination
from lazulite.services.virtual_network_tap.model import TapConfiguration, VirtualNetworkTap, identifier


def tap(resource: Resource[VirtualNetworkTap], view: View) -> Iterable[Tap]:
    """Nothing while its destination is not there."""
    found = destination(resource.properties, view)
    if found is not None:
        yield Tap(
            resource.id.key,
            resource.id.name,
            found.network.id.key,
            found.address,
            resource.properties.destination_port,
            identifier(resource),
            origin=resource.id.text,
        )


def source(resource: Resource[TapConfiguration], view: View) -> Iterable[TapSource]:
    nic, ref = view.parent(resource, NetworkInterface), resource.properties.virtual_network_tap
    if nic is not None and ref is not None:
        yield TapSource(nic.id.key, nic.id.key, ref.target.key, origin=resource.id.text)
