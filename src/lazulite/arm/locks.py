"""Locks: what they forbid, and where. The rule is here, once; every path of a write asks it.

Source: "Lock your resources to protect your infrastructure": a lock binds its scope and everything below, the
strictest wins, and no role is above it. ``CanNotDelete`` forbids deletes; ``ReadOnly`` forbids writes and verbs too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from lazulite.arm.errors import ArmError
from lazulite.resources.ids import ResourceId
from lazulite.resources.model import OMITTED_WHEN_EMPTY, Bounds, Kind, Properties, Resource
from lazulite.resources.view import Snapshot

_WRITING = frozenset({"PUT", "PATCH", "POST"})
_OWN = "/providers/microsoft.authorization/locks"


class Owner(Properties, frozen=True, rename="camel"):
    application_id: str


class Lock(Properties, frozen=True, rename="camel"):
    level: Literal["CanNotDelete", "ReadOnly"]
    notes: Annotated[str | None, Bounds(0, 512)] = None
    owners: Annotated[tuple[Owner, ...], OMITTED_WHEN_EMPTY] = ()


LOCK = Kind(
    "Microsoft.Authorization/locks",
    Lock,
    located=False,
    tracked=False,
    # Source: "Naming rules and restrictions for Azure resources", locks.
    name_pattern=r"[\w.()-]{0,89}[\w()-]",
)


def scope(lock_id: ResourceId) -> ResourceId:
    """What the lock at *lock_id* is on."""
    return ResourceId(lock_id.text[: lock_id.key.rindex(_OWN)])


def binding(snapshot: Snapshot, key: str, *, deleting: bool) -> list[ResourceId]:
    """Scopes whose locks forbid to write (or delete) what is at *key*, a folded id or a path below one.

    A delete takes along what is below, so a lock there forbids it too: nothing is deleted in part.
    """
    held: Iterable[Resource[Any]] = snapshot.kinds.get(Lock, {}).values()
    places = {scope(r.id): r for r in held if _binds(r, key, deleting)}
    return sorted(places)


def _binds(lock: Resource[Lock], key: str, deleting: bool) -> bool:
    place = scope(lock.id).key
    if key == place or key.startswith(place + "/"):
        return deleting or lock.properties.level == "ReadOnly"
    return deleting and place.startswith(key + "/")


def refuse(snapshot: Snapshot, text: str, *, deleting: bool = False) -> None:
    """Raise the 409 of a write (or delete) of *text*, an id or a path, that a lock forbids."""
    found = binding(snapshot, text.lower(), deleting=deleting)
    if found:
        verb, places = "delete" if deleting else "write", ",".join(p.text for p in found)
        message = (
            f"The scope '{text}' cannot perform {verb} operation because following scope(s) are locked: '{places}'. "
            "Please remove the lock and try again."
        )
        raise ArmError(409, "ScopeLocked", message)


def guard(snapshot: Snapshot, method: str, path: str) -> None:
    """Raise the 409 of a request that a lock forbids. Locks themselves can always be managed."""
    if not snapshot.kinds.get(Lock) or _is_lock(path):
        return
    if method == "DELETE":
        refuse(snapshot, path, deleting=True)
    elif method in _WRITING:
        refuse(snapshot, path.rpartition("/")[0] if method == "POST" else path)


def _is_lock(path: str) -> bool:
    holder, found, name = path.lower().rpartition(_OWN)
    return bool(found) and bool(holder) and name.count("/") <= 1
