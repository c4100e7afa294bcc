"""What is refused of a connection monitor as a whole, and of one of the first version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from lazulite.resources.model import Link, Resource, Violation
from lazulite.resources.view import View
from lazulite.services.compute.model import VirtualMachine
from lazulite.services.connection_monitor import refusals
from lazulite.services.connection_monitor.ends import MACHINE
from lazulite.services.connection_monitor.model import MAX_MONITORS, ConnectionMonitor, Destination
from lazulite.services.network_watcher.machines import here, ready, same_place, watcher_of
from lazulite.services.service import Lab

BAD = "InvalidConnectionMonitor"
_SOURCE, _DESTINATION = "properties.source", "properties.destination"


def assign(new: Resource[Any], old: Resource[Any] | None, view: View, lab: Lab) -> Resource[Any]:
    """Its place is its watcher's."""
    watcher = watcher_of(new, view)
    return replace(new, location=new.location or (watcher.location if watcher is not None else None))


def validate(monitor: Resource[Any], view: View, lab: Lab) -> Iterator[Violation]:
    said: ConnectionMonitor = monitor.properties
    yield from same_place(monitor, view)
    yield from _count(monitor, view)
    many = bool(said.endpoints or said.test_configurations or said.test_groups)
    if many and (said.source is not None or said.destination is not None):
        message = "source and destination go with the first version, endpoints and test groups with the second."
        yield Violation(BAD, message, _SOURCE)
    elif many:
        yield from refusals.names(said)
        yield from refusals.endpoints(monitor, view)
        yield from refusals.configurations(said)
        yield from refusals.groups(monitor, view)
    else:
        yield from _first(monitor, view)


def _count(monitor: Resource[ConnectionMonitor], view: View) -> Iterator[Violation]:
    every = view.all(ConnectionMonitor)
    others = sum(m.id.parent == monitor.id.parent and m.id != monitor.id for m in every)
    if others >= MAX_MONITORS:
        message = f"Cannot create more than {MAX_MONITORS} connection monitors for this subscription in this region."
        yield Violation("ConnectionMonitorCountLimitReached", message)


def _first(monitor: Resource[ConnectionMonitor], view: View) -> Iterator[Violation]:
    """Source: facts/network-watcher.md, wire behaviour: what clients refuse of the first version."""
    said = monitor.properties
    if said.source is None:
        yield Violation(BAD, "A connection monitor needs a source, or endpoints and test groups.", _SOURCE)
    else:
        yield from _source(monitor, said.source.resource_id, view)
    if said.destination is None:
        yield Violation(BAD, "A connection monitor needs a destination, or endpoints and test groups.", _DESTINATION)
    else:
        yield from _destination(said, said.destination)


def _source(monitor: Resource[ConnectionMonitor], source: Link, view: View) -> Iterator[Violation]:
    target = f"{_SOURCE}.resourceId"
    if source.target.kind.lower() != MACHINE:
        yield Violation("InvalidTargetResource", f"The source {source.id} is not a virtual machine.", target)
    yield from here(monitor, source, view, target)
    machine = view.get(source, VirtualMachine)
    if machine is not None and view.get(monitor.id, ConnectionMonitor) is None:
        yield from ready(machine, view, target)


def _destination(said: ConnectionMonitor, to: Destination) -> Iterator[Violation]:
    if (to.resource_id is None) is (not to.address):
        yield Violation(BAD, "A destination is a resourceId or an address, one of both.", _DESTINATION)
    elif to.resource_id is not None and to.resource_id.target.kind.lower() != MACHINE:
        message = f"The destination {to.resource_id.id} is not a virtual machine."
        yield Violation("InvalidTargetResource", message, f"{_DESTINATION}.resourceId")
    elif to.address and not refusals.is_address(to.address):
        message = f"'{to.address}' is neither an IP address nor a name."
        yield Violation(BAD, message, f"{_DESTINATION}.address")
    if not to.port:
        yield Violation(BAD, "A destination needs a port.", f"{_DESTINATION}.port")
    if (
        said.source is not None
        and to.resource_id is not None
        and to.resource_id.target == said.source.resource_id.target
    ):
        yield Violation(BAD, "Source and destination are the same machine.", f"{_DESTINATION}.resourceId")
