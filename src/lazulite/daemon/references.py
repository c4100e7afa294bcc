"""``GET /lazulite/references?id=…``: what a resource refers to, and what refers to it."""

from __future__ import annotations

from typing import Any

from lazulite.arm.access.sight import Sees, Sight
from lazulite.arm.errors import ArmError
from lazulite.daemon.narrowing import everything
from lazulite.resources.view import Snapshot, references


def around(snapshot: Snapshot, text: str, sight: Sight | None = None) -> dict[str, Any]:
    """``to`` and ``from``: rows ``{"id", "by"}``, *by* being the resource or child below *text* (or itself) that the
    reference leaves from or comes to. References within the resource itself are not told, nor, to one whose *sight* is
    narrow, what may not be read.

    Raises :class:`ArmError` when there is nothing of that id, or it may not be read.
    """
    sees: Sees = everything
    if sight is not None:
        sight.require(text.rstrip("/"))
        sees = sight.eyes()
    key = text.rstrip("/").lower()
    if key not in snapshot.resources:
        raise ArmError(404, "ResourceNotFound", f"The resource '{text}' was not found.", "id")
    parts = [k for k in snapshot.resources if k == key or k.startswith(key + "/")]
    own = set(parts)
    to = {(r.target.key, r.id, k) for k in parts for r, _ in references(snapshot.resources[k].properties)}
    to |= {(r.target.key, r.id, k) for k in parts for r in snapshot.resources[k].assigned}
    of = {(user, k) for k in parts for user in snapshot.referrers.get(k, ()) if user in snapshot.resources}
    name = {k: snapshot.resources[k].id.text for k in parts}
    return {
        "to": [{"id": shown, "by": name[k]} for target, shown, k in sorted(to) if target not in own and sees(shown)],
        "from": [
            {"id": snapshot.resources[user].id.text, "by": name[k]}
            for user, k in sorted(of)
            if user not in own and sees(user)
        ],
    }
