"""What a router forgets beside translations: the choices kept for flows whose next hop is a frontend."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_address

from lazulite.drivers.linux import names
from lazulite.drivers.linux.kernel import Change
from lazulite.drivers.linux.netfilter import FAMILIES, NetfilterSocket
from lazulite.drivers.linux.realise_floating import mark_of
from lazulite.drivers.linux.skeleton import TABLE
from lazulite.drivers.linux.skeleton_internal import MARK
from lazulite.forwarding.model import BalancingRule, ForwardingModel, Pool
from lazulite.values import IPAddress


def frontends(changes: Iterable[Change]) -> Iterator[tuple[str, IPAddress]]:
    """Namespace and address of private frontends that are no more: their flows are nobody's."""
    for (namespace, kind, name), _, new in changes:
        if kind == "Element" and new is None and name.partition("|")[2].startswith("lb_vips|"):
            yield namespace, ip_address(name.rsplit("|", 1)[1])


def marks(pool: Pool, members: Collection[IPAddress], model: ForwardingModel) -> set[int]:
    """What bindings to *members* of a pool are marked with, below :data:`MARK`."""
    floating = [r for r in model.all(BalancingRule).values() if r.floating and r.pool == pool.name]
    chosen = {mark_of(r, m) & MARK for r in floating for m in pool.members if m.address in members}
    return chosen | {names.steering_table(pool.vrf, str(a)) for a in members}


def datagram_pins(pool: Pool, model: ForwardingModel) -> Iterator[str]:
    """The maps of UDP flows that pass by a pool because a frontend of it is their next hop."""
    for rule in model.all(BalancingRule).values():
        if rule.pool == pool.name and rule.protocol is None and not rule.port:
            yield f"lb_u{names.digest(rule.frontend)}"


def unpin(netfilter: NetfilterSocket, pins: str, gone: Collection[int]) -> None:
    """Forget the flows of a map that go to one of these marks."""
    values = {struct.pack("I", mark) for mark in gone}
    try:
        keys = [e.key for e in netfilter.elements(FAMILIES["ip"], TABLE, pins) if e.value in values]
    except FileNotFoundError:
        return
    netfilter.delete_elements(FAMILIES["ip"], TABLE, pins, keys)
