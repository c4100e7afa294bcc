"""Parameters: what a deployment gives for what its template declares.

Source: "Parameters in ARM templates"; the sentences are those of recorded answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lazulite.arm.deployments.evaluation import invalid_template, located, resolve
from lazulite.arm.deployments.frame import Frame
from lazulite.arm.deployments.secrets import hide
from lazulite.arm.deployments.template import Template
from lazulite.arm.deployments.types import check, is_secure, resolved, secure_values, type_name
from lazulite.arm.deployments.vaulted import references


class Bound(msgspec.Struct, frozen=True):
    """The values of all parameters."""

    values: Mapping[str, Any]
    """By folded name."""
    echo: Mapping[str, Any]
    """As the deployment shows them: ``{name: {type, value}}``, secure ones without their value, and those from a key
    vault with their ``reference`` instead."""
    secrets: tuple[Any, ...]
    """Values of the secure parameters, which no answer may show."""


def bind(template: Template, given: Any, frame: Frame) -> Bound:
    """The values that *given* and the defaults make, checked. Raises ``InvalidTemplate``.

    *frame* is what defaults can see: scope functions, ``utcNow`` and ``newGuid``.
    """
    sent = _sent(template, given)
    definitions = template.definitions
    declarations = {
        name: resolved(declared, definitions, f"the template parameter '{name}'")
        for name, declared in template.parameters.items()
    }
    values = _Values(declarations, sent, frame)
    kept = {name.lower(): reference for name, reference in references(given)}
    secrets: list[Any] = []
    for name, declared in declarations.items():
        value = values[name.lower()]
        check(name, declared, value, definitions)
        secrets += (v for v in secure_values(name, declared, value, definitions) if v)
        secrets += [value] if name.lower() in kept else []
    echo = {
        name: _echo(name, declared, values[name.lower()], tuple(secrets))
        if name.lower() not in kept
        else _type(name, declared) | {"reference": kept[name.lower()]}
        for name, declared in declarations.items()
    }
    return Bound(dict(values), echo, tuple(secrets))


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
    return entry.get("value")


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
                value = resolve(declared["defaultValue"], self._frame)
                self._frame.budget.made(value)
                return value
        if declared.get("nullable") is True:
            return None
        raise invalid_template(f"The value for the template parameter '{name}' is not provided.")


def _echo(name: str, declared: Mapping[str, Any], value: Any, secrets: tuple[Any, ...]) -> dict[str, Any]:
    shown = {} if is_secure(declared) else {"value": hide(value, secrets)}
    return _type(name, declared) | shown


def _type(name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": type_name(declared, f"the template parameter '{name}'")}
