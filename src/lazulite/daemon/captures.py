"""Captures by the names people use: where their packets are heard, and what the model says of a flow that was."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import msgspec

from lazulite.analysis import Index, Trace, ip_flow_verify, trace
from lazulite.daemon.guests import Machine, UnknownGuestError, find, machines
from lazulite.daemon.questions import PortNumber
from lazulite.drivers.linux import listening
from lazulite.forwarding.model import Action, ForwardingModel, InternetHost, Port
from lazulite.resources.ids import ResourceId
from lazulite.values import Direction, Flow, Protocol

_PROTOCOLS = {6: Protocol.TCP, 17: Protocol.UDP, 1: Protocol.ICMP, 58: Protocol.ICMP, 50: Protocol.ESP, 51: Protocol.AH}
RECORDER = ("-m", "lazulite.agent.recorder")
"""What Python is told below the anchor, to record."""
ALLOWED, DROPPED, ANSWER = "allowed", "dropped", "answer"


class Wish(msgspec.Struct, frozen=True):
    """Machines, all of whose interfaces are meant, and interfaces; each as ``name`` or ``group/name``."""

    names: tuple[str, ...]


class Seen(msgspec.Struct, frozen=True):
    """A packet that was captured at a port or an Internet host. ``answers``: its flow answers one seen before."""

    at: str
    sent: bool
    protocol: int
    src: str
    dst: str
    src_port: PortNumber = 0
    dst_port: PortNumber = 0
    answers: bool = False


class SeenFlows(msgspec.Struct, frozen=True):
    flows: tuple[Seen, ...]


def sources(model: ForwardingModel, wish: Wish) -> list[dict[str, str]]:
    """The interfaces, none twice. Raises :class:`UnknownGuestError`."""
    found: dict[str, dict[str, str]] = {}
    for name in wish.names:
        found |= {row["at"]: row for row in _named(model, name)}
    return list(found.values())


def _named(model: ForwardingModel, name: str) -> list[dict[str, str]]:
    known = list(machines(model))
    nics = [(m, p) for m in known for p in m.ports if _is(p, name)]
    try:
        machine = find(model, name)
    except UnknownGuestError as error:
        if len(nics) == 1:
            return [_row(*nics[0])]
        raise UnknownGuestError(_unknown(model, name, nics) or str(error)) from None
    if isinstance(machine.entry, InternetHost):
        return [_row(machine, machine.entry)]
    if not machine.ports:
        raise UnknownGuestError(f"'{name}' has no network interface.")
    return [_row(machine, port) for port in machine.ports]


def _unknown(model: ForwardingModel, name: str, nics: list[tuple[Machine, Port]]) -> str:
    """Why an interface is not to be captured at; empty where no interface is called so."""
    if nics:
        choices = ", ".join(f"{_group(p)}/{p.label}" for _, p in nics)
        return f"Several network interfaces are called '{name}': {choices}. Name one of these."
    if any(_is(p, name) for p in model.all(Port).values()):
        return f"The network interface '{name}' belongs to no running machine, so it has no packets."
    return ""


def _is(port: Port, name: str) -> bool:
    group, _, label = name.lower().rpartition("/")
    return port.label.lower() == label and (not group or _group(port).lower() == group)


def _group(port: Port) -> str:
    return ResourceId(port.origin or port.name).group or ""


def _row(machine: Machine, at: Port | InternetHost) -> dict[str, str]:
    space, link = listening.place(at)
    name = f"{machine.entry.label}/{at.label}" if isinstance(at, Port) else at.label
    addresses = ", ".join(map(str, at.addresses))
    return {"name": name, "description": addresses, "space": space, "link": link, "at": at.name}


def explain(index: Index, asked: SeenFlows) -> dict[str, Any]:
    """For each packet, as :func:`lazulite.analysis.trace` has it: ``verdict``, ``origin`` and ``detail``.

    And ``comment``, the same in words. ``{}`` where nothing can be said.
    """
    found = (_explained(index, seen) for seen in asked.flows)
    return {"value": [said | {"comment": comment(said)} if said else said for said in found]}


def comment(said: Mapping[str, str]) -> str:
    """``allowed by nsg-web/allow-http``, in the names that people use."""
    if not said:
        return ""
    why = _short(said["origin"]) or said["detail"]
    if said["verdict"] == ANSWER:
        return f"answer to what {why} allowed" if why else "answer"
    if said["verdict"] == DROPPED:
        return f"dropped, {said['detail']}" + (f": {_short(said['origin'])}" if said["origin"] else "")
    return f"allowed by {why}" if why else "allowed"


def _short(origin: str) -> str:
    """The last two names of an ARM id, which is how people know a rule or a route."""
    if not origin.startswith("/subscriptions/"):
        return origin
    return "/".join(origin.rpartition("/providers/")[2].split("/")[2::2][-2:])


def _explained(index: Index, seen: Seen) -> dict[str, str]:
    protocol = _PROTOCOLS.get(seen.protocol)
    if protocol is None:
        return {}
    ports = (seen.dst_port, seen.src_port) if protocol.has_ports else ()
    try:
        return _said(index, seen, Flow(ip_address(seen.src), ip_address(seen.dst), protocol, *ports))
    except (LookupError, ValueError):  # the network is another by now, or the packet was nonsense
        return {}


def _said(index: Index, seen: Seen, flow: Flow) -> dict[str, str]:
    if seen.answers:
        return _answer(index, seen, flow)
    if seen.sent:
        return _sent(trace(index, seen.at, flow))
    if index.model.get(InternetHost, seen.at) is not None:
        return {}
    verdict = ip_flow_verify(index, seen.at, Direction.INGRESS, flow)
    if verdict.action is Action.DENY:  # it came all the same, so it belongs to a flow that began on this side
        return _answer(index, seen, flow)
    return _row_of(ALLOWED, verdict.origin, verdict.label)


def _answer(index: Index, seen: Seen, flow: Flow) -> dict[str, str]:
    """By what the flow was let pass that the packet answers."""
    if index.model.get(InternetHost, seen.at) is not None:
        return _row_of(ANSWER, "", "")
    ports = (flow.src_port, flow.dst_port) if flow.protocol.has_ports else ()
    asked = Flow(flow.dst, flow.src, flow.protocol, *ports)
    verdict = ip_flow_verify(index, seen.at, Direction.INGRESS if seen.sent else Direction.EGRESS, asked)
    return _row_of(ANSWER, verdict.origin, verdict.label) if verdict.action is Action.ALLOW else {}


def _sent(way: Trace) -> dict[str, str]:
    step = way.decided_by
    origin, detail = (step.origin, step.detail) if step is not None else ("", "")
    if way.disposition.arrives:
        return _row_of(ALLOWED, origin, detail)
    return _row_of(DROPPED, origin, str(way.disposition))


def _row_of(verdict: str, origin: str, detail: str) -> dict[str, str]:
    return {"verdict": verdict, "origin": origin, "detail": detail}
