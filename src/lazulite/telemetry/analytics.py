"""Traffic analytics: lines summed up by who talks to which service, whatever port it came from.

Source: facts/network-watcher.md, "Traffic analytics" (table AzureNetworkAnalytics_CL, FASchemaVersion_s 2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import msgspec

from lazulite.telemetry.book import State
from lazulite.telemetry.lines import Line, there_and_back, when

MOST_ROWS = 5_000
"""Kept of one log; the oldest go first."""
_PROTOCOLS = {6: "T", 17: "U"}
_PRIVATE = [ip_network(p) for p in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


class What(NamedTuple):
    """What a row is about."""

    interval: int
    source: str
    destination: str
    port: int
    group: str
    rule: str
    inward: bool
    protocol: int
    mac: str


class Sum(msgspec.Struct, array_like=True):
    """What there was of it: when the first and the last line were, flows, and packets and bytes of each way."""

    first: float
    last: float
    allowed: int = 0
    denied: int = 0
    there: tuple[int, int] = (0, 0)
    back: tuple[int, int] = (0, 0)

    def add(self, line: Line) -> None:
        self.first, self.last = min(self.first, line.at), max(self.last, line.at)
        self.allowed += line.state is State.BEGUN
        self.denied += line.state is State.DENIED
        there, there_bytes, back, back_bytes = there_and_back(line)
        self.there = self.there[0] + there, self.there[1] + there_bytes
        self.back = self.back[0] + back, self.back[1] + back_bytes


class Sums(msgspec.Struct, array_like=True, frozen=True):
    """Rows of one log as another process takes them over, in the order in which they began."""

    interval_s: int
    rows: list[tuple[What, Sum]]


class Analytics:
    """The rows of one log. ``interval_s`` is how much time one row sums up."""

    def __init__(self, interval_s: int) -> None:
        self.interval_s = interval_s
        self._sums: OrderedDict[What, Sum] = OrderedDict()
        self._changed: dict[What, None] = {}

    def add(self, told: Iterable[Line]) -> None:
        for line in told:
            what = self._what(line)
            if what not in self._sums:
                self._hold(what, Sum(line.at, line.at))
            self._sums[what].add(line)
            self._changed[what] = None

    def _hold(self, what: What, total: Sum) -> None:
        self._sums[what] = total
        if len(self._sums) > MOST_ROWS:
            self._sums.popitem(last=False)

    def changed(self) -> Sums:
        """What lines were added to since this was asked last."""
        changed, self._changed = self._changed, {}
        return Sums(self.interval_s, [(what, self._sums[what]) for what in changed if what in self._sums])

    def all(self) -> Sums:
        return Sums(self.interval_s, list(self._sums.items()))

    def resume(self, sums: Sums) -> None:
        """Take over what another process had of this log; later ones go before earlier ones."""
        if sums.interval_s == self.interval_s:
            for what, total in sums.rows:
                self._hold(what, total)

    def _what(self, line: Line) -> What:
        source, destination = (line.remote, line.local) if line.inward else (line.local, line.remote)
        port = line.local_port if line.inward else line.remote_port
        interval = int(line.at // self.interval_s) * self.interval_s
        return What(interval, source, destination, port, line.group, line.rule, line.inward, line.protocol, line.mac)

    def rows(self) -> list[dict[str, Any]]:
        """In the order in which they began."""
        return [self._row(what, total) for what, total in self._sums.items()]

    def _row(self, what: What, total: Sum) -> dict[str, Any]:
        way, verdict = "I" if what.inward else "O", "D" if total.denied and not total.allowed else "A"
        inbound, outbound = (total.there, total.back) if what.inward else (total.back, total.there)
        flows = total.allowed + total.denied
        return {
            "SubType_s": "FlowLog",
            "FASchemaVersion_s": "2",
            "FlowIntervalStartTime_t": when(what.interval),
            "FlowIntervalEndTime_t": when(what.interval + self.interval_s),
            "FlowStartTime_t": when(total.first),
            "FlowEndTime_t": when(total.last),
            "FlowType_s": flow_type(what.source, what.destination),
            "SrcIP_s": what.source,
            "DestIP_s": what.destination,
            "DestPort_d": what.port,
            "L4Protocol_s": _PROTOCOLS.get(what.protocol, str(what.protocol)),
            "FlowDirection_s": way,
            "FlowStatus_s": verdict,
            "NSGList_s": _short(what.group),
            "NSGRules_s": f"0|{what.rule}|{way}|{verdict}|{flows}",
            "NSGRule_s": what.rule,
            "NSGRuleType_s": "Default" if what.rule.startswith("DefaultRule_") else "User Defined",
            "MACAddress_s": what.mac,
            "AllowedInFlows_d": total.allowed if what.inward else 0,
            "DeniedInFlows_d": total.denied if what.inward else 0,
            "AllowedOutFlows_d": 0 if what.inward else total.allowed,
            "DeniedOutFlows_d": 0 if what.inward else total.denied,
            "InboundPackets_d": inbound[0],
            "OutboundPackets_d": outbound[0],
            "InboundBytes_d": inbound[1],
            "OutboundBytes_d": outbound[1],
        }


def flow_type(source: str, destination: str) -> str:
    """Where the two ends are, as far as their addresses tell."""
    private = [any(a.version == p.version and a in p for p in _PRIVATE) for a in map(ip_address, (source, destination))]
    return "IntraVNet" if all(private) else "ExternalPublic" if any(private) else "Unknown"


def _short(group: str) -> str:
    """``subscription/resource group/name`` of a group's id."""
    parts = group.strip("/").split("/")
    return f"{parts[1]}/{parts[3]}/{parts[-1]}".lower() if len(parts) > 7 else group
