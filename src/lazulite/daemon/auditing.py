"""What is wrong with the network, told in the names people use."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.analysis.findings import Concern, Finding, findings
from lazulite.daemon import told
from lazulite.daemon.links import Loose, loose
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.view import Snapshot

_RANKS = ("error", "warning", "info")


class AuditQuestion(msgspec.Struct, frozen=True):
    """What is asked about: findings about resources whose id has ``within`` in it, case aside; empty: all."""

    within: str = ""


def audit(model: ForwardingModel, snapshot: Snapshot, asked: AuditQuestion) -> dict[str, Any]:
    """The findings, the worst first."""
    every = [*findings(model, written_by_the_user), *map(_one_sided, loose(snapshot))]
    rows = [_row(finding, model) for finding in every if asked.within.lower() in finding.origin.lower()]
    return {"value": sorted(rows, key=lambda r: (_RANKS.index(r["severity"]), r["concern"], r["resource"]))}


def _one_sided(end: Loose) -> Finding:
    other = end.there.rpartition("/")[2]
    said = f"it is {end.state} and carries nothing: {other} has no such link to {end.name}"
    return Finding(Concern.ONE_SIDED_PEERING, end.id, said)


def written_by_the_user(origin: str) -> bool:
    """Whether a rule is one of a group's own, not a default rule or the platform's."""
    return "/securityrules/" in origin.lower()


def _row(finding: Finding, model: ForwardingModel) -> dict[str, Any]:
    row: dict[str, Any] = {
        "severity": str(finding.severity),
        "concern": str(finding.concern),
        "resource": finding.origin,
        "message": finding.message,
        "by": list(finding.by),
    }
    for key, side in (("from", finding.sources), ("to", finding.destinations)):
        if side is not None:
            row[key] = told.side(side, (model,))
    if finding.witness is not None:
        row["witness"] = told.witness(finding.sender, finding.witness, (model,))
    return row
