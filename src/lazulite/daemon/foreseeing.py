"""``POST /lazulite/foresee``: what deleting resources would do, found by deleting them where nobody sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from lazulite.arm.access.sight import Sees, Sight
from lazulite.arm.errors import ArmError
from lazulite.arm.target import Rehearsal
from lazulite.daemon.controller import Controller
from lazulite.daemon.narrowing import everything
from lazulite.resources.ids import ResourceId
from lazulite.resources.view import Snapshot

MOST = 50
"""Resources of one question: each is deleted in the rehearsal, and those in use are tried again."""


class Deletes(msgspec.Struct, frozen=True):
    """A wish to delete resources, children or resource groups: ids."""

    deletes: tuple[str, ...]


async def foresee(
    controller: Controller,
    rehearse: Callable[[], Rehearsal] | None,
    compare: Callable[[Snapshot], Awaitable[Any]],
    asked: Deletes,
    sight: Sight | None = None,
) -> dict[str, Any]:
    """``refusals`` (ARM's own, each with the ``id`` it is about), ``gone`` (ids of everything that would be deleted,
    what falls with it included), ``affected`` (ids of what refers to something that would be gone) and
    ``reachability`` as a what-if has it, each without what one with a narrow *sight* may not read. With refusals the
    rest is about what would have been deleted all the same.

    Raises :class:`ArmError` for what is no id, for one that names nothing, or nothing that may be read.
    """
    sees: Sees = sight.eyes() if sight is not None else everything
    if sight is not None:
        for text in asked.deletes:
            sight.require(text)
    ids = [_known(controller.store.snapshot, text) for text in dict.fromkeys(asked.deletes)]
    if not 0 < len(ids) <= MOST or rehearse is None:
        raise ArmError(400, "InvalidRequestContent", f"Between 1 and {MOST} ids can be asked for.", "deletes")
    stage = rehearse()
    try:
        before = stage.snapshot
        refusals = await _deleted(stage, ids)
        after = stage.snapshot
        gone = before.resources.keys() - after.resources.keys()
        return {
            "refusals": [_told(who, error) for who, error in refusals],
            "gone": [before.resources[key].id.text for key in sorted(gone) if sees(key)],
            "affected": [before.resources[key].id.text for key in sorted(_affected(before, gone)) if sees(key)],
            "reachability": await compare(after),
        }
    finally:
        await stage.close()


def _known(snapshot: Snapshot, text: str) -> ResourceId:
    try:
        found = ResourceId.parse(text)
    except ValueError:
        raise ArmError(400, "InvalidResourceId", f"'{text}' is not a resource id.", "deletes") from None
    if found.key not in snapshot.resources:
        raise ArmError(404, "ResourceNotFound", f"The resource '{text}' was not found.", "deletes")
    return found


async def _deleted(stage: Rehearsal, ids: list[ResourceId]) -> list[tuple[ResourceId, ArmError]]:
    """Delete what can be, whatever the order they were named in; what is left, and why."""
    left, refusals = list(ids), list[tuple[ResourceId, ArmError]]()
    while left:
        refusals = []
        for who in left:
            try:
                await stage.target.delete(who)
            except ArmError as error:
                refusals.append((who, error))
        if len(refusals) == len(left):
            break
        left = [who for who, _ in refusals]
    return refusals


def _told(who: ResourceId, error: ArmError) -> dict[str, Any]:
    return {"id": who.text, "error": error.error()}


def _affected(before: Snapshot, gone: Iterable[str]) -> set[str]:
    """Those that stay and refer to what goes; a child stands for itself."""
    held = set(gone)
    users = {user for key in held for user in before.referrers.get(key, ())}
    return {user for user in users if user not in held and user in before.resources}
