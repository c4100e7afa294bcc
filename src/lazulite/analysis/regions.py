"""Addresses of several regions: which of them gets a packet."""

from __future__ import annotations

from collections.abc import Sequence

from lazulite.analysis.answers import Disposition, Step, StepAction
from lazulite.analysis.balancer import Pick, untaken
from lazulite.analysis.lookup import Index
from lazulite.analysis.transport import Transport
from lazulite.forwarding.balancing import bucket
from lazulite.forwarding.model import GlobalRule, Member
from lazulite.forwarding.nearest import Regional, nearest, regionals
from lazulite.values import Flow

_STAGE = "cross-region"


def choose(
    index: Index, rules: Sequence[GlobalRule], source: str, flow: Flow, transport: Transport, pick: Pick
) -> tuple[Step, Regional] | Step:
    """The member in the nearest region that can serve; a step where no rule takes the packet, or no region can.

    Source: "Global load balancer", ultra-low latency and regional redundancy.
    """
    ports = frozenset(r.port for r in rules if r.protocol is flow.protocol)
    port = transport.port_among(ports) if ports else None
    rule = next((r for r in rules if r.protocol is flow.protocol and r.port == port), None)
    if rule is None:
        return Step(_STAGE, StepAction.DROPPED, rules[0].origin, untaken(flow), Disposition.NO_RULE)
    found = regionals(rule, index.model.get)
    able = nearest(found, index.regions(source))
    if not able:
        detail = f"none of {len(rule.members)} regional frontends of {rule.label} can serve"
        return Step(_STAGE, StepAction.DROPPED, rule.origin, detail, Disposition.NO_HEALTHY_BACKEND)
    one, how = _among(able, rule, flow, transport, pick)
    served = len({r.member.region for r in found if r.open})
    detail = f"frontend {one.frontend.label} in {one.member.region}, {how} of {served} regions that can serve"
    return Step(_STAGE, StepAction.PASSES, rule.origin, detail), one


def _among(
    able: Sequence[Regional], rule: GlobalRule, flow: Flow, transport: Transport, pick: Pick
) -> tuple[Regional, str]:
    if len(able) == 1:
        return able[0], "the nearest"
    how = f"one of {len(able)} in the nearest"
    if transport.predictable:
        return able[bucket(flow, rule.distribution, len(able))], how
    members = [Member(r.rule.name, r.frontend.address) for r in able]
    return able[members.index(pick(able[0].frontend.vrf, members))], how
