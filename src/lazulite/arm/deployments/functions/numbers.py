"""Arithmetic. Results: "Numeric functions for ARM templates"; division and remainder follow the dividend's sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Any, TypeVar

from lazulite.arm.deployments.expressions import ExpressionError

N = TypeVar("N", bound=int | float)

_LARGEST = 2**63 - 1


def _checked(value: N) -> N:
    if not (-_LARGEST - 1 <= value <= _LARGEST if isinstance(value, int) else isfinite(value)):
        raise ExpressionError("The number does not fit into 64 bits.")
    return value


def add(one: int | float, other: int | float) -> int | float:
    return _checked(one + other)


def sub(one: int | float, other: int | float) -> int | float:
    return _checked(one - other)


def mul(one: int | float, other: int | float) -> int | float:
    return _checked(one * other)


def div(dividend: int, divisor: int) -> int:
    if divisor == 0:
        raise ExpressionError("Attempted to divide by zero.")
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) is (divisor < 0) else -quotient


def mod(dividend: int, divisor: int) -> int:
    return dividend - divisor * div(dividend, divisor)


def int_(value: str | int | float) -> int:
    try:
        return _checked(int(value))
    except (ValueError, OverflowError):
        raise ExpressionError(f"The value '{str(value)[:80]}' can not be read as an integer.") from None


def float_(value: str | int | float) -> float:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = inf
    if not isfinite(number):
        raise ExpressionError(f"The value '{str(value)[:80]}' can not be read as a number.")
    return number


def _numbers(name: str, values: tuple[Any, ...]) -> list[int]:
    numbers = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    if not numbers or not all(type(n) in (int, float) for n in numbers):
        raise ExpressionError(f"The template language function '{name}' takes integers or an array of integers.")
    return list(numbers)


def min_(*values: Any) -> int:
    return min(_numbers("min", values))


def max_(*values: Any) -> int:
    return max(_numbers("max", values))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": add,
    "div": div,
    "float": float_,
    "int": int_,
    "max": max_,
    "min": min_,
    "mod": mod,
    "mul": mul,
    "sub": sub,
}
