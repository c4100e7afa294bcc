"""What parameters, outputs and user-defined types declare about values, and whether a value keeps to it.

Source: "Parameters in ARM templates", "Understand the structure and syntax of ARM templates" (definitions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from lazulite.arm.deployments.evaluation import invalid_template
from lazulite.arm.deployments.functions.logic import same
from lazulite.arm.deployments.functions.signature import json_type
from lazulite.arm.deployments.functions.texts import text

Declared: TypeAlias = Mapping[str, Any]
Definitions: TypeAlias = Mapping[str, Any]

_TYPES: Mapping[str, tuple[str, type]] = {
    "string": ("String", str),
    "securestring": ("SecureString", str),
    "int": ("Int", int),
    "bool": ("Bool", bool),
    "array": ("Array", list),
    "object": ("Object", dict),
    "secureobject": ("SecureObject", dict),
}
"""Folded type: how an answer spells it, and the JSON type of its values."""
_LINK = "#/definitions/"


def type_name(declared: Declared, where: str) -> str:
    """The type as an answer spells it: ``String``, ``SecureObject`` …"""
    name = str(declared.get("type", "")).lower()
    if name not in _TYPES:
        raise invalid_template(f"The type '{declared.get('type')}' of {where} is not valid.")
    return _TYPES[name][0]


def is_secure(declared: Declared) -> bool:
    return str(declared.get("type", "")).lower().startswith("secure")


def resolved(declared: Declared, definitions: Definitions, where: str) -> Declared:
    """*declared* with the definitions that it refers to laid under it, what it says itself winning."""
    for _ in range(len(definitions) + 1):
        link = declared.get("$ref")
        if link is None:
            return declared
        definition = definitions.get(str(link).removeprefix(_LINK))
        if not isinstance(definition, dict):
            raise invalid_template(f"The type '{link}' of {where} is not defined.")
        declared = definition | {k: v for k, v in declared.items() if k != "$ref"}
    raise invalid_template(f"The type of {where} is defined by itself.")


def check(name: str, declared: Declared, value: Any, definitions: Definitions) -> None:
    """Raise :class:`ArmError` (``InvalidTemplate``) when *value* of the parameter, or member, *name* does not fit."""
    declared = resolved(declared, definitions, f"the template parameter '{name}'")
    shown, python = _TYPES[type_name(declared, f"the template parameter '{name}'").lower()]
    if value is None:
        return
    if not _is(python, value):
        raise invalid_template(
            f"Template parameter '{name}' was provided an invalid value. Expected a value of type '{shown}', "
            f"but received a value of type '{json_type(value)}'."
        )
    _check_allowed(name, declared, value)
    _check_limits(name, declared, value)
    for inner, schema, item in members(name, declared, value, definitions):
        if item is None and resolved(schema, definitions, f"'{inner}'").get("nullable") is not True:
            raise invalid_template(f"The value for '{inner}' of the template parameter is not provided.")
        check(inner, schema, item, definitions)


def members(name: str, declared: Declared, value: Any, definitions: Definitions) -> Iterator[tuple[str, Declared, Any]]:
    """``(path, declaration, value)`` of every part of *value* whose type is declared; absent ones are ``None``."""
    if isinstance(value, dict):
        yield from _properties(name, _chosen(name, declared, value, definitions), value)
    elif isinstance(value, list):
        yield from _items(name, declared, value)


def _properties(name: str, declared: Declared, value: Mapping[str, Any]) -> Iterator[tuple[str, Declared, Any]]:
    properties = declared.get("properties") or {}
    given = {key.lower(): item for key, item in value.items()}
    for key, schema in properties.items():
        yield f"{name}.{key}", schema, given.get(key.lower())
    others = declared.get("additionalProperties")
    known = {key.lower() for key in properties}
    for key in (k for k in value if k.lower() not in known):
        if others is False:
            raise invalid_template(f"The type of the template parameter '{name}' does not allow the property '{key}'.")
        if isinstance(others, dict) and value[key] is not None:
            yield f"{name}.{key}", others, value[key]


def _items(name: str, declared: Declared, value: list[Any]) -> Iterator[tuple[str, Declared, Any]]:
    first = declared.get("prefixItems") or []
    rest = declared.get("items")
    if rest is False and len(value) > len(first):
        raise invalid_template(f"The template parameter '{name}' has more than {len(first)} elements.")
    for index, item in enumerate(value):
        schema = first[index] if index < len(first) else rest
        if isinstance(schema, dict):
            yield f"{name}[{index}]", schema, item


def _chosen(name: str, declared: Declared, value: Mapping[str, Any], definitions: Definitions) -> Declared:
    """The member of a discriminated union that *value* says it is; any other type as it stands."""
    choice = declared.get("discriminator")
    if not isinstance(choice, dict):
        return declared
    key, mapping = str(choice.get("propertyName")), choice.get("mapping") or {}
    schema = mapping.get(value.get(key)) if isinstance(value.get(key), str) else None
    if not isinstance(schema, dict):
        choices = ", ".join(f"'{m}'" for m in mapping)
        raise invalid_template(f"The property '{key}' of the template parameter '{name}' must be one of {choices}.")
    return resolved(schema, definitions, f"'{name}'")


def secure_values(name: str, declared: Declared, value: Any, definitions: Definitions) -> Iterator[Any]:
    """Every secure value in *value*, which has been checked."""
    declared = resolved(declared, definitions, f"'{name}'")
    if value is None:
        return
    if is_secure(declared):
        yield value
        return
    for inner, schema, item in members(name, declared, value, definitions):
        yield from secure_values(inner, schema, item, definitions)


_LIMITS: Mapping[str, tuple[tuple[type, ...], Callable[[Any, int], bool]]] = {
    "minValue": ((int, float), lambda value, low: value >= low),
    "maxValue": ((int, float), lambda value, high: value <= high),
    "minLength": ((str, list), lambda value, low: len(value) >= low),
    "maxLength": ((str, list), lambda value, high: len(value) <= high),
}
"""Of which JSON types a limit speaks, and whether a value is within it."""


def _check_limits(name: str, declared: Declared, value: Any) -> None:
    for limit, (kinds, holds) in _LIMITS.items():
        if isinstance(declared.get(limit), int) and isinstance(value, kinds) and not holds(value, declared[limit]):
            raise invalid_template(
                f"The provided value{_shown(declared, value)} for the template parameter '{name}' is not valid: "
                f"its '{limit}' is '{declared[limit]}'."
            )


def _is(expected: type, value: Any) -> bool:
    if expected is int:
        return type(value) is int or (isinstance(value, float) and value.is_integer())
    return isinstance(value, expected)


def _check_allowed(name: str, declared: Declared, value: Any) -> None:
    """An array may hold any of the allowed values, unless arrays are what is allowed."""
    allowed = declared.get("allowedValues")
    if not isinstance(allowed, list) or any(same(value, a) for a in allowed):
        return
    if isinstance(value, list) and all(any(same(v, a) for a in allowed) for v in value):
        return
    raise invalid_template(
        f"The provided value{_shown(declared, value)} for the template parameter '{name}' is not valid. "
        f"The parameter value is not part of the allowed value(s): '{','.join(map(text, allowed))}'."
    )


def _shown(declared: Declared, value: Any) -> str:
    return "" if is_secure(declared) else f" '{text(value)}'"
