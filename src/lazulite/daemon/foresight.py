"""What a change would do to the network's flows, told in the names people use."""

from __future__ import annotations

import asyncio
from typing import Any

from lazulite.analysis.answers import Disposition
from lazulite.analysis.difference import Change, Difference, Outcome, differences
from lazulite.compiler.engine import compile_model
from lazulite.daemon.controller import Controller
from lazulite.daemon.told import side, witness
from lazulite.forwarding.model import Contents, ForwardingModel, Pool
from lazulite.resources.view import Snapshot
from lazulite.services import SERVICES

_ABSENT = "not there"


class Foresight:
    """Compares the network as it is with the one that other documents describe."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    async def compare(self, snapshot: Snapshot) -> dict[str, Any]:
        """Rows of flows that become allowed or denied. Other requests are served meanwhile."""
        network = self._controller.network
        now = ForwardingModel([*network.model, *network.contents.values()])
        return await asyncio.to_thread(report, now, snapshot)


def report(now: ForwardingModel, snapshot: Snapshot) -> dict[str, Any]:
    then = compile_model(SERVICES, snapshot)
    then.put([foreseen(pool, now) for pool in then.all(Pool).values() if pool.probe is not None])
    rows = [_row(found, (then, now)) for found in differences(now, then)]
    return {"differences": sorted(rows, key=lambda row: (row["from"]["names"], row["to"]["names"]))}


def foreseen(pool: Pool, now: ForwardingModel) -> Contents:
    """Who will be healthy: of the members that are there now those that are now, and all that are new, because what a
    change opens has to be seen although nobody has asked them yet."""
    former, contents = now.get(Pool, pool.name), now.get(Contents, pool.name)
    present = {m.name for m in former.members} if former is not None else set()
    healthy = set(contents.members) if contents is not None else set()
    members = tuple(m.name for m in pool.members if m.name in healthy or m.name not in present)
    return contents if contents is not None and contents.members == members else Contents(pool.name, members)


def _row(found: Difference, models: tuple[ForwardingModel, ...]) -> dict[str, Any]:
    said = zip(found.changes, found.senders, found.witnesses, strict=True)
    return {
        "from": side(found.sources, models),
        "to": side(found.destinations, models),
        "changes": [_change(change) | {"witness": witness(sender, flow, models)} for change, sender, flow in said],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "becomes": "allowed" if change.opens else "denied",
        "protocols": [str(p) for p in change.protocols],
        "sourcePorts": str(change.src_ports),
        "destinationPorts": str(change.dst_ports),
        "now": _outcome(change.now),
        "then": _outcome(change.then),
    }


def _outcome(outcome: Outcome) -> dict[str, str]:
    gone = outcome.disposition is Disposition.GUEST_DOWN and not outcome.origin
    return {"disposition": _ABSENT if gone else str(outcome.disposition), "origin": outcome.origin}
