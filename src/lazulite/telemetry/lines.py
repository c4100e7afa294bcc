"""Records as Azure writes them: tuples, and the JSON around them. Source: facts/network-watcher.md, "NSG flow logs";
learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview, "Log format"."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from lazulite.telemetry.book import Counts, State

_TCP, _UDP = 6, 17
_LETTERS = {_TCP: "T", _UDP: "U"}
UNSPECIFIED = "unspecified"
"""Group and rule of what no rule decided."""
_ENCRYPTION = "NX"
"""The flow is not encrypted."""


class Form(StrEnum):
    """The same words as :class:`lazulite.forwarding.model.FlowLogFormat`."""

    GROUP_1 = "NetworkSecurityGroupFlowEvent 1"
    GROUP_2 = "NetworkSecurityGroupFlowEvent 2"
    NETWORK = "FlowLogFlowEvent 4"


class Line(NamedTuple):
    """A record with everything that it says, as its interface sees it. ``inward``: the other end began it."""

    at: float
    mac: str
    """Twelve digits in upper case."""
    group: str
    """Id of the security group that decided; empty: none."""
    rule: str
    """As logs name it, see :func:`rule_name`."""
    inward: bool
    protocol: int
    local: str
    """Address, as text."""
    local_port: int
    remote: str
    remote_port: int
    state: State
    counts: Counts


class Subject(NamedTuple):
    """Whose log it is. ``log`` is the id of the log itself, ``target`` of what is logged, ``guid`` the log's."""

    form: Form
    target: str
    guid: str
    log: str


@lru_cache(maxsize=1 << 14)
def rule_name(origin: str) -> str:
    """``UserRule_<name>`` or ``DefaultRule_<name>`` of a rule's id; other origins as they are."""
    path, _, name = origin.rpartition("/")
    if path.endswith("/securityRules"):
        return f"UserRule_{name}"
    if path.endswith("/defaultSecurityRules"):
        return f"DefaultRule_{name}"
    return origin


@lru_cache(maxsize=1 << 14)
def group_id(origin: str) -> str:
    """Id of the security group that a rule is of; empty: it is of none."""
    path, _, _ = origin.rpartition("/")
    return path.rpartition("/")[0] if path.endswith(("/securityRules", "/defaultSecurityRules")) else ""


def text(form: Form, line: Line) -> str | None:
    """The tuple; ``None`` for what logs of this form do not tell."""
    return _network(line) if form is Form.NETWORK else _group(form, line)


def _ends(line: Line) -> tuple[str, str, int, int]:
    """Source and destination, and their ports."""
    if line.inward:
        return line.remote, line.local, line.remote_port, line.local_port
    return line.local, line.remote, line.local_port, line.remote_port


def there_and_back(line: Line) -> Counts:
    """Packets and bytes from source to destination, and the other way."""
    out_packets, out_bytes, in_packets, in_bytes = line.counts
    if line.inward:
        return in_packets, in_bytes, out_packets, out_bytes
    return line.counts


def _group(form: Form, line: Line) -> str | None:
    """Only TCP and UDP have a letter; version 1 knows no states and tells the beginning alone."""
    letter, denied = _LETTERS.get(line.protocol), line.state is State.DENIED
    if letter is None or (form is Form.GROUP_1 and line.state not in (State.BEGUN, State.DENIED)):
        return None
    source, destination, source_port, port = _ends(line)
    way, verdict = "I" if line.inward else "O", "D" if denied else "A"
    said = f"{int(line.at)},{source},{destination},{source_port},{port},{letter},{way},{verdict}"
    if form is Form.GROUP_1:
        return said
    if line.state in (State.BEGUN, State.DENIED):
        return f"{said},{State.BEGUN},,,,"
    return f"{said},{line.state},{','.join(map(str, there_and_back(line)))}"


def _network(line: Line) -> str:
    source, destination, source_port, port = _ends(line)
    way, counts = "I" if line.inward else "O", ",".join(map(str, there_and_back(line)))
    ends = f"{source},{destination},{source_port},{port}"
    return f"{round(line.at * 1000)},{ends},{line.protocol},{way},{line.state},{_ENCRYPTION},{counts}"


def record(subject: Subject, mac: str, at: float, told: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    """What one interface adds to the log at a time: group, rule and tuple of each line."""
    groups: dict[str, dict[str, list[str]]] = {}
    for group, rule, said in told:
        groups.setdefault(group, {}).setdefault(rule or UNSPECIFIED, []).append(said)
    return (
        _of_network(subject, mac, at, groups) if subject.form is Form.NETWORK else _of_group(subject, mac, at, groups)
    )


def _of_group(subject: Subject, mac: str, at: float, groups: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    flows = [
        {"rule": rule, "flows": [{"mac": mac, "flowTuples": tuples}]}
        for rules in groups.values()
        for rule, tuples in rules.items()
    ]
    return {
        "time": when(at),
        "systemId": subject.guid,
        "macAddress": mac,
        "category": "NetworkSecurityGroupFlowEvent",
        "resourceId": subject.target.upper(),
        "operationName": "NetworkSecurityGroupFlowEvents",
        "properties": {"Version": 1 if subject.form is Form.GROUP_1 else 2, "flows": flows},
    }


def _of_network(subject: Subject, mac: str, at: float, groups: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    flows = [
        {
            "aclID": group or UNSPECIFIED,
            "flowGroups": [{"rule": rule, "flowTuples": tuples} for rule, tuples in rules.items()],
        }
        for group, rules in groups.items()
    ]
    return {
        "time": when(at),
        "flowLogVersion": 4,
        "flowLogGUID": subject.guid,
        "macAddress": mac,
        "category": "FlowLogFlowEvent",
        "flowLogResourceID": subject.log.upper(),
        "targetResourceID": subject.target,
        "operationName": "FlowLogFlowEvent",
        "flowRecords": {"flows": flows},
    }


def when(at: float) -> str:
    """With seven digits of a second, as Azure has them."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
