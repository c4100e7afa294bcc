"""The stored form of a resource: its wire form with secrets, and what the store alone knows of it."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource, Sku
from lazulite.resources.schema import Decoder, encode
from lazulite.resources.view import Registry


class StoreError(Exception):
    """The store holds something this version can not read. The message names the resource."""


class _Form(msgspec.Struct, rename="camel", omit_defaults=True):
    id: str
    kind: str
    properties: Any
    location: str | None = None
    tags: dict[str, str] | None = None
    sku: Sku | None = None
    zones: tuple[str, ...] = ()
    envelope: dict[str, Any] = {}
    guid: str = ""
    revision: int = 0
    created: str = ""
    changed: str = ""


_DECODER = msgspec.json.Decoder(_Form)


def write(resource: Resource[Any], registry: Registry) -> bytes:
    kind = registry.models[type(resource.properties)]
    return msgspec.json.encode(
        _Form(
            resource.id.text,
            kind.name,
            encode(resource.properties, secrets=True),
            resource.location,
            resource.tags,
            resource.sku,
            resource.zones,
            resource.envelope,
            resource.guid,
            resource.revision,
            resource.created,
            resource.changed,
        )
    )


def read(document: bytes, registry: Registry) -> Resource[Any]:
    """Raises :class:`StoreError`. Properties that this version no longer declares are dropped."""
    form = _DECODER.decode(document)
    kind = registry.find(form.kind)
    if kind is None:
        raise StoreError(f"{form.id}: this version does not know the type {form.kind}.")
    decoder = Decoder()
    properties = decoder.model(kind.model, form.properties, "properties")
    if properties is None:
        reasons = "; ".join(v.message for v in decoder.violations)
        raise StoreError(f"{form.id} can not be read: {reasons}")
    return Resource(
        ResourceId(form.id),
        properties,
        form.location,
        form.tags,
        form.sku,
        form.zones,
        form.envelope,
        form.guid,
        form.revision,
        form.created,
        form.changed,
    )
