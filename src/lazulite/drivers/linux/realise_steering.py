"""Packets on their way to a certain interface, whoever they are for: by mark in a router, by MAC between two routers.

An appliance that is a next hop, a member of a floating rule's pool and a private frontend that is a next hop are all
named by their address in their network. The name is a mark, the mark a table, or of a frontend a choice of members.
"""

from __future__ import annotations

from ipaddress import ip_address

from lazulite.drivers.linux import filled, names, skeleton_internal
from lazulite.drivers.linux.netlink import MAIN
from lazulite.drivers.linux.realise_balancing import buckets
from lazulite.drivers.linux.scene import EVERYTHING, FAMILY, Items, Scene, put
from lazulite.drivers.linux.state import BLACKHOLE, Chain, Element, KernelRoute, MarkRule, Neighbour, Veth, towards
from lazulite.forwarding import balancing
from lazulite.forwarding.model import BalancingRule, Frontend, Pool
from lazulite.values import IPAddress

LINK_MAC = "02:00:00:00:00:01"
"""Both ends of a link between routers have it: without ARP a packet goes to the sender's own address."""


def next_hop(scene: Scene, vrf: str, via: IPAddress) -> KernelRoute:
    """How a router reaches an appliance, or a frontend, of its own network; nothing there is a way to nowhere."""
    owner = scene.port_at(vrf, via)
    if owner is not None:
        return towards(names.nic(owner.guid), str(via))
    if scene.frontend_at(vrf, via) is None:
        return BLACKHOLE
    scene.demand(steering, vrf, via)
    return towards(names.LOOP_OUT, _by_loop(via))


def _by_loop(frontend: IPAddress) -> str:
    """What stands for a frontend on the loop: with IPv6 no address that a route leads to, as one does to its own."""
    if frontend.version == 4:
        return str(frontend)
    return str(ip_address(0xFE80 << 112 | int(names.digest(str(frontend), 16), 16)))


def steering(scene: Scene, vrf: str, via: IPAddress) -> Items:
    """What packets are steered to: its MAC on the links is a mark, the mark its table, or of a frontend the choice."""
    router, number = names.router(vrf), names.steering_table(vrf, str(via))
    mac = names.steering_mac(vrf, str(via))
    yield put(router, Element(hex(number)), "netdev", "steer", mac)
    frontend = scene.frontend_at(vrf, via)
    if frontend is not None:
        yield from _chosen(scene, frontend, router, number, mac)
        return
    owner = scene.port_at(vrf, via)
    spec = towards(names.nic(owner.guid), str(via)) if owner else BLACKHOLE
    yield put(router, MarkRule(number), via.version, number)
    yield put(router, spec, number, EVERYTHING[via.version == 6], origin=owner.origin if owner else "")


def _chosen(scene: Scene, frontend: Frontend, router: str, number: int, mac: str) -> Items:
    """A frontend as a next hop: packets come back by the loop, or over a peering link, and meet a choice."""
    version, origin = frontend.address.version, frontend.origin
    word, digest = FAMILY[version], names.digest(frontend.name)
    yield put(router, Neighbour(names.LOOP_OUT, mac), names.LOOP_OUT, _by_loop(frontend.address), origin=origin)
    yield put(router, Element(f"goto lb_h{digest}"), word, "lb_hops", hex(number), origin=origin)
    rule = next((r for r in scene.rules_of(frontend.name) if r.protocol is None and not r.port), None)
    pool = scene.get(Pool, rule.pool) if rule is not None else None
    if rule is None or pool is None:
        itself = skeleton_internal.for_itself(version, frontend.address)
        yield put(router, Chain((itself, "counter name lb_nobody drop")), word, f"lb_h{digest}", origin=origin)
        return
    scene.demand(buckets, router, pool.name, version, filled.BUCKET_MARK)
    for member in pool.members:
        scene.demand(steering, pool.vrf, member.address)
    found = f"symhash mod {balancing.bucket_count(pool)} map @{names.filled_map(filled.BUCKET_MARK, pool.name)}"
    for name, spec in skeleton_internal.hop(frontend.address, digest, found, rule.idle_timeout_s):
        yield put(router, spec, word, name, origin=rule.origin)


def loop(vrf: str, label: str, origin: str) -> Items:
    """The router's link to itself."""
    router = names.router(vrf)
    link = Veth(LINK_MAC, router, names.LOOP_IN, LINK_MAC, True, label, names.JUMBO_MTU)
    yield put(router, link, names.LOOP_OUT, origin=origin)
    yield put(router, steered(names.LOOP_IN), "netdev", f"steer_{names.LOOP_IN}", origin=origin)
    for word in FAMILY.values():
        yield put(router, Element("accept"), word, "links", names.LOOP_IN, origin=origin)


def steered(link: str) -> Chain:
    """A link whose packets' MAC addresses may name what they go to."""
    return Chain(
        ("meta mark set ether daddr map @steer meta pkttype set host",),
        f'filter hook ingress device "{link}" priority 0',
    )


def members(scene: Scene, router: str, rule: BalancingRule, address: IPAddress) -> Items:
    """The members of a floating rule's pool: steered to by mark, and let through with the frontend's address."""
    pool = scene.get(Pool, rule.pool)
    for member in pool.members if pool is not None else ():
        if member.address.version == address.version and pool is not None:
            yield from floating(scene, router, pool.vrf, member.address, address, rule.origin)


def floating(scene: Scene, router: str, vrf: str, target: IPAddress, address: IPAddress, origin: str) -> Items:
    """One machine that gets, and sends, packets of a frontend's address."""
    scene.demand(steering, vrf, target)
    owner = scene.port_at(vrf, target)
    if owner is not None:
        yield put(
            router, Element(), FAMILY[address.version], "own", f"{names.nic(owner.guid)} . {address}", origin=origin
        )


def marker(vrf: str, address: IPAddress, origin: str) -> Items:
    """The route by which a sender's own routes are seen to lead to a frontend of this network."""
    prefix = f"{address}/{address.max_prefixlen}"
    yield put(names.router(vrf), towards(names.LOOP_IN), MAIN, prefix, origin=origin)
