"""What the lab was: its revisions, and what became of its flows between two of them."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.compiler.engine import compile_model
from lazulite.daemon.controller import Controller
from lazulite.daemon.foresight import foreseen, report
from lazulite.forwarding.model import ForwardingModel, Pool
from lazulite.resources.model import Resource
from lazulite.resources.view import Snapshot
from lazulite.services import SERVICES
from lazulite.store import Change, Store, StoreError

SHOWN = 1000
"""Revisions that one answer tells at most."""


class DiffQuestion(msgspec.Struct, frozen=True):
    """From when to when: a revision, or a time (ISO 8601); no ``to`` is now."""

    since: str = msgspec.field(name="from")
    to: str = ""


def revisions(store: Store, count: int) -> dict[str, Any]:
    """The last revisions, the newest first, with what each wrote and deleted."""
    grouped = groupby(store.since(0), key=lambda change: change.revision)
    last = deque(((revision, list(found)) for revision, found in grouped), maxlen=min(max(count, 1), SHOWN))
    return {
        "current": store.snapshot.revision,
        "earliest": store.earliest,
        "value": [_revision(revision, found) for revision, found in reversed(last)],
    }


def _revision(revision: int, found: list[Change]) -> dict[str, Any]:
    changes = [{"id": change.id, "operation": change.operation} for change in found]
    return {"revision": revision, "at": found[0].at, "changes": changes}


async def compare(controller: Controller, asked: DiffQuestion) -> dict[str, Any]:
    """Resources and flows that differ between two revisions. Raises :class:`ArmError`."""
    store, network = controller.store, controller.network
    before, after = (_snapshot(store, when) for when in (asked.since, asked.to or str(store.snapshot.revision)))
    now = ForwardingModel([*network.model, *network.contents.values()])
    flows = await asyncio.to_thread(_flows, before, after, now)
    ends = {"from": before.revision, "to": after.revision}
    return ends | {"resources": _resources(store, before, after)} | flows


def _flows(before: Snapshot, after: Snapshot, now: ForwardingModel) -> dict[str, Any]:
    """Who is healthy now counts as healthy in both."""
    then = compile_model(SERVICES, before)
    then.put([foreseen(pool, now) for pool in then.all(Pool).values() if pool.probe is not None])
    return report(then, after)


def _snapshot(store: Store, when: str) -> Snapshot:
    try:
        return store.at(int(when) if when.lstrip("-").isdigit() else store.revision_at(_moment(when)))
    except StoreError as error:
        raise ArmError(404, "RevisionNotFound", str(error), "from") from None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is neither a revision nor a time (ISO 8601)."
        raise ArmError(400, "InvalidRequestContent", message, "from") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _said(resource: Resource[Any] | None) -> Resource[Any] | None:
    """What it says, whenever that was written."""
    return resource and msgspec.structs.replace(resource, revision=0, changed="")


def _resources(store: Store, before: Snapshot, after: Snapshot) -> list[dict[str, str]]:
    """What was made, changed and deleted between the two, by id."""
    first, last = sorted((before.revision, after.revision))
    written = {c.id.lower(): c.id for c in store.since(first) if c.revision <= last}
    told = []
    for key, identity in sorted(written.items()):
        old, new = before.get(key), after.get(key)
        if _said(old) != _said(new):
            change = "created" if old is None else "deleted" if new is None else "changed"
            told.append({"id": identity, "change": change})
    return told
