"""What the lab's own API answers about packets, from the model alone."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import permutations
from typing import Annotated, Any

import msgspec

from lazulite.analysis import Index, RoundTrip, Trace, ip_flow_verify, next_hop, round_trip
from lazulite.analysis.routing import guest_exit
from lazulite.analysis.tracing import copies
from lazulite.daemon.guests import Machine, UnknownGuestError, find, machines
from lazulite.forwarding.model import ForwardingModel, Port
from lazulite.values import Direction, Flow, IPAddress, Protocol

PortNumber = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Question(msgspec.Struct, frozen=True):
    """A conversation, by the names people use; ``to`` is a name or an address."""

    source: str = msgspec.field(name="from")
    to: str
    protocol: Protocol = Protocol.TCP
    port: PortNumber = 0


class Service(msgspec.Struct, frozen=True):
    protocol: Protocol
    port: PortNumber = 0


class MatrixQuestion(msgspec.Struct, frozen=True):
    """Every machine to every other on each of these services."""

    services: tuple[Service, ...]


class VerifyQuestion(msgspec.Struct, frozen=True):
    """IP flow verify: *local* and *remote* as the machine *vm* sees them."""

    vm: str
    direction: Direction
    protocol: Protocol
    remote: str
    local_port: PortNumber = 0
    remote_port: PortNumber = 0


def trace(index: Index, asked: Question) -> dict[str, Any]:
    """The packet's way, the answer's way, and who decided. Raises :class:`UnknownGuestError`."""
    source = find(index.model, asked.source)
    return _conversation(index, source, _target(index.model, asked.to, source), asked.protocol, asked.port)


def matrix(index: Index, asked: MatrixQuestion) -> dict[str, Any]:
    """One row a conversation; pairs without an address for each other are left out."""
    known = list(machines(index.model))
    return {"value": [row for pair in permutations(known, 2) for row in _rows(index, *pair, asked.services)]}


def hop(index: Index, asked: Question) -> dict[str, Any]:
    """Network Watcher's next hop. Raises :class:`UnknownGuestError`."""
    source = find(index.model, asked.source)
    target = _target(index.model, asked.to, source)
    route = next_hop(index, _port(index, source, target).name, target)
    return {"destination": str(target), "route": msgspec.to_builtins(route, enc_hook=str)}


def verify(index: Index, asked: VerifyQuestion) -> dict[str, Any]:
    """Network Watcher's IP flow verify. Raises :class:`UnknownGuestError`."""
    machine = find(index.model, asked.vm)
    remote = _target(index.model, asked.remote, machine)
    port = _port(index, machine, remote)
    local = _address(port.addresses, remote.version, machine)
    if asked.direction is Direction.EGRESS:
        flow = Flow(local, remote, asked.protocol, asked.remote_port, asked.local_port)
    else:
        flow = Flow(remote, local, asked.protocol, asked.local_port, asked.remote_port)
    said = ip_flow_verify(index, port.name, asked.direction, flow)
    return {"access": said.action, "origin": said.origin, "list": said.label}


def _rows(index: Index, one: Machine, other: Machine, services: tuple[Service, ...]) -> Iterator[dict[str, Any]]:
    target = other.address_for(one)
    if target is None:
        return
    for service in services:
        answer = _conversation(index, one, target, service.protocol, service.port)
        yield {
            "from": one.entry.label,
            "to": other.entry.label,
            "protocol": service.protocol,
            "port": service.port,
            "passes": answer["passes"],
            "decided": answer["decided"],
        }


def _conversation(index: Index, source: Machine, target: IPAddress, protocol: Protocol, port: int) -> dict[str, Any]:
    if source.is_client:
        sender, own = source.entry.name, _address(source.addresses, target.version, source)
    else:
        leaves = _port(index, source, target)
        sender, own = leaves.name, _address(leaves.addresses, target.version, source)
    trip = round_trip(index, sender, Flow(own, target, protocol, port if protocol.has_ports else 0))
    failed = trip.reply is not None and not trip.established
    decided = trip.reply.decided_by if failed and trip.reply else trip.forward.decided_by
    return {
        "passes": trip.established,
        "decided": msgspec.to_builtins(decided, enc_hook=str),
        "forward": _way(index, trip.forward),
        "reply": _reply(index, trip),
    }


def _reply(index: Index, trip: RoundTrip) -> dict[str, Any] | None:
    return None if trip.reply is None else _way(index, trip.reply)


def _way(index: Index, way: Trace) -> dict[str, Any]:
    """The trace, ``through``, the machines that pass the packet on, and ``copies``: the ways of what a TAP makes."""
    document: dict[str, Any] = msgspec.to_builtins(way, enc_hook=str)
    ports = [index.model.get(Port, h.port) for h in way.hops if h.port]
    met = list(dict.fromkeys(p.guest for p in ports if p is not None and p.guest is not None))
    ends = {
        ports[0].guest if ports and ports[0] else None,
        getattr(index.model.get(Port, way.destination), "guest", None),
    }
    known = {m.entry.name: m.entry.label for m in machines(index.model)}
    made = [{"of": of} | msgspec.to_builtins(found, enc_hook=str) for of, found in copies(index, way)]
    for copy in made:
        copy["destination"] = getattr(index.model.get(Port, copy["destination"]), "label", "")
    return document | {"through": [known.get(name, name) for name in met if name not in ends], "copies": made}


def _target(model: ForwardingModel, name: str, source: Machine) -> IPAddress:
    """The address that *name* means to *source*."""
    try:
        return ip_address(name)
    except ValueError:
        found = find(model, name)
    address = found.address_for(source) or found.address_for(source, 6)
    if address is None:
        raise UnknownGuestError(f"'{name}' has no address that '{source.entry.label}' could reach.")
    return address


def _port(index: Index, machine: Machine, target: IPAddress) -> Port:
    """The interface that the machine's own routes choose for *target*."""
    if not machine.ports:
        raise UnknownGuestError(f"'{machine.entry.label}' has no interface in a virtual network.")
    return guest_exit(index, machine.entry.name, target) or machine.ports[0]


def _address(addresses: tuple[IPAddress, ...], version: int, machine: Machine) -> IPAddress:
    found = next((a for a in addresses if a.version == version), None)
    if found is None:
        raise UnknownGuestError(f"'{machine.entry.label}' has no IPv{version} address.")
    return found
