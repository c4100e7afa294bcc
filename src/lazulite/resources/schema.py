"""JSON to typed properties and back, by the declarations of :mod:`lazulite.resources.model`.

Decoding reports every violation at once and never raises for bad input. It is as tolerant as Azure's own
reader: names and enumeration values compare without case, numbers and booleans may come as strings, ``null``
is absence. A property that is not declared is refused by name.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import (
    ASSIGNED,
    OMITTED_WHEN_EMPTY,
    READ_ONLY,
    SECRET,
    UNSUPPORTED,
    Bounds,
    Child,
    Code,
    Link,
    Marker,
    Ref,
    Targets,
    Violation,
    WeakRef,
)

_ABSENT = object()
_ADDRESS, _NETWORK = {IPv4Address, IPv6Address}, {IPv4Network, IPv6Network}
_CHILD_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?")
_ECHOED = {"id", "etag", "type", "location", "kind"}
"""Members of a child that clients send back and that carry nothing."""


class Shape(msgspec.Struct, frozen=True):
    """A field's type, taken apart."""

    kind: str
    """``str int float bool literal address network ref model child list map any``"""
    python: Any = None
    item: Shape | None = None
    choices: tuple[str, ...] = ()


_ZONES = Shape("list", item=Shape("str"))


class FieldSpec(msgspec.Struct, frozen=True):
    """One declared property."""

    attribute: str
    wire: str
    shape: Shape
    default: Any
    markers: frozenset[str]
    bounds: Bounds | None
    code: str | None
    weak: bool
    targets: str | None = None

    @property
    def required(self) -> bool:
        return self.default is _ABSENT

    @property
    def ignored_on_input(self) -> bool:
        return READ_ONLY.name in self.markers


@cache
def fields(model: type) -> dict[str, FieldSpec]:
    """The declared properties of *model* by folded wire name."""
    hints = get_type_hints(model, include_extras=True)
    specs = {}
    for field in msgspec.structs.fields(model):
        hint, extras = _strip(hints[field.name])
        default = field.default if field.default is not msgspec.NODEFAULT else _ABSENT
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        specs[field.encode_name.lower()] = FieldSpec(
            field.name,
            field.encode_name,
            _shape(hint),
            default,
            frozenset(m.name for m in extras if isinstance(m, Marker)),
            next((m for m in extras if isinstance(m, Bounds)), None),
            next((m.code for m in extras if isinstance(m, Code)), None),
            any(isinstance(m, WeakRef) for m in extras),
            next((m.kind for m in extras if isinstance(m, Targets)), None),
        )
    return specs


def _strip(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without ``Annotated``, and its extras."""
    if get_origin(hint) is Annotated:
        inner, *extras = get_args(hint)
        return inner, tuple(extras)
    return hint, ()


def _shape(hint: Any) -> Shape:
    hint, _ = _strip(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union([a for a in arguments if a is not type(None)], hint)
    if origin is Literal:
        return Shape("literal", choices=arguments)
    if origin is tuple:
        return Shape("list", item=_shape(arguments[0]))
    if origin is Child:
        return Shape("child", python=arguments[0])
    return Shape("map") if origin is dict else _plain(hint)


def _union(kept: list[Any], hint: Any) -> Shape:
    if set(kept) == _ADDRESS:
        return Shape("address")
    if set(kept) == _NETWORK:
        return Shape("network")
    if len(kept) == 1:
        return _shape(kept[0])
    raise TypeError(f"no wire form for {hint}")


def _plain(hint: Any) -> Shape:
    if hint is Any:
        return Shape("any")
    if hint in (Ref, Link):
        return Shape("ref", python=hint)
    if hint in (str, int, float, bool):
        return Shape(hint.__name__)
    if hint in _ADDRESS:
        return Shape("address", python=hint)
    if hint in _NETWORK:
        return Shape("network", python=hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Shape("model", python=hint)
    raise TypeError(f"no wire form for {hint}")


class Decoder:
    """Decodes one body; ``violations`` holds what was wrong with it."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def refuse(self, code: str, message: str, path: str) -> None:
        self.violations.append(Violation(code, message, path))

    def model(self, model: type, value: Any, path: str) -> Any:
        """An instance of *model*, or ``None`` after a violation that leaves nothing to build."""
        if not isinstance(value, dict):
            self.refuse("InvalidRequestFormat", f"{path} must be an object, not {_describe(value)}.", path)
            return None
        specs, found, sound = fields(model), {}, True
        for name, item in value.items():
            spec = specs.get(name.lower())
            if spec is None:
                self._undeclared(name, model, path)
            elif item is not None and not spec.ignored_on_input and not _blank(spec, item):
                found[spec.attribute] = self._field(spec, item, f"{path}.{spec.wire}")
        for spec in specs.values():
            if spec.required and spec.attribute not in found:
                self.refuse("InvalidRequestFormat", f"{path}.{spec.wire} is required.", f"{path}.{spec.wire}")
                sound = False
        kept = {k: v for k, v in found.items() if v is not _ABSENT}
        if any(s.required and s.attribute not in kept for s in specs.values()):
            sound = False
        return model(**kept) if sound else None

    def _undeclared(self, name: str, model: type, path: str) -> None:
        # The protocol shows it on every resource and child, so every body may carry it back.
        if name.lower() != "provisioningstate":
            self.refuse("InvalidRequestFormat", _unknown(name, model, path), f"{path}.{name}")

    def _field(self, spec: FieldSpec, value: Any, path: str) -> Any:
        result = self.value(spec.shape, value, path, spec.code)
        if spec.bounds is not None and result is not _ABSENT:
            self._bounded(spec.bounds, result, path)
        if spec.targets is not None and result is not _ABSENT:
            self._targeted(spec.targets, result, path)
        if UNSUPPORTED.name in spec.markers and result not in (_ABSENT, spec.default) and (spec.default or result):
            self.refuse("FeatureNotSupported", f"{path} is not supported here: the lab does not act on it.", path)
        return result

    def _targeted(self, kind: str, result: Ref | tuple[Ref, ...], path: str) -> None:
        for ref in (result,) if isinstance(result, Ref) else result:
            if ref.target.kind.lower() != kind.lower():
                message = (
                    f"Reference Id {ref.id} is referencing resource of a wrong type. The Id is expected to reference "
                    f"resources of type {kind.partition('/')[2]}. Path {path}."
                )
                self.refuse("InvalidJsonReferenceWrongType", message, path)

    def _bounded(self, bounds: Bounds, value: Any, path: str) -> None:
        size = value if isinstance(value, int | float) else len(value)
        if not bounds.low <= size <= bounds.high:
            what = "Value" if isinstance(value, int | float) else "Length"
            message = f"{what} provided for {path}: {size}. Allowed range {bounds.low}-{bounds.high}."
            self.refuse("InvalidParameter", message, path)

    def value(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        """The typed value, or a private marker of absence after a violation."""
        return getattr(self, f"_{shape.kind}")(shape, value, path, code)

    def _wrong(self, expected: str, value: Any, path: str, code: str | None) -> Any:
        self.refuse(code or "InvalidRequestFormat", f"{path}: {_describe(value)} is not {expected}.", path)
        return _ABSENT

    def _str(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self._wrong("a string", value, path, code)
        return str(value)

    def _int(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            return self._wrong("a whole number", value, path, code)
        return int(value)

    def _float(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._wrong("a number", value, path, code)
        return float(value)

    def _bool(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        return value if isinstance(value, bool) else self._wrong("true or false", value, path, code)

    def _literal(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if isinstance(value, str):
            for choice in shape.choices:
                if str(choice).lower() == value.lower():
                    return choice
        return self._wrong("one of " + ", ".join(map(str, shape.choices)), value, path, code)

    def _address(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        return self._parsed(ip_address, shape, "an IP address", value, path, code or "InvalidIPAddressFormat")

    def _network(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        expected = "a CIDR prefix with no host bits set"
        return self._parsed(ip_network, shape, expected, value, path, code or "InvalidCIDRNotation")

    def _parsed(
        self, parse: Callable[[str], Any], shape: Shape, expected: str, value: Any, path: str, code: str
    ) -> Any:
        try:
            result = parse(value) if isinstance(value, str) else None
        except ValueError:
            result = None
        if result is None or (shape.python is not None and not isinstance(result, shape.python)):
            return self._wrong(expected, value, path, code)
        return result

    def _ref(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if shape.python is Link:
            return self._link(value, path, code)
        text = value.get("id", value.get("Id")) if isinstance(value, dict) else None
        try:
            if not isinstance(text, str):
                raise ValueError(text)
            return Ref(ResourceId.parse(text).text)
        except ValueError:
            return self._wrong('a reference {"id": "<resource id>"}', value, path, code or "LinkedInvalidPropertyId")

    def _link(self, value: Any, path: str, code: str | None) -> Any:
        try:
            return Link(ResourceId.parse(value if isinstance(value, str) else "").text)
        except ValueError:
            return self._wrong("a resource id", value, path, code or "LinkedInvalidPropertyId")

    def _model(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        result = self.model(shape.python, value, path)
        return _ABSENT if result is None else result

    def _map(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        return value if isinstance(value, dict) else self._wrong("an object", value, path, code)

    def _any(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        return value

    def _list(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if not isinstance(value, list):
            return self._wrong("a list", value, path, None)
        assert shape.item is not None
        items = [self.value(shape.item, v, f"{path}[{i}]", code) for i, v in enumerate(value)]
        if shape.item.kind == "child":
            self._distinct(items, path)
        return tuple(i for i in items if i is not _ABSENT)

    def _distinct(self, items: list[Any], path: str) -> None:
        seen: set[str] = set()
        for index, item in enumerate(items):
            if item is not _ABSENT and item.name.lower() in seen:
                message = f"The name {item.name} is used more than once in {path}."
                self.refuse("DuplicateResourceName", message, f"{path}[{index}].name")
            seen.add("" if item is _ABSENT else item.name.lower())

    def _child(self, shape: Shape, value: Any, path: str, code: str | None) -> Any:
        if not isinstance(value, dict):
            return self._wrong("an object with a name", value, path, code)
        members = {k.lower(): v for k, v in value.items() if v is not None}
        for name in value:
            if name.lower() not in _ECHOED | {"name", "properties", "zones"}:
                self.refuse("InvalidRequestFormat", _unknown(name, Child, path), f"{path}.{name}")
        name = members.get("name")
        if name is None and isinstance(members.get("id"), str):
            name = members["id"].rsplit("/", 1)[-1]
        if not isinstance(name, str) or not _CHILD_NAME.fullmatch(name):
            self.refuse("InvalidResourceName", invalid_name(name), f"{path}.name")
            return _ABSENT
        properties = self.model(shape.python, members.get("properties", {}), f"{path}.properties")
        zones = self._list(_ZONES, members.get("zones", []), f"{path}.zones", code)
        zones = () if zones is _ABSENT else zones
        return _ABSENT if properties is None else Child(name, properties, zones)


def _blank(spec: FieldSpec, item: Any) -> bool:
    """What some clients write for nothing: ``""`` for an address or prefix, ``{}`` or ``{"id": null}`` for a reference.

    Exported templates are full of the first.
    """
    if spec.shape.kind == "ref" and isinstance(item, dict):
        return not spec.required and all(k.lower() == "id" and v is None for k, v in item.items())
    return item == "" and spec.shape.kind in ("address", "network")


def invalid_name(name: Any) -> str:
    """Azure's sentence about a name it refuses."""
    return (
        f"Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word "
        "character, and it must end with a word character or with '_'. The name may contain word characters or "
        "'.', '-', '_'."
    )


def _unknown(name: str, model: type, path: str) -> str:
    return f"Could not find member '{name}' on object of type '{model.__name__}'. Path '{path}.{name}'."


def _describe(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else f"'{str(value)[:80]}'"


def encode(value: Any, *, secrets: bool = False) -> Any:
    """The wire form of typed properties; absent values are left out. *secrets* keeps secret ones (for the store)."""
    if isinstance(value, msgspec.Struct):
        if isinstance(value, Ref):
            return value.id if isinstance(value, Link) else {"id": value.id}
        return {
            wire: encode(item, secrets=secrets)
            for wire, item, secret in _members(value)
            if item is not None and (secrets or not secret)
        }
    if isinstance(value, tuple | list):
        return [encode(v, secrets=secrets) for v in value]
    if isinstance(value, IPv4Address | IPv6Address | IPv4Network | IPv6Network):
        return str(value)
    return value


def _members(value: msgspec.Struct) -> Iterator[tuple[str, Any, bool]]:
    for wire, attribute, secret, drop_empty in _layout(type(value)):
        item = getattr(value, attribute)
        if not (drop_empty and not item):
            yield wire, item, secret


@cache
def _layout(model: type) -> tuple[tuple[str, str, bool, bool], ...]:
    if model is Child:
        return (
            ("name", "name", False, False),
            ("properties", "properties", False, False),
            ("zones", "zones", False, True),
        )
    return tuple(
        (s.wire, s.attribute, SECRET.name in s.markers, bool(s.markers & {READ_ONLY.name, OMITTED_WHEN_EMPTY.name}))
        for s in fields(model).values()
    )


def carry_over(model: type, sent: Any, stored: Any) -> dict[str, Any]:
    """The assigned and secret values of *stored*: what a PUT that leaves them out must not lose."""
    kept = {}
    for spec in fields(model).values():
        if ASSIGNED.name in spec.markers or (SECRET.name in spec.markers and getattr(sent, spec.attribute) is None):
            kept[spec.attribute] = getattr(stored, spec.attribute)
    return kept
