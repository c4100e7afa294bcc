"""Calls a template function: how many values it takes and of what JSON type is what its annotations say."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from lazulite.arm.deployments.expressions import ExpressionError
from lazulite.arm.deployments.frame import Frame, Lambda

_NAMES = {
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    list: "Array",
    dict: "Object",
    type(None): "Null",
    Lambda: "Lambda",
}
"""Azure's words for the JSON types, as its messages print them."""


class Signature(msgspec.Struct, frozen=True):
    """``types`` of the positional parameters, ``rest`` of those beyond; an empty tuple takes anything."""

    required: int
    types: tuple[tuple[type, ...], ...]
    rest: tuple[type, ...] | None
    framed: bool
    """The function wants the frame as its first argument."""


def json_type(value: Any) -> str:
    """Azure's word for the type of *value*."""
    return _NAMES.get(type(value), "Object")


def invoke(name: str, function: Callable[..., Any], arguments: Sequence[Any], frame: Frame) -> Any:
    """The result of *function*. Raises :class:`ExpressionError` when the arguments do not fit it."""
    shape = signature(function)
    _check_count(name, shape, len(arguments))
    for index, value in enumerate(arguments):
        expected = shape.types[index] if index < len(shape.types) else shape.rest or ()
        if expected and type(value) not in expected:
            wanted = ", ".join(_NAMES[t] for t in expected)
            raise ExpressionError(
                f"The template language function '{name}' expects parameter {index + 1} to be of type '{wanted}'. "
                f"The provided value is of type '{json_type(value)}'."
            )
    return function(frame, *arguments) if shape.framed else function(*arguments)


def _check_count(name: str, shape: Signature, count: int) -> None:
    low, high = shape.required, len(shape.types)
    if count < low or (count > high and shape.rest is None):
        limits = f"at least {low}" if shape.rest is not None else f"{low}" if low == high else f"{low} to {high}"
        raise ExpressionError(
            f"The template language function '{name}' takes {limits} parameter(s); the expression gives {count}."
        )


@cache
def signature(function: Callable[..., Any]) -> Signature:
    """What *function* takes, from its annotations."""
    hints = get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())
    framed = bool(parameters) and hints.get(parameters[0].name) is Frame
    parameters = parameters[1:] if framed else parameters
    named = [p for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL]
    rest = next((_accepted(hints[p.name]) for p in parameters if p not in named), None)
    required = sum(p.default is inspect.Parameter.empty for p in named)
    return Signature(required, tuple(_accepted(hints[p.name]) for p in named), rest, framed)


def _accepted(hint: Any) -> tuple[type, ...]:
    if hint is Any:
        return ()
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(t for part in get_args(hint) for t in _accepted(part))
    return (get_origin(hint) or hint,)
