"""Comparison and logic. Results: "Comparison functions" and "Logical functions for ARM templates".

``if``, ``and``, ``or`` and ``coalesce`` are part of the language, not of this table: they evaluate no more of
their arguments than they need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazulite.arm.deployments.expressions import ExpressionError


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: ``true`` is not 1, and strings heed case."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(v, other[k]) for k, v in one.items())
    return bool(one == other)


def identity(value: Any) -> Any:
    """Hashable, and equal for values that are the same."""
    if isinstance(value, list):
        return "list", tuple(map(identity, value))
    if isinstance(value, dict):
        return "dict", frozenset((k, identity(v)) for k, v in value.items())
    return ("bool" if isinstance(value, bool) else "value"), value


def bool_(value: str | int | bool) -> bool:
    if not isinstance(value, str):
        return bool(value)
    if value.lower() not in ("true", "false", "1", "0"):
        raise ExpressionError(f"The value '{value[:80]}' can not be read as a boolean.")
    return value.lower() in ("true", "1")


def not_(value: bool) -> bool:
    return not value


def _ordered(one: Any, other: Any) -> None:
    if isinstance(one, str) is not isinstance(other, str):
        raise ExpressionError("Only two numbers or two strings can be compared.")


def less(one: int | float | str, other: int | float | str) -> bool:
    _ordered(one, other)
    return one < other  # type: ignore[operator]


def less_or_equals(one: int | float | str, other: int | float | str) -> bool:
    _ordered(one, other)
    return one <= other  # type: ignore[operator]


def greater(one: int | float | str, other: int | float | str) -> bool:
    return less(other, one)


def greater_or_equals(one: int | float | str, other: int | float | str) -> bool:
    return less_or_equals(other, one)


def true() -> bool:
    return True


def false() -> bool:
    return False


def null() -> None:
    return None


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "bool": bool_,
    "equals": same,
    "false": false,
    "greater": greater,
    "greaterorequals": greater_or_equals,
    "less": less,
    "lessorequals": less_or_equals,
    "not": not_,
    "null": null,
    "true": true,
}
