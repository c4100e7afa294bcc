"""Network Watcher's short questions: one port, one direction, one destination."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lazulite.analysis.answers import StepAction, Verdict
from lazulite.analysis.lookup import Index
from lazulite.analysis.ports import Crossing, access_lists, lists
from lazulite.forwarding.model import AccessList, Action, Route, RouteTable, Rule
from lazulite.values import Direction, Flow, IPAddress

_NO_LIST = Verdict(Action.ALLOW, "no access list", "")


class EffectiveRules(msgspec.Struct, frozen=True):
    """An access list as it applies to a port."""

    stage: str
    """Which of the port's lists it is: a row of the stage table."""
    label: str
    direction: Direction
    origin: str
    rules: tuple[Rule, ...]
    members: Mapping[str, frozenset[IPAddress]]
    """The address sets its rules name, with their members now."""


def ip_flow_verify(index: Index, port: str, direction: Direction, flow: Flow) -> Verdict:
    """What the lists of *port* say of a first packet: the denying rule, or the rule of the last list that allowed it.

    ``INGRESS`` flows are given as the port sees them, after translation. Raises ``LookupError`` for an unknown port.
    Source: "Network Watcher", IP flow verify and effective rules.
    """
    steps = list(access_lists(index, Crossing(index.port(port), direction, flow.src, flow.dst), flow))
    if not steps:
        return _NO_LIST
    action = Action.ALLOW if steps[-1].action is StepAction.ALLOWED else Action.DENY
    return Verdict(action, steps[-1].origin, steps[-1].detail)


def next_hop(index: Index, port: str, dst: IPAddress) -> Route | None:
    """The route *port* uses for *dst*; ``None`` when it has none. Raises ``LookupError`` for an unknown port."""
    return index.routes(index.port(port).routes).find(dst)


def effective_routes(index: Index, port: str) -> tuple[Route, ...]:
    """Every row of the port's table, those that lost to a preferred one included.

    Raises ``LookupError`` for an unknown port.
    """
    table = index.model.get(RouteTable, index.port(port).routes)
    return table.routes if table else ()


def effective_rules(index: Index, port: str) -> tuple[EffectiveRules, ...]:
    """The access lists of *port*, outbound first, each in the order it is asked.

    A list the model does not hold is shown with no rules, as it is enforced. Raises ``LookupError`` for an unknown
    port.
    """
    found = index.port(port)
    return tuple(
        _effective(index, stage, name, direction)
        for direction in (Direction.EGRESS, Direction.INGRESS)
        for stage, name in lists(found, direction)
    )


def _effective(index: Index, stage: str, name: str, direction: Direction) -> EffectiveRules:
    found = index.model.get(AccessList, name) or AccessList(name, label=name, direction=direction, rules=())
    return EffectiveRules(stage, found.label, direction, found.origin, found.rules, index.members(found))
