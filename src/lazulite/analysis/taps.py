"""Ports whose packets are copied: that they are, to whom, and as what datagram."""

from __future__ import annotations

from collections.abc import Iterator

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.balancer import named
from lazulite.analysis.lookup import Index
from lazulite.forwarding import copying
from lazulite.forwarding.model import Port, Tap
from lazulite.values import Direction, Flow, IPAddress, Protocol

_STAGES = {Direction.EGRESS: "tap-out", Direction.INGRESS: "tap-in"}


def copied(index: Index, port: Port, direction: Direction) -> Iterator[Step]:
    """That a packet is copied, before any other stage on its way out and after all of them on its way in.

    What becomes of the copy is a way of its own: :func:`lazulite.analysis.tracing.copy`. Source: "Virtual network TAP".
    """
    found = index.tap(port.name)
    if found is None or not index.runs(port):
        return
    source, tap = found
    lack = _lack(index, port, tap)
    if tap is None or lack:
        yield Step(_STAGES[direction], StepAction.PASSES, source.origin, f"not copied: {lack}")
        return
    detail = f"to {named(index, tap.vrf, tap.address)} port {tap.port} by {tap.label}"
    yield Step(_STAGES[direction], StepAction.COPIED, source.origin, detail)


def datagram(index: Index, port: Port, flow: Flow, *, sent: bool) -> tuple[Tap, Flow] | None:
    """The tap of a port and the datagram that carries the copy of a packet which it sent or got; ``None``: no copy."""
    found, src = index.tap(port.name), copying.source_address(port)
    tap = found[1] if found is not None else None
    if tap is None or src is None or not index.runs(port) or _lack(index, port, tap):
        return None
    return tap, Flow(src, tap.address, Protocol.UDP, tap.port, copying.source_port(flow, sent=sent))


def nobody(address: IPAddress) -> Step:
    """A copy is for an address that no port and no frontend has."""
    detail = f"nothing has {address}"
    return Step("tap-out", StepAction.DROPPED, "", detail, Disposition.NEIGHBOR_UNREACHABLE)


def _lack(index: Index, port: Port, tap: Tap | None) -> str:
    """Why there are no copies; empty when there are."""
    if tap is None:
        return "there is no such TAP"
    if tap.address.version != 4 or copying.source_address(port) is None:
        return "copies have addresses of version 4"
    peers = index.peering(port.vrf, tap.vrf) and index.peering(tap.vrf, port.vrf)
    return "" if tap.vrf == port.vrf or peers else f"{index.vrf_label(tap.vrf)} is not peered"
