"""The one ordered table of what a packet passes.

A row is a stage: where it stands, what it looks up, what it may rewrite, whose state it keeps, which function of
:mod:`lazulite.analysis` answers for it and how each driver realises it. Features that act on one packet meet here
and nowhere else. Two stages of one pipeline never share an order, and a stage feels only those before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

UNSUPPORTED = "unsupported"
"""What a driver declares for a stage it does not realise."""


class Pipeline(StrEnum):
    """The runs of stages. A packet passes ``PORT_OUT`` first and ``PORT_IN`` last, whatever lies between."""

    PORT_OUT = "port-out"
    PEERING_END = "peering-end"
    EDGE = "edge"
    BALANCER = "balancer"
    """In the edge for public frontends, in the router of their network for private ones."""
    PORT_IN = "port-in"


class Side(StrEnum):
    """Which end of the path has to be on the machine that runs the stage."""

    SOURCE = "source"
    DESTINATION = "destination"
    EDGE = "edge"


class State(StrEnum):
    """What a stage remembers between packets."""

    NONE = "none"
    FLOWS = "flows"
    FRAGMENTS = "fragments"
    """Which fragmented packets had their first fragment let through."""
    BINDINGS = "bindings"
    """Which translated flow belongs to which original, or what was chosen for it; it never gives a verdict."""


class Domain(StrEnum):
    """Whose state it is: nothing is shared across two members of a domain."""

    STATELESS = "stateless"
    PORT = "port"
    VRF = "vrf"
    INTERNET = "internet"
    """Nobody's network: of what is chosen before a packet reaches one."""


class Stage(msgspec.Struct, frozen=True):
    """One row of :data:`STAGES`."""

    name: str
    pipeline: Pipeline
    order: int
    key: tuple[str, ...]
    """Fields of the packet and its metadata that are looked up."""
    rewrites: tuple[str, ...]
    state: State
    side: Side
    domain: Domain
    analysis: str
    """``module.function`` in :mod:`lazulite.analysis`."""
    drivers: Mapping[str, str]
    """Driver name to its realisation of the stage, or to :data:`UNSUPPORTED`."""


FIVE_TUPLE = ("source", "destination", "protocol", "source port", "destination port")


def _port_stage(
    pipeline: Pipeline,
    order: int,
    name: str,
    analysis: str,
    key: tuple[str, ...],
    linux: str,
    state: State = State.NONE,
) -> Stage:
    side = Side.SOURCE if pipeline is Pipeline.PORT_OUT else Side.DESTINATION
    domain = Domain.STATELESS if state is State.NONE else Domain.PORT
    return Stage(name, pipeline, order, ("port", *key), (), state, side, domain, analysis, _realised(linux))


def _edge_stage(
    order: int, name: str, analysis: str, key: tuple[str, ...], rewrites: tuple[str, ...], linux: str
) -> Stage:
    state = State.BINDINGS if rewrites else State.NONE
    domain = Domain.VRF if rewrites else Domain.STATELESS
    return Stage(name, Pipeline.EDGE, order, key, rewrites, state, Side.EDGE, domain, analysis, _realised(linux))


def _balancer_stage(
    order: int, name: str, analysis: str, key: tuple[str, ...], rewrites: tuple[str, ...], linux: str
) -> Stage:
    state = State.BINDINGS if rewrites else State.NONE
    domain = Domain.VRF if rewrites else Domain.STATELESS
    drivers = _realised(linux)
    return Stage(name, Pipeline.BALANCER, order, key, rewrites, state, Side.DESTINATION, domain, analysis, drivers)


def _realised(linux: str) -> Mapping[str, str]:
    """The memory driver keeps the model itself and answers from it, stage by stage."""
    return {"linux": linux, "memory": "model"}


STAGES: tuple[Stage, ...] = (
    _port_stage(Pipeline.PORT_OUT, 4, "fault-out", "faults.disturbed", (), "fault-chain"),
    _port_stage(Pipeline.PORT_OUT, 5, "tap-out", "taps.copied", (), "duplicating-chain"),
    _port_stage(
        Pipeline.PORT_OUT, 10, "source-address-check", "ports.source_address_check", ("source",), "own-address-set"
    ),
    _port_stage(
        Pipeline.PORT_OUT,
        20,
        "fragment-check-out",
        "ports.fragment_check",
        ("source", "destination", "protocol", "fragment id"),
        "fragment-set",
        State.FRAGMENTS,
    ),
    _port_stage(
        Pipeline.PORT_OUT, 30, "flow-table-out", "ports.flow_table", FIVE_TUPLE, "interface-flow-set", State.FLOWS
    ),
    _port_stage(Pipeline.PORT_OUT, 40, "nic-access-list-out", "ports.access_lists", FIVE_TUPLE, "access-list-chain"),
    _port_stage(Pipeline.PORT_OUT, 50, "subnet-access-list-out", "ports.access_lists", FIVE_TUPLE, "access-list-chain"),
    _port_stage(
        Pipeline.PORT_OUT,
        55,
        "platform-resolver",
        "routing.platform_resolver",
        ("vrf", "destination"),
        "router-address",
    ),
    _port_stage(
        Pipeline.PORT_OUT, 60, "route", "routing.look_up", ("route table", "destination"), "marked-route-table"
    ),
    Stage(
        "appliance-steering",
        Pipeline.PORT_OUT,
        70,
        ("route",),
        ("destination MAC",),
        State.NONE,
        Side.SOURCE,
        Domain.STATELESS,
        "routing.steer",
        _realised("steering-mac"),
    ),
    Stage(
        "peering-filter",
        Pipeline.PEERING_END,
        10,
        ("peering", "source"),
        (),
        State.NONE,
        Side.DESTINATION,
        Domain.STATELESS,
        "routing.peering_filter",
        _realised("peering-link-chain"),
    ),
    _edge_stage(
        5,
        "nat-gateway-snat",
        "edge.gateway_source",
        ("vrf", "source", "protocol"),
        ("source", "source port"),
        "gateway-prefix-map",
    ),
    _edge_stage(10, "public-address-snat", "edge.public_source", ("vrf", "source"), ("source",), "public-address-map"),
    _edge_stage(
        15,
        "load-balancer-outbound-snat",
        "edge.pool_source",
        ("vrf", "source", "protocol"),
        ("source", "source port"),
        "port-block-map",
    ),
    _edge_stage(
        20,
        "default-outbound-snat",
        "edge.default_source",
        ("vrf", "source"),
        ("source", "source port"),
        "default-outbound-set",
    ),
    Stage(
        "appliance-detour",
        Pipeline.EDGE,
        25,
        ("source", "destination"),
        (),
        State.BINDINGS,
        Side.EDGE,
        Domain.VRF,
        "detours.passed",
        _realised("detour-tunnels"),
    ),
    _edge_stage(
        30, "public-address-dnat", "edge.public_destination", ("destination",), ("destination",), "public-address-map"
    ),
    Stage(
        "cross-region",
        Pipeline.EDGE,
        35,
        ("source link", *FIVE_TUPLE),
        (),
        State.BINDINGS,
        Side.EDGE,
        Domain.INTERNET,
        "regions.choose",
        _realised("region-chain"),
    ),
    _edge_stage(40, "internet", "edge.internet", ("destination",), (), "internet-router"),
    _balancer_stage(10, "frontend", "balancer.frontend", ("vrf", "destination"), (), "marker-route"),
    _balancer_stage(
        20,
        "inbound-nat",
        "balancer.port_forward",
        ("frontend", "protocol", "destination port"),
        ("destination", "destination port"),
        "port-map",
    ),
    _balancer_stage(
        30,
        "load-balancer",
        "balancer.choose",
        ("frontend", *FIVE_TUPLE),
        ("destination", "destination port"),
        "bucket-map",
    ),
    _balancer_stage(
        40,
        "next-hop-balancing",
        "balancer.steer",
        ("frontend", *FIVE_TUPLE),
        ("destination MAC",),
        "kept-member-map",
    ),
    _port_stage(
        Pipeline.PORT_IN,
        10,
        "destination-address-check",
        "ports.destination_address_check",
        ("destination",),
        "own-address-set",
    ),
    _port_stage(
        Pipeline.PORT_IN,
        20,
        "fragment-check-in",
        "ports.fragment_check",
        ("source", "destination", "protocol", "fragment id"),
        "fragment-set",
        State.FRAGMENTS,
    ),
    _port_stage(
        Pipeline.PORT_IN, 30, "flow-table-in", "ports.flow_table", FIVE_TUPLE, "interface-flow-set", State.FLOWS
    ),
    _port_stage(Pipeline.PORT_IN, 40, "subnet-access-list-in", "ports.access_lists", FIVE_TUPLE, "access-list-chain"),
    _port_stage(Pipeline.PORT_IN, 50, "nic-access-list-in", "ports.access_lists", FIVE_TUPLE, "access-list-chain"),
    _port_stage(Pipeline.PORT_IN, 60, "tap-in", "taps.copied", (), "duplicating-chain"),
    _port_stage(Pipeline.PORT_IN, 70, "fault-in", "faults.disturbed", (), "fault-chain"),
)
"""Sources: architecture.md section 3; "Network security groups" (the lists are asked before source translation on
the way out and after destination translation on the way in; NIC first outbound, subnet first inbound)."""
