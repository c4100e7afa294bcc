"""Rules on public frontends that leave the address alone: the edge chooses, the router delivers. Pure.

A binding's mark says which rule made it and which member it chose. In the edge the member is a packet mark, the mark a
table, and on the link to the router a MAC that is a mark there again, as with appliances of peered networks.
"""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.drivers.linux import filled, names
from lazulite.drivers.linux.realise_balancing import hashed
from lazulite.drivers.linux.realise_edge import NUMBERS, counters, policies, public_frontend, timeouts
from lazulite.drivers.linux.realise_steering import floating, steered
from lazulite.drivers.linux.scene import EVERYTHING, FAMILY, Items, Scene, put
from lazulite.drivers.linux.state import Chain, Element, FilledMap, MarkRule, Neighbour, towards
from lazulite.forwarding import balancing
from lazulite.forwarding.model import BalancingRule, Contents, Frontend, Member, Pool, PortForward
from lazulite.values import IPAddress, Protocol

_ANYONE = "meta l4proto { tcp, udp }"


def rule(scene: Scene, name: str) -> Items:
    """A floating rule on a public frontend."""
    entry = scene.get(BalancingRule, name)
    front = public_frontend(scene, entry.frontend) if entry is not None else None
    if entry is None or front is None or not entry.floating or not entry.port:
        return
    pool, contents = scene.get(Pool, entry.pool), scene.get(Contents, entry.pool)
    version, edge = front.address.version, names.edge(front.vrf)
    for member in pool.members if pool is not None else ():
        if member.address.version == version:
            yield from _member(scene, front, member.address, mark_of(entry, member), entry.origin)
    owners = balancing.owners(pool, contents) if pool is not None else ()
    marks = (mark_of(entry, m) if m.address.version == version else None for m in owners)
    content = FilledMap(filled.BUCKET_MARK, filled.bucket_marks(marks))
    yield put(edge, content, FAMILY[version], buckets_of(entry), origin=entry.origin)
    yield from counters(edge, FAMILY[version], names.flow_mark(name), "", entry.origin)
    yield from policies(edge, FAMILY[version], entry.origin, entry.idle_timeout_s, entry.idle_timeout_s)
    found = hashed(entry, version, pool, buckets_of(entry))
    given = entry.backend_port if entry.backend_port != entry.port else 0
    rules = _translated(entry.origin, entry.idle_timeout_s, found, given)
    protocols = [entry.protocol] if entry.protocol else list(NUMBERS)
    yield from _reached(front, edge, protocols, entry.port, f"l{names.digest(name)}", tuple(rules), entry.origin)


def port_forward(scene: Scene, name: str) -> Items:
    """A floating port of a public frontend."""
    entry = scene.get(PortForward, name)
    front = public_frontend(scene, entry.frontend) if entry is not None else None
    if entry is None or front is None or not entry.floating or entry.target.version != front.address.version:
        return
    edge, word, mark = names.edge(front.vrf), FAMILY[front.address.version], names.flow_mark(name)
    yield from _member(scene, front, entry.target, mark, entry.origin)
    yield from policies(edge, word, "", entry.idle_timeout_s, entry.idle_timeout_s)
    given = entry.target_port if entry.target_port != entry.port else 0
    rules = _translated(entry.origin, entry.idle_timeout_s, f"{mark:#x}", given)
    chain = f"l{names.digest(name)}"
    yield from _reached(front, edge, [entry.protocol], entry.port, chain, tuple(rules), entry.origin)


def mark_of(entry: BalancingRule, member: Member) -> int:
    """Mark of the bindings of a floating rule that chose a member."""
    return names.flow_mark(f"{entry.name}|{member.name}")


def buckets_of(entry: BalancingRule) -> str:
    """The map of a floating rule's buckets in the edge."""
    return names.filled_map(filled.BUCKET_MARK, f"floating {entry.name}")


def _member(scene: Scene, front: Frontend, member: IPAddress, mark: int, origin: str) -> Items:
    """The way from the edge to one machine, whatever the packet is addressed to."""
    edge, router, word = names.edge(front.vrf), names.router(front.vrf), FAMILY[front.address.version]
    number, mac = names.steering_table(front.vrf, str(member)), names.steering_mac(front.vrf, str(member))
    yield from floating(scene, router, front.vrf, member, front.address, origin)
    yield put(router, steered(names.EDGE_LINK), "netdev", f"steer_{names.EDGE_LINK}")
    yield put(edge, Element(hex(number)), word, "floating", hex(mark), origin=origin)
    yield put(edge, Neighbour(names.INSIDE, mac), names.INSIDE, member)
    yield put(edge, MarkRule(number), member.version, number)
    yield put(edge, towards(names.INSIDE, str(member)), number, EVERYTHING[member.version == 6])
    yield from counters(edge, word, mark, "", origin)


def _translated(origin: str, idle_s: int, mark: str, port: int) -> Iterator[str]:
    yield f"counter name {names.flow_counter('new', origin)}"
    yield from timeouts(idle_s, idle_s)
    yield f"{_ANYONE} ct mark set {mark} {f'dnat to :{port}' if port else 'accept'}"
    yield "counter name drop_no_backend drop"


def _reached(
    front: Frontend,
    edge: str,
    protocols: list[Protocol],
    port: int,
    chain: str,
    rules: tuple[str, ...],
    origin: str,
) -> Items:
    word = FAMILY[front.address.version]
    yield put(edge, Chain(rules), word, chain, origin=origin)
    for protocol in protocols:
        at = f"{front.address} . {NUMBERS[protocol]} . {port}"
        yield put(edge, Element(f"goto {chain}"), word, "balanced", at, origin=origin)
