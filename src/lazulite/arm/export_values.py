"""What a client could have sent to make a resource: its values without those that a service chose."""

from __future__ import annotations

from typing import Any

import msgspec

from lazulite.resources.model import ASSIGNED, READ_ONLY, SECRET, Child, Ref, Resource
from lazulite.resources.schema import FieldSpec, encode, fields

_NEVER = {READ_ONLY.name, ASSIGNED.name}


class Secret:
    """Stands where a secret was. ``type`` is the template's type for it."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.type = "SecureObject" if isinstance(value, dict) else "SecureString"


def envelope(resource: Resource[Any]) -> dict[str, Any]:
    """The members beside ``properties``."""
    members: dict[str, Any] = {
        "location": resource.location,
        "tags": resource.tags or None,
        "sku": resource.sku and encode(resource.sku),
        "zones": list(resource.zones) or None,
    }
    return {k: v for k, v in members.items() if v is not None} | resource.envelope


def settable(value: Any) -> Any:
    """The wire form of properties that a PUT takes."""
    if isinstance(value, Child):
        zones = {"zones": list(value.zones)} if value.zones else {}
        return {"name": value.name, "properties": settable(value.properties), **zones}
    if isinstance(value, msgspec.Struct) and not isinstance(value, Ref):
        model: Any = type(value)
        members = ((spec, getattr(value, spec.attribute)) for spec in fields(model).values())
        return {spec.wire: _member(spec, item) for spec, item in members if item is not None and _is_sent(spec, item)}
    if isinstance(value, tuple | list):
        return [settable(item) for item in value]
    return encode(value)


def _is_sent(spec: FieldSpec, item: Any) -> bool:
    return not spec.markers & _NEVER and item != () and item != {}


def _member(spec: FieldSpec, item: Any) -> Any:
    return Secret(spec.wire, item) if SECRET.name in spec.markers else settable(item)
