"""What is wrong with the network, told in the names people use."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.analysis.findings import Concern, Finding, findings
from lazulite.arm.errors import ArmError
from lazulite.daemon import told
from lazulite.daemon.links import Loose, loose
from lazulite.forwarding.model import ForwardingModel
from lazulite.resources.view import Snapshot

_RANKS = ("error", "warning", "info")


class AuditQuestion(msgspec.Struct, frozen=True):
    """What is asked about: findings about resources whose id has ``within`` in it, case aside, and those that such
    resources prove; empty: all."""

    within: str = ""


def audit(model: ForwardingModel, snapshot: Snapshot, asked: AuditQuestion) -> dict[str, Any]:
    """The findings, the worst first. Raises :class:`ArmError` when no resource is meant."""
    every = [*findings(model, written_by_the_user), *map(_one_sided, loose(snapshot))]
    within = asked.within.lower()
    if not any(within in known for known in ("", *snapshot.resources)):
        raise ArmError(404, "ResourceNotFound", f"No resource has '{asked.within}' in its id.", "within")
    rows = [_row(f, model) for f in every if any(within in origin.lower() for origin in (f.origin, *f.by))]
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
