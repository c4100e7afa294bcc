"""Copies of a port's packets, on their way to a collector: entries to kernel objects. Pure; see :mod:`skeleton_tap`.

The interface of a tapped port duplicates each frame into a tunnel of its own, whose datagrams leave from a namespace
beside the router. From there they enter the router of the collector like anybody's, by a link that no list hangs on.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from lazulite.drivers.linux import names
from lazulite.drivers.linux.netlink import MAIN
from lazulite.drivers.linux.realise_steering import LINK_MAC
from lazulite.drivers.linux.scene import Items, Scene, attached, host_prefix, put
from lazulite.drivers.linux.state import Address, Chain, Declared, Element, Namespace, Skeleton, Veth, Vxlan, towards
from lazulite.forwarding.copying import source_address
from lazulite.forwarding.model import Port, Tap, TapSource, Vrf
from lazulite.values import IPAddress

_WORD = "ip"
_NOBODY = 0xF0000000
"""Network of addresses that are nobody's, which tell tunnels apart before they write what they shall."""
_PRIVATE_PORT = 0x8000
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
    scene.demand(way, port.vrf, tap.vrf)
    scene.demand(towards_collector, port.vrf, tap.vrf, tap.address)
    scene.demand(errors, tap.vrf, tap.identifier)
    router, space, origin = names.router(port.vrf), names.tap(port.vrf), entry.origin
    nic, mirror = names.nic(port.guid), names.mirror(port.guid)
    said = _tunnel(address, str(tap.address), space)
    yield put(space, Address("lo"), f"{said.local}/32", origin=origin)
    yield put(router, said, mirror, origin=origin)
    become = (
        f"ip saddr set {address}",
        f"@th,16,16 set {tap.port}",
        f"@th,96,24 set {tap.identifier:#x}",
        "accept",
    )
    yield put(space, Chain(become), _WORD, mirror, origin=origin)
    yield put(space, Element(f"goto {mirror}"), _WORD, "sources", f"{said.local} . {said.port}", origin=origin)
    about = Element(f"goto {_errors(tap.identifier)}")
    yield put(names.router(tap.vrf), about, _WORD, "copied", address, origin=origin)
    copy = f'dup to "{mirror}"'
    for hook, priority, rule in (
        ("ingress", _FIRST, copy),
        ("egress", _LAST, f"meta mark != {names.COPY} {copy}"),
    ):
        on = f'filter hook {hook} device "{nic}" priority {priority}'
        yield put(router, Chain((rule,), on, (nic, mirror)), "netdev", f"{hook}_{mirror}", origin=origin)


def _reached(scene: Scene, vrf: str, tap: Tap) -> bool:
    """Whether the network of the collector is there, and is the port's own or one that it is peered with."""
    if tap.address.version != 4 or scene.get(Vrf, tap.vrf) is None:
        return False
    return tap.vrf == vrf or scene.linked(vrf, tap.vrf)


def _tunnel(address: IPv4Address, remote: str, underlay: str) -> Vxlan:
    """The tunnel of a port: two of one namespace never have the same identifier and port, as the kernel wants it."""
    number = int(address)
    local = IPv4Address(_NOBODY | number & 0x0FFFFFFF)
    return Vxlan(_PRIVATE_PORT | number >> 24, number & 0xFFFFFF, str(local), remote, underlay)


def way(scene: Scene, vrf: str, target: str) -> Items:
    """Where the copies of a VRF become datagrams, and their link to a router."""
    space, router = names.tap(vrf), names.router(target)
    entry = scene.get(Vrf, target)
    origin = entry.origin if entry is not None else ""
    yield put(space, Namespace("tap"), origin=origin)
    yield put(space, Skeleton("tap"), origin=origin)
    link = Veth(LINK_MAC, router, names.tap_link(vrf), LINK_MAC, True, "tap", names.JUMBO_MTU)
    yield put(space, link, names.collecting(target), origin=origin)
    verdict = "accept" if target == vrf else f"jump from_{names.peer(vrf)}"
    yield put(router, Element(verdict), _WORD, "links", names.tap_link(vrf), origin=origin)
    scene.demand(marked, target)


def marked(scene: Scene, vrf: str) -> Items:
    """In a router that copies come to: they are known as such where they leave it, and are not copied again. Errors that
    collectors send about them are looked for: they would be copied, and their copies be in error."""
    router = names.router(vrf)
    rule = Chain((f'iifname "t*" meta mark set {names.COPY}',), "filter hook postrouting priority 320")
    yield put(router, rule, _WORD, "copies")
    yield put(router, Declared("map { type ipv4_addr : verdict; }"), _WORD, "copied")
    sent_back = "icmp type destination-unreachable ip daddr vmap @copied"
    yield put(router, Chain((sent_back,), "filter hook prerouting priority -460"), _WORD, "copies_back")


def errors(scene: Scene, vrf: str, identifier: int) -> Items:
    """Errors about copies of a tap end in the router of the collector: who is named as their sender never sent them.

    The offsets are in bits from the header of the error, which quotes headers of IPv4, UDP and VXLAN.
    """
    quoted = f"@th,64,8 0x45 @th,136,8 17 @th,288,8 0x08 @th,320,24 {identifier:#x} drop"
    yield put(names.router(vrf), Chain((quoted,)), _WORD, _errors(identifier))


def _errors(identifier: int) -> str:
    return f"copy_error_{identifier}"


def towards_collector(scene: Scene, vrf: str, target: str, address: IPAddress) -> Items:
    """The route of the copies to one address."""
    yield put(names.tap(vrf), towards(names.collecting(target)), MAIN, host_prefix(address))
