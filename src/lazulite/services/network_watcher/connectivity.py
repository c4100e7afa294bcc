"""What a connectivity check answers: the way by the model, and what real packets said. Plain maps in, plain maps out.

Source: facts/network-watcher.md, "Connection troubleshoot" (connectivity-rest, connection-troubleshoot-overview).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple, TypeAlias
from uuid import NAMESPACE_URL, uuid5

Owner: TypeAlias = Callable[[str, str], tuple[str, str]]
"""Name of a port and the address of a packet there: the port's address and the id of its IP configuration. That is the
packet's own address if the port has it, else its first one. With no name: whatever the network of the source has that
address; two empty words where nobody does."""
_END = "END_OF_PROGRAM"
_PRIVATE = [ip_network(p) for p in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]
_UNKNOWN = "Unknown"
_ROUTES = {"no route", "null routed", "neighbor unreachable", "loop"}
_PLATFORM = {"peering refused", "source refused", "destination refused", "untranslated", "no rule",
             "no healthy backend", "sent to itself", "guest down"}  # fmt: skip


def script(wish: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """For ``/bin/sh`` of a machine: connects as *wish* says (``programs/README.md``) and prints what became of it; of
    several wishes, one after the other in a list."""
    text = (files(__package__) / "programs" / "connect.py").read_text("utf-8")
    return f"#!/bin/sh\nexec python3 - {shlex.quote(json.dumps(wish))} <<'{_END}'\n{text}\n{_END}\n"


class _Place(NamedTuple):
    """A hop of the answer: where the packet was, and the end of its way if that was there."""

    kind: str
    address: str
    resource: str
    port: str = ""
    issues: tuple[dict[str, Any], ...] = ()


def information(trace: Mapping[str, Any], probe: Mapping[str, Any] | None, owner: Owner) -> dict[str, Any]:
    """A ``ConnectivityInformation``.

    *trace* is a conversation (``forward``, ``reply``, ``passes``), as the analysis gives it to clients; *probe* is what
    :func:`script` printed, ``None`` when it did not run.
    """
    measured = probe or {}
    reached = measured.get("sent", 0) > measured.get("failed", 0)
    problem = None if reached else _of_source(probe)
    if problem is not None:
        source = _source(trace["forward"], owner)
        hops = [source._replace(issues=(problem,))]
    else:
        hops = _with_issue(_places(trace["forward"], owner), trace, measured, reached=reached)
    times = [ms for ms in measured.get("ms", ()) if ms is not None]
    return {
        "hops": _hops(hops, times),
        "connectionStatus": "Reachable" if reached else "Unreachable",
        **(_latencies(times, "{}LatencyInMs") if times else {}),
        "probesSent": measured.get("sent", 0),
        "probesFailed": measured.get("failed", 0),
    }


def _of_source(probe: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What kept the source from sending anything."""
    if probe is None:
        return _issue("Local", "AgentStopped")
    return _issue("Local", probe["issue"], Reason=probe["reason"]) if probe.get("issue") else None


def _source(way: Mapping[str, Any], owner: Owner) -> _Place:
    first = way["hops"][0]
    return _Place("Source", first["src"], owner(first["port"], first["src"])[1] or _UNKNOWN, first["port"])


def _places(way: Mapping[str, Any], owner: Owner) -> list[_Place]:
    """Source, the appliances that handed the packet on, and where it was to arrive."""
    inner = [h for h in way["hops"][1:] if h["port"]]
    # A machine that hands on is met twice: where it takes the packet, and where it lets it go.
    appliances = [_at("VirtualAppliance", hop, owner) for hop in inner[: len(inner) // 2 * 2 : 2]]
    found = [_source(way, owner), *appliances]
    last = inner[-1] if len(inner) % 2 else None
    if last is None:
        alone = not inner and way["disposition"] == "delivered"
        return found if alone else [*found, _nowhere(way, owner)]
    if owner(last["port"], last["dst"])[0] == last["dst"]:
        return [*found, _at("VnetLocal", last, owner)]
    return [*found, _at("VirtualAppliance", last, owner), _nowhere(way, owner)]


def _at(kind: str, hop: Mapping[str, Any], owner: Owner) -> _Place:
    address, resource = owner(hop["port"], hop["dst"])
    return _Place(kind, address, resource or _UNKNOWN, hop["port"])


def _nowhere(way: Mapping[str, Any], owner: Owner) -> _Place:
    """The destination of a packet that met no machine there: a host of the Internet, or nobody the model knows."""
    address = way["hops"][-1]["dst"]
    resource = owner("", address)[1]
    if resource:
        return _Place("VnetLocal", address, resource)
    if way["disposition"] not in _ROUTES and not any(ip_address(address) in space for space in _PRIVATE):
        return _Place("Internet", address, "Internet")
    return _Place("Destination", address, _UNKNOWN)


def _with_issue(
    hops: list[_Place], trace: Mapping[str, Any], probe: Mapping[str, Any], *, reached: bool
) -> list[_Place]:
    """*hops* with what is to blame at its place."""
    if reached:
        return hops
    way = trace["forward"] if trace["reply"] is None or trace["passes"] else trace["reply"]
    if trace["passes"]:  # the network lets it through: the other end says no, or nothing
        silent = probe.get("reason") == "no answer"
        issue = _issue("Local", "GuestFirewall" if silent else _UNKNOWN, Reason=probe.get("reason", ""))
        return [*hops[:-1], hops[-1]._replace(issues=(issue,))]
    at = way["hops"][-1]
    issue = _blame("Inbound" if way["disposition"] == "denied in" else "Outbound", way["disposition"], at["steps"][-1])
    blamed = max((i for i, h in enumerate(hops) if h.port and h.port == at["port"]), default=None)
    if blamed is None:  # between two machines: the last one that let it go
        met = {h["port"] for h in way["hops"] if h["port"]}
        blamed = max((i for i, h in enumerate(hops) if h.port in met), default=0)
    return [h._replace(issues=(issue,)) if i == blamed else h for i, h in enumerate(hops)]


def _blame(origin: str, disposition: str, step: Mapping[str, Any]) -> dict[str, Any]:
    if disposition in ("denied in", "denied out"):
        return _issue(origin, "NetworkSecurityRule", RuleName=rule_name(step["origin"]))
    if disposition in _ROUTES:
        written = (step["route"] or {}).get("source") == "User"
        return _issue(origin, "UserDefinedRoute", RouteType="User" if written else "System")
    kind = "Platform" if disposition in _PLATFORM else _UNKNOWN
    return _issue(origin, kind, Reason=": ".join(filter(None, (disposition, step["detail"]))))


def rule_name(origin: str) -> str:
    """A rule as Network Watcher calls it: ``UserRule_x``, or ``DefaultRule_x`` for one of Azure's own."""
    collection, _, name = origin.rpartition("/")
    return f"{'DefaultRule' if collection.lower().endswith('/defaultsecurityrules') else 'UserRule'}_{name}"


def _issue(origin: str, kind: str, **context: str) -> dict[str, Any]:
    """Kinds of the 2024 list; the words of a context that has none of Azure's keys stand under ``Reason``."""
    known = [{"key": key, "value": value} for key, value in context.items() if value]
    return {"origin": origin, "severity": "Error", "type": kind, "context": known}


def _hops(places: Sequence[_Place], times: Sequence[float]) -> list[dict[str, Any]]:
    ids = [str(uuid5(NAMESPACE_URL, f"{i} {p.kind} {p.address} {p.resource}")) for i, p in enumerate(places)]
    return [
        {
            "type": place.kind,
            "id": ids[i],
            "address": place.address,
            "resourceId": place.resource,
            "nextHopIds": ids[i + 1 : i + 2],
            "previousHopIds": ids[max(0, i - 1) : i],
            "links": list(_links(places, ids, i, i + 1, times)),
            "previousLinks": list(_links(places, ids, i, i - 1, times)),
            "issues": list(place.issues),
        }
        for i, place in enumerate(places)
    ]


def _links(
    places: Sequence[_Place], ids: Sequence[str], here: int, there: int, times: Sequence[float]
) -> Iterator[dict[str, Any]]:
    """A link to a neighbour. Only the whole way was measured, so one of several links has no times of its own."""
    if not 0 <= there < len(places):
        return
    outside = "Internet" in (places[here].kind, places[there].kind)
    alone = len(places) == 2 and there > here
    yield {
        "nextHopId": ids[there],
        "linkType": "Internet" if outside else "VirtualNetwork",
        "properties": _latencies(times, "roundTripTime{}") if alone and times else {},
        "context": {},
        "issues": [],
        "resourceId": "",
    }


def _latencies(times: Sequence[float], named: str) -> dict[str, int]:
    """Whole milliseconds."""
    found = {"min": min(times), "avg": sum(times) / len(times), "max": max(times)}
    folded = named.startswith("{}")
    return {named.format(k if folded else k.capitalize()): round(v) for k, v in found.items()}
