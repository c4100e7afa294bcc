"""Real packets, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from lazulite.inside import program
from lazulite.testing.lab import Lab


class Verdict(NamedTuple):
    """Whether a packet arrived and its answer came back, and in words what happened."""

    passes: bool
    detail: str


class Probe(NamedTuple):
    """One packet to send: ``to`` is an address; ``protocol`` is tcp, udp or icmp."""

    to: str
    protocol: str
    port: int = 0
    timeout_s: float = 1.0
    """How long to wait for an answer before it counts as dropped."""


def probe(lab: Lab, source: str, destination: str, *, tcp: int = 0, udp: int = 0, timeout_s: float = 1.0) -> Verdict:
    """Send from VM or client *source* to *destination* (a name, or an address): TCP, UDP, or else an echo request.

    A name means the address the source would use: from the Internet the public one, elsewhere the private one.
    """
    protocol = "tcp" if tcp else "udp" if udp else "icmp"
    target = address_of(lab, source, destination)
    return probe_many(lab, source, [Probe(target, protocol, tcp or udp, timeout_s)])[0]


def probe_many(lab: Lab, source: str, probes: Sequence[Probe]) -> list[Verdict]:
    """Send all at once from one guest, and wait no longer than the slowest."""
    wait_s = max((p.timeout_s for p in probes), default=0) + 20
    done = lab.exec(source, program("probe"), timeout=wait_s, stdin=json.dumps([p._asdict() for p in probes]))
    if done.returncode != 0:
        raise RuntimeError(f"the probe in {source} failed: {done.stderr}")
    return [Verdict(r["passes"], r["detail"]) for r in json.loads(done.stdout)]


def address_of(lab: Lab, source: str, destination: str) -> str:
    """The address by which *source* reaches *destination*."""
    guests: dict[str, Any] = {g["name"].lower(): g for g in lab.client.get("/lazulite/guests")["value"]}
    found = guests.get(destination.lower())
    if found is None:
        return destination
    outside = guests[source.lower()]["kind"] == "client"
    addresses: list[str] = found["publicAddresses"] if outside and found["kind"] == "vm" else found["addresses"]
    return addresses[0]
