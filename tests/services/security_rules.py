"""Security groups in few words, and what their compiled lists decide."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from lazulite.forwarding.model import AccessList, Action, AddressSet, ForwardingModel, Port
from lazulite.resources.model import Resource
from lazulite.values import Direction, Flow, Protocol
from tests.build import Lab, ref, resource_id

_DIRECTIONS = {"in": "Inbound", "out": "Outbound"}


def rule(text: str) -> dict[str, Any]:
    """``"100 in allow tcp Internet > asg:web :80,443"``: one rule, named ``r100-in``."""
    priority, direction, access, protocol, source, _, destination, ports = text.split()
    return {
        "name": f"r{priority}-{direction}",
        "properties": {
            "priority": int(priority),
            "direction": _DIRECTIONS[direction],
            "access": access,
            "protocol": protocol,
            "sourcePortRange": "*",
            **_side("source", source),
            **_side("destination", destination),
            **_plural("destinationPortRange", "s", ports.removeprefix(":")),
        },
    }


def _side(side: str, text: str) -> dict[str, Any]:
    if text.startswith("asg:"):
        groups = [ref("applicationSecurityGroups", n) for n in text.removeprefix("asg:").split(",")]
        return {f"{side}ApplicationSecurityGroups": groups}
    return _plural(f"{side}AddressPrefix", "es", text)


def _plural(name: str, ending: str, text: str) -> dict[str, Any]:
    return {name + ending: text.split(",")} if "," in text else {name: text}


def group(lab: Lab, name: str, *rules: str) -> Resource[Any]:
    return lab.put("networkSecurityGroups", name, {"securityRules": [rule(r) for r in rules]})


def flow(text: str) -> Flow:
    """``"tcp 10.0.0.4 > 10.0.0.5 :80"``."""
    protocol, source, _, destination, *port = text.split()
    number = int(port[0].removeprefix(":")) if port else 0
    return Flow(ip_address(source), ip_address(destination), Protocol(protocol), number)


def verdict(model: ForwardingModel, nic: str, direction: Direction, asked: Flow) -> str:
    """``allow``, or ``deny {group}/{rule}`` by the first list that does not let *asked* pass."""
    port = model.get(Port, resource_id("networkInterfaces", nic).key)
    assert port is not None
    for name in port.ingress if direction is Direction.INGRESS else port.egress:
        acl = model.get(AccessList, name)
        assert acl is not None, name
        action, decided = first_match(model, acl, asked)
        if action is Action.DENY:
            return f"deny {acl.label}/{decided}"
    return "allow"


def first_match(model: ForwardingModel, acl: AccessList, asked: Flow) -> tuple[Action, str]:
    """What a list says, and the name of the rule that says it."""
    members = {s.name: frozenset(s.members) for s in model.all(AddressSet).values()}
    for line in acl.rules:
        if line.matches(asked, members):
            return line.action, line.origin.rsplit("/", 1)[-1]
    return Action.DENY, "nothing"
