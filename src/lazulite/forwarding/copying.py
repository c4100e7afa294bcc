"""What is copied to a collector, and how a copy looks: one definition for the analysis and for the drivers.

A copy is the whole frame in VXLAN. The outer source port is a hash of the flow inside, the same for both directions, so
that a balancer in front of collectors gives one of them the whole flow.
"""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.forwarding.balancing import SEED as SEED
from lazulite.forwarding.balancing import jenkins
from lazulite.forwarding.model import BalancingRule, ForwardingModel, Frontend, Pool, Port, PortForward, Tap
from lazulite.values import Flow, IPAddress, Protocol

FIRST_PORT, PORTS = 49152, 16384
"""Of the outer source ports, and how many. Source: RFC 7348, section 5 (dynamic ports, by a hash of the frame)."""
OVERHEAD = 50
"""Bytes that a copy has more than the frame: Ethernet, IPv4, UDP and VXLAN."""


def source_port(flow: Flow, *, sent: bool) -> int:
    """The outer source port of copies of a flow's packets that are in one piece; ``sent`` by the port that is copied.

    The hash is the kernel's ``jhash`` of local and remote address and, of TCP and UDP, port. What is neither IPv4 nor
    IPv6 has the first port.
    """
    local, remote = (flow.src, flow.dst) if sent else (flow.dst, flow.src)
    near, far = (flow.src_port, flow.dst_port) if sent else (flow.dst_port, flow.src_port)
    key = local.packed + remote.packed
    if flow.version == 4 and flow.protocol in (Protocol.TCP, Protocol.UDP):
        key += near.to_bytes(2) + b"\0\0" + far.to_bytes(2) + b"\0\0"
    return FIRST_PORT + (jenkins(key, SEED) * PORTS >> 32)


def source_address(port: Port) -> IPAddress | None:
    """What copies of a port's packets come from: its first address of version 4."""
    return next((a for a in port.addresses if a.version == 4), None)


def collectors(model: ForwardingModel) -> Iterator[tuple[str, IPAddress]]:
    """VRF and address of whoever copies may come to: what a tap names, and what is behind a frontend that one names."""
    named = {(t.vrf, t.address) for t in model.all(Tap).values()}
    if not named:
        return
    yield from named
    fronts = {f.name: f for f in model.all(Frontend).values() if not f.public and (f.vrf, f.address) in named}
    if not fronts:
        return
    for rule in model.all(BalancingRule).values():
        pool = model.get(Pool, rule.pool) if rule.frontend in fronts else None
        yield from ((pool.vrf, m.address) for m in pool.members) if pool is not None else ()
    for forward in model.all(PortForward).values():
        if forward.frontend in fronts:
            yield fronts[forward.frontend].vrf, forward.target
