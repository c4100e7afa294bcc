"""A whole lab as one JSON value: what ``lazulite snapshot`` saves and restores.

It holds the resources with their secrets, and the histories beside them. Who may do what, the signing keys and the
operations under way belong to the running lab and stay with it.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

import msgspec

from lazulite.arm.errors import ArmError
from lazulite.daemon.controller import Controller
from lazulite.resources.model import Resource
from lazulite.store import StoreError, form

AREAS = ("deployments", "templates", "registrations", "features", "tagNames")
VERSION = 1
_LIMIT = 256 * 1024 * 1024


class Saved(msgspec.Struct, frozen=True):
    """``resources`` in the form the store keeps them, ``documents`` by area and key."""

    version: int
    resources: list[msgspec.Raw]
    documents: dict[str, dict[str, Any]] = {}


def save(controller: Controller) -> dict[str, Any]:
    held = controller.store.snapshot.resources.values()
    documents = controller.store.documents
    return {
        "version": VERSION,
        "resources": [msgspec.Raw(form.write(r, controller.registry)) for r in held if r.revision],
        "documents": {area: dict(documents.area(area)) for area in AREAS},
    }


def restore(controller: Controller, content: bytes) -> dict[str, Any]:
    """Replace everything with *content*, a packed snapshot, in one commit.

    Raises :class:`ArmError`, and then nothing has changed.
    """
    saved = _read(_unpacked(content))
    new = {r.id.key: r for r in _resources(controller, saved)}
    old = {key: None for key, r in controller.store.snapshot.resources.items() if r.revision and key not in new}
    documents: dict[tuple[str, str], Any] = {}
    for area in AREAS:
        documents |= {(area, key): None for key in controller.store.documents.keys(area)}
        documents |= {(area, key): value for key, value in saved.documents.get(area, {}).items()}
    changes: dict[str, Resource[Any] | None] = {**old, **new}
    if changes:
        controller.committed(*controller.store.commit(changes, documents))
    return {"restored": len(new), "deleted": len(old)}


def _unpacked(content: bytes) -> bytes:
    """*content* as it was before gzip; one that grows beyond all measure is refused."""
    try:
        with gzip.open(io.BytesIO(content)) as packed:
            found = packed.read(_LIMIT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ArmError(400, "InvalidSnapshot", f"The snapshot is not packed with gzip: {error}.") from None
    if len(found) > _LIMIT:
        raise ArmError(413, "RequestContentTooLarge", f"The snapshot is larger than {_LIMIT} bytes.")
    return found


def _read(content: bytes) -> Saved:
    try:
        saved = msgspec.json.decode(content, type=Saved)
    except msgspec.DecodeError as error:
        raise ArmError(400, "InvalidSnapshot", f"This is no snapshot of a lab: {error}.") from None
    if saved.version != VERSION:
        message = f"The snapshot has version {saved.version}; this lab reads version {VERSION}."
        raise ArmError(400, "InvalidSnapshot", message)
    return saved


def _resources(controller: Controller, saved: Saved) -> list[Resource[Any]]:
    try:
        return [form.read(bytes(raw), controller.registry) for raw in saved.resources]
    except (StoreError, msgspec.DecodeError) as error:
        raise ArmError(400, "InvalidSnapshot", f"The snapshot can not be restored: {error}") from None
