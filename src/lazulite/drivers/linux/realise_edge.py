"""From public frontends and source translations to what the edge of their network holds. Pure; nodes of the engine.

Floating rules are not here: their packets keep the address that the sender wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lazulite.drivers.linux import filled, names
from lazulite.drivers.linux.realise_balancing import choice
from lazulite.drivers.linux.realise_detour import way
from lazulite.drivers.linux.scene import FAMILY, Items, Scene, put
from lazulite.drivers.linux.state import Chain, Declared, Element, FilledMap
from lazulite.forwarding.model import (
    BalancingRule,
    Frontend,
    Pool,
    PortBlock,
    PortForward,
    SourceNat,
    Vrf,
)
from lazulite.values import IPAddress, Protocol

USUAL_IDLE_S = 240
"""Idle time of flows that nothing else is said of; the edge's own settings have it."""
FIRST_PORT = 1024
"""Of the 64,512 that a gateway gives out. Source: facts/nat-gateway.md N5 (nat-gateway-resource)."""
NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_TRANSLATED = "meta l4proto { tcp, udp }"
_FRAGMENTS = "meta mark 1 counter name drop_translated_fragment drop"
_RESET = "goto send_reset"


def frontend(scene: Scene, name: str) -> Items:
    """The way from the Internet to a public frontend; what no rule on it takes ends in the edge."""
    entry = scene.get(Frontend, name)
    if entry is not None and entry.public and scene.get(Vrf, entry.vrf) is not None:
        yield from way(scene, entry.vrf, entry.address, entry.origin)


def public_frontend(scene: Scene, name: str) -> Frontend | None:
    found = scene.get(Frontend, name)
    return found if found is not None and found.public and scene.get(Vrf, found.vrf) is not None else None


def balancing_rule(scene: Scene, name: str) -> Items:
    """A rule on a public frontend: a chain that chooses, and the frontend's port that leads there."""
    rule = scene.get(BalancingRule, name)
    front = public_frontend(scene, rule.frontend) if rule is not None else None
    if rule is None or front is None or rule.floating or not rule.port:
        return
    edge, word, origin = names.edge(front.vrf), FAMILY[front.address.version], rule.origin
    protocols = [rule.protocol] if rule.protocol else [Protocol.TCP, Protocol.UDP]
    chain, mark = f"l{names.digest(name)}", names.flow_mark(name)
    yield from counters(edge, word, mark, "", origin)
    yield from policies(edge, word, origin, rule.idle_timeout_s, rule.idle_timeout_s)
    port = f":{rule.backend_port}" if rule.backend_port else ""
    rules = (
        f"counter name {names.flow_counter('new', origin)}",
        f"ct mark set {mark:#x}",
        *timeouts(rule.idle_timeout_s, rule.idle_timeout_s),
        f"{_TRANSLATED} dnat {word} to {choice(scene, edge, rule, front.address.version)}{port}",
        "counter name drop_no_backend drop",
    )
    yield put(edge, Chain(rules), word, chain, origin=origin)
    for protocol in protocols:
        at = f"{front.address} . {NUMBERS[protocol]} . {rule.port}"
        yield put(edge, Element(f"goto {chain}"), word, "balanced", at, origin=origin)
    if rule.resets and Protocol.TCP in protocols:
        yield put(edge, Element(_RESET), word, "late_frontend", f"{front.address} . {rule.port}")
        pool = scene.get(Pool, rule.pool)
        for member in pool.members if pool is not None else ():
            if member.address.version == front.address.version:
                at = f"{member.address} . {rule.backend_port or rule.port}"
                yield put(edge, Element(_RESET), word, "late_member", at)


def port_forward(scene: Scene, name: str) -> Items:
    """A port of a public frontend that leads to one backend: elements of maps, and a chain shared by all alike."""
    entry = scene.get(PortForward, name)
    front = public_frontend(scene, entry.frontend) if entry is not None else None
    if entry is None or front is None or entry.floating or entry.target.version != front.address.version:
        return
    edge, word, origin, idle = names.edge(front.vrf), FAMILY[front.address.version], entry.origin, entry.idle_timeout_s
    chain, mark = f"w{idle}", names.flow_mark(name)
    at = f"{front.address} . {NUMBERS[entry.protocol]} . {entry.port}"
    yield from counters(edge, word, mark, "", origin)
    yield put(edge, Element(names.flow_counter("new", origin)), word, "opened", hex(mark), origin=origin)
    yield from policies(edge, word, "", idle, idle)
    key = f"{word} daddr . meta l4proto . th dport"
    rules = (
        f"ct mark set {key} map @forward_marks",
        "counter name ct mark map @opened",
        *timeouts(idle, idle),
        f"{_TRANSLATED} dnat {word} to {key} map @forwards",
        "drop",
    )
    yield put(edge, Chain(rules), word, chain)
    yield put(edge, Element(f"goto {chain}"), word, "forwarded", at, origin=origin)
    yield put(edge, Element(hex(mark)), word, "forward_marks", at, origin=origin)
    yield put(edge, Element(f"{entry.target} . {entry.target_port}"), word, "forwards", at, origin=origin)
    if entry.resets and entry.protocol is Protocol.TCP:
        yield put(edge, Element(_RESET), word, "late_frontend", f"{front.address} . {entry.port}")
        yield put(edge, Element(_RESET), word, "late_member", f"{entry.target} . {entry.target_port}")


def source_nat(scene: Scene, name: str) -> Items:
    """A gateway or a balancer's port blocks: a chain that translates, and the sources that are sent there."""
    entry = scene.get(SourceNat, name)
    if entry is None or scene.get(Vrf, entry.vrf) is None:
        return
    edge, origin, mark = names.edge(entry.vrf), entry.origin, names.flow_mark(name)
    addresses = [a for a in entry.addresses if a.version == 4]
    for address in addresses:
        yield from way(scene, entry.vrf, address, origin)
    yield from counters(edge, "ip", mark, "snat-", origin)
    yield from _counted_departures(edge, mark - 1, origin)
    yield from policies(edge, "ip", origin, entry.tcp_idle_s, entry.udp_idle_s)
    translate = _shared(addresses) if entry.is_gateway else _blocks(_rounds(entry.blocks), name)
    rules = (
        f"meta l4proto != {{ {', '.join(entry.protocols)} }} return",
        _FRAGMENTS,
        f"counter name {names.flow_counter('tried', origin)}",
        f"ct mark set {mark - 1:#x}",
        *timeouts(entry.tcp_idle_s, entry.udp_idle_s),
        *translate,
        "drop",
    )
    chain = f"g{names.digest(name)}"
    yield put(edge, Chain(rules), "ip", chain, origin=origin)
    yield from _served(entry, edge, chain)
    for number, blocks in enumerate(_rounds(entry.blocks)):
        content = filled.port_blocks((b.private, b.public, b.ports) for b in blocks)
        spec = FilledMap(filled.PORT_BLOCK, content)
        yield put(edge, spec, "ip", names.filled_map(filled.PORT_BLOCK, f"{name}|{number}"), origin=origin)


def _served(entry: SourceNat, edge: str, chain: str) -> Items:
    """Who is sent to the chain, and who is told of flows that nobody knows any more."""
    origin = entry.origin
    for prefix in entry.prefixes:
        if prefix.version == 4:
            yield put(edge, Element(f"jump {chain}"), "ip", "gateways", prefix, origin=origin)
            if entry.resets:
                yield put(edge, Element(_RESET), "ip", "late_network", prefix, origin=origin)
    for address in entry.addresses if entry.resets and entry.is_gateway else ():
        if address.version == 4:
            yield put(edge, Element(_RESET), "ip", "late_address", address, origin=origin)
    for private in sorted({b.private for b in entry.blocks}):
        for protocol in NUMBERS.keys() & set(entry.protocols):
            yield put(
                edge, Element(f"jump {chain}"), "ip", "port_blocks", f"{private} . {NUMBERS[protocol]}", origin=origin
            )


def _shared(addresses: Sequence[IPAddress]) -> Iterator[str]:
    """All ports of all addresses, both chosen at random; a port serves several flows to different destinations."""
    if len(addresses) == 1:
        yield f"{_TRANSLATED} snat ip to {addresses[0]}:{FIRST_PORT}-65535 random"
    elif addresses:
        among = ", ".join(f"{i} : {a}" for i, a in enumerate(addresses))
        choice = f"numgen random mod {len(addresses)} map {{ {among} }}"
        yield f"{_TRANSLATED} snat ip to {choice}:{FIRST_PORT}-65535 random"


def _rounds(blocks: Iterable[PortBlock]) -> list[list[PortBlock]]:
    """The first block of each private address, the second of each that has two, and so on."""
    rounds: list[list[PortBlock]] = []
    seen: dict[IPAddress, int] = {}
    for block in sorted(b for b in blocks if b.private.version == 4):
        number = seen.get(block.private, 0)
        seen[block.private] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(block)
    return rounds


def _blocks(rounds: list[list[PortBlock]], name: str) -> Iterator[str]:
    """One of the sender's blocks, each with the same chance; a sender with fewer than others falls to its first.

    Azure uses up one frontend after the other; the kernel does not tell in time that one is used up.
    """
    for number in range(len(rounds) - 1, -1, -1):
        chance = f"numgen random mod {number + 1} 0 " if number else ""
        found = names.filled_map(filled.PORT_BLOCK, f"{name}|{number}")
        yield f"{chance}{_TRANSLATED} snat ip to ip saddr map @{found}"


def counters(edge: str, word: str, mark: int, way: str, origin: str) -> Items:
    """Counters of flows with *mark*, in both directions, and of new ones."""
    for what in ("received", "sent"):
        counter = names.flow_counter(f"{way}{what}", origin)
        yield put(edge, Declared("counter"), word, counter)
        yield put(edge, Element(counter), word, what, hex(mark), origin=origin)
    yield put(edge, Declared("counter"), word, names.flow_counter("tried" if way else "new", origin))


def _counted_departures(edge: str, mark: int, origin: str) -> Items:
    """Flows that really left: what the kernel had no port for never gets to the link."""
    counter = names.flow_counter("done", origin)
    yield put(edge, Declared("counter"), "netdev", counter)
    yield put(edge, Element(counter), "netdev", "done", hex(mark), origin=origin)
    hook = f'filter hook egress device "{names.OUTSIDE}" priority 0'
    yield put(edge, Chain(("meta mark != 0 counter name meta mark map @done",), hook), "netdev", "departing")


_HELD = "syn_sent: 30, syn_recv: 30, fin_wait: 65, last_ack: 65, time_wait: 65, close: 16"
"""As an edge's own settings have it; see :mod:`handles`."""


def policies(edge: str, word: str, origin: str, tcp_s: int, udp_s: int) -> Items:
    """How long flows may be idle, where that is not the usual time."""
    for protocol, idle_s, states in (
        ("tcp", tcp_s, f"{_HELD}, established: {tcp_s}, close_wait: {tcp_s}"),
        ("udp", udp_s, f"unreplied: {udp_s}, replied: {udp_s}"),
    ):
        if idle_s != USUAL_IDLE_S:
            body = f"protocol {protocol}; l3proto {word}; policy = {{ {states} }};"
            yield put(edge, Declared(f"ct timeout {{ {body} }}"), word, f"t_{protocol}_{idle_s}", origin=origin)


def timeouts(tcp_s: int, udp_s: int) -> Iterator[str]:
    for protocol, idle_s in (("tcp", tcp_s), ("udp", udp_s)):
        if idle_s != USUAL_IDLE_S:
            yield f'meta l4proto {protocol} ct timeout set "t_{protocol}_{idle_s}"'
