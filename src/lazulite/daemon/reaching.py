"""Who reaches whom, asked and told in the names people use."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import msgspec

from lazulite.analysis.reach import EVERYBODY, Decision, Reach, Reached, Service, Wanted
from lazulite.daemon.guests import UnknownGuestError, find
from lazulite.daemon.told import INTERNET, name, side, witness
from lazulite.forwarding.model import ForwardingModel, Frontend, Port
from lazulite.values import host_prefix


class ReachQuestion(msgspec.Struct, frozen=True):
    """From whom to whom: a machine, a balancer's frontend, an address or prefix, ``Internet``, or empty for everybody.

    Of ``services`` alone where there are any; ``denied`` asks for what does not arrive as well.
    """

    source: str = msgspec.field(name="from", default="")
    to: str = ""
    services: tuple[Service, ...] = ()
    denied: bool = False


def reach(model: ForwardingModel, asked: ReachQuestion) -> dict[str, Any]:
    """One row for each set of flows that fare alike. Raises :class:`UnknownGuestError`."""
    wanted = whom(model, asked.source), whom(model, asked.to)
    found = Reach(model, *wanted).flows(asked.services, denied=asked.denied)
    rows = [_row(each, model) for each in found]
    return {"value": sorted(rows, key=lambda r: (r["from"]["names"], r["to"]["names"], r["destinationPorts"]))}


def whom(model: ForwardingModel, said: str) -> Wanted:
    """Whom a name, an address or a prefix means."""
    if not said:
        return EVERYBODY
    if said.lower() == INTERNET.lower():
        return Wanted(internet=True)
    try:
        return Wanted(prefixes=(ip_network(said, strict=False),))
    except ValueError:
        pass
    frontends = [f.name for f in model.all(Frontend).values() if said.lower() in _names(f)]
    if frontends:
        return Wanted(frozenset(frontends))
    machine = find(model, said)
    if machine.is_client:
        return Wanted(prefixes=tuple(map(host_prefix, machine.addresses)))
    if not machine.ports:
        raise UnknownGuestError(f"'{said}' has no interface in a virtual network.")
    return Wanted(frozenset(p.name for p in machine.ports))


def _names(frontend: Frontend) -> set[str]:
    """What a frontend is called, in lower case: its own name, its balancer's, and both."""
    _, _, below = frontend.origin.lower().partition("/loadbalancers/")
    balancer, label = below.partition("/")[0], frontend.label.lower()
    return {label, balancer, f"{balancer}/{label}"} if balancer else {label}


def _row(found: Reached, model: ForwardingModel) -> dict[str, Any]:
    return {
        "from": side(found.sources, (model,)),
        "to": side(found.destinations, (model,)),
        "protocols": [str(p) for p in found.protocols],
        "sourcePorts": str(found.src_ports),
        "destinationPorts": str(found.dst_ports),
        "disposition": str(found.disposition),
        "arrives": found.disposition.share > 0,
        "answered": found.answered,
        "origin": found.origin,
        "rules": [_decision(d, model) for d in found.rules],
        "witness": witness(found.sender, found.witness, (model,)),
    }


def _decision(met: Decision, model: ForwardingModel) -> dict[str, str]:
    port = model.get(Port, met.port)
    at = name(met.port, (model,)) if port is not None else met.port
    return {"at": at, "stage": met.stage, "action": str(met.action), "origin": met.origin}
