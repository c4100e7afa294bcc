"""The stages of a port: address checks, flow table, access lists. One function a row of the stage table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.lookup import Index
from lazulite.forwarding.model import Action, Port
from lazulite.values import Direction, Flow, IPAddress, Protocol

FlowKey: TypeAlias = tuple[str, Protocol, IPAddress, int, IPAddress, int]
"""Port, protocol, local address and port, remote address and port, as that port sees them."""

_NIC_OUT, _SUBNET_OUT = "nic-access-list-out", "subnet-access-list-out"
_SUBNET_IN, _NIC_IN = "subnet-access-list-in", "nic-access-list-in"
_DENIED = {Direction.EGRESS: Disposition.DENIED_OUT, Direction.INGRESS: Disposition.DENIED_IN}
_WHOLE = {
    Direction.EGRESS: Step("fragment-check-out", StepAction.PASSES, detail="not a later fragment"),
    Direction.INGRESS: Step("fragment-check-in", StepAction.PASSES, detail="not a later fragment"),
}
_FLOW_TABLE = {Direction.EGRESS: "flow-table-out", Direction.INGRESS: "flow-table-in"}


class Crossing(msgspec.Struct, frozen=True):
    """A packet about to meet the flow table and the lists of a port."""

    port: Port
    direction: Direction
    src: IPAddress
    dst: IPAddress
    src_port: int | None = None
    dst_port: int | None = None
    """As the port sees them; ``None`` is what the sender wrote."""

    @property
    def denied(self) -> Disposition:
        return _DENIED[self.direction]


def source_address_check(index: Index, port: Port, src: IPAddress) -> Step:
    """A port sends from its own addresses, and from others only when it forwards.

    Source: "Virtual network", behaviour 9 (enableIPForwarding).
    """
    own = src in port.addresses or index.floats(port, src)
    return _address_check(index, port, "source-address-check", src, own, Disposition.SOURCE_REFUSED)


def destination_address_check(index: Index, port: Port, dst: IPAddress) -> Step:
    """A port is sent what is addressed to it, and other packets only when it forwards. Source: as the source check."""
    own = dst in port.addresses or index.floats(port, dst)
    return _address_check(index, port, "destination-address-check", dst, own, Disposition.DESTINATION_REFUSED)


def _address_check(index: Index, port: Port, stage: str, address: IPAddress, own: bool, refused: Disposition) -> Step:
    if not index.runs(port):
        return Step(
            stage, StepAction.DROPPED, port.origin, f"{port.label} has no running guest", Disposition.GUEST_DOWN
        )
    if own:
        return Step(stage, StepAction.PASSES, detail="its own address")
    if port.forwards:
        return Step(stage, StepAction.PASSES, port.origin, "IP forwarding is on")
    detail = f"{address} is not an address of {port.label} and its IP forwarding is off"
    return Step(stage, StepAction.DROPPED, port.origin, detail, refused)


def fragment_check(direction: Direction) -> Step:
    """Later fragments follow the verdict on the first; what starts a flow is a whole packet or a first fragment."""
    return _WHOLE[direction]


def flow_table(flows: set[FlowKey], crossing: Crossing, flow: Flow, reply: bool) -> Step:
    """Whether the port knows the flow. A first packet never is: a fresh TCP SYN is asked again whatever is known."""
    known = reply and flow_key(crossing, flow, reply) in flows
    action = StepAction.ESTABLISHED if known else StepAction.NEW
    return Step(_FLOW_TABLE[crossing.direction], action)


def flow_key(crossing: Crossing, flow: Flow, reply: bool) -> FlowKey:
    """The entry for a packet, the same for both directions of its flow.

    An echo carries no ports; its request and its reply are told apart by kind, so the key says who asked: 0 is a
    request that came in, 1 one that went out.
    """
    name, sent = crossing.port.name, crossing.direction is Direction.EGRESS
    src_port, dst_port = _ports(crossing, flow)
    near, far = (src_port, dst_port) if sent else (dst_port, src_port)
    local, remote = (crossing.src, crossing.dst) if sent else (crossing.dst, crossing.src)
    if flow.protocol is Protocol.ICMP:
        near, far = int(sent is not reply), 0
    elif not flow.protocol.has_ports:
        near, far = 0, 0
    return name, flow.protocol, local, near, remote, far


def _ports(crossing: Crossing, flow: Flow) -> tuple[int, int]:
    """Source and destination port of the flow where the crossing is."""
    return (
        flow.src_port if crossing.src_port is None else crossing.src_port,
        flow.dst_port if crossing.dst_port is None else crossing.dst_port,
    )


def access_lists(index: Index, crossing: Crossing, flow: Flow) -> Iterator[Step]:
    """One step a list, in the order they are asked, up to the first that denies."""
    src_port, dst_port = _ports(crossing, flow)
    for stage, name in lists(crossing.port, crossing.direction):
        matcher = index.matcher(name)
        selected = matcher.select(crossing.src, crossing.dst)
        verdict = matcher.first(selected, flow.protocol, src_port, dst_port)
        if verdict.action is Action.DENY:
            yield Step(stage, StepAction.DENIED, verdict.origin, verdict.label, crossing.denied)
            return
        yield Step(stage, StepAction.ALLOWED, verdict.origin, verdict.label)


def lists(port: Port, direction: Direction) -> list[tuple[str, str]]:
    """Stage and name of each list of the port, in the order they are asked: its own first out and last in."""
    names = port.egress if direction is Direction.EGRESS else port.ingress
    own = port.own_list or len(names) > 1
    if direction is Direction.EGRESS:
        return [(_NIC_OUT if own and i == 0 else _SUBNET_OUT, name) for i, name in enumerate(names)]
    return [(_NIC_IN if own and i == len(names) - 1 else _SUBNET_IN, name) for i, name in enumerate(names)]
