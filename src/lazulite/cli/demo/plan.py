"""Which conversations to prove: those a template lists in its output ``proof``, or all pairs of its machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any, NamedTuple

PORTS = (("tcp", 22), ("tcp", 80), ("tcp", 3389), ("udp", 53), ("icmp", 0))
"""What a template that says nothing is asked about: ports that its rules are likely to name."""


class Row(NamedTuple):
    """One conversation, and whether the design wants it (``None``: nobody said)."""

    source: str
    destination: str
    protocol: str
    port: int = 0
    expected: bool | None = None
    why: str = ""

    @property
    def service(self) -> str:
        return self.protocol if self.protocol == "icmp" else f"{self.protocol}/{self.port}"


def rows(deployment: dict[str, Any], guests: list[dict[str, Any]]) -> list[Row]:
    """What to prove of *deployment*, whose running machines are *guests*."""
    listed = (deployment["properties"].get("outputs") or {}).get("proof")
    if listed:
        return [Row(r["from"], r["to"], r["protocol"], r["port"], r["expect"], r["why"]) for r in listed["value"]]
    return list(_pairs(guests))


def _pairs(guests: Iterable[dict[str, Any]]) -> Iterator[Row]:
    for one, other in permutations(guests, 2):
        if address(one, other) is not None:
            yield from (Row(one["name"], other["name"], protocol, port) for protocol, port in PORTS)


def address(source: dict[str, Any], destination: dict[str, Any]) -> str | None:
    """The address *source* would use: from the Internet a machine's public one, else the private one."""
    outside = source["kind"] == "client" and destination["kind"] == "vm"
    candidates = destination["publicAddresses"] if outside else destination["addresses"]
    return candidates[0] if candidates else None
