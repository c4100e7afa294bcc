"""Public addresses whose packets pass an appliance first: their ways over the Internet, and the detour itself. Pure.

The Internet has a route for such an address that leads into the detour, and a rule for what its edge sends from it.
Behind the detour the packets come to the Internet once more, on the link of the side where they go on.
"""

from __future__ import annotations

from lazulite.drivers.linux import filled, names
from lazulite.drivers.linux.netlink import MAIN
from lazulite.drivers.linux.realise_steering import LINK_MAC
from lazulite.drivers.linux.scene import EVERYTHING, FAMILY, Items, Scene, host_prefix, put
from lazulite.drivers.linux.state import (
    Address,
    Chain,
    Element,
    FilledMap,
    MarkRule,
    Namespace,
    Neighbour,
    Skeleton,
    TunnelEnd,
    Veth,
    Vxlan,
    WayRule,
    towards,
)
from lazulite.forwarding import balancing
from lazulite.forwarding.model import Contents, Detour, Member, Pool, Tunnel, Vrf
from lazulite.values import IPAddress

_WORD = FAMILY[4]


def way(scene: Scene, vrf: str, address: IPAddress, origin: str) -> Items:
    """How the Internet reaches a public address of a network. By a detour that is not there, nothing gets through."""
    name, uplink, prefix = scene.detour_of(address), names.uplink(vrf), host_prefix(address)
    if not name:
        yield put(names.INTERNET, towards(uplink), MAIN, prefix, origin=origin)
        return
    out, back = names.detour_table(name, "out"), names.detour_table(name, "back")
    yield put(names.INTERNET, WayRule(out), address.version, uplink, prefix, origin=origin)
    if _there(scene, name) is not None and address.version == 4:
        yield put(names.INTERNET, towards(names.north(name)), MAIN, prefix, origin=origin)
        yield put(names.INTERNET, towards(uplink), back, prefix, origin=origin)


def _there(scene: Scene, name: str) -> Detour | None:
    entry = scene.get(Detour, name)
    return entry if entry is not None and scene.get(Vrf, entry.vrf) is not None else None


def detour(scene: Scene, name: str) -> Items:
    """The namespace between the Internet and the router of the appliances, with a tunnel of either kind."""
    entry = _there(scene, name)
    if entry is None:
        return
    space, origin = names.detour(name), entry.origin
    yield put(space, Namespace("detour"), origin=origin)
    yield put(space, Skeleton("detour"), origin=origin)
    yield from _links(entry, space)
    yield put(space, Address("lo"), f"{entry.address}/32", origin=origin)
    tunnels = _tunnel("e", entry, entry.external), _tunnel("i", entry, entry.internal)
    for interface, said in zip(tunnels, (entry.external, entry.internal), strict=True):
        yield put(space, Vxlan(said.port, said.identifier, str(entry.address)), interface, origin=origin)
        host = Chain(("meta pkttype set host",), f'filter hook ingress device "{interface}" priority 0')
        yield put(space, host, "netdev", f"host_{interface}", origin=origin)
    pool = scene.get(Pool, entry.pool)
    yield from _chosen(entry, space, pool, scene.get(Contents, entry.pool))
    for member in pool.members if pool is not None else ():
        if member.address.version == 4:
            yield from _appliance(entry, space, member, tunnels)


def _tunnel(side: str, entry: Detour, said: Tunnel) -> str:
    return names.tunnel(side, said.port, said.identifier, str(entry.address))


def _links(entry: Detour, space: str) -> Items:
    """Two to the Internet, one a side, and one to the router of the appliances."""
    name, origin, router = entry.name, entry.origin, names.router(entry.vrf)
    ends = ((names.NORTH, names.north(name)), (names.SOUTH, names.south(name)))
    for near, far in ends:
        yield put(space, Veth(LINK_MAC, names.INTERNET, far, LINK_MAC, True, entry.label), near, origin=origin)
    link = names.detour_link(name)
    yield put(router, Veth(LINK_MAC, space, names.PROVIDER, LINK_MAC, True, entry.label), link, origin=origin)
    yield put(router, Element("accept"), _WORD, "links", link, origin=origin)
    yield put(router, towards(link), MAIN, host_prefix(entry.address), origin=origin)
    yield put(space, towards(names.PROVIDER), MAIN, EVERYTHING[0], origin=origin)
    for mark, interface in ((names.RETURN_NORTH, names.NORTH), (names.RETURN_SOUTH, names.SOUTH)):
        yield put(space, MarkRule(mark), 4, mark, origin=origin)
        yield put(space, towards(interface), mark, EVERYTHING[0], origin=origin)
    out, back = names.detour_table(name, "out"), names.detour_table(name, "back")
    yield put(names.INTERNET, towards(names.south(name)), out, EVERYTHING[0], origin=origin)
    yield put(names.INTERNET, WayRule(back), 4, names.south(name), "", origin=origin)


def _chosen(entry: Detour, space: str, pool: Pool | None, contents: Contents | None) -> Items:
    """Which appliance a new flow meets, by a hash that is the same for both directions."""
    owners = balancing.owners(pool, contents) if pool is not None else ()
    marks = [names.appliance(entry.name, str(m.address)) if m.address.version == 4 else None for m in owners]
    buckets = names.filled_map(filled.BUCKET_MARK, entry.name)
    content = FilledMap(filled.BUCKET_MARK, filled.bucket_marks(marks))
    yield put(space, content, _WORD, buckets, origin=entry.origin)
    count = balancing.bucket_count(pool) if pool is not None else balancing.FEWEST_BUCKETS
    rules = ("ct mark set 0", f"ct mark set symhash mod {count} map @{buckets}")
    yield put(space, Chain(rules), _WORD, "choose", origin=entry.origin)
    for mark in sorted({m for m in marks if m is not None}):
        yield put(space, Element(), _WORD, "able", hex(mark), origin=entry.origin)


def _appliance(entry: Detour, space: str, member: Member, tunnels: tuple[str, str]) -> Items:
    """The ways to one appliance: its mark leads to its MAC address on a tunnel, and that to its own address."""
    address, origin = str(member.address), entry.origin
    mark = names.appliance(entry.name, address)
    yield put(space, Element(), _WORD, "appliances", address, origin=origin)
    for number, interface in enumerate(tunnels):
        # An appliance may be a bridge, which learns by an error it sends back where this address is: on the other side.
        mac = names.steering_mac(f"{entry.name} {number}", address)
        yield put(space, MarkRule(mark + number), 4, mark + number, origin=origin)
        yield put(space, towards(interface, address), mark + number, EVERYTHING[0], origin=origin)
        yield put(space, Neighbour(interface, mac), interface, address, origin=origin)
        yield put(space, TunnelEnd(interface, address), interface, mac, origin=origin)
