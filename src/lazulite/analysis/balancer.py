"""Frontends: which rule takes a packet, which backend gets it, and what it turns into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.backends import Backends
from lazulite.analysis.lookup import Index
from lazulite.analysis.transport import Transport
from lazulite.forwarding.model import BalancingRule, Frontend, Member, Port, PortForward, Route
from lazulite.values import Flow, IPAddress

Pick: TypeAlias = Callable[[str, Sequence[Member]], Member]
"""Of the VRF and several members that a packet may go to, the one to follow: nothing in the packet tells."""

_STAGES = {PortForward: "inbound-nat", BalancingRule: "load-balancer"}


class Chosen(msgspec.Struct, frozen=True):
    """Where a packet to a frontend goes on to, and why."""

    service: BalancingRule | PortForward
    address: IPAddress
    """Of the backend."""
    port: int | None
    """The destination port it arrives with; ``None`` is the one that the sender wrote."""
    why: str


def frontend(found: Frontend) -> Step:
    """A packet has come to an address of a balancer."""
    where = "public" if found.public else "private"
    return Step("frontend", StepAction.PASSES, found.origin, f"{where} frontend {found.label}")


def port_forward(index: Index, found: Frontend, transport: Transport) -> Chosen | None:
    """The one backend that the port leads to, asked before any rule. Source: "Inbound NAT rules"."""
    services = index.services(found.name)
    if not services.ports(transport.protocol):
        return None
    service = services.forward(transport.protocol, transport.port_among(services.ports(transport.protocol)))
    if service is None:
        return None
    return Chosen(service, service.target, service.target_port or transport.dst_port, service.label)


def choose(index: Index, found: Frontend, flow: Flow, transport: Transport, pick: Pick) -> Chosen | Step:
    """The member that the rule for the port hashes the flow to; a step where there is no rule or no member.

    Sources: "Azure Load Balancer components" (nothing but what rules name passes), "Custom probes" (all probed down:
    no new flows), "Distribution modes".
    """
    services = index.services(found.name)
    rule = services.rule(transport.protocol, transport.port_among(services.ports(transport.protocol)))
    if rule is None:
        return _dropped(found.origin, untaken(flow), Disposition.NO_RULE)
    return member_of(index, found, rule, flow, transport, pick)


def member_of(
    index: Index, found: Frontend, rule: BalancingRule, flow: Flow, transport: Transport, pick: Pick
) -> Chosen | Step:
    """The member that a rule of the frontend hashes the flow to."""
    backends = index.backends(rule.pool)
    if backends is None or not backends.eligible:
        return _nobody_healthy("load-balancer", rule, backends)
    member, how = _member(backends, rule, flow, transport, pick)
    why = f"{named(index, found.vrf, member.address)} of {backends.pool.label}: {how}; {backends.health}"
    return Chosen(rule, member.address, rule.backend_port or transport.dst_port, why)


def untaken(flow: Flow) -> str:
    """Why no rule has the flow."""
    if not flow.protocol.has_ports:
        return f"no rule takes {flow.protocol}"
    return f"no rule takes {flow.protocol} port {flow.dst_port}"


def _member(
    backends: Backends, rule: BalancingRule, flow: Flow, transport: Transport, pick: Pick
) -> tuple[Member, str]:
    if len(backends.eligible) == 1:
        return backends.eligible[0], "the only one eligible"
    if transport.predictable:
        member, number = backends.chosen(rule, flow)
        return member, f"bucket {number} of {rule.distribution} hash"
    member = pick(backends.pool.vrf, backends.eligible)
    return member, f"one of {len(backends.eligible)}, by a source that is not known before"


def translated(index: Index, found: Frontend, chosen: Chosen, flow: Flow) -> Step:
    """Towards the backend; a ``floating`` rule keeps the frontend's address. No backend gets a flow of its own.

    Sources: "Floating IP configuration"; "Outbound connections", a backend cannot reach itself by an internal frontend.
    """
    service, stage = chosen.service, _STAGES[type(chosen.service)]
    owner = index.owner(found.vrf, chosen.address)
    if owner is None or chosen.address.version != flow.version:
        detail = f"{chosen.why}; no interface of this IP version has {chosen.address}"
        return Step(stage, StepAction.DROPPED, service.origin, detail, Disposition.NEIGHBOR_UNREACHABLE)
    if _is_of(index, owner, flow.src):
        detail = f"{chosen.why}; the sender itself, which cannot answer its own address"
        return Step(stage, StepAction.DROPPED, service.origin, detail, Disposition.SENT_TO_ITSELF)
    port = "" if chosen.port is None else f" port {chosen.port}"
    what = "stays" if service.floating else f"becomes {chosen.address}"
    return Step(stage, StepAction.TRANSLATED, service.origin, f"destination {flow.dst} {what}{port}: {chosen.why}")


def _is_of(index: Index, port: Port, address: IPAddress) -> bool:
    """Whether *address* is of the guest of *port*."""
    ports = index.guest_ports(port.guest) if port.guest is not None else [port]
    return any(address in p.addresses for p in ports if p.vrf == port.vrf)


def returned(stage: str, src: IPAddress, address: IPAddress) -> Step:
    """An answer takes the address that the question was sent to."""
    return Step(stage, StepAction.TRANSLATED, "", f"source {src} becomes {address}, which was asked")


def steer(index: Index, found: Frontend, route: Route, transport: Transport, pick: Pick) -> tuple[Step, Member] | Step:
    """A route's next hop is a frontend: one of its members gets the packet unchanged.

    Only a rule for every port makes a frontend a next hop, and TCP and UDP alone are balanced. Both directions of a
    flow go to one member, by a hash that is not predicted here. Source: "High availability ports overview".
    """
    rule = index.services(found.name).every_port
    if rule is None or not transport.protocol.has_ports:
        what = "has no rule for every port" if rule is None else f"balances no {transport.protocol}"
        return Step(
            "next-hop-balancing", StepAction.DROPPED, route.origin, f"{found.label} {what}", Disposition.NO_RULE, route
        )
    backends = index.backends(rule.pool)
    if backends is None or not backends.eligible:
        return _nobody_healthy("next-hop-balancing", rule, backends)
    eligible = backends.eligible
    member = eligible[0] if len(eligible) == 1 else pick(found.vrf, eligible)
    among = "the only one eligible" if len(eligible) == 1 else f"one of {len(eligible)}"
    detail = f"via {named(index, found.vrf, member.address)} of {backends.pool.label}, {among}; {backends.health}"
    return Step("next-hop-balancing", StepAction.ROUTED, rule.origin, detail, route=route), member


def named(index: Index, vrf: str, address: IPAddress) -> str:
    """The interface that has *address*, as people know it."""
    owner = index.owner(vrf, address)
    return f"{owner.label} ({address})" if owner else str(address)


def _nobody_healthy(stage: str, rule: BalancingRule, backends: Backends | None) -> Step:
    detail = f"{backends.pool.label}: {backends.health}" if backends else f"there is no pool {rule.pool}"
    return Step(stage, StepAction.DROPPED, rule.origin, detail, Disposition.NO_HEALTHY_BACKEND)


def _dropped(origin: str, detail: str, disposition: Disposition) -> Step:
    return Step("load-balancer", StepAction.DROPPED, origin, detail, disposition)
