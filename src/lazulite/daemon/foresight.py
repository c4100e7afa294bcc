"""What a change would do to the network's flows, told in the names people use."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from lazulite.analysis.answers import Disposition
from lazulite.analysis.difference import Change, Difference, Outcome, differences
from lazulite.analysis.ends import Side
from lazulite.analysis.reachability import Endpoint
from lazulite.arm.access.sight import Sees
from lazulite.compiler.engine import compile_model
from lazulite.daemon.controller import Controller
from lazulite.daemon.narrowing import Look, hidden_addresses
from lazulite.daemon.told import side, witness
from lazulite.forwarding.model import Contents, ForwardingModel, Frontend, Pool, Port
from lazulite.resources.view import Snapshot
from lazulite.services import SERVICES
from lazulite.values import host_prefix

_ABSENT = "not there"


class Foresight:
    """Compares the network as it is with the one that other documents describe."""

    def __init__(self, controller: Controller, look: Look = lambda: None) -> None:
        self._controller, self._look = controller, look

    async def compare(self, snapshot: Snapshot) -> dict[str, Any]:
        """Rows of flows that become allowed or denied, between what whoever asks may read. Other requests are served
        meanwhile."""
        network, sight = self._controller.network, self._look()
        now = ForwardingModel([*network.model, *network.contents.values()])
        sees = sight.eyes() if sight is not None else None
        hidden = hidden_addresses(self._controller.store.snapshot, sees) if sees is not None else frozenset[str]()
        return await asyncio.to_thread(report, now, snapshot, sees, hidden)


def report(
    now: ForwardingModel, snapshot: Snapshot, sees: Sees | None = None, hidden: Collection[str] = ()
) -> dict[str, Any]:
    """``differences``; with *sees* those of what it lets be read and of the Internet, without the addresses *hidden*,
    and then ``partial`` says that there may be others."""
    then = compile_model(SERVICES, snapshot)
    then.put([foreseen(pool, now) for pool in then.all(Pool).values() if pool.probe is not None])
    every = differences(now, then)
    if sees is None:
        rows = [_row(found, (then, now)) for found in every]
    else:
        rows = [row for found in every for row in _seen_row(found, (then, now), sees, hidden)]
    told = {"differences": sorted(rows, key=lambda row: (row["from"]["names"], row["to"]["names"]))}
    return told if sees is None else told | {"partial": True}


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


def _seen_row(
    found: Difference, models: tuple[ForwardingModel, ...], sees: Sees, hidden: Collection[str]
) -> Iterator[dict[str, Any]]:
    """The row as far as it is about what may be read, without a witness: that could be anybody of either side."""
    sides = [_seen_side(each, models, sees, hidden) for each in (found.sources, found.destinations)]
    if not all(each.endpoints for each in sides):
        return
    row = _row(msgspec.structs.replace(found, sources=sides[0], destinations=sides[1]), models)
    for change in row["changes"]:
        del change["witness"]
        for when in ("now", "then"):
            if not sees(change[when]["origin"]):
                change[when] |= {"origin": ""}
    yield row


def _seen_side(of: Side, models: tuple[ForwardingModel, ...], sees: Sees, hidden: Collection[str]) -> Side:
    kept = tuple(e for e in of.endpoints if _is_seen(e, models, sees) and str(e.address) not in hidden)
    return of if kept == of.endpoints else Side(kept, tuple(host_prefix(e.address) for e in kept))


def _is_seen(endpoint: Endpoint, models: tuple[ForwardingModel, ...], sees: Sees) -> bool:
    """The Internet is nobody's; a client in it is somebody's, and its part is told without its name."""
    held = (m.get(Port, endpoint.name) or m.get(Frontend, endpoint.name) for m in models)
    return all(entry is None or sees(entry.origin) for entry in held)


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
