"""``ipFlowVerify`` and ``nextHop``: one packet of a machine, and who decides about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from lazulite.forwarding.model import NextHop, Route, RouteSource
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Code, Link, Properties, Resource, Violation
from lazulite.services.network_watcher import question
from lazulite.services.network_watcher.model import NetworkWatcher
from lazulite.services.service import Context, Reply
from lazulite.values import Direction, Flow, IPAddress, Protocol

_ANY, _LAST_PORT = "*", 65535
_EPHEMERAL = 49152
"""What ``*`` stands for: first of the dynamic ports. Source: RFC 6335, section 6."""
SYSTEM_ROUTE = "System Route"
"""What stands for the table of a route that no table holds. Source: "Diagnose a VM network routing problem"."""
_Address = Annotated[IPAddress, Code("InvalidIPAddressFormat")]


class FlowQuestion(Properties, frozen=True):
    """Of ``ipFlowVerify``. Ports are strings; ``*`` is for the source's."""

    target_resource_id: Link
    direction: Literal["Inbound", "Outbound"]
    protocol: Literal["TCP", "UDP"]
    local_port: str
    remote_port: str
    local_ip_address: _Address = msgspec.field(name="localIPAddress")
    remote_ip_address: _Address = msgspec.field(name="remoteIPAddress")
    target_nic_resource_id: Link | None = None


class HopQuestion(Properties, frozen=True):
    """Of ``nextHop``."""

    target_resource_id: Link
    source_ip_address: _Address = msgspec.field(name="sourceIPAddress")
    destination_ip_address: _Address = msgspec.field(name="destinationIPAddress")
    target_nic_resource_id: Link | None = None


def verify(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """``{"access", "ruleName", "ruleId"}``: the rule that denies, or the last one that allowed.

    Recorded answers have the id and a name of two parts, ``securityRules/web``; both are empty where no list is asked.
    """
    asked = question.read(FlowQuestion, context)
    local, remote = asked.local_ip_address, asked.remote_ip_address
    _same_version(local, remote, "remoteIPAddress")
    inbound = asked.direction == "Inbound"
    here, there = _port(asked.local_port, "localPort", not inbound), _port(asked.remote_port, "remotePort", inbound)
    found = question.machine(watcher, asked.target_resource_id, context.view, "targetResourceId")
    nic = question.interface(found, asked.target_nic_resource_id, local, context.view, "localIPAddress")
    protocol = Protocol(asked.protocol.lower())
    flow = Flow(remote, local, protocol, here, there) if inbound else Flow(local, remote, protocol, there, here)
    direction = Direction.INGRESS if inbound else Direction.EGRESS
    allowed, origin = context.analysis.ip_flow(nic.id.key, direction, flow)
    access = "Allow" if allowed else "Deny"
    return Reply({"access": access, "ruleName": rule_name(origin)} | ({"ruleId": origin} if origin[:1] == "/" else {}))


def rule_name(origin: str) -> str:
    """``securityRules/web`` of a rule's id; the words of an origin that is none."""
    return "/".join(origin.split("/")[-2:]) if origin.startswith("/") else origin


def _port(text: str, target: str, source: bool) -> int:
    """Raises :class:`question.WrongQuestionError`."""
    if text == _ANY and source:
        return _EPHEMERAL
    if not (text.isdecimal() and text.isascii()) or int(text) > _LAST_PORT:
        message = f"'{text}' is not a port: a number up to {_LAST_PORT}, or {_ANY} for the source's."
        raise question.WrongQuestionError(Violation("InvalidPort", message, target))
    return int(text)


def _same_version(one: IPAddress, other: IPAddress, target: str) -> None:
    if one.version != other.version:
        message = f"{one} and {other} are addresses of two IP versions."
        raise question.WrongQuestionError(Violation("InvalidIPAddressFormat", message, target))


def next_hop(watcher: Resource[NetworkWatcher], context: Context) -> Reply:
    """``{"nextHopType", "nextHopIpAddress", "routeTableId"}``."""
    asked = question.read(HopQuestion, context)
    source, destination = asked.source_ip_address, asked.destination_ip_address
    _same_version(source, destination, "destinationIPAddress")
    found = question.machine(watcher, asked.target_resource_id, context.view, "targetResourceId")
    nic = question.interface(found, asked.target_nic_resource_id, source, context.view, "sourceIPAddress")
    return Reply(_hop(context.analysis.next_hop(nic.id.key, destination)), slow=True)


def _hop(route: Route | None) -> dict[str, Any]:
    if route is None:
        return {"nextHopType": NextHop.NONE.value, "routeTableId": SYSTEM_ROUTE}
    user = route.source is RouteSource.USER
    shown = {"nextHopType": route.next_hop.value}
    shown |= {"nextHopIpAddress": str(route.via)} if route.via is not None else {}
    return shown | {"routeTableId": ResourceId(route.origin).parent.text if user else SYSTEM_ROUTE}
