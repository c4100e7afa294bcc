"""What the lab's own API answers about requests of HTTP: the connection to a proxy, what it does, and its way on."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import msgspec

from lazulite.analysis import Index, round_trip
from lazulite.analysis.requests import Candidate, answer
from lazulite.arm.errors import ArmError
from lazulite.daemon import questions
from lazulite.forwarding.model import Port
from lazulite.forwarding.requests import HttpRequest, read
from lazulite.values import Flow, Protocol


class RequestQuestion(msgspec.Struct, frozen=True):
    """A request from the machine ``source`` for ``url``; ``to`` is the address that its host stands for."""

    source: str = msgspec.field(name="from")
    url: str
    to: str


def request(index: Index, asked: RequestQuestion) -> dict[str, Any]:
    """The conversation, as for a packet, and ``http``: what is done with the request, ``None`` where the connection
    does not come about or nobody is known to answer. Raises :class:`UnknownGuestError`."""
    try:
        wanted = read(asked.url)
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", str(error)) from None
    flow = questions.Question(asked.source, asked.to, Protocol.TCP, wanted.port)
    found = questions.trace(index, flow)
    return found | {"request": wanted.url, "http": _http(index, found, wanted) if found["passes"] else None}


def _http(index: Index, found: dict[str, Any], wanted: HttpRequest) -> dict[str, Any] | None:
    way = found["forward"]
    port = index.model.get(Port, way["destination"])
    arrived = way["arrived"]
    if port is None or port.guest is None or arrived is None:
        return None
    at = msgspec.structs.replace(wanted, port=arrived["dst_port"])
    said = answer(index.model, port.guest, ip_address(arrived["dst"]), at)
    if said is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(said, enc_hook=str)
    servers = list(_servers(index, port, said.servers))
    reached = any(s["passes"] for s in servers if s["available"])
    return shown | {"servers": servers, "answered": reached if said.forwarded else not said.closed}


def _servers(index: Index, port: Port, known: tuple[Candidate, ...]) -> Iterator[dict[str, Any]]:
    """Each with its way from the gateway; who is known by a name is left to its probe."""
    for server in known:
        row: dict[str, Any] = msgspec.to_builtins(server, enc_hook=str)
        if server.address is None:
            yield row | {"passes": server.available, "decided": None}
            continue
        own = next(a for a in port.addresses if a.version == server.address.version)
        trip = round_trip(index, port.name, Flow(own, server.address, Protocol.TCP, server.port))
        failed = trip.reply is not None and not trip.established
        decided = trip.reply.decided_by if failed and trip.reply else trip.forward.decided_by
        yield row | {"passes": trip.established, "decided": msgspec.to_builtins(decided, enc_hook=str)}
