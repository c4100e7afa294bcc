"""Copies of a port's packets, on their way to a collector: entries to kernel objects. Pure; see :mod:`skeleton_tap`.

The interface of a tapped port duplicates each frame into a tunnel of its own, whose datagrams leave in the router of
the collector's network, be it another one: they meet its system routes, the filter of the peering and the collector's
lists, and no list or route of the port.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from lazulite.drivers.linux import names, skeleton_tap
from lazulite.drivers.linux.scene import Items, Scene, attached, put
from lazulite.drivers.linux.state import Address, Chain, Element, Vxlan
from lazulite.forwarding.copying import source_address
from lazulite.forwarding.model import Port, Tap, TapSource, Vrf

_WORD = "ip"
_FIRST, _LAST = -300, 300
"""Priorities: before all else that an interface's own hooks do with what a workload sends, after all of it with what it
gets."""


def source(scene: Scene, name: str) -> Items:
    """A port whose packets are copied: its duplicates, and what they become."""
    entry = scene.get(TapSource, name)
    port = scene.get(Port, entry.port) if entry is not None else None
    tap = scene.get(Tap, entry.tap) if entry is not None else None
    if entry is None or port is None or tap is None or not attached(scene, port) or not _reached(scene, port.vrf, tap):
        return
    address = source_address(port)
    if not isinstance(address, IPv4Address):
        return
    scene.demand(collected, tap.vrf)
    scene.demand(errors, tap.vrf, tap.identifier)
    router, there, origin = names.router(port.vrf), names.router(tap.vrf), entry.origin
    mirror, error = names.mirror(port.guid), skeleton_tap.about(tap.identifier)[0]
    said = tunnel(address, str(tap.address), there if there != router else "")
    yield put(there, Address("lo", hidden=True), f"{said.local}/32", origin=origin)
    yield put(router, said, mirror, origin=origin)
    become = tuple(_become(scene, port, address, tap))
    yield put(there, Chain(become), _WORD, f"copy_{mirror}", origin=origin)
    known = f"{said.local} . {said.port}"
    yield put(there, Element(f"goto copy_{mirror}"), _WORD, "copy_sources", known, origin=origin)
    yield put(there, Element(f"goto {error}"), _WORD, "copy_senders", address, origin=origin)
    yield from _duplicates(router, names.nic(port.guid), mirror, origin)


def _reached(scene: Scene, vrf: str, tap: Tap) -> bool:
    """Whether the network of the collector is there, and is the port's own or one that it is peered with."""
    if tap.address.version != 4 or scene.get(Vrf, tap.vrf) is None:
        return False
    return tap.vrf == vrf or scene.linked(vrf, tap.vrf)


def tunnel(address: IPv4Address, remote: str, underlay: str) -> Vxlan:
    """The tunnel of a port: two of one namespace never have the same identifier and port, as the kernel wants it."""
    number = int(address)
    local = IPv4Address(skeleton_tap.NOBODY | number & 0x0FFFFFFF)
    return Vxlan(skeleton_tap.PRIVATE_PORT | number >> 24, number & 0xFFFFFF, str(local), remote, underlay)


def _become(scene: Scene, port: Port, address: IPv4Address, tap: Tap) -> Iterator[str]:
    """What a tunnel writes becomes what the tap says. By its mark a copy is known, and not copied again; by a frontend
    it goes without one, because balancing is for packets that follow the system's routes."""
    yield f"ip saddr set {address}"
    yield f"@th,16,16 set {tap.port}"
    yield f"@th,96,24 set {tap.identifier:#x}"
    if scene.frontend_at(tap.vrf, tap.address) is None:
        yield f"meta mark set {names.COPY}"
    yield "accept" if tap.vrf == port.vrf else f"goto from_{names.peer(port.vrf)}"


def _duplicates(router: str, nic: str, mirror: str, origin: str) -> Items:
    """What an interface of a router sends and gets, put into a tunnel. The mark of a packet that is about to leave
    chose its route; its duplicate has the system's."""
    copy = f'dup to "{mirror}"'
    hooks = ("ingress", _FIRST, copy), ("egress", _LAST, f"meta mark != {names.COPY} meta mark set 0 {copy}")
    for hook, priority, rule in hooks:
        on = f'filter hook {hook} device "{nic}" priority {priority}'
        yield put(router, Chain((rule,), on, (nic, mirror)), "netdev", f"{hook}_{mirror}", origin=origin)


def collected(scene: Scene, vrf: str) -> Items:
    """What a router has that copies come to."""
    for name, spec in skeleton_tap.ruleset():
        yield put(names.router(vrf), spec, _WORD, name)
    yield put(names.router(vrf), Element("accept"), _WORD, "links", names.LOOP_OUT)


def errors(scene: Scene, vrf: str, identifier: int) -> Items:
    """What errors about copies of a tap meet in the router of the collector."""
    name, spec = skeleton_tap.about(identifier)
    yield put(names.router(vrf), spec, _WORD, name)
