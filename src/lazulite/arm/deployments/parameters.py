"""Parameters: what a deployment gives for what its template declares.

Source: "Parameters in ARM templates"; the sentences are those of recorded answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.deployments.evaluation import invalid_template, located, resolve
from lazulite.arm.deployments.frame import Frame
from lazulite.arm.deployments.functions.logic import same
from lazulite.arm.deployments.functions.signature import json_type
from lazulite.arm.deployments.functions.texts import text
from lazulite.arm.deployments.template import Template
from lazulite.arm.errors import ArmError

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


class Bound(msgspec.Struct, frozen=True):
    """The values of all parameters."""

    values: Mapping[str, Any]
    """By folded name."""
    echo: Mapping[str, Any]
    """As the deployment shows them: ``{name: {type, value}}``, secure ones without their value."""
    secrets: tuple[Any, ...]
    """Values of the secure parameters, which no answer may show."""


def type_name(declared: Mapping[str, Any], where: str) -> str:
    """The type as an answer spells it: ``String``, ``SecureObject`` …"""
    name = str(declared.get("type", "")).lower()
    if name not in _TYPES:
        raise invalid_template(f"The type '{declared.get('type')}' of {where} is not valid.")
    return _TYPES[name][0]


def is_secure(declared: Mapping[str, Any]) -> bool:
    return str(declared.get("type", "")).lower().startswith("secure")


def bind(template: Template, given: Any, frame: Frame) -> Bound:
    """The values that *given* and the defaults make, checked. Raises :class:`ArmError` (``InvalidTemplate``).

    *frame* is what defaults can see: scope functions, ``utcNow`` and ``newGuid``.
    """
    sent = _sent(template, given)
    declarations = {name: _declaration(template, name) for name in template.parameters}
    values = _Values(declarations, sent, frame)
    for name, declared in declarations.items():
        _check(name, declared, values[name.lower()])
    echo = {name: _echo(name, d, values[name.lower()]) for name, d in declarations.items()}
    secrets = tuple(values[n.lower()] for n, d in declarations.items() if is_secure(d) and values[n.lower()])
    return Bound(dict(values), echo, secrets)


def _sent(template: Template, given: Any) -> Mapping[str, Any]:
    """Values by folded name; those that are null are as good as absent."""
    if not isinstance(given, dict | None):
        raise invalid_template("The parameters are not an object.")
    known = {name.lower() for name in template.parameters}
    unknown = [name for name in given or () if name.lower() not in known]
    if unknown:
        raise invalid_template(
            f"The template parameters '{', '.join(unknown)}' in the parameters file are not valid; they are not "
            "present in the original template and can therefore not be provided at deployment time. "
            f"The only supported parameters for this template are '{', '.join(template.parameters)}'."
        )
    values = {name.lower(): _value(name, entry) for name, entry in (given or {}).items()}
    return {name: value for name, value in values.items() if value is not None}


def _value(name: str, entry: Any) -> Any:
    if not isinstance(entry, dict):
        raise invalid_template(f"The parameter '{name}' is not an object with a value.")
    if entry.get("reference") is not None:
        message = f"The parameter '{name}' refers to a key vault. The lab has none: give the value itself."
        raise ArmError(400, "KeyVaultParameterReferenceNotFound", message)
    return entry.get("value")


def _declaration(template: Template, name: str) -> Mapping[str, Any]:
    """What declares the parameter, with the type definition it refers to laid under it."""
    declared = template.parameters[name]
    for _ in template.definitions:
        link = declared.get("$ref")
        if link is None:
            break
        definition = template.definitions.get(str(link).removeprefix("#/definitions/"))
        if not isinstance(definition, dict):
            raise invalid_template(f"The type '{link}' of the template parameter '{name}' is not defined.")
        declared = definition | {k: v for k, v in declared.items() if k != "$ref"}
    return declared


class _Values(Mapping[str, Any]):
    """Values by folded name; defaults are evaluated when they are first asked for, since they name each other."""

    def __init__(self, declarations: Mapping[str, Mapping[str, Any]], sent: Mapping[str, Any], frame: Frame) -> None:
        self._declarations = {name.lower(): (name, declared) for name, declared in declarations.items()}
        self._values = dict(sent)
        self._frame = msgspec.structs.replace(frame, parameters=self)
        self._open: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            name, declared = self._declarations[key]
            if key in self._open:
                raise invalid_template(f"The default value of the template parameter '{name}' refers to itself.")
            self._open.add(key)
            self._values[key] = self._default(name, declared)
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._declarations

    def __iter__(self) -> Iterator[str]:
        return iter(self._declarations)

    def __len__(self) -> int:
        return len(self._declarations)

    def _default(self, name: str, declared: Mapping[str, Any]) -> Any:
        if "defaultValue" in declared:
            with located(f"the default value of the parameter '{name}'"):
                return resolve(declared["defaultValue"], self._frame)
        if declared.get("nullable") is True:
            return None
        raise invalid_template(f"The value for the template parameter '{name}' is not provided.")


def _check(name: str, declared: Mapping[str, Any], value: Any) -> None:
    expected = _TYPES[type_name(declared, f"the template parameter '{name}'").lower()]
    if value is None:
        return
    if not _is(expected[1], value):
        raise invalid_template(
            f"Template parameter '{name}' was provided an invalid value. Expected a value of type '{expected[0]}', "
            f"but received a value of type '{json_type(value)}'."
        )
    _check_allowed(name, declared, value)
    for limit in _LIMITS:
        kinds, holds = _LIMITS[limit]
        if isinstance(declared.get(limit), int) and isinstance(value, kinds) and not holds(value, declared[limit]):
            shown = "" if is_secure(declared) else f" '{text(value)}'"
            raise invalid_template(
                f"The provided value{shown} for the template parameter '{name}' is not valid: "
                f"its '{limit}' is '{declared[limit]}'."
            )


_LIMITS: Mapping[str, tuple[tuple[type, ...], Callable[[Any, int], bool]]] = {
    "minValue": ((int, float), lambda value, low: value >= low),
    "maxValue": ((int, float), lambda value, high: value <= high),
    "minLength": ((str, list), lambda value, low: len(value) >= low),
    "maxLength": ((str, list), lambda value, high: len(value) <= high),
}
"""Of which JSON types a limit speaks, and whether a value is within it."""


def _is(expected: type, value: Any) -> bool:
    if expected is int:
        return type(value) is int or (isinstance(value, float) and value.is_integer())
    return isinstance(value, expected)


def _check_allowed(name: str, declared: Mapping[str, Any], value: Any) -> None:
    """An array may hold any of the allowed values, unless arrays are what is allowed."""
    allowed = declared.get("allowedValues")
    if not isinstance(allowed, list) or any(same(value, a) for a in allowed):
        return
    if isinstance(value, list) and all(any(same(v, a) for a in allowed) for v in value):
        return
    shown = "" if is_secure(declared) else f" '{text(value)}'"
    raise invalid_template(
        f"The provided value{shown} for the template parameter '{name}' is not valid. "
        f"The parameter value is not part of the allowed value(s): '{','.join(map(text, allowed))}'."
    )


def _echo(name: str, declared: Mapping[str, Any], value: Any) -> dict[str, Any]:
    kind = type_name(declared, f"the template parameter '{name}'")
    return {"type": kind} if is_secure(declared) else {"type": kind, "value": value}
