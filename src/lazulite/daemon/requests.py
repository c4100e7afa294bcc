"""What the lab's own API answers about requests of HTTP: the connection to a proxy, what it does, and its way on."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from typing import Any

import msgspec

from lazulite.analysis import Index, round_trip
from lazulite.analysis.requests import Candidate, Judged, answer, find
from lazulite.arm.errors import ArmError
from lazulite.daemon import questions
from lazulite.engines.waf.explaining import Explained, Matched
from lazulite.engines.waf.spec import use_of
from lazulite.forwarding.model import Port, WafPolicy
from lazulite.forwarding.requests import HttpRequest, read
from lazulite.values import Flow, IPAddress, Protocol

Inspected = Callable[[str, HttpRequest], Awaitable[Explained | None]]
"""What the firewall says of a request, by the key of a policy's use; ``None`` where nobody can be asked."""
_METHOD = re.compile(r"[A-Z]{1,20}")
_TARGET = re.compile(r"[\x21-\x7e]*")
_NAME, _VALUE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"), re.compile(r"[\x20-\x7e\t]*")


class RequestQuestion(msgspec.Struct, frozen=True):
    """A request from the machine ``source`` for ``url``; ``to`` is the address that its host stands for."""

    source: str = msgspec.field(name="from")
    url: str
    to: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


async def request(index: Index, asked: RequestQuestion, inspected: Inspected) -> dict[str, Any]:
    """The conversation, as for a packet, and ``http``: what is done with the request, ``None`` where the connection
    does not come about or nobody is known to answer. Raises :class:`UnknownGuestError`."""
    wanted = _wanted(asked)
    flow = questions.Question(asked.source, asked.to, Protocol.TCP, wanted.port)
    found = questions.trace(index, flow)
    http = await _http(index, found, wanted, inspected) if found["passes"] else None
    return found | {"request": wanted.url, "http": http}


def _wanted(asked: RequestQuestion) -> HttpRequest:
    """Nothing that would be more than one request. Raises :class:`ArmError`."""
    try:
        found = read(asked.url)
    except ValueError as error:
        raise ArmError(400, "InvalidRequestContent", str(error)) from None
    if not _TARGET.fullmatch(found.target) or not _METHOD.fullmatch(asked.method):
        message = f"'{asked.method} {asked.url}' is no request: blanks and other signs of a URL are written as %20."
        raise ArmError(400, "InvalidRequestContent", message)
    for name, value in asked.headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ArmError(400, "InvalidRequestContent", f"'{name}: {value}' is no header.")
    return msgspec.structs.replace(found, method=asked.method, headers=asked.headers, body=asked.body)


async def _http(
    index: Index, found: dict[str, Any], wanted: HttpRequest, inspected: Inspected
) -> dict[str, Any] | None:
    way = found["forward"]
    port = index.model.get(Port, way["destination"])
    arrived = way["arrived"]
    if port is None or port.guest is None or arrived is None:
        return None
    at = msgspec.structs.replace(wanted, port=arrived["dst_port"], client=ip_address(arrived["src"]))
    address = ip_address(arrived["dst"])
    judged = await _judged(index, port.guest, address, at, inspected)
    said = answer(index.model, port.guest, address, at, judged)
    if said is None:
        return None
    shown: dict[str, Any] = msgspec.to_builtins(said, enc_hook=str)
    servers = list(_servers(index, port, said.servers))
    reached = any(s["passes"] for s in servers if s["available"])
    return shown | {"servers": servers, "answered": reached if said.forwarded else not said.closed}


async def _judged(
    index: Index, guest: str, address: IPAddress, asked: HttpRequest, inspected: Inspected
) -> Judged | None:
    found = find(index.model, guest, address, asked)
    used = use_of(found.proxy, found.site, found.rule) if found and found.site and found.rule else None
    policy = index.model.get(WafPolicy, used[1].policy) if used is not None else None
    if used is None or policy is None or not policy.enabled:
        return None
    told = await inspected(used[0], asked)
    if told is None:
        return None
    limits = (f"counts for {limit}" for limit in told.limits)
    return Judged(told.status, (*map(_matched, told.matched), *limits))


def _matched(rule: Matched) -> str:
    """A custom rule by its name, a managed one by its number and what it says."""
    named = f"rule {rule.rule}" + (f" of {rule.group}" if rule.group not in ("", "Custom") else "")
    return f"{rule.action} by {named}" + (f": {rule.message}" if rule.group != "Custom" and rule.message else "")


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
