"""Private frontends, in the router of their network: entries to kernel objects. Pure; see :mod:`skeleton_internal`."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.drivers.linux import filled, names, realise_steering, skeleton_internal
from lazulite.drivers.linux.realise_balancing import choice
from lazulite.drivers.linux.realise_edge import USUAL_IDLE_S
from lazulite.drivers.linux.scene import FAMILY, Items, Scene, put
from lazulite.drivers.linux.state import Chain, Declared, Element
from lazulite.forwarding.model import BalancingRule, Frontend, PortForward, Vrf
from lazulite.values import IPAddress, Protocol

_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_NOTHING_ELSE = "counter name lb_nobody drop"


def frontend(scene: Scene, name: str) -> Items:
    """A private frontend: known as one, and a route that tells who is led to it."""
    entry = scene.get(Frontend, name)
    if entry is None or entry.public or scene.get(Vrf, entry.vrf) is None:
        return
    scene.demand(balancer, entry.vrf)
    word = FAMILY[entry.address.version]
    yield put(names.router(entry.vrf), Element(), word, "lb_vips", entry.address, origin=entry.origin)
    yield from realise_steering.marker(entry.vrf, entry.address, entry.origin)


def balancer(scene: Scene, vrf: str) -> Items:
    """What a router has that balances."""
    entry = scene.get(Vrf, vrf)
    if entry is None:
        return
    yield from realise_steering.loop(vrf, entry.label, entry.origin)
    for version, word in FAMILY.items():
        for name, spec in skeleton_internal.ruleset(version):
            yield put(names.router(vrf), spec, word, name, origin=entry.origin)


def rule(scene: Scene, name: str) -> Items:
    """A rule on a private frontend: a chain that chooses, reached by address, protocol and port or by address alone."""
    entry = scene.get(BalancingRule, name)
    at = _private(scene, entry.frontend) if entry is not None else None
    if entry is None or at is None:
        return
    router, version, chain = names.router(at.vrf), at.address.version, f"lb_r{names.digest(name)}"
    protocols = tuple(_NUMBERS) if entry.protocol is None else (entry.protocol,)
    shape = filled.BUCKET_MARK if entry.floating else filled.BUCKET_ADDRESS
    found = choice(scene, router, entry, version, shape)
    bits = skeleton_internal.idle_class(entry.idle_timeout_s)
    given = entry.backend_port if entry.backend_port != entry.port else 0
    if entry.floating:
        yield from realise_steering.members(scene, router, entry, at.address)
        translated: tuple[str, ...] = (_floating(protocols, f"{found} ct mark set ct mark or {bits:#x}", given),)
    else:
        port = f":{given}" if given else ""
        to = f"dnat {FAMILY[version]} to {found}{port}"
        translated = (f"ct mark set {bits:#x}", f"meta l4proto {_set(protocols)} {to}")
    yield from _idle(router, version, protocols, entry.idle_timeout_s)
    counter = names.flow_counter("new", entry.origin)
    yield put(router, Declared("counter"), FAMILY[version], counter)
    rules = (f"counter name {counter}", *_timeouts(protocols, entry.idle_timeout_s), *translated, _NOTHING_ELSE)
    yield put(router, Chain(rules), FAMILY[version], chain, origin=entry.origin)
    yield from _reached(router, at.address, protocols, entry.port, chain, entry.origin)


def port_forward(scene: Scene, name: str) -> Items:
    """One port of a private frontend that leads to one machine."""
    entry = scene.get(PortForward, name)
    at = _private(scene, entry.frontend) if entry is not None else None
    if entry is None or at is None:
        return
    router, version, chain = names.router(at.vrf), at.address.version, f"lb_r{names.digest(name)}"
    bits, protocols = skeleton_internal.idle_class(entry.idle_timeout_s), (entry.protocol,)
    if entry.floating:
        yield from realise_steering.floating(scene, router, at.vrf, entry.target, at.address, entry.origin)
        mark = names.steering_table(at.vrf, str(entry.target)) | bits
        given = entry.target_port if entry.target_port != entry.port else 0
        translated: tuple[str, ...] = (_floating(protocols, f"{mark:#x}", given),)
    else:
        target = f"[{entry.target}]" if version == 6 else str(entry.target)
        to = f"dnat {FAMILY[version]} to {target}:{entry.target_port}"
        translated = (f"ct mark set {bits:#x}", f"meta l4proto {_set(protocols)} {to}")
    yield from _idle(router, version, protocols, entry.idle_timeout_s)
    counter = names.flow_counter("new", entry.origin)
    yield put(router, Declared("counter"), FAMILY[version], counter)
    rules = (f"counter name {counter}", *_timeouts(protocols, entry.idle_timeout_s), *translated, _NOTHING_ELSE)
    yield put(router, Chain(rules), FAMILY[version], chain, origin=entry.origin)
    yield from _reached(router, at.address, protocols, entry.port, chain, entry.origin)


def _private(scene: Scene, name: str) -> Frontend | None:
    """The frontend, if it is a private one of a network that there is."""
    found = scene.get(Frontend, name)
    return None if found is None or found.public or scene.get(Vrf, found.vrf) is None else found


def _reached(
    router: str, address: IPAddress, protocols: tuple[Protocol, ...], port: int, chain: str, origin: str
) -> Items:
    """What leads to a chain; port 0 is every port that no other rule names."""
    word, go = FAMILY[address.version], Element(f"goto {chain}")
    if port == 0:
        yield put(router, go, word, "lb_every_port", address, origin=origin)
        return
    for protocol in protocols:
        yield put(router, go, word, "lb_rules", f"{address} . {_NUMBERS[protocol]} . {port}", origin=origin)


def _floating(protocols: tuple[Protocol, ...], mark: str, port: int) -> str:
    """The address stays; the binding's mark says where to."""
    steered = f"ct mark set {mark} meta mark set ct mark and {skeleton_internal.MARK:#x}"
    return f"meta l4proto {_set(protocols)} {steered} {f'dnat to :{port}' if port else 'accept'}"


def _set(protocols: tuple[Protocol, ...]) -> str:
    return f"{{ {', '.join(str(_NUMBERS[p]) for p in protocols)} }}"


def _timeouts(protocols: tuple[Protocol, ...], idle_s: int) -> Iterator[str]:
    """Of flows that may be idle for another time than usual, which is the router's own setting."""
    for protocol in protocols if idle_s != USUAL_IDLE_S else ():
        word = "tcp" if protocol is Protocol.TCP else "udp"
        yield f'meta l4proto {word} ct timeout set "lb_idle_{idle_s}_{word}"'


def _idle(router: str, version: int, protocols: tuple[Protocol, ...], idle_s: int) -> Items:
    for protocol in protocols if idle_s != USUAL_IDLE_S else ():
        name, spec = skeleton_internal.idle(version, "tcp" if protocol is Protocol.TCP else "udp", idle_s)
        yield put(router, spec, FAMILY[version], name)
