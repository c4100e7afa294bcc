"""``GET /lazulite/schema/{type}``: what may be written to a resource, as JSON Schema (2020-12), from the declarations.

The schema says how a client writes best: names and words in their own spelling, nothing that does nothing. The API
itself is more tolerant (case, numbers as text, ``null`` for absence), so what a schema accepts is well-formed there,
and not the other way round. Beside the standard's words each property has ``effect`` (``kept``: stored without effect,
``refused``: only the default is accepted; absent: acted on), ``immutable``, and references ``target``, their type.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import pairwise
from typing import Any

import msgspec

from lazulite.arm.catalogue import child_field
from lazulite.arm.errors import ArmError
from lazulite.arm.locations import REGIONS
from lazulite.resources.model import (
    ASSIGNED,
    IMMUTABLE,
    INERT,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Child,
    Kind,
    Ref,
    Sku,
)
from lazulite.resources.schema import FieldSpec, Shape, encode, fields
from lazulite.resources.view import Registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FORMATS: Mapping[Any, str] = {IPv4Address: "ipv4", IPv6Address: "ipv6", IPv4Network: "ipv4-prefix"} | {
    IPv6Network: "ipv6-prefix"
}
_PLAIN = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "map": "object"}
_STATED = {n: {"type": "string", "readOnly": True} for n in ("id", "type", "etag")}
_STATE = {"provisioningState": {"type": "string", "readOnly": True}}
_ZONES = {"type": "array", "items": {"type": "string"}, "description": "Availability zones."}
_TAGS = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 256}, "maxProperties": 50}
_LOCATION = {"type": "string", "examples": sorted(REGIONS), "description": "Region."}


def schema(registry: Registry, type_name: str) -> dict[str, Any]:
    """The schema of a body that is sent to a resource of that full type, or to a child of one.

    Raises :class:`ArmError` for a type that nobody here answers for.
    """
    kind, steps = _found(registry, type_name)
    definitions: dict[str, Any] = {}
    build = _Builder(definitions)
    if steps:
        body = build.child(Shape("child", python=steps[-1].python))
        title = "/".join([kind.name, *type_name.split("/")[kind.name.count("/") + 1 :]])
        body["properties"].pop("location", None)
    else:
        body, title = _document(kind, build), kind.name
    about = _first_sentence(steps[-1].python if steps else kind.model)
    head = {"$schema": DIALECT, "title": title} | ({"description": about} if about else {})
    return head | body | {"children": _children(kind, steps), "$defs": definitions}


def known(registry: Registry) -> dict[str, Any]:
    """Every type that has a schema of its own, with those of its children that are written at their own path."""
    return {
        "value": [
            {"type": k.name, "located": k.located, "tracked": k.tracked, "children": sorted(k.creatable_children)}
            for _, k in sorted(registry.kinds.items())
        ]
    }


def _found(registry: Registry, type_name: str) -> tuple[Kind, list[Shape]]:
    namespace, *types = type_name.split("/")
    for depth in range(len(types), 0, -1):
        kind = registry.find("/".join([namespace, *types[:depth]]))
        if kind is not None:
            return kind, list(_steps(kind.model, types[depth:], type_name))
    raise _unknown(type_name)


def _steps(model: Any, wires: list[str], type_name: str) -> Iterator[Shape]:
    for wire in wires:
        spec = child_field(model, wire)
        if spec is None or spec.shape.item is None:
            raise _unknown(type_name)
        yield spec.shape.item
        model = spec.shape.item.python


def _unknown(type_name: str) -> ArmError:
    return ArmError(404, "InvalidResourceType", f"The lab has no resource type '{type_name}'.", "type")


def _children(kind: Kind, steps: list[Shape]) -> list[str]:
    """Wire names of the lists whose members are resources of their own, written at their own path."""
    return [] if steps else sorted(kind.creatable_children)


def _document(kind: Kind, build: _Builder) -> dict[str, Any]:
    """The envelope of a type around its properties."""
    envelope: dict[str, Any] = {"name": {"type": "string", "pattern": f"^(?:{kind.name_pattern})$"}, **_STATED}
    envelope |= {"location": _LOCATION, "tags": _TAGS, "kind": {"type": "string"}, "zones": _ZONES}
    for member in sorted(kind.envelope - envelope.keys()):
        envelope[member] = build.reference(Sku) if member == "sku" else {"type": "object"}
    properties = build.properties(kind)
    required = ["location"] if kind.located else []
    if properties.get("required"):
        required.append("properties")
    return _object({**envelope, "properties": properties}, required)


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": required} if required else {})


class _Builder:
    """Schemas of models, each written once below ``$defs`` because they may hold one another."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions

    def properties(self, kind: Kind) -> dict[str, Any]:
        """What stands in ``properties`` of a whole resource, as clients see it."""
        found = self.model(kind.model)
        if kind.inward is not None:  # the declared lists are one on the wire, whose members say what they are
            lists = {w: found["properties"].pop(w) for w in sorted(kind.creatable_children)}
            anyone = [each["items"] for each in lists.values()]
            found["properties"]["endpoints"] = {"type": "array", "items": {"anyOf": anyone}}
        return found

    def model(self, model: Any) -> dict[str, Any]:
        described = _sentences(model)
        members = {
            spec.wire: self._member(spec, described.get(spec.attribute, ""))
            for spec in fields(model).values()
            if not {ASSIGNED.name, SECRET.name} <= spec.markers
        }
        required = [s.wire for s in fields(model).values() if s.required]
        return _object(_STATE | members, required)

    def reference(self, model: Any) -> dict[str, Any]:
        name = f"{model.__module__.rpartition('.')[0].rpartition('.')[2]}.{model.__name__}"
        if name not in self._definitions:
            self._definitions[name] = {}
            self._definitions[name] = self.model(model)
        return {"$ref": f"#/$defs/{name}"}

    def child(self, shape: Shape) -> dict[str, Any]:
        stated = {**_STATED, "location": {"type": "string", "readOnly": True}, "kind": {"type": "string"}}
        inner = self.reference(shape.python)
        return _object({"name": {"type": "string"}, **stated, "zones": _ZONES, "properties": inner}, [])

    def _member(self, spec: FieldSpec, sentence: str) -> dict[str, Any]:
        found = self._shape(spec.shape, spec.targets) | _bounds(spec)
        if sentence:
            found["description"] = sentence
        if spec.markers & {READ_ONLY.name, ASSIGNED.name}:
            return found | {"readOnly": True}
        found |= {"writeOnly": True} if SECRET.name in spec.markers else {}
        found |= {"immutable": True} if IMMUTABLE.name in spec.markers else {}
        if spec.markers & {INERT.name, UNSUPPORTED.name}:
            found["effect"] = "refused" if UNSUPPORTED.name in spec.markers else "kept"
        default = None if spec.required else encode(spec.default)
        return found | ({} if default is None else {"default": default})

    def _shape(self, shape: Shape, target: str | None = None) -> dict[str, Any]:
        if shape.kind in ("model", "child"):
            return self.reference(shape.python) if shape.kind == "model" else self.child(shape)
        if shape.kind == "list":
            assert shape.item is not None
            return {"type": "array", "items": self._shape(shape.item, target)}
        return _ref(shape, target) if shape.kind == "ref" else _word(shape)


def _word(shape: Shape) -> dict[str, Any]:
    if shape.kind == "literal":
        return {"enum": list(shape.choices)}
    if shape.kind in ("address", "network"):
        both = "ip" if shape.kind == "address" else "ip-prefix"
        return {"type": "string", "format": _FORMATS.get(shape.python, both)}
    return {"type": _PLAIN[shape.kind]} if shape.kind in _PLAIN else {}


def _ref(shape: Shape, target: str | None) -> dict[str, Any]:
    held: dict[str, Any] = {"type": "string", "format": "arm-id"} | ({"target": target} if target else {})
    if shape.python is not Ref:
        return held
    return {"type": "object", "properties": {"id": held}, "required": ["id"]} | ({"target": target} if target else {})


def _bounds(spec: FieldSpec) -> dict[str, Any]:
    if spec.bounds is None:
        return {}
    low, high = _LIMITS.get(spec.shape.kind, ("minimum", "maximum"))
    bounds: Bounds = spec.bounds
    return {low: bounds.low, high: bounds.high}


_LIMITS = {"str": ("minLength", "maxLength"), "list": ("minItems", "maxItems")}


@cache
def _sentences(model: Any) -> Mapping[str, str]:
    """What the declaration says of each of its attributes: the string that stands below it, in plain words."""
    found: dict[str, str] = {}
    for base in reversed([b for b in model.__mro__ if issubclass(b, msgspec.Struct) and b is not msgspec.Struct]):
        found |= _below_attributes(base)
    return found


def _below_attributes(model: Any) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    except (OSError, TypeError):  # without its source there are no sentences, and the schema holds all the same
        return {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    return {
        one.target.id: _plain(next_.value.value)
        for one, next_ in pairwise(body)
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        if isinstance(next_, ast.Expr) and isinstance(next_.value, ast.Constant) and isinstance(next_.value.value, str)
    }


def _first_sentence(model: Any) -> str:
    return _plain(model.__doc__ or "").partition("\n\n")[0] if model is not Child and model.__doc__ else ""


def _plain(text: str) -> str:
    """Without the marks of the documentation's own language."""
    words = re.sub(r":\w+:`~?([^`]+)`", r"\1", inspect.cleandoc(text)).replace("``", "")
    return re.sub(r"(?<!\n)\n(?!\n)", " ", words)
