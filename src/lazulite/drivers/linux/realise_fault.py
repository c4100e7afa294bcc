"""What is wrong with an interface on purpose. Pure.

A fault sits on the wire between an interface and its network: what a workload sends meets it first, what it gets last.
"""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.drivers.linux import names
from lazulite.drivers.linux.scene import Items, Scene, attached, put
from lazulite.drivers.linux.state import Chain, Delay
from lazulite.forwarding.model import Fault, Port
from lazulite.values import Direction

_HOOKS = ((Direction.EGRESS, "ingress", -310), (Direction.INGRESS, "egress", 310))
"""Direction as the workload sees it, hook of the router's end of the link, and a priority before or after all
others."""
_PARTS = 1_000_000
BURST_BYTES = 1 << 16
"""What may pass at once beside what nft lets pass anyway after a rest, a second's worth: the largest packet that one
send makes would never pass a slow link."""


def fault(scene: Scene, name: str) -> Items:
    """The chains of an interface that drop, and the queues that make wait; nothing while no workload runs there."""
    entry = scene.get(Fault, name)
    port = scene.get(Port, entry.port) if entry is not None else None
    if entry is None or port is None or port.guest is None or not attached(scene, port):
        return
    router, nic = names.router(port.vrf), names.nic(port.guid)
    rules = tuple(_rules(entry))
    for direction, hook, priority in _HOOKS:
        if entry.direction in (None, direction):
            on = f'filter hook {hook} device "{nic}" priority {priority}'
            if rules:
                chain = Chain(rules, on, (nic,))
                yield put(router, chain, "netdev", f"fault_{hook}_{names.digest(name)}", origin=entry.origin)
            if entry.delay_ms:
                sent = direction is Direction.EGRESS
                space, link = (names.guest(port.guest), f"eth{port.slot}") if sent else (router, nic)
                yield put(space, Delay(link, round(entry.delay_ms * 1000)), link, origin=entry.origin)


def _rules(entry: Fault) -> Iterator[str]:
    """What drops packets, the surest first."""
    if entry.cut:
        yield "drop"
        return
    if entry.loss:
        yield f"numgen random mod {_PARTS} < {round(entry.loss * _PARTS)} drop"
    if entry.rate_bit:
        rate = max(1, entry.rate_bit // 8)
        yield f"limit rate over {rate} bytes/second burst {BURST_BYTES} bytes drop"
